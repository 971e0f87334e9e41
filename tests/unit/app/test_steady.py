"""A clock that steps back does not take time with it."""

from random import Random

from exchange.app.steady import SteadyClock
from tests.simulation.loop import SimClock, World


def test_it_goes_on_where_it_was_at_the_pace_of_the_clock() -> None:
    world = World(Random(1))
    behind = SimClock(world)
    steady = SteadyClock(behind)
    start = steady.now_ms()
    world.now_us += 5_000_000
    assert steady.now_ms() == start + 5_000
    behind.offset_us -= 3_600_000_000  # an hour back
    assert steady.now_ms() == start + 5_000
    world.now_us += 2_000_000
    assert steady.now_ms() == start + 7_000
    behind.offset_us -= 1_000_000
    assert steady.now_us() == (start + 7_000) * 1_000
    assert steady.steps_back == 2


def test_a_clock_that_goes_forward_is_followed() -> None:
    world = World(Random(1))
    behind = SimClock(world)
    steady = SteadyClock(behind)
    behind.offset_us += 60_000_000
    assert steady.now_us() == behind.now_us()
    assert steady.steps_back == 0
