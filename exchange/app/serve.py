"""One venue process: recover, wire everything, listen, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import ssl
from collections.abc import Callable
from typing import Final

from exchange.app.announcements import FileAnnouncements
from exchange.app.bridge import L1Bridge
from exchange.app.chain import VenueChain
from exchange.app.child_link import ChildLink
from exchange.app.children import Children
from exchange.app.config import Config
from exchange.app.fitter import ChildFitter
from exchange.app.lifecycle import Calendar
from exchange.app.oracle import Oracle
from exchange.app.page_files import static_files
from exchange.app.ports import SystemClock
from exchange.app.proving.link import ProverLink
from exchange.app.repricer import Repricer
from exchange.app.risk_driver import RiskDriver
from exchange.app.rollup.formats import format_of
from exchange.app.rollup.standing import stand
from exchange.app.settled import SettlementStatus
from exchange.app.snapshots import VouchingCommitter, machine
from exchange.app.stores import StartError, open_stores
from exchange.app.telemetry import StatusMethod, Telemetry
from exchange.app.tiers import FileVolumes
from exchange.app.tls import TlsError, tls_context
from exchange.app.verifying import ChildVerifier
from exchange.attest import chain
from exchange.core.account_queries import held_withdrawals
from exchange.core.engine import Engine
from exchange.gateway.api_documents import api_documents
from exchange.gateway.bus import Bus, NoBus, redis_bus
from exchange.gateway.dispatch import Dispatcher, Handler
from exchange.gateway.express import Express
from exchange.gateway.labels import Labels
from exchange.gateway.methods.table import METHODS
from exchange.gateway.packed_lane import FastLane
from exchange.gateway.ports import ThreadCommitter
from exchange.gateway.recovery import recent_events
from exchange.gateway.replay_guard import ReplayGuard
from exchange.gateway.sockets.server import Server
from exchange.gateway.streams.log import JournalEventLog
from exchange.gateway.streams.store import StreamStore
from exchange.gateway.venue import Venue
from exchange.journal import DiskStorage, JournalError, Recovered, recover
from exchange.keys.authentication import CredentialAuthenticator
from exchange.keys.grants import GrantSetup
from exchange.keys.verifier import InlineVerifier
from pricing import engines
from settlement.node.places import Places

FORCED_RULES: Final = 6
RETAIN_S: Final = 600.0
SYNC_LAG_S: Final = 5.0
STREAMS_S: Final = 30.0
REVIVE_S: Final = 2.0
_log = logging.getLogger(__name__)


class VenueProcess:
    """Everything that lives in the engine's process, and the children beside it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = SystemClock()
        self.settlement = SettlementStatus(config.settlement_status, Places(config.data).database)
        self.telemetry = Telemetry(self.clock)
        self._timers: list[asyncio.TimerHandle] = []

    # --- start ---------------------------------------------------------------------------------------

    async def start(self, on_recovered: Callable[[], None] = lambda: None) -> int:
        """Recover, call `on_recovered`, wire and listen; returns the port.

        Raises:
            StartError: the journal is damaged, the directory is in use, or the port is taken.
        """
        config, loop = self.config, asyncio.get_running_loop()
        tls = self._checked()
        recovered = self._recover(loop)
        self._stores = open_stores(config, self.clock, loop)
        self._standing = stand(config, self._format, self.clock.now_ms)
        self._children = Children(config, self._standing.settles)
        on_recovered()
        engine = recovered.engine
        self._writer = recovered.writer
        self._writer.set_rules_version(engine.rules_version)
        self.credentials = self._stores.credentials
        fitter = ChildFitter() if config.children else None
        self.oracle = Oracle(engine, config.seed, self.clock, config.mark_interval_ms, fitter)
        self._stream_store = StreamStore(self._storage, kept_bytes=config.resume_bytes)
        self._stream_reader = ThreadCommitter(loop)
        self._verifier = ChildVerifier(loop) if config.children else InlineVerifier()
        self._prover = ProverLink(Places(config.data), loop) if config.children else None
        self._bus: Bus = redis_bus(config.redis_url) if config.redis_url else NoBus()
        self.bridge = L1Bridge(
            self._standing.open_l1,
            loop,
            lambda command: self.venue.submit(command),
            engine.last_deposit_id,
            lambda: held_withdrawals(engine),
            lambda: engine.forced_through if engine.rules_version >= FORCED_RULES else None,
        )
        self.venue = self._new_venue(recovered, loop)
        self._remember(engine)
        self.server = self._new_server()
        self._begin(loop)
        self.venue.disconnects.recover(recent_events(self._storage, engine.next_seq))
        try:
            return await self.server.start(config.host, config.port, tls)
        except OSError as error:
            await self.stop()
            raise StartError(
                f"cannot listen on {config.host}:{config.port}: {error.strerror}; "
                "choose another --port or --host"
            ) from None

    def _checked(self) -> ssl.SSLContext | None:
        """What can be refused before anything is opened; the context of TLS, if that is asked for."""
        config = self.config
        try:
            tls = tls_context(config.tls_cert, config.tls_key)
        except TlsError as error:
            raise StartError(str(error)) from None
        try:
            engines.select(config.pricing_engine)
        except engines.EngineError as error:
            raise StartError(f"{error.code}: {error}") from None
        try:
            config.journal.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(
                f"{config.data} cannot be a data directory: {error.strerror}; name another with --data"
            ) from None
        self._format = format_of(config)
        return tls

    def _new_venue(self, recovered: Recovered[Engine], loop: asyncio.AbstractEventLoop) -> Venue:
        config, engine, stores = self.config, recovered.engine, self._stores
        self._committer = VouchingCommitter(
            ReplayGuard(ThreadCommitter(loop), stores.replays),
            engine,
            config.journal,
            config.snapshot_commands,
        )
        journal, chain_port = self._chain.ports(recovered)
        return Venue(
            engine,
            journal,
            self._committer,
            loop,
            self.clock,
            chain=chain_port,
            oracle=self.oracle,
            settlement=self.settlement,
            deposits=self.bridge,
            withdrawals=self.bridge,
            history=stores.history,
            archive=stores.archive,
            unfilled_kept_ms=config.unfilled_minutes * 60_000,
            bus=self._bus,
            labels=Labels.from_journal(recovered.labels.section, recovered.labels.records),
            settings=stores.settings,
            index_sources=self.oracle.index_sources,
            announcements=FileAnnouncements(config.announcements),
            authenticator=CredentialAuthenticator(self.credentials, self.clock, stores.replays),
            sign_up_enabled=config.sign_up,
            faucet_micro=config.faucet_micro,
            disconnect_log=stores.disconnect_log,
            event_log=JournalEventLog(self._storage, self._stream_reader),
            stream_counts=self._stream_store.load(engine.next_seq),
            quotes_need_cancel_on_disconnect=config.quotes_need_cancel_on_disconnect,
            sign_ups=stores.sign_ups,
            trigger_limits=config.triggers,
            blocks=stores.blocks,
            receipts=self._chain.receipts,
            prover=self._prover,
            grants=GrantSetup(stores.grants, self._verifier, self._standing.domain, stores.replays),
        )

    def _remember(self, engine: Engine) -> None:
        """What happened before this start, as far as the venue still has to know it."""
        stored_to = self.venue.views.stored_to
        self.venue.remember(recent_events(self._storage, engine.next_seq, from_seq=stored_to))
        self.venue.blocks.recover(
            lambda from_seq: recent_events(self._storage, engine.next_seq, from_seq=from_seq)
        )
        self.venue.sequencer.add_listener(self.telemetry.on_batch)
        self.venue.sequencer.add_on_halt(lambda error: _log.critical("HALTED: %s", error))
        self.credentials.reconcile(engine.account_count, self.venue.owner_of)

    def _new_server(self) -> Server:
        methods: dict[str, Handler] = {
            **METHODS,
            "public/strikebook_status": StatusMethod(
                self.telemetry,
                self.settlement,
                self.oracle.report,
                lambda: {**self.calendar.report(), **self.risk.report(), **self.repricer.report()},
            ),
        }
        return Server(
            Dispatcher(self.venue, methods),
            self.clock,
            self.config.server,
            authenticator=self.venue.authenticator,
            on_close=self.venue.on_close,
            static={**static_files(), **api_documents(methods)},
            health=lambda: {"ok": not self.venue.halted, "mode": self.venue.phase},
            on_reply=self.telemetry.on_reply,
            tier_of=self.venue.tier_of,
            express=Express(self.venue),
            lane=FastLane(self.venue),
        )

    def _recover(self, loop: asyncio.AbstractEventLoop) -> Recovered[Engine]:
        try:
            self._storage = DiskStorage(self.config.journal, writer=True)
            recovered = self._replayed(VenueChain(self.config, loop))
        except JournalError as error:
            if isinstance(error.__cause__, BlockingIOError):  # the lock
                raise StartError(
                    f"another venue runs on {self.config.data}; stop it, or name another with --data"
                ) from None
            raise StartError(f"{error.code}: {error}") from error
        for cut in recovered.cuts:
            _log.warning("a torn tail was cut: %s", cut)
        for damaged in recovered.damaged:
            _log.warning("a snapshot could not be used: %s", damaged)
        if recovered.replayed:
            _log.info("replayed %d commands", recovered.replayed)
        return recovered

    def _replayed(self, owner: VenueChain) -> Recovered[Engine]:
        self._chain = owner
        try:
            return recover(
                self._storage,
                machine(self.config.reserve_orders),
                chain=chain,
                segment_bytes=self.config.segment_bytes,
            )
        except JournalError:
            owner.abandon()
            raise

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start what runs by itself: marks, calendar, bridge, settlement's status, children."""
        config = self.config
        self._chain.attach(self.venue.sequencer)  # behind everybody who answers
        self.calendar = Calendar(
            self.venue,
            self.oracle,
            self.clock,
            config.plan,
            config.parameters,
            volumes=FileVolumes(config.volumes),
            deposits=self.bridge,
        )
        self.risk = RiskDriver(self.venue, self.clock)
        self.venue.sequencer.add_listener(self.risk.on_batch)
        self.repricer = Repricer(self.venue, self.oracle, self.venue.views.extras)
        self.oracle.relist(self.venue.registry)
        self.venue.start()
        self.calendar.start(loop)
        self.oracle.start(self.venue)
        self.risk.start()
        self.repricer.start()
        self.bridge.start()
        self.settlement.start(loop, self._bus.on_batch_state)
        self._every(loop, SYNC_LAG_S, self._sync_lag)
        self._every(loop, RETAIN_S, self._retain)
        self._every(loop, STREAMS_S, self._save_streams)
        if self.config.children:
            self._chain.start()
            self._children.start()
            self._every(loop, REVIVE_S, self._children.revive)
            self._every(loop, REVIVE_S, self._chain.revive)
            self._every(loop, REVIVE_S, self._standing.revive)

    def _every(self, loop: asyncio.AbstractEventLoop, seconds: float, work: Callable[[], None]) -> None:
        def turn() -> None:
            self._timers.append(loop.call_later(seconds, turn))
            del self._timers[:-8]
            if not self.venue.halted:
                work()

        self._timers.append(loop.call_later(seconds, turn))

    def _sync_lag(self) -> None:
        self._writer.sync_events()

    def _save_streams(self) -> None:
        """Keep the streams' counts, away from the loop."""
        counts, next_seq = list(self.venue.streams.counts), self.venue.views.seq + 1

        def report(error: BaseException | None) -> None:
            if error is not None:
                _log.warning("the counts of the streams could not be kept: %s", error)

        self._stream_reader.commit(lambda: self._stream_store.save(counts, next_seq), report)

    def _retain(self) -> None:
        """Delete what every consumer and the snapshots have left behind."""
        try:
            gone = self._chain.retain(self._storage)
        except JournalError as error:
            _log.warning("retention: %s", error)
            return
        if gone.commands or gone.events:
            _log.info("deleted %d command and %d event segments", len(gone.commands), len(gone.events))

    # --- stop ----------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """Stop in order: no new work, results out, files closed, children ended."""
        if hasattr(self, "server"):
            with contextlib.suppress(RuntimeError):
                await self.server.stop()
        self.venue.blocks.close()
        self.calendar.stop()
        self.risk.stop()
        self.repricer.stop()
        self.oracle.stop()
        self.settlement.stop()
        for timer in self._timers:
            timer.cancel()
        await asyncio.get_running_loop().run_in_executor(None, self.bridge.stop)
        while not self.venue.halted and not self.venue.sequencer.idle:
            await asyncio.sleep(0.005)
        self.venue.stop()
        self._committer.close()
        if not self.venue.halted:
            self._save_streams()
        self._stream_reader.close()
        self._stores.replays.close()
        self.venue.disconnects.close()
        if not self.venue.halted:
            self._writer.sync_events()
        self._chain.stop(halted=self.venue.halted)
        self._children.stop()
        self._standing.stop()
        for child in (self._verifier, self._prover):
            if isinstance(child, ChildLink):
                child.stop()
        self._stores.close_readers()
        self._storage.close()


async def serve(config: Config) -> int:
    """Run a venue until SIGINT or SIGTERM; the exit status. Raises StartError."""
    process = VenueProcess(config)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop_in_order() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)

    # A replay holds the loop; until it is done nothing is worth an orderly stop, and signals just end us.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    port = await process.start(stop_in_order)
    # What the start made lives as long as the process: full collections need not look at it again.
    gc.collect()
    gc.freeze()
    scheme = "http" if config.tls_cert is None else "https"
    print(f"listening on {scheme}://{config.host}:{port}", flush=True)
    parent = os.getppid()
    while not stopped.is_set() and os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), timeout=1.0)
    halted = process.venue.halted
    await process.stop()
    return 1 if halted else 0
