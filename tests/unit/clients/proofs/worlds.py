"""A venue's commands, its signed chain, and batches of settlement: what proofs of fills are made of."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from clients.proofs.documents import VERSION, BatchPart, Document, L1Part, ReceiptPart
from exchange.attest import chain
from exchange.attest.authorisation import frame_classes
from exchange.attest.eip712 import Domain
from exchange.attest.heads import heads_root
from exchange.attest.receipts import build_receipt
from exchange.attest.secp256k1 import Signer
from exchange.attest.signed_heads import SignedHead
from exchange.attest.signed_receipts import Link, SignedReceipt, pack_signed_receipt
from exchange.domain.events import Trade, read_events, split_by_seq
from settlement.batch import Frame
from settlement.node.fill_proofs import FillProof, FillProofs
from settlement.node.store import NodeStore, PostedRow
from settlement.rollup.builder import Attested, BatchBuilder
from settlement.rollup.coding import RawCoding
from settlement.state import State as LedgerState
from settlement.stf.state import State
from tests.reference.engine import ReferenceEngine
from tests.reference.generator import Traffic

SIGNER, OTHER = Signer(b"\x11" * 32), Signer(b"\x22" * 32)
DOMAIN = Domain(1_337, b"\x33" * 20)
SIZES = (60, 60, 60, 40, 1, 40)
"""Commands of each commit batch behind the first; the second three are the second batch."""


class Commit(NamedTuple):
    """One commit batch, and the chain's head behind it."""

    first_seq: int
    commands: bytes
    events: bytes
    leaves: list[bytes]
    head: bytes

    @property
    def last_seq(self) -> int:
        return self.first_seq + len(self.leaves) - 1


class World:
    """See the module; `path` is where the settlement's database is made."""

    def __init__(self, path: Path, seed: int = 4) -> None:
        reference = ReferenceEngine()
        traffic = Traffic(seed, reference)
        self.commits: list[Commit] = []
        for size in (0, *SIZES):
            packed = traffic.batch(size) if size else traffic.opening()
            self._commit(packed, reference.apply(packed))
        self.trades = {
            event.trade_id: event
            for commit in self.commits
            for event in read_events(commit.events)
            if isinstance(event, Trade)
        }
        self._settle(path)

    def _commit(self, packed: bytes, events: bytes) -> None:
        first = self.commits[-1].last_seq + 1 if self.commits else 1
        leaves = chain.batch_leaves(0, first, packed, events)
        before = self.commits[-1].head if self.commits else chain.EMPTY_HEAD
        head = chain.next_head(before, 0, first, chain.merkle_root(leaves))
        self.commits.append(Commit(first, packed, events, leaves, head))

    def _settle(self, path: Path) -> None:
        builder = BatchBuilder(LedgerState(), State(), RawCoding(), classes=frame_classes)
        store = NodeStore(path)
        for commits in (self.commits[:4], self.commits[4:]):
            for commit in commits:
                builder.add(Frame(commit.first_seq, commit.last_seq, commit.events), 0)
            root = heads_root(0, [(commit.last_seq, commit.head) for commit in commits])
            batch = builder.close(Attested(commits[-1].head, root, bytes(32)), 0)
            store.keep(batch, builder.commitment, builder.ledger_state, builder.lowering.looked_at)
            builder.begin()
        posted = PostedRow(1, b"t" * 32, 77, b"b" * 32, bytes(32), 1, 2, 3, 1_800_000_000)
        store.heard([posted], [], [])
        store.close()
        self.proofs = FillProofs(path)

    def receipt(self, trade_id: int, until: int | None = None) -> ReceiptPart:
        """The receipt of a trade's command, signed behind the commit batch `until` (its own)."""
        seq = self.trades[trade_id].head.counter
        at = next(n for n, commit in enumerate(self.commits) if commit.first_seq <= seq <= commit.last_seq)
        commit, end = self.commits[at], self.commits[at if until is None else until]
        before = self.commits[at - 1].head
        inner = build_receipt(0, commit.first_seq, commit.leaves, seq - commit.first_seq, before)
        links = [
            Link(each.first_seq, chain.merkle_root(each.leaves))
            for each in self.commits[at + 1 : self.commits.index(end) + 1]
        ]
        plain = SignedHead(DOMAIN, 0, end.last_seq, end.head, chain.merkle_root(end.leaves))
        signed = plain._replace(signature=SIGNER.sign(plain.digest))
        starts = chain.command_starts(commit.commands)
        place = seq - commit.first_seq
        command = commit.commands[starts[place] : starts[place + 1]]
        events = dict(split_by_seq(commit.events))[seq]
        packed = pack_signed_receipt(SignedReceipt(inner, tuple(links), signed))
        return ReceiptPart(seq, told(SIGNER.address), told(packed), told(command), told(events))

    def place(self, trade_id: int) -> FillProof:
        """Where the trade is."""
        found = self.proofs.of(trade_id)
        assert found is not None
        return found

    def document(self, trade_id: int) -> Document:
        """The whole proof."""
        found = self.place(trade_id)
        place, posted = found.place, found.posted
        batch = BatchPart(
            found.batch_id, told(place.header), told(found.step), place.chunk, place.kind, place.steps,
            place.step, [told(node) for node in place.step_path], [told(node) for node in place.chunk_path],
        )  # fmt: skip
        l1 = None
        if posted is not None:
            where = (posted.block, told(posted.block_hash), told(posted.data), posted.final_at_s)
            l1 = L1Part(DOMAIN.chain_id, told(DOMAIN.contract), told(posted.tx), *where)
        return Document(VERSION, str(trade_id), self.receipt(trade_id), batch, l1)


def told(raw: bytes) -> str:
    return "0x" + raw.hex()
