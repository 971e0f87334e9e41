"""Scripted streams under rules 2 to limits that random traffic does not reach."""

from __future__ import annotations

from collections.abc import Iterator

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.corner_scenarios import CORNER_SCENARIOS
from tests.reference.crowd_scenarios import CROWD_SCENARIOS
from tests.reference.risk_opening import CAROL, DAVE, PARAMETERS, activation, marked, more_accounts
from tests.reference.scenarios import ALICE, BOB, INDEX_MICRO, OPTION, PERPETUAL, opening, order

SELL = r.FLAG_SELL
DEEP = limits.MAX_SWEEP
USDC = 10**6


def families() -> Iterator[bytes]:
    """The most subaccounts of a main account, one more, one of a subaccount, one of nobody."""
    yield opening(PERPETUAL) + activation()
    first = BOB + 1
    for n in range(limits.MAX_SUBACCOUNTS + 1):
        yield c.create_account(first + n, main=ALICE) + cr.transfer(ALICE, first + n, 10 + n, n)
    last = first + limits.MAX_SUBACCOUNTS
    yield b"".join(c.create_account(last, main=main) for main in (first, 7, BOB))
    yield cr.transfer(first, first + 1, 11, 1) + cr.transfer(first, first + 1, 10, 1)
    itself = cr.transfer(first + 1, first + 1, 1, 1)
    yield cr.transfer(first, last, 1, 1) + itself + cr.transfer(first, 3, 1, 1)


def refused() -> Iterator[bytes]:
    """Refusals one by one, each of a command that is nearly good."""
    dry = PERPETUAL._replace(underlying=1)
    yield opening(PERPETUAL, OPTION) + c.list_underlying(1, "DRY") + c.list_instrument(2, dry)
    yield c.marks(1, INDEX_MICRO, 1, [c.Mark(2, 0, INDEX_MICRO, 0, INDEX_MICRO)])
    yield order(ALICE, 2, 50_000, 2, SELL) + order(BOB, 2, 50_000, 2) + order(BOB, 2, 49_000, 1)
    yield activation() + c.withdraw(ALICE, 1, 7) + c.withdraw(ALICE, 1, 7)
    yield c.header(r.SET_LOCK, 1, flags=2, account=BOB)
    yield c.create_account(CAROL, main=ALICE) + c.create_account(DAVE) + c.deposit(CAROL, 5 * 10**8, 50)
    yield order(ALICE, 2, 50_000, 1) + c.mass_quote(ALICE, [c.Quote(2, 49_000, 1, 51_000, 1)])
    yield c.amend(BOB, 3, price_ticks=48_000) + c.amend(BOB, 3, size_lots=2) + c.cancel(BOB, 3)
    yield cr.set_margin_model(BOB, 1) + cr.risk_snapshot(1, INDEX_MICRO, 2, [], 0, b"")
    nobody = DAVE + 1
    yield cr.set_lock(nobody, True) + cr.set_tier(nobody, 1) + cr.set_caps(nobody, 1, 1)
    yield cr.share_loss(nobody, 1) + cr.liquidate(nobody) + cr.set_margin_model(nobody, 1)
    yield c.withdraw(nobody, 1, 1) + c.withdraw(ALICE, 1, 8)
    yield c.deposit(DAVE, 10**9, 51) + order(DAVE, 0, 49_000, 10) + c.amend(DAVE, 4, size_lots=2_000)
    yield order(ALICE, 0, 49_000, 5) + cr.set_lock(ALICE, True) + order(ALICE, 0, 49_000, 5)
    yield c.amend(ALICE, 5, size_lots=6) + c.mass_quote(ALICE, [c.Quote(0, 49_000, 1)]) + c.cancel_many(ALICE)
    yield cr.transfer(ALICE, CAROL, 1, 1) + c.withdraw(ALICE, 1, 1) + cr.set_margin_model(ALICE, 1)
    yield cr.takeover(ALICE, BOB, 1, 1) + cr.set_lock(ALICE, False) + cr.transfer(ALICE, CAROL, 1, 1)
    yield order(CAROL, 1, 1_000, 5, SELL) + order(ALICE, 1, 1_000, 5) + cr.set_margin_model(CAROL, 1)
    yield order(CAROL, 1, 1_000, 3, SELL) + c.cancel_many(CAROL)
    yield cr.risk_snapshot(0, INDEX_MICRO * 5, 2, [c.Mark(1, 10**9, 2 * 10**11, 0, 2 * 10**11)], 0, b"")
    yield order(CAROL, 1, 200_000, 5, SELL) + order(CAROL, 0, 1, 1) + c.withdraw(CAROL, 1, 2)
    yield order(CAROL, 1, 200_000, 2) + c.mass_quote(CAROL, [c.Quote(1, 200_000, 1)])
    yield c.marks(0, INDEX_MICRO * 51, 3, []) + c.marks(0, INDEX_MICRO // 3, 3, [])
    yield c.cancel_many(CAROL) + cr.set_margin_model(CAROL, 0)
    yield cr.risk(0, PARAMETERS._replace(roll_ppm=-1)) + cr.risk(7, PARAMETERS)
    bad_fees = cr.set_fees([cr.FeeTier(-2, 1, 0, 0)])
    yield cr.set_underlying_state(7, 0) + c.create_account(nobody + 1) + bad_fees
    for state in (1, 2):
        quote = c.mass_quote(ALICE, [c.Quote(0, 9, 1)])
        yield cr.set_underlying_state(0, state) + order(ALICE, 0, 49_000, 5) + quote
    yield cr.set_underlying_state(0, 0) + c.set_mode(1) + cr.risk_sweep(64, 1) + cr.liquidate(ALICE)
    yield cr.takeover(ALICE, BOB, 1, 1) + cr.share_loss(ALICE, 1)
    yield c.list_instrument(3, OPTION) + c.set_instrument_state(3, r.STATE_DELISTED)
    ended = c.Mark(3, 0, 1, 0, INDEX_MICRO)
    low, high = INDEX_MICRO // 2, INDEX_MICRO * 11 // 2
    for index, mark, forward in ((high, low - 1, high), (high, high, low - 1), (low, high + 5, low)):
        unit = c.Mark(0, 0, mark, 0, forward)
        yield c.marks(0, index, 3, [unit]) + cr.risk_snapshot(0, index, 3, [unit, ended], 0, b"")
    put = c.Mark(4, 0, 10**9 + 1, 0, high)
    terms = OPTION._replace(option_type=r.OPTION_PUT, strike_micro=10**9)
    yield c.list_instrument(4, terms) + c.marks(0, high, 3, [put])
    yield c.marks(0, high, 3, [put._replace(mark_micro=10**9)])
    yield c.marks(0, high, 4, [ended]) + cr.risk_snapshot(0, high, 4, [ended], 0, b"")


def many_cancelled() -> Iterator[bytes]:
    """An account below maintenance with 130 open orders: three steps of cancels, then its position."""
    yield opening(PERPETUAL) + more_accounts(CAROL, amount_micro=3_310 * USDC) + activation()
    yield order(ALICE, 0, 50_000, 200, SELL) + order(CAROL, 0, 50_000, 200)
    yield b"".join(order(CAROL, 0, 1 + n, 1) for n in range(130))
    yield marked(2, 45_000_000_000) + cr.risk_sweep(64, DEEP) + order(CAROL, 0, 5, 1)
    yield order(BOB, 0, 44_990, 150) + cr.liquidate(CAROL) * 8
    model = cr.set_margin_model(CAROL, 1)
    yield c.cancel_many(CAROL) + c.withdraw(CAROL, 1, 9) + model + cr.risk_sweep(64, 3)
    yield order(BOB, 0, 44_985, 150) + cr.liquidate(CAROL) * 4 + cr.share_loss(CAROL, 1) * 8


def accumulation() -> Iterator[bytes]:
    """Funding moves 2⁶¹: transfers and takeovers are refused, then the largest deficit is shared."""
    terms = PERPETUAL._replace(position_limit_lots=1 << 10)
    yield opening(terms) + more_accounts(CAROL, DAVE) + activation()
    yield c.create_account(DAVE + 1, main=ALICE) + cr.transfer(ALICE, DAVE + 1, 10**12, 1)
    lots = 1 << 10
    yield order(ALICE, 0, 50_000, lots, SELL) + order(BOB, 0, 50_000, lots)
    rate = limits.MAX_VALUE_MICRO >> 10
    rounds = limits.CASH_LIMIT // limits.MAX_VALUE_MICRO + 2
    for first in range(0, rounds, 512):
        yield c.funding(0, rate) * min(512, rounds - first)
        yield order(ALICE, 0, 50_000, 1) + cr.transfer(DAVE + 1, ALICE, 5, 1) + order(BOB, 0, 50_000, 1, SELL)
    yield c.withdraw(ALICE, 1, 1) + cr.resolve_withdrawal(1, 1)
    yield cr.risk_sweep(64, DEEP) + cr.liquidate(BOB) * 3
    yield cr.takeover(ALICE, BOB, 10**6, 1 << 60) + cr.takeover(CAROL, BOB, 10**6, 1 << 60)
    yield order(CAROL, 0, 49_990, lots) + cr.liquidate(BOB) * 4
    for _ in range(6):
        yield cr.share_loss(BOB, 2) + cr.liquidate(BOB) + cr.share_loss(CAROL, 1)
    yield cr.liquidate(BOB) + c.deposit(limits.ACCOUNT_INSURANCE, limits.MAX_DEPOSIT_MICRO, 10_000)
    yield cr.liquidate(BOB) * 2 + cr.share_loss(BOB, DEEP) * 4


def takeovers() -> Iterator[bytes]:
    """Takeovers refused for seats, limits, an underlying without parameters; one in two halves."""
    dry = PERPETUAL._replace(underlying=1)
    terms = (PERPETUAL._replace(position_limit_lots=300), OPTION, OPTION._replace(option_type=r.OPTION_PUT))
    yield opening(*terms) + more_accounts(CAROL, amount_micro=6 * 10**9) + more_accounts(DAVE)
    yield more_accounts(DAVE + 1, amount_micro=1)
    yield c.list_underlying(1, "DRY") + c.list_instrument(3, dry)
    yield c.marks(1, INDEX_MICRO, 1, [c.Mark(3, 0, INDEX_MICRO, 0, INDEX_MICRO)])
    yield order(ALICE, 3, 50_000, 2, SELL) + order(CAROL, 3, 50_000, 2) + activation()
    for n, price, lots in ((0, 50_000, 80), (1, 1_000, 20), (2, 1_000, 20)):
        side = 0 if n == 0 else SELL
        yield order(ALICE, n, price, lots, SELL - side) + order(CAROL, n, price, lots, side)
    down = 43_000_000_000
    yield c.marks(0, down, 2, [c.Mark(0, 0, down, 0, down), c.Mark(1, 10**8, 10**9, 0, down)])
    yield cr.risk_sweep(64, DEEP) + cr.liquidate(CAROL) * 6 + c.time(2_000)
    yield cr.takeover(DAVE, CAROL, 500_000, 1 << 60) + cr.risk(1, PARAMETERS)
    yield cr.set_caps(DAVE, 0, 2) + cr.takeover(DAVE, CAROL, 500_000, 1 << 60) + cr.set_caps(DAVE, 0, 0)
    yield order(DAVE, 0, 40_000, 270) + cr.takeover(DAVE, CAROL, 500_000, 1 << 60) + c.cancel_many(DAVE)
    yield cr.takeover(DAVE, CAROL, 500_000, -(10**12)) + cr.takeover(DAVE, CAROL, 1, 1 << 60)
    yield cr.takeover(DAVE + 1, CAROL, 10**6, 1 << 60)
    own = cr.takeover(CAROL, CAROL, 10**6, 0)
    yield own + cr.takeover(DAVE, 3, 10**6, 0) + cr.takeover(DAVE, BOB, 10**6, 0)
    yield cr.takeover(DAVE, CAROL, 500_000, 1 << 60) + cr.liquidate(CAROL) + c.time(30_000)
    yield cr.takeover(DAVE, CAROL, 10**6, 1 << 60) + cr.liquidate(CAROL) * 3 + cr.risk_sweep(64, DEEP)


def uneven_spreads() -> Iterator[bytes]:
    """Spreads that get no relief while another lot size, or a strike beyond all bounds, is among them."""
    put = OPTION._replace(option_type=r.OPTION_PUT)
    far = put._replace(strike_micro=4 * 10**12, position_limit_lots=6_000, price_limit_ticks=4 * 10**6)
    coarse = OPTION._replace(lot_e8=2_000_000, position_limit_lots=10_000)
    yield opening(OPTION, OPTION._replace(strike_micro=42_000_000_000), far, coarse) + activation()
    yield more_accounts(CAROL, DAVE, amount_micro=4 * 10**9)
    for account, other in ((CAROL, 2), (DAVE, 3)):
        yield order(ALICE, 0, 1_000, 20) + order(account, 0, 1_000, 20, SELL)
        yield order(BOB, 1, 1_000, 20, SELL) + order(account, 1, 1_000, 20)
        yield order(BOB, other, 1_000, 1, SELL) + order(account, other, 1_000, 1)
        yield order(account, other, 1_000, 1, SELL) + order(BOB, other, 1_000, 1)


def many_accounts() -> Iterator[bytes]:
    """Four hundred accounts of both models swept at once after falls that make more and more of them fall."""
    put = OPTION._replace(option_type=r.OPTION_PUT)
    yield opening(PERPETUAL, OPTION, put) + activation()
    stream = cr.table_stream([(0, (-30_000, 30_000)), (1, (-5_000, 9_000)), (2, (8_000, -4_000))])
    yield cr.risk_snapshot(0, INDEX_MICRO, 2, [], 3, stream)
    crowd = range(CAROL, CAROL + 400)
    yield b"".join(_one_of_a_crowd(n, account) for n, account in enumerate(crowd))
    for n, index in enumerate((49_000, 52_000, 46_000, 40_000, 61_000)):
        micro = index * 10**6
        forward = micro - 10**6
        units = [c.Mark(0, 0, micro, 0, forward), c.Mark(1, 7 * 10**8, 10**9 * (1 + n), 0, forward)]
        sweeps = cr.risk_sweep(64 + 7 * n, 130) + cr.risk_sweep(64, DEEP) + cr.risk_sweep(CAROL + 255, 1)
        book = order(BOB, 0, index - 50, 20) + order(ALICE, 0, index + 50, 20, SELL)
        steps = b"".join(cr.liquidate(account) for account in crowd[:: 3 + n])
        yield cr.risk_snapshot(0, micro, 3 + n, units, 0, b"") + sweeps + book + steps
    yield b"".join(cr.liquidate(account) for account in crowd) * 5
    yield c.time(9_000) + b"".join(cr.takeover(ALICE, account, 10**6, 1 << 60) for account in crowd)
    yield b"".join(cr.liquidate(account) * 2 + cr.share_loss(account, 150) * 7 for account in crowd)


def _one_of_a_crowd(n: int, account: int) -> bytes:
    """An account with a perpetual, an option and an order; every other one of the portfolio model."""
    made = [more_accounts(account, amount_micro=(150 + n) * 10**6)]
    if n % 2:
        made.append(cr.set_margin_model(account, r.MODEL_PORTFOLIO))
    lots, side, other = 1 + n % 7, SELL if n % 3 == 0 else 0, 1 + n % 2
    made += [order(ALICE, 0, 50_000, lots, SELL - side), order(account, 0, 50_000, lots, side)]
    made += [order(BOB, other, 1_000, 2, side), order(account, other, 1_000, 2, SELL - side)]
    made += [order(account, 0, 30_000 + n, 1), c.cancel_many(ALICE), c.cancel_many(BOB)]
    return b"".join(made)


def closing() -> Iterator[bytes]:
    """Selling the covering leg of a spread closes a position, yet needs more margin: if it is there."""
    higher = OPTION._replace(strike_micro=42_000_000_000)
    yield opening(OPTION, higher) + activation()
    for account, amount in ((CAROL, 2_800_000_000), (DAVE, 3_200_000_000)):
        yield more_accounts(account, amount_micro=4 * 10**9)
        yield order(ALICE, 0, 1_000, 20) + order(account, 0, 1_000, 20, SELL)
        yield order(BOB, 1, 1_000, 20, SELL) + order(account, 1, 1_000, 20)
        yield c.withdraw(account, amount, account)
        yield order(account, 1, 1_000, 5, SELL) + order(account, 1, 1_000, 5, SELL | r.FLAG_REDUCE_ONLY)
        yield order(account, 0, 1_000, 5) + c.mass_quote(account, [c.Quote(1, 1, 0, 1_100, 3)])


def neutral() -> Iterator[bytes]:
    """A liquidation that finds nothing to hedge, and a slice that changes nothing, which is sent."""
    yield opening(PERPETUAL, PERPETUAL, OPTION) + c.set_rules(2)
    mild = PARAMETERS._replace(liquidation_band_ppm=0, liquidation_fee_ppm=0)
    yield cr.risk(0, mild) + more_accounts(CAROL, amount_micro=125 * 10**7) + cr.set_margin_model(CAROL, 1)
    yield order(ALICE, 2, 1_000, 2, SELL) + order(CAROL, 2, 1_000, 2)
    yield cr.risk_snapshot(0, INDEX_MICRO, 2, [], 1, cr.table_stream([(2, (0, 0))]))
    yield order(ALICE, 0, 50_000, 40, SELL) + order(CAROL, 0, 50_000, 40)
    yield order(ALICE, 1, 50_000, 40) + order(CAROL, 1, 50_000, 40, SELL)
    yield c.marks(0, INDEX_MICRO, 3, [c.Mark(0, 0, 47_500_000_000, 0, INDEX_MICRO)]) + cr.risk_sweep(64, DEEP)
    yield order(BOB, 0, 47_500, 5) + order(BOB, 1, 50_000, 5, SELL) + order(BOB, 2, 1_000, 1)
    yield cr.liquidate(CAROL) * 9


def shared_late() -> Iterator[bytes]:
    """Payers have less when they are to pay than when the shares were reckoned, by funding and by trading.

    Who lost it all pays nothing; what is missing then is less, and is shared once more.
    """
    yield opening(PERPETUAL, OPTION) + more_accounts(CAROL, DAVE, DAVE + 1, amount_micro=2_000 * USDC)
    yield more_accounts(DAVE + 2, DAVE + 3, amount_micro=10_000 * USDC) + activation()
    for account, lots in ((CAROL, 100), (DAVE, 1), (DAVE + 1, 2)):
        yield order(ALICE, 0, 50_000, lots, SELL) + order(account, 0, 50_000, lots)
    yield c.withdraw(ALICE, limits.MAX_DEPOSIT_MICRO - 100_000 * USDC, 1)
    yield c.withdraw(BOB, limits.MAX_DEPOSIT_MICRO - 10_000 * USDC, 2)
    yield marked(2, 45_000 * USDC) + order(BOB, 0, 44_990, 100)
    yield cr.risk_sweep(64, DEEP) + cr.liquidate(CAROL) * 3
    yield cr.share_loss(CAROL, 3) + cr.share_loss(CAROL, 2) + cr.share_loss(CAROL, DEEP)
    # Of 2,000 DAVE keeps 10, DAVE + 1 comes to owe 1,980; DAVE + 2 buys options for all but 100.
    yield c.funding(0, 1_990 * USDC) + order(ALICE, 1, 1_000, 990, SELL) + order(DAVE + 2, 1, 1_000, 990)
    yield c.withdraw(DAVE + 3, 1, 3) + c.deposit(CAROL, 5, 900) + cr.share_loss(CAROL, 1) * 4
    yield cr.share_loss(CAROL, DEEP) + cr.liquidate(CAROL) + cr.share_loss(CAROL, DEEP) * 3


def entry_limit() -> Iterator[bytes]:
    """A bidder whose entry value has passed ENTRY_LIMIT takes nothing over."""
    yield opening(PERPETUAL) + more_accounts(CAROL, amount_micro=4 * 10**9) + activation()
    yield order(ALICE, 0, 50_000, 300, SELL) + order(CAROL, 0, 50_000, 300)
    top, lots = PERPETUAL.price_limit_ticks, PERPETUAL.position_limit_lots - 300
    for _ in range(limits.ENTRY_LIMIT // (top * lots * PERPETUAL.multiplier_micro) + 2):
        yield order(BOB, 0, top, lots, SELL) + order(ALICE, 0, top, lots)
        yield order(BOB, 0, 1, lots) + order(ALICE, 0, 1, lots, SELL)
    yield marked(2, 45_000_000_000) + cr.risk_sweep(64, DEEP) + cr.liquidate(CAROL) * 3
    yield cr.takeover(BOB, CAROL, 10**6, 1 << 60) + order(BOB, 0, 50_000, 1)
    yield c.settle_perpetual(0, 45_000) + cr.takeover(BOB, CAROL, 10**6, 1 << 60) + cr.liquidate(CAROL) * 3


def volume() -> Iterator[bytes]:
    """Traded notional stops counting at 2⁶⁰, and fees follow the tiers at one lot too."""
    lots = 6_400
    terms = PERPETUAL._replace(position_limit_lots=lots, price_limit_ticks=4_000_000)
    yield opening(terms) + activation()
    top = 4_000_000_000_000
    for n, factor in enumerate((8, 64)):
        yield marked(2 + n, INDEX_MICRO * factor)
    yield cr.set_fees([cr.FeeTier(-5, 5, -7, 7), cr.FeeTier(0, 9, 1, 7)]) + cr.set_tier(BOB, 7)
    yield marked(4, top)
    yield order(ALICE, 0, 4_000_000, lots, SELL) + order(BOB, 0, 4_000_000, lots)
    for n in range(limits.MAX_VOLUME_MICRO // (top // 100 * 2 * lots) + 2):
        side = SELL if n % 2 else 0
        yield order(ALICE, 0, 4_000_000, 2 * lots, side) + order(BOB, 0, 4_000_000, 2 * lots, SELL - side)
    yield order(ALICE, 0, 4_000_000, 1) + order(BOB, 0, 4_000_000, 1, SELL)


def large_portfolios() -> Iterator[bytes]:
    """Two accounts, one of each model, at the position limit in sixty instruments, tables at their bound."""
    put = OPTION._replace(option_type=r.OPTION_PUT)
    made = [PERPETUAL, *(each._replace(expiry_ms=10**6 + n % 7) for n in range(30) for each in (OPTION, put))]
    lots = 4_000
    made = [each._replace(position_limit_lots=lots) for each in made]
    yield opening(*made) + activation() + cr.set_margin_model(ALICE, r.MODEL_PORTFOLIO)
    bound = limits.MAX_VALUE_MICRO // lots // PARAMETERS.quantum_micro - 1
    stream = cr.table_stream((n, (bound, -bound)) for n in range(len(made)))
    yield cr.risk_snapshot(0, INDEX_MICRO, 100, [], len(made), stream)
    over = cr.table_stream([(0, (1, 0))])
    yield cr.risk_snapshot(0, INDEX_MICRO, 101, [], 1, over)
    for n, each in enumerate(made):
        price = 50_000 if each.kind == r.KIND_PERPETUAL else 1_000
        side = SELL if n % 3 else 0
        yield order(ALICE, n, price, lots, side) + order(BOB, n, price, lots, SELL - side)
    yield c.withdraw(ALICE, limits.MAX_DEPOSIT_MICRO, 1) + c.withdraw(BOB, limits.MAX_DEPOSIT_MICRO, 2)
    yield cr.set_margin_model(ALICE, 0) + cr.set_margin_model(BOB, 1) + cr.risk_sweep(64, DEEP)
    low = INDEX_MICRO // 9
    yield cr.risk_snapshot(0, low, 102, [c.Mark(0, 0, low, 0, low)], 0, b"") + cr.risk_sweep(64, DEEP)
    yield c.withdraw(ALICE, 10**15, 1) + c.withdraw(BOB, 10**15, 2)


def pending_withdrawals() -> Iterator[bytes]:
    """The most withdrawals pending, one more, one resolved, one more again."""
    yield opening(PERPETUAL) + activation()
    each, count = limits.MAX_PENDING_PER_ACCOUNT, limits.MAX_PENDING_WITHDRAWALS
    for first in range(0, count, 512):
        accounts = range(CAROL + first // each, CAROL + (first + 512) // each)
        yield more_accounts(*accounts, amount_micro=each + 1)
        yield b"".join(c.withdraw(CAROL + n // each, 1, n + 1) for n in range(first, first + 512))
    yield c.withdraw(CAROL, 1, count + 1)
    yield c.withdraw(BOB, 1, count + 1) + cr.resolve_withdrawal(5, 0) + c.withdraw(BOB, 1, count + 1)


RISK_SCENARIOS = {
    "refused": refused,
    "families": families,
    "many_cancelled": many_cancelled,
    "accumulation": accumulation,
    "takeovers": takeovers,
    "uneven_spreads": uneven_spreads,
    "many_accounts": many_accounts,
    "closing": closing,
    "neutral": neutral,
    "shared_late": shared_late,
    "entry_limit": entry_limit,
    "volume": volume,
    "large_portfolios": large_portfolios,
    "pending_withdrawals": pending_withdrawals,
    **CROWD_SCENARIOS,
    **CORNER_SCENARIOS,
}
