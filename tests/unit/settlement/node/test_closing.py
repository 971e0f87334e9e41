"""When a batch closes and where its data goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from settlement.data.costs import BLOBS, CALLDATA, EXTERNAL, Policy, Prices
from settlement.node.closing import Closing, NoLayer
from settlement.node.limits import (
    LAZY_BATCHES,
    LAZY_MS,
    MOST_BYTES,
    MOST_FILLS,
    MOST_OUTSIDE_BYTES,
    NodeLimits,
)
from settlement.rollup.builder import MAX_STEPS, Batch, BatchBuilder
from settlement.stf.header import NETTED, Header, ShardRange

LIMITS = NodeLimits(fills=100, interval_ms=2_000, latency_ms=60_000)
CHEAP_BLOBS = Prices(10**9, 1)
CHEAP_GAS = Prices(1, 10**9)


@dataclass
class Waiting:
    """What a builder has."""

    steps: int = 10
    fills: int = 10
    most_bytes: int = 200
    age: int = 0
    can_close: bool = True

    def age_ms(self, now_ms: int) -> int:
        return self.age


def is_due(waiting: Waiting, prices: Prices = CHEAP_GAS, batches: int = 0) -> bool:
    builder = cast(BatchBuilder, waiting)
    return Closing(LIMITS, Policy(), lambda: prices).is_due(builder, 0, batches)


def batch(payload: bytes) -> Batch:
    part = ShardRange(0, 1, 2, *3 * (bytes(32),))
    header = Header(5, 1, 1, *6 * (bytes(32),), len(payload), 1, 1, 1, CALLDATA, 0, 0, 0, (part,))
    return Batch(header, payload, ())


def placed(payload: bytes, policy: Policy, prices: Prices) -> tuple[int, int]:
    header = Closing(LIMITS, policy, lambda: prices).placed(batch(payload)).header
    return header.layer, header.blobs


def test_a_batch_closes_by_size_and_by_time() -> None:
    assert not is_due(Waiting())
    assert is_due(Waiting(fills=100, steps=100))
    assert is_due(Waiting(steps=MAX_STEPS))
    assert is_due(Waiting(most_bytes=MOST_BYTES))
    assert is_due(Waiting(age=2_000))
    assert not is_due(Waiting(age=99_999, can_close=False))


def test_where_a_fuller_blob_would_be_cheaper_it_waits_but_not_for_ever() -> None:
    assert not is_due(Waiting(99, 99, age=59_999), CHEAP_BLOBS)
    assert is_due(Waiting(99, 99, age=60_000), CHEAP_BLOBS)
    assert is_due(Waiting(99, 99, age=2_000), CHEAP_GAS)


def test_while_many_wait_for_the_l1_batches_grow() -> None:
    assert not is_due(Waiting(fills=100, age=2_000), batches=LAZY_BATCHES)
    assert is_due(Waiting(age=LAZY_MS), CHEAP_BLOBS, LAZY_BATCHES)
    assert is_due(Waiting(fills=MOST_FILLS), batches=LAZY_BATCHES)


def test_what_is_netted_goes_into_blobs_and_what_can_not_be_shown_is_not_netted() -> None:
    netting = Closing(LIMITS, Policy(), lambda: CHEAP_GAS, netted=True)
    made = netting.placed(batch(b"\1" * 500)._replace(outside=b"\2" * MOST_OUTSIDE_BYTES))
    assert (made.header.layer, made.header.blobs, made.header.payload_bytes) == (BLOBS | NETTED, 1, 500)
    large = b"\2" * (MOST_OUTSIDE_BYTES + 1)
    whole = netting.placed(batch(b"\1" * 500)._replace(outside=large))
    assert (whole.payload, whole.outside, whole.header.payload_bytes) == (large, b"", len(large))
    assert (whole.header.layer, whole.header.blobs) == (BLOBS, 2)


def test_data_goes_where_it_is_cheapest_of_what_is_allowed() -> None:
    small, large = b"\1" * 1_000, b"\1" * 130_000
    assert placed(small, Policy(), CHEAP_GAS) == (CALLDATA, 0)
    assert placed(small, Policy(), CHEAP_BLOBS) == (BLOBS, 1)
    assert placed(large, Policy(), CHEAP_GAS) == (BLOBS, 2)
    assert placed(small, Policy(calldata=False, blobs=False, external=True), CHEAP_GAS) == (EXTERNAL, 0)
    assert placed(small, Policy(least_fill_percent=75), CHEAP_BLOBS) == (CALLDATA, 0)
    assert placed(b"\1" * 100_000, Policy(least_fill_percent=75), CHEAP_BLOBS) == (BLOBS, 1)
    assert placed(large, Policy(least_fill_percent=75), CHEAP_BLOBS) == (BLOBS, 2), "no calldata holds it"
    with pytest.raises(NoLayer):
        placed(large, Policy(blobs=False), CHEAP_GAS)
