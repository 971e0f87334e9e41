"""A venue whose market and time the test writes, and real traders on real sockets.

The journal is on disk, commits call fdatasync, traders speak the public API over WebSocket with the project's
own session, and over HTTP. What the oracle, the calendar and the risk driver would do the test does itself,
one sequenced command at a time, so that every figure can be worked out by hand. A stage on a folder that has
been played on goes on from its journal, as a restart does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from clients.session import Session
from exchange.app.calls import call
from exchange.app.key_file import KeyFile
from exchange.app.ports import SystemEntropy
from exchange.app.snapshots import machine
from exchange.attest import chain
from exchange.core import invariants
from exchange.core.engine import Engine
from exchange.domain import commands, events
from exchange.gateway.chain_keeper import ChainKeeper
from exchange.gateway.deals.block_limits import BlockLimits
from exchange.gateway.deals.block_signatures import BlockSealer
from exchange.gateway.deals.block_store import BlockStore
from exchange.gateway.deals.blocks import BlockSetup
from exchange.gateway.dispatch import Dispatcher
from exchange.gateway.methods.table import METHODS
from exchange.gateway.opening import OPEN
from exchange.gateway.ports import ThreadCommitter
from exchange.gateway.recovery import recent_events
from exchange.gateway.sockets.server import Server
from exchange.gateway.streams.log import JournalEventLog
from exchange.gateway.streams.store import StreamStore
from exchange.gateway.venue import Venue
from exchange.journal import DiskStorage, recover
from exchange.keys.authentication import CredentialAuthenticator
from exchange.keys.credentials import Credentials

AT_ONCE = BlockLimits(grace_ms=0)
"""Quotes are seen at once."""


class StageClock:
    """Time as the test sets it."""

    def __init__(self, now_ms: int) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def now_us(self) -> int:
        return self.ms * 1_000


class StageL1:
    """`gateway.ports.DepositPort`: coins arrive when they are asked for."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.deposits = stage.engine.last_deposit_id

    def faucet(self, owner: bytes, account: int, amount_micro: int) -> None:
        self.deposits += 1
        self._stage.venue.submit(commands.deposit(account, amount_micro, self.deposits))


class Stage:
    """The venue. ``async with Stage(folder, now_ms, faucet_micro) as stage``."""

    def __init__(
        self, folder: Path, now_ms: int, faucet_micro: int, block_limits: BlockLimits = AT_ONCE
    ) -> None:
        self._folder = folder
        self._block_limits = block_limits
        self.clock = StageClock(now_ms)
        self._faucet_micro = faucet_micro
        self._sessions: list[Session] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        journal = self._folder / "journal"
        journal.mkdir(parents=True, exist_ok=True)
        self._storage = DiskStorage(journal, writer=True)
        recovered = recover(self._storage, machine(), chain=chain)
        assert recovered.chain_log is not None
        self.engine: Engine = recovered.engine
        self._writer = recovered.writer
        self._credentials = Credentials(
            self._folder / "credentials.sqlite",
            SystemEntropy(),
            self.clock,
            KeyFile(self._folder / "credentials.key"),
        )
        self._committer = ThreadCommitter(loop)
        self._reader = ThreadCommitter(loop)
        self.stream_store = StreamStore(self._storage)
        self.l1 = StageL1(self)
        self.venue = Venue(
            self.engine,
            recovered.writer,
            self._committer,
            loop,
            self.clock,
            chain=ChainKeeper(recovered.chain_log, recovered.writer),
            deposits=self.l1,
            authenticator=CredentialAuthenticator(self._credentials, self.clock),
            sign_up_enabled=True,
            faucet_micro=self._faucet_micro,
            event_log=JournalEventLog(self._storage, self._reader),
            stream_counts=self.stream_store.load(self.engine.next_seq),
            blocks=BlockSetup(
                BlockStore(self._folder / "blocks.sqlite", ThreadCommitter(loop)),
                BlockSealer(KeyFile(self._folder / "credentials.key")(True), SystemEntropy()),
                self._block_limits,
            ),
        )
        self.venue.remember(recent_events(self._storage, self.engine.next_seq))
        self.venue.blocks.recover(
            lambda from_seq: recent_events(self._storage, self.engine.next_seq, from_seq=from_seq)
        )
        self._credentials.reconcile(self.engine.account_count, self.venue.owner_of)
        self._server = Server(
            Dispatcher(self.venue, METHODS),
            self.clock,
            authenticator=self.venue.authenticator,
            on_close=self.venue.on_close,
        )
        self._port = await self._server.start("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._port}"
        self.venue.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions:
            await session.close()
        await self._server.stop()
        self.venue.blocks.close()
        self.venue.stop()
        self._committer.close()
        self._reader.close()
        self._writer.sync_events()
        self._credentials.close()
        self._storage.close()

    async def operate(self, *packed: bytes) -> list[events.Event]:
        """Sequence the venue's own commands; their events, once durable. Nothing may be refused."""
        found: list[events.Event] = []
        for command in packed:
            done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            self.venue.submit(command, done.set_result)
            async with asyncio.timeout(5):
                read = list(events.read_events(await done))
            refused = [event for event in read if isinstance(event, events.Rejected)]
            assert not refused, refused
            found += read
        invariants.check(self.engine)
        return found

    async def at(self, now_ms: int) -> None:
        """Let it be that time, sequenced."""
        self.clock.ms = now_ms
        await self.operate(commands.time(now_ms))

    async def trader(self, name: str) -> Trader:
        """A new trader with the faucet's coins, connected and authenticated."""
        async with Session(self.socket) as public:
            await public.wait_ready()
            made = await public.call("public/strikebook_sign_up", {"name": name})
        return await self._connected(made)

    async def subaccount(self, main: Trader) -> Trader:
        """A new subaccount of a trader's, with the first key it is given."""
        made = await main.call("private/create_subaccount")
        return await self._connected({**made, "account": made["id"], "owner": main.owner})

    async def back(self, trader: Trader) -> Trader:
        """A trader of the stage before, connected again."""
        return await self._connected(trader.key)

    async def http(self, method: str, **params: Any) -> Any:
        """One request over HTTP; its result. Raises `exchange.app.calls.CallError`."""
        return await asyncio.to_thread(call, self.url, method, params)

    async def wait_open(self) -> None:
        """Wait until orders are taken: a start is cancel-only."""

        async def is_open() -> bool:
            return self.venue.phase == OPEN

        await self.wait_until(is_open, "the venue to open")

    async def wait_until(self, reached: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for what the venue does by itself. Raises TimeoutError with `what`."""
        try:
            async with asyncio.timeout(5):
                while not await reached():
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise TimeoutError(f"waited for {what}") from None

    @property
    def socket(self) -> str:
        """Where WebSockets connect."""
        return f"ws://127.0.0.1:{self._port}/ws/api/v2"

    async def _connected(self, key: Any) -> Trader:
        session = await Session(self.socket, key["client_id"], key["client_secret"]).__aenter__()
        self._sessions.append(session)
        await session.wait_ready()
        return Trader(self, session, key)


class Trader:
    """A user of the public API."""

    def __init__(self, stage: Stage, session: Session, key: Any) -> None:
        self.session = session
        self.key = key  # what the sign-up replied
        self.account: int = key["account"]
        self.owner: str = key["owner"]  # 0x and the address's digits
        self._stage = stage

    async def call(self, method: str, **params: Any) -> Any:
        """One request; its result. Raises `clients.rpc.RpcError`."""
        return await self.session.call(method, params)

    async def http(self, method: str, **params: Any) -> Any:
        """One request over HTTP, under the trader's key. Raises `exchange.app.calls.CallError`."""
        key = {name: self.key[name] for name in ("client_id", "client_secret")}
        grant = await self._stage.http("public/auth", grant_type="client_credentials", **key)
        return await self._stage.http(method, access_token=grant["access_token"], **params)

    async def order(self, side: str, instrument: str, amount: float, price: float, **more: Any) -> Any:
        """A limit order; the reply's `order` and `trades`."""
        return await self.call(
            f"private/{side}", instrument_name=instrument, amount=amount, price=price, type="limit", **more
        )

    async def summary(self) -> Any:
        """`private/get_account_summary` in USDC."""
        return await self.call("private/get_account_summary", currency="USDC", extended=True)

    async def position(self, instrument: str) -> Any:
        """`private/get_position`."""
        return await self.call("private/get_position", instrument_name=instrument)
