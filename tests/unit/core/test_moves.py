"""Positions that pass within a family, all of them or none (docs/rules-5.md). A lot is 0.01 bitcoin."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits, rejects
from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, PositionMove, block_trade, move_positions
from exchange.domain.commands_combos import list_combo
from exchange.domain.legs import ComboLeg
from tests.reference.engine import ReferenceEngine
from tests.unit.core.bookings import (
    halted,
    halted_underlying,
    held,
    in_use,
    locked,
    must_be_malformed,
    must_hold_together,
    refusal,
    seats_of,
    venue_closed,
)
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    INDEX,
    IOC,
    MICRO,
    OPTION,
    PERP,
    PERPETUAL,
    SELL,
    USDC,
    Market,
    last,
    of,
    only,
    under_rules_3,
)

VALUE = 10_000  # micro-USDC of a lot at a price of one tick
CHILD, OTHER = 67, 68
"""Accounts of Alice's family, with and without money."""
AT_INDEX = INDEX * VALUE
CHEAP = PositionMove(OPTION, 3, 10_000 * VALUE)
PERPS = PositionMove(PERPETUAL, -2, AT_INDEX)


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> Market:
    """Alice holds 5 calls bought at 12,000 and has sold 4 perpetuals at the index."""
    return prepared(request.param())


def prepared(engine: Engine | ReferenceEngine, *terms: c.InstrumentTerms) -> Market:
    market = under_rules_3(Market(engine, *terms))
    market.send(c.set_rules(4), c.set_rules(5), c.create_account(CHILD, main=ALICE))
    market.send(c.create_account(OTHER, main=ALICE))
    market.deposit(CHILD, 1_000_000 * USDC)
    trades = [BlockTrade(BOB, OPTION, 5, 12_000), BlockTrade(BOB, PERPETUAL, -4, INDEX)]
    market.send(block_trade(ALICE, 1, trades))
    return market


def move(
    market: Market, *moves: PositionMove, source: int = ALICE, destination: int = CHILD
) -> list[e.Event]:
    """Send one; what it did holds together."""
    events = market.send(move_positions(source, destination, moves, client_order_id=9))
    must_hold_together(market)
    return events


def refused(
    market: Market, *moves: PositionMove, source: int = ALICE, destination: int = CHILD
) -> tuple[str, int, int]:
    """Send one that is refused and leaves no trace: why, the detail, and which position it was."""
    found = refusal(market, move_positions(source, destination, moves, client_order_id=9))
    assert (found.command, found.head.account, found.client_order_id) == (r.MOVE_POSITIONS, source, 9)
    return rejects.REJECT_NAMES[found.reason], found.detail, found.position


class TestWhatHappens:
    @pytest.mark.parametrize("engine", [Engine, ReferenceEngine])
    def test_positions_pass_at_their_price_without_a_fee_or_a_trade(
        self, engine: type[Engine | ReferenceEngine]
    ) -> None:
        listed = [
            terms._replace(maker_fee_ppm=200, taker_fee_ppm=500, band_ppm=10_000) for terms in (CALL, PERP)
        ]
        market = prepared(engine(), *listed)
        before = {account: market.balance(account) + 1 for account in (ALICE, CHILD)}  # looking deposits 1
        events = move(market, CHEAP, PERPS)
        calls, perpetuals, given, taken, done = events
        assert isinstance(calls, e.Moved)
        assert isinstance(perpetuals, e.Moved)
        assert (calls.head.account, calls.head.instrument, calls.to_account) == (ALICE, OPTION, CHILD)
        assert (calls.lots, calls.value_micro) == (3, 30_000 * VALUE)
        assert (perpetuals.head.instrument, perpetuals.lots) == (PERPETUAL, -2)
        assert perpetuals.value_micro == -2 * AT_INDEX
        assert isinstance(given, e.Cash)
        assert isinstance(taken, e.Cash)
        for cash, account, counter, sign in ((given, ALICE, CHILD, 1), (taken, CHILD, ALICE, -1)):
            assert (cash.head.account, cash.kind, cash.counter_account) == (account, r.CASH_MOVED, counter)
            assert (cash.delta_micro, cash.head.id) == (sign * 30_000 * VALUE, 0)
            assert cash.balance_micro == before[account] + cash.delta_micro
        assert isinstance(done, e.Done)
        assert (done.command, done.affected, done.client_order_id) == (r.MOVE_POSITIONS, 2, 9)
        assert held(market, ALICE, OPTION) == (2, 5 * 12_000 * VALUE - 30_000 * VALUE)
        assert held(market, CHILD, OPTION) == (3, 30_000 * VALUE)
        assert held(market, ALICE, PERPETUAL) == (-2, -2 * AT_INDEX)
        assert held(market, CHILD, PERPETUAL) == (-2, -2 * AT_INDEX)
        trade = only(market.send(block_trade(BOB, 2, [BlockTrade(CAROL, OPTION, 1, 12_000)]))[:1], e.Trade)
        assert (trade.trade_id, trade.trade_seq) == (3, 2)

    def test_a_short_option_takes_its_premium_with_it(self, market: Market) -> None:
        market.send(c.create_account(69, main=BOB))
        market.deposit(69, 1_000_000 * USDC)
        events = move(market, PositionMove(OPTION, -5, 12_000 * VALUE), source=BOB, destination=69)
        assert [cash.delta_micro for cash in of(events, e.Cash)] == [-60_000 * VALUE, 60_000 * VALUE]

    def test_perpetuals_alone_move_no_cash(self, market: Market) -> None:
        events = move(market, PERPS._replace(size_lots=-4, per_lot_micro=0))
        assert [cash.delta_micro for cash in of(events, e.Cash)] == [0, 0]
        assert held(market, CHILD, PERPETUAL) == (-4, 0)
        assert held(market, ALICE, PERPETUAL) == (0, -4 * AT_INDEX)

    def test_it_nets_with_what_the_destination_holds(self, market: Market) -> None:
        market.send(block_trade(CHILD, 2, [BlockTrade(BOB, PERPETUAL, 3, INDEX)]))
        move(market, PERPS)
        assert held(market, CHILD, PERPETUAL) == (1, AT_INDEX)

    def test_any_direction_within_the_family_and_the_most_at_once(self, market: Market) -> None:
        one = PositionMove(PERPETUAL, -1, AT_INDEX)
        move(market, one)
        events = move(market, one, source=CHILD, destination=ALICE)
        assert last(events, e.Done).affected == 1
        market.send(block_trade(ALICE, 2, [BlockTrade(BOB, PERPETUAL, -96, INDEX)]))
        events = move(market, *[one] * limits.BLOCK_MOST)
        assert last(events, e.Done).affected == limits.BLOCK_MOST

    def test_triggers_see_nothing_and_due_orders_fire_behind_it(self, market: Market) -> None:
        last_price = co.Trigger(r.TRIGGER_STOP, r.SOURCE_LAST, 9_000 * MICRO)
        market.send(co.extended_order(CAROL, OPTION, IOC | SELL, 100, 1, trigger=last_price))
        assert not of(move(market, CHEAP), e.Order)
        for n in range(limits.FIRE_MOST + 2):
            index = co.Trigger(r.TRIGGER_STOP, r.SOURCE_INDEX, (INDEX + 1) * MICRO)
            market.send(co.extended_order(CAROL, OPTION, IOC, 100 + n, 1, trigger=index))
        market.mark(index=INDEX + 1)
        assert len(of(move(market, PERPS), e.Order)) == 2


def _no_room(market: Market) -> None:
    market.send(cr.set_caps(CHILD, 0, 1))


def _open_orders(market: Market) -> None:
    for _ in range(20):
        market.deposit(CHILD, limits.MAX_DEPOSIT_MICRO)
    market.rests(CHILD, 60_000, 9_999, SELL, PERPETUAL)


class TestRefusals:
    @pytest.mark.parametrize(
        ("before", "source", "destination", "why"),
        [
            (venue_closed, ALICE, CHILD, "venue_cancel_only"),
            (None, 63, CHILD, "unknown_account"),
            (None, 69, CHILD, "unknown_account"),
            (None, ALICE, 0, "unknown_account"),
            (None, ALICE, (1 << 32) - 1, "unknown_account"),
            (None, ALICE, ALICE, "bad_value"),
            (None, ALICE, BOB, "wrong_family"),
            (locked(ALICE), ALICE, CHILD, "account_locked"),
            (locked(CHILD), ALICE, CHILD, "account_locked"),
        ],
    )
    def test_of_all(
        self,
        market: Market,
        before: Callable[[Market], None] | None,
        source: int,
        destination: int,
        why: str,
    ) -> None:
        if before:
            before(market)
        assert refused(market, CHEAP, source=source, destination=destination) == (why, 0, -1)

    @pytest.mark.parametrize(
        ("before", "wrong", "why", "detail"),
        [
            (None, PERPS._replace(instrument=2), "unknown_instrument", 0),
            (None, PERPS._replace(instrument=(1 << 32) - 1), "unknown_instrument", 0),
            (halted, PERPS, "instrument_not_open", 0),
            (None, PERPS._replace(size_lots=0), "bad_size", -4),
            (None, PERPS._replace(size_lots=1), "bad_size", -4),
            (None, PERPS._replace(size_lots=-5), "bad_size", -4),
            (None, PERPS._replace(size_lots=-limits.I64_MAX - 1), "bad_size", -4),
            (None, CHEAP, "bad_size", 2),  # three of five are gone by then
            (None, PERPS._replace(per_lot_micro=-1), "bad_price", 0),
            (None, PERPS._replace(per_lot_micro=500_000 * VALUE + 1), "bad_price", 0),
            (_no_room, PERPS, "too_many_seats", 0),
            (_open_orders, PERPS, "position_limit", 0),
        ],
    )
    def test_of_one_position(
        self,
        market: Market,
        before: Callable[[Market], None] | None,
        wrong: PositionMove,
        why: str,
        detail: int,
    ) -> None:
        """The first position is booked, then booked back with the seat made for it."""
        if before:
            before(market)
        assert refused(market, CHEAP, wrong) == (why, detail, 1)

    def test_of_a_source_whose_open_orders_would_pass_its_limit(self, market: Market) -> None:
        """Who gives a short away has bought: what it still bids for comes on top."""
        for _ in range(20):
            market.deposit(ALICE, limits.MAX_DEPOSIT_MICRO)
        market.rests(ALICE, 40_000, 10_004, at=PERPETUAL)
        assert refused(market, PERPS) == ("position_limit", 0, 0)

    def test_of_a_position_there_is_none_of(self, market: Market) -> None:
        assert refused(market, CHEAP, source=CHILD, destination=ALICE) == ("bad_size", 0, 0)

    def test_of_an_underlying_that_is_not_open(self, market: Market) -> None:
        halted_underlying(market)
        assert refused(market, CHEAP) == ("underlying_not_open", 0, 0)

    def test_of_a_combo(self, market: Market) -> None:
        market.send(c.list_instrument(2, CALL._replace(strike_micro=45_000 * MICRO)))
        market.send(list_combo(3, (ComboLeg(0, 1), ComboLeg(2, -1))))
        assert refused(market, PositionMove(3, 1, 1)) == ("bad_value", 0, 0)

    def test_of_who_cannot_bear_it(self, market: Market) -> None:
        """The source comes first, then the destination; a price can take from either."""
        assert refused(market, PERPS, destination=OTHER) == ("insufficient_funds", OTHER, -1)
        dear = PositionMove(OPTION, 5, 500_000 * VALUE)
        assert refused(market, dear, destination=OTHER) == ("negative_equity", OTHER, -1)
        market.send(cr.transfer(ALICE, CHILD, 990_000 * USDC, 1))
        given_away = PositionMove(PERPETUAL, -4, 500_000 * VALUE)
        assert refused(market, given_away) == ("negative_equity", ALICE, -1)

    def test_while_a_loss_is_shared(self) -> None:
        market = prepared(Engine())
        engine = in_use(market)
        assert isinstance(engine, Engine)
        engine.world.share_phase = 1
        found = only(market.send(move_positions(ALICE, CHILD, [CHEAP])), e.Rejected)
        assert (found.reason, found.position) == (rejects.LOSS_SHARING, -1)

    def test_grants_do_not_allow_it(self, market: Market) -> None:
        found = only(market.send(move_positions(ALICE, CHILD, [CHEAP], grant=3)), e.Rejected)
        assert found.reason == rejects.NOT_AUTHORISED

    def test_shapes(self, market: Market) -> None:
        whole = move_positions(ALICE, CHILD, [CHEAP, PERPS])
        must_be_malformed(market, whole, (4, 36, 40, 48, 56, 68, 88, 100, 120))
        most = [CHEAP] * (limits.BLOCK_MOST + 1)
        found = only(market.send(move_positions(ALICE, CHILD, most)), e.Rejected)
        assert found.reason == rejects.MALFORMED

    @pytest.mark.parametrize("engine", [Engine, ReferenceEngine])
    def test_before_rules_5_there_is_none(self, engine: type[Engine | ReferenceEngine]) -> None:
        market = under_rules_3(Market(engine()))
        market.send(c.set_rules(4))
        found = only(market.send(move_positions(ALICE, CHILD, [CHEAP])), e.Rejected)
        assert (found.reason, found.position) == (rejects.MALFORMED, -1)
        several = block_trade(ALICE, 1, [BlockTrade(BOB, OPTION, 1, 12_000, CAROL)])
        assert only(market.send(several), e.Rejected).reason == rejects.MALFORMED

    def test_seats_made_are_gone(self, market: Market) -> None:
        refused(market, CHEAP, PERPS, destination=OTHER)
        assert [seats_of(market, account) for account in (CHILD, OTHER)] == [0, 0]

    def test_portfolio_accounts_are_booked_back_too(self, market: Market) -> None:
        tables = cr.table_stream([(OPTION, (-5, 0, 5)), (PERPETUAL, (-9, 0, 9))])
        market.send(cr.risk_snapshot(0, INDEX * MICRO, 5, [], 2, tables))
        for account in (ALICE, CHILD, OTHER):
            market.send(cr.set_margin_model(account, 1))
        dear = CHEAP._replace(per_lot_micro=20_000 * VALUE)
        assert refused(market, PERPS, dear, destination=OTHER) == ("negative_equity", OTHER, -1)
        assert isinstance(move(market, PERPS, dear)[-1], e.Done)
