"""Blocks: trades agreed elsewhere, all of them or none (docs/rules-3.md). A lot is 0.01 of the underlying."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from exchange.core.engine import Engine
from exchange.core.restoring import StateError
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits, rejects
from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, block_trade
from tests.reference.engine import ReferenceEngine
from tests.unit.core.bookings import (
    halted,
    halted_underlying,
    in_use,
    locked,
    must_be_malformed,
    must_hold_together,
    refusal,
    seats_of,
    venue_closed,
    volume_of,
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
    RISK,
    SELL,
    USDC,
    Market,
    last,
    of,
    only,
    under_rules_3,
)

VALUE = 10_000  # micro-USDC of a lot at a price of one tick


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> Market:
    return under_rules_3(Market(request.param()))


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def priced(request: pytest.FixtureRequest) -> Market:
    """The same with fees, and a band around the marks."""
    call = CALL._replace(maker_fee_ppm=200, taker_fee_ppm=500, band_ppm=100_000)
    perpetual = PERP._replace(maker_fee_ppm=200, taker_fee_ppm=500, band_ppm=100_000)
    return under_rules_3(Market(request.param(), call, perpetual))


def block(market: Market, *trades: BlockTrade, ident: int = 1, taker: int = ALICE) -> list[e.Event]:
    """Send one; what it did holds together."""
    events = market.send(block_trade(taker, ident, trades))
    must_hold_together(market)
    return events


def refused(market: Market, *trades: BlockTrade, ident: int = 1, taker: int = ALICE) -> tuple[str, int, int]:
    """Send one that is refused and leaves no trace: why, the detail, and which trade it was."""
    found = refusal(market, block_trade(taker, ident, trades))
    assert (found.command, found.head.id, found.head.account) == (r.BLOCK_TRADE, 0, taker)
    return rejects.REJECT_NAMES[found.reason], found.detail, found.position


class TestWhatHappens:
    def test_each_trade_is_a_match(self, priced: Market) -> None:
        before = [priced.balance(account) for account in (ALICE, BOB, CAROL)]
        trades = [BlockTrade(BOB, OPTION, 3, 12_100), BlockTrade(CAROL, PERPETUAL, -2, 49_990)]
        bought, sold, done = block(priced, *trades, ident=7)
        assert isinstance(bought, e.Trade)
        assert isinstance(sold, e.Trade)
        assert (bought.head.instrument, sold.head.instrument) == (OPTION, PERPETUAL)
        assert (bought.taker_account, bought.maker_account) == (ALICE, BOB)
        assert (sold.taker_account, sold.maker_account) == (ALICE, CAROL)
        assert {bought.taker_order_id, bought.maker_order_id, sold.taker_order_id, sold.maker_order_id} == {0}
        assert (bought.flags, sold.flags) == (r.TRADE_BLOCK, r.TRADE_BLOCK | r.FLAG_SELL)
        assert (bought.price_ticks, bought.size_lots) == (12_100, 3)
        assert (sold.price_ticks, sold.size_lots) == (49_990, 2)
        assert (bought.trade_id, sold.trade_id, bought.trade_seq, sold.trade_seq) == (1, 2, 1, 1)
        assert isinstance(done, e.Done)
        assert (done.command, done.affected) == (r.BLOCK_TRADE, 2)
        taken, made = INDEX * 5 * VALUE * 500 // MICRO, [3 * INDEX * 2, 2 * INDEX * 2]
        assert bought.taker_fee_micro + sold.taker_fee_micro == taken
        assert [bought.maker_fee_micro, sold.maker_fee_micro] == made
        premium = 3 * 12_100 * VALUE
        after = [priced.balance(account) for account in (ALICE, BOB, CAROL)]
        changes = [-premium - taken, premium - made[0], -made[1]]
        assert [a - b - 1 for a, b in zip(after, before, strict=True)] == changes

    def test_positions_are_there(self, market: Market) -> None:
        block(market, BlockTrade(BOB, PERPETUAL, 5, INDEX))
        events = market.order(ALICE, INDEX, 9, SELL | r.FLAG_REDUCE_ONLY, PERPETUAL)
        assert last(events, e.Order).open_lots == 5

    def test_an_id_grows(self, market: Market) -> None:
        trade = BlockTrade(BOB, OPTION, 1, 12_000)
        assert refused(market, trade, ident=0) == ("bad_id", 0, -1)
        assert refused(market, trade, ident=-5) == ("bad_id", 0, -1)
        block(market, trade, ident=9)
        assert refused(market, trade, ident=9) == ("bad_id", 9, -1)
        assert refused(market, trade, ident=8) == ("bad_id", 9, -1)
        assert refused(market, trade._replace(size_lots=0), ident=11) == ("bad_size", 0, 0)
        assert len(block(market, trade, ident=10)) == 2

    def test_the_most_trades(self, market: Market) -> None:
        trades = [BlockTrade(BOB, OPTION, 1 if n % 2 else -1, 12_000 + n) for n in range(limits.BLOCK_MOST)]
        events = block(market, *trades)
        assert [event.price_ticks for event in of(events, e.Trade)] == [trade.price_ticks for trade in trades]
        assert last(events, e.Done).affected == limits.BLOCK_MOST

    def test_one_side_at_a_loss_is_made_good_by_another_trade(self, market: Market) -> None:
        """Each trade alone is more than the taker could bear."""
        market.send(c.create_account(67))
        market.deposit(67, 1_000 * USDC)
        trades = [BlockTrade(BOB, PERPETUAL, 400, INDEX), BlockTrade(CAROL, PERPETUAL, -400, INDEX)]
        for trade in trades:
            assert refused(market, trade, taker=67) == ("insufficient_funds", 67, -1)
        assert len(block(market, *trades, taker=67)) == 3

    def test_volumes_count(self, market: Market) -> None:
        block(market, BlockTrade(BOB, OPTION, 3, 12_000), BlockTrade(BOB, PERPETUAL, -2, INDEX))
        for account in (ALICE, BOB):
            assert volume_of(market, account) == 5 * INDEX * VALUE

    def test_triggers_and_groups_see_nothing_of_it(self, market: Market) -> None:
        market.send(co.set_mmp(ALICE, 0, 0, co.MmpLimits(1_000, 0, 1_000_000, 0, 0, 10**12)))
        market.rests(ALICE, 11_000, 1, r.FLAG_MMP)
        last_price = co.Trigger(r.TRIGGER_STOP, r.SOURCE_LAST, 12_500 * MICRO)
        market.send(co.extended_order(CAROL, OPTION, IOC, 12_600, 1, trigger=last_price))
        events = block(market, BlockTrade(BOB, OPTION, 5, 12_600))
        assert [type(event) for event in events] == [e.Trade, e.Done]

    def test_due_orders_fire_behind_it_and_not_behind_a_refusal(self, market: Market) -> None:
        for n in range(limits.FIRE_MOST + 2):
            index = co.Trigger(r.TRIGGER_STOP, r.SOURCE_INDEX, (INDEX + 1) * MICRO)
            market.send(co.extended_order(CAROL, OPTION, IOC, 100 + n, 1, trigger=index))
        market.mark(index=INDEX + 1)
        assert refused(market, BlockTrade(BOB, OPTION, 0, 1))[0] == "bad_size"
        events = block(market, BlockTrade(BOB, OPTION, 1, 12_000))
        assert [type(event) for event in events] == [e.Trade, e.Done, e.Order, e.Order]


def _relative(market: Market) -> None:
    market.send(c.create_account(67, main=ALICE))


def _unmarked(market: Market) -> None:
    market.send(c.list_instrument(2, PERP))


def _unparametrised(market: Market) -> None:
    market.send(c.list_underlying(1, "ETH"), c.list_instrument(2, PERP._replace(underlying=1)))
    market.send(c.marks(1, INDEX * MICRO, 1, [c.Mark(2, 0, INDEX * MICRO, 0, INDEX * MICRO)]))


def _few_positions(account: int) -> Callable[[Market], None]:
    def cap(market: Market) -> None:
        market.send(cr.set_caps(account, 0, 1))

    return cap


def _open_orders(market: Market) -> None:
    for _ in range(20):
        market.deposit(BOB, limits.MAX_DEPOSIT_MICRO)
    market.rests(BOB, 12_000, 9_000, SELL)


GOOD = BlockTrade(BOB, OPTION, 2, 12_000)
OTHER = BlockTrade(CAROL, PERPETUAL, 3, INDEX)


class TestRefusals:
    @pytest.mark.parametrize(
        ("before", "why"),
        [(venue_closed, "venue_cancel_only"), (locked(ALICE), "account_locked")],
    )
    def test_of_all(self, market: Market, before: Callable[[Market], None], why: str) -> None:
        before(market)
        assert refused(market, GOOD, OTHER) == (why, 0, -1)

    @pytest.mark.parametrize("taker", [0, 1, 63, 67, 1 << 31])
    def test_of_a_taker_there_is_not(self, market: Market, taker: int) -> None:
        assert refused(market, GOOD, taker=taker) == ("unknown_account", 0, -1)

    @pytest.mark.parametrize(
        ("before", "trade", "why", "detail"),
        [
            (None, OTHER._replace(maker_account=63), "unknown_account", 0),
            (None, OTHER._replace(maker_account=67), "unknown_account", 0),
            (None, OTHER._replace(maker_account=(1 << 32) - 1), "unknown_account", 0),
            (None, OTHER._replace(maker_account=ALICE), "wrong_family", 0),
            (_relative, OTHER._replace(maker_account=67), "wrong_family", 0),
            (locked(CAROL), OTHER, "account_locked", 0),
            (None, OTHER._replace(instrument=2), "unknown_instrument", 0),
            (None, OTHER._replace(instrument=(1 << 32) - 1), "unknown_instrument", 0),
            (halted, OTHER, "instrument_not_open", 0),
            (_unmarked, OTHER._replace(instrument=2), "no_mark", 0),
            (_unparametrised, OTHER._replace(instrument=2), "no_risk", 0),
            (None, OTHER._replace(size_lots=0), "bad_size", 0),
            (None, OTHER._replace(size_lots=limits.MAX_ORDER_LOTS + 1), "bad_size", 0),
            (None, OTHER._replace(size_lots=-limits.MAX_ORDER_LOTS - 1), "bad_size", 0),
            (None, OTHER._replace(size_lots=-limits.I64_MAX - 1), "bad_size", 0),
            (None, OTHER._replace(price_ticks=0), "bad_price", 0),
            (None, OTHER._replace(price_ticks=500_001), "bad_price", 0),
            (None, OTHER._replace(size_lots=10_001), "position_limit", 0),
            (None, OTHER._replace(size_lots=-10_001), "position_limit", 0),
            (None, GOOD._replace(size_lots=9_999), "position_limit", 0),
            (_open_orders, GOOD._replace(size_lots=999), "position_limit", 0),
            (_few_positions(ALICE), OTHER, "too_many_seats", 0),
            (_few_positions(BOB), OTHER._replace(maker_account=BOB), "too_many_seats", 0),
        ],
    )
    def test_of_one_trade(
        self,
        market: Market,
        before: Callable[[Market], None] | None,
        trade: BlockTrade,
        why: str,
        detail: int,
    ) -> None:
        """The first trade is booked, then booked back with the seats made for it."""
        if before:
            before(market)
        assert refused(market, GOOD, trade) == (why, detail, 1)

    def test_of_an_underlying_that_is_not_open(self, market: Market) -> None:
        halted_underlying(market)
        assert refused(market, GOOD) == ("underlying_not_open", 0, 0)

    @pytest.mark.parametrize("lots", [1, -1])
    def test_prices_stay_within_the_band_whoever_buys(self, priced: Market, lots: int) -> None:
        highest, lowest = 55_000, 45_000
        trade = BlockTrade(BOB, PERPETUAL, lots, 0)
        assert refused(priced, trade._replace(price_ticks=highest + 1)) == ("price_too_high", highest, 0)
        assert refused(priced, trade._replace(price_ticks=lowest - 1)) == ("price_too_low", lowest, 0)
        assert len(block(priced, trade._replace(price_ticks=highest))) == 2
        assert len(block(priced, trade._replace(price_ticks=lowest), ident=2)) == 2

    def test_prices_between_ticks(self) -> None:
        steps = ((0, 1), (1_000, 5))
        market = under_rules_3(Market(Engine(), CALL._replace(tick_steps=steps)))
        assert refused(market, GOOD._replace(price_ticks=12_001)) == ("price_off_tick", 0, 0)

    def test_of_who_cannot_bear_it(self, market: Market) -> None:
        """The taker comes first, then makers as they are named."""
        market.send(c.create_account(67), c.create_account(68))
        poor, poorer = BlockTrade(67, PERPETUAL, 1, INDEX), BlockTrade(68, PERPETUAL, 1, INDEX)
        assert refused(market, GOOD, poorer, poor) == ("insufficient_funds", 68, -1)
        assert refused(market, GOOD, poor, poorer) == ("insufficient_funds", 67, -1)
        assert refused(market, GOOD, poor, taker=68) == ("insufficient_funds", 68, -1)
        dear = BlockTrade(67, PERPETUAL, -1, INDEX + 5_000)
        assert refused(market, GOOD, dear) == ("negative_equity", 67, -1)

    def test_open_orders_count_as_they_are(self, market: Market) -> None:
        market.send(c.create_account(67))
        market.deposit(67, 85 * USDC)
        cheap = BlockTrade(67, PERPETUAL, 1, INDEX)
        market.rests(67, 8_000, 1)
        assert refused(market, cheap) == ("insufficient_funds", 67, -1)
        market.send(c.cancel_many(67))
        assert len(block(market, cheap)) == 2

    def test_portfolio_accounts_are_booked_back_too(self, market: Market) -> None:
        tables = cr.table_stream([(OPTION, (-5, 0, 5)), (PERPETUAL, (-9, 0, 9))])
        market.send(cr.risk_snapshot(0, INDEX * MICRO, 5, [], 2, tables))
        market.send(cr.set_margin_model(ALICE, 1), cr.set_margin_model(BOB, 1))
        block(market, GOOD, BlockTrade(BOB, PERPETUAL, -1, INDEX))
        market.rests(ALICE, 11_000, 3)
        market.send(c.create_account(67))
        assert refused(market, OTHER, GOOD, BlockTrade(67, PERPETUAL, 1, INDEX), ident=2) == (
            "insufficient_funds",
            67,
            -1,
        )

    def test_grants_do_not_allow_it(self, market: Market) -> None:
        found = only(market.send(block_trade(ALICE, 1, [GOOD], grant=3)), e.Rejected)
        assert found.reason == rejects.NOT_AUTHORISED

    def test_shapes(self, market: Market) -> None:
        whole = block_trade(ALICE, 1, [GOOD, OTHER])
        must_be_malformed(market, whole, (4, 40, 48, 56, 88, 120))
        most = [GOOD] * (limits.BLOCK_MOST + 1)
        assert only(market.send(block_trade(ALICE, 1, most)), e.Rejected).reason == rejects.MALFORMED

    def test_before_rules_3_there_is_none(self) -> None:
        market = Market(Engine())
        market.send(c.set_rules(2), cr.risk(0, RISK))
        found = only(market.send(block_trade(ALICE, 1, [GOOD])), e.Rejected)
        assert (found.reason, found.position) == (rejects.MALFORMED, -1)

    def test_the_next_refusal_is_of_no_trade(self, market: Market) -> None:
        refused(market, GOOD, GOOD._replace(size_lots=0))
        assert only(market.order(ALICE, 0, 1), e.Rejected).position == -1


CHILD = 67


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def family(request: pytest.FixtureRequest) -> Market:
    """Under rules 5, with a subaccount of Alice's that has money, and fees."""
    listed = [terms._replace(maker_fee_ppm=200, taker_fee_ppm=500) for terms in (CALL, PERP)]
    market = under_rules_3(Market(request.param(), *listed))
    market.send(c.set_rules(4), c.set_rules(5), c.create_account(CHILD, main=ALICE))
    market.deposit(CHILD, 1_000_000 * USDC)
    return market


class TestSeveralTakers:
    def test_a_trade_is_of_the_taker_it_names(self, family: Market) -> None:
        trades = [GOOD._replace(taker_account=CHILD), OTHER, OTHER._replace(taker_account=ALICE)]
        first, second, third = of(block(family, *trades), e.Trade)
        assert [trade.taker_account for trade in (first, second, third)] == [CHILD, ALICE, ALICE]
        assert first.taker_fee_micro > 0
        assert (volume_of(family, CHILD), volume_of(family, ALICE)) == (2 * INDEX * VALUE, 6 * INDEX * VALUE)
        assert (seats_of(family, CHILD), seats_of(family, ALICE)) == (1, 1)
        taker_of_none = block(family, GOOD._replace(taker_account=CHILD), ident=2)
        assert only(taker_of_none[:1], e.Trade).taker_account == CHILD

    @pytest.mark.parametrize(
        ("before", "taker", "why"),
        [
            (None, 63, "unknown_account"),
            (None, 69, "unknown_account"),
            (None, CAROL, "wrong_family"),
            (None, BOB, "wrong_family"),
            (locked(CHILD), CHILD, "account_locked"),
        ],
    )
    def test_a_taker_that_may_not(
        self, family: Market, before: Callable[[Market], None] | None, taker: int, why: str
    ) -> None:
        if before:
            before(family)
        unknown_maker = GOOD._replace(taker_account=taker, maker_account=3)
        assert refused(family, OTHER, unknown_maker) == (why, 0, 1)

    def test_all_takers_are_asked_before_the_makers(self, family: Market) -> None:
        family.send(c.create_account(68), c.create_account(69, main=ALICE))
        poor = BlockTrade(68, PERPETUAL, 1, INDEX)
        assert refused(family, poor, GOOD._replace(taker_account=69)) == ("negative_equity", 69, -1)
        family.send(c.create_account(70, main=ALICE))
        trades = [GOOD._replace(taker_account=70), GOOD._replace(taker_account=69)]
        assert refused(family, *trades) == ("negative_equity", 70, -1)
        # Who has no trade of its own is not asked.
        assert len(block(family, GOOD._replace(taker_account=CHILD), taker=69)) == 2

    def test_a_taker_of_the_same_family_is_no_maker(self, family: Market) -> None:
        own = BlockTrade(CHILD, OPTION, 1, 12_000, ALICE)
        assert refused(family, own) == ("wrong_family", 0, 0)

    def test_the_upper_half_of_the_word_is_zero(self, family: Market) -> None:
        raw = bytearray(block_trade(ALICE, 1, [GOOD]))
        raw[64 + 28] = 1
        assert only(family.send(bytes(raw)), e.Rejected).reason == rejects.MALFORMED


class TestState:
    def test_the_last_id_is_its_last_word(self, market: Market) -> None:
        block(market, GOOD, ident=77)
        state = in_use(market).state_bytes()
        assert struct.unpack("<q", state[-8:]) == (77,)
        restored = Market.__new__(Market)
        restored.engine = Engine.restore(state)
        assert refused(restored, GOOD, ident=77) == ("bad_id", 77, -1)
        with pytest.raises(StateError, match="last block"):
            Engine.restore(state[:-8] + struct.pack("<q", -1))

    def test_seats_made_are_gone(self, market: Market) -> None:
        market.send(c.create_account(67))
        refused(market, OTHER, GOOD, BlockTrade(67, PERPETUAL, 1, INDEX))
        assert [seats_of(market, account) for account in (ALICE, BOB, CAROL, 67)] == [0, 0, 0, 0]
