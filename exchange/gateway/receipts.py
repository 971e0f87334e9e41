"""Receipts and signed heads, as the gateway sees whoever makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from exchange.attest.eip712 import Domain
from exchange.attest.heads import HeadBlock
from exchange.wire.objects import JsonObject


class Proof(NamedTuple):
    """A signed receipt, packed (docs/receipts.md), and what it proves: a command and all its events."""

    receipt: bytes
    command: bytes
    events: bytes


ReceiptDone = Callable[[Proof | None], None]
"""Told the proof; None where what it is made of is kept no more, or whoever makes it has ended."""


class ReceiptsBusy(Exception):
    """Nobody makes receipts now, or too many are waited for."""


class Receipts(Protocol):
    """Who makes receipts."""

    @property
    def signer(self) -> bytes:
        """The address that signs, 20 bytes; empty while it is not known."""

    @property
    def domain(self) -> Domain | None:
        """Where the signatures count; None while it is not known."""

    @property
    def blocks(self) -> Sequence[HeadBlock]:
        """The newest blocks of signed heads, oldest first."""

    @property
    def signed_after_us(self) -> Sequence[int]:
        """How long after their results had gone out the newest commit batches were signed."""

    def ask(self, seq: int, done: ReceiptDone) -> None:
        """The receipt of the command with the counter `seq`, as soon as a signature covers it; `done` on the
        loop.

        Raises:
            ReceiptsBusy: nobody can be asked.
        """


class NoReceipts:
    """Nobody makes any."""

    signer = b""
    domain: Domain | None = None
    blocks: Sequence[HeadBlock] = ()
    signed_after_us: Sequence[int] = ()

    def ask(self, seq: int, done: ReceiptDone) -> None:
        """Nobody can be asked."""
        del seq, done
        raise ReceiptsBusy


def block_object(block: HeadBlock) -> JsonObject:
    """A block of signed heads as clients see it (`exchange.wire.messages.receipts.HeadBlock`)."""
    signed = block.signed
    return {
        "number": block.number,
        "shard": signed.shard,
        "first_seq": block.first_seq,
        "last_seq": signed.last_seq,
        "batches": block.batches,
        "heads_root": hex_text(block.root),
        "head": hex_text(signed.head),
        "root": hex_text(signed.root),
        "signature": hex_text(signed.signature),
    }


def hex_text(raw: bytes) -> str:
    """Bytes as clients see them."""
    return "0x" + raw.hex()
