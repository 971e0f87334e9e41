"""What each scripted stream of rules 5 comes by at the least (see `promises`)."""

from __future__ import annotations

from tests.reference.move_branches import MOVE_BRANCHES

_REFUSED = (
    *("account_locked",) * 2,
    *("bad_price",) * 6,
    *("bad_size",) * 18,
    *("bad_value",) * 3,
    "instrument_not_open",
    "malformed",
    *("unknown_account",) * 3,
    *("unknown_instrument",) * 4,
    "venue_cancel_only",
    "wrong_family",
)
MOVE_PROMISES: dict[str, tuple[str, ...]] = {
    "moves_refused": (*(f"MOVE_POSITIONS: {reason}" for reason in _REFUSED), "move: a seat made for nothing"),
    "shapes": (
        *("MOVE_POSITIONS: malformed",) * 11,
        "MOVE_POSITIONS: not_authorised",
        "BLOCK_TRADE: malformed",
        *("cash: positions moved",) * 2,
    ),
    "moves_done": tuple(
        branch
        for branch in MOVE_BRANCHES
        if branch.startswith(("move: all", "move: some of a short", "move: some of a long option"))
    ),
    "moves_uncovered": (
        "MOVE_POSITIONS: insufficient_funds",
        *("MOVE_POSITIONS: negative_equity",) * 2,
        "MOVE_POSITIONS: too_many_seats",
        *("move: refused behind all",) * 3,
    ),
    "moves_at_limits": (
        *("MOVE_POSITIONS: limit_reached",) * 2,
        *("MOVE_POSITIONS: position_limit",) * 2,
        *("cash: positions moved",) * 10,
    ),
    "grants": (
        *("GRANT: malformed",) * 9,
        "GRANT: not_authorised",
        *("GRANT: unknown_account",) * 2,
    ),
    "several_takers": (
        "BLOCK_TRADE: account_locked",
        *("BLOCK_TRADE: unknown_account",) * 2,
        *("BLOCK_TRADE: wrong_family",) * 3,
        "BLOCK_TRADE: position_limit",
        *("block: refused by a later trade",) * 7,
        *("block: several takers",) * 3,
    ),
}
