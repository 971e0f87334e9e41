"""Numbered reject reasons. Rejects are data: the numbers are stable and never reused."""

from __future__ import annotations

from typing import Final

MALFORMED: Final = 1
BAD_ID: Final = 2
BAD_VALUE: Final = 3
BAD_FLAGS: Final = 4
UNKNOWN_ACCOUNT: Final = 5
UNKNOWN_INSTRUMENT: Final = 6
UNKNOWN_UNDERLYING: Final = 7
VENUE_CANCEL_ONLY: Final = 8
INSTRUMENT_NOT_OPEN: Final = 9
TIMED_OUT: Final = 10
BAD_SIZE: Final = 11
BAD_DISPLAY: Final = 12
BAD_PRICE: Final = 13
PRICE_OFF_TICK: Final = 14
NO_MARK: Final = 15
PRICE_TOO_HIGH: Final = 16
PRICE_TOO_LOW: Final = 17
TOO_MANY_ORDERS: Final = 18
REDUCE_ONLY: Final = 19
POST_ONLY_REJECT: Final = 20
TOO_MANY_SEATS: Final = 21
POSITION_LIMIT: Final = 22
LIMIT_REACHED: Final = 23
NEGATIVE_EQUITY: Final = 24
INSUFFICIENT_FUNDS: Final = 25
ORDER_NOT_FOUND: Final = 26
NOT_OWNER: Final = 27
QUOTE_ORDER: Final = 28
QUOTE_CROSSED: Final = 29
STALE_FEED: Final = 30
DUPLICATE: Final = 31
NOT_EMPTY: Final = 32
NOT_EXPIRED: Final = 33
NO_RISK: Final = 34
NOT_AUTHORISED: Final = 35
MARK_JUMP: Final = 36
ACCOUNT_LOCKED: Final = 37
WRONG_FAMILY: Final = 38
UNDERLYING_NOT_OPEN: Final = 39
MARGIN_BREACH: Final = 40
NOT_LIQUIDATABLE: Final = 41
NOT_IN_AUCTION: Final = 42
TOO_MANY_ACCOUNTS: Final = 43
UNKNOWN_WITHDRAWAL: Final = 44
LOSS_SHARING: Final = 45
ID_EXPIRED: Final = 46
FILLED_MISMATCH: Final = 47
UNKNOWN_MMP_GROUP: Final = 48
MMP_FROZEN: Final = 49
MMP_QUANTITY: Final = 50
QUOTES_FROZEN: Final = 51
BAD_TRIGGER: Final = 52
TOO_MANY_TRIGGERS: Final = 53
TRIGGERS_DUE: Final = 54
BAD_LINK: Final = 55
BAD_TERMS: Final = 56

REJECT_NAMES: Final[dict[int, str]] = {
    MALFORMED: "malformed",
    BAD_ID: "bad_id",
    BAD_VALUE: "bad_value",
    BAD_FLAGS: "bad_flags",
    UNKNOWN_ACCOUNT: "unknown_account",
    UNKNOWN_INSTRUMENT: "unknown_instrument",
    UNKNOWN_UNDERLYING: "unknown_underlying",
    VENUE_CANCEL_ONLY: "venue_cancel_only",
    INSTRUMENT_NOT_OPEN: "instrument_not_open",
    TIMED_OUT: "timed_out",
    BAD_SIZE: "bad_size",
    BAD_DISPLAY: "bad_display",
    BAD_PRICE: "bad_price",
    PRICE_OFF_TICK: "price_off_tick",
    NO_MARK: "no_mark",
    PRICE_TOO_HIGH: "price_too_high",
    PRICE_TOO_LOW: "price_too_low",
    TOO_MANY_ORDERS: "too_many_orders",
    REDUCE_ONLY: "reduce_only",
    POST_ONLY_REJECT: "post_only_reject",
    TOO_MANY_SEATS: "too_many_seats",
    POSITION_LIMIT: "position_limit",
    LIMIT_REACHED: "limit_reached",
    NEGATIVE_EQUITY: "negative_equity",
    INSUFFICIENT_FUNDS: "insufficient_funds",
    ORDER_NOT_FOUND: "order_not_found",
    NOT_OWNER: "not_owner",
    QUOTE_ORDER: "quote_order",
    QUOTE_CROSSED: "quote_crossed",
    STALE_FEED: "stale_feed",
    DUPLICATE: "duplicate",
    NOT_EMPTY: "not_empty",
    NOT_EXPIRED: "not_expired",
    NO_RISK: "no_risk",
    NOT_AUTHORISED: "not_authorised",
    MARK_JUMP: "mark_jump",
    ACCOUNT_LOCKED: "account_locked",
    WRONG_FAMILY: "wrong_family",
    UNDERLYING_NOT_OPEN: "underlying_not_open",
    MARGIN_BREACH: "margin_breach",
    NOT_LIQUIDATABLE: "not_liquidatable",
    NOT_IN_AUCTION: "not_in_auction",
    TOO_MANY_ACCOUNTS: "too_many_accounts",
    UNKNOWN_WITHDRAWAL: "unknown_withdrawal",
    LOSS_SHARING: "loss_sharing",
    ID_EXPIRED: "id_expired",
    FILLED_MISMATCH: "filled_mismatch",
    UNKNOWN_MMP_GROUP: "unknown_mmp_group",
    MMP_FROZEN: "mmp_frozen",
    MMP_QUANTITY: "mmp_quantity",
    QUOTES_FROZEN: "quotes_frozen",
    BAD_TRIGGER: "bad_trigger",
    TOO_MANY_TRIGGERS: "too_many_triggers",
    TRIGGERS_DUE: "triggers_due",
    BAD_LINK: "bad_link",
    BAD_TERMS: "bad_terms",
}
