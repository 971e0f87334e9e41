"""State format 3, sections 11 to 15: written, read back, nonsense refused (`exchange.core.state`)."""

from __future__ import annotations

import struct

import pytest

from exchange.core.engine import Engine
from exchange.core.invariants import InvariantError, check
from exchange.core.layout import (
    EXTRA_WORDS,
    X_AT,
    X_FILLED,
    X_KEY,
    X_NOTED,
    X_OTHER,
    X_PRIMARY,
    X_WHERE,
)
from exchange.core.restoring import StateError
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    IOC,
    MARKET,
    MICRO,
    OPTION,
    SELL,
    Market,
    under_rules_3,
)
from tests.unit.core.triggers import extended, stop, trailing

# 1 last price, 6 untriggered orders, 11 extras, 2 due ones, and the counts; the last block.
LAST_AT, ORDERS_AT, EXTRAS_AT, DUE_AT = 0, 3, 3 + 1 + 6 * 14, 3 + 1 + 6 * 14 + 1 + 11 * 14
TAIL_WORDS = DUE_AT + 1 + 2 + 1


def full_market() -> tuple[Engine, Market]:
    """Something of everything; two orders are left due."""
    engine = Engine(shard=1)
    market = under_rules_3(Market(engine))
    market.send(c.time(50))
    extended(market, 120, 6, SELL, trailing(30), display=2, client=9, label=3, grant=4)  # 1
    extended(market, 90, 4, volatility=600_000)  # 2
    extended(market, 140, 5, SELL, link=r.LINK_OCO, members=(co.Member(SELL | MARKET, 0, 5, 0, 8, stop(70)),))
    members = (co.Member(SELL, 150, 7), co.Member(SELL, 80, 7, trigger=stop(60)))
    extended(market, 100, 7, link=r.LINK_OTOCO, condition=r.FILL_INCREMENTAL, members=members)  # 5, 6, 7
    market.order(BOB, 100, 2, SELL | IOC)  # 8
    extended(market, 95, 1, link=r.LINK_OTO, condition=r.FILL_COMPLETE, members=(co.Member(SELL, 160, 1),))
    for _ in range(64 + 2):  # 11 …
        extended(market, 50, 1, 0, stop(12_100))
    market.mark(12_100)
    return engine, market


def words_of(engine: Engine) -> list[int]:
    data = engine.state_bytes()
    return list(struct.unpack(f"<{TAIL_WORDS}q", data[-8 * TAIL_WORDS :]))


def test_every_word() -> None:
    engine, _ = full_market()
    check(engine)
    words = words_of(engine)
    o = 1 << 56
    assert words[LAST_AT:ORDERS_AT] == [1, OPTION, 100]
    orders = words[ORDERS_AT:EXTRAS_AT]
    assert orders[0] == 6
    rows = [orders[1 + 14 * row : 15 + 14 * row] for row in range(6)]
    assert rows[0] == [o | 1, ALICE, OPTION, 120, 6, 6, 2, 0, 1, 9, 3, 4, 50, 50]
    assert rows[1] == [o | 4, ALICE, OPTION, 0, 5, 5, 0, 0, SELL | MARKET, 0, 8, 0, 50, 50]
    assert rows[2] == [o | 7, ALICE, OPTION, 80, 2, 2, 0, 0, 1, 0, 0, 0, 50, 50]
    assert rows[3] == [o | 10, ALICE, OPTION, 160, 1, 1, 0, 0, 1, 0, 0, 0, 50, 50]
    extras = words[EXTRAS_AT:DUE_AT]
    assert extras[0] == 11
    rows = [extras[1 + 14 * row : 15 + 14 * row] for row in range(11)]
    pair, brackets, one = 1 << 16, 3 << 16 | 2 << 24, 2 << 16 | 1 << 24
    assert rows == [
        [o | 1, 3 | 2 << 8, 0, 30 * MICRO, 12_100 * MICRO, 0, 0, 0, 0, 0, 0, 0, 0, 2],
        [o | 2, 0, 0, 0, -1, 600_000, 0, 0, 0, 0, 0, 0, 0, 0],
        [o | 3, pair | 1 << 32, 0, 0, -1, 0, o | 4, 0, 0, 0, 0, 0, 0, 0],
        [o | 4, 1 | 2 << 8 | pair, 70 * MICRO, 0, -1, 0, o | 3, 0, 0, 0, 0, 0, 0, 2],
        [o | 5, brackets | 2 << 32, 0, 0, -1, 0, 0, 0, o | 6, o | 7, 0, 0, 0, 0],
        [o | 6, brackets, 0, 0, -1, 0, o | 7, o | 5, 0, 0, 7, 2, 1, 0],
        [o | 7, 1 | 2 << 8 | brackets, 60 * MICRO, 0, -1, 0, o | 6, o | 5, 0, 0, 7, 2, 0, 2],
        [o | 9, one | 1 << 32, 0, 0, -1, 0, 0, 0, o | 10, 0, 0, 0, 0, 0],
        [o | 10, one, 0, 0, -1, 0, 0, o | 9, 0, 0, 0, 0, 0, 1],
        [o | 75, 1 | 2 << 8, 12_100 * MICRO, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 3],
        [o | 76, 1 | 2 << 8, 12_100 * MICRO, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 3],
    ]
    assert words[DUE_AT:] == [2, o | 75, o | 76, 0]


def test_everything_comes_back_and_goes_on_alike() -> None:
    engine, _ = full_market()
    restored = Engine.restore(engine.state_bytes())
    check(restored)
    assert restored.state_bytes() == engine.state_bytes()
    for command in (
        c.time(60),
        c.new_order(BOB, OPTION, SELL, 100, 3),
        c.new_order(BOB, OPTION, 0, 150, 3),
        co.reprice([((1 << 56) | 2, 91)]),
        c.cancel(ALICE, 1 << 56 | 9),
        c.expire_day(OPTION),
        c.cancel_many(ALICE),
    ):
        assert restored.apply(command) == engine.apply(command)
        assert restored.state_bytes() == engine.state_bytes()
        check(restored)


@pytest.mark.parametrize(
    ("word", "value", "said"),
    [
        (1, 2, "last price"),
        (2, 0, "last price"),
        (2, (1 << 40) + 1, "last price"),
        (ORDERS_AT + 1, (1 << 56) | 2, "out of range"),
        (ORDERS_AT + 2, 99, "nobody's"),
        (ORDERS_AT + 3, 2, "out of range"),
        (ORDERS_AT + 4, 500_001, "price"),
        (ORDERS_AT + 5, 7, "size"),
        (ORDERS_AT + 6, 0, "size"),
        (ORDERS_AT + 7, 7, "display"),
        (ORDERS_AT + 9, 1 << 31, "flags"),
        (EXTRAS_AT + 1, 5, "no order"),
        (EXTRAS_AT + 2, 4 | 2 << 8, "trigger"),
        (EXTRAS_AT + 2, 3, "trigger"),
        (EXTRAS_AT + 2, 3 | 2 << 8 | 4 << 16, "link"),
        (EXTRAS_AT + 4, -1, "trigger's price"),
        (EXTRAS_AT + 5, -2, "best"),
        (EXTRAS_AT + 7, 1 << 56 | 99, "linked to none"),
        (EXTRAS_AT + 14, 0, "wrong place"),
        (EXTRAS_AT + 14, 4, "wrong place"),
        (EXTRAS_AT + 14, 3, "queue"),
        (DUE_AT, 1, "queue"),
        (DUE_AT + 1, 1 << 56 | 1, "queue"),
    ],
)
def test_nonsense_is_refused(word: int, value: int, said: str) -> None:
    engine, _ = full_market()
    data = bytearray(engine.state_bytes())
    at = len(data) - 8 * TAIL_WORDS + 8 * word
    data[at : at + 8] = struct.pack("<q", value)
    with pytest.raises(StateError, match=said):
        Engine.restore(bytes(data))


def test_a_state_cut_anywhere_is_refused() -> None:
    engine, _ = full_market()
    data = engine.state_bytes()
    for words in range(1, TAIL_WORDS + 3, 3):
        with pytest.raises(StateError):
            Engine.restore(data[: -8 * words])


@pytest.mark.parametrize(
    ("order", "field", "value"),
    [
        (1, X_WHERE, 2),
        (1, X_AT, 1),
        (4, X_KEY, 1),
        (4, X_OTHER, 0),
        (7, X_PRIMARY, 0),
        (6, X_FILLED, 1),
        (5, X_NOTED, 1),
        (75, X_WHERE, 1),
    ],
)
def test_damage_is_found(order: int, field: int, value: int) -> None:
    engine, _ = full_market()
    w = engine.world
    slot = w.extra_ids.find(1 << 56 | order)
    w.extras.data[slot * EXTRA_WORDS + field] = value
    with pytest.raises(InvariantError):
        check(engine)


@pytest.mark.parametrize("name", ["untriggered", "armed", "due_count"])
def test_a_miscount_is_found(name: str) -> None:
    engine, _ = full_market()
    setattr(engine.world, name, getattr(engine.world, name) + 1)
    with pytest.raises(InvariantError):
        check(engine)
