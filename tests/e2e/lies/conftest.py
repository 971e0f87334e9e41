"""The chains the stories are played on: the development chain in process; anvil by `make test-l1`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.lies.operator import Town
from tests.unit.settlement.l1.backends import opened

EVERY_CHAIN = ["devnet", pytest.param("anvil", marks=pytest.mark.l1)]


@pytest.fixture(params=EVERY_CHAIN)
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    """All contracts on a fresh chain."""
    with opened(request.param) as backend:
        yield Town(backend)
