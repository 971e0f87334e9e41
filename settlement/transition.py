"""The state transition: what each operation does to accounts. Pure, integers only.

Written from docs/rules.md and docs/rules-2.md independently of the core, and used alike by the ledger that
builds batches and by whoever verifies them. All divisions: `ceil_div` and `floor_div`, rounding as the
rules say. What rules version 2 adds is in `settlement/protection.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms
from exchange.domain.limits import (
    ACCOUNT_BRIDGE,
    ACCOUNT_FEES,
    ACCOUNT_INSURANCE,
    FIRST_USER_ACCOUNT,
)
from settlement import combos, forced, protection
from settlement import operations as op
from settlement.fees import ceil_div, fill_fees_micro, floor_div, trade_fee_micro
from settlement.guards import TransitionError, account_of, open_instrument, user
from settlement.state import Account, Instrument, State

__all__ = [
    "HolderResult",
    "TransitionError",
    "apply",
    "book_settlement",
    "delivery_micro",
    "fill_value_micro",
    "settlement_results",
    "trade_fee_micro",
]


class HolderResult(NamedTuple):
    """What a settlement does to one holder; fields as in the SETTLED event."""

    account: int
    size_lots: int
    cash_delta_micro: int
    fee_micro: int
    entry_before_micro: int
    entry_after_micro: int


def fill_value_micro(terms: InstrumentTerms, price_ticks: int, size_lots: int) -> int:
    """price · lots · multiplier, exact."""
    return price_ticks * size_lots * terms.multiplier_micro


def delivery_micro(terms: InstrumentTerms, delivery_price_micro: int, size_lots: int) -> tuple[int, int]:
    """(payoff, fee) of a position at delivery (rules: Life cycle)."""
    inside = delivery_price_micro - terms.strike_micro
    if terms.option_type == r.OPTION_PUT:
        inside = -inside
    payoff = size_lots * floor_div(max(inside, 0) * terms.lot_e8, 100_000_000)
    per_lot = ceil_div(delivery_price_micro * terms.lot_e8, 100_000_000)
    fee = ceil_div(ceil_div(per_lot * terms.delivery_fee_ppm, 1000) * abs(size_lots), 1000)
    if terms.fee_cap_permille > 0:
        fee = min(fee, floor_div(abs(payoff) * terms.fee_cap_permille, 1000))
    return payoff, fee


def settlement_results(state: State, settlement: op.Settlement) -> list[HolderResult]:
    """Every holder's part of a settlement, in account order; changes nothing.

    Raises:
        TransitionError: unknown or ended instrument, or a kind its terms do not have.
    """
    terms = open_instrument(state, settlement.instrument).terms
    wanted = r.KIND_OPTION if settlement.kind == r.SETTLED_DELIVERY else r.KIND_PERPETUAL
    if terms.kind != wanted:
        raise TransitionError(f"instrument {settlement.instrument} has no settlement {settlement.kind}")
    results: list[HolderResult] = []
    for number in state.holders_in_order(settlement.instrument):
        size, entry = state.position(number, settlement.instrument)
        if settlement.kind == r.SETTLED_DELIVERY:
            payoff, fee = delivery_micro(terms, settlement.price, size)
            results.append(HolderResult(number, size, payoff - fee, fee, entry, 0))
        elif settlement.kind == r.SETTLED_PERPETUAL:
            after = fill_value_micro(terms, settlement.price, size)
            results.append(HolderResult(number, size, after - entry, 0, entry, after))
        elif settlement.kind == r.SETTLED_FUNDING:
            if size:
                results.append(HolderResult(number, size, -settlement.price * size, 0, entry, entry))
        else:
            raise TransitionError(f"unknown settlement kind {settlement.kind}")
    return results


def book_settlement(state: State, settlement: op.Settlement, results: Iterable[HolderResult]) -> None:
    """Book what `settlement_results` found. Delivery fees go to the fee account."""
    delivered = settlement.kind == r.SETTLED_DELIVERY
    fees = 0
    for result in results:
        account = account_of(state, result.account)
        state.pay(result.account, account, result.cash_delta_micro)
        change = result.entry_after_micro - result.entry_before_micro
        size = -result.size_lots if delivered else 0
        state.move(result.account, account, settlement.instrument, size, change)
        fees += result.fee_micro
    if fees:
        state.pay(ACCOUNT_FEES, account_of(state, ACCOUNT_FEES), fees)


def _index_set(state: State, change: op.IndexSet) -> None:
    if change.underlying not in state.underlyings or change.index_micro <= 0:
        raise TransitionError(f"no index {change.index_micro} for underlying {change.underlying}")
    state.index_micro[change.underlying] = change.index_micro


def _fill(state: State, fill: op.Fill) -> None:
    terms = open_instrument(state, fill.instrument).terms
    index = state.index_micro.get(terms.underlying)
    if index is None:
        raise TransitionError(f"fill {fill.trade_id}: no index for underlying {terms.underlying}")
    maker, taker = _two_accounts(state, fill)
    value = fill_value_micro(terms, fill.price_ticks, fill.size_lots)
    _book_fill(state, fill, fill_fees_micro(state, terms, maker, taker, index, fill.size_lots, value))


def _combo_fill(state: State, fill: op.ComboFill) -> None:
    _two_accounts(state, fill)
    combos.combo_fill(state, fill, _book_fill)


def _two_accounts(state: State, fill: op.Fill | op.ComboFill) -> tuple[Account, Account]:
    if fill.size_lots <= 0 or fill.maker == fill.taker:
        raise TransitionError(f"fill {fill.trade_id} is not a match of two accounts")
    return user(state, fill.maker), user(state, fill.taker)


def _book_fill(state: State, fill: op.Fill, fees: tuple[int, int]) -> None:
    terms = open_instrument(state, fill.instrument).terms
    maker, taker = user(state, fill.maker), user(state, fill.taker)
    value = fill_value_micro(terms, fill.price_ticks, fill.size_lots)
    maker_fee, taker_fee = fees
    run_of = (fill.taker, fill.instrument, fill.taker_sells)
    if run_of != state.run_of:
        state.run_of = run_of
        state.run.clear()
    state.run.append((fill.size_lots, value))
    lots = -fill.size_lots if fill.taker_sells else fill.size_lots
    entry = -value if fill.taker_sells else value
    state.move(fill.taker, taker, fill.instrument, lots, entry)
    state.move(fill.maker, maker, fill.instrument, -lots, -entry)
    premium = entry if terms.kind == r.KIND_OPTION else 0
    state.pay(fill.taker, taker, -premium - taker_fee)
    state.pay(fill.maker, maker, premium - maker_fee)
    if maker_fee or taker_fee:
        state.pay(ACCOUNT_FEES, account_of(state, ACCOUNT_FEES), maker_fee + taker_fee)


def _deposit(state: State, deposit: op.Deposit) -> None:
    fund = deposit.account == ACCOUNT_INSURANCE
    account = account_of(state, ACCOUNT_INSURANCE) if fund else user(state, deposit.account)
    if deposit.amount_micro <= 0 or deposit.deposit_id <= state.last_deposit_id:
        raise TransitionError(f"deposit {deposit.deposit_id} after {state.last_deposit_id}")
    state.last_deposit_id = deposit.deposit_id
    state.deposited_micro += deposit.amount_micro
    state.pay(deposit.account, account, deposit.amount_micro)
    state.pay(ACCOUNT_BRIDGE, account_of(state, ACCOUNT_BRIDGE), -deposit.amount_micro)


def _withdrawal(state: State, withdrawal: op.Withdrawal) -> None:
    account = user(state, withdrawal.account)
    if not 0 < withdrawal.amount_micro <= account.cash_micro:
        raise TransitionError(f"account {withdrawal.account} can not withdraw {withdrawal.amount_micro}")
    state.withdrawn_micro += withdrawal.amount_micro
    state.pay(withdrawal.account, account, -withdrawal.amount_micro)
    state.pay(ACCOUNT_BRIDGE, account_of(state, ACCOUNT_BRIDGE), withdrawal.amount_micro)


def _settlement(state: State, settlement: op.Settlement) -> None:
    book_settlement(state, settlement, settlement_results(state, settlement))


def _account_set(state: State, change: op.AccountSet) -> None:
    if change.account < FIRST_USER_ACCOUNT or len(change.owner) != 20:
        raise TransitionError(f"account {change.account} can not be made")
    account = state.accounts.setdefault(change.account, Account())
    state.account_count = max(state.account_count, change.account + 1)
    account.owner, account.flags = change.owner, change.flags
    state.touched_accounts.add(change.account)


def _listing(state: State, listing: op.Listing) -> None:
    if listing.instrument in state.instruments:
        raise TransitionError(f"instrument {listing.instrument} is listed already")
    if listing.terms.underlying not in state.underlyings:
        raise TransitionError(f"underlying {listing.terms.underlying} is not listed")
    state.instruments[listing.instrument] = Instrument(listing.terms, listing.state)
    state.touched_instruments.add(listing.instrument)


def _state_set(state: State, change: op.StateSet) -> None:
    instrument = open_instrument(state, change.instrument)
    if change.state in (r.STATE_DELISTED, r.STATE_DELIVERED):
        _end_positions(state, change.instrument, instrument)
    instrument.state = change.state
    state.touched_instruments.add(change.instrument)


def _end_positions(state: State, number: int, instrument: Instrument) -> None:
    """Drop the entry values that closed option positions left; anything worth money must be gone."""
    for holder in state.holders_in_order(number):
        size, entry = state.position(holder, number)
        if size or instrument.terms.kind == r.KIND_PERPETUAL:
            raise TransitionError(f"instrument {number} ends while account {holder} holds {size} lots")
        state.move(holder, account_of(state, holder), number, 0, -entry)


def _underlying_set(state: State, change: op.UnderlyingSet) -> None:
    state.underlyings[change.underlying] = change.symbol


_RULES: dict[type, Callable[[State, Any], None]] = {
    op.IndexSet: _index_set,
    op.Fill: _fill,
    op.Deposit: _deposit,
    op.Withdrawal: _withdrawal,
    op.Settlement: _settlement,
    op.AccountSet: _account_set,
    op.Listing: _listing,
    op.StateSet: _state_set,
    op.UnderlyingSet: _underlying_set,
    **protection.RULES,
    op.ComboListing: combos.combo_listing,
    op.ComboFill: _combo_fill,
    op.DiscountSet: combos.discount_set,
    op.ForcedWithdrawal: forced.forced_withdrawal,
}

_WITH_MOVES = (op.Moved, op.Takeover, op.PositionsMoved)
"""What may follow a position that was moved."""


def apply(state: State, operation: op.Operation) -> None:
    """Apply one operation to `state` in place.

    Raises:
        TransitionError: the state does not allow it; the state is then not to be used any more.
    """
    kind = type(operation)
    if state.moved and kind not in _WITH_MOVES:
        raise TransitionError("positions were moved and nothing pays for them")
    _RULES[kind](state, operation)
