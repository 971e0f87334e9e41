"""Quotes to a request, as their makers give, change and lose them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exchange.domain import commands_risk
from exchange.domain import events as ev
from exchange.domain import records as r
from tests.unit.gateway.block_rig import refused, sizes, sound
from tests.unit.gateway.rfq_rig import HEDGE, accepted, asked, named, quoted, seen
from tests.unit.gateway.rig import OPTION, PUT
from tests.unit.gateway.risk_rig import RiskRig


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    yield from sound()


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
