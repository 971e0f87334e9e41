"""Which matches an ORDER belongs to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exchange.domain import records as r
from exchange.domain.combo_prints import combo_print
from exchange.history.joining import Joiner
from tests.unit.domain import combo_events as made

Story = dict[tuple[int, str], list[tuple[int, bool]]]


def joined(events: bytes) -> Story:
    """By (order id, its kind): the instruments of the matches it was given to, and whether as the maker's."""
    joiner: Joiner[int] = Joiner()
    found: Story = {}
    at = 0
    while at < len(events):
        kind, size = events[at], (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES
        if kind == r.EV_COMBO_TRADE:
            joiner.add(combo_print(events, at), made.COMBO)
        elif kind == r.EV_TRADE:
            joiner.add(events[at : at + size], int.from_bytes(events[at + 20 : at + 24], "little"))
        else:
            order_id = int.from_bytes(events[at + 24 : at + 32], "little")
            given = joiner.take(order_id, events[at + 68])
            name = "maker" if events[at + 68] == r.ORDER_FILLED else "aggressor"
            found[order_id, name] = sorted((one.match, one.is_maker) for one in given)
        at += size
    assert not joiner
    return found


LOW, HIGH, COMBO = made.LOW, made.HIGH, made.COMBO
WANTED: list[tuple[Callable[[], bytes], Story]] = [
    (
        made.of_the_book,
        {
            (made.MAKER_ORDER, "maker"): [(LOW, True), (HIGH, True), (COMBO, True)],
            (made.TAKER_ORDER, "aggressor"): [(LOW, False), (HIGH, False), (COMBO, False)],
        },
    ),
    (
        made.implied_in,
        {
            (made.MAKER_ORDER, "maker"): [(LOW, True)],
            (made.OTHER_ORDER, "maker"): [(HIGH, True)],
            (made.TAKER_ORDER, "aggressor"): [(LOW, False), (HIGH, False), (COMBO, False)],
        },
    ),
    (
        made.implied_out,
        {
            (made.MAKER_ORDER, "maker"): [(LOW, True), (HIGH, False), (COMBO, True)],
            (made.OTHER_ORDER, "maker"): [(HIGH, True)],
            (made.TAKER_ORDER, "aggressor"): [(LOW, False)],
        },
    ),
]


@pytest.mark.parametrize(("events", "wanted"), WANTED, ids=["book", "in", "out"])
def test_every_side_of_every_match_gets_its_order(events: Callable[[], bytes], wanted: Story) -> None:
    assert joined(events()) == wanted


def test_a_maker_that_is_met_twice_gets_each_order_once() -> None:
    first = made.of_the_book()[: 3 * 32 + 10 * 32 + 4 * 32]  # without the aggressor's
    both = joined(first + made.of_the_book())
    assert both[made.MAKER_ORDER, "maker"] == [(LOW, True), (HIGH, True), (COMBO, True)]
    assert len(both[made.TAKER_ORDER, "aggressor"]) == 6
