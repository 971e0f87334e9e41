"""Machines for the contracts' tests; those over a node run by `make test-l1` alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from settlement.contracts.evm import Evm
from tests.unit.settlement.contracts.machines import machine

Machine = tuple[Evm, list[bytes]]

EVERY_MACHINE = ["revm", "py-evm", pytest.param("anvil", marks=pytest.mark.l1)]


@pytest.fixture
def revm() -> Iterator[Machine]:
    """The machine in process."""
    with machine("revm") as found:
        yield found


@pytest.fixture(params=EVERY_MACHINE)
def any_machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Each of the three machines."""
    with machine(request.param) as found:
        yield found
