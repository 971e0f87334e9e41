"""From the ledger's operations to steps (docs/protocol.md): what format 1 books at once becomes one step an
account.

What follows from the state alone (every holder of a settlement, the parts of no lots of a takeover) is looked
up in the state of format 2, so each step must be applied before the next one is asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT
from settlement import operations as op
from settlement.hashing import keccak
from settlement.stf import steps as s
from settlement.stf.liquidation import COLLECTING
from settlement.stf.sections import PART_MOVED
from settlement.stf.state import State
from settlement.stf.terms import terms_words

_TIER: Final = struct.Struct(">qqqq")
_OWNER_TAIL: Final = bytes(12)
_BEHIND_PARTS: Final = (op.Takeover, op.PositionsMoved)
_MAKERS: Final = 0xF0
_NO_CLASSES: Final[Mapping[int, int]] = {}


class LoweringError(ValueError):
    """An operation that format 2 has no steps for."""


class Lowering:
    """Makes steps of operations, batch by batch, for one state.

    `looked_at` belongs to the loss under way: format 2 does not commit to it, so that whoever goes on with a
    stored state gives it back.
    """

    def __init__(self, state: State, looked_at: int = FIRST_USER_ACCOUNT) -> None:
        self.looked_at = looked_at
        self._state = state
        self._parts: list[op.Moved] = []

    def steps(
        self, operations: Sequence[op.Operation], classes: Mapping[int, int] = _NO_CLASSES
    ) -> Iterator[s.Step]:
        """The steps of whole commands' operations, in order; `classes` are those of fills by trade id.

        The state must have taken a step before the next is asked for.

        Raises:
            LoweringError: a loss shared by cash (batches of codec 2), or parts that nothing follows.
        """
        sold = liquidated(operations)
        for operation in operations:
            if isinstance(operation, op.Fill | op.ComboFill):
                told = classes.get(operation.trade_id, 0)
                is_sold = operation.trade_id in sold
                yield _fill(operation, told & _MAKERS | s.CLASS_LIQUIDATION if is_sold else told)
            elif isinstance(operation, op.Moved):
                self._parts.append(operation)
            else:
                rule = _LOWERED.get(type(operation))
                if rule is None or (self._parts and not isinstance(operation, _BEHIND_PARTS)):
                    raise LoweringError(f"no steps for {operation}")
                yield from rule(self, operation)
        if self._parts:
            raise LoweringError("positions were moved and nothing tells what for")

    # --- operations that are several steps -----------------------------------------------------------

    def index_set(self, one: op.IndexSet) -> Iterator[s.Step]:
        """INDEX, where it is news."""
        known = self._state.parameters.underlyings.by_id.get(one.underlying)
        if known is None or known.index_micro != one.index_micro:
            yield s.Step(s.INDEX, instrument=one.underlying, p=one.index_micro)

    def settlement(self, one: op.Settlement) -> Iterator[s.Step]:
        """SETTLE, a HOLDER each, SETTLED."""
        return self._settled(one.instrument, one.kind, one.price)

    def _settled(self, instrument: int, kind: int, price: int) -> Iterator[s.Step]:
        yield s.Step(s.SETTLE, flags=kind, instrument=instrument, p=price)
        for holder in sorted(self._state.holders.get(instrument, ())):
            yield s.Step(s.HOLDER, instrument=instrument, first=holder)
        yield s.Step(s.SETTLED, instrument=instrument)

    def state_set(self, one: op.StateSet) -> Iterator[s.Step]:
        """STATE, behind what ends positions without lots."""
        instrument = self._state.find_instrument(one.instrument)
        if one.state in (r.STATE_DELISTED, r.STATE_DELIVERED) and instrument and instrument.holders:
            yield from self._settled(one.instrument, s.END, 0)
        yield s.Step(s.STATE, flags=one.state, instrument=one.instrument)

    def fees_set(self, one: op.FeesSet) -> Iterator[s.Step]:
        """FEES, a tier each."""
        for number, tier in enumerate(one.tiers):
            yield s.Step(s.FEES, flags=number, word=_TIER.pack(*tier))

    def resolved(self, one: op.WithdrawalResolved) -> Iterator[s.Step]:
        """RESOLVED, with where the withdrawal stands."""
        slot = self._state.held_slots.get(one.withdrawal_id)
        if slot is None:
            raise LoweringError(f"withdrawal {one.withdrawal_id} is not held")
        held = self._state.withdrawals[slot]
        yield s.Step(s.RESOLVED, 0, one.outcome, 0, held.account, slot, held.ident, held.amount_micro)

    def withdrawal(self, one: op.Withdrawal) -> Iterator[s.Step]:
        """HELD and RESOLVED at once, without an id: what a withdrawal of rules 1 was."""
        slot = self._state.parameters.money.withdrawals
        yield s.Step(s.HELD, first=one.account, p=one.amount_micro)
        yield s.Step(s.RESOLVED, 0, r.WITHDRAWAL_PAID, 0, one.account, slot, 0, one.amount_micro)

    def takeover(self, one: op.Takeover) -> Iterator[s.Step]:
        """TAKEOVER, MOVED for every position with lots, TOPPED, TAKEN."""
        parts = {part.instrument: part for part in self._parts}
        self._parts.clear()
        yield s.Step(s.TAKEOVER, first=one.bidder, second=one.target, p=one.fraction_ppm)
        for instrument in self._with_lots(one.target):
            part = parts.pop(instrument, None)
            lots, value = (part.lots, part.value_micro) if part else (0, 0)
            yield s.Step(s.MOVED, 0, 0, instrument, one.target, one.bidder, 0, value, lots)
        if parts or not self._state.parameters.passage.flags & PART_MOVED:
            raise LoweringError(f"parts of a takeover that are none: {sorted(parts)}")
        if one.topped_micro:
            yield s.Step(s.TOPPED, p=one.topped_micro)
        yield s.Step(s.TAKEN, first=one.bidder, second=one.target, p=one.given_micro)

    def positions_moved(self, one: op.PositionsMoved) -> Iterator[s.Step]:
        """MOVING, a MOVED each, MOVING_ENDED."""
        parts, self._parts = self._parts, []
        yield s.Step(s.MOVING, first=one.source, second=one.destination)
        for part in parts:
            figures = (part.instrument, part.source, part.destination, 0, part.value_micro, part.lots)
            yield s.Step(s.MOVED, 0, 0, *figures)
        yield s.Step(s.MOVING_ENDED, first=one.source, second=one.destination)

    def _with_lots(self, number: int) -> list[int]:
        pages = self._state.account(number).pages
        return sorted(n for page in pages.values() for n, (size, _) in page.items() if size)

    def loss_step(self, one: op.LossStep) -> Iterator[s.Step]:
        """LOSS with the first, DEFICIT when all are looked at, a SHARE each, LOSS_ENDED with the last."""
        sharing = self._state.parameters.sharing
        if not sharing.account:
            self.looked_at = FIRST_USER_ACCOUNT
            yield s.Step(s.LOSS, first=one.account)
        collecting = self._state.parameters.sharing.phase == COLLECTING
        self.looked_at += one.looked_at
        behind_last = self.looked_at > max(self._state.accounts)
        if not collecting:
            if behind_last:
                self.looked_at = FIRST_USER_ACCOUNT
                yield s.Step(s.DEFICIT, first=one.account)
            return
        for payer, share in one.shares:
            yield s.Step(s.SHARE, first=payer, second=one.account, p=share)
        if behind_last or self._state.parameters.sharing.remaining_micro == 0:
            yield s.Step(s.LOSS_ENDED, first=one.account)


def liquidated(operations: Sequence[op.Operation]) -> set[int]:
    """The trade ids of fills that a liquidation fee is taken on: those just before it."""
    found: set[int] = set()
    for at, fee in enumerate(operations):
        if not isinstance(fee, op.LiquidationFee):
            continue
        lots = abs(fee.lots)
        for one in reversed(operations[:at]):
            if lots <= 0:
                break
            if isinstance(one, op.Fill | op.ComboFill):
                found.add(one.trade_id)
                lots -= one.size_lots
    return found


def _fill(one: op.Fill | op.ComboFill, classes: int) -> s.Step:
    flags = one.sides if isinstance(one, op.ComboFill) else int(one.taker_sells)
    figures = (one.instrument, one.maker, one.taker, one.trade_id, one.price_ticks, one.size_lots)
    return s.Step(s.FILL, classes, flags, *figures)


def _listing(_: Lowering, one: op.Listing | op.ComboListing) -> Iterator[s.Step]:
    words = terms_words(one.terms)
    yield s.Step(s.LISTING, flags=one.state, instrument=one.instrument, word=keccak(words), payload=words)


def _account(_: Lowering, one: op.AccountSet) -> Iterator[s.Step]:
    yield s.Step(s.ACCOUNT, first=one.account, ident=one.flags, word=one.owner + _OWNER_TAIL)


def _one(make: Callable[[Any], s.Step]) -> Callable[[Lowering, Any], Iterator[s.Step]]:
    return lambda _, operation: iter((make(operation),))


_LOWERED: Final[dict[type, Callable[[Lowering, Any], Iterator[s.Step]]]] = {
    op.IndexSet: Lowering.index_set,
    op.Settlement: Lowering.settlement,
    op.StateSet: Lowering.state_set,
    op.FeesSet: Lowering.fees_set,
    op.WithdrawalResolved: Lowering.resolved,
    op.Withdrawal: Lowering.withdrawal,
    op.Takeover: Lowering.takeover,
    op.PositionsMoved: Lowering.positions_moved,
    op.LossStep: Lowering.loss_step,
    op.Listing: _listing,
    op.ComboListing: _listing,
    op.AccountSet: _account,
    op.Deposit: _one(lambda o: s.Step(s.DEPOSIT, first=o.account, ident=o.deposit_id, p=o.amount_micro)),
    op.DepositGivenBack: _one(
        lambda o: s.Step(
            s.DEPOSIT, 0, 1, 0, o.account, 0, o.deposit_id, o.amount_micro, word=o.depositor + _OWNER_TAIL
        )
    ),
    op.UnderlyingSet: _one(lambda o: s.Step(s.UNDERLYING, instrument=o.underlying, ident=o.symbol)),
    op.FamilySet: _one(lambda o: s.Step(s.FAMILY, flags=o.tier, first=o.account, second=o.main)),
    op.RiskSet: _one(lambda o: s.Step(s.RISK, instrument=o.underlying, p=o.liquidation_fee_ppm)),
    op.DiscountSet: _one(lambda o: s.Step(s.DISCOUNT, p=o.permille)),
    op.WithdrawalHeld: _one(
        lambda o: s.Step(s.HELD, first=o.account, ident=o.withdrawal_id, p=o.amount_micro)
    ),
    op.Transfer: _one(
        lambda o: s.Step(
            s.TRANSFER, first=o.source, second=o.destination, ident=o.transfer_id, p=o.amount_micro
        )
    ),
    op.ForcedWithdrawal: _one(
        lambda o: s.Step(s.FORCED, first=o.account, ident=o.request_id, p=o.asked_micro, q=o.paid_micro)
    ),
    op.LiquidationSet: _one(lambda o: s.Step(s.LIQUIDATION, flags=o.under, first=o.account)),
    op.LiquidationFee: _one(
        lambda o: s.Step(s.LIQUIDATION_FEE, 0, 0, o.instrument, o.account, p=o.fee_micro, q=o.lots)
    ),
    op.FundCover: _one(lambda o: s.Step(s.FUND_COVER, first=o.account)),
}
