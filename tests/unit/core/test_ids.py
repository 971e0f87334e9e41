"""The map from ids to slots behaves as a dict, whatever the ids and the order of events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exchange.core.ids import IdMap
from exchange.core.pool import Pool

STRIDE = 3
SHARD = 5 << 56

# Dense runs, far apart runs and anything at all; with and without a shard's bits.
ids = st.one_of(
    st.integers(1, 60),
    st.integers(1 << 40, (1 << 40) + 60),
    st.integers(1, (1 << 56) - 1),
    st.integers(SHARD + 1, SHARD + 60),
)


class Model:
    """A map over a pool beside the dict it must equal."""

    def __init__(self, cells: int) -> None:
        self.pool = Pool(STRIDE, 4)
        self.map = IdMap(self.pool, cells)
        self.slots: dict[int, int] = {}

    def toggle(self, ident: int) -> None:
        """Insert the id, or remove it where it is in the map."""
        if ident in self.slots:
            slot = self.slots.pop(ident)
            self.map.remove(ident, slot)
            self.pool.release(slot)
        else:
            slot = self.pool.alloc()
            self.pool.data[slot * STRIDE] = ident
            self.map.insert(ident, slot)
            self.slots[ident] = slot

    def check(self, asked: list[int]) -> None:
        """Every id asked for is found, or not, as in the dict."""
        assert self.map.used == len(self.slots)
        for ident in asked:
            assert self.map.find(ident) == self.slots.get(ident, 0)


@given(st.lists(ids, max_size=200))
def test_finds_what_was_inserted_and_not_removed(sequence: list[int]) -> None:
    model = Model(cells=8)
    for ident in sequence:
        model.toggle(ident)
    model.check(sequence + [ident + 1 for ident in sequence])


def test_grows_past_its_first_cells_and_empties_again() -> None:
    model = Model(cells=8)
    everything = list(range(1, 2_000)) + [SHARD | counter for counter in range(1, 2_000)]
    for ident in everything:
        model.toggle(ident)
    model.check(everything)
    for ident in everything[::2]:
        model.toggle(ident)
    model.check(everything)
    for ident in everything[1::2]:
        model.toggle(ident)
    model.check(everything)
    assert model.map.used == 0
