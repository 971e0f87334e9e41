from __future__ import annotations

import numpy as np
import pytest

from loadtest.baseline_sorted import SortedExchange
from loadtest.canonical import checksum, table
from loadtest.workload import (
    ACCOUNT_FIRST,
    ACCOUNTS_COUNT,
    INSTRUMENTS_COUNT,
    KIND_CROSSING,
    KIND_PASSIVE,
    LEVELS_PER_SIDE_MAX,
    OP_AMEND,
    OP_CANCEL,
    Workload,
    generate,
)

COUNT = 60_000


@pytest.fixture(scope="module")
def workload() -> Workload:
    return generate(COUNT)


def test_the_same_seed_gives_the_same_workload_and_another_seed_another() -> None:
    first, again, other = generate(500), generate(500), generate(500, seed=1)
    assert first.rows() == again.rows()
    assert first.rows() != other.rows()


def test_the_stream_of_the_default_seed_is_fixed() -> None:
    exchange = SortedExchange(INSTRUMENTS_COUNT)
    exchange.apply(generate(5_000).rows())
    assert checksum(exchange.events) == 10737564381686901936


def test_a_shorter_workload_is_the_head_of_a_longer_one(workload: Workload) -> None:
    assert generate(1_000).rows() == workload.head(1_000).rows()
    assert len(workload.head(1_000)) == 1_000


def test_the_mix_is_the_stated_one(workload: Workload) -> None:
    shares = {name: count / COUNT for name, count in workload.kind_counts().items()}
    stated = {"passive new": 0.45, "cancel": 0.40, "amend": 0.10, "crossing": 0.05}
    assert shares == pytest.approx(stated, abs=0.01)


def test_order_ids_count_new_orders_from_one(workload: Workload) -> None:
    new = workload.op < OP_CANCEL
    assert workload.order_id[new].tolist() == list(range(1, int(new.sum()) + 1))


def test_changes_name_live_orders_and_only_crossing_orders_trade(workload: Workload) -> None:
    exchange = SortedExchange(INSTRUMENTS_COUNT)
    trades = 0
    for row, kind in zip(workload.rows(), workload.kind.tolist(), strict=True):
        if row[0] in (OP_CANCEL, OP_AMEND):
            assert row[5] in exchange.orders
            assert (row[1], row[2]) == (exchange.orders[row[5]].instrument, exchange.orders[row[5]].side)
        exchange.apply([row])
        assert (exchange.trades_count > trades) == (kind == KIND_CROSSING)
        trades = exchange.trades_count
    assert 17 not in table(exchange.events)[:, 0]
    assert len(exchange.orders) > COUNT // 100


def test_no_side_can_hold_more_than_200_levels(workload: Workload) -> None:
    resting = workload.kind == KIND_PASSIVE
    resting |= workload.op == OP_AMEND
    for instrument in range(INSTRUMENTS_COUNT):
        for side in (0, 1):
            here = resting & (workload.instrument == instrument) & (workload.side == side)
            prices = workload.price_ticks[here]
            assert int(np.ptp(prices)) < LEVELS_PER_SIDE_MAX
            assert int(prices.min()) > 0


def test_no_account_is_on_both_sides(workload: Workload) -> None:
    assert (workload.account % 2 == workload.side).all()
    assert int(workload.account.min()) == ACCOUNT_FIRST
    assert int(workload.account.max()) == ACCOUNT_FIRST + ACCOUNTS_COUNT - 1


def test_all_instruments_trade(workload: Workload) -> None:
    assert len(np.unique(workload.instrument)) == INSTRUMENTS_COUNT


def test_a_workload_without_operations_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one operation"):
        generate(0)
