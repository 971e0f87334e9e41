"""Requests for quotes as takers and makers live them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.gateway.block_rig import blocks_done, refused, sizes, sound
from tests.unit.gateway.rfq_rig import HEDGE, LEGS, accepted, asked, named, quoted, seen
from tests.unit.gateway.rig import ETH_PERPETUAL, OPTION, PERPETUAL, PUT
from tests.unit.gateway.risk_rig import RiskRig


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    yield from sound()


def test_a_request_states_amount_ratios_and_marks(rig: RiskRig) -> None:
    taker = rig.main()
    rfq = asked(taker, hedge=HEDGE)
    shown = {
        "block_rfq_id": 1, "role": "taker", "state": "open", "amount": 2.0, "label": "mine",
        "makers": [], "asks": [], "bids": [], "disclosed": False, "mark_price": -5_000.0,
        "index_prices": [100_000.0], "min_trade_amount": 0.1, "taker_rating": "",
    }  # fmt: skip
    assert rfq.items() >= shown.items()
    assert [(leg["ratio"], leg["direction"]) for leg in rfq["legs"]] == [(1, "buy"), (2, "sell")]
    assert rfq["hedge"] == HEDGE
    assert rfq["expiration_timestamp"] - rfq["creation_timestamp"] == 300_000
    assert taker.call("private/get_block_rfqs", role="taker")["block_rfqs"] == [rfq]


def test_two_makers_fill_one_acceptance_in_one_block(rig: RiskRig) -> None:
    taker, one, two = rig.main(), rig.main(name="bob"), rig.main(name="carol")
    listener = rig.connect()
    listener.call("public/subscribe", channels=["block_rfq.trades.BTC", f"trades.{OPTION}.100ms"])
    taker.call("private/subscribe", channels=["block_rfq.taker.any", "user.trades.any.any.raw"])
    one.call("private/subscribe", channels=["block_rfq.maker.btc", "block_rfq.maker.quotes.usdc"])
    rfq = asked(taker, hedge=HEDGE)
    (told,) = one.taken("block_rfq.maker.btc")
    assert told["state"] == "open"
    assert not {"label", "taker", "makers", "bids", "asks", "mark_price"} & set(told)
    first = quoted(one, rfq, "sell", 5_000, 5_000, amount=1.5)
    assert (first["price"], first["quote_state"]) == (-5_000.0, "open")
    second = quoted(two, rfq, "sell", 5_010, 5_000, amount=1.5)
    shown = seen(taker, rfq)
    assert [(ask["price"], ask["amount"]) for ask in shown["asks"]] == [(-5_000.0, 1.5), (-4_990.0, 1.5)]
    assert shown["bids"] == []
    found = accepted(taker, rfq, "buy", -4_990)
    assert found["trade_trigger"] == {}
    blocks = found["block_trades"]
    assert [block["id"] for block in blocks] == ["BLOCK-1", "BLOCK-2"]
    assert [trade["amount"] for trade in blocks[0]["trades"]] == [1.5, 3.0, 0.75]
    assert [trade["amount"] for trade in blocks[1]["trades"]] == [0.5, 1.0, 0.25]
    assert [trade["price"] for trade in blocks[1]["trades"]] == [5_010, 5_000, 100_000]
    assert {trade["block_rfq_id"] for block in blocks for trade in block["trades"]} == {1}
    assert sizes(taker) == {OPTION: 2.0, PUT: -4.0, PERPETUAL: -1.0}
    assert sizes(two) == {OPTION: -0.5, PUT: 1.0, PERPETUAL: 0.25}
    assert blocks_done(rig) == 1
    filled = seen(taker, rfq)
    assert (filled["state"], filled["included_in_taker_rating"]) == ("filled", True)
    assert [(t["amount"], t["hedge_amount"]) for t in filled["trades"]] == [(1.5, 0.75), (0.5, 0.25)]
    assert all("maker" not in trade for trade in filled["trades"])
    (theirs, *_) = one.call("private/get_user_trades_by_currency", currency="BTC")["trades"]
    assert (theirs["block_rfq_quote_id"], theirs["block_trade_leg_count"]) == (first["block_rfq_quote_id"], 3)
    assert theirs["block_trade_id"] == "BLOCK-1"
    assert one.call("private/get_block_trades") == [
        {**blocks[0], "trades": one.call("private/get_block_trade", id="BLOCK-1")["trades"]}
    ]
    assert refused(lambda: one.call("private/get_block_trade", id="BLOCK-2"))[0] == 13020
    states = [quote["quote_state"] for data in one.taken("block_rfq.maker.quotes.usdc") for quote in data]
    assert states == ["open", "filled"]
    assert [data["state"] for data in one.taken("block_rfq.maker.btc")] == ["filled"]
    (public,) = listener.taken("block_rfq.trades.BTC")
    assert public == listener.call("public/get_block_rfq_trades", currency="BTC")["block_rfqs"][0]
    assert (public["id"], public["direction"], public["amount"]) == (1, "buy", 2.0)
    assert public["legs"][0]["price"] == 5_002.5
    assert not {"taker", "makers", "label"} & set(public)
    rig.tick()
    pushed = [trade for data in listener.taken(f"trades.{OPTION}.100ms") for trade in data]
    assert [trade["block_trade_id"] for trade in pushed] == ["BLOCK-1", "BLOCK-2"]
    assert {trade["block_rfq_id"] for trade in pushed} == {1}
    assert taker.taken("block_rfq.taker.any")[-1]["state"] == "filled"
    assert second["block_rfq_quote_id"] != first["block_rfq_quote_id"]
    info = taker.call("private/get_block_rfq_user_info")
    assert info["users"][0]["taker_rating"] == 10.0
    assert seen(one, rfq, role="maker", state="traded")["role"] == "maker"
    assert asked(taker)["taker_rating"] == "9-10"


def test_a_disclosed_request_shows_names(rig: RiskRig) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    rfq = asked(taker, disclosed=True)
    quoted(maker, rfq, "sell", 5_000, 5_000)
    mine = maker.call("private/get_block_rfq_user_info")["parent"]["identity"]
    assert seen(taker, rfq)["asks"][0]["makers"] == [mine]
    assert seen(maker, rfq)["taker"] == taker.call("private/get_block_rfq_user_info")["parent"]["identity"]
    accepted(taker, rfq, "buy", -5_000)
    assert seen(taker, rfq)["trades"][0]["maker"] == mine
    public = taker.call("public/get_block_rfq_trades", currency="any")["block_rfqs"][0]
    assert mine not in str(public)


def test_only_those_asked_see_and_quote_a_request(rig: RiskRig) -> None:
    taker, one, two = rig.main(), rig.main(name="bob"), rig.main(name="carol")
    for client in (one, two):
        client.call("private/subscribe", channels=["block_rfq.maker.any"])
    name = rig.venue.blocks.alias(one.account or 0)
    rfq = asked(taker, makers=[name])
    assert rfq["makers"] == [name]
    assert len(one.taken("block_rfq.maker.any")) == 1
    assert two.taken("block_rfq.maker.any") == []
    assert seen(two, rfq) is None
    assert refused(lambda: quoted(two, rfq, "sell", 5_000, 5_000))[0] == 13020
    assert quoted(one, rfq, "sell", 5_000, 5_000)["quote_state"] == "open"
    for method in ("cancel_block_rfq", "cancel_block_rfq_trigger"):
        code, _ = refused(two.call, f"private/{method}", block_rfq_id=rfq["block_rfq_id"])
        assert code == 13020
    assert refused(lambda: accepted(two, rfq, "buy", -5_000))[0] == 13020
    assert refused(lambda: asked(taker, makers=["NOBODY"]))[0] == 13007
    own = rig.venue.blocks.alias(taker.account or 0)
    taker.call("private/subscribe", channels=["block_rfq.maker.any"])
    assert refused(lambda: asked(taker, makers=[own]))[0] == -32602


def test_an_acceptance_may_wait_for_its_price(rig: RiskRig) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    rfq = asked(taker)
    taker.call("private/subscribe", channels=["block_rfq.taker.BTC"])
    maker.call("private/subscribe", channels=["block_rfq.maker.any"])
    quoted(maker, rfq, "sell", 5_050, 5_000)
    waits: dict[str, Any] = {"time_in_force": "good_til_cancelled"}
    found = accepted(taker, rfq, "buy", -5_000, **waits)
    assert found == {
        "trade_trigger": {"state": "untriggered", "price": -5_000.0, "direction": "buy"},
        "block_trades": [],
    }
    number = {"block_rfq_id": rfq["block_rfq_id"]}
    assert taker.call("private/cancel_block_rfq_trigger", **number) == "ok"
    assert refused(lambda: taker.call("private/cancel_block_rfq_trigger", **number))[0] == 11030
    assert seen(taker, rfq)["trade_trigger"]["cancel_reason"] == "user_request"
    accepted(taker, rfq, "buy", -5_000, **waits)
    assert maker.taken("block_rfq.maker.any") == []
    assert "trade_trigger" not in seen(maker, rfq)
    quoted(maker, rfq, "sell", 4_990, 5_000)
    assert sizes(taker) == {OPTION: 2.0, PUT: -4.0}
    filled = seen(taker, rfq)
    assert (filled["state"], filled["trade_trigger"]["state"]) == ("filled", "triggered")
    assert taker.taken("block_rfq.taker.BTC")[-1]["trades"][0]["price"] == -5_010.0


def test_a_taker_who_cannot_bear_it_is_told_and_the_request_stays(rig: RiskRig) -> None:
    taker, maker = rig.main(100), rig.main(name="bob")
    rfq = asked(taker)
    quoted(maker, rfq, "sell", 5_000, 5_000)
    code, data = refused(lambda: accepted(taker, rfq, "buy", -5_000))
    assert (code, data["party"]) == (10009, "taker")
    assert (seen(taker, rfq)["state"], len(maker.call("private/get_block_rfq_quotes"))) == ("open", 1)
    accepted_later = refused(lambda: accepted(taker, rfq, "buy", -5_000, time_in_force="good_til_cancelled"))
    assert accepted_later[0] == 10009
    assert seen(taker, rfq)["trade_trigger"]["cancel_reason"] == "refused"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"legs": []}, -32602),
        ({"legs": [LEGS[0], LEGS[0]]}, -32602),
        ({"legs": [{**LEGS[0], "amount": 0.05}]}, 10002),
        ({"legs": [{**LEGS[0], "amount": 0.105}]}, 10021),
        ({"legs": [{**LEGS[0], "direction": "hold"}]}, -32602),
        ({"legs": [{**LEGS[0], "amount": 1_000}, {**LEGS[1], "amount": 0.13}]}, -32602),
        ({"hedge": {**HEDGE, "instrument_name": PUT}}, -32602),
        ({"hedge": {**HEDGE, "instrument_name": ETH_PERPETUAL, "price": 4_000}}, -32602),
        ({"hedge": {**HEDGE, "price": 100_000.1}}, 10043),
        ({"hedge": "{"}, -32602),
        ({"trade_allocations": [{"user_id": 1, "amount": 1}, {"user_id": 2, "amount": 1}]}, 13028),
        ({"label": "x" * 300}, -32602),
    ],
)
def test_requests_that_are_none(rig: RiskRig, change: dict[str, Any], code: int) -> None:
    taker = rig.main()
    assert refused(lambda: asked(taker, **change))[0] == code
    assert taker.call("private/get_block_rfqs")["block_rfqs"] == []


def test_what_is_being_traded_is_not_disturbed(rig: RiskRig) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    rfq = asked(taker)
    quote = quoted(maker, rfq, "sell", 5_000, 5_000)
    number = {"block_rfq_id": rfq["block_rfq_id"]}
    common = {**number, "legs": named(), "direction": "buy", "price": -5_000, "amount": 2}
    first = taker.send("private/accept_block_rfq", **common, time_in_force="fill_or_kill")
    again = taker.send("private/accept_block_rfq", **common, time_in_force="fill_or_kill")
    gone = taker.send("private/cancel_block_rfq", **number)
    pulled = maker.send(
        "private/cancel_block_rfq_quote", block_rfq_quote_id=quote["block_rfq_quote_id"]
    )
    rig.loop.run()
    assert len(taker.reply(first)["block_trades"]) == 1
    for client, request in ((taker, again), (taker, gone), (maker, pulled)):
        assert refused(client.reply, request)[0] == 10040
    assert blocks_done(rig) == 1
