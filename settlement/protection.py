"""What rules version 2 adds to the transition: withdrawals, transfers, liquidation, takeovers.

Written from docs/rules-2.md independently of the core. Pure, integers only; every amount that follows from
the state is worked out here, and the few that depend on marks are bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from exchange.domain import records as r
from exchange.domain.limits import (
    ACCOUNT_BRIDGE,
    ACCOUNT_INSURANCE,
    ACCOUNT_WITHDRAWALS,
    MAX_TIERS,
    PPM,
)
from settlement import losses
from settlement import operations as op
from settlement.fees import capped, ceil_div, index_per_lot
from settlement.guards import account_of, funds_micro, need, open_instrument, user
from settlement.state import State

# --- parameters ---------------------------------------------------------------------------------------


def _fees_set(state: State, change: op.FeesSet) -> None:
    need(1 <= len(change.tiers) <= MAX_TIERS, f"a fee schedule of {len(change.tiers)} tiers")
    state.tiers = change.tiers


def _family_set(state: State, change: op.FamilySet) -> None:
    account = user(state, change.account)
    if change.main != account.main:
        main = user(state, change.main)
        alone = account.main == main.main == 0 and change.main != change.account
        need(alone, f"account {change.account} can not join account {change.main}")
    need(0 <= change.tier < MAX_TIERS, f"tier {change.tier}")
    account.main, account.tier = change.main, change.tier
    state.touched_accounts.add(change.account)


def _risk_set(state: State, change: op.RiskSet) -> None:
    need(change.underlying in state.underlyings, f"underlying {change.underlying} is not listed")
    need(change.liquidation_fee_ppm >= 0, f"a liquidation fee of {change.liquidation_fee_ppm} ppm")
    state.liquidation_fee_ppm[change.underlying] = change.liquidation_fee_ppm


# --- withdrawals and transfers --------------------------------------------------------------------------


def _held(state: State, held: op.WithdrawalHeld) -> None:
    account, ident = user(state, held.account), held.withdrawal_id
    losses.must_not_leave(state, f"withdrawal {ident}")
    need(ident > state.last_withdrawal_id, f"withdrawal {ident} after {state.last_withdrawal_id}")
    need(
        0 < held.amount_micro <= account.cash_micro,
        f"account {held.account} can not withdraw {held.amount_micro}",
    )
    state.last_withdrawal_id = ident
    state.withdrawals[ident] = (held.account, held.amount_micro)
    state.pay(held.account, account, -held.amount_micro)
    state.pay(ACCOUNT_WITHDRAWALS, account_of(state, ACCOUNT_WITHDRAWALS), held.amount_micro)


def _resolved(state: State, resolved: op.WithdrawalResolved) -> None:
    ident = resolved.withdrawal_id
    need(ident in state.withdrawals, f"withdrawal {ident} is not held")
    need(resolved.outcome in (r.WITHDRAWAL_PAID, r.WITHDRAWAL_CANCELLED), f"outcome {resolved.outcome}")
    number, amount = state.withdrawals.pop(ident)
    state.pay(ACCOUNT_WITHDRAWALS, account_of(state, ACCOUNT_WITHDRAWALS), -amount)
    if resolved.outcome == r.WITHDRAWAL_PAID:
        state.pay(ACCOUNT_BRIDGE, account_of(state, ACCOUNT_BRIDGE), amount)
        state.withdrawn_micro += amount
    else:
        state.pay(number, user(state, number), amount)


def _transfer(state: State, transfer: op.Transfer) -> None:
    source, destination = user(state, transfer.source), user(state, transfer.destination)
    families = {source.main or transfer.source, destination.main or transfer.destination}
    need(
        transfer.source != transfer.destination and len(families) == 1,
        f"accounts {transfer.source} and {transfer.destination} are not of one family",
    )
    need(
        0 < transfer.amount_micro <= source.cash_micro,
        f"account {transfer.source} can not transfer {transfer.amount_micro}",
    )
    if not (transfer.transfer_id == 0 and destination.in_liquidation):  # what a family pays of a deficit
        losses.must_not_leave(state, f"transfer {transfer.transfer_id}")
    state.pay(transfer.source, source, -transfer.amount_micro)
    state.pay(transfer.destination, destination, transfer.amount_micro)


# --- liquidation ----------------------------------------------------------------------------------------


def _liquidation_set(state: State, change: op.LiquidationSet) -> None:
    need(change.under in (0, 1), f"liquidation {change.under}")
    user(state, change.account).in_liquidation = change.under
    state.touched_accounts.add(change.account)


def liquidation_fee_most(state: State, fee: op.LiquidationFee) -> int:
    """What rate and cap make of the fills just applied. Raises TransitionError if they are others."""
    sold = fee.lots < 0
    need(state.run_of == (fee.account, fee.instrument, sold), "a liquidation fee without its fills")
    lots = value = 0
    for filled, worth in reversed(state.run):
        if lots >= abs(fee.lots):
            break
        lots, value = lots + filled, value + worth
    need(fee.lots != 0 and lots == abs(fee.lots), f"{fee.lots} lots are not those of the last fills")
    terms = open_instrument(state, fee.instrument).terms
    rate = state.liquidation_fee_ppm.get(terms.underlying, 0)
    nano = ceil_div(index_per_lot(terms, state.index_micro[terms.underlying]) * rate, 1000)
    return capped(terms, ceil_div(nano * lots, 1000), value)


def _liquidation_fee(state: State, fee: op.LiquidationFee) -> None:
    most = liquidation_fee_most(state, fee)
    need(0 <= fee.fee_micro <= most, f"a liquidation fee of {fee.fee_micro}, at most {most} is due")
    state.pay(fee.account, user(state, fee.account), -fee.fee_micro)
    state.pay(ACCOUNT_INSURANCE, account_of(state, ACCOUNT_INSURANCE), fee.fee_micro)
    state.run.clear()


def cover_micro(state: State, number: int) -> int:
    """What the insurance fund pays of an account's deficit. Raises TransitionError while it holds lots."""
    deficit = max(0, -funds_micro(state, user(state, number)))
    return min(deficit, max(0, account_of(state, ACCOUNT_INSURANCE).cash_micro))


def _fund_cover(state: State, cover: op.FundCover) -> None:
    paid = cover_micro(state, cover.account)
    state.pay(cover.account, user(state, cover.account), paid)
    state.pay(ACCOUNT_INSURANCE, account_of(state, ACCOUNT_INSURANCE), -paid)


# --- takeovers ------------------------------------------------------------------------------------------


def _moved(state: State, moved: op.Moved) -> None:
    source, destination = user(state, moved.source), user(state, moved.destination)
    open_instrument(state, moved.instrument)
    lots, value = moved.lots, moved.value_micro
    # A part is worth its lots at one price, a mark, which is not negative.
    need(lots != 0 and value % lots == 0 and value // lots >= 0, f"{lots} lots for {value}")
    need(moved.source != moved.destination, "a takeover of one's own positions")
    state.move(moved.source, source, moved.instrument, -lots, -value)
    state.move(moved.destination, destination, moved.instrument, lots, value)
    state.moved.append(moved)


def _positions_moved(state: State, moved: op.PositionsMoved) -> None:
    """The cash of what has just passed within a family (docs/rules-5.md)."""
    source, destination = user(state, moved.source), user(state, moved.destination)
    ends = {(part.source, part.destination) for part in state.moved}
    need(ends == {(moved.source, moved.destination)}, "positions moved without their parts")
    families = {source.main or moved.source, destination.main or moved.destination}
    need(len(families) == 1, f"accounts {moved.source} and {moved.destination} are not of one family")
    under = source.in_liquidation or destination.in_liquidation
    need(not under, "positions of an account in liquidation")
    losses.must_not_leave(state, "positions")
    for instrument in {part.instrument for part in state.moved}:
        parts = [part.lots for part in state.moved if part.instrument == instrument]
        before = state.position(moved.source, instrument)[0] + sum(parts)
        need(
            all(lots * before > 0 for lots in parts) and abs(sum(parts)) <= abs(before),
            f"{sum(parts)} of {before} lots of instrument {instrument} moved",
        )
    worth = worth_micro(state)
    state.pay(moved.source, source, worth)
    state.pay(moved.destination, destination, -worth)
    state.moved.clear()


def part_lots(size_lots: int, fraction_ppm: int, *, is_option: bool) -> int:
    """The part of a position a takeover moves: of an option held long rounded down, else away from zero, so
    that no part takes cover away from what stays."""
    if size_lots > 0 and is_option:
        return size_lots * fraction_ppm // PPM
    part = ceil_div(abs(size_lots) * fraction_ppm, PPM)
    return part if size_lots > 0 else -part


def _is_option(state: State, instrument: int) -> bool:
    return state.instruments[instrument].terms.kind == r.KIND_OPTION


def worth_micro(state: State) -> int:
    """What the options just moved cost: perpetuals pass at their mark and cost nothing."""
    return sum(part.value_micro for part in state.moved if _is_option(state, part.instrument))


def _discount_most(state: State) -> int | None:
    """The largest discount on the parts just moved: half of what options held long are worth. None where
    others moved, since theirs is bounded by the target's maintenance, which depends on marks."""
    if all(part.lots > 0 and _is_option(state, part.instrument) for part in state.moved):
        return sum(part.value_micro // 2 for part in state.moved)
    return None


def _takeover(state: State, takeover: op.Takeover) -> None:
    bidder, target = user(state, takeover.bidder), user(state, takeover.target)
    need(1 <= takeover.fraction_ppm <= PPM, f"a takeover of {takeover.fraction_ppm} ppm")
    need(target.in_liquidation == 1, f"account {takeover.target} is not in liquidation")
    families = {bidder.main or takeover.bidder, target.main or takeover.target}
    need(len(families) == 2, f"accounts {takeover.bidder} and {takeover.target} are of one family")
    _must_be_the_parts(state, takeover)
    fund = account_of(state, ACCOUNT_INSURANCE)
    need(
        takeover.given_micro >= 0 and 0 <= takeover.topped_micro <= max(0, fund.cash_micro),
        f"a discount of {takeover.given_micro} and {takeover.topped_micro}",
    )
    # The target gives of its equity, the fund of what is missing: never both, and it once, for all of it.
    most = _discount_most(state)
    total = takeover.given_micro + takeover.topped_micro
    need(
        min(takeover.given_micro, takeover.topped_micro) == 0
        and (takeover.topped_micro == 0 or takeover.fraction_ppm == PPM)
        and (most is None or total <= most),
        f"a discount of {takeover.given_micro} and {takeover.topped_micro}, at most {most}",
    )
    worth = worth_micro(state)
    state.pay(takeover.target, target, worth - takeover.given_micro)
    state.pay(takeover.bidder, bidder, takeover.given_micro + takeover.topped_micro - worth)
    state.pay(ACCOUNT_INSURANCE, fund, -takeover.topped_micro)
    state.moved.clear()


def _must_be_the_parts(state: State, takeover: op.Takeover) -> None:
    """What was moved is the fraction of every position the target had, instrument by instrument."""
    target = account_of(state, takeover.target)
    ends = {(part.source, part.destination) for part in state.moved}
    need(ends == {(takeover.target, takeover.bidder)}, "a takeover without its parts")
    moved = {part.instrument: part.lots for part in state.moved}
    need(list(moved) == sorted(moved) and len(moved) == len(state.moved), "parts out of order")
    for instrument in moved.keys() | target.positions.keys():
        lots = moved.get(instrument, 0)
        before = state.position(takeover.target, instrument)[0] + lots
        need(
            part_lots(before, takeover.fraction_ppm, is_option=_is_option(state, instrument)) == lots,
            f"{lots} of {before} lots of instrument {instrument} were taken over",
        )


RULES: Final[dict[type, Callable[[State, Any], None]]] = {
    op.FeesSet: _fees_set,
    op.FamilySet: _family_set,
    op.RiskSet: _risk_set,
    op.WithdrawalHeld: _held,
    op.WithdrawalResolved: _resolved,
    op.Transfer: _transfer,
    op.LiquidationSet: _liquidation_set,
    op.LiquidationFee: _liquidation_fee,
    op.FundCover: _fund_cover,
    op.Moved: _moved,
    op.Takeover: _takeover,
    op.PositionsMoved: _positions_moved,
    op.LossShare: losses.share_by_cash,
    op.LossStep: losses.share_by_worth,
}
