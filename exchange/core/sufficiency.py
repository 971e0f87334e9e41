"""Check 16: whether an account can afford an order (docs/rules.md; docs/rules-2.md, "Check 16").

Most orders pass the first rule, on the sums that `margin` keeps. The others, which close something or reduce
risk although initial margin is short, are held against what they cost: that takes a walk over the account's
seats, done once; the price enters only the cost.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import margin, portfolio, standard
from exchange.core.arithmetic import ceil_div, ppm_ceil
from exchange.core.instruments import price_at_or_above, price_at_or_below, price_of, rank_of
from exchange.core.layout import (
    A_MODEL,
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    I_KIND,
    I_MARK,
    I_MARK_HIGH,
    I_MARK_LOW,
    I_MM,
    I_MULTIPLIER,
    I_TICK_MICRO,
    INSTRUMENT_WORDS,
    R_PM_MM,
    R_SCENARIOS,
    S_HOLD,
    S_KEY,
    S_NEXT,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_WORDS,
    U_RISK,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r
from exchange.domain import rejects as no


def refuse(
    w: World,
    account: i64,
    seat: i64,
    instrument: i64,
    sell: i64,
    lots: i64,
    own_lots: i64,
    own_hold: i64,
    market: bool,
) -> i64:
    """Check 16 of an order of `lots` at `w.c_price`, each holding `w.c_hold` micro-USDC.

    `own_lots` and `own_hold` are the open lots, and their hold per lot, that the order replaces. A `market`
    order may pass with another price than it came with, then in `w.c_price`, `w.c_rank` and `w.c_hold`.
    Returns NEGATIVE_EQUITY, INSUFFICIENT_FUNDS, or 0.
    """
    margin.refresh(w, account)
    a = account * ACCOUNT_WORDS
    buys = lots - own_lots if sell == 0 else 0
    sells = lots - own_lots if sell != 0 else 0
    held = lots * w.c_hold - own_lots * own_hold
    has = margin.balance(w, account)
    solvent = margin.equity(w, account) >= 0
    if solvent and _plain_initial(w, account, seat, instrument, buys, sells, held) <= has:
        return 0
    closing = closes(w, seat, sell, lots, own_lots)
    if w.rules < 2:
        if closing:
            return 0
    elif may_look(w):
        if solvent and w.accounts[a + A_MODEL] == r.MODEL_STANDARD:
            if margin.initial_with(w, account, seat, instrument, 0, buys, sells, held) <= has:
                return 0
        if _improves(w, account, seat, instrument, sell, lots, own_lots, own_hold, closing, market):
            return 0
    return no.INSUFFICIENT_FUNDS if solvent else no.NEGATIVE_EQUITY


def _plain_initial(
    w: World, account: i64, seat: i64, instrument: i64, open_buy: i64, open_sell: i64, hold: i64
) -> i64:
    """Initial margin with these figures added to those of a seat, from sums that are kept.

    Exact in the portfolio model; in the standard one without relief, which only lowers it.
    """
    a = account * ACCOUNT_WORDS
    total = margin.isolated_with(w, a, seat, instrument, 0, open_buy, open_sell, hold)
    if w.accounts[a + A_MODEL] != r.MODEL_STANDARD:
        total += portfolio.initial(w, account, instrument, 0, open_buy, open_sell)
    return total


def may_look(w: World) -> bool:
    """Whether an order that the kept sums do not cover may be looked at closely: of a mass quote, a few."""
    if w.looks_left > 0:
        w.looks_left -= 1
        return True
    return w.looks_left < 0


def closes(w: World, seat: i64, sell: i64, lots: i64, own_lots: i64) -> bool:
    """Whether all of an order reduces a position that no other open order of its side speaks for."""
    if seat == 0:
        return False
    seats = w.seats.data
    s = seat * SEAT_WORDS
    if sell != 0:
        return lots <= seats[s + S_SIZE] - (seats[s + S_OPEN_SELL] - own_lots)
    return lots <= -seats[s + S_SIZE] - (seats[s + S_OPEN_BUY] - own_lots)


def _improves(
    w: World,
    account: i64,
    seat: i64,
    instrument: i64,
    sell: i64,
    lots: i64,
    own_lots: i64,
    own_hold: i64,
    closing: bool,
    market: bool,
) -> bool:
    """Rules 2 and 3: the order closes or reduces risk, and what that costs can be borne."""
    size = -lots if sell != 0 else lots
    buys = -own_lots if sell == 0 else 0
    sells = -own_lots if sell != 0 else 0
    held = -own_lots * own_hold
    if not closing:
        filled = margin.initial_with(w, account, seat, instrument, size, buys, sells, held)
        if filled + lots * w.c_hold > margin.initial_with(w, account, 0, instrument, 0, 0, 0, 0):
            return False
    case = Case()
    case.account = account
    case.instrument = instrument
    case.sell = sell
    case.lots = lots
    case.has = margin.balance(w, account)
    case.equity = margin.equity(w, account)
    case.before = maintenance_with_orders(w, account, 0, instrument, 0, 0, 0, 0)
    case.after = maintenance_with_orders(w, account, seat, instrument, size, buys, sells, held)
    case.held_before = margin.maintenance(w, account)
    case.held_after = margin.maintenance_with(w, account, instrument, size)
    return _borne_at(w, case, w.c_price) or (market and closing and _clipped(w, case))


class Case:
    """An order whose cost is looked at, and what its account must keep and has for it, micro-USDC."""

    def __init__(self) -> None:
        self.account: i64 = 0
        self.instrument: i64 = 0
        self.sell: i64 = 0
        self.lots: i64 = 0
        self.has: i64 = 0
        self.equity: i64 = 0
        # Maintenance margin now and as filled: open orders counted, and of the positions alone.
        self.before: i64 = 0
        self.after: i64 = 0
        self.held_before: i64 = 0
        self.held_after: i64 = 0


def _borne_at(w: World, case: Case, price: i64) -> bool:
    """Whether the order's cost at a price may be borne."""
    cost = case.lots * _cost_per_lot(w, case.account, case.instrument, case.sell, price)
    return borne(case, cost, case.lots * lost_per_lot(w, case.instrument, case.sell, price))


def borne(case: Case, cost: i64, lost: i64) -> bool:
    """Whether a cost may be borne, of an order that loses `lost` against the mark (negative: gains)."""
    if case.after + cost <= case.has and (cost >= 0 or _keeps_no_more(case)):
        return True
    if case.has < 0 or case.has >= case.held_before:
        return False
    if lost > 0 and lost > case.equity:
        return False
    return _no_further(case.has, cost, case.before, case.after) and _no_further(
        case.has, cost, case.held_before, case.held_after
    )


def _keeps_no_more(case: Case) -> bool:
    """Whether the account need keep no more than now or than it has: receipts may come in parts or never."""
    if case.after > case.before and case.after > case.has:
        return False
    return case.held_after <= case.held_before or case.held_after <= case.has


def _no_further(has: i64, cost: i64, before: i64, after: i64) -> bool:
    """Whether a cost leaves an account that has less than the margin `before` no further from that margin
    `after`, and takes no larger a part of what it has than of what it must have."""
    if cost <= 0:
        return after + cost <= before
    # Python's own integers: the products need more than 64 bits.
    return int(cost) * int(before) <= int(has) * int(before - after)


def _cost_per_lot(w: World, account: i64, instrument: i64, sell: i64, price: i64) -> i64:
    """What one lot bought or sold at `price` takes from the balance at most, micro-USDC (< 0: it adds)."""
    i = instrument * INSTRUMENT_WORDS
    if sell != 0 and w.instruments[i + I_KIND] == r.KIND_OPTION:
        if w.accounts[account * ACCOUNT_WORDS + A_MODEL] == r.MODEL_STANDARD:
            return margin.fee_held(w, instrument, price) - price * w.instruments[i + I_MULTIPLIER]
    return margin.hold_per_lot(w, account, instrument, sell, price)


def _clipped(w: World, case: Case) -> bool:
    """Rule 3: the first price from the order's own to the mark at which its cost is borne, if there is one.

    The nearer the mark, the lower the cost, but for the last price alone: beyond the mark nothing more is
    gained, while a capped fee still grows.
    """
    at_mark = price_at_mark(w, case.instrument, case.sell)
    last = rank_of(w, case.instrument, at_mark)
    step: i64 = 1 if case.sell != 0 else -1
    rank = w.c_rank  # here it is not borne
    if rank == last:
        return False
    near = last - step
    if near != rank and _borne_at(w, case, price_of(w, case.instrument, near)):
        while (near - rank) * step > 1:
            middle = (rank + near) // 2
            if _borne_at(w, case, price_of(w, case.instrument, middle)):
                near = middle
            else:
                rank = middle
    elif _borne_at(w, case, at_mark):
        near = last
    else:
        return False
    w.c_rank = near
    w.c_price = price_of(w, case.instrument, near)
    w.c_hold = margin.hold_per_lot(w, case.account, case.instrument, case.sell, w.c_price)
    return True


def price_at_mark(w: World, instrument: i64, sell: i64) -> i64:
    """The valid price at the mark: for a sale the first not below it, for a purchase the last not above."""
    i = instrument * INSTRUMENT_WORDS
    mark = w.instruments[i + I_MARK]
    tick = w.instruments[i + I_TICK_MICRO]
    if sell != 0:
        return price_at_or_above(w, instrument, ceil_div(mark, tick))
    return price_at_or_below(w, instrument, mark // tick)


def maintenance_with_orders(
    w: World, account: i64, seat: i64, instrument: i64, size: i64, open_buy: i64, open_sell: i64, hold: i64
) -> i64:
    """Maintenance margin that counts open orders as initial margin does, micro-USDC (MM° of the rules).

    These figures are added to those of a seat (0: none yet; account refreshed).
    """
    held = hold + _holds(w, account)
    if w.accounts[account * ACCOUNT_WORDS + A_MODEL] != r.MODEL_STANDARD:
        needed = margin.initial_with(w, account, seat, instrument, size, open_buy, open_sell, hold) - held
        return held + ppm_ceil(needed, _largest_rate_ppm(w))
    data = w.instruments
    seats = w.seats.data
    total = held
    at = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while at != 0:
        if at != seat:
            s = at * SEAT_WORDS
            this = seats[s + S_KEY] & SEAT_INSTRUMENT
            counted = margin.lots_required(
                w, this, seats[s + S_SIZE], seats[s + S_OPEN_BUY], seats[s + S_OPEN_SELL]
            )
            total += counted * data[this * INSTRUMENT_WORDS + I_MM]
        at = seats[at * SEAT_WORDS + S_NEXT]
    saved = standard.saved(w, account, True, False, instrument, size, open_sell)
    if seat != 0:
        s = seat * SEAT_WORDS
        size += seats[s + S_SIZE]
        open_buy += seats[s + S_OPEN_BUY]
        open_sell += seats[s + S_OPEN_SELL]
    counted = margin.lots_required(w, instrument, size, open_buy, open_sell)
    total += counted * data[instrument * INSTRUMENT_WORDS + I_MM]
    return total - saved


def gained_micro(w: World, account: i64, instrument: i64, sell: i64, price: i64, lots: i64) -> i64:
    """What a fill of `lots` at `price` adds to the balance (negative: takes), fees apart, micro-USDC.

    At the marks: in the standard model an option's premium, else at most nothing, what is lost against them.
    """
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    value = price * data[i + I_MULTIPLIER]
    if data[i + I_KIND] == r.KIND_OPTION:
        if w.accounts[account * ACCOUNT_WORDS + A_MODEL] == r.MODEL_STANDARD:
            return value * lots if sell != 0 else -value * lots
    lost = lost_per_lot(w, instrument, sell, price)
    return -lost * lots if lost > 0 else 0


def lost_per_lot(w: World, instrument: i64, sell: i64, price: i64) -> i64:
    """What a lot bought or sold at `price` loses against the mark (negative: gains), micro-USDC."""
    i = instrument * INSTRUMENT_WORDS
    value = price * w.instruments[i + I_MULTIPLIER]
    return w.instruments[i + I_MARK_HIGH] - value if sell != 0 else value - w.instruments[i + I_MARK_LOW]


def _holds(w: World, account: i64) -> i64:
    """What the account's open orders hold, micro-USDC."""
    seats = w.seats.data
    total: i64 = 0
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        total += seats[seat * SEAT_WORDS + S_HOLD]
        seat = seats[seat * SEAT_WORDS + S_NEXT]
    return total


def _largest_rate_ppm(w: World) -> i64:
    """The largest maintenance rate of the portfolio model among underlyings with parameters."""
    found: i64 = 0
    underlying: i64 = 0
    while underlying < w.underlying_count:
        u = underlying * UNDERLYING_WORDS + U_RISK
        if w.underlyings[u + R_SCENARIOS] != 0 and w.underlyings[u + R_PM_MM] > found:
            found = w.underlyings[u + R_PM_MM]
        underlying += 1
    return found


