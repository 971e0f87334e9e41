"""Each case of the rules runs on the production engine and on the reference."""

from __future__ import annotations

import pytest

from exchange.core import is_compiled
from exchange.core.engine import Engine
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import Market, under_rules_2, under_rules_3


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what needs an interpreted core to `test_interpreted`, where this one is compiled."""
    if not is_compiled():
        return
    left = [item for item in items if item.get_closest_marker("interpreted")]
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=left)


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> Market:
    return Market(request.param())


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def engine_class(request: pytest.FixtureRequest) -> type[Engine] | type[ReferenceEngine]:
    """For cases that list their own terms."""
    found: type[Engine] | type[ReferenceEngine] = request.param
    return found


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market_2(request: pytest.FixtureRequest) -> Market:
    """A market under rules version 2."""
    return under_rules_2(Market(request.param()))


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market_3(request: pytest.FixtureRequest) -> Market:
    """A market under rules version 3."""
    return under_rules_3(Market(request.param()))
