"""Portfolio margin: the worst of the scenarios, and charges (docs/rules-2.md, Margin).

`folios` keeps the sums over an account's seats; here is what follows from them.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.arithmetic import ppm_ceil
from exchange.core.layout import (
    A_FOLIO,
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    F_GAIN,
    F_GROSS,
    F_KNOWN,
    F_NET,
    F_NEXT,
    F_ORDERS,
    F_UNDERLYING,
    FOLIO_WORDS,
    GATHER_1,
    I_DELTA_LOT,
    I_EXPIRY,
    I_IM,
    I_KIND,
    I_LONG_LOT,
    I_MM,
    I_ORDER_LOT,
    I_SHORT_LOT,
    I_TABLED,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    KNOWN,
    R_DAMPENER,
    R_EXTENDED,
    R_PM_MM,
    R_QUANTUM,
    R_ROLL,
    R_SCENARIOS,
    R_SHOCK,
    R_THRESHOLD,
    S_KEY,
    S_NEXT,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_WORDS,
    TABLE_WORDS,
    U_RISK,
    UNDERLYING_WORDS,
    UNKNOWN,
)
from exchange.core.world import World
from exchange.domain import records as r


def charge(w: World, instrument: i64, size: i64, open_buy: i64, open_sell: i64) -> i64:
    """What a seat with these figures adds to its underlying's initial margin, beside the scenarios."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    opened = open_buy if open_buy > open_sell else open_sell
    total = opened * data[i + I_ORDER_LOT]
    tabled = data[i + I_TABLED] != 0
    if tabled and size < 0:
        total -= size * w.underlyings[data[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK + R_QUANTUM]
    if data[i + I_KIND] == r.KIND_OPTION:
        short = open_sell - size
        if short > 0:
            total += short * data[i + I_SHORT_LOT]
            if not tabled:
                total += short * data[i + I_IM]
        if not tabled and size + open_buy > 0:
            total += (size + open_buy) * data[i + I_LONG_LOT]
    elif not tabled:
        up = size + open_buy
        if up < 0:
            up = -up
        down = size - open_sell
        if down < 0:
            down = -down
        total += (up if up > down else down) * data[i + I_IM]
    return total


def maintenance_charge(w: World, instrument: i64, size: i64) -> i64:
    """As `charge`, for maintenance margin: open orders count nothing."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    tabled = data[i + I_TABLED] != 0
    option = data[i + I_KIND] == r.KIND_OPTION
    if option and size > 0:
        return 0 if tabled else size * data[i + I_LONG_LOT]
    lots = size if size > 0 else -size
    total: i64 = 0
    if not tabled:
        total = lots * data[i + I_MM]
    elif size < 0:
        total = lots * w.underlyings[data[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK + R_QUANTUM]
    if option:
        total += lots * data[i + I_SHORT_LOT]
    return total


def worst(
    w: World, folio: i64, initial: bool, instrument: i64, size: i64, open_buy: i64, open_sell: i64
) -> i64:
    """The largest loss over the scenarios, at least 0, micro-USDC.

    Lots of `instrument` are added to what the folio (0: none) holds: position, open to buy, open to sell.
    """
    u = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK
    if folio != 0:
        u = w.folios.data[folio * FOLIO_WORDS + F_UNDERLYING] * UNDERLYING_WORDS + U_RISK
    elif w.instruments[instrument * INSTRUMENT_WORDS + I_TABLED] == 0:
        return 0
    risk = w.underlyings
    t = instrument * TABLE_WORDS
    if not initial:
        open_buy = 0
        open_sell = 0
    # An instrument without a table has zeros there, which an open sell would count as a quantum.
    if w.instruments[instrument * INSTRUMENT_WORDS + I_TABLED] == 0:
        size = 0
        open_buy = 0
        open_sell = 0
    extended = risk[u + R_EXTENDED]
    quantum = risk[u + R_QUANTUM]
    near = _largest(w, folio, initial, t, size, open_buy, open_sell, 0, extended) * quantum
    far = _largest(w, folio, initial, t, size, open_buy, open_sell, extended, risk[u + R_SCENARIOS])
    far = far * quantum - risk[u + R_DAMPENER]
    return near if near > far else far


def _largest(
    w: World, folio: i64, initial: bool, t: i64, size: i64, open_buy: i64, open_sell: i64, k: i64, end: i64
) -> i64:
    """The largest loss of scenarios `k` to `end`, at least 0, in quanta; the table of the lots is at `t`."""
    folios = w.folios.data
    tables = w.tables
    gain = folio * FOLIO_WORDS + F_GAIN
    orders = folio * FOLIO_WORDS + F_ORDERS
    found: i64 = 0
    if folio == 0:
        while k < end:
            loss = _loss(tables[t + k], size, open_buy, open_sell)
            if loss > found:
                found = loss
            k += 1
    elif size == 0 and open_buy == 0 and open_sell == 0:
        while k < end:
            loss = -folios[gain + k]
            if initial:
                loss += folios[orders + k]
            if loss > found:
                found = loss
            k += 1
    elif initial and size == 0:
        while k < end:
            entry = tables[t + k]
            loss = folios[orders + k] - folios[gain + k]
            if entry >= 0:
                loss += open_sell * (entry + 1)
            else:
                loss -= open_buy * entry
            if loss > found:
                found = loss
            k += 1
    else:
        while k < end:
            loss = _loss(tables[t + k], size, open_buy, open_sell) - folios[gain + k]
            if initial:
                loss += folios[orders + k]
            if loss > found:
                found = loss
            k += 1
    return found


def _loss(entry: i64, size: i64, open_buy: i64, open_sell: i64) -> i64:
    """What lots lose in a scenario: the position its entry, open orders the worse of filled and not."""
    if entry >= 0:
        return open_sell * (entry + 1) - size * entry
    return -(open_buy + size) * entry


def measure(w: World, account: i64, underlying: i64, instrument: i64, lots: i64) -> None:
    """Sum up deltas and maintenance charges, `lots` of `instrument` added.

    Leaves Σ|D_e| in `w.p_gross`, ΣD_e in `w.p_net` and the charges in `w.p_charges`, micro-USDC.
    """
    data = w.instruments
    seats = w.seats.data
    words = w.gather_words  # expiries, and from GATHER_1 on their deltas
    expiries: i64 = 0
    charges: i64 = 0
    changed = lots != 0 and data[instrument * INSTRUMENT_WORDS + I_UNDERLYING] == underlying
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0 or changed:
        this = instrument
        size: i64 = 0
        if seat != 0:
            s = seat * SEAT_WORDS
            this = seats[s + S_KEY] & SEAT_INSTRUMENT
            size = seats[s + S_SIZE]
            seat = seats[s + S_NEXT]
        if changed and this == instrument:
            size += lots
            changed = False
        i = this * INSTRUMENT_WORDS
        if size != 0 and data[i + I_UNDERLYING] == underlying:
            charges += maintenance_charge(w, this, size)
            expiry = data[i + I_EXPIRY]
            at: i64 = 0
            while at < expiries and words[at] != expiry:
                at += 1
            if at == expiries:
                words[at] = expiry
                words[GATHER_1 + at] = 0
                expiries += 1
            words[GATHER_1 + at] += size * data[i + I_DELTA_LOT]
    gross: i64 = 0
    net: i64 = 0
    while expiries > 0:
        expiries -= 1
        delta = words[GATHER_1 + expiries]
        net += delta
        gross += delta if delta > 0 else -delta
    w.p_gross = gross
    w.p_net = net
    w.p_charges = charges


def roll(w: World, underlying: i64, gross: i64, net: i64) -> i64:
    """The charge for deltas of different expiries that offset each other, micro-USDC."""
    offset = (gross - (net if net > 0 else -net)) // 2
    return ppm_ceil(offset, w.underlyings[underlying * UNDERLYING_WORDS + U_RISK + R_ROLL])


def shock(w: World, underlying: i64, net: i64) -> i64:
    """The charge for delta beyond the threshold, micro-USDC."""
    u = underlying * UNDERLYING_WORDS + U_RISK
    beyond = (net if net > 0 else -net) - w.underlyings[u + R_THRESHOLD]
    if beyond <= 0:
        return 0
    return ppm_ceil(beyond, w.underlyings[u + R_SHOCK])


def _delta_charges(w: World, account: i64, folio: i64) -> i64:
    """Roll and shock of a folio as it stands; kept until a position or a mark changes."""
    folios = w.folios.data
    f = folio * FOLIO_WORDS
    if folios[f + F_KNOWN] != KNOWN:
        measure(w, account, folios[f + F_UNDERLYING], 0, 0)
        folios[f + F_GROSS] = w.p_gross
        folios[f + F_NET] = w.p_net
        folios[f + F_KNOWN] = KNOWN
    return _kept_charges(w, f)


def _kept_charges(w: World, f: i64) -> i64:
    """Roll and shock of a folio (by its record) by the deltas kept in it."""
    folios = w.folios.data
    underlying = folios[f + F_UNDERLYING]
    net = folios[f + F_NET]
    return roll(w, underlying, folios[f + F_GROSS], net) + shock(w, underlying, net)


def initial(w: World, account: i64, instrument: i64, size: i64, open_buy: i64, open_sell: i64) -> i64:
    """Initial margin less holds and charges: worst, roll and shock over the account's underlyings.

    Lots of `instrument` are added to what it holds (account refreshed).
    """
    folios = w.folios.data
    target: i64 = -1
    if size != 0 or open_buy != 0 or open_sell != 0:
        target = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING]
    total: i64 = 0
    slot = w.accounts[account * ACCOUNT_WORDS + A_FOLIO]
    while slot != 0:
        underlying = folios[slot * FOLIO_WORDS + F_UNDERLYING]
        if underlying == target:
            total += worst(w, slot, True, instrument, size, open_buy, open_sell)
            if size != 0:
                measure(w, account, underlying, instrument, size)
                total += roll(w, underlying, w.p_gross, w.p_net) + shock(w, underlying, w.p_net)
            else:
                total += _delta_charges(w, account, slot)
            target = -1
        else:
            total += worst(w, slot, True, 0, 0, 0, 0) + _delta_charges(w, account, slot)
        slot = folios[slot * FOLIO_WORDS + F_NEXT]
    if target >= 0:  # the account's first in this underlying
        total += worst(w, 0, True, instrument, size, open_buy, open_sell)
        if size != 0:  # without a folio there is no other delta
            measure(w, account, target, instrument, size)
            total += roll(w, target, w.p_gross, w.p_net) + shock(w, target, w.p_net)
    return total


def initial_most(w: World, account: i64) -> i64:
    """No less than `initial` of the account as it stands, without a walk over its seats where deltas were
    known since the marks moved (account refreshed)."""
    folios = w.folios.data
    total: i64 = 0
    slot = w.accounts[account * ACCOUNT_WORDS + A_FOLIO]
    while slot != 0:
        f = slot * FOLIO_WORDS
        total += worst(w, slot, True, 0, 0, 0, 0)
        if folios[f + F_KNOWN] == UNKNOWN:
            total += _delta_charges(w, account, slot)
        else:
            total += _kept_charges(w, f)  # more gross, and the same net, is no less roll
        slot = folios[f + F_NEXT]
    return total


def maintenance(w: World, account: i64, instrument: i64, lots: i64) -> i64:
    """Maintenance margin, `lots` added to the position in `instrument` (account refreshed)."""
    folios = w.folios.data
    target: i64 = -1
    if lots != 0:
        target = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING]
    total: i64 = 0
    slot = w.accounts[account * ACCOUNT_WORDS + A_FOLIO]
    while slot != 0:
        underlying = folios[slot * FOLIO_WORDS + F_UNDERLYING]
        total += underlying_maintenance(
            w, account, slot, underlying, instrument, lots if underlying == target else 0
        )
        if underlying == target:
            target = -1
        slot = folios[slot * FOLIO_WORDS + F_NEXT]
    if target >= 0:
        total += underlying_maintenance(w, account, 0, target, instrument, lots)
    return total


def underlying_maintenance(
    w: World, account: i64, folio: i64, underlying: i64, instrument: i64, lots: i64
) -> i64:
    """One underlying's maintenance margin, `lots` of `instrument` added if that is of it (folio 0: none)."""
    measure(w, account, underlying, instrument, lots)
    found = worst(w, folio, False, instrument, lots, 0, 0) + w.p_charges
    found += roll(w, underlying, w.p_gross, w.p_net) + shock(w, underlying, w.p_net)
    return ppm_ceil(found, w.underlyings[underlying * UNDERLYING_WORDS + U_RISK + R_PM_MM])
