"""Requests for quotes and combos: a request names the book its legs have, and combos are no legs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateway.combo_rig import FAR, HIGHER, SPREAD, STRADDLE, ComboRig, legs, spread
from tests.unit.gateway.rfq_rig import accepted
from tests.unit.gateway.rig import ETH_PERPETUAL, OPTION, PERPETUAL, PUT, CallFailed


@pytest.fixture
def rig() -> ComboRig:
    return ComboRig().open()


@pytest.mark.parametrize(
    ("asked", "book"),
    [
        (legs((OPTION, 100), (HIGHER, -100)), SPREAD),
        (legs((HIGHER, 100), (OPTION, -100)), SPREAD),  # the same book, sold
        (legs((PUT, 150), (OPTION, 150)), STRADDLE),
        (legs((OPTION, 100)), OPTION),
        ([{"instrument_name": PERPETUAL, "amount": 1, "direction": "sell"}], PERPETUAL),
        (legs((OPTION, 100), (FAR, -300)), None),  # no code for it
        (legs((OPTION, 200), (HIGHER, -300)), None),
        ([*legs((OPTION, 100)), {"instrument_name": PERPETUAL, "amount": 1, "direction": "sell"}], None),
        ([*legs((OPTION, 100)), {"instrument_name": ETH_PERPETUAL, "amount": 1, "direction": "buy"}], None),
    ],
)
def test_a_request_names_the_book_of_its_legs(rig: ComboRig, asked: Any, book: str | None) -> None:
    taker = rig.main()
    taker.call("private/subscribe", channels=["block_rfq.taker.any"])
    made = taker.call("private/create_block_rfq", legs=asked)
    (told,) = taker.taken("block_rfq.taker.any")
    (listed,) = taker.call("private/get_block_rfqs")["block_rfqs"]
    assert [each.get("combo_id") for each in (made, told, listed)] == [book] * 3


def test_a_combo_that_is_listed_without_a_code_of_its_own_is_named(rig: ComboRig) -> None:
    taker = rig.main()
    odd = legs((OPTION, 100), (FAR, -300))
    combo = taker.call("private/create_combo", trades=odd)["id"]
    assert combo.startswith("BTC_USDC-CMB-")
    assert taker.call("private/create_block_rfq", legs=odd)["combo_id"] == combo


def test_makers_and_the_public_read_the_name_too(rig: ComboRig) -> None:
    taker, maker, listener = rig.main(), rig.main(name="bob"), rig.connect()
    maker.call("private/subscribe", channels=["block_rfq.maker.any"])
    listener.call("public/subscribe", channels=["block_rfq.trades.any"])
    rfq = taker.call("private/create_block_rfq", legs=legs((OPTION, 100), (HIGHER, -100)))
    named = [
        {"instrument_name": OPTION, "direction": "buy", "ratio": 1},
        {"instrument_name": HIGHER, "direction": "sell", "ratio": 1},
    ]
    maker.call(
        "private/add_block_rfq_quote",
        block_rfq_id=rfq["block_rfq_id"], direction="sell", amount=1, price=2_000, legs=named,
    )
    accepted(taker, rfq, "buy", 2_000, 1, legs=named)
    (public,) = listener.taken("block_rfq.trades.any")
    assert public["combo_id"] == SPREAD
    assert {told["combo_id"] for told in maker.taken("block_rfq.maker.any")} == {SPREAD}


def test_a_combo_is_no_leg(rig: ComboRig) -> None:
    taker = rig.main()
    spread(taker)
    asked = [{"instrument_name": SPREAD, "amount": 1, "direction": "buy"}]
    with pytest.raises(CallFailed) as refused:
        taker.call("private/create_block_rfq", legs=asked)
    assert refused.value.code == 10020
    with pytest.raises(CallFailed) as refused:
        taker.call(
            "private/verify_block_trade",
            timestamp=rig.clock.ms, nonce="n", role="maker", trades=[{**asked[0], "price": 2_000}],
        )
    assert refused.value.code == 10020
