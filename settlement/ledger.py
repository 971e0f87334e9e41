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
from exchange.domain import rejects as no
from exchange.domain.events_combos import ComboTrade
from exchange.domain.limits import ACCOUNT_BRIDGE, ACCOUNT_WITHDRAWALS
from settlement import operations as op
from settlement import transition as tr
from settlement.combos import ComboMatches, combo_fill_fees
from settlement.fees import fill_fees_micro
from settlement.guards import user
from settlement.mismatch import LedgerMismatch, must_agree
from settlement.settling import Settling
from settlement.state import State

__all__ = ["Ledger", "LedgerMismatch"]

_HEAD: Final = struct.Struct("<BBHIQ")
_IGNORED: Final = frozenset(
    (r.EV_REJECTED, r.EV_ORDER, r.EV_MARKED, r.EV_REPEATED, r.EV_MMP, r.EV_EXTENDED, r.EV_DUE)
)
_DONE_COMMAND: Final = r.UNIT_BYTES  # offset of the command's type in a DONE
_REFUSAL: Final = struct.Struct("<II")
_DEPOSIT_TO_NOBODY: Final = _REFUSAL.pack(no.UNKNOWN_ACCOUNT, r.DEPOSIT)
_TOLD_BY_DONE: Final = frozenset((r.SHARE_LOSS, r.MOVE_POSITIONS))


class Ledger:
    """Reads events in order, applies them to its `state` and hands out the operations they are.

    After an error the state is half applied and the ledger is not to be used any more.
    """

    def __init__(self, state: State, *, tells_refusals: bool = False) -> None:
        """`tells_refusals`: deposits that the venue refused, for want of an account, are operations too."""
        self.state = state
        self._tells_refusals = tells_refusals
        self._done: list[op.Operation] = []
        self._settling = Settling(state, self._apply)
        self._combos = ComboMatches(state)

    def read(self, events: bytes) -> list[op.Operation]:
        """Apply a run of whole events (all events of some commands) and return what they did.

        Raises:
            LedgerMismatch: a figure differs, or the state does not allow what the events tell.
            exchange.domain.events.EventError: unknown type or version, or a record cut short.
        """
        self._done = []
        at, end = 0, len(events)
        while at < end:
            kind, version, units, _, seq = self._head(events, at)
            if version == 1 and at + units * r.UNIT_BYTES <= end and self._moves_nothing(events, at, kind):
                at += units * r.UNIT_BYTES
                continue
            try:
                self._settling.must_be_done(seq)
                if kind != r.EV_TRADE:
                    self._combos.must_be_done(seq)
                if kind == r.EV_SETTLED:
                    at = self._read_settlement(events, at)
                else:
                    self._read_one(ev.read_event(events, at))
                    at += units * r.UNIT_BYTES
            except tr.TransitionError as error:
                raise LedgerMismatch(f"seq {seq}: {error}") from error
        self._settling.must_be_done(0)
        self._combos.must_be_done(0)
        return self._done

    def _moves_nothing(self, events: bytes, at: int, kind: int) -> bool:
        if kind == r.EV_REJECTED and self._tells_refusals:
            return events[at + r.UNIT_BYTES : at + _REFUSAL.size + r.UNIT_BYTES] != _DEPOSIT_TO_NOBODY
        if kind == r.EV_DONE and at + _DONE_COMMAND < len(events):
            return events[at + _DONE_COMMAND] not in _TOLD_BY_DONE
        return kind in _IGNORED

    @staticmethod
    def _head(events: bytes, at: int) -> tuple[int, int, int, int, int]:
        if at + _HEAD.size > len(events):
            raise ev.EventError(f"event at byte {at} is cut short")
        head: tuple[int, int, int, int, int] = _HEAD.unpack_from(events, at)
        if head[2] == 0:
            raise ev.EventError(f"event at byte {at} has no units")
        return head

    def _apply(self, operation: op.Operation) -> None:
        tr.apply(self.state, operation)
        self._done.append(operation)

    def _read_one(self, event: ev.Event) -> None:
        if isinstance(event, ev.Trade):
            self._read_trade(event)
        elif isinstance(event, ev.Cash):
            self._read_cash(event)
        elif isinstance(event, ev.Account):
            self._read_account(event)
        elif isinstance(event, ev.Instrument):
            self._read_instrument(event)
        elif isinstance(event, ev.Underlying):
            if self.state.underlyings.get(event.head.instrument) != event.symbol:
                self._apply(op.UnderlyingSet(event.head.instrument, event.symbol))
        elif isinstance(event, ev.Rejected):
            self._done.append(op.DepositRefused(event.head.account))
        elif isinstance(event, ev.Done):
            tell = self._settling.share_loss if event.command == r.SHARE_LOSS else self._settling.moved_done
            tell(event)
        else:
            self._read_risk(event)

    def _read_risk(self, event: ev.Event) -> None:
        """The events of rules version 2 and of those behind it."""
        if isinstance(event, ComboTrade):
            self._combos.begin(event)
        elif isinstance(event, ev.Liquidation):
            self._settling.liquidation(event)
        elif isinstance(event, ev.Moved):
            self._settling.moved(event)
        elif isinstance(event, ev.Forced):
            self._settling.forced(event)
        elif isinstance(event, ev.Fees):
            self._apply(op.FeesSet(event.tiers))
            if event.combo_discount_permille != self.state.combo_discount_permille:
                self._apply(op.DiscountSet(event.combo_discount_permille))
        elif isinstance(event, ev.Risk):
            number, rate = event.head.instrument, event.parameters.liquidation_fee_ppm
            if self.state.liquidation_fee_ppm.get(number, 0) != rate:
                self._apply(op.RiskSet(number, rate))

    def _read_trade(self, trade: ev.Trade) -> None:
        state, number = self.state, trade.head.instrument
        instrument = state.instruments.get(number)
        if instrument is None:
            raise LedgerMismatch(f"seq {trade.head.seq}: trade in unlisted instrument {number}")
        terms = instrument.terms
        value = tr.fill_value_micro(terms, trade.price_ticks, trade.size_lots)
        index, lots = trade.index_micro, trade.size_lots
        maker, taker = user(state, trade.maker_account), user(state, trade.taker_account)
        if trade.flags & r.TRADE_BLOCK:
            _must_be_of_a_block(trade, maker.main, taker.main)
        if state.index_micro.get(terms.underlying) != index:
            self._apply(op.IndexSet(terms.underlying, index))
        accounts, figures = (number, trade.maker_account, trade.taker_account), (trade.price_ticks, lots)
        fill: op.Fill | op.ComboFill
        if trade.flags & r.TRADE_COMBO:
            fill = op.ComboFill(*accounts, self._combos.leg(trade), *figures, trade.trade_id)
            fees = combo_fill_fees(state, instrument, fill)
        else:
            self._combos.must_be_done(trade.head.seq)
            fill = op.Fill(*accounts, trade.taker_sells, *figures, trade.trade_id)
            fees = fill_fees_micro(state, terms, maker, taker, index, lots, value)
        ours = (value, *fees, trade.taker_account)
        theirs = (trade.value_micro, trade.maker_fee_micro, trade.taker_fee_micro, trade.head.account)
        must_agree(trade.head.seq, f"trade {trade.trade_id} (value, fees, taker)", ours, theirs)
        self._apply(fill)
        if trade.flags & r.TRADE_LIQUIDATION and not trade.flags & r.TRADE_RESTS:
            self._settling.liquidation_fill(trade)

    def _read_cash(self, cash: ev.Cash) -> None:
        number, seq, ident = cash.head.account, cash.head.seq, cash.head.id
        if cash.kind == r.CASH_TAKEOVER:
            self._settling.takeover_cash(cash)
            return
        if cash.kind == r.CASH_MOVED:
            self._settling.moved_cash(cash)
            return
        if cash.kind == r.CASH_FORCED:
            self._settling.forced_cash(cash)
            return
        counter, amount = ACCOUNT_BRIDGE, 0
        if cash.kind == r.CASH_DEPOSIT:
            self._apply(op.Deposit(number, cash.delta_micro, ident))
        elif cash.kind == r.CASH_WITHDRAWAL and cash.counter_account == ACCOUNT_WITHDRAWALS:
            counter = ACCOUNT_WITHDRAWALS
            self._apply(op.WithdrawalHeld(number, -cash.delta_micro, ident))
        elif cash.kind == r.CASH_WITHDRAWAL:
            self._apply(op.Withdrawal(number, -cash.delta_micro, ident))
        elif cash.kind in (r.CASH_WITHDRAWAL_PAID, r.CASH_WITHDRAWAL_CANCELLED):
            counter, amount = self._resolve(cash)
        elif cash.kind == r.CASH_TRANSFER:
            counter = cash.counter_account  # judged by the two halves together
            self._settling.transfer(cash)
        else:
            raise LedgerMismatch(f"seq {seq}: unknown kind {cash.kind} of cash event")
        must_agree(seq, "counter-account and amount", (counter, amount), cash[4:5] + cash[6:])
        balance = self.state.accounts[number].cash_micro
        must_agree(seq, f"balance of account {number}", balance, cash.balance_micro)

    def _resolve(self, cash: ev.Cash) -> tuple[int, int]:
        """A withdrawal's end; returns the counter-account and the amount the event must carry."""
        seq, ident = cash.head.seq, cash.head.id
        held = self.state.withdrawals.get(ident, (0, 0))
        paid = cash.kind == r.CASH_WITHDRAWAL_PAID
        ours, theirs = (held[0], 0 if paid else held[1]), (cash.head.account, cash.delta_micro)
        must_agree(seq, f"account and change of withdrawal {ident}", ours, theirs)
        outcome = r.WITHDRAWAL_PAID if paid else r.WITHDRAWAL_CANCELLED
        self._apply(op.WithdrawalResolved(ident, outcome))
        return ACCOUNT_BRIDGE if paid else ACCOUNT_WITHDRAWALS, held[1]

    def _read_account(self, event: ev.Account) -> None:
        """Only what settlement keeps of it makes operations."""
        number, accounts = event.head.account, self.state.accounts
        known = accounts.get(number)
        if known is None or (known.owner, known.flags) != (event.owner, event.flags):
            self._apply(op.AccountSet(number, event.flags, event.owner))
        account = accounts[number]
        if (account.main, account.tier) != (event.main, event.tier):
            self._apply(op.FamilySet(number, event.main, event.tier))
        under = int(event.liquidation != r.LIQUIDATION_NONE)
        must_agree(event.head.seq, f"liquidation of account {number}", account.in_liquidation, under)

    def _read_instrument(self, event: ev.Instrument) -> None:
        number = event.head.instrument
        known = self.state.instruments.get(number)
        if known is None:
            listing = op.ComboListing if event.terms.legs else op.Listing
            self._apply(listing(number, event.state, event.terms))
            return
        must_agree(event.head.seq, f"terms of instrument {number}", known.terms, event.terms)
        self._apply(op.StateSet(number, event.state))

    def _read_settlement(self, events: bytes, at: int) -> int:
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
        must_agree(first.head.seq, "accounts settled", len(results), len(run))
        tr.book_settlement(self.state, settlement, results)
        self._done.append(settlement)
        for ours, event in zip(results, run, strict=True):
            self._check_settled(settlement, ours, event)
        return at

    def _check_settled(self, settlement: op.Settlement, ours: tr.HolderResult, event: ev.Settled) -> None:
        what = op.Settlement(event.head.instrument, event.head.id, event.price)
        must_agree(event.head.seq, "settlement", settlement, what)
        theirs = tr.HolderResult(
            event.head.account,
            event.size_lots,
            event.cash_delta_micro,
            event.fee_micro,
            event.entry_before_micro,
            event.entry_after_micro,
        )
        must_agree(event.head.seq, f"settlement of account {ours.account}", ours, theirs)
        balance = self.state.accounts[ours.account].cash_micro
        must_agree(event.head.seq, f"balance of account {ours.account}", balance, event.balance_micro)


def _must_be_of_a_block(trade: ev.Trade, maker_main: int, taker_main: int) -> None:
    """A trade of a block has no orders, is nobody's liquidation and never stays in a family."""
    seq, what = trade.head.seq, f"block trade {trade.trade_id}"
    liquidates = trade.flags & r.TRADE_LIQUIDATION
    theirs = (trade.maker_order_id, trade.taker_order_id, liquidates)
    must_agree(seq, f"{what} (orders, liquidation)", (0, 0, 0), theirs)
    if (maker_main or trade.maker_account) == (taker_main or trade.taker_account):
        raise LedgerMismatch(f"seq {seq}: {what}: both sides are of one family")
