"""When a batch closes, and where its data goes: by size, by time, by what the L1 asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from settlement.data.costs import Policy, Prices, choose
from settlement.l1.blobs import PAYLOAD_BYTES
from settlement.node.limits import (
    LAZY_BATCHES,
    LAZY_MS,
    MOST_BYTES,
    MOST_FILLS,
    MOST_NETTED_BYTES,
    MOST_OUTSIDE_BYTES,
    NodeLimits,
)
from settlement.rollup.builder import MAX_STEPS, Batch, BatchBuilder
from settlement.stf.header import BLOBS, NETTED

_BYTES_A_FILL: Final = 4
_BYTES_A_STEP: Final = 8  # of a batch's other steps, roughly: INDEX for the most part


class NoLayer(Exception):
    """A payload that no layer which is allowed takes (critical)."""


class Closing:
    """Judges a builder. `prices` are the last known; while none are known, every layer costs the same."""

    def __init__(
        self, limits: NodeLimits, policy: Policy, prices: Callable[[], Prices], *, netted: bool = False
    ) -> None:  # fmt: skip
        """`netted`: batches post what their fills come to in blobs, and their chunks outside."""
        self._netted = netted
        self._most_bytes = MOST_NETTED_BYTES if netted else MOST_BYTES
        self._limits = limits
        self._policy = policy._replace(latency_ms=limits.latency_ms)
        self._prices = prices

    def is_due(self, builder: BatchBuilder, now_ms: int, waiting_batches: int) -> bool:
        """Whether the batch is to be closed now; `waiting_batches` are those not yet on the L1."""
        if not builder.can_close:
            return False
        lazy = waiting_batches >= LAZY_BATCHES
        if builder.fills >= (MOST_FILLS if lazy else min(self._limits.fills, MOST_FILLS)):
            return True
        if builder.steps >= MAX_STEPS or builder.most_bytes >= self._most_bytes:
            return True
        age_ms = builder.age_ms(now_ms)
        if age_ms < (max(LAZY_MS, self._limits.interval_ms) if lazy else self._limits.interval_ms):
            return False
        if lazy or self._netted or age_ms >= self._limits.latency_ms:
            return True
        return choose(self._guess(builder), self._prices(), age_ms, self._policy).quote is not None

    @staticmethod
    def _guess(builder: BatchBuilder) -> bytes:
        """As many bytes as the payload might have, none of them zero."""
        others = builder.steps - builder.fills
        return b"\1" * (builder.fills * _BYTES_A_FILL + others * _BYTES_A_STEP)

    def placed(self, batch: Batch) -> Batch:
        """The batch with the layer that is cheapest for it now, netted where it can be. Raises NoLayer."""
        if batch.outside:
            if len(batch.outside) <= MOST_OUTSIDE_BYTES:
                blobs = -(-len(batch.payload) // PAYLOAD_BYTES)
                return batch._replace(header=batch.header._replace(layer=BLOBS | NETTED, blobs=blobs))
            # Nobody could show so much where it is demanded: posted as it is.
            header = batch.header._replace(payload_bytes=len(batch.outside))
            batch = batch._replace(header=header, payload=batch.outside, outside=b"")
        try:
            quote = choose(batch.payload, self._prices(), self._policy.latency_ms, self._policy).quote
        except ValueError as error:
            raise NoLayer(f"batch {batch.header.batch_id}: {error}") from error
        assert quote is not None, "nothing waits at the age at which nothing may wait"
        return batch._replace(header=batch.header._replace(layer=quote.layer, blobs=quote.blobs))
