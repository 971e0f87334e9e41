"""Everything the state machine knows, and the buffer its events leave through."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, write_i64_le
from librt.vecs import append, vec
from mypy_extensions import i64

from exchange.core.book import Book
from exchange.core.heaps import Source
from exchange.core.ids import IdMap
from exchange.core.layout import (
    ACCOUNT_WORDS,
    COMBO_WORDS,
    EXTRA_WORDS,
    FEE_WORDS,
    FOLIO_WORDS,
    GATHER_WORDS,
    GROUP_WORDS,
    INSTRUMENT_WORDS,
    KEPT_WORDS,
    LEVEL_WORDS,
    LINE_WORDS,
    MEMBER_WORDS,
    ORDER_START,
    ORDER_WORDS,
    RATE_START,
    RATE_WORDS,
    SEAT_START,
    SEAT_WORDS,
    STAKE_WORDS,
    STREAM_WORDS,
    TABLE_WORDS,
    UNDERLYING_WORDS,
)
from exchange.core.pool import Pool
from exchange.core.words import words_to_bytes, zeros
from exchange.domain.limits import (
    FIRST_USER_ACCOUNT,
    MAX_ID_WINDOW,
    MAX_OPEN_ORDERS,
    MAX_REMEMBERED,
    MAX_SCENARIOS,
    MAX_TIERS,
    SHARD_SHIFT,
)

TOUCHED_MOST: Final = 64  # commands of a kind that `warm` looks at together
_OUT_WORDS: Final = 1 << 14
EXPRESS_WORDS: Final = 16  # of one ORDER event
# Up to here copying word by word beats setting up a view.
_SMALL_WORDS: Final = 64


class World:
    """The state of one shard. Pools hold records laid out by `layout`; scalars are attributes.

    Memory for `reserve_orders` resting orders is taken at once; beyond that pools grow by copying.
    """

    def __init__(self, shard: i64, null_ledger: bool, reserve_orders: i64) -> None:
        self.shard: i64 = shard
        self.prefix: i64 = shard << SHARD_SHIFT
        self.null_ledger: bool = null_ledger
        self.next_seq: i64 = 1
        self.next_order: i64 = 1
        self.next_trade: i64 = 1
        self.next_priority: i64 = 1
        self.now_ms: i64 = 0
        self.mode: i64 = 0
        self.rules: i64 = 1
        self.open_orders: i64 = 0
        self.last_deposit: i64 = 0
        self.deposits_net: i64 = 0
        self.epoch: i64 = 1  # grows with every marks block; seats are revalued lazily

        reserve = reserve_orders
        if reserve < 64:
            reserve = 64
        if reserve > MAX_OPEN_ORDERS:
            reserve = MAX_OPEN_ORDERS
        self.reserve: i64 = reserve
        cells: i64 = 128
        # Few enough to stay near the processor; a busier book than most doubles them in under a millisecond.
        while cells < reserve // 2:
            cells *= 2
        self.orders = Pool(ORDER_WORDS, reserve + 2, ORDER_START)
        self.order_ids = IdMap(self.orders, cells)
        self.levels = Pool(LEVEL_WORDS, reserve // 8 + 64)
        self.seats = Pool(SEAT_WORDS, reserve // 8 + 64, SEAT_START)
        self.seat_ids = IdMap(self.seats, cells // 2)
        self.accounts = zeros(FIRST_USER_ACCOUNT * ACCOUNT_WORDS)
        self.account_count: i64 = FIRST_USER_ACCOUNT
        self.instruments = vec[i64](capacity=64 * INSTRUMENT_WORDS)
        self.instrument_count: i64 = 0
        self.underlyings = vec[i64](capacity=8 * UNDERLYING_WORDS)
        self.underlying_count: i64 = 0
        self.books: list[Book] = []

        # Rules version 2.
        self.tables = vec[i64](capacity=64 * TABLE_WORDS)
        self.rates = zeros(RATE_START)
        self.folios = Pool(FOLIO_WORDS, 64)
        self.gather_words = zeros(GATHER_WORDS)  # see `standard` and `portfolio`; mean nothing
        self.stream_words = zeros(64)  # see `tables`; mean nothing
        self.fees = zeros(MAX_TIERS * FEE_WORDS)
        self.tier_count: i64 = 0
        self.combo_discount: i64 = 0
        self.last_withdrawal: i64 = 0
        self.pending: dict[int, tuple[int, int]] = {}  # withdrawal_id: account, amount_micro
        self.share_account: i64 = 0
        self.share_phase: i64 = 0
        self.share_at: i64 = 0
        self.share_total: i64 = 0
        self.share_deficit: i64 = 0
        self.share_remaining: i64 = 0
        # Rules version 3.
        self.id_window: i64 = MAX_ID_WINDOW
        self.kept = Pool(KEPT_WORDS, 64)  # see `remembered`
        self.kept_count: i64 = 0
        self.kept_oldest: i64 = 0
        self.kept_newest: i64 = 0
        self.id_streams = Pool(STREAM_WORDS, 64)
        self.stream_ids = IdMap(self.id_streams, 64)
        self.id_lines = zeros(FIRST_USER_ACCOUNT * LINE_WORDS)
        self.id_stream: i64 = 0  # the stream of the new order under way, 0: it is not remembered
        self.groups = Pool(GROUP_WORDS, 64)  # see `protection`
        self.group_ids = IdMap(self.groups, 64)
        self.members = Pool(MEMBER_WORDS, 64)
        self.stakes = Pool(STAKE_WORDS, 64)
        self.stake_ids = IdMap(self.stakes, 64)
        self.tripped: list[i64] = []  # keys of groups; empty between commands
        self.extras = Pool(EXTRA_WORDS, 64)  # see `extras`
        self.extra_ids = IdMap(self.extras, 64)
        self.untriggered: i64 = 0  # orders: how many wait, are due or dormant
        self.untriggered_in: dict[int, int] = {}  # instrument: the first extra of its list
        self.trailing_at: dict[int, int] = {}  # source (`waiting.cap_key`): how many trail it
        self.sources: dict[int, Source] = {}  # by `waiting.source_key`; those that something waits for
        self.indexed: dict[int, list[int]] = {}  # underlying: instruments of its index sources
        self.armed: i64 = 0  # how many wait for a price
        self.due_count: i64 = 0
        self.due_head: i64 = 0
        self.due_tail: i64 = 0
        self.due_in: dict[int, int] = {}  # instrument: how many of its orders are due
        self.met_up: list[tuple[int, int, int]] = []  # empty but while a price is looked at
        self.met_down: list[tuple[int, int, int]] = []
        self.last_block: i64 = 0  # id of the last block that happened
        self.noted: list[i64] = []  # extras whose links something follows from; empty between commands

        # Rules version 4.
        self.combos = Pool(COMBO_WORDS, 64)  # see `combo_terms`; a slot is never given back
        self.combos_of: dict[int, list[int]] = {}  # leg: the open combos that name it, by id
        self.combos_open: i64 = 0
        self.combo_quotes: dict[int, int] = {}  # see `combo_open`: resting quotes in combos

        # Rules version 6.
        self.forced_through: i64 = 0  # id of the last request of the bridge's forced queue that was answered

        # What one command's bookings add up to: zero, or the engine halts.
        self.cash_drift: i64 = 0
        self.size_drift: i64 = 0
        self.entry_drift: i64 = 0
        self.parts_drift: i64 = 0  # price ticks: what combos traded at less what their legs did

        self.out = zeros(_OUT_WORDS)
        self.small = BytesWriter()  # kept, as making one costs more than filling it
        self.out_words: i64 = 0
        self.out_size: i64 = _OUT_WORDS
        self.out_room: i64 = _OUT_WORDS - EXPRESS_WORDS  # from here on an ORDER event may not fit
        self.seq: i64 = 0  # of the command under way
        self.index: i64 = 0  # of its next event
        self.touched: i64 = 0  # see `warm`; mean nothing
        self.touch_resting = zeros(TOUCHED_MOST)
        self.touch_coming = zeros(TOUCHED_MOST)

        # What `matching.match` leaves for its caller.
        self.going: i64 = 0  # counts its calls; see `verdicts`; means nothing
        self.looking: i64 = 0  # counts looks at what the book offers; see `losing`; means nothing
        self.rest: i64 = 0
        self.value: i64 = 0
        self.stopped: i64 = 0  # the cancel reason of what is left, or 0
        self.last_ticks: i64 = 0  # price of its last trade
        self.traded_beside: dict[int, int] = {}  # others that implied orders traded: their last price

        # What `checks` leaves: the order as it will trade.
        self.c_price: i64 = 0
        self.c_rank: i64 = 0
        self.c_lots: i64 = 0
        self.c_display: i64 = 0
        self.c_hold: i64 = 0
        self.c_needed: i64 = 0
        self.c_seat: i64 = 0
        self.looks_left: i64 = -1  # sides of a mass quote that may still be looked at closely; -1: no end
        self.placed: i64 = 0  # what `orders.place` leaves: the order_id it gave
        self.c_volatility: i64 = -1  # of an order being amended, after it; -1: as it is
        self.c_group: i64 = 0  # the order's protection group; set by whoever calls `checks.new_refused`

        # What a taker's caller leaves for `matching.match`: its protection group.
        self.taker_group: i64 = 0

        # What `margin.figures` leaves, micro-USDC.
        self.m_initial: i64 = 0
        self.m_maintenance: i64 = 0
        self.m_balance: i64 = 0
        self.m_equity: i64 = 0
        self.detail: i64 = 0
        self.position: i64 = -1  # of what a command refuses, where it is a part; −1 between commands

        self.gains = zeros(MAX_SCENARIOS)  # see `remargin`; mean nothing

        # What `portfolio.measure` leaves, micro-USDC.
        self.p_gross: i64 = 0
        self.p_net: i64 = 0
        self.p_charges: i64 = 0

    def reserve_kept(self) -> None:
        """Take room for what rules 3 keep, before there is any, in proportion to the orders reserved for."""
        reserve = self.reserve
        kept = reserve * 8
        if kept > MAX_REMEMBERED:
            kept = MAX_REMEMBERED
        self.kept = Pool(KEPT_WORDS, kept + 2)
        self.id_streams = Pool(STREAM_WORDS, reserve // 2 + 2)
        self.stream_ids = IdMap(self.id_streams, 1 << 12)
        self.members = Pool(MEMBER_WORDS, reserve + 2)
        self.stakes = Pool(STAKE_WORDS, reserve // 2 + 2)
        self.stake_ids = IdMap(self.stakes, 1 << 12)
        self.extras = Pool(EXTRA_WORDS, reserve // 4 + 2)
        self.extra_ids = IdMap(self.extras, 1 << 12)

    def reserve_out(self, words: i64) -> None:
        """Make room for one event of at most `words` words."""
        if self.out_words + words > self.out_size:
            out = self.out
            more = self.out_size
            self.out_size = more * 2
            self.out_room = more * 2 - EXPRESS_WORDS
            while more > 0:
                out = append(out, 0)
                more -= 1
            self.out = out

    def taken(self) -> bytes:
        """The events written since `out_words` was last 0, as bytes."""
        if self.out_words > _SMALL_WORDS:
            return words_to_bytes(self.out, self.out_words)
        small = self.small
        small.truncate(0)
        out = self.out
        at: i64 = 0
        end = self.out_words
        while at < end:
            write_i64_le(small, out[at])
            at += 1
        return small.getvalue()

    def add_account(self) -> i64:
        """Append an account of zeros; its id."""
        accounts = self.accounts
        at: i64 = 0
        while at < ACCOUNT_WORDS:
            accounts = append(accounts, 0)
            at += 1
        self.accounts = accounts
        self.id_lines = append(append(self.id_lines, 0), 0)
        self.account_count += 1
        return self.account_count - 1

    def add_instrument(self) -> i64:
        """Append an instrument of zeros with an empty book; its id."""
        instruments = self.instruments
        at: i64 = 0
        while at < INSTRUMENT_WORDS:
            instruments = append(instruments, 0)
            at += 1
        self.instruments = instruments
        tables = self.tables
        at = 0
        while at < TABLE_WORDS:
            tables = append(tables, 0)
            at += 1
        self.tables = tables
        rates = self.rates
        at = 0
        while at < RATE_WORDS:
            rates = append(rates, 0)
            at += 1
        self.rates = rates
        self.books.append(Book(self.orders, self.levels))
        self.instrument_count += 1
        return self.instrument_count - 1

    def add_underlying(self) -> i64:
        """Append an underlying of zeros; its id."""
        underlyings = self.underlyings
        at: i64 = 0
        while at < UNDERLYING_WORDS:
            underlyings = append(underlyings, 0)
            at += 1
        self.underlyings = underlyings
        self.underlying_count += 1
        return self.underlying_count - 1


def pack(low: i64, high: i64) -> i64:
    """Two 32-bit halves in one word, as a signed integer."""
    if high >= 0x80000000:
        high -= 0x100000000
    return (high << 32) | low
