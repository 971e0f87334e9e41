"""Requests for quotes as takers and makers live them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.core import invariants
from exchange.domain import commands_risk
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway import methods_rfq
from exchange.gateway.block_limits import BlockLimits
from tests.unit.gateway.fakes import ManualLoop
from tests.unit.gateway.rig import ETH_PERPETUAL, OPTION, PERPETUAL, PUT, Client, block_setup
from tests.unit.gateway.risk_rig import RiskRig
from tests.unit.gateway.test_methods_blocks import blocks_done, refused, sizes, started

LEGS: list[dict[str, Any]] = [
    {"instrument_name": OPTION, "amount": 2, "direction": "buy"},
    {"instrument_name": PUT, "amount": 4, "direction": "sell"},
]
"""An amount of 2, ratios 1 and 2."""
HEDGE: dict[str, Any] = {
    "instrument_name": PERPETUAL, "amount": 1, "direction": "sell", "price": 100_000,
}  # fmt: skip
FEW = BlockLimits(grace_ms=5_000, rfqs_open_max=2, rfqs_all_max=3, quotes_max=3, quotes_side_max=2)


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    found = RiskRig().open()
    yield found
    invariants.check(found.engine)
    found.close()


@pytest.fixture
def strict() -> Iterator[RiskRig]:
    """With a grace period and few of everything."""

    def blocks(loop: ManualLoop) -> Any:
        return block_setup(loop, FEW)

    found = RiskRig(blocks=blocks).open()
    yield found
    found.close()


def asked(client: Client, **more: Any) -> Any:
    return client.call("private/create_block_rfq", **{"legs": LEGS, "label": "mine", **more})


def named(call_price: float | None = None, put_price: float | None = None) -> list[dict[str, Any]]:
    """The legs as quotes and acceptances name them."""
    found: list[dict[str, Any]] = []
    for leg, ratio, price in zip(LEGS, (1, 2), (call_price, put_price), strict=True):
        one = {"instrument_name": leg["instrument_name"], "direction": leg["direction"], "ratio": ratio}
        found.append(one if price is None else {**one, "price": price})
    return found


def quoted(client: Client, rfq: Any, side: str, call_price: float, put_price: float, **more: Any) -> Any:
    given = {"amount": 2, "legs": named(call_price, put_price), "direction": side, **more}
    return client.call("private/add_block_rfq_quote", block_rfq_id=rfq["block_rfq_id"], **given)


def accepted(client: Client, rfq: Any, side: str, price: float, amount: float = 2, **more: Any) -> Any:
    given = {"legs": named(), "direction": side, "price": price, "amount": amount, **more}
    given.setdefault("time_in_force", "fill_or_kill")
    return client.call("private/accept_block_rfq", block_rfq_id=rfq["block_rfq_id"], **given)


def seen(client: Client, rfq: Any, **more: Any) -> Any:
    found = client.call("private/get_block_rfqs", block_rfq_id=rfq["block_rfq_id"], **more)["block_rfqs"]
    return found[0] if found else None


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


def test_what_is_seen_of_quotes(rig: RiskRig) -> None:
    taker, one, two = rig.main(), rig.main(name="bob"), rig.main(name="carol")
    rfq = asked(taker)
    quoted(one, rfq, "sell", 5_100, 5_000)
    quoted(one, rfq, "buy", 5_000, 5_005)
    quoted(two, rfq, "sell", 5_050, 5_000, amount=0.5, execution_instruction="all_or_none")
    shown = seen(taker, rfq)
    asks = [(ask["price"], ask["makers"]) for ask in shown["asks"]]
    assert asks == [(-4_950.0, ["ANONYMOUS"]), (-4_900.0, ["ANONYMOUS"])]
    assert [bid["price"] for bid in shown["bids"]] == [-5_010.0]
    assert len(one.call("private/get_block_rfq_quotes")) == 2
    (theirs,) = two.call("private/get_block_rfq_quotes", block_rfq_id=rfq["block_rfq_id"])
    assert theirs["execution_instruction"] == "all_or_none"
    assert "asks" not in seen(two, rfq)
    name = rig.venue.blocks.alias(one.account or 0)
    assert taker.call("private/get_block_rfq_makers") == sorted(
        [name, rig.venue.blocks.alias(two.account or 0)]
    )
    assert name not in str(seen(taker, rfq))


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


def test_a_family_does_not_quote_its_own_request(rig: RiskRig) -> None:
    taker = rig.main()
    sub, _ = rig.sub(taker)
    sub.call("private/subscribe", channels=["block_rfq.maker.any"])
    rfq = asked(taker)
    assert sub.taken("block_rfq.maker.any") == []
    for client in (taker, sub):
        code, data = refused(quoted, client, rfq, "sell", 5_000, 5_000)
        assert (code, data["reason"]) == (11030, "block_rfq_own")


def test_a_quote_is_edited_and_withdrawn_by_its_maker_alone(rig: RiskRig) -> None:
    taker, maker, other = rig.main(), rig.main(name="bob"), rig.main(name="carol")
    rfq = asked(taker)
    maker.call("private/subscribe", channels=["block_rfq.maker.quotes.BTC"])
    quote = quoted(maker, rfq, "sell", 5_000, 5_000, label="q")
    assert refused(lambda: quoted(maker, rfq, "sell", 5_000, 5_000, label="q"))[0] == 13032
    number = {"block_rfq_quote_id": quote["block_rfq_quote_id"]}
    by_label = {"label": "q", "block_rfq_id": rfq["block_rfq_id"]}
    change = {"legs": named(5_020, 5_000), "amount": 1}
    for method, more in (("edit_block_rfq_quote", change), ("cancel_block_rfq_quote", {})):
        for key in (number, by_label):
            assert refused(other.call, f"private/{method}", **{**key, **more})[0] == 13020
    edited = maker.call("private/edit_block_rfq_quote", **by_label, **change)
    assert (edited["price"], edited["amount"], edited["replaced"]) == (-4_980.0, 1.0, True)
    gone = maker.call("private/cancel_block_rfq_quote", **number)
    assert (gone["quote_state"], gone["quote_state_reason"]) == ("cancelled", "user_request")
    assert refused(lambda: maker.call("private/cancel_block_rfq_quote", **number))[0] == 13020
    states = [q["quote_state"] for data in maker.taken("block_rfq.maker.quotes.BTC") for q in data]
    assert states == ["open", "open", "cancelled"]
    quoted(maker, rfq, "sell", 5_000, 5_000)
    quoted(maker, rfq, "buy", 4_900, 5_000)
    (one, two) = maker.call("private/cancel_all_block_rfq_quotes", detailed=True)
    assert one["quote_state"] == two["quote_state"] == "cancelled"
    assert maker.call("private/cancel_all_block_rfq_quotes") == 0
    assert refused(lambda: accepted(taker, rfq, "buy", 0))[0] == 13907


def test_a_structure_priced_as_a_whole_gets_prices_of_its_legs(rig: RiskRig) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    rfq = asked(taker)
    given = {"amount": 2, "direction": "sell", "legs": named(), "block_rfq_id": rfq["block_rfq_id"]}
    quote = maker.call("private/add_block_rfq_quote", **given, price=-4_975)
    call, put = (leg["price"] for leg in quote["legs"])
    assert call - 2 * put == quote["price"] == -4_975
    code, data = refused(lambda: maker.call("private/add_block_rfq_quote", **given, price=-4_976))
    assert (code, data["reason"]) == (11030, "block_price")
    both = {**given, "legs": named(5_000, 5_000)}
    code, data = refused(lambda: maker.call("private/add_block_rfq_quote", **both, price=-4_975))
    assert data["reason"] == "block_price"
    accepted(taker, rfq, "buy", -4_975)
    assert sizes(taker) == {OPTION: 2.0, PUT: -4.0}


def test_all_or_none_is_whole_or_not_at_all(rig: RiskRig) -> None:
    taker, one, two = rig.main(), rig.main(name="bob"), rig.main(name="carol")
    rfq = asked(taker)
    quoted(one, rfq, "sell", 5_000, 5_000, amount=1.5, execution_instruction="all_or_none")
    quoted(two, rfq, "sell", 5_050, 5_000, amount=2, execution_instruction="all_or_none")
    assert refused(lambda: accepted(taker, rfq, "buy", -5_000))[0] == 13907
    (block,) = accepted(taker, rfq, "buy", -4_950)["block_trades"]
    assert block["trades"][0]["price"] == 5_050
    assert sizes(one) == {}
    assert sizes(two) == {OPTION: -2.0, PUT: 4.0}


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


def test_requests_and_quotes_expire(rig: RiskRig) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    rfq = asked(taker)
    taker.call("private/subscribe", channels=["block_rfq.taker.BTC"])
    maker.call("private/subscribe", channels=["block_rfq.maker.quotes.BTC"])
    late = rig.clock.ms + 1_000
    assert refused(lambda: quoted(maker, rfq, "sell", 5_000, 5_000, expires_at=rig.clock.ms))[0] == -32602
    quoted(maker, rfq, "sell", 5_000, 5_000, expires_at=late)
    quoted(maker, rfq, "buy", 4_000, 5_000)
    rig.clock.ms = late
    assert refused(lambda: accepted(taker, rfq, "buy", 0))[0] == 13907
    code, data = refused(lambda: maker.call("private/cancel_block_rfq_quote", block_rfq_quote_id=1))
    assert (code, data["reason"]) == (11030, "block_rfq_quote_closed")
    rig.tick()
    (told,) = maker.taken("block_rfq.maker.quotes.BTC")[-1]
    assert (told["quote_state"], told["quote_state_reason"]) == ("expired", "expires_at")
    rig.clock.ms = rfq["expiration_timestamp"]
    assert refused(lambda: accepted(taker, rfq, "sell", -9_000))[1]["reason"] == "block_rfq_closed"
    rig.tick()
    assert taker.taken("block_rfq.taker.BTC")[-1]["state"] == "expired"
    (told,) = maker.taken("block_rfq.maker.quotes.BTC")[-1]
    assert (told["quote_state"], told["quote_state_reason"]) == ("cancelled", "rfq_expired")
    assert refused(lambda: quoted(maker, rfq, "sell", 5_000, 5_000))[1]["reason"] == "block_rfq_closed"
    assert taker.call("private/get_block_rfq_user_info")["users"][0]["taker_rating"] == 0.0
    assert seen(taker, rfq, state="closed")["included_in_taker_rating"] is True
    assert seen(taker, rfq, state="open") is None


def test_makers_have_time_before_their_taker_sees_anything(strict: RiskRig) -> None:
    taker, maker = strict.main(), strict.main(name="bob")
    taker.call("private/subscribe", channels=["block_rfq.taker.BTC"])
    rfq = asked(taker)
    quoted(maker, rfq, "sell", 5_000, 5_000)
    assert seen(taker, rfq)["asks"] == []
    assert len(taker.taken("block_rfq.taker.BTC")) == 1
    code, data = refused(lambda: accepted(taker, rfq, "buy", -5_000))
    assert (code, data["reason"], data["until"]) == (11030, "block_rfq_grace", strict.clock.ms + 5_000)
    strict.tick(5.0)
    (told,) = taker.taken("block_rfq.taker.BTC")
    assert len(told["asks"]) == 1
    assert len(accepted(taker, rfq, "buy", -5_000)["block_trades"]) == 1


def test_there_are_bounds(strict: RiskRig) -> None:
    taker, maker = strict.main(), strict.main(name="bob")
    rfq = asked(taker)
    asked(taker)
    code, data = refused(lambda: asked(taker))
    assert (code, data) == (13907, {"reason": "too_many_open_block_rfqs", "limit": 2})
    other = strict.main(name="dora")
    asked(other)
    assert refused(lambda: asked(other))[0] == 13907
    quoted(maker, rfq, "sell", 5_000, 5_000)
    quoted(maker, rfq, "sell", 5_000, 5_000)
    code, data = refused(lambda: quoted(maker, rfq, "sell", 5_000, 5_000))
    assert (code, data["limit"]) == (13906, 2)
    code, data = refused(lambda: quoted(maker, rfq, "buy", 5_000, 5_000))
    assert code == 13910
    quoted(maker, rfq, "buy", 4_900, 5_000)
    code, data = refused(lambda: quoted(maker, rfq, "buy", 4_900, 5_000))
    assert (code, data["limit"]) == (13905, 3)
    for _ in range(58):
        (made, _) = taker.call("private/get_block_rfqs", state="open", role="taker")["block_rfqs"]
        taker.call("private/cancel_block_rfq", block_rfq_id=made["block_rfq_id"])
        asked(taker)
    taker.call("private/cancel_block_rfq", block_rfq_id=rfq["block_rfq_id"])
    assert refused(lambda: asked(taker))[0] == 10028


def test_a_maker_who_cannot_bear_it_loses_its_quotes_and_the_rest_trades(rig: RiskRig) -> None:
    taker, poor, locked, rich = (rig.main(usdc, name) for usdc, name in (
        (10_000_000, "alice"), (12_000, "bob"), (10_000_000, "carol"), (10_000_000, "dora")
    ))  # fmt: skip
    rfq = asked(taker)
    poor.call("private/subscribe", channels=["block_rfq.maker.quotes.BTC"])
    quoted(poor, rfq, "sell", 4_900, 5_000)
    quoted(locked, rfq, "sell", 4_950, 5_000)
    quoted(rich, rfq, "sell", 5_000, 5_000)
    rig.order(commands_risk.set_lock(locked.account or 0, True))
    (block,) = accepted(taker, rfq, "buy", -5_000)["block_trades"]
    assert sizes(rich) == {OPTION: -2.0, PUT: 4.0}
    (told,) = poor.taken("block_rfq.maker.quotes.BTC")[-1]
    assert (told["quote_state"], told["quote_state_reason"]) == ("cancelled", "insufficient_funds")
    assert block["trades"][0]["price"] == 5_000
    refusals = [event for event in rig.all_events() if isinstance(event, ev.Rejected)]
    assert [event.command for event in refusals] == [r.BLOCK_TRADE] * 2


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
        ({"trade_allocations": [{"user_id": 1, "amount": 1}, {"user_id": 2, "amount": 1}]}, 10033),
        ({"label": "x" * 300}, -32602),
    ],
)
def test_requests_that_are_none(rig: RiskRig, change: dict[str, Any], code: int) -> None:
    taker = rig.main()
    assert refused(lambda: asked(taker, **change))[0] == code
    assert taker.call("private/get_block_rfqs")["block_rfqs"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": 2.01}, 10021),
        ({"amount": 0.09}, 10002),
        ({"amount": 0.105}, 10021),
        ({"legs": named(5_000, 5_000)[:1]}, -32602),
        ({"legs": [{**named(5_000, 5_000)[0], "ratio": 2}, named(5_000, 5_000)[1]]}, -32602),
        ({"legs": [{**named(5_000, 5_000)[0], "direction": "sell"}, named(5_000, 5_000)[1]]}, -32602),
        ({"legs": named(5_001, 5_000)}, 10043),
        ({"legs": named(15_500, 5_000)}, 10007),
        ({"legs": named()}, -32602),
        ({"hedge": HEDGE}, -32602),
        ({"block_rfq_id": 99}, 13020),
        ({"direction": "up"}, -32602),
    ],
)
def test_quotes_that_are_none(rig: RiskRig, change: dict[str, Any], code: int) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    rfq = asked(taker)
    given = {"block_rfq_id": 1, "amount": 2, "direction": "sell", "legs": named(5_000, 5_000), **change}
    assert refused(lambda: maker.call("private/add_block_rfq_quote", **given))[0] == code
    assert maker.call("private/get_block_rfq_quotes", block_rfq_id=rfq["block_rfq_id"]) == []


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


def test_pages_follow_each_other(rig: RiskRig) -> None:
    taker, maker = rig.main(50_000_000), rig.main(50_000_000, "bob")
    for _ in range(3):
        rfq = asked(taker)
        quoted(maker, rfq, "sell", 5_000, 5_000)
        accepted(taker, rfq, "buy", -5_000)
    page = taker.call("private/get_block_rfqs", count=2)
    assert [rfq["block_rfq_id"] for rfq in page["block_rfqs"]] == [3, 2]
    rest = taker.call("private/get_block_rfqs", count=2, continuation=page["continuation"])
    assert ([rfq["block_rfq_id"] for rfq in rest["block_rfqs"]], rest["continuation"]) == ([1], None)
    page = rig.connect().call("public/get_block_rfq_trades", currency="BTC", count=2)
    assert [rfq["id"] for rfq in page["block_rfqs"]] == [3, 2]
    rest = taker.call("public/get_block_rfq_trades", currency="any", continuation=page["continuation"])
    assert [rfq["id"] for rfq in rest["block_rfqs"]] == [1]
    assert taker.call("public/get_block_rfq_trades", currency="ETH")["block_rfqs"] == []
    assert [b["id"] for b in maker.call("private/get_block_trades", block_rfq_id=2)] == ["BLOCK-2"]


def test_a_page_that_finds_little_says_how_to_go_on(rig: RiskRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods_rfq, "LOOKED_AT_MAX", 2)
    taker = rig.main()
    for _ in range(3):
        asked(taker)
    page = taker.call("private/get_block_rfqs", state="filled")
    assert page == {"block_rfqs": [], "continuation": "2"}
    assert taker.call("private/get_block_rfqs", state="filled", continuation="2")["continuation"] is None


def test_a_restart_cancels_what_is_open_and_says_so(tmp_path: Path) -> None:
    first = started(tmp_path / "blocks.sqlite")
    taker, maker = first.main(50_000_000), first.main(50_000_000, "bob")
    done = asked(taker)
    quoted(maker, done, "sell", 5_000, 5_000)
    accepted(taker, done, "buy", -5_000)
    rfq = asked(taker)
    quote = quoted(maker, rfq, "sell", 5_000, 5_000)
    again = started(tmp_path / "blocks.sqlite", first)
    alice, bob = again.connect(taker.account), again.connect(maker.account)
    lost = seen(alice, rfq)
    assert (lost["state"], lost["cancel_reason"]) == ("cancelled", "venue_restart")
    assert seen(bob, rfq)["state"] == "cancelled"
    assert bob.call("private/get_block_rfq_quotes") == []
    assert refused(lambda: accepted(alice, rfq, "buy", 0))[1]["reason"] == "block_rfq_closed"
    (traded,) = alice.call("public/get_block_rfq_trades", currency="BTC")["block_rfqs"]
    assert traded["id"] == done["block_rfq_id"]
    fresh = asked(alice)
    assert fresh["block_rfq_id"] > rfq["block_rfq_id"]
    assert quoted(bob, fresh, "sell", 5_000, 5_000)["block_rfq_quote_id"] > quote["block_rfq_quote_id"]
    assert again.venue.blocks.alias(bob.account or 0) in alice.call("private/get_block_rfq_makers")
    again.venue.blocks.close()
    again.close()
