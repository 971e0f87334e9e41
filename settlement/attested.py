"""What the attestor has kept of the sequencer's chain, for the ranges of headers (docs/receipts.md)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from exchange.attest.heads import Head, heads_root
from exchange.domain.limits import COUNTER_MASK
from exchange.journal import ChainEntry, Storage
from exchange.journal.chainlog import CHAIN_LOG, COMMAND_LOG, ENTRY_BYTES, unpack_entry

_WINDOW: Final = 4_096  # entries


class AttestedRange(NamedTuple):
    """The chain's head after a range, the root over the heads of its commit batches, the log of commands
    after it."""

    chain_head: bytes
    heads_root: bytes
    log_root: bytes


class AttestedLog:
    """Reads `chain.log` and `log.chain` of one shard while the attestor writes them; changes nothing."""

    def __init__(self, storage: Storage, shard: int = 0) -> None:
        self._storage = storage
        self._shard = shard

    def of(self, first_seq: int, last_seq: int) -> AttestedRange | None:
        """What is said of the commands `first_seq` … `last_seq` (counters); None while it is not there, or
        where a commit batch does not begin at the one and end at the other. A file that is being rewritten
        looks unfinished: ask again.

        Raises:
            StorageError: the device refused.
        """
        heads = list(self._between(CHAIN_LOG, first_seq, last_seq))
        logs = list(self._between(COMMAND_LOG, first_seq, last_seq))
        if not heads or not logs or heads[0].first_seq != first_seq:
            return None
        if any(found[-1].next_seq - 1 != last_seq for found in (heads, logs)):
            return None
        root = heads_root(self._shard, [(entry.next_seq - 1, entry.head) for entry in heads])
        return AttestedRange(heads[-1].head, root, logs[-1].head)

    def heads(self, first_seq: int, last_seq: int) -> list[Head] | None:
        """The heads of the commit batches `first_seq` … `last_seq`; None where not all of them are there.

        Raises:
            StorageError: the device refused.
        """
        found = list(self._between(CHAIN_LOG, first_seq, last_seq))
        if not found or found[0].first_seq != first_seq or found[-1].next_seq - 1 != last_seq:
            return None
        return [(entry.next_seq - 1, entry.head) for entry in found]

    def entries(self, from_seq: int, count: int) -> list[ChainEntry]:
        """At most `count` entries of the chain, from the one that holds `from_seq`, or the first that is
        kept, on.

        Raises:
            StorageError: the device refused.
        """
        return list(islice(self._between(CHAIN_LOG, from_seq, COUNTER_MASK), count))

    def _between(self, name: str, first_seq: int, last_seq: int) -> Iterator[ChainEntry]:
        """The entries from the one that holds `first_seq` to the one that holds `last_seq`."""
        count = (self._storage.size(name) or 0) // ENTRY_BYTES
        low, high = 0, count
        while low < high:
            middle = (low + high) // 2
            entry = self._entry(name, middle)
            if entry is None:
                return
            if entry.next_seq <= first_seq:
                low = middle + 1
            else:
                high = middle
        while low < count:
            window = self._storage.read(name, low * ENTRY_BYTES, min(_WINDOW, count - low) * ENTRY_BYTES)
            for at in range(0, len(window) - ENTRY_BYTES + 1, ENTRY_BYTES):
                entry = unpack_entry(window, at, self._shard)
                if entry is None or entry.first_seq > last_seq:
                    return
                yield entry
            low += _WINDOW

    def _entry(self, name: str, position: int) -> ChainEntry | None:
        raw = self._storage.read(name, position * ENTRY_BYTES, ENTRY_BYTES)
        return unpack_entry(raw, 0, self._shard) if len(raw) == ENTRY_BYTES else None
