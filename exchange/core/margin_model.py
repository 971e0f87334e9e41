"""SET_MARGIN_MODEL (docs/rules-2.md, Accounts)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import emit, margin
from exchange.core.admission import is_user
from exchange.core.layout import (
    A_LIQUIDATION,
    A_LOCKED,
    A_MODEL,
    A_ORDERS,
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    R_SCENARIOS,
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
from exchange.domain import rejects as no


def set_margin_model(w: World, account: i64, model: i64) -> i64:
    """SET_MARGIN_MODEL. Returns a reject reason or 0."""
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    if model > r.MODEL_PORTFOLIO:
        return no.BAD_FLAGS
    a = account * ACCOUNT_WORDS
    if w.accounts[a + A_LOCKED] != 0 or w.accounts[a + A_LIQUIDATION] != 0:
        return no.ACCOUNT_LOCKED
    if w.accounts[a + A_ORDERS] != 0:
        return no.NOT_EMPTY
    if not _parametrised(w, account):
        return no.NO_RISK
    margin.initial_with_model(w, account, model)
    if w.m_equity < 0 or w.m_initial > w.m_balance:
        return no.MARGIN_BREACH
    w.accounts[a + A_MODEL] = model
    margin.forget(w, account)
    emit.account(w, account)
    return 0


def _parametrised(w: World, account: i64) -> bool:
    """Whether every underlying in which the account holds a position has risk parameters."""
    seats = w.seats.data
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        if seats[s + S_SIZE] != 0:
            i = (seats[s + S_KEY] & SEAT_INSTRUMENT) * INSTRUMENT_WORDS
            u = w.instruments[i + I_UNDERLYING] * UNDERLYING_WORDS
            if w.underlyings[u + U_RISK + R_SCENARIOS] == 0:
                return False
        seat = seats[s + S_NEXT]
    return True
