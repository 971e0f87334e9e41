"""The venue's machine: a disk that outlives its processes, the process that runs now, and the L1."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from random import Random

from exchange.app.lifecycle import Calendar
from exchange.app.oracle import Oracle
from exchange.app.parameters import VenueParameters
from exchange.app.risk_driver import RiskDriver
from exchange.app.snapshots import machine
from exchange.app.tiers import MemoryVolumes
from exchange.attest import chain
from exchange.core.engine import Engine
from exchange.domain import commands
from exchange.gateway.chain_keeper import ChainKeeper
from exchange.gateway.dispatch import Dispatcher
from exchange.gateway.labels import Labels, label_section
from exchange.gateway.methods.table import METHODS
from exchange.gateway.recovery import recent_events
from exchange.gateway.sockets.server import Server
from exchange.gateway.venue import Venue
from exchange.journal import MemoryStorage, Replica, recover
from exchange.keys.authentication import CredentialAuthenticator
from exchange.keys.credentials import Credentials
from exchange.keys.sealing import fixed_key
from exchange.oracle.chain_spec import ChainPlan
from exchange.oracle.fitter import InlineFitter
from exchange.oracle.refit_worker import SurfaceWorker
from exchange.wire.jsonrpc import BadRequest, decode_request
from exchange.wire.session import RpcError, Session
from tests.simulation.loop import ProcessLoop, SeededEntropy, SimClock, SimCommitter, World
from tests.simulation.network import Link

PLAN = ChainPlan(dailies=1, weeklies=0, monthlies=0, quarterlies=1, strikes_per_expiry=3)
PARAMETERS = VenueParameters()
SEGMENT_BYTES = 48 * 1024
RESERVE_ORDERS = 1 << 10
FAUCET_MICRO = 50_000_000_000_000
L1_DELAY_US = 400_000


class SimL1:
    """Deposits by the faucet; the chain is not the venue's and does not crash with it."""

    def __init__(self, world: World, credit: Callable[[bytes], None]) -> None:
        self._world = world
        self._credit = credit
        self.deposits: list[bytes] = []

    def faucet(self, owner: bytes, account: int, amount_micro: int) -> None:
        """`gateway.ports.DepositPort`."""

        def mined() -> None:
            deposit_id = len(self.deposits) + 1
            self.deposits.append(commands.deposit(account, amount_micro, deposit_id))
            self._credit(self.deposits[-1])

        self._world.after(self._world.random.randrange(L1_DELAY_US), mined)


class Process:
    """One life of the venue, wired as `exchange.app.serve` wires it, on ports of the simulation."""

    def __init__(self, node: Node) -> None:
        world, clock = node.world, node.clock
        self.loop = ProcessLoop(world)
        self.recovered = recover(
            node.storage, machine(RESERVE_ORDERS), chain=chain, segment_bytes=SEGMENT_BYTES
        )
        engine: Engine = self.recovered.engine
        node.on_recovered(engine)
        chain_log = self.recovered.chain_log
        assert chain_log is not None
        self.committer = SimCommitter(self.loop, world.random)
        self.oracle = Oracle(engine, node.seed, clock, 100, InlineFitter(SurfaceWorker().handle))
        self.venue = Venue(
            engine,
            self.recovered.writer,
            self.committer,
            self.loop,
            clock,
            chain=ChainKeeper(chain_log, self.recovered.writer),
            oracle=self.oracle,
            deposits=node.l1,
            labels=Labels.from_journal(self.recovered.labels.section, self.recovered.labels.records),
            authenticator=CredentialAuthenticator(node.credentials, clock),
            sign_up_enabled=True,
            faucet_micro=FAUCET_MICRO,
        )
        self.venue.remember(recent_events(node.storage, engine.next_seq))
        node.credentials.reconcile(engine.account_count, self.venue.owner_of)
        # Not started: it listens on nothing, its request handling is what is wanted.
        self.server = Server(
            Dispatcher(self.venue, METHODS),
            clock,
            authenticator=self.venue.authenticator,
            on_close=self.venue.on_close,
        )
        self.connections: dict[ServerEnd, None] = {}
        self.sessions_made = 0
        self._start(node, engine)

    def _start(self, node: Node, engine: Engine) -> None:
        self.calendar = Calendar(
            self.venue, self.oracle, node.clock, PLAN, PARAMETERS, volumes=node.volumes, deposits=node.l1
        )
        self.risk = RiskDriver(self.venue, node.clock)
        self.venue.sequencer.add_listener(self.risk.on_batch)
        self.oracle.relist(self.venue.registry)
        self.venue.start()
        self.calendar.start(self.loop)
        self.oracle.start(self.venue)
        self.risk.start()
        for deposit in node.l1.deposits[engine.last_deposit_id :]:
            self.venue.submit(deposit)

    def accept(self, link: Link) -> None:
        """A client has connected."""
        self.sessions_made += 1
        end = ServerEnd(self, link, self.sessions_made)
        link.server = end
        self.connections[end] = None


class ServerEnd:
    """The venue's end of a link: what the shell does with a WebSocket, without the socket."""

    def __init__(self, process: Process, link: Link, number: int) -> None:
        self._process = process
        self.link = link
        self._dirty = False
        clock = process.venue.clock
        self._now_us = clock.now_us
        self.session = Session(
            number, is_websocket=True, now_us=clock.now_us, wake=self._mark_dirty, remote=str(number)
        )

    def on_frame(self, frame: bytes) -> None:
        if not self._process.loop.alive or self.session.close_code:
            return
        now_us = self._now_us()
        try:
            request = decode_request(frame, now_us)
        except BadRequest as bad:
            self.session.fail_id(bad.request_id, bad, now_us)
            return
        self._process.server.handle(self.session, request)

    def on_lost(self) -> None:
        if self._process.loop.alive:
            self._process.connections.pop(self, None)
            self._process.server.end_session(self.session)

    def _mark_dirty(self) -> None:
        if not self._dirty:
            self._dirty = True
            self._process.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._dirty = False
        for frame in self.session.take():
            self.link.to_client(frame)


class Node:
    """The machine. `on_recovered(engine)` is told of every recovery before anything new is done."""

    def __init__(
        self,
        world: World,
        seed: int,
        on_recovered: Callable[[Engine], None],
        trace: Callable[[str, bytes], None],
    ) -> None:
        self.world = world
        self.seed = seed
        self.on_recovered = on_recovered
        self.clock = SimClock(world)
        self.storage = MemoryStorage()
        self.l1 = SimL1(world, self._credit)
        # Each of its transactions is durable, so a crash takes nothing of it back.
        entropy = SeededEntropy(Random(seed))
        self.credentials = Credentials(":memory:", entropy, self.clock, fixed_key(bytes(32)))
        self.volumes = MemoryVolumes()
        self.process: Process | None = None
        self.snapshots = 0
        self._trace = trace

    def _credit(self, deposit: bytes) -> None:
        if self.process is not None:
            with contextlib.suppress(RpcError):  # halted: the next process asks the L1 again
                self.process.venue.submit(deposit)

    def is_halted(self) -> bool:
        """Whether a process runs that has given up."""
        return self.process is not None and self.process.venue.halted

    def boot(self) -> None:
        """Start a process on what the disk holds."""
        self.process = Process(self)

    def die(self, *, power: bool) -> None:
        """The process is killed, or the power goes and the disk keeps what it keeps."""
        process, self.process = self.process, None
        if process is not None:
            process.loop.alive = False
            for end in process.connections:
                # A killed process's sockets are closed for it; a machine without power says nothing.
                learns_us = self.world.random.randrange(2_000_000 if power else 20_000)
                end.link.break_off(server_learns_us=0, client_learns_us=learns_us)
        if power:
            self.storage.crash(self.world.random)
        else:
            self.storage.kill()

    def connect(self) -> Link | None:
        """A client connects; None if nobody listens."""
        if self.process is None:
            return None
        link = Link(self.world, self._trace)
        self.process.accept(link)
        return link

    def snapshot(self) -> None:
        """What the snapshot process does: replay what is durable, write the state."""

        def labels(found: object) -> bytes:
            return label_section(replica.labels.section, replica.labels.records, replica.engine)

        replica = Replica(self.storage, machine(RESERVE_ORDERS), chain)
        replica.catch_up()
        if replica.make_snapshot(lambda engine: engine.state_bytes(), labels):
            self.snapshots += 1
