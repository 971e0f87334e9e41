"""What posted batches say, as claims an audit judges."""

from __future__ import annotations

from collections.abc import Iterable

from exchange.domain.limits import SHARD_SHIFT
from settlement.audit.rerun import Claim
from settlement.stf.chunks import Chunk
from settlement.stf.header import Header
from settlement.stf.steps import FILL

_COUNTER = (1 << SHARD_SHIFT) - 1


def claim_of(header: Header, chunks: Iterable[Chunk], shard: int = 0) -> Claim:
    """The claim of a batch that was derived.

    Raises:
        ValueError: the batch says nothing of this shard, or fills of several in one: their classes can not be
            told apart.
    """
    if [part.shard for part in header.ranges] != [shard]:
        raise ValueError(f"batch {header.batch_id} is not of shard {shard} alone")
    part = header.ranges[0]
    classes = {step.ident: step.classes for one in chunks for step in one.steps if step.kind == FILL}
    last_seq = part.last_seq & _COUNTER
    return Claim(last_seq, part.chain_head, part.log_root, part.heads_root, classes)
