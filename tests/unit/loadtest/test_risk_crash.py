"""The fall in small: every way to end is taken, nothing is lost, and a loss would be told."""

from __future__ import annotations

import pytest

from exchange.core import ledger, risk_queries
from exchange.domain import commands
from exchange.domain import records as r
from loadtest.risk_crash import Crash, on_tick
from loadtest.risk_listing import terms_of


def test_everybody_comes_to_an_end() -> None:
    crash = Crash(instruments_count=160, victims_count=40)
    found = crash.run()
    assert found.lost == ""
    assert found.handled_count == 40
    assert set(found.outcomes) >= {"closed", "covered by the fund", "taken over"}
    assert found.kinds[r.LIQ_OPTION] > 40
    assert found.longest_seconds >= found.snapshot_seconds > 0
    assert found.elapsed_seconds >= sum(found.steps)
    assert risk_queries.in_liquidation(crash.engine) == []


def test_what_is_lost_is_told() -> None:
    crash = Crash(instruments_count=120, victims_count=2)
    found = crash.run()
    assert found.lost == ""
    found.outcomes.clear()
    assert crash.lost(found) == "0 of 2 victims were handled"
    ledger.move_cash(crash.engine.world, 0, 1)
    found.outcomes["closed"] = 2
    assert "cash is not conserved" in crash.lost(found)


def test_a_loss_beyond_the_fund_is_shared() -> None:
    crash = Crash(instruments_count=120, victims_count=2, fund_micro=1_000_000)
    found = crash.run()
    assert found.lost == ""
    assert found.outcomes["loss shared"] == 1


@pytest.mark.parametrize(("instruments", "victims"), [(59, 10), (100, 0)])
def test_too_little_of_either_is_refused(instruments: int, victims: int) -> None:
    with pytest.raises(ValueError, match="too few"):
        Crash(instruments, victims)


def test_prices_are_put_on_their_ticks() -> None:
    (perpetual, option) = terms_of(0, 98_000.0, 2)  # ticks of 1, from 250 on of 5, from 2,500 on of 10
    assert [on_tick(option, price) for price in (0, 1, 249, 254, 2_509)] == [1, 1, 249, 250, 2_500]
    assert [on_tick(option, price, up=True) for price in (0, 249, 251, 2_501)] == [1, 249, 255, 2_510]
    assert on_tick(perpetual, 123_457) == 123_457


def test_listings_have_the_count_asked_for() -> None:
    for count in (2, 61, 400):
        terms = terms_of(0, 98_000.0, count)
        assert len(terms) == count
        assert [each.kind for each in terms] == [r.KIND_PERPETUAL] + [r.KIND_OPTION] * (count - 1)
        assert len({commands.pack_terms(each) for each in terms}) == count
