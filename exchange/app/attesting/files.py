"""The attestor's files beside the journal's segments: what is signed, and the chain over the commands."""

from __future__ import annotations

import struct
from typing import Final

from exchange.app.attesting.records import Records
from exchange.attest import chain
from exchange.attest.command_log import commands_hash
from exchange.attest.heads import HeadBlock
from exchange.attest.signed_heads import (
    SIGNED_HEAD_BYTES,
    SignedHead,
    pack_signed_head,
    unpack_signed_head,
)
from exchange.journal import Storage

SIGNED_LOG: Final = "signed.log"
BLOCK_LOG: Final = "blocks.log"
_BLOCK: Final = struct.Struct("<QQII8x32s")


class CommandChain:
    """The `Chain` port of `log.chain`: a batch's root is the hash of its commands."""

    @staticmethod
    def batch_root(shard: int, first_seq: int, commands: bytes, events: bytes) -> bytes:
        """The hash of the commands alone."""
        del shard, first_seq, events
        return commands_hash(commands)

    next_head = staticmethod(chain.next_head)


def pack_block(block: HeadBlock) -> bytes:
    """number u64 · first_seq u64 (counter) · batches u32 · zero u32 · zero u64 · root (32) · signed head."""
    start = _BLOCK.pack(block.number, block.first_seq, block.batches, 0, block.root)
    return start + pack_signed_head(block.signed)


def unpack_block(raw: bytes) -> HeadBlock:
    """The inverse of `pack_block`. Raises ValueError or struct.error for other bytes."""
    number, first_seq, batches, _, root = _BLOCK.unpack_from(raw)
    return HeadBlock(number, first_seq, batches, root, unpack_signed_head(raw[_BLOCK.size :]))


def signed_log(storage: Storage) -> Records[SignedHead]:
    """The signed heads, by the last sequence of each."""
    return Records(
        storage,
        SIGNED_LOG,
        SIGNED_HEAD_BYTES,
        pack_signed_head,
        unpack_signed_head,
        lambda head: head.last_seq,
    )


def block_log(storage: Storage) -> Records[HeadBlock]:
    """The blocks, by the last sequence of each."""
    return Records(
        storage,
        BLOCK_LOG,
        _BLOCK.size + SIGNED_HEAD_BYTES,
        pack_block,
        unpack_block,
        lambda block: block.signed.last_seq,
    )
