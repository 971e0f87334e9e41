"""Shared losses: what each account pays of a deficit that nobody covers (docs/rules-2.md, SHARE_LOSS).

A share is ⌈deficit · basis / total⌉, at most what is missing and the payer's cash; the basis is
max(0, min(cash, equity)), and total is the sum of all. Settlement has no marks, so it knows the basis
exactly only of accounts whose equity needs none and bounds it for the others. A pass is accepted only if
there are bases within these bounds from which the law makes exactly the shares paid, up to a micro-USDC an
account. Pure, integers only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT, MAX_SWEEP
from settlement import operations as op
from settlement.fees import ceil_div
from settlement.guards import funds_micro, need, user
from settlement.state import NOTHING, Account, Range, Share, Sharing, State

CASH_MEASURING: Final = 1
CASH_COLLECTING: Final = 2
"""Phases of a sharing by cash alone: only in batches of codec 2."""
MEASURING: Final = 3
COLLECTING: Final = 4


def must_not_leave(state: State, what: str) -> None:
    """Raises TransitionError while a loss is shared by worth: no cash leaves its payers meanwhile."""
    need(state.sharing.phase not in (MEASURING, COLLECTING), f"{what} while a loss is being shared")


def worth(state: State, account: Account) -> Range:
    """Between what max(0, min(cash, equity)) lies, from no more than that a mark is not negative.

    Exact for an account that holds no lots, or only options held long.
    """
    least = most = account.cash_micro
    has_short = has_long_perpetual = has_long_option = False
    for instrument, (size, entry) in account.positions.items():
        is_perpetual = state.instruments[instrument].terms.kind == r.KIND_PERPETUAL
        if is_perpetual:
            least -= entry
            most -= entry
        has_short |= size < 0
        has_long_perpetual |= is_perpetual and size > 0
        has_long_option |= not is_perpetual and size > 0
    low = 0 if has_short else min(account.cash_micro, least)
    high = account.cash_micro if has_long_perpetual or has_long_option else min(account.cash_micro, most)
    return Range(max(0, low), max(0, high))


# --- one step ---------------------------------------------------------------------------------------------


def share_by_worth(state: State, step: op.LossStep) -> None:
    """Book one SHARE_LOSS.

    Raises:
        TransitionError: the rules allow no such step, or its shares do not follow from any worth the payers
            may have.
    """
    sharing, account = _under_way(state, step.account), user(state, step.account)
    if sharing.phase <= CASH_COLLECTING:  # begun when losses were shared by cash: its figures are exact
        sharing.phase += MEASURING - CASH_MEASURING
    last = sharing.at + step.looked_at
    need(last <= state.account_count and step.looked_at <= MAX_SWEEP, f"{step.looked_at} accounts looked at")
    if sharing.phase == MEASURING:
        need(step.looked_at > 0 and not step.shares, "shares before all accounts were measured")
        _measure(state, sharing, last, lambda payer: worth(state, payer))
        _fix_deficit(state, sharing, account, COLLECTING)
        return
    need(step.looked_at > 0 or sharing.remaining_micro == 0, "a step that looks at no account")
    _collect(state, sharing, step)
    if sharing.remaining_micro == 0 or sharing.at >= state.account_count:
        need(_follows(sharing), f"the shares in the loss of account {step.account} follow from no worths")
        _end(state, sharing, account)


def _under_way(state: State, number: int) -> Sharing:
    sharing, account = state.sharing, user(state, number)
    need(sharing.account in (0, number), f"the loss of account {sharing.account} is being shared")
    need(account.in_liquidation == 1, f"account {number} is not in liquidation")
    if sharing.account == 0:
        state.sharing = sharing = Sharing(number, CASH_MEASURING, FIRST_USER_ACCOUNT)
    return sharing


def _measure(state: State, sharing: Sharing, last: int, basis_of: Callable[[Account], Range]) -> None:
    """Note the bases of the accounts before `last`; who is in liquidation has none."""
    least, most = sharing.total
    for number in range(sharing.at, last):
        account = state.accounts.get(number)
        if account is None or account.in_liquidation or number == sharing.account:
            continue
        basis = basis_of(account)
        if basis.most > 0:
            sharing.basis[number] = basis
            least, most = least + basis.least, most + basis.most
    sharing.at, sharing.total = last, Range(least, most)


def _fix_deficit(state: State, sharing: Sharing, account: Account, phase: int) -> None:
    """Behind the last account: what is to be shared, exact since the account in deficit holds no lots."""
    if sharing.at >= state.account_count:
        sharing.phase, sharing.at = phase, FIRST_USER_ACCOUNT
        sharing.deficit_micro = sharing.remaining_micro = max(0, -funds_micro(state, account))


def _end(state: State, sharing: Sharing, account: Account) -> None:
    if sharing.remaining_micro == 0:
        account.in_liquidation = 0
        state.touched_accounts.add(sharing.account)
    state.sharing = Sharing()


def _pay(state: State, sharing: Sharing, number: int, share: int) -> None:
    state.pay(number, user(state, number), -share)
    state.pay(sharing.account, user(state, sharing.account), share)
    sharing.remaining_micro -= share


# --- what shares can be ---------------------------------------------------------------------------------


def _collect(state: State, sharing: Sharing, step: op.LossStep) -> None:
    last = sharing.at + step.looked_at
    payers = [number for number, _ in step.shares]
    need(payers == sorted(set(payers)), "shares of one step are not one an account, by id")
    need(all(sharing.at <= number < last for number in payers), "a share of an account not looked at")
    shares = dict(step.shares)
    for number in range(sharing.at, last):
        need(sharing.remaining_micro > 0, f"account {number} is looked at though nothing is missing")
        if number in shares:
            _take(state, sharing, number, shares[number])
        elif user(state, number).cash_micro > 0:  # it pays nothing, so it was worth nothing
            basis = sharing.basis.pop(number, NOTHING)
            need(basis.least == 0, f"account {number} is worth {basis.least} at least and pays nothing")
    sharing.at = last


def _take(state: State, sharing: Sharing, number: int, share: int) -> None:
    """Book one share, and narrow what the total can be: (share − 1) · total < deficit · basis, and a whole
    share also has deficit · basis ≤ share · total."""
    most_micro = min(sharing.remaining_micro, user(state, number).cash_micro)
    basis, deficit = sharing.basis.get(number, NOTHING), sharing.deficit_micro
    need(basis.most > 0, f"account {number} has no part in the loss")
    need(0 < share <= most_micro, f"account {number} pays {share}, at most {most_micro}")
    is_whole = share < most_micro
    least, most = max(1, sharing.total.least), sharing.total.most
    if is_whole:
        least = max(least, ceil_div(deficit * basis.least, share))
    if share > 1:
        most = min(most, (deficit * basis.most - 1) // (share - 1))
    need(least <= most, f"account {number} pays {share}: no part of {deficit} by a worth of {basis}")
    sharing.total, sharing.shares[number] = Range(least, most), Share(share, is_whole)
    _pay(state, sharing, number, share)


def _follows(sharing: Sharing) -> bool:
    """Whether bases within their bounds, which agree with the shares, can add up to a total within its own.

    With n payers the least they add up to grows with the total more slowly than the total, and the most
    falls behind it; so the smallest total that is not too small decides.
    """
    if sharing.deficit_micro == 0:
        return True
    least, most = sharing.total
    if _adds_up_to_more(sharing, most):
        return False
    while least < most:
        middle = (least + most) // 2
        if _adds_up_to_more(sharing, middle):
            least = middle + 1
        else:
            most = middle
    return not _adds_up_to_less(sharing, least)


def _adds_up_to_more(sharing: Sharing, total: int) -> bool:
    """Whether the bases add up to more than the total even if each is the least it can be."""
    deficit, added = sharing.deficit_micro, 0
    for number, basis in sharing.basis.items():
        share = sharing.shares.get(number)
        added += max(deficit * basis.least, (share.paid_micro - 1) * total + 1 if share else 0)
    return added > deficit * total


def _adds_up_to_less(sharing: Sharing, total: int) -> bool:
    """Whether the bases add up to less than the total even if each is the most it can be."""
    deficit, added = sharing.deficit_micro, 0
    for number, basis in sharing.basis.items():
        share = sharing.shares.get(number)
        most = deficit * basis.most
        added += min(most, share.paid_micro * total) if share and share.is_whole else most
    return added < deficit * total


# --- by cash alone ----------------------------------------------------------------------------------------


def share_by_cash(state: State, step: op.LossShare) -> None:
    """Book one SHARE_LOSS as batches of codec 2 carry it: bases are the payers' cash, shares follow.

    Raises:
        TransitionError: another sharing is under way, or the account is not in liquidation or holds lots.
    """
    sharing, account = _under_way(state, step.account), user(state, step.account)
    need(step.looked_at >= 0, f"{step.looked_at} accounts looked at")
    need(sharing.phase <= CASH_COLLECTING, f"the loss of account {step.account} is shared by worth")
    last = min(sharing.at + step.looked_at, state.account_count)
    if sharing.phase == CASH_MEASURING:
        _measure(state, sharing, last, lambda payer: Range(*[max(0, payer.cash_micro)] * 2))
        _fix_deficit(state, sharing, account, CASH_COLLECTING)
        return
    while sharing.at < last and sharing.remaining_micro > 0:
        number, sharing.at = sharing.at, sharing.at + 1
        basis = sharing.basis.get(number, NOTHING).most
        if basis > 0:
            due = ceil_div(sharing.deficit_micro * basis, sharing.total.most)
            share = min(due, sharing.remaining_micro, max(0, user(state, number).cash_micro))
            if share > 0:
                _pay(state, sharing, number, share)
    if sharing.remaining_micro == 0 or sharing.at >= state.account_count:
        _end(state, sharing, account)
