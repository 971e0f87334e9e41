"""Fills are counted under what a slow reading of each command's events says of them."""

from __future__ import annotations

from pathlib import Path

from exchange.attest import authorisation as a
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.edge import classes
from exchange.edge.classes import ClassCounts
from tests.reference.replay import load
from tests.unit.core.harness import ALICE, BOB, INDEX, PERPETUAL, SELL, USDC, Market, under_rules_3

JOURNALS = Path(__file__).parents[2] / "golden" / "journals"
SIGNED = r.GRANT_OF_SIGNATURE | 9


def slow(events: bytes) -> tuple[list[int], list[int], list[int]]:
    """Fills, value and fees by class."""
    counted = ClassCounts()
    fills, values, fees = counted.fills, counted.values, counted.fees  # lists of the right length
    told = a.frame_classes(events)
    for event in e.read_events(events):
        if isinstance(event, e.Trade):
            both = told[event.trade_id]
            sides = (both >> 4, event.maker_fee_micro), (both & 15, event.taker_fee_micro)
            for number, fee in sides:
                fills[number] += 1
                values[number] += event.value_micro
                fees[number] += fee
        elif isinstance(event, e.Settled) and event.head.id == r.SETTLED_DELIVERY:
            fills[a.EXPIRY] += 1
            values[a.EXPIRY] += abs(event.cash_delta_micro)
            fees[a.EXPIRY] += event.fee_micro
    return fills, values, fees


def test_journals_are_counted_as_a_slow_reading_says() -> None:
    seen: set[int] = set()
    for name in ("2-cut_slices", "4-combos_portfolio", "4-scripted_in_and_out"):
        events = Engine().apply(load(JOURNALS / f"rules-{name}.commands.xz"))
        counts = ClassCounts()
        counts.take(events)
        for found, expected in zip((counts.fills, counts.values, counts.fees), slow(events), strict=True):
            expected[classes.API_KEY] = found[classes.API_KEY]  # the class of the data has both
            assert found[classes.GRANT] + found[classes.API_KEY] == expected[classes.GRANT]
            expected[classes.GRANT] = found[classes.GRANT]
            assert found == expected
        seen |= {number for number, fills in enumerate(counts.fills) if fills}
    assert seen >= {classes.GRANT, classes.API_KEY, classes.LIQUIDATION, classes.EXPIRY, classes.BLOCK}
    assert classes.UNTOLD not in seen


def test_grants_signatures_and_api_keys_are_told_apart() -> None:
    engine = Engine()
    market = under_rules_3(Market(engine))
    for account in (ALICE, BOB):
        market.deposit(account, 1_000_000 * USDC)
    counts = ClassCounts()
    for maker, taker in ((0, 7), (SIGNED, 0), (7, SIGNED)):
        batch = [c.new_order(ALICE, PERPETUAL, SELL, INDEX, 3, grant=maker)]
        batch.append(c.new_order(BOB, PERPETUAL, 0, INDEX, 3, grant=taker))
        counts.take(engine.apply(b"".join(batch)))
    assert [counts.fills[n] for n in (classes.SIGNED_ORDER, classes.GRANT, classes.API_KEY)] == [2, 2, 2]
    assert counts.fills[classes.UNTOLD] == 0
    counts.take(b"")
    assert sum(counts.fills) == 6


def test_a_trade_of_an_order_that_nothing_is_told_of_shows() -> None:
    engine = Engine()
    market = under_rules_3(Market(engine))
    for account in (ALICE, BOB):
        market.deposit(account, 1_000_000 * USDC)
    engine.apply(c.new_order(ALICE, PERPETUAL, SELL, INDEX, 3))
    events = engine.apply(c.new_order(BOB, PERPETUAL, 0, INDEX, 3))
    at, trade = 0, b""
    while at < len(events):
        size = int.from_bytes(events[at + 2 : at + 4], "little") * r.UNIT_BYTES
        trade += events[at : at + size] if events[at] == r.EV_TRADE else b""
        at += size
    counts = ClassCounts()
    counts.take(trade)
    assert counts.fills[classes.UNTOLD] == 2
