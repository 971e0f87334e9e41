"""What each scripted stream under rules 2 must come by, or it no longer does what its docstring says.

Rules change, and a scenario may go on without an error and without its point: a withdrawal is refused, a
slice finds no price, an auction begins where a loss was to be shared. The words are those of `come_by`; one
that stands here several times must come as often.
"""

from __future__ import annotations

from tests.reference.branches import BRANCHES, MODELS
from tests.reference.combo_branches import COMBO_BRANCHES

STANDARD, PORTFOLIO = MODELS
_LOSS_SHARED = ("liquidation: deficit", "liquidation: loss_shared", "liquidation: ended")


def _branches(*starts: str, model: str = "") -> tuple[str, ...]:
    """All branches that begin with one of these, of one model or of both."""
    found = (branch for branch in BRANCHES if branch.startswith(starts))
    return tuple(branch for branch in found if branch.endswith(model))


def _crowd(model: str) -> tuple[str, ...]:
    ways_out = _branches("check 16: closing, maintenance", "check 16: closing, no ", model=model)
    return (
        *ways_out,
        *_branches("check 16: reducing", "market order: clipped", model=model),
        *_branches("market order: refused at the mark", model=model),
        f"check 16: closing, not borne, loses more than there is, {model}",
        f"check 16: closing, not borne, maintenance was met, {model}",
        f"check 16: closing, not borne, too large a part given up, {model}",
        "market order: refused, not closing",
        "liquidation: taken_over",
        "liquidation: option_slice",
        "liquidation: perpetual_slice",
    )


def _drift(model: str) -> tuple[str, ...]:
    return (
        *_branches("slice: at ", model=model),
        "liquidation: taken_over",
        "liquidation: covered_by_insurance_fund",
        "takeover: maintenance met",
        "takeover: no top-up of a part",
        f"slice: loses more than there is, {model}",
    )


def _standing_orders(model: str) -> tuple[str, ...]:
    not_borne = "check 16: closing, not borne, "
    return (
        *(f"{not_borne}{how}{alone}, {model}" for how in _PARTS for alone in ("", " by positions alone")),
        *_branches("check 16: closing, no ", model=model),
        f"{not_borne}maintenance was met, {model}",
        f"{not_borne}balance negative, {model}",
    )


_PARTS = ("further below", "too large a part given up")


def _losing_makers(model: str) -> tuple[str, ...]:
    looked_at = (f"look: losing, {how}, {model}" for how in ("counted", "not counted, no slack"))
    return *_branches("losing maker: ", model=model), *looked_at


def _losing_looks(model: str) -> tuple[str, ...]:
    return (
        *(f"look: losing, not counted, {how}, {model}" for how in ("for itself", "for those before")),
        *(f"look: overdraw by {cause}, {model}" for cause in ("fee", "loss")),
        *_branches("look: overdraw of one"),
        f"look: losing, counted, {model}",
        "look: losing, hidden lots not counted",
        "look: an own order takes nothing",
    )


def _closing_quotes(model: str) -> tuple[str, ...]:
    return *_branches("quote: looked at", "quote: looks used up", model=model), "MASS_QUOTE: negative_equity"


_REFUSED = """
    AMEND: account_locked, insufficient_funds, no_risk
    CREATE_ACCOUNT: bad_id
    LIQUIDATE: unknown_account, venue_cancel_only
    MARKS: bad_value, instrument_not_open, mark_jump
    MASS_QUOTE: account_locked, negative_equity, no_risk, underlying_not_open
    NEW_ORDER: account_locked, insufficient_funds, negative_equity, no_risk, underlying_not_open
    RISK: bad_value, unknown_underlying
    RISK_SNAPSHOT: bad_value, instrument_not_open, mark_jump, no_risk
    RISK_SWEEP: venue_cancel_only
    SET_CAPS: unknown_account
    SET_FEES: bad_value
    SET_LOCK: bad_flags, unknown_account
    SET_MARGIN_MODEL: account_locked, margin_breach, no_risk, unknown_account
    SET_TIER: unknown_account
    SET_UNDERLYING_STATE: unknown_underlying
    SHARE_LOSS: not_liquidatable, unknown_account
    TAKEOVER: account_locked, venue_cancel_only
    TRANSFER: account_locked
    WITHDRAW: account_locked, duplicate, unknown_account
"""


def _refusals(table: str) -> tuple[str, ...]:
    """One a reason, of lines that name a command and its reasons."""
    lines = (line.strip().split(": ") for line in table.strip().splitlines())
    return tuple(f"{command}: {reason}" for command, reasons in lines for reason in reasons.split(", "))


PROMISES: dict[str, tuple[str, ...]] = {
    "refused": _refusals(_REFUSED),
    "families": (
        "CREATE_ACCOUNT: too_many_accounts",
        "CREATE_ACCOUNT: bad_value",
        "CREATE_ACCOUNT: unknown_account",
        "TRANSFER: wrong_family",
        "cash: transfer",
    ),
    "many_cancelled": (
        *("liquidation: orders_cancelled",) * 3,
        "liquidation: perpetual_slice",
        *_LOSS_SHARED,
    ),
    "accumulation": (
        "FUNDING: limit_reached",
        "TRANSFER: limit_reached",
        "TAKEOVER: limit_reached",
        *_LOSS_SHARED,
    ),
    "takeovers": (
        "TAKEOVER: too_many_seats",
        "TAKEOVER: position_limit",
        "TAKEOVER: no_risk",
        "TAKEOVER: price_too_high",
        "TAKEOVER: insufficient_funds",
        "liquidation: taken_over",
        "takeover: a part rounded up",
        "takeover: all may be taken",
        "takeover: discount cut by maintenance",
        "takeover: given cut by equity",
    ),
    "uneven_spreads": ("relief: none for lots of two sizes", "relief: none beyond bounds"),
    "many_accounts": (
        "liquidation: taken_over",
        "liquidation: perpetual_slice",
        "takeover: top-up cut by the fund",
        *_LOSS_SHARED,
    ),
    "closing": (
        "check 16: covered",
        f"check 16: closing, maintenance met, {STANDARD}",
        f"check 16: closing, not borne, maintenance was met, {STANDARD}",
        "MASS_QUOTE: insufficient_funds",
    ),
    "neutral": (
        "slice: no perpetual that hedges",
        "liquidation: option_slice",
        "untabled: initial, long or bid for",
    ),
    "shared_late": (
        "WITHDRAW: loss_sharing",
        "withdrawal: loss being shared",
        "family: nobody else",
        "sharing: less there than its share",
        "sharing: nothing there any more",
        "sharing: ends with something missing",
        "sharing: ends with nothing missing",
        *_LOSS_SHARED,
    ),
    "entry_limit": ("TAKEOVER: limit_reached", "NEW_ORDER: limit_reached", "liquidation: taken_over"),
    "volume": ("fees: volume counts no more",),
    "large_portfolios": ("RISK_SNAPSHOT: bad_value", "WITHDRAW: insufficient_funds", "cash: withdrawal"),
    "pending_withdrawals": ("WITHDRAW: limit_reached", "cash: withdrawal paid"),
    "crowd_standard": _crowd(STANDARD),
    "crowd_portfolio": (*_crowd(PORTFOLIO), "slice: its fees capped"),
    "drift_standard": (
        *_drift(STANDARD),
        "takeover: discount cut by half the value",
        "takeover: topped up whole",
    ),
    "drift_portfolio": (
        *_drift(PORTFOLIO),
        "takeover: most by what is short",
        "takeover: top-up cut by negative equity",
        "untabled: maintenance, long",
    ),
    "families_pay": (
        *_branches("family: one", "family: several", "family: pays", "family: passed", "family: gives"),
        "liquidation: covered_by_family",
        *_LOSS_SHARED,
        "WITHDRAW: loss_sharing",
        "TRANSFER: loss_sharing",
        "transfer: loss being shared",
        "takeover: of one family",
    ),
    "family_auction": (
        "TAKEOVER: wrong_family",
        "withdrawal: family below maintenance",
        "withdrawal: family in liquidation",
        "withdrawal: too many of its own",
        "liquidation: taken_over",
    ),
    "torn_spreads": (
        "takeover: cover torn away",
        "takeover: most by two lots",
        "takeover: a long option rounded to nothing",
        "takeover: too large a fraction",
        "takeover: whole discount given",
        "relief: better with delivery",
        "liquidation: taken_over",
    ),
    "waiting_for_an_auction": (
        *("auction: waits for an underlying",) * 3,
        "liquidation: perpetual_slice",
        "liquidation: auction_started",
    ),
    "cut_slices": ("slice: helps whole, not as cut",),
    "hardly_relieved": ("relief: worse only for delivery",),
    "amends": (
        *_branches("amend: "),
        "check 16: neither closing nor reducing",
        "AMEND: negative_equity",
    ),
    "standing_orders_standard": (
        *_standing_orders(STANDARD),
        f"check 16: closing, not borne, met by receipts, {STANDARD}",
    ),
    "standing_orders_portfolio": _standing_orders(PORTFOLIO),
    "losing_makers_standard": _losing_makers(STANDARD),
    "losing_makers_portfolio": _losing_makers(PORTFOLIO),
    "losing_looks_standard": _losing_looks(STANDARD),
    "losing_looks_portfolio": (*_losing_looks(PORTFOLIO), "look: overdraw by rounding, portfolio"),
    "most_meetings": (
        *(f"meetings: stopped, {what}" for what in ("GTC", "IOC", "market", "amend", "quote")),
        "meetings: the most, and filled by the last",
        "meetings: the most, and nobody left to meet",
    ),
    "long_looks": (
        *_branches("look: ended at its most meetings, fill-or-kill"),
        "look: no meeting left",
        "look: one meeting left, two needed",
        "meetings: stopped before its own order",
    ),
    "cancelled_on_the_way": _branches("meetings: stopped, some cancelled"),
    "long_slices": _branches("look: ended at its most meetings, slice"),
    "slice_in_vain": ("meetings: stopped, slice",),
    "displays": _branches("display: "),
    "relieved_quotes": _branches("quote: ", model=STANDARD),
    "closing_quotes_standard": _closing_quotes(STANDARD),
    "closing_quotes_portfolio": (*_closing_quotes(PORTFOLIO), "quote: plain, portfolio"),
    "shared_by_worth": (
        *(f"sharing: {how}" for how in ("no cash, no part", "cash but no equity, no part")),
        "sharing: by equity",
        "sharing: by cash",
        *_LOSS_SHARED,
    ),
}

_COMBOS_REFUSED = """
    LIST_COMBO: bad_id, not_authorised, unknown_instrument, bad_value, bad_terms, instrument_not_open
"""
_COMBO_ORDERS = """
    NEW_ORDER: bad_flags, unknown_mmp_group, bad_size, position_limit, price_off_tick, bad_price
    NEW_ORDER: post_only_reject
    EXTENDED_ORDER: bad_flags, bad_link
    AMEND: bad_size, bad_flags, price_off_tick, bad_price
    MASS_QUOTE: bad_flags, quote_crossed
    SETTLE_PERPETUAL: bad_value
    FUNDING: bad_value
    DELIVER: bad_value
    MARKS: unknown_instrument
    BLOCK_TRADE: bad_value
"""


def _branches_of_combos(*starts: str) -> tuple[str, ...]:
    """All branches of rules 4 that begin with one of these."""
    return tuple(branch for branch in sorted(COMBO_BRANCHES) if branch.startswith(starts))


def _combos_lose(model: str) -> tuple[str, ...]:
    of_combos = _branches_of_combos("losing maker: trades, combo", "losing maker: cancelled, combo")
    return (
        *(branch for branch in of_combos if branch.endswith(model)),
        *_branches_of_combos("implied in: losing", "implied out: losing"),
        "look: of a combo, losing, not counted",
    )


COMBO_PROMISES: dict[str, tuple[str, ...]] = {
    "shapes": ("LIST_COMBO: malformed", "LIST_COMBO: not_authorised", "CANCEL_MANY: bad_flags"),
    "refused": _refusals(_COMBOS_REFUSED),
    "most_of_a_leg": ("LIST_COMBO: limit_reached",) * 3,
    "orders": (*_refusals(_COMBO_ORDERS), "combo: trades at a zero price"),
    "in_and_out": _branches_of_combos("implied in: trades", "implied out: trades"),
    "rounded": (*("implied out: rounded for the combo's maker",) * 3, "implied out: none, no valid price"),
    "own_book_alone": (
        "implied: none of a combo that is not open",
        "implied in: trades, difference, purchase",
    ),
    "own_orders": (
        *(
            f"implied {name}: {what}, {place}"
            for name in ("in", "out")
            for what in ("its own", "stops its own")
            for place in ("first", "second")
        ),
        "implied out: none, both of one account",
    ),
    "most_meetings": ("meetings: stopped before an implied order", "meetings: stopped, GTC"),
    "last_prices": (*("combo: an order moved several last prices",) * 2, "trigger: stop purchase by last"),
    "ends": (
        "combo: its orders keep a leg",
        "combo: cancelled by kind",
        "combo: ends with a leg",
        "combo: ends with a leg, with orders",
        "SET_INSTRUMENT_STATE: not_empty",
    ),
    "ties": ("implied: as good as its own book", "implied: two combos as good"),
    "divided": ("combo: divided among its multiples", "combo: divided with too much given"),
    "signs": _branches_of_combos("combo: listed", "combo: trades at a"),
    "reduced": _branches_of_combos("implied in: reduce", "implied out: reduce"),
    "losing_standard": _combos_lose(STANDARD),
    "losing_portfolio": _combos_lose(PORTFOLIO),
    "losing_twice": (
        "losing maker: judged with another of its account",
        "implied in: two makers of one account",
    ),
    "filled_or_killed": _branches_of_combos("combo: fill-or-kill covered as filled"),
    "seats": (*("NEW_ORDER: too_many_seats",) * 3, "combo: trades at a positive price"),
}
