"""Dictionaries and their one step."""

from __future__ import annotations

import random

import pytest

from settlement.coding.dictionary import MAKERS, NONE, TAKERS, Dictionaries, Reclass
from settlement.coding.limits import DecodeError


class TestDictionaries:
    def test_the_last_of_a_class_takes_the_place_of_one_that_leaves(self) -> None:
        known = Dictionaries()
        for number in (7, 8, 9):
            known.move(TAKERS, number, 3)
        assert known.move(TAKERS, 7, 5) == Reclass(TAKERS, 3, 5, 7, 0)
        assert known.lists[TAKERS][3] == [9, 8]
        assert known.lists[TAKERS][5] == [7]

    def test_an_id_may_leave_altogether(self) -> None:
        known = Dictionaries()
        known.move(MAKERS, 7, 0)
        known.apply(Reclass(MAKERS, 0, NONE, 7, 0))
        assert known.places(MAKERS) == {}

    def test_places_and_arrays_follow_every_step(self) -> None:
        rng = random.Random(3)
        known = Dictionaries()
        for _ in range(300):
            number, target = rng.randrange(40), rng.randrange(6)
            if known.places(TAKERS).get(number, (-1, 0))[0] != target:
                known.move(TAKERS, number, target)
            placed = known.placed(TAKERS)
            for number, (kind, position) in known.places(TAKERS).items():
                assert placed.ids[placed.starts[kind] + position] == number
                assert position < placed.sizes[kind]

    @pytest.mark.parametrize(
        "step",
        [
            Reclass(3, NONE, 0, 1, 0),
            Reclass(0, 1, 1, 1, 0),
            Reclass(0, NONE, 256, 1, 0),
            Reclass(0, NONE, 1, 1, 1),
            Reclass(0, 1, 2, 1, 0),
            Reclass(0, 0, 2, 6, 0),
            Reclass(0, 0, 2, 5, 1),
            Reclass(0, NONE, 2, 1 << 32, 0),
        ],
    )
    def test_what_is_not_allowed_changes_nothing(self, step: Reclass) -> None:
        known = Dictionaries()
        known.move(0, 5, 0)
        with pytest.raises(DecodeError):
            known.apply(step)
        assert known.places(0) == {5: (0, 0)}
