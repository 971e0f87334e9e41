"""A simulated trader: signs up, follows its own orders and some books, sends orders, and lives through
every loss of its connection. Its decisions come from its own seeded source."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from tests.simulation.ledger import ACKNOWLEDGED, REFUSED, BookSeen, Ledger, Sent, Stream
from tests.simulation.loop import World
from tests.simulation.network import Link
from tests.simulation.node import Node

PAUSE_US = 100_000
RETRY_US = 250_000
REPLY_US = 1_500_000
INSTRUMENTS = 6
PRIVATE = ["user.orders.any.any.raw", "user.trades.any.any.raw", "user.portfolio.any"]
Then = Callable[[dict[str, Any]], None]


class Client:
    """One account's program. `resting()` says that it waits for nothing."""

    def __init__(self, world: World, node: Node, ledger: Ledger, name: str, random: Random) -> None:
        self.name = name
        self.account = 0
        self.active = True
        self._world = world
        self._node = node
        self._ledger = ledger
        self._random = random
        self._key: dict[str, Any] = {}
        self._link: Link | None = None
        self._waiting: dict[int, Then] = {}
        self._next_id = 0
        self._labels = 0
        self._ready = False
        self._stream: Stream | None = None
        self._books: dict[str, BookSeen] = {}
        self._instruments: list[dict[str, Any]] = []
        self._marks: dict[str, float] = {}
        self._orders: dict[str, dict[str, Any]] = {}
        world.after(random.randrange(RETRY_US), self._connect)

    # --- connection --------------------------------------------------------------------------------

    def resting(self) -> bool:
        """Connected, and every request answered."""
        return self._ready and not self._waiting

    def _connect(self) -> None:
        link = self._node.connect()
        if link is None:
            self._world.after(self._random.randrange(RETRY_US), self._connect)
            return
        self._link, link.client = link, self
        if self._key:
            self._authenticate()
        else:
            self.call("public/strikebook_sign_up", {"name": self.name}, self._on_signed_up)

    def _on_signed_up(self, reply: dict[str, Any]) -> None:
        if "error" in reply:
            self.drop()
            return
        self._key = reply["result"]
        self.account = self._key["account"]
        self._authenticate()

    def _authenticate(self) -> None:
        grant = {
            "grant_type": "client_credentials",
            "client_id": self._key["client_id"],
            "client_secret": self._key["client_secret"],
        }
        self.call("public/auth", grant, self._on_authenticated)

    def _on_authenticated(self, reply: dict[str, Any]) -> None:
        if "error" in reply:
            self._ledger.broken.append(f"{self.name} is not let in: {reply['error']}")
            return
        self._stream = Stream(self.account)
        self._ledger.streams.append(self._stream)
        self.call("private/subscribe", {"channels": PRIVATE}, self._on_subscribed)
        self.call("public/get_instruments", {"currency": "any"}, self._on_instruments)

    def _on_subscribed(self, reply: dict[str, Any]) -> None:
        self.call("private/get_open_orders", {}, self._on_open_orders)

    def _on_open_orders(self, reply: dict[str, Any]) -> None:
        if "result" in reply:
            self._orders = {order["order_id"]: order for order in reply["result"]}
            if self._node.is_halted():
                return  # a halted venue shows the state in memory, which may be ahead of the disk
            for order in reply["result"]:
                self._ledger.saw_order(self.account, order)

    def _on_instruments(self, reply: dict[str, Any]) -> None:
        self._instruments = sorted(reply["result"], key=lambda i: str(i["instrument_name"]))
        self._instruments = [i for i in self._instruments if i["is_active"]][:INSTRUMENTS]
        self._instruments += [i for i in reply["result"] if i["kind"] == "future"]
        names = [i["instrument_name"] for i in self._instruments]
        for name in names:
            self._read_mark(name)
        followed = self._random.sample(names, min(3, len(names)))
        channels = [f"book.{name}.{self._random.choice(('raw', '100ms'))}" for name in followed]
        self.call("private/subscribe", {"channels": channels}, self._on_ready)

    def _on_ready(self, reply: dict[str, Any]) -> None:
        self._ready = True
        self._plan()

    def drop(self, *, half_open: bool = False) -> None:
        """Lose the connection; half open: the venue learns of it later, and goes on sending."""
        if self._link is not None:
            server_learns_us = self._random.randrange(2_000_000) if half_open else 0
            self._link.break_off(server_learns_us=server_learns_us, client_learns_us=0)

    def on_lost(self) -> None:
        self._link = None
        self._ready = False
        self._waiting.clear()
        self._books.clear()
        self._world.after(self._random.randrange(RETRY_US), self._connect)

    # --- frames ------------------------------------------------------------------------------------

    def call(self, method: str, params: dict[str, Any], then: Then) -> None:
        """Send a request; `then(reply)` if one comes. A reply that stays away costs the connection."""
        if self._link is None:
            return
        self._next_id += 1
        number, link = self._next_id, self._link
        self._waiting[number] = then
        frame = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        link.to_server(msgspec.json.encode(frame))

        def overdue() -> None:
            if number in self._waiting and self._link is link:
                self.drop(half_open=True)

        self._world.after(REPLY_US, overdue)

    def command(self, method: str, params: dict[str, Any], label: str = "") -> None:
        """A request that changes state, written down."""
        sent = Sent(self.account, method, params, label)
        self._ledger.sent.append(sent)

        def then(reply: dict[str, Any]) -> None:
            if "error" in reply:
                sent.outcome = REFUSED
                sent.halted = reply["error"]["code"] == 13028
                return
            sent.outcome, sent.seq, sent.result = ACKNOWLEDGED, reply.get("seq", 0), reply["result"]
            if isinstance(sent.result, dict):
                orders = sent.result.get("orders") or [sent.result.get("order", sent.result)]
                for order in orders:
                    if "order_id" in order:
                        self._saw(order)

        self.call(method, params, then)

    def on_frame(self, frame: bytes) -> None:
        message = msgspec.json.decode(frame)
        if message.get("method") == "subscription":
            self._on_push(message["params"]["channel"], message["params"]["data"])
            return
        then = self._waiting.pop(message.get("id"), None)
        if then is not None:
            then(message)

    def _on_push(self, channel: str, data: Any) -> None:
        assert self._stream is not None
        if channel.startswith("book."):
            self._on_book(data)
        elif channel.startswith("user.orders."):
            self._stream.orders.append(data)
            self._saw(data)
        elif channel.startswith("user.trades."):
            self._stream.trades.extend(data)
        elif channel.startswith("user.portfolio.") and not self._node.is_halted():
            self._stream.balances.append(data["balance"])

    def _saw(self, order: dict[str, Any]) -> None:
        self._ledger.saw_order(self.account, order)
        if order["order_state"] == "open":
            self._orders[order["order_id"]] = order
        else:
            self._orders.pop(order["order_id"], None)

    def _on_book(self, data: dict[str, Any]) -> None:
        name = data["instrument_name"]
        book = self._books.get(name)
        if data["type"] == "snapshot":
            book = self._books[name] = BookSeen(0, name, {}, {})
            self._ledger.resyncs += 1
        elif book is None or data["prev_change_id"] != book.change_id:
            self._ledger.broken.append(f"{self.name}: a gap in the book of {name}: {data}")
            return
        for side, changes in ((book.bids, data["bids"]), (book.asks, data["asks"])):
            for action, price, amount in changes:
                known = price in side
                if known == (action == "new"):
                    self._ledger.broken.append(f"{self.name}: {action} of {price} in {name} makes no sense")
                if action == "delete":
                    side.pop(price, None)
                else:
                    side[price] = amount
        book.change_id = data["change_id"]
        self._ledger.books.append(BookSeen(book.change_id, name, dict(book.bids), dict(book.asks)))

    # --- what it does ------------------------------------------------------------------------------

    def _plan(self) -> None:
        link = self._link

        def act() -> None:
            if self._ready and self._link is link and self.active:
                for _ in range(self._random.choice((1, 1, 1, 3, 8))):
                    self._act()
                self._plan()

        self._world.after(self._random.randrange(PAUSE_US), act)

    def finish(self) -> None:
        """Nothing new is begun; if the connection stands, its streams must end complete."""
        self.active = False

    def close_books(self) -> None:
        """The run is over and everything is quiet."""
        if self._stream is not None and self._ready:
            self._stream.complete = True

    def ask(self, replies: dict[str, Any]) -> None:
        """Ask for what the audit compares: open orders and the balance."""

        def on_orders(reply: dict[str, Any]) -> None:
            replies["orders"] = reply["result"]

        def on_summary(reply: dict[str, Any]) -> None:
            replies["balance"] = reply["result"]["balance"]

        self.call("private/get_open_orders", {}, on_orders)
        self.call("private/get_account_summary", {"currency": "USDC"}, on_summary)

    def _act(self) -> None:
        dice = self._random.randrange(100)
        if dice < 46:
            self._place()
        elif dice < 62:
            self._cancel_one()
        elif dice < 70:
            self._edit_one()
        elif dice < 80:
            self._quote()
        elif dice < 83:
            self._cancel_many()
        elif dice < 97:
            self._read()
        elif self._link is not None:
            self._next_id += 1
            wrong = self._random.choice((b"[]", b'{"amount":NaN}', b'{"instrument_name":7}', b"{}"))
            frame = b'{"jsonrpc":"2.0","id":%d,"method":"private/buy","params":%b}' % (self._next_id, wrong)
            self._link.to_server(frame)

    def _label(self) -> str:
        self._labels += 1
        return f"{self.name}-{self.account}-{self._labels}"

    def _price(self, instrument: dict[str, Any], spread: float = 0.004) -> float:
        mark = self._marks.get(instrument["instrument_name"], 100.0)
        wanted = max(mark, instrument["tick_size"] * 3) * (1 + self._random.uniform(-spread, spread))
        tick = instrument["tick_size"]
        for step in instrument["tick_size_steps"]:
            if wanted >= step["above_price"]:
                tick = step["tick_size"]
        price: float = round(max(tick, round(wanted / tick) * tick), 6)
        return price

    def _place(self) -> None:
        instrument = self._random.choice(self._instruments)
        label = self._label()
        params: dict[str, Any] = {
            "instrument_name": instrument["instrument_name"],
            "amount": round(instrument["min_trade_amount"] * self._random.randrange(1, 40), 6),
            "label": label,
        }
        kind = self._random.randrange(12)
        if kind == 0:
            params["type"] = "market"
        elif kind == 1:
            params["type"] = "market_limit"
        else:
            params["price"] = self._price(instrument)
            if kind == 2:
                params["time_in_force"] = self._random.choice(("immediate_or_cancel", "fill_or_kill"))
            elif kind == 3:
                params["time_in_force"] = "good_til_day"
            elif kind == 4:
                params["post_only"] = True
                params["reject_post_only"] = bool(self._random.randrange(2))
            elif kind == 5:
                params["display_amount"] = instrument["min_trade_amount"]
            elif kind == 6:
                params["reduce_only"] = True
        self.command(self._random.choice(("private/buy", "private/sell")), params, label)

    def _cancel_one(self) -> None:
        if self._orders:
            order_id = self._random.choice(sorted(self._orders))
            self.command("private/cancel", {"order_id": order_id})

    def _edit_one(self) -> None:
        if not self._orders:
            return
        order = self._orders[self._random.choice(sorted(self._orders))]
        named = [i for i in self._instruments if i["instrument_name"] == order["instrument_name"]]
        if not named:
            return
        amount = round(named[0]["min_trade_amount"] * self._random.randrange(1, 60), 6)
        params: dict[str, Any] = {"order_id": order["order_id"], "amount": amount}
        if self._random.randrange(2):
            params["price"] = self._price(named[0])
        self.command("private/edit", params)

    def _quote(self) -> None:
        chosen = self._random.sample(self._instruments, min(4, len(self._instruments)))
        quotes = []
        for instrument in chosen:
            bid, ask = sorted((self._price(instrument), self._price(instrument)))
            amount = round(instrument["min_trade_amount"] * self._random.randrange(0, 30), 6)
            quotes.append(
                {
                    "instrument_name": instrument["instrument_name"],
                    "bid": {"price": bid, "amount": amount},
                    "ask": {"price": ask, "amount": amount},
                }
            )
        label = self._label()
        self.command("private/mass_quote", {"quotes": quotes, "quote_id": label}, label)

    def _cancel_many(self) -> None:
        kind = self._random.randrange(4)
        if kind == 0:
            self.command("private/cancel_all", {})
        elif kind == 1:
            self.command("private/cancel_all_by_currency", {"currency": self._random.choice(("BTC", "ETH"))})
        elif kind == 2:
            self.command("private/cancel_quotes", {"cancel_type": "all"})
        elif self._orders:
            order = self._orders[self._random.choice(sorted(self._orders))]
            self.command("private/cancel_by_label", {"label": order["label"] or "none"})

    def _read_mark(self, name: str) -> None:
        def then(reply: dict[str, Any]) -> None:
            if "result" in reply:
                self._marks[name] = reply["result"]["mark_price"]

        self.call("public/ticker", {"instrument_name": name}, then)

    def _read(self) -> None:
        kind = self._random.randrange(5)
        if kind == 0:
            self.call("private/get_open_orders", {}, self._on_open_orders)
        elif kind == 1:
            self.call("private/get_positions", {"currency": "any"}, lambda reply: None)
        elif kind == 2:
            self.call("private/get_account_summary", {"currency": "USDC"}, lambda reply: None)
        else:
            self._read_mark(self._random.choice(self._instruments)["instrument_name"])
