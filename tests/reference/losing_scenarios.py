"""Scripted streams under rules 2 of makers that lose against the mark, and of looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.risk_opening import (
    CAROL,
    DAVE,
    PARAMETERS,
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
FOK = r.TIF_FOK << r.TIF_SHIFT
USDC = 10**6
FLAT = PARAMETERS._replace(roll_ppm=0, shock_ppm=0)  # a perpetual's scenarios alone: 10 a lot


def losing_makers(model: int) -> Iterator[bytes]:
    """Accounts with ever more money rest orders; the marks leave them behind; somebody takes them."""
    put = OPTION._replace(option_type=r.OPTION_PUT, fee_cap_permille=125)
    fee = OPTION._replace(maker_fee_ppm=300)
    yield opening(PERPETUAL, OPTION, put, fee) + activation() + c.time(5)
    stream = cr.table_stream([(0, (-20_000, 20_000)), (1, (-8_000, 9_000)), (2, (9_000, -5_000))])
    yield cr.risk_snapshot(0, INDEX_MICRO, 1_000, [], 3, stream)
    people = range(CAROL, CAROL + 14)
    for n, account in enumerate(people):
        yield more_accounts(account, amount_micro=round(150 * 1.35**n) * USDC)
        yield cr.set_margin_model(account, model)
        yield order(account, 0, 49_900, 5) + order(account, 0, 50_100, 5, SELL)
        for option in (1, 2, 3):
            yield order(account, option, 1_010, 2, SELL) + order(account, option, 990, 2)
    for n in range(8):  # and some who only bid for options, as far as their money goes
        account = people.stop + n
        yield more_accounts(account, amount_micro=round(330 * 1.1**n) * USDC)
        yield cr.set_margin_model(account, model) + order(account, 1, 980, 30)
    for feed_seq, index, marks in ((1_001, 46_000, (20_200, 30, 4)), (1_002, 56_000, (40, 20_000, 17_000))):
        units = [c.Mark(0, 10**9, index * USDC, 0, index * USDC)]
        units += [c.Mark(1 + n, 0, mark * USDC, 0, index * USDC) for n, mark in enumerate(marks)]
        yield cr.risk_snapshot(0, index * USDC, feed_seq, units, 0, b"")
        for instrument, mark in enumerate((index, *marks)):
            side, price = (SELL, 990 if instrument else 49_900)
            if mark > 1_000 and (instrument or index > 50_000):
                side, price = 0, 1_010 if instrument else 50_100
            yield order(BOB, instrument, price, 3, side | FOK) + order(BOB, instrument, price, 3, side | IOC)
            yield order(BOB, instrument, price, 200, side | IOC)
            for account in people:  # those behind get a look too
                again = 49_900 if instrument == 0 else 990
                yield order(account, instrument, again, 1) + order(BOB, instrument, again, 9, SELL | IOC)
        if marks[0] < 980:
            yield order(BOB, 1, 980, 300, SELL | IOC)
        yield cr.risk_sweep(64, DEEP) + b"".join(cr.liquidate(account) * 3 for account in people)


SPARE_USDC = (0, 5, 19, 20, 21, 39, 40, 70)  # beyond what 21 lots hold
NO_FEES, FEES = cr.set_fees([cr.FeeTier(0, 0, 0, 0)]), cr.set_fees([cr.FeeTier(0, 0, 300, 500)])


def losing_looks(model: int) -> Iterator[bytes]:
    """Accounts with more and less to spare rest orders; the mark moves; looks count both, one or none.

    Ten lots of bids lose 20 when the mark falls to 49,800; so do asks when it rises to 50,200, and what
    they hold rises then as well. Fees come up while they rest.
    """
    yield opening(PERPETUAL) + c.set_rules(2) + cr.risk(0, FLAT) + c.configure_account(BOB, cancel_maker=True)
    table = cr.table_stream([(0, (-10_000, 9_999))])
    yield cr.risk_snapshot(0, INDEX_MICRO, 10, [], 1, table) + more_accounts(CAROL)
    for n, (spare, side, fees) in enumerate(product(SPARE_USDC, (0, SELL), (NO_FEES, FEES))):
        account, taken, worse = DAVE + n, SELL - side, 1 if side else -1
        yield more_accounts(account, amount_micro=(210 + spare) * USDC) + cr.set_margin_model(account, model)
        yield NO_FEES + _resting(account, side, worse, display_lots=3 if n % 3 else 0)
        yield marked(11 + 2 * n, (50_000 + 200 * worse) * USDC) + fees
        for lots in (30, 28, 23, 20, 13, 10, 9, 1):
            yield order(BOB, 0, 50_000 + 300 * worse, lots, taken | FOK)
        yield order(BOB, 0, 50_000 + 300 * worse, 99, taken | IOC)
        yield b"".join(c.cancel_many(each) for each in (BOB, CAROL, account))
        yield marked(12 + 2 * n, INDEX_MICRO)


def _resting(account: int, side: int, worse: int, *, display_lots: int) -> bytes:
    """Ten lots at 50,000, ten a tick on, one where nothing is lost; in front BOB's own and a reduce-only."""
    position = order(CAROL, 0, 50_000, 3, SELL - side) + order(ALICE, 0, 50_000, 3, side | IOC)
    reducing = order(CAROL, 0, 50_000, 3, side | r.FLAG_REDUCE_ONLY)
    first = order(account, 0, 50_000, 10, side)
    second = c.new_order(account, 0, side, 50_000 + worse, 10, display_lots=display_lots)
    last = order(account, 0, 50_000 + 300 * worse, 1, side)
    return position + order(BOB, 0, 50_000, 2, side) + reducing + first + second + last


LOSING_SCENARIOS: dict[str, Stream] = {
    "losing_makers_standard": in_few_batches(partial(losing_makers, r.MODEL_STANDARD)),
    "losing_makers_portfolio": in_few_batches(partial(losing_makers, r.MODEL_PORTFOLIO)),
    "losing_looks_standard": partial(losing_looks, r.MODEL_STANDARD),
    "losing_looks_portfolio": partial(losing_looks, r.MODEL_PORTFOLIO),
}
