"""Commands that several events tell together: transfers, liquidation steps, takeovers, shared losses.

The ledger hands their events over one by one; the last one makes the operation. Everything here belongs to
one command: `must_be_done` refuses what is left open when the next command begins.
"""

from __future__ import annotations

from collections.abc import Callable

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import ACCOUNT_BRIDGE, ACCOUNT_INSURANCE
from settlement import operations as op
from settlement import protection
from settlement.guards import funds_micro, user
from settlement.mismatch import LedgerMismatch, must_agree
from settlement.state import State

Book = Callable[[op.Operation], None]


class Settling:
    """Events of the command under way that wait for more. `apply` books an operation and hands it out."""

    def __init__(self, state: State, apply: Book) -> None:
        self._state = state
        self._apply = apply
        self._seq = 0
        self._transfer: op.Transfer | None = None
        self._given: op.Transfer | None = None
        self._sold: dict[tuple[int, int, bool], int] = {}
        self._cash: list[ev.Cash] = []
        self._passed: list[ev.Cash] = []
        self._parts = 0
        self._forced: list[ev.Cash] = []
        self._shares: list[tuple[int, int]] = []
        self._deficit = 0
        self._ended: list[int] = []

    def must_be_done(self, seq: int) -> None:
        """Called with every command's number, 0 at the end. Raises LedgerMismatch for what is missing."""
        if seq == self._seq:
            return
        waiting = (self._transfer, self._sold, self._cash, self._passed, self._parts, self._forced)
        left = [each for each in (*waiting, self._shares, self._ended, self._state.moved) if each]
        if left:
            raise LedgerMismatch(f"seq {self._seq}: its events end before their last: {left}")
        self._seq = seq
        self._given = None

    # --- cash ---------------------------------------------------------------------------------------

    def transfer(self, cash: ev.Cash) -> None:
        """Both halves of a transfer, the source's first.

        What a family pays of a deficit is one too; its LIQUIDATION event follows directly.
        """
        seq, number = cash.head.seq, cash.head.account
        if self._transfer is None:
            self._must_be_told(seq)
            made = op.Transfer(number, cash.counter_account, -cash.delta_micro, cash.head.id)
            self._apply(made)
            self._transfer = made
            return
        source, destination, amount, ident = self._transfer
        theirs = (number, cash.counter_account, cash.delta_micro, cash.head.id)
        must_agree(seq, "transfer's other half", (destination, source, amount, ident), theirs)
        self._given, self._transfer = self._transfer, None

    def _must_be_told(self, seq: int) -> None:
        if self._given is not None:
            raise LedgerMismatch(f"seq {seq}: no event tells what {self._given} was for")

    def takeover_cash(self, cash: ev.Cash) -> None:
        """Kept until the LIQUIDATION event that ends the takeover."""
        self._cash.append(cash)

    def moved_cash(self, cash: ev.Cash) -> None:
        """Both halves of what passes with positions within a family, the source's first."""
        self._passed.append(cash)
        if len(self._passed) < 2:
            return
        source, destination = (half.head.account for half in self._passed)
        worth = protection.worth_micro(self._state)
        ours = [(source, destination, worth, 0, 0), (destination, source, -worth, 0, 0)]
        told = [
            (half.head.account, half.counter_account, half.delta_micro, half.head.id, half.amount_micro)
            for half in self._passed
        ]
        must_agree(cash.head.seq, "cash of positions moved", ours, told)
        self._parts = len(self._state.moved)
        self._apply(op.PositionsMoved(source, destination))
        self._must_have_the_balances(self._passed)

    def moved_done(self, done: ev.Done) -> None:
        """The DONE of a MOVE_POSITIONS counts what has passed."""
        must_agree(done.head.seq, "positions moved", self._parts, done.affected)
        self._parts = 0

    def forced_cash(self, cash: ev.Cash) -> None:
        """Kept until the FORCED event that says what was asked."""
        self._forced.append(cash)

    def forced(self, told: ev.Forced) -> None:
        """A request of the bridge's forced queue was answered; CASH came before where anything was paid."""
        number, ident, paid = told.head.account, told.head.id, told.paid_micro
        ours = [(number, ident, -paid, ACCOUNT_BRIDGE, 0)] if paid else []
        theirs = [
            (cash.head.account, cash.head.id, cash.delta_micro, cash.counter_account, cash.amount_micro)
            for cash in self._forced
        ]
        must_agree(told.head.seq, f"cash of forced withdrawal {ident}", ours, theirs)
        self._apply(op.ForcedWithdrawal(number, ident, told.asked_micro, paid))
        self._must_have_the_balances(self._forced)

    def _must_have_the_balances(self, told: list[ev.Cash]) -> None:
        """CASH events that were kept tell what is there once they are booked."""
        for cash in told:
            balance = self._state.accounts[cash.head.account].cash_micro
            must_agree(cash.head.seq, f"balance of account {cash.head.account}", balance, cash.balance_micro)
        told.clear()

    # --- liquidation ----------------------------------------------------------------------------------

    def liquidation_fill(self, trade: ev.Trade) -> None:
        """A fill whose taker is being liquidated: the step's LIQUIDATION event must count it."""
        key = (trade.taker_account, trade.head.instrument, trade.taker_sells)
        self._sold[key] = self._sold.get(key, 0) + trade.size_lots

    def moved(self, moved: ev.Moved) -> None:
        """One part of a takeover, or of what passes within a family."""
        self._apply(
            op.Moved(
                moved.head.instrument, moved.head.account, moved.to_account, moved.lots, moved.value_micro
            )
        )

    def liquidation(self, told: ev.Liquidation) -> None:
        """A LIQUIDATION event of any kind."""
        number, seq = told.head.account, told.head.seq
        if told.kind == r.LIQ_FAMILY:
            self._family(told)
            return
        self._must_be_told(seq)
        if told.kind == r.LIQ_STARTED:
            self._apply(op.LiquidationSet(number, 1))
        elif told.kind in (r.LIQ_PERPETUAL, r.LIQ_OPTION):
            self._slice(told)
        elif told.kind == r.LIQ_TAKEOVER:
            self._takeover(told)
        elif told.kind == r.LIQ_ENDED:
            self._end(number)
        elif told.kind == r.LIQ_FUND:
            must_agree(seq, "fund's payment", protection.cover_micro(self._state, number), told.amount_micro)
            self._apply(op.FundCover(number))
        elif told.kind == r.LIQ_SHARED:
            if self._shares:
                must_agree(seq, "account in deficit", self._deficit, told.counter_account)
            self._deficit = told.counter_account
            self._shares.append((number, told.amount_micro))
        elif told.kind == r.LIQ_DEFICIT:
            missing = max(0, -funds_micro(self._state, user(self._state, number)))
            must_agree(seq, f"deficit of account {number}", missing, told.amount_micro)
        elif told.kind not in (r.LIQ_ORDERS, r.LIQ_AUCTION):
            raise LedgerMismatch(f"seq {seq}: unknown kind {told.kind} of liquidation event")

    def _slice(self, told: ev.Liquidation) -> None:
        number, instrument, seq = told.head.account, told.head.instrument, told.head.seq
        sells = told.lots < 0
        filled = self._sold.pop((number, instrument, sells), 0)
        must_agree(seq, f"lots liquidated of account {number}", filled, abs(told.lots))
        if filled == 0:
            must_agree(seq, "fee without a fill", 0, told.amount_micro)
            return
        self._apply(op.LiquidationFee(number, instrument, told.lots, told.amount_micro))

    def _family(self, told: ev.Liquidation) -> None:
        """Another account of the family paid: the transfer just before, and no more than was missing."""
        number, seq = told.head.account, told.head.seq
        theirs = op.Transfer(told.counter_account, number, told.amount_micro, 0)
        must_agree(seq, "family's payment", self._given, theirs)
        self._given = None
        accounts = self._state.accounts
        under = [accounts[each].in_liquidation for each in (number, told.counter_account)]
        must_agree(seq, "who of the family is in liquidation", [1, 0], under)
        over = max(0, funds_micro(self._state, accounts[number]))
        must_agree(seq, "payment beyond the deficit", 0, over)

    def _end(self, number: int) -> None:
        if self._state.sharing.account == number:
            self._ended.append(number)  # while its loss is shared only that ends it: judged with its DONE
        else:
            self._apply(op.LiquidationSet(number, 0))

    def _takeover(self, told: ev.Liquidation) -> None:
        seq, target, bidder = told.head.seq, told.head.account, told.counter_account
        deltas = [(cash.head.account, cash.counter_account, cash.delta_micro) for cash in self._cash]
        topped = -deltas[2][2] if len(deltas) > 2 else 0
        worth = protection.worth_micro(self._state)
        given = told.amount_micro - topped
        ours = [(bidder, target, given + topped - worth), (target, bidder, worth - given)]
        if topped:
            ours.append((ACCOUNT_INSURANCE, bidder, -topped))
        must_agree(seq, "cash of a takeover", ours, deltas)
        self._apply(op.Takeover(bidder, target, told.lots, given, topped))
        self._must_have_the_balances(self._cash)

    # --- shared losses --------------------------------------------------------------------------------

    def share_loss(self, done: ev.Done) -> None:
        """The DONE of a SHARE_LOSS: its shares are booked if they can be what the rules make of the loss."""
        number, seq = done.head.account, done.head.seq
        if self._shares:
            must_agree(seq, "account in deficit", number, self._deficit)
        before = self._state.accounts[number].in_liquidation if number in self._state.accounts else 0
        self._apply(op.LossStep(number, done.affected, tuple(self._shares)))
        ended = before and not self._state.accounts[number].in_liquidation
        must_agree(seq, "end of the liquidation", [number] if ended else [], self._ended)
        self._shares, self._ended = [], []
