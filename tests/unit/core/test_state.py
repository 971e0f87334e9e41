"""Snapshots: what an engine is can be written, read back, and goes on alike (`exchange.core.state`)."""

from __future__ import annotations

import struct

import pytest

from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.core.layout import (
    A_AUCTION,
    A_BASIS,
    A_CURSOR,
    A_LIQUIDATION,
    ACCOUNT_WORDS,
)
from exchange.core.restoring import StateError
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import records as r
from tests.unit.core.harness import ALICE, BOB, CALL, CAROL, OPTION, PERPETUAL, SELL, Market, under_rules_2

TIERS = (cr.FeeTier(200, 300, 100, 500), cr.FeeTier(-100, 250, -50, 400))


def full_market() -> tuple[Engine, Market]:
    """Something of everything rules 2 knows: the bytes of no field are those of another."""
    engine = Engine(shard=3)
    market = Market(engine)
    market.long(ALICE, BOB, 10, 12_000)
    under_rules_2(market)
    market.send(cr.set_fees(TIERS, 250), cr.set_tier(BOB, 1), cr.set_caps(CAROL, 1_000, 300))
    market.send(c.create_account(67, bytes(range(20)), ALICE), c.create_account(68, bytes(20), ALICE))
    market.send(cr.transfer(ALICE, 67, 1_000, 1), cr.set_lock(68, True))
    market.send(c.withdraw(BOB, 30, 7), c.withdraw(ALICE, 40, 9), cr.resolve_withdrawal(7, 0))
    market.long(CAROL, BOB, 3, 50_000, PERPETUAL)
    market.rests(ALICE, 100, 5)
    market.rests(BOB, 13_000, 5, SELL, display=2)
    market.send(c.list_underlying(1, "ETH"), cr.set_underlying_state(1, r.STATE_HALTED))
    market.feed += 1
    stream = cr.table_stream([(OPTION, [5, -6, 7]), (PERPETUAL, [1, 0, -1])])
    market.send(cr.risk_snapshot(0, 50_001_000_000, market.feed, [], 2, stream))
    return engine, market


def test_the_first_word_names_the_format() -> None:
    market = Market(engine := Engine())
    assert struct.unpack_from("<3q", engine.state_bytes()) == (1, 0, 1)
    market.send(c.set_rules(2))
    assert struct.unpack_from("<3q", engine.state_bytes()) == (2, 0, 2)


def test_everything_comes_back() -> None:
    engine, _ = full_market()
    restored = Engine.restore(engine.state_bytes())
    check(restored)
    assert restored.state_bytes() == engine.state_bytes()
    assert restored.state_hash() == engine.state_hash()
    assert (restored.rules_version, restored.last_withdrawal_id) == (2, 9)


def test_what_comes_back_goes_on_alike() -> None:
    engine, market = full_market()
    restored = Engine.restore(engine.state_bytes())
    rest = [
        cr.resolve_withdrawal(9, 1),
        cr.resolve_withdrawal(9, 0),
        c.withdraw(BOB, 1, 9),
        c.new_order(BOB, OPTION, SELL, 100, 5),
        c.new_order(68, OPTION, 0, 100, 1),
        c.create_account(69, bytes(20), ALICE),
        cr.transfer(67, ALICE, 1_000, 2),
        cr.risk_snapshot(0, 50_002_000_000, market.feed + 1, [], 1, cr.table_stream([(OPTION, [1, 1, 1])])),
        cr.set_underlying_state(1, 0),
        c.time(2_000_000),
        c.deliver(OPTION, 50_000_000_000),
    ]
    for command in rest:
        assert engine.apply(command) == restored.apply(command)
        check(restored)
    assert restored.state_bytes() == engine.state_bytes()


def test_what_liquidations_left_comes_back() -> None:
    engine, _ = full_market()
    w = engine.world
    a = BOB * ACCOUNT_WORDS
    w.accounts[a + A_LIQUIDATION] = r.LIQUIDATION_DEFICIT
    w.accounts[a + A_CURSOR] = 3
    w.accounts[a + A_AUCTION] = 4
    w.accounts[CAROL * ACCOUNT_WORDS + A_BASIS] = 5
    w.share_account, w.share_phase, w.share_at = BOB, 2, 65
    w.share_total, w.share_deficit, w.share_remaining = 500, 60, 7
    restored = Engine.restore(engine.state_bytes())
    check(restored)
    assert restored.state_bytes() == engine.state_bytes()


def test_a_state_of_format_1_is_read_and_moves_on() -> None:
    old = Engine()
    market = Market(old)
    market.rests(ALICE, 100, 5)
    restored = Engine.restore(old.state_bytes())
    for command in (c.set_rules(2), c.create_account(67, bytes(20), ALICE)):
        assert restored.apply(command) == old.apply(command)
    assert restored.state_bytes() == old.state_bytes()


def test_bytes_that_are_no_state_are_refused() -> None:
    engine, _ = full_market()
    data = engine.state_bytes()
    for cut in (*range(0, len(data), 8 * 41), len(data) - 8):
        with pytest.raises(StateError):
            Engine.restore(data[:cut])
    with pytest.raises(StateError, match="bytes follow"):
        Engine.restore(data + bytes(8))
    for word, value, said in ((0, 3, "format"), (2, 1, "rules"), (2, 3, "rules"), (21, 9, "tiers")):
        with pytest.raises(StateError, match=said):
            Engine.restore(data[: 8 * word] + struct.pack("<q", value) + data[8 * word + 8 :])
    under_rules_1 = Market(first := Engine())
    assert under_rules_1.engine is first
    with pytest.raises(StateError, match="rules"):
        Engine.restore(first.state_bytes()[:16] + struct.pack("<q", 2) + first.state_bytes()[24:])


def test_listings_that_refer_to_nothing_are_refused() -> None:
    market = Market(engine := Engine())
    market.send(c.set_rules(2), c.list_instrument(2, CALL))
    data = bytearray(engine.state_bytes())
    first_instrument = 8 * (14 + 9 + 32 + 28)
    assert data[first_instrument + 4 : first_instrument + 8] == bytes(4), "underlying 0"
    data[first_instrument + 4] = 1
    with pytest.raises(StateError, match="unknown underlying"):
        Engine.restore(bytes(data))
