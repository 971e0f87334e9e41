"""What each scripted stream of rules 6 comes by at the least (see `promises`)."""

from __future__ import annotations

_REFUSED = (
    *("bad_id",) * 6,
    *("bad_value",) * 3,
    *("malformed",) * 10,
    "not_authorised",
    *("unknown_account",) * 4,
)
_UNJUDGED = "losing maker: cancelled unjudged"
FORCED_PROMISES: dict[str, tuple[str, ...]] = {
    "forced_refused": (
        *(f"FORCED_WITHDRAWAL: {reason}" for reason in _REFUSED),
        *("cash: forced withdrawal",) * 2,
    ),
    "forced_paid": (
        *("forced: a part, without positions",) * 3,
        *("forced: all, without positions",) * 3,
        "forced: locked",
        "forced: nothing, without positions",
        *("DEPOSIT: limit_reached",) * 2,
        "cash: withdrawal cancelled",
    ),
    "forced_orders": (
        *("forced: orders cancelled",) * 3,
        "fire: behind a command, some left",
        "fire: woken",
        "link 3: first hit, wake",
    ),
    "forced_positions": (
        *("forced: a part, with positions",) * 2,
        *("forced: all, with positions",) * 8,
        *("forced: in liquidation",) * 6,
        *("forced: nothing, with positions",) * 10,
        "NEW_ORDER: negative_equity",
    ),
    "forced_in_need": (
        *("forced: in liquidation",) * 4,
        *("forced: loss being shared",) * 6,
        "sharing: ends with something missing",
    ),
    "deposits_refused": (
        *("deposit: refused, the id is not taken",) * 5,
        *("deposit: refused, the id is taken",) * 4,
        *("DEPOSIT: unknown_account",) * 6,
    ),
    "judged_in_a_book": (
        *(f"{_UNJUDGED}, combo",) * 7,
        *("losing maker: trades, combo sold, standard",) * 391,
    ),
    "judged_on_the_way": (
        *(f"{_UNJUDGED}, combo",) * 3,
        *(f"{_UNJUDGED}, implied",) * 14,
        *(f"{_UNJUDGED}, leg behind implied",) * 7,
        *("losing maker: judged once for two of its account",) * 64,
        *("implied out: losing, first",) * 8,
    ),
}
