"""Names of the branches of triggers, links and volatility that tests want taken (rules 3)."""

from __future__ import annotations

from itertools import product

_KINDS = ("stop", "take", "trailing")
_TRIGGERS = (
    "trigger: no price of the moment",
    "trigger: reached at once",
    "trigger: a price not seen, not open",
    "trigger: one price reaches up and down",
    "trigger: one price reaches several",
    *(
        f"trigger: {kind} {side} by {source}"
        for kind, side, source in product(_KINDS, ("sale", "purchase"), ("index", "mark", "last"))
    ),
)
_FIRE = (
    "fire: before an order",
    "fire: before an order, some left",
    "fire: behind a command, some left",
    "fire: put back, not open",
    *(f"fire: refused, {which}" for which in ("triggered", "woken", "fired before")),
    *(f"fire: {how}" for how in ("fired", "woken", "once more")),
    "fire: cut to reduce only",
)
_PAIRS = (
    *(
        f"pair: {how}, the other {where}"
        for how, where in product(("filled", "ended"), ("book", "waits", "due"))
    ),
    "pair: not made, one is left",
    "pair: the primary filled as it was placed",
    "pair: the primary ended as it was placed",
    "pair: the member refused",
    "pair: both live",
)
_LINKS = (
    *(
        f"link {link}: {condition}, {how}"
        for link, condition, how in product((2, 3), ("first hit", "complete"), ("wake", "cancelled"))
    ),
    *(f"incremental: more, {where}" for where in ("dormant", "waits", "due", "book", "spent")),
    "incremental: refused in the book",
    "incremental: cancelled dormant",
    "incremental: cancelled spent",
    "incremental: goes on alone",
    "spent: as maker",
    "spent: as taker",
)
_AMEND = (
    "amend: waits",
    "amend: waits, its trigger",
    "amend: dormant",
    "amend: dormant, its trigger",
    "amend: spent",
)
_PLACED = (
    *(f"extended: {kind}, link {link}" for kind, link in product(("none", *_KINDS), range(4))),
    "extended: volatility",
    "volatility: stays",
    "volatility: another",
    "volatility: ends",
    "reprice: moved",
    "reprice: trades",
    "reprice: refused",
    *(
        f"reprice: passed over, {why}"
        for why in ("no volatility", "same price", "not open", "others due")
    ),
    "day end: waits",
    "day end: dormant",
)

TRIGGER_BRANCHES = frozenset((*_TRIGGERS, *_FIRE, *_PAIRS, *_LINKS, *_AMEND, *_PLACED))
RARE_TRIGGER_BRANCHES = frozenset(
    ("day end: due", "day end: spent", "pair: filled, the other spent", "pair: ended, the other spent")
)
