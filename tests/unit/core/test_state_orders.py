"""State format 3: what rules 3 keep is written, word for word, and read back (`exchange.core.state`)."""

from __future__ import annotations

import struct

import pytest

from exchange.core import groups, protection
from exchange.core.engine import Engine
from exchange.core.invariants import InvariantError, check
from exchange.core.layout import G_ORDERS, GROUP_WORDS, O_FLAGS, ORDER_WORDS, Q_LOTS, STAKE_WORDS
from exchange.core.restoring import StateError
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import limits, rejects
from exchange.domain import records as r
from tests.unit.core.harness import ALICE, BOB, IOC, OPTION, SELL, Market, under_rules_3

# 2 streams of 3 words, 3 remembered of 6, 2 groups of 14, and the three counts; behind them one last price
# and the counts of what `test_state_extras` is about, and the last block.
TAIL_WORDS = 3 + 2 * 3 + 3 * 6 + 2 * 14
BEHIND_WORDS = 7


def full_market() -> tuple[Engine, Market]:
    """Something of everything sections 8 to 10 hold; the bytes of no field are those of another."""
    engine = Engine(shard=2)
    market = under_rules_3(Market(engine))
    market.send(c.time(1_000), co.set_id_window(9))
    market.send(co.set_mmp(ALICE, 0, 3, co.MmpLimits(11, 12, 13_000_000, 5_000_000, 15, 16_000_000)))
    market.send(co.set_mmp(ALICE, 0, 0, co.MmpLimits(21, 22, 1_000_000, 0, 0, 26_000_000)))
    market.send(c.mass_quote(ALICE, [c.Quote(OPTION, 90, 5, 130, 4)], mmp_group=4))
    market.send(c.new_order(ALICE, OPTION, r.FLAG_MMP, 91, 2, client_order_id=7, grant=6))
    market.send(c.new_order(BOB, OPTION, SELL | IOC, 91, 1, client_order_id=1 << 63))
    market.order(BOB, 90, 2, SELL | IOC)
    market.send(c.new_order(ALICE, OPTION, 0, 0, 1, client_order_id=8, grant=6))
    market.send(c.header(r.CANCEL_MANY, 1, flags=r.FREEZE_QUOTES, account=BOB))
    return engine, market


def tail(engine: Engine) -> list[int]:
    data = engine.state_bytes()
    return list(struct.unpack_from(f"<{TAIL_WORDS}q", data, len(data) - 8 * (TAIL_WORDS + BEHIND_WORDS)))


def test_the_format_word() -> None:
    market = Market(engine := Engine())
    market.send(c.set_rules(3))
    assert struct.unpack_from("<3q", engine.state_bytes()) == (3, 0, 3)
    data = engine.state_bytes()
    assert Engine.restore(data).state_bytes() == data
    for form in (2, 4):
        with pytest.raises(StateError):
            Engine.restore(struct.pack("<q", form) + data[8:])


def test_every_word_of_the_tail() -> None:
    engine, _ = full_market()
    shard = 2 << 56
    words = tail(engine)
    first = words[1 + 6 + 1 + 5]
    assert words == [
        2, ALICE, 6, 8, BOB, 0, -(1 << 63),
        3, ALICE, 6, 7, shard | 3, 0, first,
        BOB, 0, -(1 << 63), shard | 4, 0, first + 1,
        ALICE, 6, 8, 0, rejects.BAD_PRICE, first + 3,
        2,
        ALICE, 0, 0, 21, 22, 1_000_000, 0, 0, 26_000_000, 1_022, -1, 0, 0, 0,
        ALICE, 0, 3, 11, 12, 13_000_000, 5_000_000, 15, 16_000_000, 0, 1_000, 2_000_000, 0, 0,
    ]  # fmt: skip
    assert first >> 56 == 2


def test_everything_comes_back_and_goes_on_alike() -> None:
    engine, _ = full_market()
    check(engine)
    restored = Engine.restore(engine.state_bytes())
    check(restored)
    assert restored.state_bytes() == engine.state_bytes()
    commands = [
        c.new_order(ALICE, OPTION, 0, 100, 1, client_order_id=7, grant=6),
        c.new_order(ALICE, OPTION, 0, 100, 1, client_order_id=6, grant=6),
        c.new_order(ALICE, OPTION, r.FLAG_MMP, 100, 1),
        c.mass_quote(ALICE, [c.Quote(OPTION, 91, 6, 129, 4)], mmp_group=4),
        c.mass_quote(BOB, [c.Quote(OPTION, 91, 6)]),
        c.time(1_022),
        c.new_order(ALICE, OPTION, r.FLAG_MMP, 100, 1),
        c.new_order(BOB, OPTION, SELL | IOC, 80, 9),
        co.set_mmp(ALICE, 0, 3, co.MmpLimits(0, 0, 0, 0, 0, 0)),
    ]
    for command in commands:
        assert restored.apply(command) == engine.apply(command)
        assert restored.state_bytes() == engine.state_bytes()
        check(restored)


@pytest.mark.parametrize(
    ("word", "value", "said"),
    [
        (1, 99, "nobody's"),
        (2, -1, "grant"),
        (2, 1 << 32, "grant"),
        (3, 7, "beyond"),
        (8, 3, "nobody's"),
        (9, 5, "no stream"),
        (10, 8, "out of order"),
        (27, ALICE + 99, "nobody's"),
        (28, 1, "out of range"),
        (29, 16, "out of range"),
        (43, 4, "no protection group"),
        (49, -1, "out of range"),
    ],
)
def test_nonsense_is_refused(word: int, value: int, said: str) -> None:
    engine, _ = full_market()
    data = bytearray(engine.state_bytes())
    at = len(data) - 8 * (TAIL_WORDS + BEHIND_WORDS) + 8 * word
    data[at : at + 8] = struct.pack("<q", value)
    with pytest.raises(StateError, match=said):
        Engine.restore(bytes(data))


def test_more_groups_than_there_may_be_are_refused() -> None:
    engine = under_rules_3(Market(Engine())).engine
    assert isinstance(engine, Engine)
    for n in range(limits.MAX_GROUPS + 1):
        groups.make_group(engine.world, protection.key_of(ALICE + n // 16, 0, n % 16))
    with pytest.raises(StateError, match="too many protection groups"):
        Engine.restore(engine.state_bytes())


def test_a_state_cut_anywhere_is_refused() -> None:
    engine, _ = full_market()
    data = engine.state_bytes()
    for words in range(1, TAIL_WORDS + BEHIND_WORDS + 3):
        with pytest.raises(StateError):
            Engine.restore(data[: -8 * words])


def damaged_world() -> Engine:
    engine, _ = full_market()
    check(engine)
    return engine


def test_what_a_group_has_open_is_checked() -> None:
    engine = damaged_world()
    engine.world.stakes.data[STAKE_WORDS + Q_LOTS] += 1
    with pytest.raises(InvariantError, match="open lots"):
        check(engine)


def test_a_group_s_count_is_checked() -> None:
    engine = damaged_world()
    engine.world.groups.data[GROUP_WORDS + G_ORDERS] += 1
    with pytest.raises(InvariantError, match="miscounted"):
        check(engine)


def test_a_protected_order_without_a_group_is_noticed() -> None:
    engine = damaged_world()
    slot = engine.world.members.data[3]
    engine.world.orders.data[slot * ORDER_WORDS + O_FLAGS] &= ~r.FLAG_MMP
    with pytest.raises(InvariantError):
        check(engine)
