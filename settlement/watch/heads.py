"""Signed heads held against each other and against posted batches (docs/receipts.md, Evidence).

Who keeps heads that were signed for others (receipts of friends, blocks of the venue's API) sees whether the
sequencer has said two different things, and takes the bond for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from exchange.attest.chain import shard_seq
from exchange.attest.eip712 import Domain
from exchange.attest.heads import head_leaf
from exchange.attest.secp256k1 import recover
from exchange.attest.signed_heads import (
    SIGNED_HEAD_BYTES,
    SignedHead,
    pack_signed_head,
    unpack_signed_head,
    verify_signed_head,
)
from exchange.domain.limits import COUNTER_MASK
from settlement.l1.ethereum import Head
from settlement.l1.judging import Judges, LeafArgument, Proof, SignedHeadArgument, Target
from settlement.l1.port import L1Unavailable
from settlement.l1.rpc import HttpRpc, RpcError, result_of
from settlement.l1.sender import Call
from settlement.stf.header import ShardRange
from settlement.watch.alarms import Alarms
from settlement.watch.challenge import Challenger
from settlement.watch.replica import Taken
from settlement.watch.store import WatchStore

MAX_FILE_BYTES: Final = 1 << 20
BLOCKS_ASKED: Final = 20
RANGES_KEPT: Final = 10_000


class HeadSource(Protocol):
    """Where signed heads come from."""

    def poll(self) -> Iterable[SignedHead]:
        """Those that are new, or some again. Raises L1Unavailable."""


class HeadFolder:
    """Files that each hold a signed head or a signed receipt, raw or as 0x and hexadecimal digits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[str] = set()

    def poll(self) -> Iterator[SignedHead]:
        """See `HeadSource`. What is no signed head is passed over."""
        try:
            names = sorted(path.name for path in self._folder.iterdir() if path.is_file())
        except OSError as error:
            raise L1Unavailable(f"{self._folder}: {error}") from error
        for name in names:
            if name in self._seen:
                continue
            self._seen.add(name)
            found = self._read(self._folder / name)
            if found is not None:
                yield found

    def _read(self, path: Path) -> SignedHead | None:
        try:
            with open(path, "rb") as file:
                return head_in(file.read(MAX_FILE_BYTES))
        except (OSError, ValueError):
            return None


def head_in(raw: bytes) -> SignedHead:
    """The signed head that bytes are, or that a signed receipt ends with. Raises ValueError."""
    if raw[:2] == b"0x":
        raw = bytes.fromhex(raw[2:].decode("ascii").strip())
    return unpack_signed_head(raw[-SIGNED_HEAD_BYTES:])


class _Block(msgspec.Struct):
    shard: int
    last_seq: int
    head: str
    root: str
    signature: str


class _Told(msgspec.Struct):
    chain_id: int
    contract: str
    blocks: list[_Block]


class VenueHeads:
    """The blocks of signed heads that the venue's API tells."""

    def __init__(self, url: str) -> None:
        """Raises ValueError for an address that is none."""
        self._rpc = HttpRpc(url, max_reply=MAX_FILE_BYTES)

    def poll(self) -> Iterator[SignedHead]:
        """See `HeadSource`."""
        method = "public/strikebook_get_signed_heads"
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"count": BLOCKS_ASKED}}
        try:
            body = self._rpc.exchange("POST", "/api/v2", msgspec.json.encode(asked))
            told = msgspec.convert(result_of(method, body), _Told)
            domain = Domain(told.chain_id, bytes.fromhex(told.contract[2:]))
            for one in told.blocks:
                head, root, signature = (
                    bytes.fromhex(text[2:]) for text in (one.head, one.root, one.signature)
                )
                yield SignedHead(domain, one.shard, one.last_seq, head, root, signature)
        except (RpcError, LookupError, msgspec.ValidationError, ValueError) as error:
            raise L1Unavailable(f"the venue's signed heads: {error}") from error


class _Range(NamedTuple):
    """One shard's range of a posted batch."""

    target: Target
    place: int
    part: ShardRange


class HeadRule:
    """Compares every head with those known and with the ranges of right batches (`tower.Rule`)."""

    def __init__(
        self, sources: Sequence[HeadSource], store: WatchStore, judges: Judges, alarms: Alarms,
        challenger: Challenger | None = None,
    ) -> None:  # fmt: skip
        self._sources = sources
        self._store = store
        self._judges = judges
        self._alarms = alarms
        self._challenger = challenger
        self._signer = b""
        self._ranges: dict[int, _Range] = {}
        self._evidence: dict[int, Proof] = {}

    @property
    def is_busy(self) -> bool:
        """Never: heads are looked at at once."""
        return False

    def taken(self, batch: Taken) -> None:
        """Remember how the ranges of a batch end, and compare."""
        target = Target(batch.header, batch.posted.data)
        for place, part in enumerate(batch.header.ranges):
            self._ranges[part.last_seq] = _Range(target, place, part)
            known = self._store.head(part.last_seq)
            if known is not None:
                self._against(unpack_signed_head(known), self._ranges[part.last_seq])
        while len(self._ranges) > RANGES_KEPT:
            del self._ranges[next(iter(self._ranges))]

    def look(self, at: Head) -> Sequence[Call]:
        """Take in what the sources have; the next call of what is proven. Raises L1Error."""
        if not self._signer:
            inbox = self._judges.rollup.addresses.inbox
            self._signer = self._judges.rollup.ask(inbox, None, "SEQUENCER()", "address")[0]
        for source in self._sources:
            try:
                for head in source.poll():
                    self._learn(head)
            except L1Unavailable as error:
                self._alarms.raise_("heads_unavailable", str(error))
            else:
                self._alarms.over("heads_unavailable")
        return self._prove(at)

    def _learn(self, head: SignedHead) -> None:
        where = self._judges.rollup.addresses
        if head.domain != Domain(where.chain_id, where.inbox):
            return
        if not verify_signed_head(head, self._signer, recover):
            return
        seq = shard_seq(head.shard, head.last_seq)
        known = self._store.head(seq)
        if known is None:
            self._store.add_head(seq, pack_signed_head(head))
            if seq in self._ranges:
                self._against(head, self._ranges[seq])
            return
        other = unpack_signed_head(known)
        if (other.head, other.root) != (head.head, head.root) and seq not in self._evidence:
            self._alarms.raise_("two_heads", f"two heads are signed for sequence {seq:#x}")
            self._evidence[seq] = self._judges.two_heads(argument(other), argument(head))

    def _against(self, head: SignedHead, found: _Range) -> None:
        """A head of the number that a range ends with must be the range's."""
        if head.head == found.part.chain_head or found.part.last_seq in self._evidence:
            return
        batch = found.target.header.batch_id
        text = f"another head is signed for sequence {found.part.last_seq:#x}, the last of the batch"
        self._alarms.raise_("head_contradicts_batch", text, batch)
        # The path in the header's tree of heads is known here where the range is one commit batch.
        if head_leaf(found.part.shard, (counter(found.part), found.part.chain_head)) == found.part.heads_root:
            leaf = LeafArgument(0, found.part.last_seq, found.part.chain_head, ())
            proof = self._judges.head_and_batch(argument(head), found.target, found.place, leaf)
            self._evidence[found.part.last_seq] = proof

    def _prove(self, at: Head) -> Sequence[Call]:
        for seq, proof in list(self._evidence.items()):
            if self._judges.is_punished(seq, at):
                self._alarms.raise_("punished", f"the equivocation at sequence {seq:#x} has cost the bond")
                del self._evidence[seq]
                continue
            if self._challenger is None:
                self._alarms.raise_("no_key", "nothing is proven without a key")
                return ()
            if self._judges.rollup.inbox(at).bond_micro == 0:
                self._alarms.raise_("challenge_waits", "there is no bond to be lost")
                return ()
            move = self._challenger.proving(proof, at)
            self._alarms.raise_("challenge", move.text)
            return move.calls
        return ()


def argument(head: SignedHead) -> SignedHeadArgument:
    """A signed head as the contract takes it."""
    seq, raw = shard_seq(head.shard, head.last_seq), head.signature
    return SignedHeadArgument(head.shard, seq, head.head, head.root, raw[64], raw[:32], raw[32:64])


def counter(part: ShardRange) -> int:
    """The counter of a range's last command."""
    return part.last_seq & COUNTER_MASK
