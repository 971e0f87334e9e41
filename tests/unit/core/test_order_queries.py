"""Views of what rules 3 keep (`exchange.core.order_queries`)."""

from __future__ import annotations

import pytest

from exchange.core import order_queries as q
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects
from tests.unit.core.harness import ALICE, BOB, IOC, OPTION, SELL, Market, last, under_rules_3

LARGE = 1 << 63


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def market(engine: Engine) -> Market:
    return under_rules_3(Market(engine))


def test_ids_are_found_until_they_are_forgotten(engine: Engine, market: Market) -> None:
    assert q.remembered_id(engine, ALICE, 3, 5) is None
    assert q.last_client_order_id(engine, ALICE, 3) == 0
    placed = last(market.send(c.new_order(ALICE, OPTION, 0, 90, 1, client_order_id=5, grant=3)), e.Order)
    market.send(c.new_order(ALICE, OPTION, 0, 0, 1, client_order_id=LARGE, grant=3))
    assert q.remembered_id(engine, ALICE, 3, 5) == (placed.order_id, 0, placed.head.seq)
    assert q.remembered_id(engine, ALICE, 3, LARGE) == (0, rejects.BAD_PRICE, placed.head.seq + 1)
    assert q.last_client_order_id(engine, ALICE, 3) == LARGE
    for account, grant, client in ((ALICE, 3, 6), (ALICE, 0, 5), (BOB, 3, 5)):
        assert q.remembered_id(engine, account, grant, client) is None
    market.send(co.set_id_window(1), c.new_order(ALICE, OPTION, 0, 90, 1, client_order_id=1, grant=4))
    assert q.remembered_id(engine, ALICE, 3, LARGE) is None
    assert q.last_client_order_id(engine, ALICE, 3) == LARGE


def test_groups(engine: Engine, market: Market) -> None:
    limits = co.MmpLimits(11, 0, 2_000_000, 0, 0, 10**9)
    market.send(c.time(5), co.set_mmp(BOB, 0, 2, limits), co.set_mmp(ALICE, 0, 15, limits))
    found = [(g.account, g.underlying, g.number) for g in q.mmp_groups(engine)]
    assert found == [(ALICE, 0, 15), (BOB, 0, 2)]
    market.send(c.mass_quote(BOB, [c.Quote(OPTION, 90, 4, 120, 1)], mmp_group=3))
    market.order(ALICE, 90, 1, SELL | IOC)
    assert q.mmp_group(engine, BOB, 0, 2) == (BOB, 0, 2, limits, 0, 5, 1_000_000, 0, 0, 2)
    market.order(ALICE, 90, 1, SELL | IOC)
    assert q.mmp_group(engine, BOB, 0, 2) == (BOB, 0, 2, limits, -1, -1, 0, 0, 0, 0)
    for place in ((BOB, 0, 1), (BOB, 1, 2), (BOB, 0, 16), (BOB, 0, -1), (-1, 0, 2), (BOB, 1 << 10, 2)):
        assert q.mmp_group(engine, *place) is None


def test_frozen_quotes(engine: Engine, market: Market) -> None:
    market.send(c.time(5), c.header(r.CANCEL_MANY, 1, flags=r.FREEZE_QUOTES, account=ALICE))
    assert (q.quotes_frozen_until(engine, ALICE), q.quotes_frozen_until(engine, BOB)) == (1_005, 0)
