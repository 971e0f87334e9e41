"""Names of the branches of rules 4 that tests want taken (see `branches`)."""

from __future__ import annotations

from itertools import product

MODELS = ("standard", "portfolio")

_LISTING = (
    *(
        f"combo: listed {''.join(signs)}"
        for count in (1, 2, 3)
        for signs in product("+", *("+-",) * count)
    ),
    "combo: listed with a ratio above 1",
    "combo: ends with a leg",
    "combo: ends with a leg, with orders",
    "combo: its orders keep a leg",
    "combo: cancelled by kind",
)
_BOOK = (
    *(f"combo: trades at a {sign} price" for sign in ("negative", "zero", "positive")),
    "combo: divided among its multiples",
    "combo: divided with too much given",
    *(f"combo: fill-or-kill covered as filled alone, {model}" for model in MODELS),
    *(
        f"losing maker: {outcome}, combo {side}, {model}"
        for outcome, side, model in product(("trades", "cancelled"), ("sold", "bought"), MODELS)
    ),
    "look: of a combo, losing, not counted",
)
_IMPLIED = (
    *(
        f"implied in: trades, {kind}, {side}"
        for kind, side in product(("sum", "difference"), ("purchase", "sale"))
    ),
    *(
        f"implied out: trades the {leg} leg, {kind}, {side}"
        for leg, kind, side in product(("first", "second"), ("sum", "difference"), ("purchase", "sale"))
    ),
    "implied in: two makers of one account",
    "implied out: rounded for the combo's maker",
    "implied out: none, both of one account",
    "implied out: none, no valid price",
    "implied: none of a combo that is not open",
    "implied: as good as its own book",
    "implied: two combos as good",
    *(
        f"implied {name}: {what}, {place}"
        for name, what, place in product(
            ("in", "out"), ("stops its own", "its own", "losing"), ("first", "second")
        )
    ),
    *(f"implied in: reduce-only, {place}" for place in ("first", "second")),
    "implied out: reduce-only, second",
    "losing maker: judged with another of its account",
    "combo: an order moved several last prices",
    "meetings: stopped before an implied order",
)
COMBO_BRANCHES = frozenset((*_LISTING, *_BOOK, *_IMPLIED))
RARE_COMBO_BRANCHES = frozenset(
    (
        *(f"combo: fill-or-kill covered as open alone, {model}" for model in MODELS),
        "combo: a rebate cut by a discounted fee",
    )
)
