"""The dictionaries: lists of ids by weight class. They are state, changed by RECLASS steps alone.

An id is named by (class, position in the class). Leaving a class, the last of its list takes the free place;
joining one, an id goes to its end. Nothing depends on how well ids and classes fit but the length of the
coded fills. Commitment and step: docs/protocol.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from settlement.coding.limits import DecodeError

INSTRUMENTS: Final = 0
MAKERS: Final = 1
TAKERS: Final = 2
DICTIONARIES: Final = 3
NONE: Final = 255
"""No class: joining from outside, or leaving altogether."""
CLASS_SIZE_MAX: Final = 65_535
ID_BOUND: Final = 1 << 32


class Reclass(NamedTuple):
    """A RECLASS step: the id at (source, position) goes to the end of target."""

    dictionary: int
    source: int
    target: int
    id: int
    position: int


class Placed(NamedTuple):
    """One dictionary as arrays: class c holds ids[starts[c] : starts[c] + sizes[c]]; there are 256."""

    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    ids: NDArray[np.int64]


class Dictionaries:
    """All three, empty to begin with."""

    def __init__(self) -> None:
        self.lists: list[list[list[int]]] = [[[] for _ in range(NONE)] for _ in range(DICTIONARIES)]
        self._places: list[dict[int, tuple[int, int]] | None] = [None] * DICTIONARIES
        self._arrays: list[Placed | None] = [None] * DICTIONARIES

    def apply(self, step: Reclass) -> None:
        """Carry out a step. Raises DecodeError, changing nothing, if it is not allowed."""
        self._check(step)
        lists, places = self.lists[step.dictionary], self._places[step.dictionary]
        if step.source != NONE:
            last = lists[step.source].pop()
            if step.position < len(lists[step.source]):
                lists[step.source][step.position] = last
                if places is not None:
                    places[last] = step.source, step.position
        if step.target != NONE:
            lists[step.target].append(step.id)
        if places is not None:
            if step.target != NONE:
                places[step.id] = step.target, len(lists[step.target]) - 1
            else:
                places.pop(step.id, None)
        self._arrays[step.dictionary] = None

    def _check(self, step: Reclass) -> None:
        dictionary, source, target, number, position = step
        if not 0 <= dictionary < DICTIONARIES or not 0 <= number < ID_BOUND:
            raise DecodeError(f"no reclassing: {step}")
        if source == target or not 0 <= source <= NONE or not 0 <= target <= NONE:
            raise DecodeError(f"no such classes: {step}")
        lists = self.lists[dictionary]
        if source == NONE:
            if position != 0:
                raise DecodeError(f"a position outside every class: {step}")
        elif not 0 <= position < len(lists[source]) or lists[source][position] != number:
            raise DecodeError(f"not where it is said to be: {step}")
        if target != NONE and len(lists[target]) >= CLASS_SIZE_MAX:
            raise DecodeError(f"the class is full: {step}")

    def apply_all(self, steps: Iterable[Reclass]) -> None:
        """Several, in order."""
        for step in steps:
            self.apply(step)

    def places(self, dictionary: int) -> dict[int, tuple[int, int]]:
        """(class, position) of every id listed, for dictionaries that list no id twice."""
        found = self._places[dictionary]
        if found is None:
            found = {
                number: (kind, position)
                for kind, ids in enumerate(self.lists[dictionary])
                for position, number in enumerate(ids)
            }
            self._places[dictionary] = found
        return found

    def placed(self, dictionary: int) -> Placed:
        """One dictionary as arrays."""
        found = self._arrays[dictionary]
        if found is None:
            lists = self.lists[dictionary]
            sizes = np.array([*(len(ids) for ids in lists), 0], np.int64)
            ids = np.array([number for one in lists for number in one] or [0], np.int64)
            found = self._arrays[dictionary] = Placed(np.cumsum(sizes) - sizes, sizes, ids)
        return found

    def move(self, dictionary: int, number: int, target: int) -> Reclass:
        """Bring an id to another class's end; the step that did it."""
        source, position = self.places(dictionary).get(number, (NONE, 0))
        step = Reclass(dictionary, source, target, number, position)
        self.apply(step)
        return step
