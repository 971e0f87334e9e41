"""Resting orders that lose against the mark when they are met (docs/rules-2.md, Losing makers).

Holds are fixed when an order is placed, and marks move. A losing maker trades only if its account keeps its
maintenance margin; a look at the book counts on it only while its account can pay for all it may lose before.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import fees, margin, portfolio, sufficiency, verdicts
from exchange.core.arithmetic import ceil_div
from exchange.core.layout import (
    A_LOOK,
    A_MODEL,
    A_REQUIREMENT,
    A_SLACK,
    ACCOUNT_WORDS,
    I_FEE_CAP,
    I_KIND,
    I_MULTIPLIER,
    I_TABLED,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    O_FLAGS,
    O_HOLD,
    O_LOTS,
    O_PLACE,
    O_PRICE,
    O_WHO,
    R_QUANTUM,
    U_RISK,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r


def loses(w: World, instrument: i64, sell: i64, price: i64) -> bool:
    """Whether a resting order at `price` loses anything against the mark when it is met (rules 2)."""
    return w.rules >= 2 and sufficiency.lost_per_lot(w, instrument, sell, price) > 0


def keeps_maintenance(w: World, order: i64, lots: i64) -> bool:
    """Whether a match of `lots` of a resting order (by its record) leaves its account with its maintenance
    margin, the maker's fee paid."""
    orders = w.orders.data
    account = orders[order + O_WHO] & r.U32
    instrument = orders[order + O_WHO] >> 32
    sell = orders[order + O_FLAGS] & 1
    price = orders[order + O_PRICE]
    margin.refresh(w, account)
    has = margin.balance(w, account) + sufficiency.gained_micro(w, account, instrument, sell, price, lots)
    has -= lots * fee_per_lot(w, account, instrument, price)
    if _plainly_covers(w, account, instrument, sell, lots, has + lots * orders[order + O_HOLD]):
        return True
    return verdicts.covers(w, account, orders[order + O_PLACE] >> 32, -lots if sell != 0 else lots, has)


def _plainly_covers(w: World, account: i64, instrument: i64, sell: i64, lots: i64, has: i64) -> bool:
    """Whether `has` is no less than the account's plain initial margin: what open lots hold counted, it is
    no less than maintenance margin with this order filled. May be wrong to say no."""
    a = account * ACCOUNT_WORDS
    required = w.accounts[a + A_REQUIREMENT]
    if w.accounts[a + A_MODEL] == r.MODEL_STANDARD:
        return has >= required
    required += lots * _rounded_micro(w, instrument, sell)
    return has >= required + portfolio.initial_most(w, account)


def fee_per_lot(w: World, account: i64, instrument: i64, price: i64) -> i64:
    """What one lot's fee is at most, micro-USDC: 0 for a rebate (fee₁ of the rules)."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    fee = ceil_div(fees.maker_nano(w, account, instrument), 1000)
    if data[i + I_FEE_CAP] > 0 and data[i + I_KIND] == r.KIND_OPTION:
        most = price * data[i + I_MULTIPLIER] * data[i + I_FEE_CAP] // 1000 + 1
        if fee > most:
            fee = most
    return fee


def bears(w: World, order: i64) -> bool:
    """Take what a losing order (by its record) may cost beyond its hold from its account's slack, for a look
    under way. Whether there is slack left.

    A look meets losing orders before all others, so those need not be asked.
    """
    orders = w.orders.data
    account = orders[order + O_WHO] & r.U32
    accounts = w.accounts
    a = account * ACCOUNT_WORDS
    if accounts[a + A_LOOK] != w.looking:
        accounts[a + A_LOOK] = w.looking
        accounts[a + A_SLACK] = _slack(w, account)
    accounts[a + A_SLACK] -= (orders[order + O_LOTS] & r.U32) * _overdraw_per_lot(w, order)
    return accounts[a + A_SLACK] >= 0


def _slack(w: World, account: i64) -> i64:
    """What the account has beyond its initial margin without relief, micro-USDC."""
    margin.refresh(w, account)
    a = account * ACCOUNT_WORDS
    required = w.accounts[a + A_REQUIREMENT]
    if w.accounts[a + A_MODEL] != r.MODEL_STANDARD:
        required += portfolio.initial(w, account, 0, 0, 0, 0)
    return margin.balance(w, account) - required


def _overdraw_per_lot(w: World, order: i64) -> i64:
    """What a lot of a resting order costs its account beyond what it holds, micro-USDC, at least 0."""
    orders = w.orders.data
    account = orders[order + O_WHO] & r.U32
    instrument = orders[order + O_WHO] >> 32
    price = orders[order + O_PRICE]
    sell = orders[order + O_FLAGS] & 1
    over = fee_per_lot(w, account, instrument, price) - orders[order + O_HOLD]
    over -= sufficiency.gained_micro(w, account, instrument, sell, price, 1)
    if over < 0:
        over = 0
    if w.accounts[account * ACCOUNT_WORDS + A_MODEL] != r.MODEL_STANDARD:
        over += _rounded_micro(w, instrument, sell)
    return over


def _rounded_micro(w: World, instrument: i64, sell: i64) -> i64:
    """By how much maintenance margin of the portfolio model may pass plain initial margin for each lot of an
    order that is filled: its delta charges are rounded up apart, and a short's table is rounded."""
    i = instrument * INSTRUMENT_WORDS
    if sell == 0 or w.instruments[i + I_TABLED] == 0:
        return 1
    u = w.instruments[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK
    return 1 + w.underlyings[u + R_QUANTUM]
