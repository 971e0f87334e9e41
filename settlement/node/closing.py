"""When a batch closes, and where its data goes: by size, by time, by what the L1 asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from settlement.data.costs import Policy, Prices, choose
from settlement.node.limits import LAZY_BATCHES, LAZY_MS, MOST_BYTES, MOST_FILLS, NodeLimits
from settlement.rollup.builder import MAX_STEPS, Batch, BatchBuilder

_BYTES_A_FILL: Final = 4
_BYTES_A_STEP: Final = 8  # of a batch's other steps, roughly: INDEX for the most part


class NoLayer(Exception):
    """A payload that no layer which is allowed takes (critical)."""


class Closing:
    """Judges a builder. `prices` are the last known; while none are known, every layer costs the same."""

    def __init__(self, limits: NodeLimits, policy: Policy, prices: Callable[[], Prices]) -> None:
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
        if builder.steps >= MAX_STEPS or builder.most_bytes >= MOST_BYTES:
            return True
        age_ms = builder.age_ms(now_ms)
        if age_ms < (max(LAZY_MS, self._limits.interval_ms) if lazy else self._limits.interval_ms):
            return False
        if lazy or age_ms >= self._limits.latency_ms:
            return True
        return choose(self._guess(builder), self._prices(), age_ms, self._policy).quote is not None

    @staticmethod
    def _guess(builder: BatchBuilder) -> bytes:
        """As many bytes as the payload might have, none of them zero."""
        others = builder.steps - builder.fills
        return b"\1" * (builder.fills * _BYTES_A_FILL + others * _BYTES_A_STEP)

    def placed(self, batch: Batch) -> Batch:
        """The batch with the layer that is cheapest for it now. Raises NoLayer."""
        try:
            quote = choose(batch.payload, self._prices(), self._policy.latency_ms, self._policy).quote
        except ValueError as error:
            raise NoLayer(f"batch {batch.header.batch_id}: {error}") from error
        assert quote is not None, "nothing waits at the age at which nothing may wait"
        return batch._replace(header=batch.header._replace(layer=quote.layer, blobs=quote.blobs))
