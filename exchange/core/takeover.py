"""TAKEOVER: a part of a portfolio in auction passes to a bidder (docs/rules-2.md).

The parts are booked, and booked back where the bidder's margin turns out not to suffice: seats made for it
go again, no event is written before that is known.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import emit, ledger, liquidation, margin
from exchange.core.arithmetic import ceil_div, ppm_floor
from exchange.core.family import main_of
from exchange.core.layout import (
    A_AUCTION,
    A_CASH,
    A_LIQUIDATION,
    A_LOCKED,
    A_MAX_POSITIONS,
    A_MODEL,
    A_SEAT_HEAD,
    A_SEATS,
    ACCOUNT_WORDS,
    I_INDEX_PER_LOT,
    I_KIND,
    I_MARK_HIGH,
    I_MARK_LOW,
    I_MARKED,
    I_POSITION_LIMIT,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    R_AUCTION_MS,
    R_DISCOUNT,
    R_SCENARIOS,
    S_ENTRY,
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
from exchange.core.world import World, pack
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


class Lot:
    """What one takeover moves and what it costs, micro-USDC.

    The discount has two parts, so that no more of it is paid than taking the parts over is worth to somebody:
    of options held long at most half their value, of all others at most the maintenance margin they free.
    """

    def __init__(self, bidder: i64, target: i64) -> None:
        self.bidder: i64 = bidder
        self.target: i64 = target
        self.instruments: list[i64] = []
        self.parts: list[i64] = []
        self.made: list[bool] = []  # whether the bidder's seat was made for it
        self.worth: i64 = 0
        self.discount: i64 = 0
        self.given: i64 = 0
        self.topped: i64 = 0
        self.room: i64 = 0  # balance less maintenance margin of the target before


def takeover(w: World, who: i64, target: i64, fraction_ppm: i64, max_pay: i64) -> i64:
    """TAKEOVER by the account of `who`. Returns a reject reason or 0."""
    bidder = who & r.U32
    reason = _refused(w, bidder, target, fraction_ppm)
    if reason != 0:
        return reason
    lot = Lot(bidder, target)
    divide(w, lot, fraction_ppm)
    reason = _parts_refused(w, lot)
    if reason != 0:
        return reason
    most = most_ppm(w, target)
    if fraction_ppm > most:
        w.detail = most
        return no.BAD_SIZE
    price(w, lot, fraction_ppm)
    pay = lot.worth - lot.given - lot.topped
    if pay > max_pay:
        w.detail = pay
        return no.PRICE_TOO_HIGH
    _book(w, lot, 1)
    margin.figures(w, bidder)
    if w.m_equity < 0 or w.m_initial > w.m_balance:
        _book(w, lot, -1)
        return no.INSUFFICIENT_FUNDS
    margin.figures(w, target)
    if fraction_ppm < limits.PPM and w.m_balance - w.m_maintenance < lot.room:
        _book(w, lot, -1)  # the parts would tear what covers from what it covers
        return no.BAD_SIZE
    _tell(w, lot, fraction_ppm)
    return 0


def _refused(w: World, bidder: i64, target: i64, fraction_ppm: i64) -> i64:
    """What does not depend on the portfolio. Returns a reject reason or 0."""
    if w.mode != r.MODE_OPEN:
        return no.VENUE_CANCEL_ONLY
    if bidder < limits.FIRST_USER_ACCOUNT or bidder >= w.account_count:
        return no.UNKNOWN_ACCOUNT
    b = bidder * ACCOUNT_WORDS
    if w.accounts[b + A_LOCKED] != 0 or w.accounts[b + A_LIQUIDATION] != r.LIQUIDATION_NONE:
        return no.ACCOUNT_LOCKED
    if target < limits.FIRST_USER_ACCOUNT or target >= w.account_count:
        return no.UNKNOWN_ACCOUNT
    if target == bidder or fraction_ppm < 1 or fraction_ppm > limits.PPM:
        return no.BAD_VALUE
    if main_of(w, target) == main_of(w, bidder):
        return no.WRONG_FAMILY
    if w.accounts[target * ACCOUNT_WORDS + A_LIQUIDATION] != r.LIQUIDATION_AUCTION:
        return no.NOT_IN_AUCTION
    margin.figures(w, target)
    return no.NOT_IN_AUCTION if w.m_maintenance <= w.m_balance else 0


def divide(w: World, lot: Lot, fraction_ppm: i64) -> None:
    """The parts of the target's positions, by instrument id.

    Options held long round down, all others up: no part takes cover away from what stays.
    """
    found: list[i64] = []
    seats = w.seats.data
    seat = w.accounts[lot.target * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        if seats[s + S_SIZE] != 0:
            found.append(seats[s + S_KEY] & SEAT_INSTRUMENT)
        seat = seats[s + S_NEXT]
    found.sort()
    for instrument in found:
        size = seats[ledger.find_seat(w, lot.target, instrument) * SEAT_WORDS + S_SIZE]
        part = size * fraction_ppm // limits.PPM  # away from zero if held short
        if size > 0 and w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] != r.KIND_OPTION:
            part = ceil_div(size * fraction_ppm, limits.PPM)
        if part != 0:
            lot.instruments.append(instrument)
            lot.parts.append(part)
            lot.made.append(False)


def _parts_refused(w: World, lot: Lot) -> i64:
    """Whether the bidder may take the parts, and both accounts' cash may move. A reject reason or 0."""
    count = i64(len(lot.parts))
    if count == 0:
        return no.BAD_SIZE
    b = lot.bidder * ACCOUNT_WORDS
    room = w.accounts[b + A_MAX_POSITIONS]
    if room == 0:
        room = limits.MAX_SEATS
    room -= w.accounts[b + A_SEATS]
    number: i64 = 0
    while number < count:
        instrument = lot.instruments[number]
        i = instrument * INSTRUMENT_WORDS
        u = w.instruments[i + I_UNDERLYING] * UNDERLYING_WORDS
        if w.instruments[i + I_MARKED] == 0:
            return no.NO_MARK
        if w.underlyings[u + U_RISK + R_SCENARIOS] == 0:
            return no.NO_RISK
        seat = ledger.find_seat(w, lot.bidder, instrument)
        if seat == 0:
            room -= 1
            if room < 0:
                return no.TOO_MANY_SEATS
        reason = _position_refused(w, seat, instrument, lot.parts[number])
        if reason != 0:
            return reason
        number += 1
    if _cash_runs_away(w, lot.bidder) or _cash_runs_away(w, lot.target):
        return no.LIMIT_REACHED
    return 0


def _position_refused(w: World, seat: i64, instrument: i64, part: i64) -> i64:
    """Checks 14 and 15 for a part: position limit and entry value of the bidder's seat (0: none)."""
    worst = part if part > 0 else -part
    entry: i64 = 0
    if seat != 0:
        seats = w.seats.data
        s = seat * SEAT_WORDS
        entry = seats[s + S_ENTRY]
        if part > 0:
            worst += seats[s + S_SIZE] + seats[s + S_OPEN_BUY]
        else:
            worst += seats[s + S_OPEN_SELL] - seats[s + S_SIZE]
    if worst > w.instruments[instrument * INSTRUMENT_WORDS + I_POSITION_LIMIT]:
        return no.POSITION_LIMIT
    if entry >= limits.ENTRY_LIMIT or entry <= -limits.ENTRY_LIMIT:
        return no.LIMIT_REACHED
    return 0


def _cash_runs_away(w: World, account: i64) -> bool:
    cash = w.accounts[account * ACCOUNT_WORDS + A_CASH]
    return cash >= limits.ACCUMULATION_LIMIT or cash <= -limits.ACCUMULATION_LIMIT


def part_value(w: World, instrument: i64, part: i64) -> i64:
    """What a part is valued at: a long at the mark rounded up, a short at the mark rounded down."""
    i = instrument * INSTRUMENT_WORDS
    return part * w.instruments[i + I_MARK_HIGH] if part > 0 else part * w.instruments[i + I_MARK_LOW]


def discount_rate_ppm(w: World, target: i64, underlying: i64) -> i64:
    """The discount of an auction now, in ppm of index notional; grows with time, rounded down."""
    u = underlying * UNDERLYING_WORDS + U_RISK
    span = w.underlyings[u + R_AUCTION_MS]
    if span == 0:
        return 0  # no parameters
    gone = w.now_ms - w.accounts[target * ACCOUNT_WORDS + A_AUCTION]
    if gone > span:
        gone = span
    return w.underlyings[u + R_DISCOUNT] * gone // span


def price(w: World, lot: Lot, fraction_ppm: i64) -> None:
    """What the parts are worth, and how much of the discount the target and the insurance fund give.

    Leaves the target's `margin.figures`.
    """
    of_longs: i64 = 0
    of_others: i64 = 0
    number: i64 = 0
    while number < i64(len(lot.parts)):
        instrument = lot.instruments[number]
        part = lot.parts[number]
        i = instrument * INSTRUMENT_WORDS
        option = w.instruments[i + I_KIND] == r.KIND_OPTION
        value = part_value(w, instrument, part)
        if option:
            lot.worth += value
        notional = (part if part > 0 else -part) * w.instruments[i + I_INDEX_PER_LOT]
        discount = ppm_floor(notional, discount_rate_ppm(w, lot.target, w.instruments[i + I_UNDERLYING]))
        if option and part > 0:
            of_longs += discount if discount < value // 2 else value // 2
        else:
            of_others += discount
        number += 1
    margin.figures(w, lot.target)
    lot.room = w.m_balance - w.m_maintenance
    freed = ppm_floor(w.m_maintenance, fraction_ppm)
    lot.discount = of_longs + (of_others if of_others < freed else freed)
    given = ppm_floor(w.m_equity, fraction_ppm) if w.m_equity > 0 else 0
    lot.given = given if given < lot.discount else lot.discount
    topped = lot.discount - lot.given
    missing = -w.m_equity if w.m_equity < 0 and fraction_ppm == limits.PPM else 0
    if topped > missing:
        topped = missing
    fund = w.accounts[limits.ACCOUNT_INSURANCE * ACCOUNT_WORDS + A_CASH]
    if fund < 0:
        fund = 0
    lot.topped = topped if topped < fund else fund


def most_ppm(w: World, target: i64) -> i64:
    """The largest fraction that may be taken over: what restores maintenance, or two lots of the largest.

    The target's maintenance margin is above its balance.
    """
    whole = Lot(0, target)
    divide(w, whole, limits.PPM)
    price(w, whole, limits.PPM)
    short = w.m_maintenance - w.m_balance
    frees = w.m_maintenance - whole.given
    if w.accounts[target * ACCOUNT_WORDS + A_MODEL] == r.MODEL_STANDARD:
        frees += whole.worth
    if short >= frees:
        return limits.PPM
    largest: i64 = 1
    for part in whole.parts:
        size = part if part > 0 else -part
        if size > largest:
            largest = size
    # Python's own integers: the product needs more than 64 bits.
    most = i64(-(-int(short) * limits.PPM // int(frees)))
    least = ceil_div(2 * limits.PPM, largest)
    if least > limits.PPM:
        least = limits.PPM
    return most if most > least else least


def _book(w: World, lot: Lot, sign: i64) -> None:
    """Book the whole takeover (`sign` 1), or book it back (−1): then the seats made for it go too."""
    number: i64 = 0
    while number < i64(len(lot.parts)):
        instrument = lot.instruments[number]
        part = lot.parts[number] * sign
        value = part_value(w, instrument, lot.parts[number]) * sign
        theirs = ledger.find_seat(w, lot.target, instrument)
        ours = ledger.find_seat(w, lot.bidder, instrument)
        if ours == 0:
            ours = ledger.make_seat(w, lot.bidder, instrument)
            lot.made[number] = True
        ledger.move_position(w, theirs, -part, -value)
        ledger.move_position(w, ours, part, value)
        margin.revalue_seat(w, theirs)
        margin.revalue_seat(w, ours)
        if sign < 0 and lot.made[number]:
            ledger.drop_seat(w, ours)
        number += 1
    ledger.move_cash(w, lot.target, (lot.worth - lot.given) * sign)
    ledger.move_cash(w, lot.bidder, (lot.given + lot.topped - lot.worth) * sign)
    ledger.move_cash(w, limits.ACCOUNT_INSURANCE, -lot.topped * sign)


def _tell(w: World, lot: Lot, fraction_ppm: i64) -> None:
    """The events of a takeover."""
    number: i64 = 0
    while number < i64(len(lot.parts)):
        instrument = lot.instruments[number]
        part = lot.parts[number]
        value = part_value(w, instrument, part)
        emit.moved(w, pack(lot.target, instrument), lot.bidder, part, value)
        number += 1
    _tell_cash(w, lot.bidder, lot.given + lot.topped - lot.worth, lot.target)
    _tell_cash(w, lot.target, lot.worth - lot.given, lot.bidder)
    if lot.topped > 0:
        _tell_cash(w, limits.ACCOUNT_INSURANCE, -lot.topped, lot.bidder)
    margin.figures(w, lot.target)
    liquidation.tell(w, lot.target, r.LIQ_TAKEOVER, lot.given + lot.topped, fraction_ppm, lot.bidder)


def _tell_cash(w: World, account: i64, delta: i64, counter: i64) -> None:
    balance = w.accounts[account * ACCOUNT_WORDS + A_CASH]
    emit.cash(w, account, r.CASH_TAKEOVER, 0, delta, balance, counter)
