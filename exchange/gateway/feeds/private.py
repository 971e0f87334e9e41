"""The private channels: an account's orders, fills and portfolio.

Events of accounts nobody listens to cost one dictionary lookup. The object of an event is built once,
whatever the number of channels it goes to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec import Raw

from exchange.domain.combo_prints import is_print
from exchange.gateway.fanout import Fanout, Topic
from exchange.gateway.figures import Figures
from exchange.gateway.history_ring import Fill
from exchange.gateway.registry import ANY, Registry
from exchange.gateway.rendering import Rendering
from exchange.keys.sign_ins import Visit
from exchange.wire.accounts import portfolio_data
from exchange.wire.names import KIND_FILTERS, QUOTE_CURRENCY
from exchange.wire.objects import JsonObject
from exchange.wire.session import Session

_ORDERS: Final = "user_orders"
_TRADES: Final = "user_trades"
_COMBO_TRADES: Final = "user_combo_trades"
_PORTFOLIO: Final = "user_portfolio"
_CHANGES: Final = "user_changes"
_LOCK: Final = "user_lock"
_ACCESS: Final = "user_access_log"
_STREAM: Final = "user_stream"  # written by `streams`; here it makes its account a watched one
_FAMILIES: Final = frozenset(
    {_ORDERS, _TRADES, _COMBO_TRADES, _PORTFOLIO, _CHANGES, _LOCK, _ACCESS, _STREAM}
)
TICKS_PER_AGG2: Final = 10
_MAKER_ORDER: Final = slice(32, 40)  # of a TRADE
_NO_ORDER: Final = bytes(8)


class OrderPush(NamedTuple):
    """An order that is ready to be sent."""

    order_id: int
    json: Raw


Rendered = OrderPush | Raw | JsonObject


class Change(NamedTuple):
    """One item of a `user.changes` topic: an order, a trade, or (None) a position alone."""

    instrument: int
    rendered: Rendered | None

    @property
    def moves_position(self) -> bool:
        return not isinstance(self.rendered, OrderPush)


def changes_data(name: str, changes: list[Change]) -> JsonObject:
    """Orders (the last state of each) and trades of one instrument; the caller adds positions."""
    orders = [change.rendered for change in changes if isinstance(change.rendered, OrderPush)]
    trades = [change.rendered for change in changes if isinstance(change.rendered, (dict, Raw))]
    return {"instrument_name": name, "orders": _latest(list(orders)), "trades": trades}


Read = Callable[[Callable[[], JsonObject], Callable[[JsonObject | None], None]], None]


def _read_now(compute: Callable[[], JsonObject], deliver: Callable[[JsonObject | None], None]) -> None:
    deliver(compute())


class _Account:
    """What is to be told about one watched account."""

    __slots__ = ("fills", "orders", "settled", "topics")

    def __init__(self) -> None:
        self.topics: list[Topic] = []
        self.orders: list[tuple[int, bytes]] = []
        self.fills: list[tuple[int, Fill]] = []
        self.settled: list[int] = []  # instruments whose position changed without a trade


class PrivateFeeds:
    """Writer of all private topics; a `views.PrivateSink`."""

    def __init__(self, registry: Registry, fanout: Fanout) -> None:
        self.watched: dict[int, int] = {}
        self._registry = registry
        self._accounts: dict[int, _Account] = {}
        self._news: dict[int, _Account] = {}
        self._portfolios: dict[int, None] = {}  # watched accounts whose figures moved
        self._waiting: dict[str, dict[Topic, None]] = {"100ms": {}, "agg2": {}}
        self._ticks = 0
        self._rendering: Rendering | None = None
        self._figures: Figures | None = None
        self._read: Read = _read_now
        fanout.opened.append(self._on_opened)
        fanout.closed.append(self._on_closed)
        fanout.joined.append(self._on_joined)

    def connect(self, rendering: Rendering, figures: Figures, read: Read) -> None:
        """Give it what it renders with (they are built on the views this feeds from).

        Figures are the engine's, which may be ahead of the disk: `read(compute, deliver)` delivers them
        once they are durable, or None if they never will be.
        """
        self._rendering = rendering
        self._figures = figures
        self._read = read

    # --- topics come and go ------------------------------------------------------------------------

    def _on_opened(self, topic: Topic) -> None:
        channel = topic.channel
        if not channel.private or channel.family not in _FAMILIES:
            return
        if channel.instrument:
            view = self._registry.by_name.get(channel.instrument)
            if view is None:
                return
            topic.instrument = view.instrument
        account = self._accounts.get(topic.account)
        if account is None:
            account = self._accounts[topic.account] = _Account()
        account.topics.append(topic)
        self.watched[topic.account] = len(account.topics)

    def _on_closed(self, topic: Topic) -> None:
        account = self._accounts.get(topic.account)
        if account is None or topic not in account.topics:
            return
        account.topics.remove(topic)
        for waiting in self._waiting.values():
            waiting.pop(topic, None)
        if account.topics:
            self.watched[topic.account] = len(account.topics)
            return
        del self.watched[topic.account]
        del self._accounts[topic.account]
        self._news.pop(topic.account, None)
        self._portfolios.pop(topic.account, None)

    def _on_joined(self, topic: Topic, session: Session) -> None:
        figures = self._figures
        if topic.channel.family != _PORTFOLIO or not _is_ours(topic) or figures is None:
            return

        def deliver(data: JsonObject | None) -> None:
            if data is not None and session in topic.sessions:
                topic.publish_to(session, data)

        self._read(lambda: portfolio_data(figures.account(topic.account)), deliver)

    # --- what the views tell -----------------------------------------------------------------------

    def on_order(self, account: int, instrument: int, record: bytes) -> None:
        """An order of a watched account changed."""
        watched = self._news[account] = self._accounts[account]
        watched.orders.append((instrument, record))
        self._portfolios[account] = None

    def on_fill(self, account: int, instrument: int, fill: Fill) -> None:
        """A watched account traded."""
        watched = self._news[account] = self._accounts[account]
        watched.fills.append((instrument, fill))
        self._portfolios[account] = None

    def on_figures(self, account: int) -> None:
        """Cash or positions of a watched account changed otherwise."""
        self._portfolios[account] = None

    def on_settled(self, account: int, instrument: int) -> None:
        """A position of a watched account changed without a trade."""
        watched = self._news[account] = self._accounts[account]
        watched.settled.append(instrument)
        self._portfolios[account] = None

    def on_lock(self, account: int, is_locked: bool) -> None:
        """A watched account was locked (by the venue or a liquidation), or is free again."""
        self._portfolios[account] = None
        for topic in self._accounts[account].topics:
            if topic.channel.family == _LOCK and topic.last != is_locked:
                topic.last = is_locked
                topic.publish({"currency": QUOTE_CURRENCY, "locked": is_locked})

    def on_visit(self, account: int, visit: Visit) -> None:
        """Somebody came in to an account, or changed its keys."""
        watched = self._accounts.get(account)
        for topic in watched.topics if watched is not None else ():
            if topic.channel.family == _ACCESS:
                topic.publish(visit.json())

    def on_marks(self) -> None:
        """Marks moved: every watched account is worth something else."""
        self._portfolios.update(dict.fromkeys(self._accounts))

    # --- writing -----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Tell what the batches just released changed."""
        if not self._news:
            return
        news, self._news = self._news, {}
        for number, account in news.items():
            orders, account.orders = account.orders, []
            fills, account.fills = account.fills, []
            for instrument, record in orders:
                self._tell(account, _ORDERS, instrument, record, number)
            for instrument, fill in fills:
                self._tell(account, _TRADES, instrument, fill, number)
                if is_print(fill.trade):
                    self._tell(account, _COMBO_TRADES, instrument, fill, number)
            settled, account.settled = account.settled, []
            for instrument in settled:
                self._tell_settled(account, instrument)
            for topic in account.topics:
                if topic.pending and topic.channel.interval == "raw":
                    self._write(topic)

    def _tell(self, account: _Account, family: str, instrument: int, what: bytes | Fill, number: int) -> None:
        rendered: Rendered | None = None
        for topic in account.topics:
            mine = topic.channel.family
            wanted = mine == family or (mine == _CHANGES and family != _COMBO_TRADES)
            if not wanted or not self._matches(topic, instrument):
                continue
            if rendered is None:
                rendered = self._render(what, number)
            interval = topic.channel.interval
            if mine == _CHANGES:
                self._note_change(topic, Change(instrument, rendered))
            elif interval != "raw":
                topic.pending.append(rendered)
                self._waiting[interval][topic] = None
            elif isinstance(rendered, OrderPush):  # raw order channels carry one order a frame
                topic.publish(rendered.json)
            else:
                topic.pending.append(rendered)

    def _tell_settled(self, account: _Account, instrument: int) -> None:
        for topic in account.topics:
            if topic.channel.family == _CHANGES and self._matches(topic, instrument):
                self._note_change(topic, Change(instrument, None))

    def _note_change(self, topic: Topic, change: Change) -> None:
        topic.pending.append(change)
        if topic.channel.interval != "raw":
            self._waiting[topic.channel.interval][topic] = None

    def _write(self, topic: Topic) -> None:
        data, topic.pending = topic.pending, []
        if topic.channel.family == _CHANGES:
            self._write_changes(topic, [change for change in data if isinstance(change, Change)])
        elif topic.channel.family == _ORDERS and topic.channel.interval != "raw":
            topic.publish(_latest(data))
        elif topic.channel.family == _COMBO_TRADES:  # a frame each
            for trade in data:
                topic.publish(trade)
        else:
            topic.publish(data)

    def _write_changes(self, topic: Topic, changes: list[Change]) -> None:
        """One frame an instrument: its orders, trades and, where it moved, the position."""
        figures = self._figures
        if figures is None:
            raise RuntimeError("not connected")
        by_instrument: dict[int, list[Change]] = {}
        for change in changes:
            by_instrument.setdefault(change.instrument, []).append(change)
        moved = {i for i, found in by_instrument.items() if any(each.moves_position for each in found)}

        def compute() -> JsonObject:
            positions = figures.positions(topic.account, moved)
            return {str(instrument): found for instrument, found in positions.items()}

        def deliver(positions: JsonObject | None) -> None:
            if positions is None:
                return
            for instrument, found in by_instrument.items():
                data = changes_data(self._registry.instruments[instrument].name, found)
                position = positions.get(str(instrument))
                data["positions"] = [] if position is None else [position]
                topic.publish(data)

        self._read(compute, deliver)

    def _render(self, what: bytes | Fill, account: int) -> Rendered:
        if self._rendering is None:
            raise RuntimeError("not connected")
        if isinstance(what, Fill):
            if what.trade[_MAKER_ORDER] == _NO_ORDER:  # of a block, which has more to it
                return self._rendering.fill(what, account)
            return Raw(self._rendering.fill_json(what, account))
        return OrderPush(int.from_bytes(what[24:32], "little"), Raw(self._rendering.order_json(what, 0)))

    def _matches(self, topic: Topic, instrument: int) -> bool:
        channel = topic.channel
        if channel.instrument:
            return topic.instrument == instrument
        kind = KIND_FILTERS.get(channel.kind)
        if kind is None:
            return False
        return self._registry.covers(channel.currency, kind, self._registry.instruments[instrument])

    def tick(self) -> None:
        """100 ms have passed: write the conflated topics and the portfolios that moved."""
        self._ticks += 1
        self._drain("100ms")
        if self._ticks % TICKS_PER_AGG2 == 0:
            self._drain("agg2")
        if self._portfolios and self._figures is not None:
            moved, self._portfolios = self._portfolios, {}
            for number in moved:
                topics = [topic for topic in self._accounts[number].topics if _is_portfolio(topic)]
                if topics:
                    self._tell_portfolio(number, topics, self._figures)

    def _tell_portfolio(self, account: int, topics: list[Topic], figures: Figures) -> None:
        def deliver(data: JsonObject | None) -> None:
            if data is not None:
                for topic in topics:
                    topic.publish(data)

        self._read(lambda: portfolio_data(figures.account(account)), deliver)

    def _drain(self, interval: str) -> None:
        waiting, self._waiting[interval] = self._waiting[interval], {}
        for topic in waiting:
            self._write(topic)


def _is_portfolio(topic: Topic) -> bool:
    return topic.channel.family == _PORTFOLIO and _is_ours(topic)


def _is_ours(topic: Topic) -> bool:
    """All money is USDC; the portfolio of another currency is accepted and stays silent."""
    return topic.channel.currency in (ANY, QUOTE_CURRENCY)


def _latest(pending: list[object]) -> list[object]:
    """The last state of each order, in the order of their last change."""
    found: dict[int, Raw] = {}
    for push in pending:
        if isinstance(push, OrderPush):
            found.pop(push.order_id, None)
            found[push.order_id] = push.json
    return list(found.values())
