"""Evidence of equivocation: the sequencer's own signatures against it (docs/receipts.md).

Each function says whether a contract has to accept the evidence; none raises for what a stranger sent.
"""

from __future__ import annotations

from exchange.attest.heads import HeadProof, holds
from exchange.attest.signed_heads import Recover, SignedHead, verify_signed_head


def two_heads(one: SignedHead, other: SignedHead, signer: bytes, recover: Recover) -> bool:
    """Two signatures of one key, in one domain, over the same shard and sequence number, that say different
    things."""
    return (
        (one.domain, one.shard, one.last_seq) == (other.domain, other.shard, other.last_seq)
        and (one.head, one.root) != (other.head, other.root)
        and verify_signed_head(one, signer, recover)
        and verify_signed_head(other, signer, recover)
    )


def against_posted(
    signed: SignedHead, heads_root: bytes, proof: HeadProof, signer: bytes, recover: Recover
) -> bool:
    """A signed head that a posted header contradicts: at the same sequence number the header's tree of heads
    holds another."""
    return (
        proof.last_seq == signed.last_seq
        and proof.head != signed.head
        and holds(heads_root, signed.shard, proof)
        and verify_signed_head(signed, signer, recover)
    )


def no_such_batch(
    signed: SignedHead,
    heads_root: bytes,
    before: HeadProof,
    after: HeadProof,
    signer: bytes,
    recover: Recover,
) -> bool:
    """A signed head of a commit batch that a posted header does not know: in its tree two neighbours stand
    around the sequence number."""
    return (
        before.position + 1 == after.position
        and len(before.path) == len(after.path)
        and before.last_seq < signed.last_seq < after.last_seq
        and holds(heads_root, signed.shard, before)
        and holds(heads_root, signed.shard, after)
        and verify_signed_head(signed, signer, recover)
    )
