"""Whether an account is below maintenance, from its seats alone: nothing cached is read or written.

A sweep looks at every account after each snapshot, most of which do nothing until the next one: to bring
their caches up would cost more than the answer. So this walks the seats once, touches one cache line of
each and one of its instrument's (`World.rates`), and sums the scenarios in blocks held in locals.
The answer is that of `margin.figures`, exactly.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core import margin, portfolio
from exchange.core.arithmetic import ppm_ceil
from exchange.core.layout import (
    A_CASH,
    A_EPOCH,
    A_MODEL,
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    GATHER_1,
    GATHER_2,
    GATHER_3,
    GROUP_UNDERLYING,
    R_DAMPENER,
    R_EXTENDED,
    R_PM_MM,
    R_QUANTUM,
    R_SCENARIOS,
    RATE_WORDS,
    S_ENTRY,
    S_KEY,
    S_NEXT,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_WORDS,
    T_DELTA,
    T_GROUP,
    T_HIGH,
    T_LONG,
    T_LOW,
    T_MM,
    T_PERPETUAL,
    T_SHORT,
    TABLE_WORDS,
    U_RISK,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r

# Columns of `World.gather_words`: instruments and, from GATHER_1 on, sizes of the positions; from GATHER_2 on
# expiries, from GATHER_3 on their deltas.
_BLOCK: Final = 6  # scenarios at a time: a divisor of TABLE_WORDS, and as many sums as registers hold


def below_maintenance(w: World, account: i64) -> bool:
    """Whether the account's maintenance margin is above its balance (rules 2).

    If so, its exact figures are in `w.m_…`, as `margin.figures` leaves them.
    """
    if w.accounts[account * ACCOUNT_WORDS + A_MODEL] == r.MODEL_STANDARD:
        if not _standard_falls_short(w, account):
            return False
    elif not _portfolio_falls_short(w, account):
        return False
    margin.figures(w, account)
    return w.m_maintenance > w.m_balance


def equity(w: World, account: i64) -> i64:
    """As `margin.equity`, micro-USDC, whether the account is refreshed or not."""
    a = account * ACCOUNT_WORDS
    if w.accounts[a + A_EPOCH] == w.epoch:
        return margin.equity(w, account)
    seats = w.seats.data
    rates = w.rates
    total = w.accounts[a + A_CASH]
    seat = w.accounts[a + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        size = seats[s + S_SIZE]
        t = (seats[s + S_KEY] & SEAT_INSTRUMENT) * RATE_WORDS
        total += size * (rates[t + T_LOW] if size > 0 else rates[t + T_HIGH])
        if rates[t + T_PERPETUAL] != 0:
            total -= seats[s + S_ENTRY]
        seat = seats[s + S_NEXT]
    return total


def _standard_falls_short(w: World, account: i64) -> bool:
    """Whether funds do not cover the positions one by one; spread relief may still help."""
    a = account * ACCOUNT_WORDS
    seats = w.seats.data
    rates = w.rates
    funds = w.accounts[a + A_CASH]
    needed: i64 = 0
    seat = w.accounts[a + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        size = seats[s + S_SIZE]
        t = (seats[s + S_KEY] & SEAT_INSTRUMENT) * RATE_WORDS
        if rates[t + T_PERPETUAL] != 0:
            funds -= seats[s + S_ENTRY]
            if size < 0:
                funds += size * rates[t + T_HIGH]
                needed -= size * rates[t + T_MM]
            else:
                funds += size * rates[t + T_LOW]
                needed += size * rates[t + T_MM]
        elif size < 0:
            needed -= size * rates[t + T_MM]
        seat = seats[s + S_NEXT]
    return needed > funds


def _portfolio_falls_short(w: World, account: i64) -> bool:
    """Whether equity is below maintenance margin."""
    a = account * ACCOUNT_WORDS
    seats = w.seats.data
    rates = w.rates
    rows = w.gather_words
    equity = w.accounts[a + A_CASH]
    count: i64 = 0
    first: i64 = -1
    mixed = False
    seat = w.accounts[a + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        size = seats[s + S_SIZE]
        instrument = seats[s + S_KEY] & SEAT_INSTRUMENT
        t = instrument * RATE_WORDS
        if rates[t + T_PERPETUAL] != 0:
            equity -= seats[s + S_ENTRY]
        if size != 0:
            equity += size * (rates[t + T_LOW] if size > 0 else rates[t + T_HIGH])
            underlying = rates[t + T_GROUP] & GROUP_UNDERLYING
            if underlying != first:
                mixed = first >= 0
                first = underlying if first < 0 else first
            rows[count] = instrument
            rows[GATHER_1 + count] = size
            count += 1
        seat = seats[s + S_NEXT]
    needed: i64 = 0
    start: i64 = 0
    while start < count:
        end = count
        if mixed:
            end = _bring_forward(w, start, count)
        needed += _maintenance(w, start, end)
        start = end
    return needed > equity


def _bring_forward(w: World, start: i64, count: i64) -> i64:
    """Put the rows of the first row's underlying in front of the others; returns where those begin."""
    rates = w.rates
    rows = w.gather_words
    underlying = rates[rows[start] * RATE_WORDS + T_GROUP] & GROUP_UNDERLYING
    end = start
    row = start
    while row < count:
        instrument = rows[row]
        if rates[instrument * RATE_WORDS + T_GROUP] & GROUP_UNDERLYING == underlying:
            size = rows[GATHER_1 + row]
            rows[row] = rows[end]
            rows[GATHER_1 + row] = rows[GATHER_1 + end]
            rows[end] = instrument
            rows[GATHER_1 + end] = size
            end += 1
        row += 1
    return end


def _maintenance(w: World, start: i64, end: i64) -> i64:
    """Maintenance margin of the rows of one underlying."""
    rates = w.rates
    rows = w.gather_words
    underlying = rates[rows[start] * RATE_WORDS + T_GROUP] & GROUP_UNDERLYING
    charges: i64 = 0
    net: i64 = 0
    expiries: i64 = GATHER_2
    row = start
    while row < end:
        t = rows[row] * RATE_WORDS
        size = rows[GATHER_1 + row]
        charges += size * rates[t + T_LONG] if size > 0 else -size * rates[t + T_SHORT]
        group = rates[t + T_GROUP]
        delta = size * rates[t + T_DELTA]
        net += delta
        at: i64 = GATHER_2
        while at < expiries and rows[at] != group:
            at += 1
        if at == expiries:
            rows[at] = group
            rows[at + GATHER_1] = delta
            expiries += 1
        else:
            rows[at + GATHER_1] += delta
        row += 1
    gross: i64 = 0
    at = GATHER_3
    while at < expiries + GATHER_1:
        delta = rows[at]
        gross += delta if delta > 0 else -delta
        at += 1
    u = underlying * UNDERLYING_WORDS + U_RISK
    found = _worst(w, start, end, u) + charges
    found += portfolio.roll(w, underlying, gross, net) + portfolio.shock(w, underlying, net)
    return ppm_ceil(found, w.underlyings[u + R_PM_MM])


def _worst(w: World, start: i64, end: i64, u: i64) -> i64:
    """The largest loss of the rows over the scenarios, at least 0, micro-USDC."""
    _sum_gains(w, start, end, w.underlyings[u + R_SCENARIOS])
    gains = w.gains
    scenarios = w.underlyings[u + R_SCENARIOS]
    extended = w.underlyings[u + R_EXTENDED]
    near: i64 = 0
    far: i64 = 0
    k: i64 = 0
    while k < extended:
        if gains[k] < near:
            near = gains[k]
        k += 1
    while k < scenarios:
        if gains[k] < far:
            far = gains[k]
        k += 1
    quantum = w.underlyings[u + R_QUANTUM]
    near *= -quantum
    far = far * -quantum - w.underlyings[u + R_DAMPENER]
    return near if near > far else far


def _sum_gains(w: World, start: i64, end: i64, scenarios: i64) -> None:
    """The rows' gain in each scenario, in quanta, into `w.gains`. What has no table has zeros there."""
    rows = w.gather_words
    tables = w.tables
    gains = w.gains
    k: i64 = 0
    while k < scenarios:
        a: i64 = 0
        b: i64 = 0
        c: i64 = 0
        d: i64 = 0
        e: i64 = 0
        f: i64 = 0
        row = start
        while row + 1 < end:  # two at a time: the walk itself costs a fifth of the sums
            t = rows[row] * TABLE_WORDS + k
            o = rows[row + 1] * TABLE_WORDS + k
            size = rows[GATHER_1 + row]
            other = rows[GATHER_1 + row + 1]
            a += size * tables[t] + other * tables[o]
            b += size * tables[t + 1] + other * tables[o + 1]
            c += size * tables[t + 2] + other * tables[o + 2]
            d += size * tables[t + 3] + other * tables[o + 3]
            e += size * tables[t + 4] + other * tables[o + 4]
            f += size * tables[t + 5] + other * tables[o + 5]
            row += 2
        if row < end:
            t = rows[row] * TABLE_WORDS + k
            size = rows[GATHER_1 + row]
            a += size * tables[t]
            b += size * tables[t + 1]
            c += size * tables[t + 2]
            d += size * tables[t + 3]
            e += size * tables[t + 4]
            f += size * tables[t + 5]
        gains[k] = a
        gains[k + 1] = b
        gains[k + 2] = c
        gains[k + 3] = d
        gains[k + 4] = e
        gains[k + 5] = f
        k += _BLOCK
