"""Names of the branches of rules 6 that tests want taken (see `branches`)."""

from __future__ import annotations

from itertools import product

FORCED_BRANCHES = frozenset(
    (
        *(
            f"forced: {share}, {how} positions"
            for share, how in product(("nothing", "all", "a part"), ("with", "without"))
        ),
        "forced: orders cancelled",
        "forced: in liquidation",
        "forced: locked",
        *(
            f"losing maker: cancelled unjudged, {where}"
            for where in ("combo", "implied", "leg behind implied")
        ),
        *(f"deposit: refused, the id is {what}" for what in ("taken", "not taken")),
    )
)
RARE_FORCED_BRANCHES = frozenset(
    ("forced: loss being shared", "losing maker: judged once for two of its account")
)
