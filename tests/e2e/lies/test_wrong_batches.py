"""An operator posts a batch that is wrong: the watchtower sees it, proves it on the chain, and is paid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from settlement.hashing import keccak
from settlement.stf.header import Header
from settlement.trees import binary
from tests.e2e.lies.operator import SETTINGS, WATCHER, Lie, Operator, Town
from tests.e2e.lies.watching import Watch
from tests.unit.settlement.l1.backends import opened
from tests.unit.settlement.stf import every_kind as day

ANVIL = pytest.param("anvil", marks=pytest.mark.l1)


@pytest.fixture(params=["devnet", ANVIL])
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    with opened(request.param) as backend:
        yield Town(backend)


def punished(town: Town, watch: Watch, before: int) -> bool:
    """The bond is gone, half of it is the watcher's."""
    reward = town.tokens(WATCHER.address) - before
    return town.rollup.inbox(town.rollup.ethereum.head()).bond_micro == 0 and (
        reward == SETTINGS.bond_least // 2
    )


def wrong_root(header: Header, trace: list[bytes]) -> Header:
    """A state out of nowhere, also in the trace: what an operator posts who has invented balances."""
    trace[-1] = keccak(b"invented")
    return header._replace(new_root=trace[-1], trace_root=binary.root(trace))


def new_root_alone(header: Header, trace: list[bytes]) -> Header:
    return header._replace(new_root=keccak(b"invented"))


def passed_over(header: Header, trace: list[bytes]) -> Header:
    return header._replace(deposits_through=header.deposits_through - 1)


@pytest.mark.parametrize(
    ("lie", "code"), [(wrong_root, "trace"), (new_root_alone, "new_root"), (passed_over, "counts")]
)
def test_a_header_that_lies_about_the_state_costs_the_bond(town: Town, lie: Lie, code: str) -> None:
    operator = Operator(town)
    operator.open()
    operator.post(day.TRADING[:5])
    watch, before = Watch(town), town.tokens(WATCHER.address)
    operator.post([*day.TRADING[5:9], day.account(70)], lie=lie)
    watch.until_void(3)
    assert code in watch.codes
    assert punished(town, watch, before)
