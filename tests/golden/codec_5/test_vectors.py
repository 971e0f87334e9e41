"""Both decoders read the vectors of codec 5."""

from __future__ import annotations

import json
from typing import Any

import pytest

from settlement.coding.anchors import Anchors
from settlement.coding.dictionary import Dictionaries
from settlement.coding.fills import Step
from settlement.coding.lanes import decode_chunks
from settlement.coding.other import decode_steps
from settlement.coding.payload import OTHER_CHUNK, unpack
from settlement.coding.plain import Extent, Setting, decode_chunk
from settlement.coding.tables import parse
from tests.golden.codec_5.make_vectors import VECTORS

KNOWN: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))


def setting_of(batch: dict[str, Any]) -> Setting:
    dictionaries = Dictionaries()
    for number, lists in enumerate(batch["dictionaries"]):
        for kind, ids in lists:
            dictionaries.lists[number][kind] = ids
    return Setting(parse(bytes.fromhex(batch["tables"])), dictionaries, Anchors.of(batch["anchors"]))


@pytest.mark.parametrize("batch", KNOWN["batches"], ids=["first", "second", "odd first", "odd second"])
def test_fill_chunks(batch: dict[str, Any]) -> None:
    setting = setting_of(batch)
    extents = [Extent(one["number"], one["steps"], one["first_trade_id"]) for one in batch["chunks"]]
    chunks = [bytes.fromhex(one["data"]) for one in batch["chunks"]]
    rows = [Step._make(row) for row in batch["rows"]]
    plain = [
        row
        for data, extent in zip(chunks, extents, strict=True)
        for row in decode_chunk(data, extent, setting)
    ]
    assert plain == rows
    assert decode_chunks(chunks, extents, setting).rows() == rows


def test_other_chunks() -> None:
    found = decode_steps(bytes.fromhex(KNOWN["others"]["data"]), len(KNOWN["others"]["steps"]))
    assert [step.pack().hex() for step in found] == KNOWN["others"]["steps"]
    assert [step.payload.hex() for step in found if step.payload] == KNOWN["others"]["terms"]


def test_a_payload() -> None:
    odd = KNOWN["batches"][3]
    payload = unpack(bytes.fromhex(KNOWN["payload"]))
    assert payload.tables.hex() == odd["tables"]
    assert [entry.data.hex() for entry in payload.entries[:-1]] == [one["data"] for one in odd["chunks"]]
    assert payload.entries[-1].kind == OTHER_CHUNK
