"""The checks, made with the journal's bytes, the reference engine and what the clients wrote down.

Nothing of the venue's own state is trusted: the reference replays every command the journal holds, and
events, state, acknowledgements, streams and books are held against that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from hashlib import sha256
from typing import Any, NamedTuple

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import COUNTER_MASK
from exchange.journal import Kind, Storage, label_records, scan
from exchange.wire.instruments import InstrumentView
from tests.reference import invariants
from tests.reference.engine import ReferenceEngine
from tests.simulation.ledger import ACKNOWLEDGED, REFUSED, BookSeen, Ledger, Sent, Stream

INVARIANTS_EVERY = 100
STATES = {r.ORDER_STATE_OPEN: "open", r.ORDER_STATE_FILLED: "filled", r.ORDER_STATE_CANCELLED: "cancelled"}
TYPES = {
    "private/buy": r.NEW_ORDER,
    "private/sell": r.NEW_ORDER,
    "private/edit": r.AMEND,
    "private/cancel": r.CANCEL,
    "private/mass_quote": r.MASS_QUOTE,
}


class Broken(AssertionError):
    """A promise was not kept."""


def must(condition: object, what: str, *about: object) -> None:
    """Raise Broken unless the condition holds; `about` is written out only then."""
    if not condition:
        raise Broken(" ".join((what, *map(str, about))))


class OrderSeen(NamedTuple):
    """An order's change as its owner's stream tells it."""

    seq: int
    order_id: str
    state: str
    filled: float


class TradeSeen(NamedTuple):
    """A match as a stream of one of its sides tells it."""

    seq: int
    trade_id: str
    order_id: str


class Audit:
    """Follows one journal through all its crashes."""

    def __init__(self, ledger: Ledger) -> None:
        self.reference = ReferenceEngine()
        self.commands: list[bytes] = []
        """By sequence counter − 1."""
        self.crashes = 0
        self._ledger = ledger
        self._event_bytes: list[bytes] = []
        self._labels: dict[tuple[int, int], str] = {}  # (account, label id)
        self._uses: dict[tuple[int, str], int] = {}  # (account, text): sequence of its only use
        self._orders: dict[int, list[OrderSeen]] = defaultdict(list)  # by account
        self._trades: dict[int, list[TradeSeen]] = defaultdict(list)
        self._balances: dict[int, set[float]] = defaultdict(set)  # by account, in USDC
        self._label_of: dict[str, tuple[int, str]] = {}  # order_id: (account, label)
        self._names: list[str] = []
        self._books_checked = 0
        self._sent_checked = 0
        self._taken: dict[int, Sent] = {}  # sequence: whose acknowledgement names it

    # --- the journal -------------------------------------------------------------------------------

    def follow(self, storage: Storage, engine: Engine | None, *, from_seq: int = 1) -> None:
        """Take in what is new in the journal; the engine, if given, must stand exactly there.

        Commands and events from `from_seq` on are read and compared with what was seen before.

        Raises:
            Broken: a command that was there is gone or another, or events, state or books differ.
        """
        books = self._books_to_check()
        known, reached = len(self.commands), from_seq - 1
        for frame in scan(storage, Kind.COMMANDS, 0, from_seq):
            for seq, command in enumerate(c.split(frame.payload), frame.first_seq):
                if seq <= known:
                    must(self.commands[seq - 1] == command, "a durable command has changed:", seq)
                else:
                    self._apply(command)
                    self._check_books(books.pop(seq, []))
                reached = seq
        must(reached >= known, "durable commands are gone behind", reached, "of", known)
        self._check_books([book for late in books.values() for book in late])
        invariants.check(self.reference.world)
        reached = self._compare_events(storage, from_seq)
        if engine is not None:  # else the venue runs, and its events lag
            must(reached == len(self.commands), "events are missing behind", reached)
            must(engine.state_bytes() == self.reference.state_bytes(), "the state differs after recovery")

    def _compare_events(self, storage: Storage, from_seq: int) -> int:
        """The last sequence whose events are stored; all that are must be those of the reference."""
        reached = 0
        for frame in scan(storage, Kind.EVENTS, 0, from_seq):
            reached = frame.next_seq - 1
            if reached > len(self.commands):
                break  # written after the commands were read
            replayed = b"".join(self._event_bytes[frame.first_seq - 1 : reached])
            must(frame.payload == replayed, "stored events differ in", frame.segment, frame.offset)
        return reached

    def _apply(self, command: bytes) -> None:
        seq = len(self.commands) + 1
        self.commands.append(command)
        for label in label_records(command):
            self._labels[label.account, label.label] = label.text
        packed = self.reference.apply(command)
        self._event_bytes.append(packed)
        account, aux = int.from_bytes(command[8:12], "little"), int.from_bytes(command[28:32], "little")
        if command[0] in (r.NEW_ORDER, r.MASS_QUOTE) and aux:
            text = self._labels[account, aux]
            earlier = self._uses.setdefault((account, text), seq)
            must(earlier == seq, "one request was done twice:", text, earlier, seq)
        for event in ev.read_events(packed):
            self._note(seq, event)
        for user in self.reference.world.accounts.values():
            self._balances[user.id].add(user.cash_micro / 1_000_000)
        if seq % INVARIANTS_EVERY == 0:
            invariants.check(self.reference.world)

    def _note(self, seq: int, event: ev.Event) -> None:
        if isinstance(event, ev.Order):
            account = event.head.account
            seen = OrderSeen(seq, str(event.order_id), STATES[event.state], self._amount(event))
            self._orders[account].append(seen)
            if not event.flags & r.FLAG_QUOTE:
                text = self._labels[account, event.label] if event.label else ""
                self._label_of[seen.order_id] = account, text
        elif isinstance(event, ev.Trade):
            trade_id = str(event.trade_id)
            self._trades[event.maker_account].append(TradeSeen(seq, trade_id, str(event.maker_order_id)))
            self._trades[event.taker_account].append(TradeSeen(seq, trade_id, str(event.taker_order_id)))
        elif isinstance(event, ev.Instrument) and event.head.instrument == len(self._names):
            symbol = c.symbol_text(self.reference.world.underlyings[event.terms.underlying].symbol)
            view = InstrumentView(event.head.instrument, symbol, event.terms, event.state, event.time_ms)
            self._names.append(view.name)

    def _amount(self, event: ev.Order) -> float:
        terms = self.reference.world.instruments[event.head.instrument].terms
        return event.filled_lots * terms.lot_e8 / 100_000_000

    # --- books -------------------------------------------------------------------------------------

    def _books_to_check(self) -> dict[int, list[BookSeen]]:
        new = self._ledger.books[self._books_checked :]
        self._books_checked = len(self._ledger.books)
        found: dict[int, list[BookSeen]] = defaultdict(list)
        for book in new:
            if book.change_id == 0:  # of an instrument that was never traded
                must(not book.bids and not book.asks, f"book of {book.instrument} has levels from nowhere")
                continue
            found[max(book.change_id, len(self.commands))].append(book)
        self._check_books(found.pop(len(self.commands), []))
        return found

    def _check_books(self, seen: list[BookSeen]) -> None:
        """Each follower's book must be the reference's as it stands now."""
        for book in seen:
            instrument = self.reference.world.instruments[self._names.index(book.instrument)]
            terms = instrument.terms
            for told, side in ((book.bids, instrument.book.bids), (book.asks, instrument.book.asks)):
                there = {
                    price * terms.tick_micro / 1_000_000: side.shown_lots(price) * terms.lot_e8 / 100_000_000
                    for price, _ in side.in_order()
                }
                must(there == told, "a follower has another book:", book, there)

    # --- what was acknowledged ---------------------------------------------------------------------

    def check_acknowledged(self) -> int:
        """Every acknowledged command is in the journal exactly once, where its reply said, and did what
        its reply said. Looks at what was sent since the last call; returns how many were acknowledged.

        Raises:
            Broken: one is missing, is another, or was done twice.
        """
        known = len(self._taken)
        for sent in self._ledger.sent[self._sent_checked :]:
            if sent.outcome == REFUSED:
                self._check_refused(sent)
            if sent.outcome != ACKNOWLEDGED or not sent.seq:
                continue
            must(sent.seq <= len(self.commands), "acknowledged and lost:", sent)
            first = self._taken.setdefault(sent.seq, sent)
            must(first is sent, "one command, two acknowledgements:", sent, first)
            self._check_one(sent)
            sent.result, sent.params = None, {}  # a campaign of many restarts has millions of them
        self._sent_checked = len(self._ledger.sent)
        must(not self._ledger.broken, "; ".join(self._ledger.broken[:5]))
        for order_id, told in self._ledger.labels_seen.items():
            there = self._label_of.get(order_id)
            must(there == told, "an order was shown that is not there:", order_id, told, there)
        return len(self._taken) - known

    def _check_refused(self, sent: Sent) -> None:
        """What was refused was not done, unless the venue halted under it."""
        seq = self._uses.get((sent.account, sent.label)) if sent.label else None
        if seq is not None and not sent.halted:
            must(self._event_bytes[seq - 1][0] == r.EV_REJECTED, "refused and yet done:", sent)

    def _check_one(self, sent: Sent) -> None:
        command = self.commands[sent.seq - 1]
        wanted = TYPES.get(sent.method, r.CANCEL_MANY)
        must(command[0] == wanted, "another command stands in its place:", command[0], sent)
        must(int.from_bytes(command[8:12], "little") == sent.account, "it is another account's:", sent)
        if sent.label:
            must(self._uses.get((sent.account, sent.label)) == sent.seq, "it is not at its place:", sent)
        if command[0] in (r.AMEND, r.CANCEL):
            order_id = int.from_bytes(command[32:40], "little")
            must(str(order_id) == sent.params["order_id"], "it names another order:", order_id, sent)
        result = sent.result
        if isinstance(result, dict):
            orders = result.get("orders") or [result.get("order", result)]
            for order in orders:
                if "order_id" in order:
                    self._check_order(sent, order)

    def _check_order(self, sent: Sent, order: dict[str, Any]) -> None:
        seq = order["seq"] & COUNTER_MASK
        told = OrderSeen(seq, order["order_id"], order["order_state"], order["filled_amount"])
        mine = self._orders[sent.account]
        there = mine[bisect_left(mine, (sent.seq,)) : bisect_left(mine, (sent.seq + 1,))]
        must(told in there, "told otherwise than it came about:", told, there)

    # --- streams -----------------------------------------------------------------------------------

    def check_streams(self) -> None:
        """What a connection was pushed is one unbroken stretch of its account's events, and ends with the
        last one if the connection stood to the end; every balance it was pushed was the account's once."""
        for stream in self._ledger.streams:
            told = [
                OrderSeen(o["seq"] & COUNTER_MASK, o["order_id"], o["order_state"], o["filled_amount"])
                for o in stream.orders
            ]
            _unbroken(told, self._orders[stream.account], stream, "orders")
            matches = [
                TradeSeen(t["seq"] & COUNTER_MASK, t["trade_id"], t["order_id"]) for t in stream.trades
            ]
            _unbroken(matches, self._trades[stream.account], stream, "trades")
            strange = set(stream.balances) - self._balances[stream.account]
            must(not strange, "a balance was pushed that never was:", stream.account, strange)

    def agrees(self, account: int, replies: dict[str, Any]) -> bool:
        """Whether open orders and balance, as the API tells them, are the reference's."""
        there = self.reference.world.accounts[account]
        told = {order["order_id"]: order["filled_amount"] for order in replies["orders"]}
        orders = {
            str(order.id): order.filled_lots * order.seat.instrument.terms.lot_e8 / 100_000_000
            for order in there.orders.values()
        }
        return told == orders and bool(replies["balance"] == there.cash_micro / 1_000_000)

    def digest(self) -> str:
        """Of all commands, events and the state."""
        found = sha256(b"".join(self.commands))
        found.update(b"".join(self._event_bytes))
        found.update(self.reference.state_bytes())
        return found.hexdigest()


def _unbroken(told: list[Any], there: list[Any], stream: Stream, what: str) -> None:
    if not told:
        return
    must(told[0] in there, f"account {stream.account}: a push of {what} nobody caused: {told[0]}")
    start = there.index(told[0])
    end = len(there) if stream.complete else start + len(told)
    if told != there[start:end]:
        pairs = enumerate(zip(told, there[start:end], strict=False))
        at = next((number for number, (ours, its) in pairs if ours != its), -1)
        raise Broken(f"account {stream.account}: the stream of {what} has a gap at {at} of {len(told)}")
