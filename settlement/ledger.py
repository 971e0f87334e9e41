"""From event bytes to operations: settlement's independent account of what the venue did.

Every figure the events carry (a fill's value and fees, a holder's part of a settlement, the balance after
a deposit) is worked out again from settlement's own state and compared. A difference raises
`LedgerMismatch`: posting halts and an alarm goes up, matching goes on.
"""

from __future__ import annotations

import struct
from typing import Final

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import ACCOUNT_BRIDGE
from settlement import operations as op
from settlement import transition as tr
from settlement.state import State

_HEAD: Final = struct.Struct("<BBHIQ")
_IGNORED: Final = frozenset((r.EV_REJECTED, r.EV_ORDER, r.EV_MARKED, r.EV_DONE))


class LedgerMismatch(Exception):
    """The venue's figures and settlement's differ, or events do not follow each other (critical)."""


class Ledger:
    """Reads events in order, applies them to its `state` and hands out the operations they are.

    After an error the state is half applied and the ledger is not to be used any more.
    """

    def __init__(self, state: State) -> None:
        self.state = state

    def read(self, events: bytes) -> list[op.Operation]:
        """Apply a run of whole events (all events of some commands) and return what they did.

        Raises:
            LedgerMismatch: a figure differs, or the state does not allow what the events tell.
            exchange.domain.events.EventError: unknown type or version, or a record cut short.
        """
        done: list[op.Operation] = []
        at, end = 0, len(events)
        while at < end:
            kind, version, units, _, seq = self._head(events, at)
            if kind in _IGNORED and version == 1 and at + units * r.UNIT_BYTES <= end:
                at += units * r.UNIT_BYTES
                continue
            try:
                if kind == r.EV_SETTLED:
                    at = self._read_settlement(events, at, done)
                else:
                    event = ev.read_event(events, at)
                    self._read_one(event, done)
                    at += units * r.UNIT_BYTES
            except tr.TransitionError as error:
                raise LedgerMismatch(f"seq {seq}: {error}") from error
        return done

    @staticmethod
    def _head(events: bytes, at: int) -> tuple[int, int, int, int, int]:
        if at + _HEAD.size > len(events):
            raise ev.EventError(f"event at byte {at} is cut short")
        head: tuple[int, int, int, int, int] = _HEAD.unpack_from(events, at)
        if head[2] == 0:
            raise ev.EventError(f"event at byte {at} has no units")
        return head

    def _apply(self, operation: op.Operation, done: list[op.Operation]) -> None:
        tr.apply(self.state, operation)
        done.append(operation)

    def _read_one(self, event: ev.Event, done: list[op.Operation]) -> None:
        if isinstance(event, ev.Trade):
            self._read_trade(event, done)
        elif isinstance(event, ev.Cash):
            self._read_cash(event, done)
        elif isinstance(event, ev.Account):
            self._apply(op.AccountSet(event.head.account, event.flags, event.owner), done)
        elif isinstance(event, ev.Instrument):
            self._read_instrument(event, done)
        elif isinstance(event, ev.Underlying):
            self._apply(op.UnderlyingSet(event.head.instrument, event.symbol), done)

    def _read_trade(self, trade: ev.Trade, done: list[op.Operation]) -> None:
        state, number = self.state, trade.head.instrument
        instrument = state.instruments.get(number)
        if instrument is None:
            raise LedgerMismatch(f"seq {trade.head.seq}: trade in unlisted instrument {number}")
        terms = instrument.terms
        value = tr.fill_value_micro(terms, trade.price_ticks, trade.size_lots)
        index, lots = trade.index_micro, trade.size_lots
        ours = (
            value,
            tr.trade_fee_micro(terms, terms.maker_fee_ppm, index, lots, value),
            tr.trade_fee_micro(terms, terms.taker_fee_ppm, index, lots, value),
            trade.taker_account,
        )
        theirs = (trade.value_micro, trade.maker_fee_micro, trade.taker_fee_micro, trade.head.account)
        _must_agree(trade.head.seq, f"trade {trade.trade_id} (value, fees, taker)", ours, theirs)
        if state.index_micro.get(terms.underlying) != index:
            self._apply(op.IndexSet(terms.underlying, index), done)
        fill = op.Fill(
            number,
            trade.maker_account,
            trade.taker_account,
            trade.taker_sells,
            trade.price_ticks,
            trade.size_lots,
            trade.trade_id,
        )
        self._apply(fill, done)

    def _read_cash(self, cash: ev.Cash, done: list[op.Operation]) -> None:
        number, seq = cash.head.account, cash.head.seq
        operation: op.Operation
        if cash.kind == r.CASH_DEPOSIT:
            operation = op.Deposit(number, cash.delta_micro, cash.head.id)
        elif cash.kind == r.CASH_WITHDRAWAL:
            operation = op.Withdrawal(number, -cash.delta_micro, cash.head.id)
        else:
            raise LedgerMismatch(f"seq {seq}: unknown kind {cash.kind} of cash event")
        _must_agree(seq, "counter-account", ACCOUNT_BRIDGE, cash.counter_account)
        self._apply(operation, done)
        balance = self.state.accounts[number].cash_micro
        _must_agree(seq, f"balance of account {number}", balance, cash.balance_micro)

    def _read_instrument(self, event: ev.Instrument, done: list[op.Operation]) -> None:
        number = event.head.instrument
        known = self.state.instruments.get(number)
        if known is None:
            self._apply(op.Listing(number, event.state, event.terms), done)
            return
        _must_agree(event.head.seq, f"terms of instrument {number}", known.terms, event.terms)
        self._apply(op.StateSet(number, event.state), done)

    def _read_settlement(self, events: bytes, at: int, done: list[op.Operation]) -> int:
        """Read the run of SETTLED events of one command; returns the byte after it."""
        run: list[ev.Settled] = []
        while at < len(events) and events[at] == r.EV_SETTLED:
            event = ev.read_event(events, at)
            if not isinstance(event, ev.Settled) or (run and event.head.seq != run[0].head.seq):
                break
            run.append(event)
            at += event.head.units * r.UNIT_BYTES
        first = run[0]
        settlement = op.Settlement(first.head.instrument, first.head.id, first.price)
        results = tr.settlement_results(self.state, settlement)
        _must_agree(first.head.seq, "accounts settled", len(results), len(run))
        tr.book_settlement(self.state, settlement, results)
        done.append(settlement)
        for ours, event in zip(results, run, strict=True):
            self._check_settled(settlement, ours, event)
        return at

    def _check_settled(self, settlement: op.Settlement, ours: tr.HolderResult, event: ev.Settled) -> None:
        what = op.Settlement(event.head.instrument, event.head.id, event.price)
        _must_agree(event.head.seq, "settlement", settlement, what)
        theirs = tr.HolderResult(
            event.head.account,
            event.size_lots,
            event.cash_delta_micro,
            event.fee_micro,
            event.entry_before_micro,
            event.entry_after_micro,
        )
        _must_agree(event.head.seq, f"settlement of account {ours.account}", ours, theirs)
        balance = self.state.accounts[ours.account].cash_micro
        _must_agree(event.head.seq, f"balance of account {ours.account}", balance, event.balance_micro)


def _must_agree(seq: int, what: str, ours: object, theirs: object) -> None:
    if ours != theirs:
        raise LedgerMismatch(f"seq {seq}: {what}: settlement has {ours}, the venue {theirs}")
