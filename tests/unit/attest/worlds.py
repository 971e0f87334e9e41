"""A signer, and a chain of a few commit batches with everything that proves them."""

from __future__ import annotations

from exchange.attest import chain
from exchange.attest.eip712 import Domain
from exchange.attest.receipts import build_receipt
from exchange.attest.secp256k1 import Signer
from exchange.attest.signed_heads import SignedHead
from exchange.attest.signed_receipts import Link, SignedReceipt
from exchange.domain import commands as c
from tests.unit.attest.test_chain import event

SIGNER = Signer(b"\x01" * 32)
OTHER = Signer(b"\x02" * 32)
DOMAIN = Domain(31337, b"\x11" * 20)
SHARD = 2


def signed(
    last_seq: int, head: bytes, root: bytes = b"r" * 32, *, signer: Signer = SIGNER, domain: Domain = DOMAIN
) -> SignedHead:
    """A head, signed."""
    plain = SignedHead(domain, SHARD, last_seq, head, root)
    return plain._replace(signature=signer.sign(plain.digest))


class World:
    """Commit batches of the given sizes, from sequence 1 on."""

    def __init__(self, *sizes: int) -> None:
        self.commands: dict[int, bytes] = {}
        self.events: dict[int, bytes] = {}
        self.firsts: list[int] = []
        self.roots: list[bytes] = []
        self.leaves: list[list[bytes]] = []
        self.heads: list[tuple[int, bytes]] = [(0, chain.EMPTY_HEAD)]
        seq = 1
        for size in sizes:
            self.firsts.append(seq)
            for each in range(seq, seq + size):
                self.commands[each] = c.cancel(64, each)
                self.events[each] = event(SHARD << 56 | each) + event(SHARD << 56 | each, 1)
            span = range(seq, seq + size)
            packed = b"".join(self.commands[each] for each in span)
            told = b"".join(self.events[each] for each in span)
            self.leaves.append(chain.batch_leaves(SHARD, seq, packed, told))
            self.roots.append(chain.merkle_root(self.leaves[-1]))
            head = chain.next_head(self.heads[-1][1], SHARD, seq, self.roots[-1])
            seq += size
            self.heads.append((seq - 1, head))

    def receipt(self, batch: int, index: int, until: int) -> SignedReceipt:
        """The receipt of a command, its signature over the batch `until`."""
        inner = build_receipt(
            SHARD, self.firsts[batch], self.leaves[batch], index, self.heads[batch][1]
        )
        links = tuple(Link(self.firsts[at], self.roots[at]) for at in range(batch + 1, until + 1))
        return SignedReceipt(inner, links, signed(*self.heads[until + 1], self.roots[until]))
