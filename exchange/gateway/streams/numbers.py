"""How many private events each account has had: what its stream's numbers are counted from.

The number of an event is its place among the account's own events since the venue's first command. It
follows from the events alone, so every start counts the same: from the last count that was kept, through
the events since (:func:`count_events`). Counts are kept in one small file, replaced whole
(:func:`pack_counts`).
"""

from __future__ import annotations

import struct
from collections.abc import Container
from hashlib import sha256
from typing import Final, Protocol

from exchange.domain import records as r
from exchange.domain.limits import COUNTER_MASK, SHARD_SHIFT
from exchange.edge.released import Counts
from exchange.gateway.history_ring import Fill

FILE_NAME: Final = "streams.bin"
# Events that tell one account what happened to it. Answers (DONE, REJECTED, REPEATED) are told to who asked.
OF_ONE_ACCOUNT: Final = frozenset(
    {
        r.EV_ORDER,
        r.EV_CASH,
        r.EV_SETTLED,
        r.EV_ACCOUNT,
        r.EV_LIQUIDATION,
        r.EV_MOVED,
        r.EV_MMP,
        r.EV_EXTENDED,
        r.EV_FORCED,
    }
)
_MAGIC: Final = b"SBSTREAM"
_HEAD: Final = struct.Struct("<8sQQ")
_ACCOUNTS: Final = struct.Struct("<II")
_MAKER_AT: Final = 64
_TO_ACCOUNT_AT: Final = 32


class CountsError(ValueError):
    """A file of counts that is damaged or another shard's."""


class StreamSink(Protocol):
    """Who numbers and pushes all events of an account."""

    numbers: Counts
    """How many events each account has had."""

    @property
    def followed(self) -> Container[int]:
        """Accounts whose events are to be taken; `PrivateSink.watched` has them too."""

    def take(self, account: int, number: int, what: bytes | Fill) -> None:
        """An event of a followed account, already counted: its number."""

    def count(self, account: int, what: bytes | Fill) -> None:
        """An event of an account, not counted yet."""


def accounts_of(events: bytes, at: int) -> tuple[int, ...]:
    """The accounts whose streams the event at byte `at` belongs to, each once."""
    kind = events[at]
    if kind == r.EV_TRADE:
        maker, taker = _ACCOUNTS.unpack_from(events, at + _MAKER_AT)
        return (maker,) if maker == taker else (maker, taker)
    if kind == r.EV_COMBO_TRADE:  # of an implied order one side is nobody: 0
        maker = int.from_bytes(events[at + _MAKER_AT : at + _MAKER_AT + 4], "little")
        taker = int.from_bytes(events[at + 16 : at + 20], "little")
        return tuple(account for account in dict.fromkeys((maker, taker)) if account)
    if kind not in OF_ONE_ACCOUNT:
        return ()
    account = int.from_bytes(events[at + 16 : at + 20], "little")
    if kind == r.EV_MOVED:
        to_account = int.from_bytes(events[at + _TO_ACCOUNT_AT : at + _TO_ACCOUNT_AT + 4], "little")
        return (account,) if to_account == account else (account, to_account)
    return (account,)


def grow(counts: list[int], account: int) -> None:
    """Make room for an account."""
    if account >= len(counts):
        counts.extend([0] * (account + 1 - len(counts)))


def count_events(counts: list[int], events: bytes, from_seq: int = 0) -> None:
    """Add the events of commands from `from_seq` (a counter) on to the counts."""
    at = 0
    end = len(events)
    while at < end:
        if int.from_bytes(events[at + 8 : at + 16], "little") & COUNTER_MASK >= from_seq:
            for account in accounts_of(events, at):
                grow(counts, account)
                counts[account] += 1
        at += (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES


def pack_counts(counts: list[int], next_seq: int, shard: int = 0) -> bytes:
    """The counts before the command `next_seq`, as they are kept."""
    body = _HEAD.pack(_MAGIC, shard << SHARD_SHIFT | next_seq, len(counts))
    body += struct.pack(f"<{len(counts)}Q", *counts)
    return body + sha256(body).digest()


def unpack_counts(raw: bytes, shard: int = 0) -> tuple[list[int], int]:
    """(counts, next_seq) of a kept file.

    Raises:
        CountsError: it is damaged, or of another shard.
    """
    body, tag = raw[:-32], raw[-32:]
    if len(body) < _HEAD.size or sha256(body).digest() != tag:
        raise CountsError("the checksum is wrong")
    magic, seq, count = _HEAD.unpack_from(body)
    if magic != _MAGIC or seq >> SHARD_SHIFT != shard or len(body) != _HEAD.size + 8 * count:
        raise CountsError(f"unknown counts {magic!r}")
    return list(struct.unpack_from(f"<{count}Q", body, _HEAD.size)), seq & COUNTER_MASK
