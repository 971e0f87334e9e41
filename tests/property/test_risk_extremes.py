"""The engine against the reference where every figure is as large as its bound allows.

Random traffic cannot afford such portfolios, so the reference's world is filled by hand and the engine is
restored from its state: the most seats, all at the position limit, worth the most a position may be worth,
tables at their bound, the most open lots on both sides. Where 64 bits were too few, the engines would differ.
"""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import margin, resting
from tests.reference.accounts import Account, Order, Seat
from tests.reference.branches import MODELS
from tests.reference.differential import compare_batch, compare_margins, compare_state
from tests.reference.engine import ReferenceEngine
from tests.reference.funds import hold_per_lot
from tests.reference.risk_opening import CAROL, DAVE, PARAMETERS, more_accounts
from tests.reference.scenarios import ALICE, BOB, PERPETUAL
from tests.reference.toward_mark import last_price

PRICE_MICRO = limits.MAX_PRICE_MICRO
LOT_E8 = 10**6
PER_LOT_MICRO = -(-PRICE_MICRO * LOT_E8 // 10**8)
POSITION_LIMIT = limits.MAX_VALUE_MICRO // PER_LOT_MICRO
HARSH = PARAMETERS._replace(
    scenarios=5,
    extended_from=4,
    quantum_micro=1,
    sm_im_ppm=1_000_000,
    sm_floor_ppm=1_000_000,
    sm_mm_ppm=1_000_000,
    perp_im_ppm=1_000_000,
    perp_mm_ppm=1_000_000,
    uncovered_im_ppm=2_000_000,
    uncovered_mm_ppm=2_000_000,
    pm_mm_ppm=1_000_000,
    roll_ppm=250_000,
    shock_ppm=250_000,
    shock_threshold_micro=0,
    short_ppm=250_000,
    liquidation_fee_ppm=limits.MAX_FEE_PPM,
    liquidation_slice_micro=1 << 48,
    auction_discount_ppm=1_000_000,
    auction_ms=1,
)


def terms() -> list[c.InstrumentTerms]:
    """MAX_SEATS instruments: a perpetual, calls and puts of few strikes and expiries."""
    top_ticks = PRICE_MICRO // 10**6
    perpetual = PERPETUAL._replace(
        lot_e8=LOT_E8, position_limit_lots=POSITION_LIMIT, price_limit_ticks=top_ticks
    )
    made = [perpetual]
    for n in range(limits.MAX_SEATS - 1):
        kind = r.OPTION_CALL if n % 3 else r.OPTION_PUT
        strike = PRICE_MICRO if n % 2 else PRICE_MICRO // 2
        made.append(
            perpetual._replace(
                kind=r.KIND_OPTION, option_type=kind, strike_micro=strike, expiry_ms=10**9 + n % 5
            )
        )
    return made


def market() -> ReferenceEngine:
    """All listed, marked at the highest prices and tabled at their bound; four rich accounts."""
    engine = ReferenceEngine()
    listed = terms()
    made = [c.list_underlying(0, "BTC"), c.create_account(ALICE), c.create_account(BOB)]
    made += [c.deposit(n, limits.MAX_DEPOSIT_MICRO, n) for n in (ALICE, BOB)]
    made += [c.list_instrument(n, each) for n, each in enumerate(listed)]
    made += [more_accounts(CAROL), c.set_rules(2), cr.risk(0, HARSH), c.create_account(DAVE)]
    marks = [c.Mark(n, (-1) ** n * 10**9, PRICE_MICRO // 2, 0, PRICE_MICRO) for n in range(len(listed))]
    bound = limits.MAX_VALUE_MICRO // POSITION_LIMIT - 1
    rows = [(bound, -bound, bound // 2, bound, -bound), (-bound, bound, 0, -bound, bound)]
    stream = cr.table_stream((n, rows[n % 2]) for n in range(len(listed)))
    made.append(cr.risk_snapshot(0, PRICE_MICRO, 1, marks, len(listed), stream))
    engine.apply(b"".join(made))
    assert engine.world.instruments[-1].table
    return engine


def fill(engine: ReferenceEngine, *, aligned: bool, orders: bool) -> None:
    """Positions of ALICE against BOB at the limit everywhere; `orders` as many open lots as there may be."""
    world = engine.world
    alice, bob = world.accounts[ALICE], world.accounts[BOB]
    for n, instrument in enumerate(world.instruments):
        sign = 1 if n % 2 == 0 or aligned else -1
        for account, lots in ((alice, sign * POSITION_LIMIT), (bob, -sign * POSITION_LIMIT)):
            seat = account.seats[n] = Seat(instrument)
            seat.size_lots = lots
            seat.entry_value_micro = (limits.ENTRY_LIMIT - 1) * (1 if lots > 0 else -1)
        if orders:
            rest(engine, alice, instrument.id, is_sell=sign > 0)


def rest(engine: ReferenceEngine, account: Account, instrument_id: int, *, is_sell: bool) -> None:
    """An order of twice the position limit, against the position."""
    world = engine.world
    instrument = world.instruments[instrument_id]
    price = instrument.highest_price if is_sell else instrument.lowest_price
    order = Order(
        world.take_order_id(),
        account,
        account.seats[instrument_id],
        flags=r.FLAG_SELL if is_sell else 0,
        price_ticks=price,
        size_lots=2 * POSITION_LIMIT,
        open_lots=2 * POSITION_LIMIT,
        display_lots=0,
        hold_per_lot=hold_per_lot(world, account, instrument, is_sell, price),
        client_order_id=0,
        label=0,
        grant=0,
        created_ms=0,
    )
    resting.rest(world, order)


def probes() -> list[bytes]:
    """Commands that ask for every margin figure of both accounts."""
    order = c.new_order(CAROL, 0, 0, 1, 1)
    made = [c.withdraw(n, limits.MAX_DEPOSIT_MICRO, 1 + n) for n in (ALICE, BOB)]
    made += [c.new_order(n, 0, side, 2_000_000, 3) for n in (ALICE, BOB) for side in (0, 1)]
    made += [c.new_order(n, 7, side, 2_000_000, 3) for n in (ALICE, BOB) for side in (0, 1)]
    made += [order, c.cancel_many(ALICE, kind=r.KIND_PERPETUAL), cr.set_margin_model(BOB, 1)]
    made += [cr.risk_sweep(64, 16), cr.liquidate(BOB) + cr.liquidate(ALICE)]
    return made


@pytest.mark.parametrize(
    ("model", "aligned"),
    [(r.MODEL_STANDARD, True), (r.MODEL_PORTFOLIO, True), (r.MODEL_PORTFOLIO, False)],
)
def test_the_largest_portfolios(model: int, aligned: bool) -> None:
    reference = market()
    for account in (ALICE, BOB):
        reference.world.accounts[account].model = model
    fill(reference, aligned=aligned, orders=True)
    engine = Engine.restore(reference.state_bytes())
    compare_state(0, reference, engine)
    compare_margins(0, reference, engine)
    for batch in probes():
        compare_batch(0, reference, engine, batch)
    compare_state(0, reference, engine)


def test_the_largest_portfolio_is_taken_over() -> None:
    reference = market()
    fill(reference, aligned=False, orders=False)
    bob = reference.world.accounts[BOB]
    bob.liquidation = r.LIQUIDATION_AUCTION
    engine = Engine.restore(reference.state_bytes())
    batch = c.time(5) + cr.takeover(CAROL, BOB, 999_999, 1 << 62) + cr.takeover(CAROL, BOB, 1_000, 1 << 62)
    compare_batch(0, reference, engine, batch)
    compare_batch(0, reference, engine, cr.takeover(DAVE, BOB, 1_000, 1 << 62) + cr.liquidate(BOB) * 3)
    compare_state(0, reference, engine)


@pytest.mark.parametrize("model", [r.MODEL_STANDARD, r.MODEL_PORTFOLIO])
def test_the_largest_portfolio_closes_short_of_maintenance(model: int) -> None:
    judged: Counter[str] = Counter()
    for fifths in (1, 4):
        reference = market()
        fill(reference, aligned=False, orders=False)
        world = reference.world
        for account in (world.accounts[ALICE], world.accounts[BOB]):
            account.model = model
            for seat in account.seats.values():  # of which balances are made up instead
                seat.entry_value_micro = 0
            wanted = margin.maintenance_now(world, account) * fifths // 5
            account.cash_micro += wanted - margin.worth(account).balance
            assert abs(account.cash_micro) < limits.ACCUMULATION_LIMIT
        engine = Engine.restore(reference.state_bytes())
        compare_margins(0, reference, engine)
        for batch in ways_out(reference):
            compare_batch(0, reference, engine, batch)
        compare_state(0, reference, engine)
        judged += world.taken
    closing = [branch for branch in judged if branch.startswith("check 16: closing")]
    assert len(closing) > 1, judged
    assert all(MODELS[model] in branch for branch in closing)


def ways_out(reference: ReferenceEngine) -> list[bytes]:
    """Closing orders of both accounts: all or a lot, at the market, near the mark, at the worst price."""
    made = []
    for account, instrument, lots in product((ALICE, BOB), (0, 1), (POSITION_LIMIT,)):
        listed = reference.world.instruments[instrument]
        sell = reference.world.accounts[account].seats[instrument].size_lots > 0
        mark = last_price(listed, is_sell=sell)
        worst = listed.lowest_price if sell else listed.highest_price
        made.append(c.new_order(account, instrument, sell | r.TYPE_MARKET << r.TYPE_SHIFT, 0, lots))
        made += [c.new_order(account, instrument, sell, price, lots) for price in (mark, worst)]
        made.append(c.cancel_many(account))
    return [*made, cr.risk_sweep(64, 16), cr.liquidate(ALICE) * 2]
