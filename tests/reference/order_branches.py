"""Names of the branches of rules 3 that tests want taken, as `branches` holds those of rules 2."""

from __future__ import annotations

from itertools import product

_IDS = (
    "ids: expired",
    "ids: repeated, accepted before",
    "ids: repeated, rejected before",
    "ids: an account forgets one",
    "ids: an account forgets several",
    "ids: an account forgets as many as one command may",
)
_AMEND = (
    *(f"compare: filled {which}" for which in ("nothing, as expected", "some, as expected", "otherwise")),
    *(f"remaining: {which}" for which in ("of an order filled in part", "of one not filled", "none")),
)
_GROUPS = (
    "group: set anew",
    "group: set anew, frozen",
    "group: removed",
    "group: removed with orders",
    "group: removed, not there",
    "group: an order too large for it now",
    "group: an older order stays",
    "group: reset, frozen",
    "group: reset, not frozen",
    "group: a freeze has run out",
    "group: a window run out, another begins",
    *(f"group: trips by {what}" for what in ("quantity", "delta", "vega")),
    *(f"group: trips as {role}, {of}" for role, of in product(("maker", "taker"), ("quotes", "an order"))),
    "group: trips by a slice of a liquidation",
    "group: trips as a quote that moves",
    "group: trips as an order that moves",
    "group: filled on after it tripped",
    "group: several trip by one order",
    "group: frozen for a time",
    "group: frozen until it is reset",
    "group: trips with nothing else open",
    "group: trips with orders open",
    "group: a taker's rest is cancelled",
    "group: a taker of a tripped group stopped by its own order",
    "group: a quote beside another group's",
)
_CANCELS = (
    "cancel: connection lost",
    "cancel many: connection lost",
    "cancel many: quotes frozen",
    *(f"cancel many: type {n}" for n in range(6)),
)
_BLOCKS = (
    "block: one trade",
    "block: several trades",
    *(f"block: refused {by}" for by in ("by its first trade", "by a later trade", "behind all its trades")),
    "block: a seat made for nothing",
)

ORDER_BRANCHES = frozenset((*_IDS, *_AMEND, *_GROUPS, *_CANCELS, *_BLOCKS))

# Two limits reached by one fill are seen, but no stream need show each pair; and limits that only scripted
# streams reach.
RARE_BRANCHES = frozenset(
    (
        "group: trips by quantity and delta",
        "group: trips by quantity and vega",
        "group: trips by delta and vega",
        "group: trips by quantity and delta and vega",
        "ids: the shard forgets one",
    )
)
