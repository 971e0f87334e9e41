"""Whether a losing maker's account keeps its maintenance margin (docs/rules-2.md, Losing makers).

An order may meet the makers of an account a thousand times, an iceberg's tips for one. While it goes through
the book only positions in its own instrument change: what all others require is summed once for an account
and kept for that long (`World.going` says which order's way it is of).
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import margin, portfolio, standard
from exchange.core.arithmetic import ppm_ceil
from exchange.core.layout import (
    A_APART,
    A_FOLIO,
    A_GOING,
    A_MODEL,
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    F_APART,
    F_CHARGES_APART,
    F_DELTA_APART,
    F_GOING,
    F_GROSS_APART,
    F_NET_APART,
    F_NEXT,
    F_UNDERLYING,
    FOLIO_WORDS,
    I_DELTA_LOT,
    I_EXPIRY,
    I_KIND,
    I_MM,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    R_PM_MM,
    S_KEY,
    S_NEXT,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_WORDS,
    U_RISK,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r


def covers(w: World, account: i64, seat: i64, lots: i64, has: i64) -> bool:
    """Whether `has` is no less than the account's maintenance margin, `lots` added to the seat's size.

    The seat is in the instrument of the order under way; account refreshed.
    """
    if w.accounts[account * ACCOUNT_WORDS + A_MODEL] != r.MODEL_STANDARD:
        return has >= _portfolio(w, account, seat, lots)
    s = seat * SEAT_WORDS
    instrument = w.seats.data[s + S_KEY] & SEAT_INSTRUMENT
    i = instrument * INSTRUMENT_WORDS
    size = w.seats.data[s + S_SIZE] + lots
    needed = margin.held(w, instrument, size) * w.instruments[i + I_MM]
    needed += _standard_apart(w, account, instrument)
    if has >= needed:
        return True
    if w.instruments[i + I_KIND] != r.KIND_OPTION:
        return False
    return has >= needed - standard.saved_in_group(w, account, instrument, lots)


def _standard_apart(w: World, account: i64, instrument: i64) -> i64:
    """What the account's other instruments require, relief of other groups than this one's taken off."""
    accounts = w.accounts
    a = account * ACCOUNT_WORDS
    if accounts[a + A_GOING] == w.going:
        return accounts[a + A_APART]
    seats = w.seats.data
    total: i64 = 0
    seat = accounts[a + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        this = seats[s + S_KEY] & SEAT_INSTRUMENT
        if this != instrument:
            total += margin.held(w, this, seats[s + S_SIZE]) * w.instruments[this * INSTRUMENT_WORDS + I_MM]
        seat = seats[s + S_NEXT]
    total -= standard.saved_elsewhere(w, account, instrument)
    accounts[a + A_GOING] = w.going
    accounts[a + A_APART] = total
    return total


def _portfolio(w: World, account: i64, seat: i64, lots: i64) -> i64:
    """Maintenance margin in the portfolio model, `lots` added to the seat's size."""
    folios = w.folios.data
    instrument = w.seats.data[seat * SEAT_WORDS + S_KEY] & SEAT_INSTRUMENT
    underlying = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING]
    total: i64 = 0
    found = False
    slot = w.accounts[account * ACCOUNT_WORDS + A_FOLIO]
    while slot != 0:
        f = slot * FOLIO_WORDS
        if folios[f + F_UNDERLYING] == underlying:
            total += _underlying(w, account, slot, seat, lots)
            found = True
        else:
            if folios[f + F_GOING] != w.going:
                folios[f + F_APART] = portfolio.underlying_maintenance(
                    w, account, slot, folios[f + F_UNDERLYING], instrument, 0
                )
                folios[f + F_GOING] = w.going
            total += folios[f + F_APART]
        slot = folios[f + F_NEXT]
    if not found:
        return portfolio.maintenance(w, account, instrument, lots)
    return total


def _underlying(w: World, account: i64, folio: i64, seat: i64, lots: i64) -> i64:
    """Maintenance margin of the seat's own underlying, `lots` added to its size."""
    folios = w.folios.data
    f = folio * FOLIO_WORDS
    s = seat * SEAT_WORDS
    instrument = w.seats.data[s + S_KEY] & SEAT_INSTRUMENT
    underlying = folios[f + F_UNDERLYING]
    if folios[f + F_GOING] != w.going:
        _set_apart(w, account, f, instrument, w.seats.data[s + S_SIZE])
    size = w.seats.data[s + S_SIZE] + lots
    delta = folios[f + F_DELTA_APART] + size * w.instruments[instrument * INSTRUMENT_WORDS + I_DELTA_LOT]
    net = folios[f + F_NET_APART] + delta
    gross = folios[f + F_GROSS_APART] + (delta if delta > 0 else -delta)
    needed = portfolio.worst(w, folio, False, instrument, lots, 0, 0)
    needed += folios[f + F_CHARGES_APART] + portfolio.maintenance_charge(w, instrument, size)
    needed += portfolio.roll(w, underlying, gross, net) + portfolio.shock(w, underlying, net)
    return ppm_ceil(needed, w.underlyings[underlying * UNDERLYING_WORDS + U_RISK + R_PM_MM])


def _set_apart(w: World, account: i64, f: i64, instrument: i64, size: i64) -> None:
    """Keep what a folio's other seats than the instrument's add up to: deltas and maintenance charges, the
    delta of the instrument's expiry by itself."""
    folios = w.folios.data
    delta = _delta_beside(w, account, instrument)
    portfolio.measure(w, account, folios[f + F_UNDERLYING], instrument, -size)
    folios[f + F_DELTA_APART] = delta
    folios[f + F_NET_APART] = w.p_net - delta
    folios[f + F_GROSS_APART] = w.p_gross - (delta if delta > 0 else -delta)
    folios[f + F_CHARGES_APART] = w.p_charges
    folios[f + F_GOING] = w.going


def _delta_beside(w: World, account: i64, instrument: i64) -> i64:
    """The delta of the account's other positions of the instrument's underlying and expiry, micro-USDC."""
    data = w.instruments
    seats = w.seats.data
    own = instrument * INSTRUMENT_WORDS
    total: i64 = 0
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        i = (seats[s + S_KEY] & SEAT_INSTRUMENT) * INSTRUMENT_WORDS
        if i != own and data[i + I_EXPIRY] == data[own + I_EXPIRY]:
            if data[i + I_UNDERLYING] == data[own + I_UNDERLYING]:
                total += seats[s + S_SIZE] * data[i + I_DELTA_LOT]
        seat = seats[s + S_NEXT]
    return total
