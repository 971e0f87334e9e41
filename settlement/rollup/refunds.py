"""Deposits of the L1 that nobody can have: given back through a batch, where the venue refused them.

The events say only that a deposit to an account that does not exist was refused. Which one it was, its amount
and who made it stands in the bridge's queue; deposits are taken in by id without gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from settlement import operations as op
from settlement.rollup.derive import QueuedDeposit

Deposits = Callable[[int], QueuedDeposit | None]
"""The deposit of an id, None where the bridge has none; raises L1Unavailable."""
_ABOUT_DEPOSITS = (op.Deposit, op.DepositRefused)


class RefundUnknown(Exception):
    """A deposit was passed over and the bridge does not know it, or not now: ask again."""


def completed(
    operations: list[op.Operation], last_deposit_id: int, deposits: Deposits | None
) -> list[op.Operation]:
    """The operations with a deposit given back wherever one was refused or passed over.

    Without `deposits` refusals are left out and nothing is given back.

    Raises:
        RefundUnknown: see there.
        L1Unavailable: from `deposits`.
    """
    if not any(isinstance(one, _ABOUT_DEPOSITS) for one in operations):
        return operations
    if deposits is None:
        return [one for one in operations if not isinstance(one, op.DepositRefused)]
    return list(_completed(operations, last_deposit_id, deposits))


def _completed(
    operations: Iterable[op.Operation], last_id: int, deposits: Deposits
) -> Iterable[op.Operation]:
    for one in operations:
        if isinstance(one, op.DepositRefused):
            found = deposits(last_id + 1)
            # Refused again, behind a restart of the venue: it was given back the first time.
            if found is not None and found.account == one.account:
                last_id += 1
                yield op.DepositGivenBack(found.account, found.amount_micro, last_id, found.depositor)
            continue
        if isinstance(one, op.Deposit):
            for passed_over in range(last_id + 1, one.deposit_id):
                found = deposits(passed_over)
                if found is None:
                    raise RefundUnknown(f"deposit {passed_over} is not in the bridge's queue")
                yield op.DepositGivenBack(found.account, found.amount_micro, passed_over, found.depositor)
            last_id = one.deposit_id
        yield one
