"""A whole venue on a hand-turned loop: real engine, real views, journal in lists, fake sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import msgspec

from exchange.core.engine import Engine
from exchange.domain import commands, events
from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms, Mark
from exchange.gateway.deals.block_limits import BlockLimits
from exchange.gateway.deals.block_signatures import BlockSealer
from exchange.gateway.deals.block_store import BlockStore
from exchange.gateway.deals.blocks import BlockSetup
from exchange.gateway.dispatch import Dispatcher
from exchange.gateway.methods.table import METHODS
from exchange.gateway.ports import InlineCommitter
from exchange.gateway.venue import Venue
from exchange.wire.auth import DEFAULT_SCOPES
from exchange.wire.jsonrpc import decode_request
from exchange.wire.session import RpcError, Session
from tests.unit.gateway.fakes import ListJournal, ManualClock, ManualLoop

NOW_MS = 1_750_000_000_000
EXPIRY_MS = 1_798_358_400_000  # 27 December 2026, 08:00 UTC
OPTION = "BTC_USDC-27DEC26-100000-C"
PUT = "BTC_USDC-27DEC26-100000-P"
PERPETUAL = "BTC_USDC-PERPETUAL"
ETH_PERPETUAL = "ETH_USDC-PERPETUAL"


def option_terms(option_type: int) -> InstrumentTerms:
    """A BTC option: tick 5 USDC, lot 0.01."""
    return InstrumentTerms(
        kind=r.KIND_OPTION,
        option_type=option_type,
        underlying=0,
        expiry_ms=EXPIRY_MS,
        strike_micro=100_000_000_000,
        tick_micro=5_000_000,
        lot_e8=1_000_000,
        min_size_lots=1,
        price_limit_ticks=20_000,
        position_limit_lots=100_000,
        maker_fee_ppm=300,
        taker_fee_ppm=300,
        fee_cap_permille=125,
        delivery_fee_ppm=150,
        band_ppm=100_000,
    )


def perpetual_terms(underlying: int) -> InstrumentTerms:
    """A perpetual: tick 0.5 USDC, lot 0.001."""
    return InstrumentTerms(
        kind=r.KIND_PERPETUAL,
        option_type=0,
        underlying=underlying,
        expiry_ms=0,
        strike_micro=0,
        tick_micro=500_000,
        lot_e8=100_000,
        min_size_lots=1,
        price_limit_ticks=1_000_000,
        position_limit_lots=200_000,
        maker_fee_ppm=0,
        taker_fee_ppm=500,
        fee_cap_permille=0,
        delivery_fee_ppm=0,
        band_ppm=50_000,
    )


def listings() -> list[bytes]:
    """Two underlyings, a call, a put and two perpetuals, with marks."""
    return [
        commands.time(NOW_MS),
        commands.list_underlying(0, "BTC"),
        commands.list_underlying(1, "ETH"),
        commands.list_instrument(0, option_terms(r.OPTION_CALL)),
        commands.list_instrument(1, option_terms(r.OPTION_PUT)),
        commands.list_instrument(2, perpetual_terms(0)),
        commands.list_instrument(3, perpetual_terms(1)),
        btc_marks(1),
        commands.marks(1, 4_000_000_000, 1, [Mark(3, 1_000_000_000, 4_000_000_000, 0, 4_000_000_000)]),
    ]


def btc_marks(feed_seq: int, index_micro: int = 100_000_000_000) -> bytes:
    """Marks of the BTC instruments: options at 5,000 USDC, the perpetual at the index."""
    options = [Mark(n, 500_000_000, 5_000_000_000, 100_000_000, index_micro) for n in (0, 1)]
    return commands.marks(
        0, index_micro, feed_seq, [*options, Mark(2, 1_000_000_000, index_micro, 0, index_micro)]
    )


AT_ONCE = BlockLimits(grace_ms=0)


class BlockNonces:
    """Bytes that differ from call to call."""

    def __init__(self) -> None:
        self.count = 0

    def token_bytes(self, count: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(count, "big")


def block_setup(
    loop: ManualLoop, limits: BlockLimits = AT_ONCE, path: Path | None = None
) -> BlockSetup:
    """Blocks in memory (or in a file), quotes seen at once, under a key that is always the same."""
    return BlockSetup(
        BlockStore(path, InlineCommitter(loop)), BlockSealer(b"b" * 32, BlockNonces()), limits
    )


class CallFailed(Exception):
    """The venue answered with an error."""

    def __init__(self, code: int, message: str, data: Any) -> None:
        super().__init__(code, message, data)
        self.code = code
        self.message = message
        self.data = data


class Client:
    """A session that keeps what it is sent."""

    def __init__(self, rig: Rig, number: int, account: int | None = None) -> None:
        self.rig = rig
        self.session = Session(
            number, is_websocket=True, now_us=rig.clock.now_us, wake=lambda: None, testnet=True
        )
        if account is not None:
            self.session.authenticate(account, f"key{number}", DEFAULT_SCOPES)
        self.account = account
        self.pushes: list[tuple[str, Any]] = []
        self.replies: dict[int, dict[str, Any]] = {}
        self._next_id = 0

    def send(self, method: str, **params: Any) -> int:
        """Dispatch a request as the server would; the id of its reply."""
        self._next_id += 1
        text = msgspec.json.encode(
            {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        )
        request = decode_request(text, self.rig.clock.now_us())
        try:
            self.rig.dispatcher(self.session, request)
        except RpcError as refused:
            self.session.fail(request, refused)
        return self._next_id

    def drain(self) -> None:
        """Sort what was sent into replies and pushes."""
        for frame in self.session.take():
            message = msgspec.json.decode(frame)
            if message.get("method") == "subscription":
                self.pushes.append((message["params"]["channel"], message["params"]["data"]))
            else:
                self.replies[message["id"]] = message

    def reply(self, request_id: int) -> Any:
        """The result of a request that has been answered."""
        self.drain()
        message = self.replies.pop(request_id)
        if "error" in message:
            wrong = message["error"]
            raise CallFailed(wrong["code"], wrong["message"], wrong.get("data"))
        return message["result"]

    def call(self, method: str, **params: Any) -> Any:
        """Send, turn the loop until it rests, and give the result."""
        request_id = self.send(method, **params)
        self.rig.loop.run()
        return self.reply(request_id)

    def taken(self, channel: str) -> list[Any]:
        """What a channel has pushed since the last look."""
        self.drain()
        found = [data for name, data in self.pushes if name == channel]
        self.pushes = [push for push in self.pushes if push[0] != channel]
        return found

    def buy(
        self, instrument: str = OPTION, amount: float = 1.0, price: float | None = 5000.0, **more: Any
    ) -> Any:
        if price is not None:
            more["price"] = price
        return self.call("private/buy", instrument_name=instrument, amount=amount, **more)

    def sell(
        self, instrument: str = OPTION, amount: float = 1.0, price: float | None = 5000.0, **more: Any
    ) -> Any:
        if price is not None:
            more["price"] = price
        return self.call("private/sell", instrument_name=instrument, amount=amount, **more)


class Rig:
    """The venue with listings and marks, open."""

    def __init__(self, engine: Engine | None = None, **ports: Any) -> None:
        self.loop = ManualLoop()
        self.clock = ManualClock(NOW_MS)
        self.journal: Any = ports.pop("journal", None) or ListJournal()
        self.engine = engine or Engine()
        self.listed = b"" if engine is not None else self.engine.apply(b"".join(listings()))
        """Events of the listings, which no journal has."""
        archive = ports.pop("archive", None)
        if archive is not None:
            ports["archive"] = archive(self.loop)
        committer = ports.pop("committer", None) or InlineCommitter(self.loop)
        ports["blocks"] = ports.pop("blocks", block_setup)(self.loop)
        self.venue = Venue(self.engine, self.journal, committer, self.loop, self.clock, **ports)
        self.dispatcher = Dispatcher(self.venue, METHODS)
        self._sessions = 0
        self._deposits = self.engine.last_deposit_id

    def open(self) -> Self:
        self.venue.start()
        self.loop.advance(0.25)
        assert self.venue.phase == "open"
        return self

    def account(self, usdc: int = 10_000_000) -> int:
        """A new account with money."""
        made: list[int] = []
        self.venue.create_account(bytes(20), made.append)
        self.loop.run()
        account = made[0]
        assert account
        if usdc:
            self._deposits += 1
            self.venue.submit(commands.deposit(account, usdc * 1_000_000, self._deposits))
            self.loop.run()
        return account

    def client(self, usdc: int = 10_000_000) -> Client:
        """A session of a new account."""
        return self.connect(self.account(usdc))

    def connect(self, account: int | None = None) -> Client:
        self._sessions += 1
        return Client(self, self._sessions, account)

    def tick(self, seconds: float = 0.1) -> None:
        self.clock.ms += int(seconds * 1000)
        self.loop.advance(seconds)

    def all_events(self) -> list[events.Event]:
        return [e for frame in self.journal.event_frames for e in events.read_events(frame[3])]
