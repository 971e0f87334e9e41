"""The sections of the canonical state that rules 3 add behind the others (state format 3)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.reference.world import World


def words(world: World) -> Iterator[int]:
    """8 streams of client order ids, 9 remembered ids, 10 protection groups."""
    ids = world.ids
    yield len(ids.last)
    for (account, grant), last in sorted(ids.last.items()):
        yield from (account, grant, last)
    yield len(ids.outcomes)
    for (account, grant, client_order_id), outcome in ids.outcomes.items():
        yield from (account, grant, client_order_id, *outcome)
    yield len(world.groups)
    for key, group in sorted(world.groups.items()):
        yield from (*key, *group.limits, group.frozen_until_ms, group.window_start_ms)
        yield from (group.quantity_e8, group.delta_e8, group.vega_micro)
