from __future__ import annotations

import pytest

from loadtest import peers
from loadtest.baseline_sorted import SortedExchange
from loadtest.canonical import EVENT_TRADE, table
from loadtest.workload import INSTRUMENTS_COUNT, KIND_AMEND, Row, generate

# The peers are not among the packages of `make test`: `make test-slow` installs them.
pytestmark = pytest.mark.slow

OPERATIONS_COUNT = 1_500


def rows_without_amends() -> list[Row]:
    workload = generate(OPERATIONS_COUNT)
    dropped = workload.kind == KIND_AMEND
    return [row for row, drop in zip(workload.rows(), dropped.tolist(), strict=True) if not drop]


def traded_lots(rows: list[Row]) -> int:
    exchange = SortedExchange(INSTRUMENTS_COUNT)
    exchange.apply(rows)
    events = table(exchange.events)
    return int(events[events[:, 0] == EVENT_TRADE][:, 5].sum())


@pytest.mark.parametrize("name", ["lightmatchingengine", "order-matching"])
def test_a_peer_trades_what_the_baseline_trades(name: str) -> None:
    rows = rows_without_amends()
    adapter = peers.PEERS[name].make()
    adapter.apply(rows)
    assert adapter.traded_lots == traded_lots(rows) > 0


@pytest.mark.parametrize("name", sorted(peers.PEERS))
def test_a_peer_is_timed_in_a_process_of_its_own(name: str) -> None:
    result = peers.measure(name, 300, 1)
    assert result.problem == ""
    assert result.operations_count == 300
    assert result.operations_per_second > 0
    assert result.version


def test_a_peer_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    result = peers.measure("order-matching", 10, 1)
    assert result.problem == "exit code 1: no message"
    assert result.operations_per_second == 0.0
