"""Names of the branches that tests want taken, and the note an engine makes when it takes one.

The reference notes each in `World.taken`; tests/property/test_risk_branches.py counts them over all streams,
so that a rule nobody reaches is not taken for a rule that both engines agree on.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from tests.reference.combo_branches import COMBO_BRANCHES, RARE_COMBO_BRANCHES
from tests.reference.forced_branches import FORCED_BRANCHES, RARE_FORCED_BRANCHES
from tests.reference.move_branches import MOVE_BRANCHES
from tests.reference.order_branches import ORDER_BRANCHES, RARE_BRANCHES
from tests.reference.trigger_branches import RARE_TRIGGER_BRANCHES, TRIGGER_BRANCHES

if TYPE_CHECKING:
    from tests.reference.world import World

MODELS = ("standard", "portfolio")
BORNE = ("maintenance met", "no further below", "no larger a part given up")
NOT_BORNE = (
    "balance negative",
    "maintenance was met",
    "loses more than there is",
    "further below",
    "too large a part given up",
    "further below by positions alone",
    "too large a part given up by positions alone",
)

_CHECK_16 = (
    "check 16: covered",
    *(
        f"check 16: {of}, {how}, {model}"
        for of, how, model in product(("closing", "reducing"), BORNE, MODELS)
    ),
    *(f"check 16: closing, not borne, {how}, {model}" for how, model in product(NOT_BORNE, MODELS)),
    "check 16: closing, not borne, met by receipts, standard",
    *(f"check 16: reducing, not borne, {model}" for model in MODELS),
    "check 16: neither closing nor reducing",
)
_MARKET = (
    *(
        f"market order: clipped {where}, {side}, {model}"
        for where, side, model in product(("on the way", "to the mark"), ("buy", "sell"), MODELS)
    ),
    *(f"market order: refused at the mark, {model}" for model in MODELS),
    "market order: refused, not closing",
)
_AMEND = (
    "amend: not checked",
    "amend: checked for lots or hold",
    "amend: checked for its price alone, passed",
    "amend: checked for its price alone, refused",
)
_MONEY = (
    "withdrawal: family in liquidation",
    "withdrawal: family below maintenance",
    "withdrawal: loss being shared",
    "withdrawal: too many of its own",
    "transfer: loss being shared",
)
_FEES = ("fees: volume counts no more",)
_MARGIN = (
    "relief: better with delivery",
    "relief: worse only for delivery",
    "relief: none for lots of two sizes",
    "relief: none beyond bounds",
    "untabled: initial, long or bid for",
    "untabled: maintenance, long",
)
_FAMILY = (
    "family: nobody else",
    "family: passed over in liquidation",
    "family: passed over with nothing to spare",
    "family: gives what its orders or initial margin hold",
    "family: one pays all",
    "family: several pay all",
    "family: pays, then the fund",
    "family: pays, and a deficit stays",
)
_SLICES = (
    *(f"slice: at the band, {model}" for model in MODELS),
    *(f"slice: at a price that breaks even, {model}" for model in MODELS),
    *(f"slice: at the mark, {model}" for model in MODELS),
    *(f"slice: at no price, {model}" for model in MODELS),
    "slice: no perpetual that hedges",
    "auction: waits for an underlying",
    "slice: helps whole, not as cut",
    *(f"slice: loses more than there is, {model}" for model in MODELS),
    "slice: its fees capped",
)
_TAKEOVER = (
    "takeover: of one family",
    "takeover: maintenance met",
    "takeover: a part rounded up",
    "takeover: a long option rounded to nothing",
    "takeover: too large a fraction",
    "takeover: all may be taken",
    "takeover: most by what is short",
    "takeover: most by two lots",
    "takeover: whole discount given",
    "takeover: discount cut by half the value",
    "takeover: discount cut by maintenance",
    "takeover: given cut by equity",
    "takeover: topped up whole",
    "takeover: top-up cut by negative equity",
    "takeover: top-up cut by the fund",
    "takeover: no top-up of a part",
    "takeover: cover torn away",
)

_LOSING = (
    *(
        f"losing maker: {outcome}, {kind}, {model}"
        for outcome, kind, model in product(
            ("trades", "cancelled"), ("perpetual", "option sold", "option bought"), MODELS
        )
    ),
    *(f"look: losing, counted, {model}" for model in MODELS),
    *(
        f"look: losing, not counted, {how}, {model}"
        for how, model in product(("no slack", "for itself", "for those before"), MODELS)
    ),
    "look: losing, hidden lots not counted",
    *(f"look: overdraw by {cause}, {model}" for cause, model in product(("fee", "loss"), MODELS)),
    "look: overdraw by rounding, portfolio",
    *(f"look: overdraw of one {whose}" for whose in ("losing", "not losing", "reduce-only")),
    "look: an own order takes nothing",
)
_MEETINGS = (
    *(f"meetings: stopped, {what}" for what in ("GTC", "IOC", "market", "amend", "quote", "slice")),
    *(f"meetings: stopped, some cancelled: {what}" for what in ("its own", "reduce-only", "losing")),
    "meetings: stopped before its own order",
    "meetings: the most, and nobody left to meet",
    "meetings: the most, and filled by the last",
    *(
        f"look: ended at its most meetings, {whose}, {found}"
        for whose, found in product(("slice", "fill-or-kill"), ("enough", "too little"))
    ),
    "look: no meeting left",
    "look: one meeting left, two needed",
)
_DISPLAY = tuple(
    f"display: {how}, {what}" for how, what in product(("too small", "just enough"), ("new", "given", "kept"))
)
_QUOTES = (
    *(
        f"quote: {what}, {model}"
        for what, model in product(
            (
                "plain",
                "looked at, passed",
                "looked at, refused",
                "looks used up, would have passed",
                "looks used up, would not have passed",
            ),
            MODELS,
        )
    ),
)
_SHARING = (
    "sharing: no cash, no part",
    "sharing: cash but no equity, no part",
    "sharing: by equity",
    "sharing: by cash",
    "sharing: less there than its share",
    "sharing: nothing there any more",
    "sharing: ends with nothing missing",
    "sharing: ends with something missing",
)

BRANCHES = frozenset(
    (
        *_LOSING,
        *_CHECK_16,
        *_MARKET,
        *_AMEND,
        *_MONEY,
        *_MARGIN,
        *_FEES,
        *_FAMILY,
        *_SLICES,
        *_TAKEOVER,
        *_MEETINGS,
        *_DISPLAY,
        *_QUOTES,
        *_SHARING,
    )
)

_KNOWN = (
    BRANCHES,
    ORDER_BRANCHES,
    RARE_BRANCHES,
    TRIGGER_BRANCHES,
    RARE_TRIGGER_BRANCHES,
    COMBO_BRANCHES,
    RARE_COMBO_BRANCHES,
    MOVE_BRANCHES,
    FORCED_BRANCHES,
    RARE_FORCED_BRANCHES,
)


def note(world: World, branch: str) -> None:
    """Count that a branch was taken; its name is one of `BRANCHES`, or of those of rules 3."""
    assert any(branch in names for names in _KNOWN), branch
    world.taken[branch] += 1
