"""Scripted streams under rules 2 into single corners: families, torn spreads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.bound_scenarios import BOUND_SCENARIOS
from tests.reference.losing_scenarios import LOSING_SCENARIOS
from tests.reference.risk_opening import (
    CAROL,
    DAVE,
    Stream,
    activation,
    in_few_batches,
    marked,
    more_accounts,
)
from tests.reference.scenarios import ALICE, BOB, INDEX_MICRO, OPTION, PERPETUAL, opening, order

SELL = r.FLAG_SELL
DEEP = limits.MAX_SWEEP
IOC = r.TIF_IOC << r.TIF_SHIFT
USDC = 10**6


# --- families ------------------------------------------------------------------------------------------

LOSER_USDC = 1_100  # of 100 lots bought at 50,000; at 48,000 some 910 are missing
# What the main account and two more subaccounts have, and the fund: who pays in the end?
FAMILIES = (
    ((5_000, 0, 0), 0),
    ((100, 0, 5_000), 0),
    ((100, 50, 300), 2_000),
    ((100, 50, 0), 0),
    ((0, 0, 0), 1_000),
)


def families_pay() -> Iterator[bytes]:
    """Families of four, one of which loses more than it has; the others have more or less, or nothing."""
    yield opening(PERPETUAL) + activation()
    first = CAROL
    for means, _ in FAMILIES:
        yield b"".join(_family(first, means))
        first += 4
    main = CAROL
    # Of the second family one holds its money in a far order, the third's second subaccount goes down
    # as well, the fourth's is under water but not swept.
    yield order(main + 7, 0, 1, 480) + _goes_long(main + 10) + _goes_long(main + 14)
    yield cr.set_lock(main, True) + cr.set_margin_model(main + 6, r.MODEL_PORTFOLIO)
    yield marked(2, 48_000 * USDC) + c.withdraw(main + 4, 1, 1) + cr.transfer(main + 7, main + 4, 1, 1)
    yield cr.risk_sweep(main, 14) + c.withdraw(main + 4, 1, 1) + c.withdraw(main + 12, 1, 1)
    yield order(BOB, 0, 47_990, 2_000)
    for n, (_, fund_usdc) in enumerate(FAMILIES):
        if fund_usdc:
            yield c.deposit(limits.ACCOUNT_INSURANCE, fund_usdc * USDC, 1_000 + n)
        yield b"".join(cr.liquidate(main + 4 * n + m) for m in (1, 1, 1, 2, 2, 3, 3, 1, 0))
    yield cr.risk_sweep(64, DEEP) + b"".join(cr.liquidate(account) * 3 for account in range(main, first))
    yield cr.set_lock(main, False)
    for account in range(main, first):
        yield cr.share_loss(account, 2) + c.withdraw(main, 1, 9) + cr.transfer(main, main + 1, 1, 9)
        yield cr.share_loss(account, DEEP) + cr.share_loss(account, 3) + c.withdraw(main, 1, 9)
        yield cr.share_loss(account, DEEP) + c.withdraw(main, 1, 10 + account)
    yield cr.takeover(main, main + 1, 10**6, 1 << 60)


def _family(main: int, means_usdc: tuple[int, ...]) -> Iterator[bytes]:
    """The main account, the one that will lose, and two more."""
    amounts = (means_usdc[0], LOSER_USDC, *means_usdc[1:])
    for n, amount in enumerate(amounts):
        yield c.create_account(main + n, main=main if n else 0)
        if amount:
            yield c.deposit(main + n, amount * USDC, 100 + main + n)
    yield order(ALICE, 0, 50_000, 100, SELL) + order(main + 1, 0, 50_000, 100)


def _goes_long(account: int) -> bytes:
    money = c.deposit(account, LOSER_USDC * USDC, 500 + account)
    return money + order(ALICE, 0, 50_000, 100, SELL) + order(account, 0, 50_000, 100)


def family_auction() -> Iterator[bytes]:
    """A subaccount in auction: its family takes nothing over, and may not withdraw meanwhile."""
    yield opening(PERPETUAL) + activation() + more_accounts(CAROL, amount_micro=10**10)
    yield c.create_account(DAVE, main=CAROL) + c.deposit(DAVE, LOSER_USDC * USDC, 200)
    yield order(ALICE, 0, 50_000, 100, SELL) + order(DAVE, 0, 50_000, 100)
    yield marked(2, 49_380 * USDC) + c.withdraw(CAROL, 1, 1) + cr.risk_sweep(64, DEEP)
    yield cr.liquidate(DAVE) * 3 + c.time(5_000) + c.withdraw(CAROL, 1, 2)
    yield cr.takeover(CAROL, DAVE, 10**6, 1 << 60) + cr.takeover(DAVE, CAROL, 10**6, 1 << 60)
    yield b"".join(cr.takeover(BOB, DAVE, ppm, 1 << 60) for ppm in (1, 10**6, 600_000, 250_000, 50_000))
    yield marked(3, 49_900 * USDC) + cr.takeover(BOB, DAVE, 10**6, 1 << 60) + cr.liquidate(DAVE)
    yield b"".join(c.withdraw(BOB, 1, 10 + n) for n in range(limits.MAX_PENDING_PER_ACCOUNT + 1))
    yield cr.resolve_withdrawal(12, 0) + c.withdraw(BOB, 1, 100) + c.withdraw(BOB, 1, 101)


# --- margins ---------------------------------------------------------------------------------------------


def waiting_for_an_auction() -> Iterator[bytes]:
    """Of what an account holds some cannot trade for a while: it is tried again and again, then auctioned."""
    other = PERPETUAL._replace(underlying=1)
    yield opening(PERPETUAL, OPTION) + c.list_underlying(1, "ETH") + c.list_instrument(2, other)
    yield c.marks(1, INDEX_MICRO, 1, [c.Mark(2, 0, INDEX_MICRO, 0, INDEX_MICRO)]) + activation(0, 1)
    yield more_accounts(CAROL, DAVE, amount_micro=1_100 * USDC)
    for account in (CAROL, DAVE):
        for instrument, lots in ((0, 50), (2, 40)):
            yield order(ALICE, instrument, 50_000, lots, SELL) + order(account, instrument, 50_000, lots)
    yield marked(2, 48_500 * USDC) + cr.risk_sweep(64, DEEP)
    for state in (r.STATE_CANCEL_ONLY, r.STATE_HALTED):
        yield cr.set_underlying_state(1, state) + cr.liquidate(CAROL) * 5
        yield order(BOB, 0, 48_490, 3) + cr.liquidate(CAROL) * 4 + cr.set_underlying_state(0, state)
        yield cr.liquidate(CAROL) * 4 + cr.set_underlying_state(0, 0) + cr.set_underlying_state(1, 0)
    yield cr.liquidate(CAROL) * 4 + cr.set_underlying_state(1, 2) + cr.liquidate(CAROL) * 4
    yield cr.liquidate(DAVE) * 3 + cr.set_underlying_state(1, 0) + c.time(3_000) + cr.liquidate(CAROL)
    yield cr.takeover(BOB, CAROL, 300_000, 1 << 60) + cr.liquidate(DAVE) * 4


def cut_slices() -> Iterator[bytes]:
    """A cover is worth selling whole, for what that frees and fetches; not the one lot that is bid for."""
    near = OPTION._replace(delivery_fee_ppm=150)
    yield opening(near, near._replace(strike_micro=42_000 * USDC)) + activation()
    yield more_accounts(CAROL, amount_micro=1_000 * USDC)
    yield _spread_marks(2, INDEX_MICRO, 1_000, 3_000)
    yield order(ALICE, 1, 3_000, 10, SELL) + order(CAROL, 1, 3_000, 10)
    yield order(ALICE, 0, 1_000, 10) + order(CAROL, 0, 1_000, 10, SELL)
    # Held: 200 of width, 0.075 a lot of delivery; 800 are there.
    yield c.withdraw(CAROL, 598_500_000, 1) + order(BOB, 1, 2_990, 1)
    yield _spread_marks(3, INDEX_MICRO * 1_001 // 1_000, 1_000, 3_000)
    yield cr.risk_sweep(64, DEEP) + cr.liquidate(CAROL) * 3


def hardly_relieved() -> Iterator[bytes]:
    """A spread as wide as its short leg is worth alone: relief, but for what delivery will cost."""
    near = OPTION._replace(delivery_fee_ppm=1_500)
    yield opening(near, near._replace(strike_micro=48_450 * USDC)) + activation()
    yield more_accounts(CAROL, amount_micro=5_000 * USDC)
    yield order(ALICE, 1, 1_000, 10, SELL) + order(CAROL, 1, 1_000, 10)
    yield order(ALICE, 0, 1_000, 10) + order(CAROL, 0, 1_000, 10, SELL) + order(CAROL, 0, 1_000, 1)


def amends() -> Iterator[bytes]:
    """A resting order's price becomes worse or better, while it is covered and when it is not any more."""
    yield opening(PERPETUAL) + activation() + more_accounts(CAROL, amount_micro=205 * USDC)
    yield order(CAROL, 0, 40_000, 20) + c.amend(CAROL, 1, price_ticks=41_000)
    yield marked(2, 105_000 * USDC) + c.amend(CAROL, 1, price_ticks=42_000)
    yield c.amend(CAROL, 1, price_ticks=39_000) + c.amend(CAROL, 1, size_lots=25)
    yield c.amend(CAROL, 1, size_lots=7) + c.amend(CAROL, 1, price_ticks=39_500)
    yield c.amend(CAROL, 1, size_lots=8) + marked(3, 55_000 * USDC)
    yield order(CAROL, 0, 60_000, 8, SELL) + c.amend(CAROL, 2, price_ticks=56_000)
    yield marked(4, 99_000 * USDC) + c.amend(CAROL, 2, price_ticks=55_500)
    yield marked(5, INDEX_MICRO) + more_accounts(DAVE, amount_micro=205 * USDC)
    yield order(ALICE, 0, 50_000, 10, SELL) + order(DAVE, 0, 50_000, 10) + order(DAVE, 0, 40_000, 5)
    yield marked(6, 45_000 * USDC) + c.amend(DAVE, 5, size_lots=7) + c.amend(DAVE, 5, price_ticks=44_000)


def torn_spreads() -> Iterator[bytes]:
    """Credit spreads deep in the money, a little short of maintenance: parts may tear them."""
    near = OPTION._replace(delivery_fee_ppm=150)
    higher = near._replace(strike_micro=42_000 * USDC)
    yield opening(near, higher) + activation()
    yield _spread_marks(2, INDEX_MICRO, 10_000, 8_200)
    accounts = range(CAROL, CAROL + 4)
    for n, account in enumerate(accounts):
        yield more_accounts(account, amount_micro=12_000 * USDC)
        yield order(ALICE, 1, 8_200, 100, SELL) + order(account, 1, 8_200, 100)
        yield order(ALICE, 0, 10_000, 100) + order(account, 0, 10_000, 100, SELL)
        # Held: 2,000 of width, 0.075 a lot of delivery; 13,800 are there.
        yield c.withdraw(account, (13_800 - 2_015) * USDC, 1 + n)
    yield _spread_marks(3, INDEX_MICRO * 1_001 // 1_000, 10_000, 8_200) + cr.risk_sweep(64, DEEP)
    yield b"".join(cr.liquidate(account) * 3 for account in accounts) + c.time(50)
    for account in accounts:
        for fraction in (500, 20_001, 20_000 - account % 2, 10_000, 10**6):
            yield cr.takeover(BOB, account, fraction, 1 << 60) + cr.liquidate(account)


def _spread_marks(feed_seq: int, index_micro: int, *marks_usdc: int) -> bytes:
    units = [c.Mark(n, 0, mark * USDC, 0, index_micro) for n, mark in enumerate(marks_usdc)]
    return c.marks(0, index_micro, feed_seq, units)


def standing_orders(model: int) -> Iterator[bytes]:
    """Closing orders of accounts whose other open orders count in MM° more than their positions do."""
    higher = OPTION._replace(strike_micro=42_000 * USDC, delivery_fee_ppm=150)
    yield opening(PERPETUAL, OPTION._replace(delivery_fee_ppm=150), higher) + activation()
    stream = cr.table_stream([(0, (-50_000, 50_000)), (1, (-10_000, 40_000)), (2, (-9_000, 30_000))])
    yield cr.risk_snapshot(0, INDEX_MICRO, 1_000, [], 3, stream)
    people = range(CAROL, CAROL + 60)
    for n, account in enumerate(people):
        yield more_accounts(account, amount_micro=3_000 * USDC) + cr.set_margin_model(account, model)
        yield order(ALICE, 1, 1_000, 20, SELL) + order(account, 1, 1_000, 20)
        yield order(ALICE, 2, 1_000, 20) + order(account, 2, 1_000, 20, SELL)
        short = n % 2 or n >= 40
        yield order(ALICE, 0, 50_000, 10, 1 - short) + order(account, 0, 50_000, 10, short)
        if n >= 40:
            yield order(account, 0, 30_000, 40)
        elif n % 3:
            yield order(account, 1, 500_000, 18, SELL) + order(account, 0, 30_000, 10 + n % 7)
        # Ever less stays: from what covers the perpetual's loss to come to what does not.
        taken_usdc = 900 + 10 * (n - 40) if n >= 40 else 2_400 + 10 * n
        yield c.withdraw(account, taken_usdc * USDC, 1 + n)
    for feed_seq, index in ((1_001, 49_000), (1_002, 52_000), (1_003, 47_500), (1_004, 68_000)):
        units = [c.Mark(0, 10**9, index * USDC, 0, index * USDC)]
        units += [c.Mark(n, 6 * 10**8, 40 * USDC, 0, index * USDC) for n in (1, 2)]
        yield cr.risk_snapshot(0, index * USDC, feed_seq, units, 0, b"")
        for account in people:
            for price in (1, 20, 39, 40, 60):
                yield order(account, 1, price, 1, SELL | IOC) + order(account, 1, price, 18, SELL | IOC)
                yield order(account, 2, price, 2, IOC) + order(account, 1, price, 10, SELL | IOC)
                yield order(account, 1, 400_000, 2, SELL) if account < people[40] else b""
            yield c.cancel_many(account, r.SCOPE_INSTRUMENT, target=1) if account % 2 else b""


CORNER_SCENARIOS: dict[str, Stream] = {
    "families_pay": families_pay,
    "family_auction": family_auction,
    "torn_spreads": torn_spreads,
    "waiting_for_an_auction": waiting_for_an_auction,
    "cut_slices": cut_slices,
    "hardly_relieved": hardly_relieved,
    "amends": amends,
    "standing_orders_standard": in_few_batches(partial(standing_orders, r.MODEL_STANDARD)),
    "standing_orders_portfolio": in_few_batches(partial(standing_orders, r.MODEL_PORTFOLIO)),
    **BOUND_SCENARIOS,
    **LOSING_SCENARIOS,
}
