"""Folios: the scenario sums of one account in one underlying (portfolio model), in quanta.

Per scenario a folio keeps what the account's positions gain and what its open orders can lose. The sums
follow each change of a seat (`recount`) as long as the account is current; new tables make them stale, and
the account's next refresh builds them anew.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

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
    I_DELTA_LOT,
    I_TABLED,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    KNOWN_MOST,
    R_SCENARIOS,
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
    UNKNOWN,
)
from exchange.core.world import World

_GROSS_MOST: Final = 1 << 60  # a true one is below; more changes than that allows are summed anew


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
        folios[f + F_KNOWN] = UNKNOWN
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
    if more != 0 and w.folios.data[f + F_KNOWN] != UNKNOWN:
        delta = more * w.instruments[i + I_DELTA_LOT]
        w.folios.data[f + F_NET] += delta
        gross = w.folios.data[f + F_GROSS] + (delta if delta > 0 else -delta)
        w.folios.data[f + F_GROSS] = gross
        w.folios.data[f + F_KNOWN] = KNOWN_MOST if gross < _GROSS_MOST else UNKNOWN
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
    if size != 0:
        _add_gain(w, f + F_GAIN, t, scenarios, size)
    if buy == 0 and sell == 0:
        return
    folios = w.folios.data
    tables = w.tables
    to = f + F_ORDERS
    end = to + scenarios
    while to < end:
        entry = tables[t]
        if entry >= 0:
            folios[to] += sell * (entry + 1)
        else:
            folios[to] -= buy * entry
        to += 1
        t += 1


def _add_gain(w: World, to: i64, t: i64, scenarios: i64, size: i64) -> None:
    folios = w.folios.data
    tables = w.tables
    end = to + scenarios
    while to < end:
        folios[to] += size * tables[t]
        to += 1
        t += 1
