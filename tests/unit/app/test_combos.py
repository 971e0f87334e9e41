"""Idle combos leave the list: after a day, sooner where room is scarce, never while they are used."""

from __future__ import annotations

import pytest

from exchange.app import combos
from exchange.app.combos import IDLE_MS, LOOK_MS, SCARCE_MS, IdleCombos
from exchange.domain import commands as c
from exchange.domain import records as r
from tests.unit.gateway.combo_rig import HIGHER, SPREAD, STRADDLE, ComboRig, legs, spread, straddle
from tests.unit.gateway.rig import OPTION, PUT, Client

START_MS = 1_800_000_000_000


class Rig(ComboRig):
    """Two combos, and who looks after them."""

    def begin(self) -> tuple[Client, Client]:
        self.open()
        alice, bob = self.client(), self.client()
        spread(alice)
        straddle(alice)
        self.idle = IdleCombos(self.venue)
        return alice, bob

    def look(self, after_ms: int) -> list[str]:
        """The combos that are left after a look."""
        registry = self.venue.registry
        self.idle.look(START_MS + after_ms, list(registry.select()))
        self.tick()
        return [view.name for view in registry.select("any", r.KIND_COMBO)]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_what_has_been_idle_for_a_day_is_delisted_and_can_be_made_again(rig: Rig) -> None:
    alice, bob = rig.begin()
    alice.sell(SPREAD, 1.0, 2_000.0)
    assert rig.look(0) == rig.look(IDLE_MS - LOOK_MS) == [SPREAD, STRADDLE]
    assert rig.look(IDLE_MS) == [SPREAD]  # an order rests in it
    bob.buy(SPREAD, 1.0, 2_000.0)
    assert rig.look(IDLE_MS + LOOK_MS) == [SPREAD]  # it has traded since
    assert rig.look(2 * IDLE_MS) == [SPREAD]
    assert rig.look(2 * IDLE_MS + LOOK_MS) == []
    assert rig.idle.delisted_count == 2
    again = straddle(bob)
    assert (again["id"], again["state"], again["instrument_id"]) == (STRADDLE, "active", 9)
    assert rig.look(2 * IDLE_MS + 2 * LOOK_MS) == [STRADDLE]


def test_a_trade_made_by_the_legs_alone_is_use_too(rig: Rig) -> None:
    alice, bob = rig.begin()
    rig.look(0)
    alice.sell(OPTION, 1.0, 5_000.0)
    alice.buy(HIGHER, 1.0, 3_000.0)
    bob.buy(SPREAD, 1.0, 2_000.0)
    assert rig.look(IDLE_MS) == [SPREAD]


def test_where_an_option_is_in_many_ten_minutes_are_enough(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, _ = rig.begin()
    alice.call("private/create_combo", trades=legs((HIGHER, 1), (PUT, 1)))
    rig.look(0)
    monkeypatch.setattr(combos, "SCARCE_OF_LEG", 3)
    assert len(rig.look(SCARCE_MS)) == 3
    alice.call("private/create_combo", trades=legs((OPTION, 2), (PUT, 1)))
    left = rig.look(SCARCE_MS + LOOK_MS)
    # The first option is in three, so is the put: what holds neither stays, and what is new.
    assert len(left) == 1
    assert "CMB" in left[0]


def test_where_the_venue_is_nearly_full_they_go_too_but_some_a_look(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.begin()
    rig.look(0)
    monkeypatch.setattr(combos, "SCARCE", 2)
    monkeypatch.setattr(combos, "DELISTED_A_LOOK", 1)
    assert rig.look(SCARCE_MS - 1) == [SPREAD, STRADDLE]
    assert rig.look(SCARCE_MS + LOOK_MS) == [STRADDLE]  # the first by age, then by id
    assert rig.look(SCARCE_MS + 2 * LOOK_MS) == [STRADDLE]  # no longer scarce


def test_an_order_that_comes_first_keeps_it(rig: Rig) -> None:
    alice, _ = rig.begin()
    rig.look(0)
    registry = rig.venue.registry
    rig.venue.submit(c.set_instrument_state(8, r.STATE_CANCEL_ONLY))
    alice.send("private/buy", instrument_name=SPREAD, amount=1.0, price=1_950.0)
    rig.idle.look(START_MS + IDLE_MS, list(registry.select()))
    rig.tick()
    assert [view.name for view in registry.select("any", r.KIND_COMBO)] == [SPREAD]
    assert rig.look(IDLE_MS + LOOK_MS) == [SPREAD]
    assert rig.idle.delisted_count == 1
