"""Names of the branches of rules 5 that tests want taken (see `branches`)."""

from __future__ import annotations

from itertools import product

MOVE_BRANCHES = frozenset(
    (
        "move: one unit",
        "move: several units",
        "move: refused by a unit",
        "move: refused behind all",
        "move: a seat made for nothing",
        *(
            f"move: {share} of a {side} {kind}"
            for share, side, kind in product(("all", "some"), ("long", "short"), ("option", "perpetual"))
        ),
        "block: several takers",
    )
)
