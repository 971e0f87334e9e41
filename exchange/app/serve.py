"""One venue process: recover, wire everything, listen, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Final

from exchange.app.announcements import FileAnnouncements
from exchange.app.bridge import L1Bridge
from exchange.app.config import Config
from exchange.app.faucet import FileGiven, GivenFileError
from exchange.app.fitter import ChildFitter
from exchange.app.key_file import KeyFile
from exchange.app.lifecycle import Calendar
from exchange.app.oracle import Oracle
from exchange.app.page_files import static_files
from exchange.app.ports import SystemClock, SystemEntropy
from exchange.app.repricer import Repricer
from exchange.app.risk_driver import RiskDriver
from exchange.app.settled import SettlementStatus
from exchange.app.snapshots import VouchingCommitter, machine
from exchange.app.telemetry import StatusMethod, Telemetry
from exchange.app.tiers import FileVolumes
from exchange.app.tls import TlsError, tls_context
from exchange.attest import chain
from exchange.core.account_queries import held_withdrawals
from exchange.core.engine import Engine
from exchange.gateway.account_settings import FileSettings, SettingsError
from exchange.gateway.api_documents import api_documents
from exchange.gateway.archive import ThreadArchive
from exchange.gateway.authentication import CredentialAuthenticator
from exchange.gateway.block_signatures import BlockSealer
from exchange.gateway.block_store import BlockStore, BlockStoreError
from exchange.gateway.blocks import BlockSetup
from exchange.gateway.bus import Bus, NoBus, redis_bus
from exchange.gateway.chain_keeper import ChainKeeper
from exchange.gateway.credential_schema import CredentialsError
from exchange.gateway.credentials import Credentials
from exchange.gateway.disconnect_log import DisconnectLog
from exchange.gateway.dispatch import Dispatcher, Handler
from exchange.gateway.express import Express
from exchange.gateway.labels import Labels
from exchange.gateway.methods import METHODS
from exchange.gateway.packed_lane import FastLane
from exchange.gateway.ports import ThreadCommitter
from exchange.gateway.recovery import recent_events
from exchange.gateway.replays import ReplayGuard, ReplayLog
from exchange.gateway.server import Server
from exchange.gateway.sign_ups import SignUps
from exchange.gateway.stream_log import JournalEventLog
from exchange.gateway.stream_store import StreamStore
from exchange.gateway.venue import Venue
from exchange.history.past import Past
from exchange.history.reader import HistoryReader
from exchange.journal import DiskStorage, JournalError, Recovered, recover, retain
from pricing import engines
from settlement.l1.mock import MockL1

CONSUMERS: Final = ("settlement", "history", "streams")
RETAIN_S: Final = 600.0
SYNC_LAG_S: Final = 5.0
STREAMS_S: Final = 30.0
REVIVE_S: Final = 2.0
_HISTORY: Final = "exchange.history"
_log = logging.getLogger(__name__)


def _spawned(command: list[str]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C is for the venue, which stops its children in order.
    return subprocess.Popen([sys.executable, "-m", *command], start_new_session=True)


class StartError(Exception):
    """The venue may not start; the message says why and what to do."""


class VenueProcess:
    """Everything that lives in the engine's process, and the children beside it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = SystemClock()
        self.settlement = SettlementStatus(config.settlement_status)
        self.telemetry = Telemetry(self.clock)
        self._children: list[subprocess.Popen[bytes]] = []
        self._timers: list[asyncio.TimerHandle] = []

    # --- start ---------------------------------------------------------------------------------------

    async def start(self, on_recovered: Callable[[], None] = lambda: None) -> int:
        """Recover, call `on_recovered`, wire and listen; returns the port.

        Raises:
            StartError: the journal is damaged, the directory is in use, or the port is taken.
        """
        config, loop = self.config, asyncio.get_running_loop()
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
        recovered = self._recover()
        on_recovered()
        engine = recovered.engine
        assert recovered.chain_log is not None
        self._writer, self._chain_log = recovered.writer, recovered.chain_log
        self._writer.set_rules_version(engine.rules_version)
        try:
            self.credentials = Credentials(
                config.credentials, SystemEntropy(), self.clock, KeyFile(config.sealing_key)
            )
        except CredentialsError as error:
            raise StartError(f"{error}; restore it, or start on another --data") from None
        try:
            self.settings = FileSettings(config.settings)
            blocks = self._block_setup(loop)
        except (SettingsError, BlockStoreError) as error:
            raise StartError(f"{error}; restore it, or start on another --data") from None
        try:
            given = FileGiven(config.faucet_given)
            sign_ups = SignUps(config.sign_ups, config.faucet_micro, self.clock, given)
        except GivenFileError as error:
            raise StartError(f"{error}; write what sign-ups drew there, in micro-USDC") from None
        fitter = ChildFitter() if config.children else None
        self.oracle = Oracle(engine, config.seed, self.clock, config.mark_interval_ms, fitter)
        try:
            self._replays = ReplayLog(config.data, self.clock)
            disconnect_log = DisconnectLog(config.data)
        except OSError as error:
            raise StartError(f"{config.data} cannot be written: {error.strerror}") from None
        self._committer = VouchingCommitter(
            ReplayGuard(ThreadCommitter(loop), self._replays),
            engine,
            config.journal,
            config.snapshot_commands,
        )
        self.history = HistoryReader(config.history)
        self.archive = ThreadArchive(loop, Past(config.history, any_thread=True))
        self._stream_store = StreamStore(self._storage, kept_bytes=config.resume_bytes)
        self._stream_reader = ThreadCommitter(loop)
        self._bus: Bus = redis_bus(config.redis_url) if config.redis_url else NoBus()
        self.bridge = L1Bridge(
            self._open_l1,
            loop,
            lambda command: self.venue.submit(command),
            engine.last_deposit_id,
            lambda: held_withdrawals(engine),
        )
        self.venue = Venue(
            engine,
            self._writer,
            self._committer,
            loop,
            self.clock,
            chain=ChainKeeper(self._chain_log, self._writer),
            oracle=self.oracle,
            settlement=self.settlement,
            deposits=self.bridge,
            withdrawals=self.bridge,
            history=self.history,
            archive=self.archive,
            unfilled_kept_ms=config.unfilled_minutes * 60_000,
            bus=self._bus,
            labels=Labels.from_journal(recovered.labels.section, recovered.labels.records),
            settings=self.settings,
            index_sources=self.oracle.index_sources,
            announcements=FileAnnouncements(config.announcements),
            authenticator=CredentialAuthenticator(self.credentials, self.clock, self._replays),
            sign_up_enabled=config.sign_up,
            faucet_micro=config.faucet_micro,
            disconnect_log=disconnect_log,
            event_log=JournalEventLog(self._storage, self._stream_reader),
            stream_counts=self._stream_store.load(engine.next_seq),
            quotes_need_cancel_on_disconnect=config.quotes_need_cancel_on_disconnect,
            sign_ups=sign_ups,
            trigger_limits=config.triggers,
            blocks=blocks,
        )
        stored_to = self.venue.views.stored_to
        self.venue.remember(recent_events(self._storage, engine.next_seq, from_seq=stored_to))
        self.venue.blocks.recover(
            lambda from_seq: recent_events(self._storage, engine.next_seq, from_seq=from_seq)
        )
        self.venue.sequencer.add_listener(self.telemetry.on_batch)
        self.venue.sequencer.add_on_halt(lambda error: _log.critical("HALTED: %s", error))
        self.credentials.reconcile(engine.account_count, self.venue.owner_of)
        methods: dict[str, Handler] = {
            **METHODS,
            "public/strikebook_status": StatusMethod(
                self.telemetry,
                self.settlement,
                self.oracle.report,
                lambda: {**self.calendar.report(), **self.risk.report(), **self.repricer.report()},
            ),
        }
        self.server = Server(
            Dispatcher(self.venue, methods),
            self.clock,
            config.server,
            authenticator=self.venue.authenticator,
            on_close=self.venue.on_close,
            static={**static_files(), **api_documents(methods)},
            health=lambda: {"ok": not self.venue.halted, "mode": self.venue.phase},
            on_reply=self.telemetry.on_reply,
            tier_of=self.venue.tier_of,
            express=Express(self.venue).take,
            lane=FastLane(self.venue),
        )
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

    def _block_setup(self, loop: asyncio.AbstractEventLoop) -> BlockSetup:
        config = self.config
        sealer = BlockSealer(KeyFile(config.sealing_key)(True), SystemEntropy())
        return BlockSetup(BlockStore(config.block_store, ThreadCommitter(loop)), sealer, config.blocks)

    def _recover(self) -> Recovered[Engine]:
        try:
            self._storage = DiskStorage(self.config.journal, writer=True)
            recovered = recover(
                self._storage,
                machine(self.config.reserve_orders),
                chain=chain,
                segment_bytes=self.config.segment_bytes,
            )
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

    def _open_l1(self) -> MockL1:
        return MockL1(self.config.l1, self.clock.now_ms)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start what runs by itself: marks, calendar, bridge, settlement's status, children."""
        config = self.config
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
            self._start_children()
            self._every(loop, REVIVE_S, self._revive_history)

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
            gone = retain(self._storage, consumers=CONSUMERS, chain_log=self._chain_log)
        except JournalError as error:
            _log.warning("retention: %s", error)
            return
        if gone.commands or gone.events:
            _log.info("deleted %d command and %d event segments", len(gone.commands), len(gone.events))

    def _start_children(self) -> None:
        config = self.config
        journal, data = str(config.journal), str(config.data)
        commands = [
            [
                "settlement.process",
                "--data",
                data,
                "--parent",
                str(os.getpid()),
                "--batch-fills",
                str(config.batch_fills),
                "--batch-seconds",
                str(config.batch_seconds),
            ],
            [
                _HISTORY,
                "--data",
                journal,
                "--store",
                str(config.history),
                "--unfilled-minutes",
                str(config.unfilled_minutes),
                "--parent",
                str(os.getpid()),
            ],
            ["exchange.app.snapshotter", "--journal", journal, "--parent", str(os.getpid())],
        ]
        self._commands = commands
        self._children = [_spawned(command) for command in commands]

    def _revive_history(self) -> None:
        """Start the history process again if it has ended: memory covers what it missed, but not for long."""
        for at, command in enumerate(self._commands):
            if command[0] == _HISTORY and self._children[at].poll() is not None:
                _log.error("the history process has ended with status %s", self._children[at].returncode)
                self._children[at] = _spawned(command)

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
        self._replays.close()
        self.venue.disconnects.close()
        if not self.venue.halted:
            self._writer.sync_events()
            self._chain_log.sync()
        self._stop_children()
        self.archive.close()
        self.history.close()
        self.credentials.close()
        self.settings.close()
        self._storage.close()

    def _stop_children(self) -> None:
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


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
