"""Nothing is made or lost, whatever is sent: a short run of the conservation campaign."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import limits
from tests.reference import conservation
from tests.reference.conservation_traffic import ConservationTraffic
from tests.reference.ledger import Ledger


def test_cash_and_positions_are_conserved_with_every_feature_on() -> None:
    done, seen = conservation.stream(5, 12_000)
    assert done >= 12_000
    for kind in ("TRADE", "MOVED", "CASH 6", "SETTLED 1", "SETTLED 2", "SETTLED 3", "LIQUIDATION ended"):
        assert seen[kind] > 0, f"{kind} never happened"


def test_cash_and_positions_are_conserved_with_triggers_links_protection_and_blocks() -> None:
    done, seen = conservation.stream(7, 8_000, rules=3)
    assert done >= 8_000
    for kind in ("ORDER 5", "EXTENDED", "MMP", "REPEATED", "TRADE in a block", "LIQUIDATION ended"):
        assert seen[kind] > 0, f"{kind} never happened"


def test_cash_and_positions_are_conserved_with_combos_moves_and_forced_withdrawals() -> None:
    done, seen = conservation.stream(4, 5_000, rules=6)
    assert done >= 5_000
    combos = ("COMBO_TRADE 0", "COMBO_TRADE 1", "COMBO_TRADE 2", "LIQUIDATION ended")
    for kind in (*combos, "CASH 7", "CASH 8", "FORCED paid", "FORCED of nothing"):
        assert seen[kind] > 0, f"{kind} never happened"


def test_a_missing_micro_dollar_is_found() -> None:
    engine, books = Engine(), Ledger()
    books.read(engine.apply(ConservationTraffic(1, engine).opening()))
    conservation.compare(engine, books)
    books.cash[limits.ACCOUNT_BRIDGE] += 1
    with pytest.raises(Exception, match=f"another cash of {limits.ACCOUNT_BRIDGE}"):
        conservation.compare(engine, books)


def test_the_same_seed_gives_the_same_commands() -> None:
    one, other = Engine(), Engine()
    first, second = ConservationTraffic(3, one), ConservationTraffic(3, other)
    assert one.apply(first.opening()) == other.apply(second.opening())
    for _ in range(20):
        assert one.apply(first.batch()) == other.apply(second.batch())
    assert one.state_hash() == other.state_hash()
