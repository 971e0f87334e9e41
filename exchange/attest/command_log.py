"""The order-flow commitment: a hash chain over every command, one step a commit batch (docs/receipts.md).

log' = sha256(log ‖ shard u64 ‖ first_seq u64 ‖ sha256(0x02 ‖ command bytes)), integers little-endian,
first_seq = shard ‖ counter; the log of no commands is 32 zero bytes. It is the chain's own link with the hash
of the commands in place of the Merkle root, so that `next_head` serves both.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from exchange.attest.chain import EMPTY_HEAD, next_head

LOG_PREFIX: Final = b"\x02"
EMPTY_LOG: Final = EMPTY_HEAD


def commands_hash(commands: bytes) -> bytes:
    """The hash of one commit batch's commands."""
    return sha256(LOG_PREFIX + commands).digest()


def next_log(log: bytes, shard: int, first_seq: int, commands: bytes) -> bytes:
    """The log after a commit batch. Raises ValueError for a log that is not 32 bytes."""
    return next_head(log, shard, first_seq, commands_hash(commands))


def log_root(log: bytes, shard: int, batches: Iterable[tuple[int, bytes]]) -> bytes:
    """The log after more commit batches, each (first counter, command bytes)."""
    for first_seq, commands in batches:
        log = next_log(log, shard, first_seq, commands)
    return log
