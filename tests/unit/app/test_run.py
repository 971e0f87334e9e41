"""What the demonstration's status line says of settlement."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchange.app.run import settled_text
from exchange.app.settled import batch_object
from settlement.status import BatchStatus

STATUS = BatchStatus(8, 80, 90, 12, 5, 500, 1, "ab" * 32, "built", "calldata")
ON_THE_L1 = msgspec.structs.replace(
    STATUS, batch_id=7, state="posted", fills=20, bytes=600, gas=112_000, l1_tx="0x77", l1_block=5, wei="9"
)
WITHOUT_FILLS = msgspec.structs.replace(ON_THE_L1, fills=0, layer="blobs", blob_gas=131_072, state="final")
OF_THE_MOCK = msgspec.structs.replace(STATUS, batch_id=4, state="confirmed", layer="")
BUILT, POSTED = batch_object(STATUS), batch_object(ON_THE_L1)


def told(*batches: dict[str, Any], **more: Any) -> str:
    usual = {"final_batch": 3, "waiting_batches": 1, "settlement_alarm": ""}
    return settled_text({"batches": list(batches), **usual, **more})


@pytest.mark.parametrize(
    ("text", "batches"),
    [
        ("no batch yet", ()),
        ("batch 7 posted calldata 20 fills 30.0 B/fill 5,600 gas/fill  final to 3", (BUILT, POSTED)),
        ("batch 8 built calldata 5 fills 100.0 B/fill  final to 3", (BUILT,)),
        ("batch 7 final blobs 600 B 112,000 gas 131,072 blob gas  final to 3",
         (batch_object(WITHOUT_FILLS),)),
        ("batch 4 confirmed root ababababab…", (batch_object(OF_THE_MOCK),)),
    ],
)  # fmt: skip
def test_the_newest_batch_on_the_l1_is_shown(text: str, batches: tuple[dict[str, Any], ...]) -> None:
    assert told(*batches) == text


def test_what_waits_and_what_is_wrong_is_shown() -> None:
    assert told(POSTED, waiting_batches=9).endswith("final to 3  9 wait")
    assert told(POSTED, settlement_alarm="the figures differ").endswith("ALARM the figures differ")
