"""The workload as the production engine takes and answers it: packed commands in, packed events out.

All of it runs outside the timing. :func:`setup_commands` makes the venue the workload trades on: two
underlyings, two perpetuals (the two most popular instruments), 99 options each, 100 funded
accounts, marks. :func:`command_batches` packs the operations, :func:`canonical_events` reads the
answer back as the six integers an event that :mod:`loadtest.canonical` compares.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.domain import commands
from exchange.domain import records as r
from exchange.domain.limits import RECORD_VERSION
from loadtest.canonical import EVENT_REJECTED, EVENT_TRADE, FIELDS_COUNT
from loadtest.workload import (
    ACCOUNT_FIRST,
    ACCOUNTS_COUNT,
    INSTRUMENTS_COUNT,
    OP_AMEND,
    OP_CANCEL,
    OP_NEW_IOC,
    Workload,
    anchor_price_ticks,
)

NOW_MS: Final = 1_700_000_000_000
EXPIRY_MS: Final = NOW_MS + 90 * 86_400_000
DEPOSIT_MICRO: Final = 2_000_000_000_000_000
POSITION_LIMIT_LOTS: Final = 400_000
PRICE_LIMIT_TICKS: Final = 4_096
INDEX_MICRO: Final = (60_000_000_000, 2_500_000_000)
_LOT_E8: Final = (250_000, 2_500_000)
# Coarse ticks, so that the workload's 800 to 2,200 ticks are sensible prices: of an option, and of a future.
_OPTION_TICK_MICRO: Final = (1_000_000, 50_000)
_PERPETUAL_TICK_MICRO: Final = (60_000_000, 2_500_000)

_COMMAND_WORDS_MAX: Final = 12
_U32: Final = 32


def instrument_terms(instrument: int) -> commands.InstrumentTerms:
    """The listing of one workload instrument: even ones on BTC, odd on ETH, the first two perpetuals."""
    underlying = instrument % 2
    perpetual = instrument < 2
    tick_micro = (_PERPETUAL_TICK_MICRO if perpetual else _OPTION_TICK_MICRO)[underlying]
    strike_micro = INDEX_MICRO[underlying] * (60 + instrument // 4) // 100
    return commands.InstrumentTerms(
        kind=r.KIND_PERPETUAL if perpetual else r.KIND_OPTION,
        option_type=r.OPTION_NONE if perpetual else r.OPTION_CALL + instrument // 2 % 2,
        underlying=underlying,
        expiry_ms=0 if perpetual else EXPIRY_MS,
        strike_micro=0 if perpetual else strike_micro,
        tick_micro=tick_micro,
        lot_e8=_LOT_E8[underlying],
        min_size_lots=1,
        price_limit_ticks=PRICE_LIMIT_TICKS,
        position_limit_lots=POSITION_LIMIT_LOTS,
        maker_fee_ppm=100 if perpetual else 300,
        taker_fee_ppm=500 if perpetual else 300,
        fee_cap_permille=0 if perpetual else 125,
        delivery_fee_ppm=0 if perpetual else 150,
        band_ppm=500_000,
    )


def setup_commands() -> list[bytes]:
    """The commands that make the venue: time, listings, accounts, deposits, marks, in this order."""
    found = [commands.time(NOW_MS), commands.list_underlying(0, "BTC"), commands.list_underlying(1, "ETH")]
    terms = [instrument_terms(instrument) for instrument in range(INSTRUMENTS_COUNT)]
    found += [commands.list_instrument(instrument, term) for instrument, term in enumerate(terms)]
    for index in range(ACCOUNTS_COUNT):
        found.append(commands.create_account(ACCOUNT_FIRST + index))
        found.append(commands.deposit(ACCOUNT_FIRST + index, DEPOSIT_MICRO, index + 1))
    for underlying, index_micro in enumerate(INDEX_MICRO):
        units = [
            commands.Mark(
                instrument=instrument,
                delta_e9=500_000_000,
                mark_micro=anchor_price_ticks(instrument) * term.tick_micro,
                vega_micro=1_000_000,
                forward_micro=index_micro,
            )
            for instrument, term in enumerate(terms)
            if term.underlying == underlying
        ]
        found.append(commands.marks(underlying, index_micro, 1, units))
    return found


def _command_words(workload: Workload) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each operation as up to 12 little-endian words, and how many words it has."""
    op = workload.op
    is_new = op < OP_CANCEL
    is_amend = op == OP_AMEND
    is_cancel = op == OP_CANCEL
    command_type = np.where(is_new, r.NEW_ORDER, np.where(is_amend, r.AMEND, r.CANCEL))
    units = np.where(is_amend, 3, 2)
    flags = np.where(is_new, workload.side * r.FLAG_SELL, 0)
    flags = np.where(op == OP_NEW_IOC, flags | r.TIF_IOC << r.TIF_SHIFT, flags)
    flags = np.where(is_amend, r.AMEND_PRICE | r.AMEND_SIZE, flags)
    words = np.zeros((len(workload), _COMMAND_WORDS_MAX), dtype="<i8")
    words[:, 0] = command_type | RECORD_VERSION << 8 | units << 16 | flags << _U32
    words[:, 1] = workload.account | np.where(is_new, workload.instrument, 0) << _U32
    words[:, 2] = np.arange(1, len(workload) + 1)
    words[:, 4] = np.where(is_new, workload.price_ticks, workload.order_id)
    words[:, 5] = np.where(is_new, workload.size_lots, np.where(is_cancel, 0, workload.price_ticks))
    words[:, 6] = np.where(is_amend, workload.size_lots, 0)
    return words, units * r.UNIT_WORDS


def command_batches(workload: Workload, batch_size: int) -> list[bytes]:
    """The operations as packed commands, ``batch_size`` to a batch; the last batch may be shorter.

    Raises ValueError when the batch size is not positive.
    """
    if batch_size <= 0:
        raise ValueError(f"a batch holds at least one command, not {batch_size}")
    words, counts = _command_words(workload)
    packed = words[np.arange(_COMMAND_WORDS_MAX) < counts[:, np.newaxis]].tobytes()
    starts = [0, *(np.cumsum(counts) * r.WORD_BYTES).tolist()]
    edges = [*starts[:-1:batch_size], starts[-1]]
    return [packed[start:end] for start, end in pairwise(edges)]


def _event_starts(words: memoryview) -> NDArray[np.int64]:
    """Word offset of every record of a run of events."""
    starts: list[int] = []
    at = 0
    end = len(words)
    while at < end:
        starts.append(at)
        units = words[at] >> 16 & 0xFFFF
        if not units:
            raise ValueError(f"event at byte {at * r.WORD_BYTES} has no units")
        at += units * r.UNIT_WORDS
    if at != end:
        raise ValueError("the last event is cut short")
    return np.array(starts, dtype=np.int64)


def canonical_events(chunks: Iterable[bytes]) -> NDArray[np.int64]:
    """ORDER, TRADE and REJECTED events as rows of six integers; all other events are left out.

    Raises ValueError when the record lengths do not add up.
    """
    packed = b"".join(chunks)
    starts = _event_starts(memoryview(packed).cast("Q"))
    words = np.frombuffer(packed, dtype="<i8")
    types = words[starts] & 0xFF
    rows: NDArray[np.int64] = np.zeros((len(starts), FIELDS_COUNT), dtype="<i8")
    orders, at = types == r.EV_ORDER, starts[types == r.EV_ORDER]
    kinds = words[at + 8] >> _U32 & 0xFF
    rows[orders] = np.stack((kinds, *(words[at + word] for word in (3, 4, 5, 6, 7))), axis=1)
    trades, at = types == r.EV_TRADE, starts[types == r.EV_TRADE]
    rows[trades] = np.stack(
        (np.full(len(at), EVENT_TRADE), *(words[at + word] for word in (3, 4, 5, 6, 7))), axis=1
    )
    rejects = types == r.EV_REJECTED
    rows[rejects, 0] = EVENT_REJECTED
    rows[rejects, 1] = words[starts[rejects] + 3]
    kept: NDArray[np.int64] = rows[orders | trades | rejects]
    return kept
