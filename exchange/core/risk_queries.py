"""Read-only views of what rules version 2 adds to the state, for the venue's own drivers.

Nothing here changes what `apply` would do. Figures of margin are in `queries`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mypy_extensions import i64

from exchange.core.engine import Engine
from exchange.core.layout import (
    A_AUCTION,
    A_CASH,
    A_LIQUIDATION,
    A_LOCKED,
    A_MAIN,
    A_MAX_ORDERS,
    A_MAX_POSITIONS,
    A_MODEL,
    A_TIER,
    A_VOLUME,
    ACCOUNT_WORDS,
    FEE_WORDS,
    I_TABLED,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    R_SCENARIOS,
    TABLE_WORDS,
    U_RISK,
    U_STATE,
    UNDERLYING_WORDS,
)
from exchange.domain.commands_risk import FeeTier, RiskParameters
from exchange.domain.limits import ACCOUNT_INSURANCE, FIRST_USER_ACCOUNT

_PARAMETERS: Final = 22


class AccountState(NamedTuple):
    """What an account is besides its figures; volume in micro-USDC of index notional, all its fills."""

    main: int
    model: int
    tier: int
    max_orders: int
    max_positions: int
    locked: int
    liquidation: int
    auction_start_ms: int
    volume_micro: int
    cash_micro: int


def rules(engine: Engine) -> int:
    """The rules version in force."""
    return engine.world.rules


def mode(engine: Engine) -> int:
    """The mode of the venue: open or cancel-only."""
    return engine.world.mode


def risk_parameters(engine: Engine, underlying: i64) -> RiskParameters | None:
    """The risk parameters of an underlying; None before the first. Raises KeyError for an unknown one."""
    w = engine.world
    if underlying < 0 or underlying >= w.underlying_count:
        raise KeyError(underlying)
    u = underlying * UNDERLYING_WORDS + U_RISK
    if w.underlyings[u + R_SCENARIOS] == 0:
        return None
    words: list[int] = []
    word: i64 = 0
    while word < _PARAMETERS:
        words.append(w.underlyings[u + word])
        word += 1
    return RiskParameters(*words)


def underlying_state(engine: Engine, underlying: i64) -> int:
    """0 open, 1 cancel-only, 2 halted. Raises KeyError for an unknown underlying."""
    w = engine.world
    if underlying < 0 or underlying >= w.underlying_count:
        raise KeyError(underlying)
    return w.underlyings[underlying * UNDERLYING_WORDS + U_STATE]


def fee_schedule(engine: Engine) -> tuple[int, list[FeeTier]]:
    """Combo discount in permille and the tiers; no tiers before the first schedule."""
    w = engine.world
    tiers: list[FeeTier] = []
    tier: i64 = 0
    while tier < w.tier_count:
        at = tier * FEE_WORDS
        tiers.append(FeeTier(w.fees[at], w.fees[at + 1], w.fees[at + 2], w.fees[at + 3]))
        tier += 1
    return w.combo_discount, tiers


def table(engine: Engine, instrument: i64) -> list[int] | None:
    """The scenario table of an instrument in quanta, or None. Raises KeyError for an unknown one."""
    w = engine.world
    if instrument < 0 or instrument >= w.instrument_count:
        raise KeyError(instrument)
    i = instrument * INSTRUMENT_WORDS
    if w.instruments[i + I_TABLED] == 0:
        return None
    found: list[int] = []
    scenarios = w.underlyings[w.instruments[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK + R_SCENARIOS]
    word: i64 = 0
    while word < scenarios:
        found.append(w.tables[instrument * TABLE_WORDS + word])
        word += 1
    return found


def account_state(engine: Engine, account: i64) -> AccountState:
    """What an account is. Raises KeyError for an unknown one."""
    w = engine.world
    if account < 0 or account >= w.account_count:
        raise KeyError(account)
    a = account * ACCOUNT_WORDS
    data = w.accounts
    return AccountState(
        data[a + A_MAIN],
        data[a + A_MODEL],
        data[a + A_TIER],
        data[a + A_MAX_ORDERS],
        data[a + A_MAX_POSITIONS],
        data[a + A_LOCKED],
        data[a + A_LIQUIDATION],
        data[a + A_AUCTION],
        data[a + A_VOLUME],
        data[a + A_CASH],
    )


def in_liquidation(engine: Engine) -> list[int]:
    """Accounts whose liquidation is not 0, in id order."""
    w = engine.world
    found: list[int] = []
    account: i64 = FIRST_USER_ACCOUNT
    while account < w.account_count:
        if w.accounts[account * ACCOUNT_WORDS + A_LIQUIDATION] != 0:
            found.append(account)
        account += 1
    return found


def sharing(engine: Engine) -> int:
    """The account whose loss is being shared; 0: none."""
    return engine.world.share_account


def total_cash(engine: Engine) -> int:
    """Cash of all accounts together, in micro-USDC: 0, or value was made."""
    w = engine.world
    total: i64 = 0
    account: i64 = 0
    while account < w.account_count:
        total += w.accounts[account * ACCOUNT_WORDS + A_CASH]
        account += 1
    return total


def fund_micro(engine: Engine) -> int:
    """Cash of the insurance fund, in micro-USDC."""
    return engine.world.accounts[ACCOUNT_INSURANCE * ACCOUNT_WORDS + A_CASH]
