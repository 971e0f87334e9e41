"""Portfolio margin: the worst of the scenarios, and charges (docs/rules-2.md, Margin).

A folio keeps, for one account in one underlying, the sums per scenario of its positions' gains and of its
open orders' losses, in quanta. They follow each change of a seat (`recount`) as long as the account is
current; new tables make them stale, and the account's next refresh builds them anew.
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
    F_TABLES,
    F_UNDERLYING,
    FOLIO_WORDS,
    GATHER_1,
    I_DELTA_LOT,
    I_EXPIRY,
    I_IM,
    I_KIND,
    I_MM,
    I_ORDER_LOT,
    I_SHORT_LOT,
    I_TABLED,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    R_DAMPENER,
    R_EXTENDED,
    R_PM_MM,
    R_QUANTUM,
    R_ROLL,
    R_SCENARIOS,
    R_SHOCK,
    R_THRESHOLD,
    S_COUNTED_BUY,
    S_COUNTED_SELL,
    S_COUNTED_SIZE,
    S_KEY,
    S_NEXT,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_SHIFT,
    SEAT_WORDS,
    TABLE_WORDS,
    U_RISK,
    U_TABLE_EPOCH,
    UNDERLYING_WORDS,
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
    option = data[i + I_KIND] == r.KIND_OPTION
    lots = size if size > 0 else -size
    if option and size > 0:
        lots = 0
    total: i64 = 0
    if data[i + I_TABLED] == 0:
        total = lots * data[i + I_MM]
    elif size < 0:
        total = lots * w.underlyings[data[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK + R_QUANTUM]
    if option:
        total += lots * data[i + I_SHORT_LOT]
    return total


def find(w: World, account: i64, underlying: i64) -> i64:
    """The slot of the account's folio in an underlying, or 0."""
    folios = w.folios.data
    slot = w.accounts[account * ACCOUNT_WORDS + A_FOLIO]
    while slot != 0 and folios[slot * FOLIO_WORDS + F_UNDERLYING] != underlying:
        slot = folios[slot * FOLIO_WORDS + F_NEXT]
    return slot


def _make(w: World, account: i64, underlying: i64) -> i64:
    """A new folio, of nothing as yet."""
    slot = w.folios.alloc()
    folios = w.folios.data
    f = slot * FOLIO_WORDS
    word: i64 = 0
    while word < FOLIO_WORDS:
        folios[f + word] = 0
        word += 1
    a = account * ACCOUNT_WORDS
    folios[f + F_UNDERLYING] = underlying
    folios[f + F_NEXT] = w.accounts[a + A_FOLIO]
    folios[f + F_TABLES] = w.underlyings[underlying * UNDERLYING_WORDS + U_TABLE_EPOCH]
    w.accounts[a + A_FOLIO] = slot
    return slot


def release(w: World, account: i64) -> None:
    """Give the account's folios back; nothing of its seats is counted any more."""
    a = account * ACCOUNT_WORDS
    slot = w.accounts[a + A_FOLIO]
    while slot != 0:
        following = w.folios.data[slot * FOLIO_WORDS + F_NEXT]
        w.folios.release(slot)
        slot = following
    w.accounts[a + A_FOLIO] = 0
    seats = w.seats.data
    seat = w.accounts[a + A_SEAT_HEAD]
    while seat != 0:
        _forget(w, seat)
        seat = seats[seat * SEAT_WORDS + S_NEXT]


def _forget(w: World, seat: i64) -> None:
    seats = w.seats.data
    s = seat * SEAT_WORDS
    seats[s + S_COUNTED_SIZE] = 0
    seats[s + S_COUNTED_BUY] = 0
    seats[s + S_COUNTED_SELL] = 0


def refresh(w: World, account: i64) -> None:
    """Bring the account's folios up to the tables in force and the seats' figures."""
    folios = w.folios.data
    slot = w.accounts[account * ACCOUNT_WORDS + A_FOLIO]
    while slot != 0:
        f = slot * FOLIO_WORDS
        epoch = w.underlyings[folios[f + F_UNDERLYING] * UNDERLYING_WORDS + U_TABLE_EPOCH]
        folios[f + F_KNOWN] = 0
        if folios[f + F_TABLES] != epoch:
            folios[f + F_TABLES] = epoch
            _clear(w, account, f)
        slot = folios[f + F_NEXT]
    seats = w.seats.data
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        recount(w, seat)
        seat = seats[seat * SEAT_WORDS + S_NEXT]


def _clear(w: World, account: i64, f: i64) -> None:
    """Empty a folio's sums; its seats count as not yet in them."""
    folios = w.folios.data
    word: i64 = F_GAIN
    while word < FOLIO_WORDS:
        folios[f + word] = 0
        word += 1
    underlying = folios[f + F_UNDERLYING]
    seats = w.seats.data
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        instrument = seats[seat * SEAT_WORDS + S_KEY] & SEAT_INSTRUMENT
        if w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING] == underlying:
            _forget(w, seat)
        seat = seats[seat * SEAT_WORDS + S_NEXT]


def recount(w: World, seat: i64) -> None:
    """Bring its folio's sums up to a seat's size and open lots (account refreshed)."""
    seats = w.seats.data
    s = seat * SEAT_WORDS
    _count(w, seat, seats[s + S_SIZE], seats[s + S_OPEN_BUY], seats[s + S_OPEN_SELL])


def uncount(w: World, seat: i64) -> None:
    """Take a seat out of its folio's sums (before it goes), unless its tables have changed since."""
    s = seat * SEAT_WORDS
    key = w.seats.data[s + S_KEY]
    underlying = w.instruments[(key & SEAT_INSTRUMENT) * INSTRUMENT_WORDS + I_UNDERLYING]
    folio = find(w, key >> SEAT_SHIFT, underlying)
    if folio == 0:
        return
    epoch = w.underlyings[underlying * UNDERLYING_WORDS + U_TABLE_EPOCH]
    if w.folios.data[folio * FOLIO_WORDS + F_TABLES] == epoch:
        _count(w, seat, 0, 0, 0)


def _count(w: World, seat: i64, size: i64, open_buy: i64, open_sell: i64) -> None:
    """Make these figures the ones of a seat that are in its folio's sums."""
    seats = w.seats.data
    s = seat * SEAT_WORDS
    more = size - seats[s + S_COUNTED_SIZE]
    buy = open_buy - seats[s + S_COUNTED_BUY]
    sell = open_sell - seats[s + S_COUNTED_SELL]
    if more == 0 and buy == 0 and sell == 0:
        return
    key = seats[s + S_KEY]
    instrument = key & SEAT_INSTRUMENT
    i = instrument * INSTRUMENT_WORDS
    underlying = w.instruments[i + I_UNDERLYING]
    folio = find(w, key >> SEAT_SHIFT, underlying)
    if folio == 0:
        folio = _make(w, key >> SEAT_SHIFT, underlying)
    f = folio * FOLIO_WORDS
    if more != 0:
        w.folios.data[f + F_KNOWN] = 0
    seats[s + S_COUNTED_SIZE] = size
    seats[s + S_COUNTED_BUY] = open_buy
    seats[s + S_COUNTED_SELL] = open_sell
    if w.instruments[i + I_TABLED] != 0:
        scenarios = w.underlyings[underlying * UNDERLYING_WORDS + U_RISK + R_SCENARIOS]
        _add(w, f, instrument * TABLE_WORDS, scenarios, more, buy, sell)


def follows(w: World, account: i64) -> bool:
    """Whether the folios' sums are what the seats of a refreshed account add up to. Slow."""
    folios = w.folios.data
    seats = w.seats.data
    slot = w.accounts[account * ACCOUNT_WORDS + A_FOLIO]
    while slot != 0:
        f = slot * FOLIO_WORDS
        k: i64 = 0
        while k < TABLE_WORDS:
            gain: i64 = 0
            orders: i64 = 0
            seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
            while seat != 0:
                s = seat * SEAT_WORDS
                instrument = seats[s + S_KEY] & SEAT_INSTRUMENT
                i = instrument * INSTRUMENT_WORDS
                if w.instruments[i + I_UNDERLYING] == folios[f + F_UNDERLYING] and _in_scenario(w, i, k):
                    entry = w.tables[instrument * TABLE_WORDS + k]
                    gain += seats[s + S_SIZE] * entry
                    if entry < 0:
                        orders -= seats[s + S_OPEN_BUY] * entry
                    else:
                        orders += seats[s + S_OPEN_SELL] * (entry + 1)
                seat = seats[s + S_NEXT]
            if gain != folios[f + F_GAIN + k] or orders != folios[f + F_ORDERS + k]:
                return False
            k += 1
        slot = folios[f + F_NEXT]
    return True


def _in_scenario(w: World, i: i64, k: i64) -> bool:
    u = w.instruments[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK
    return w.instruments[i + I_TABLED] != 0 and k < w.underlyings[u + R_SCENARIOS]


def _add(w: World, f: i64, t: i64, scenarios: i64, size: i64, buy: i64, sell: i64) -> None:
    """Add lots of the instrument whose table starts at word `t` to a folio's sums."""
    folios = w.folios.data
    tables = w.tables
    gain = f + F_GAIN
    orders = f + F_ORDERS
    k: i64 = 0
    while k < scenarios:
        entry = tables[t + k]
        folios[gain + k] += size * entry
        if entry < 0:
            folios[orders + k] -= buy * entry
        else:
            folios[orders + k] += sell * (entry + 1)
        k += 1


def worst(
    w: World, folio: i64, initial: bool, instrument: i64, size: i64, open_buy: i64, open_sell: i64
) -> i64:
    """The largest loss over the scenarios, at least 0, micro-USDC.

    Lots of `instrument` are added to what the folio (0: none) holds: position, open to buy, open to sell.
    """
    data = w.instruments
    folios = w.folios.data
    tables = w.tables
    i = instrument * INSTRUMENT_WORDS
    t = instrument * TABLE_WORDS
    f = folio * FOLIO_WORDS
    u = data[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK
    changed = data[i + I_TABLED] != 0 and (size != 0 or open_buy != 0 or open_sell != 0)
    if folio != 0:
        u = folios[f + F_UNDERLYING] * UNDERLYING_WORDS + U_RISK
    scenarios = w.underlyings[u + R_SCENARIOS]
    extended = w.underlyings[u + R_EXTENDED]
    near: i64 = 0  # the largest loss of the ordinary scenarios, and of the extended ones, in quanta
    far: i64 = 0
    k: i64 = 0
    while k < scenarios:
        loss: i64 = 0
        if folio != 0:
            loss = -folios[f + F_GAIN + k]
            if initial:
                loss += folios[f + F_ORDERS + k]
        if changed:
            entry = tables[t + k]
            loss -= size * entry
            if initial:
                loss += open_sell * (entry + 1) if entry >= 0 else -open_buy * entry
        if k < extended:
            if loss > near:
                near = loss
        elif loss > far:
            far = loss
        k += 1
    quantum = w.underlyings[u + R_QUANTUM]
    near *= quantum
    far = far * quantum - w.underlyings[u + R_DAMPENER]
    return near if near > far else far


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
    underlying = folios[f + F_UNDERLYING]
    if folios[f + F_KNOWN] == 0:
        measure(w, account, underlying, 0, 0)
        folios[f + F_GROSS] = w.p_gross
        folios[f + F_NET] = w.p_net
        folios[f + F_KNOWN] = 1
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
        measure(w, account, target, instrument, size)
        total += roll(w, target, w.p_gross, w.p_net) + shock(w, target, w.p_net)
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
        total += _underlying_maintenance(
            w, account, slot, underlying, instrument, lots if underlying == target else 0
        )
        if underlying == target:
            target = -1
        slot = folios[slot * FOLIO_WORDS + F_NEXT]
    if target >= 0:
        total += _underlying_maintenance(w, account, 0, target, instrument, lots)
    return total


def _underlying_maintenance(
    w: World, account: i64, folio: i64, underlying: i64, instrument: i64, lots: i64
) -> i64:
    measure(w, account, underlying, instrument, lots)
    found = worst(w, folio, False, instrument, lots, 0, 0) + w.p_charges
    found += roll(w, underlying, w.p_gross, w.p_net) + shock(w, underlying, w.p_net)
    return ppm_ceil(found, w.underlyings[underlying * UNDERLYING_WORDS + U_RISK + R_PM_MM])
