"""Who may trade, and where: the first checks of every order (docs/rules.md, New orders, 1 to 3)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.combo_terms import record_of
from exchange.core.instruments import keeps_trading
from exchange.core.layout import (
    A_LIQUIDATION,
    A_LOCKED,
    ACCOUNT_WORDS,
    C_LEG,
    C_LEGS,
    I_KIND,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    U_STATE,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def is_user(w: World, account: i64) -> bool:
    """Whether the account exists and is a user's."""
    return limits.FIRST_USER_ACCOUNT <= account and account < w.account_count


def is_bound(w: World, account: i64) -> bool:
    """Whether the account is locked or in liquidation: it may cancel, and nothing else."""
    a = account * ACCOUNT_WORDS
    return w.accounts[a + A_LOCKED] != 0 or w.accounts[a + A_LIQUIDATION] != r.LIQUIDATION_NONE


def closed(w: World, instrument: i64) -> i64:
    """Check 3: the reason nothing may trade in a known instrument, or 0."""
    if w.mode != r.MODE_OPEN:
        return no.VENUE_CANCEL_ONLY
    if not keeps_trading(w, instrument):
        return no.INSTRUMENT_NOT_OPEN
    if w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_COMBO:
        return _legs_closed(w, instrument)
    underlying = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING]
    if w.underlyings[underlying * UNDERLYING_WORDS + U_STATE] != r.STATE_OPEN:
        return no.UNDERLYING_NOT_OPEN
    return 0


def _legs_closed(w: World, combo: i64) -> i64:
    """Check 3 of each leg of a combo that is open itself, in order."""
    combos = w.combos.data
    c = record_of(w, combo)
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        reason = closed(w, combos[c + C_LEG + number])
        if reason != 0:
            return reason
        number += 1
    return 0
