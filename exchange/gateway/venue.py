"""The venue: engine, sequencer, views and feeds of one shard tied together, behind ports.

Methods of the API get this object. It runs on one thread, the loop's; production gives it an asyncio
loop and a committing thread, the simulation its seeded loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from exchange.core import account_queries, queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT
from exchange.gateway.account_maker import AccountMaker
from exchange.gateway.account_settings import MemorySettings
from exchange.gateway.announcements import Announcements, AnnouncementSource, NoAnnouncements
from exchange.gateway.archive import Archive, NoArchive
from exchange.gateway.bus import Bus, NoBus
from exchange.gateway.deals.block_index import BlockIndex
from exchange.gateway.deals.blocks import Blocks, BlockSetup
from exchange.gateway.disconnect_log import DisconnectLog
from exchange.gateway.disconnects import Disconnects
from exchange.gateway.fanout import Fanout
from exchange.gateway.feeds.chain import ChainFeeds
from exchange.gateway.feeds.charts import ChartFeeds
from exchange.gateway.feeds.index import IndexFeeds, IndexSources, no_sources
from exchange.gateway.feeds.mmp import MmpFeeds
from exchange.gateway.feeds.private import PrivateFeeds
from exchange.gateway.feeds.public import TICK_S, PublicFeeds
from exchange.gateway.feeds.settlement import SettlementFeeds
from exchange.gateway.feeds.venue import VenueFeeds
from exchange.gateway.figures import Figures
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.history_ring import HistoryRing
from exchange.gateway.key_host import KeyHost
from exchange.gateway.labelling import Labelling, halt_error, refusal
from exchange.gateway.labels import Labels
from exchange.gateway.loading import load
from exchange.gateway.money_ring import MoneyRing
from exchange.gateway.opening import Opening
from exchange.gateway.ports import (
    ChainPort,
    Clock,
    Committer,
    DepositPort,
    HistoryView,
    JournalPort,
    Loop,
    NoHistory,
    NoOracle,
    NoWithdrawals,
    OracleView,
    Timer,
    WithdrawalPort,
)
from exchange.gateway.prover import NoProver, Prover
from exchange.gateway.quotes_sent import QuotesSent
from exchange.gateway.receipts import NoReceipts, Receipts
from exchange.gateway.recent import Recent
from exchange.gateway.registry import Registry
from exchange.gateway.rendering import Rendering
from exchange.gateway.sequencer import HALTED, Halted, QueueFull, Sequencer
from exchange.gateway.settlement import NoSettlement, SettlementView
from exchange.gateway.slices import Slices
from exchange.gateway.streams.events import StreamWriter
from exchange.gateway.streams.log import EventLog, NoEventLog
from exchange.gateway.streams.snapshots import AccountSnapshots
from exchange.gateway.streams.streams import Streams
from exchange.gateway.trigger_caps import TRIGGER_LIMITS, TriggerCaps, TriggerLimits
from exchange.gateway.views import Views
from exchange.keys.authentication import CredentialAuthenticator
from exchange.keys.grant_sessions import GrantSessions
from exchange.keys.grants import Grants, GrantSetup
from exchange.keys.sign_ups import GivenInMemory, SignUpLimits, SignUps
from exchange.keys.signed_frames import SignedFrames
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.objects import JsonObject
from exchange.wire.session import RpcError, Session

FAUCET_MICRO: Final = 1_000_000_000_000  # a million USDC
UNFILLED_KEPT_MS: Final = 30 * 60_000
T = TypeVar("T")


class Venue:
    """One shard's venue. Construct it on a recovered engine, `start` it, `stop` it."""

    def __init__(
        self,
        engine: Engine,
        journal: JournalPort,
        committer: Committer,
        loop: Loop,
        clock: Clock,
        *,
        chain: ChainPort | None = None,
        oracle: OracleView | None = None,
        settlement: SettlementView | None = None,
        deposits: DepositPort | None = None,
        withdrawals: WithdrawalPort | None = None,
        history: HistoryView | None = None,
        archive: Archive | None = None,
        unfilled_kept_ms: int = UNFILLED_KEPT_MS,
        bus: Bus | None = None,
        labels: Labels | None = None,
        settings: MemorySettings | None = None,
        announcements: AnnouncementSource | None = None,
        index_sources: IndexSources = no_sources,
        authenticator: CredentialAuthenticator | None = None,
        sign_up_enabled: bool = False,
        faucet_micro: int = FAUCET_MICRO,
        sign_ups: SignUps | None = None,
        disconnect_log: DisconnectLog | None = None,
        event_log: EventLog | None = None,
        stream_counts: Sequence[int] = (),
        quotes_need_cancel_on_disconnect: bool = False,
        trigger_limits: TriggerLimits = TRIGGER_LIMITS,
        blocks: BlockSetup | None = None,
        receipts: Receipts | None = None,
        prover: Prover | None = None,
        grants: GrantSetup | None = None,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.loop = loop
        self.oracle: OracleView = oracle or NoOracle()
        self.settlement: SettlementView = settlement or NoSettlement()
        self.history: HistoryView = history or NoHistory()
        self.receipts: Receipts = receipts or NoReceipts()
        self.prover: Prover = prover or NoProver()
        self.archive: Archive = archive or NoArchive(loop)
        self.unfilled_kept_ms = unfilled_kept_ms
        """How long orders that closed without a fill are shown."""
        self.deposits = deposits
        self.withdrawals: WithdrawalPort = withdrawals or NoWithdrawals()
        self.retiring: set[int] = set()
        """Subaccounts whose removal is under way."""
        self.cancelling: set[int] = set()
        """Withdrawals whose cancelling is under way."""
        self._last_withdrawal = 0
        self._last_transfer = 0
        self.sign_up_enabled = sign_up_enabled
        self.faucet_micro = faucet_micro
        self.sign_ups = sign_ups or SignUps(SignUpLimits(), faucet_micro, clock, GivenInMemory())
        self._authenticator = authenticator
        self.bus: Bus = bus or NoBus()
        self.labels = labels or Labels()
        self.registry = Registry()
        self.ring = HistoryRing()
        self.fanout = Fanout()
        self.slices = Slices(loop)
        self.private = PrivateFeeds(self.registry, self.fanout)
        block_setup = blocks or BlockSetup.in_memory(loop)
        index = self._block_index = BlockIndex(block_setup.store)
        stream_writer = StreamWriter(self.registry, self._label_text, index)
        self.streams = Streams(
            self.fanout, stream_writer, event_log or NoEventLog(), self.slices, loop, engine.next_seq
        )
        if authenticator is not None:
            authenticator.credentials.sign_ins.noted.append(self.private.on_visit)
        self.views = Views(
            self.registry, self.ring, self.private, self.streams, MoneyRing(self.history)
        )
        self.settings = settings or MemorySettings()
        self.figures = Figures(engine, self.views, self.oracle, self.profile_of, self.settings.of)
        self.rendering = Rendering(
            self.registry, self.labels, self.ring, self.settlement, self.views.extras, index
        )
        self.private.connect(self.rendering, self.figures, self.read)
        self.feeds = PublicFeeds(self.views, self.figures, self.fanout, self.slices, clock.now_ms, index)
        self.chain_feeds = ChainFeeds(self.views, self.figures, self.oracle, self.fanout, clock.now_ms)
        self.venue_feeds = VenueFeeds(self.views, self.figures, self.fanout, clock.now_ms)
        self.settlement_feeds = SettlementFeeds(self.settlement, self.receipts, self.fanout, clock.now_ms)
        self.index_feeds = IndexFeeds(
            self.views, self.figures, self.oracle, index_sources, self.fanout, clock.now_ms
        )
        source = announcements or NoAnnouncements()
        self.auction_list: Recent[list[JsonObject]] = Recent()
        self.announcements = Announcements(source, self.settings, self.fanout, clock.now_ms)
        self.chart_feeds = ChartFeeds(self.views, self.fanout, self.archive, clock.now_ms)
        self.sequencer = Sequencer(engine, journal, committer, loop, clock, chain=chain)
        self.sequencer.add_listener(self.views.on_batch)
        self.sequencer.add_listener(self.streams.on_batch)
        self.sequencer.add_listener(self.settlement_feeds.rates.on_batch)
        parts = (self.streams, self.figures, self.rendering, self.views)
        self.snapshots = AccountSnapshots(engine, *parts, self.read, loop, lambda: self.halted)
        self.streams.connect(self.snapshots.take)
        self.sequencer.add_after_release(self._flush)
        self.mmp_feeds = MmpFeeds(self.registry, self.settings.groups, self.fanout)
        self.views.on_mmp.append(self.mmp_feeds.on_mmp)
        self.trigger_caps = TriggerCaps(trigger_limits, engine, self.views, self.registry)
        self.combo_caps = self.settings.combo_caps
        self.labelling = Labelling(engine, self.labels, self.ring, self.sequencer)
        self.quotes_sent = QuotesSent()
        self.disconnects = Disconnects(self, disconnect_log, quotes_need_it=quotes_need_cancel_on_disconnect)
        self.sequencer.add_after_release(self.disconnects.after_release)
        self._opening = Opening(self.submit, clock, self.venue_feeds)
        self._maker = AccountMaker(engine, lambda: self.sign_ups.limits, self.submit)
        self._timer: Timer | None = None
        self.streams.load(stream_counts, engine.account_count)
        load(engine, self.registry, self.views, self.history, clock.now_ms())
        self.blocks = Blocks(self, block_setup, self.settings.rfq_guards)
        self.blocks.protection.tripped.append(self.mmp_feeds.on_rfq_tripped)
        grant_setup = grants or GrantSetup.in_memory()
        key_host = KeyHost(self)
        self.grants = Grants(key_host, grant_setup)
        self.signed_frames = SignedFrames(key_host, self.grants, grant_setup.replays)
        self.grant_sessions = GrantSessions(key_host, self.grants, grant_setup.replays)

    # --- life --------------------------------------------------------------------------------------

    def remember(self, recovered: Iterable[bytes]) -> None:
        """Fill rings and statistics from event buffers that recovery replayed (before `start`)."""
        for packed in recovered:
            self.views.remember(packed)

    def start(self) -> None:
        """Go cancel-only; open by itself once the oracle says that every feed is fresh.

        A feed that goes stale later takes the venue back to cancel-only until it returns.
        """
        self._opening.close()
        self.grants.resume()
        self._timer = self.loop.call_later(TICK_S, self._tick)

    def stop(self) -> None:
        """Stop the ticks and write what lags. Commands not yet durable keep their fate."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.sequencer.finish_lag()
        self.bus.close()

    @property
    def phase(self) -> str:
        """As in `exchange.gateway.opening`."""
        return self._opening.phase

    @property
    def halted(self) -> bool:
        """Whether the sequencer has given up; reads go on."""
        return self.sequencer.mode == HALTED

    @property
    def released_seq(self) -> int:
        """Counter of the last command whose results are out."""
        return self.sequencer.released_seq

    def _tick(self) -> None:
        """Every 100 ms: conflated channels, and whether the venue may open."""
        self._timer = self.loop.call_later(TICK_S, self._tick)
        if not self.halted:
            self._opening.ask(r.MODE_OPEN if self.oracle.is_fresh() else r.MODE_CANCEL_ONLY)
        self.feeds.tick()
        self.chain_feeds.tick()
        self.venue_feeds.tick()
        self.index_feeds.tick()
        self.settlement_feeds.tick()
        self.announcements.tick()
        self.chart_feeds.tick()
        self.private.tick()
        self.blocks.tick()

    def _flush(self) -> None:
        touched = self.views.touched
        if touched.underlyings:
            self.private.on_marks()
        self.feeds.flush()
        self.chain_feeds.flush()
        self.venue_feeds.flush()
        self.chart_feeds.flush()
        self.private.flush()
        self.streams.flush()
        self.bus.on_release(self.views, self._block_index)
        touched.clear()

    # --- commands ----------------------------------------------------------------------------------

    def submit(self, command: bytes, on_events: OnEvents | None = None) -> None:
        """Sequence one command; `on_events` gets its events once durable, empty bytes on a halt.

        Raises:
            RpcError: 10047 the queue is full; 13028 the venue has halted.
        """
        try:
            self.sequencer.submit(command, on_events)
        except (QueueFull, Halted) as refused:
            raise refusal(refused) from None

    def submit_run(self, packed: bytes, count: int, on_events: OnEvents, *, is_cancel: bool = False) -> None:
        """Sequence commands that stay adjacent; `on_events` gets the events of all. Raises as `submit`."""
        try:
            self.sequencer.submit_run(packed, count, on_events, is_cancel=is_cancel)
        except QueueFull:
            raise error(errors.QUEUE_FULL) from None
        except Halted:
            raise self.halt_error() from None

    def submit_labelled(
        self, account: int, text: str, build: Callable[[int], bytes], on_events: OnEvents
    ) -> None:
        """Sequence the command `build(label id)`, the label's side record before it if it is new.

        Raises:
            RpcError: as `submit`; -32602 for a label that fits no record.
        """
        self.labelling.submit(account, (text,), lambda labels: build(labels[0]), on_events)

    def _label_text(self, account: int, label: int) -> str:
        """The text of a label, also of one that memory has dropped."""
        return self.labels.text(account, label) or self.history.label(account, label)

    def read(self, compute: Callable[[], T], deliver: Callable[[T | None], None]) -> None:
        """Read the engine behind every command submitted so far; see `Sequencer.read`."""
        self.sequencer.read(compute, deliver)

    def halt_error(self) -> RpcError:
        """What callers are told when the venue has halted under their command."""
        return halt_error()

    # --- accounts ----------------------------------------------------------------------------------

    def create_account(self, owner: bytes, done: Callable[[int], None], main: int = 0) -> None:
        """Sequence the next account of `owner` (20 bytes), under `main` if that is not 0, and its caps:
        `done(account)` once durable, `done(0)` if the core or a halt refused it.

        Raises:
            RpcError: as `submit`; 13028 when no account id is left.
        """
        self._maker.make(owner, done, main)

    def account_exists(self, account: int) -> bool:
        """Whether an account is a user's and known to the core."""
        return FIRST_USER_ACCOUNT <= account < self.engine.account_count

    def tier_of(self, account: int) -> int:
        """The fee tier of an account, 0 the first."""
        return risk_queries.account_state(self.engine, account).tier if self.account_exists(account) else 0

    def owner_of(self, account: int) -> bytes:
        """The 20-byte owner address. Raises KeyError for an unknown account."""
        return queries.account_figures(self.engine, account).owner

    def profile_of(self, account: int) -> tuple[str, int]:
        """An account's name and when it was made (ms); "" and 0 where neither is known."""
        if self._authenticator is None:
            return "", 0
        profile = self._authenticator.credentials.profile(account)
        return ("", 0) if profile is None else (profile.name, profile.created_ms)

    def is_removed(self, account: int) -> bool:
        """Whether a subaccount has been retired, or is just being."""
        if account in self.retiring:
            return True
        return self._authenticator is not None and self._authenticator.credentials.is_retired(account)

    def next_withdrawal_id(self) -> int:
        """An id above that of every withdrawal so far, also of those under way."""
        last = max(self._last_withdrawal, account_queries.last_withdrawal_id(self.engine))
        self._last_withdrawal = last + 1
        return self._last_withdrawal

    def next_transfer_id(self) -> int:
        """An id above that of every transfer so far: the time in microseconds."""
        self._last_transfer = max(self._last_transfer + 1, self.clock.now_us())
        return self._last_transfer

    def faucet(self, account: int) -> None:
        """Ask the L1's faucet for an opening balance; it arrives as a sequenced DEPOSIT.

        Without a faucet nothing comes.
        """
        if self.deposits is not None:
            self.deposits.faucet(self.owner_of(account), account, self.faucet_micro)

    @property
    def has_authenticator(self) -> bool:
        """Whether accounts have keys here."""
        return self._authenticator is not None

    @property
    def authenticator(self) -> CredentialAuthenticator:
        """Keys and tokens. Raises RuntimeError if this venue was built without."""
        if self._authenticator is None:
            raise RuntimeError("this venue has no authenticator")
        return self._authenticator

    def on_close(self, session: Session) -> None:
        """A session is over."""
        self.fanout.drop(session)
        self.disconnects.on_close(session)
        self.grant_sessions.forget(session)
        if self._authenticator is not None:
            self._authenticator.live.forget(session)
