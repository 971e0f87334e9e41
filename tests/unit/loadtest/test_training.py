"""The training of the profile-guided build really trades."""

from __future__ import annotations

import struct
from collections import Counter

import pytest

from exchange.core.engine import Engine
from exchange.domain import records as r
from loadtest import training


def test_every_kind_of_order_traffic_is_in_it() -> None:
    assert training.train(4_000) >= 4_000


@pytest.mark.parametrize("rules", [1, 2, 3])
def test_traffic_is_of_a_seed_and_mostly_accepted(rules: int) -> None:
    runs = []
    for _ in range(2):
        traffic = training._traffic(7, rules)
        engine = Engine()
        engine.apply(training._opening(rules))
        events = []
        for _ in range(60):
            events.append(engine.apply(b"".join(traffic.command() for _ in range(50))))
            traffic.learn(events[-1])
        runs.append(b"".join(events))
    assert runs[0] == runs[1]
    kinds: Counter[int] = Counter()
    ends: Counter[tuple[int, int]] = Counter()  # states and reasons
    at = 0
    while at < len(runs[0]):
        kind, _, units = struct.unpack_from("<BBH", runs[0], at)
        kinds[kind] += 1
        ends[runs[0][at + 69], runs[0][at + 70]] += kind == r.EV_ORDER
        at += units * r.UNIT_BYTES
    assert kinds[r.EV_ORDER] > 3_000
    assert kinds[r.EV_TRADE] > 50
    assert kinds[r.EV_MARKED] > 0
    assert kinds[r.EV_REJECTED] < 60
    if rules == 3:
        assert ends[r.ORDER_STATE_UNTRIGGERED, 0] > 100
        assert all(ends[r.ORDER_STATE_CANCELLED, why] for why in (r.CANCEL_MMP, r.CANCEL_OCO))
        assert kinds[r.EV_EXTENDED] > 100
