"""The class of each side of a fill follows from the events of its command."""

from __future__ import annotations

import pytest

from exchange.attest import authorisation as a
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, block_trade
from tests.unit.core.harness import ALICE, BOB, INDEX, PERPETUAL, SELL, USDC, Market, under_rules_3

SIGNED = r.GRANT_OF_SIGNATURE | 9


@pytest.fixture
def engine() -> Engine:
    engine = Engine()
    market = under_rules_3(Market(engine))
    for account in (ALICE, BOB):
        market.deposit(account, 1_000_000 * USDC)
    return engine


def order(account: int, side: int, grant: int, *, client_order_id: int = 0) -> bytes:
    return c.new_order(
        account, PERPETUAL, side, INDEX, 3, grant=grant, client_order_id=client_order_id
    )


@pytest.mark.parametrize(
    ("maker", "taker", "classes"),
    [
        (0, 0, (a.GRANT, a.GRANT)),
        (7, SIGNED, (a.GRANT, a.SIGNED_ORDER)),
        (SIGNED, 7, (a.SIGNED_ORDER, a.GRANT)),
    ],
)
def test_orders_name_what_they_come_under(
    engine: Engine, maker: int, taker: int, classes: tuple[int, int]
) -> None:
    assert a.fill_classes(engine.apply(order(ALICE, SELL, maker))) == []
    (found,) = a.fill_classes(engine.apply(order(BOB, 0, taker)))
    assert (found.maker, found.taker) == classes


def test_blocks_are_blocks(engine: Engine) -> None:
    events = engine.apply(block_trade(ALICE, 1, [BlockTrade(BOB, PERPETUAL, 3, INDEX)]))
    (found,) = a.fill_classes(events)
    assert (found.maker, found.taker) == (a.BLOCK, a.BLOCK)


def test_a_trade_of_an_unknown_order_has_no_class(engine: Engine) -> None:
    engine.apply(order(ALICE, SELL, 0))
    events = engine.apply(order(BOB, 0, 0))
    trades = b""
    at = 0
    while at < len(events):
        size = int.from_bytes(events[at + 2 : at + 4], "little") * 32
        if events[at] == r.EV_TRADE:
            trades += events[at : at + size]
        at += size
    with pytest.raises(a.Unauthorised):
        a.fill_classes(trades)


def test_a_whole_frame_is_told_by_trade_id(engine: Engine) -> None:
    batch = order(ALICE, SELL, 7) + order(BOB, 0, 0) + order(BOB, SELL, SIGNED) + order(ALICE, 0, 0)
    block = block_trade(ALICE, 1, [BlockTrade(BOB, PERPETUAL, 3, INDEX)])
    found = a.frame_classes(engine.apply(batch + block))
    classes = [a.GRANT << 4 | a.GRANT, a.SIGNED_ORDER << 4 | a.GRANT, a.BLOCK << 4 | a.BLOCK]
    assert [found[trade] for trade in sorted(found)] == classes
    assert a.frame_classes(b"") == {}
