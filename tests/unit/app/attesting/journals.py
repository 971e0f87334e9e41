"""A journal on a disk, written as the sequencer writes it, and an attestor on it."""

from __future__ import annotations

from pathlib import Path

from exchange.app.attesting.attestor import Attestor
from exchange.app.attesting.files import signed_log
from exchange.app.attesting.guard import Guard
from exchange.attest.eip712 import Domain
from exchange.attest.secp256k1 import Signer, recover
from exchange.attest.signed_receipts import unpack_signed_receipt, verify_signed_receipt
from exchange.domain import commands as c
from exchange.gateway.receipts import Proof
from exchange.journal import DiskStorage, JournalWriter
from tests.unit.attest.test_chain import event

SIGNER = Signer(b"\x07" * 32)
DOMAIN = Domain(31_337, bytes(20))


class Written:
    """Commit batches of `size` commands; `salt` makes them another journal's."""

    def __init__(self, folder: Path, *, salt: int = 0, segment_bytes: int = 1 << 20) -> None:
        self.folder = folder / "journal"
        self.storage = DiskStorage(self.folder)
        self.writer = JournalWriter(self.storage, segment_bytes=segment_bytes)
        self.salt = salt

    def commands(self, size: int) -> int:
        """A durable commit batch without its events; its first sequence."""
        first = self.writer.next_seq
        packed = b"".join(c.cancel(64, seq + self.salt) for seq in range(first, first + size))
        self.writer.append_commands(first, packed, size)
        self.writer.sync()
        return first

    def events(self, first: int, size: int) -> None:
        """One event frame."""
        told = b"".join(event(seq) + event(seq, 1, 3) for seq in range(first, first + size))
        self.writer.append_events(first, size, 2 * size, told)

    def batch(self, size: int = 1) -> int:
        """Both; the first sequence."""
        first = self.commands(size)
        self.events(first, size)
        return first

    def attestor(self) -> tuple[Attestor, Guard]:
        """An attestor that starts on it, and its guard."""
        storage = DiskStorage(self.folder)
        guard = Guard(self.folder.parent / "guard", fresh=not len(signed_log(storage)))
        return Attestor(storage, SIGNER, guard, DOMAIN), guard


def proven(proof: Proof | None, signer: bytes = SIGNER.address) -> int:
    """The sequence that a proof verifies for."""
    assert proof is not None
    receipt = unpack_signed_receipt(proof.receipt)
    assert verify_signed_receipt(receipt, proof.command, proof.events, signer, recover)
    return receipt.receipt.seq
