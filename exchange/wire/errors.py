"""The error codes of the dialect that the venue uses, and what each core reject reason becomes.

Codes are stable: a client acts on the code, `message` is its field name, `data` explains. What each code
means stands in `wire.error_registry`.
"""

from __future__ import annotations

from typing import Final

from exchange.domain import records as r
from exchange.domain import rejects as rej
from exchange.wire.error_registry import ENTRIES
from exchange.wire.session import RpcError

AUTHORIZATION_REQUIRED: Final = 10000
QTY_TOO_LOW: Final = 10002
ORDER_OVERLAP: Final = 10003
ORDER_NOT_FOUND: Final = 10004
PRICE_TOO_LOW: Final = 10005
PRICE_TOO_HIGH: Final = 10007
NOT_ENOUGH_FUNDS: Final = 10009
BOOK_CLOSED: Final = 10012
MAX_OPEN_ORDERS: Final = 10013
INVALID_INSTRUMENT: Final = 10020
INVALID_AMOUNT: Final = 10021
INVALID_PRICE: Final = 10023
INVALID_ORDER_ID: Final = 10025
TOO_MANY_REQUESTS: Final = 10028
NOT_OWNER_OF_ORDER: Final = 10029
MUST_BE_WEBSOCKET: Final = 10030
NOT_IMPLEMENTED: Final = 10033
INVALID_MAX_SHOW: Final = 10036
RETRY: Final = 10040
PRICE_WRONG_TICK: Final = 10043
QUEUE_FULL: Final = 10047
CONCURRENT_REQUESTS: Final = 10066
INVALID_ARGUMENTS: Final = 11029
OTHER_REJECT: Final = 11030
NO_MORE_TRIGGERS: Final = 11035
INVALID_TRIGGER_PRICE: Final = 11036
NO_ADVANCED_FUTURES: Final = 11038
NO_ADVANCED_POST_ONLY: Final = 11039
NOT_ADVANCED_ORDER: Final = 11041
NOT_OPEN_ORDER: Final = 11044
UNSUPPORTED_COMBINATION: Final = 11047
BAD_REQUEST: Final = 11050
SYSTEM_MAINTENANCE: Final = 11051
RESUME_TOO_OLD: Final = 11052
POST_ONLY_REJECT: Final = 11054
POST_ONLY_NOT_ALLOWED: Final = 11055
INVALID_ADDRESS: Final = 11090
INTERNAL_ERROR: Final = 11094
NO_DEPOSIT_ADDRESS: Final = 11097
ACCOUNT_LOCKED: Final = 11098
TOO_MANY_SUBACCOUNTS: Final = 12001
WRONG_SUBACCOUNT_NAME: Final = 12002
TRANSFER_NOT_ALLOWED: Final = 12100
INVALID_CREDENTIALS: Final = 13004
USER_NOT_FOUND: Final = 13007
UNAUTHORIZED: Final = 13009
UNAVAILABLE_IN_SUBACCOUNT: Final = 13012
INVALID_CONTENT_TYPE: Final = 13018
NOT_FOUND: Final = 13020
FORBIDDEN: Final = 13021
SWITCHED_OFF: Final = 13025
TEMPORARILY_UNAVAILABLE: Final = 13028
MMP_TRIGGER: Final = 13030
NON_UNIQUE_LABEL: Final = 13032
COMBO_LIMIT: Final = 13035
UNAVAILABLE_FOR_COMBOS: Final = 13036
MMP_REQUIRED: Final = 13040
COD_NOT_ENABLED: Final = 13042
QUOTES_FROZEN: Final = 13043
SCOPE_EXCEEDED: Final = 13403
UNAVAILABLE: Final = 13503
RAW_NEEDS_AUTHORIZATION: Final = 13778
MOVES_OVER_LIMIT: Final = 13780
TIMED_OUT: Final = 13888
TOO_MANY_QUOTES: Final = 13903
TOO_MANY_RFQ_QUOTES: Final = 13905
TOO_MANY_RFQ_SIDE_QUOTES: Final = 13906
NOT_FULLY_FILLED: Final = 13907
QUOTE_CROSSED: Final = 13910
INVALID_PARAMS: Final = -32602
TOO_LARGE: Final = -32600
METHOD_NOT_FOUND: Final = -32601
PARSE_ERROR: Final = -32700

MESSAGES: Final[dict[int, str]] = {entry.code: entry.name for entry in ENTRIES}

# Reasons the dialect has no code for are `other_reject <reason>`, as it writes them.
REJECT_CODES: Final[dict[int, int]] = {
    rej.MALFORMED: INVALID_ARGUMENTS,
    rej.BAD_ID: INVALID_ARGUMENTS,
    rej.BAD_VALUE: INVALID_ARGUMENTS,
    rej.BAD_FLAGS: UNSUPPORTED_COMBINATION,
    rej.UNKNOWN_ACCOUNT: USER_NOT_FOUND,
    rej.UNKNOWN_INSTRUMENT: INVALID_INSTRUMENT,
    rej.UNKNOWN_UNDERLYING: INVALID_INSTRUMENT,
    rej.VENUE_CANCEL_ONLY: SYSTEM_MAINTENANCE,
    rej.INSTRUMENT_NOT_OPEN: BOOK_CLOSED,
    rej.TIMED_OUT: TIMED_OUT,
    rej.BAD_SIZE: INVALID_AMOUNT,
    rej.BAD_DISPLAY: INVALID_MAX_SHOW,
    rej.BAD_PRICE: INVALID_PRICE,
    rej.PRICE_OFF_TICK: PRICE_WRONG_TICK,
    rej.NO_MARK: RETRY,
    rej.PRICE_TOO_HIGH: PRICE_TOO_HIGH,
    rej.PRICE_TOO_LOW: PRICE_TOO_LOW,
    rej.TOO_MANY_ORDERS: MAX_OPEN_ORDERS,
    rej.REDUCE_ONLY: OTHER_REJECT,
    rej.POST_ONLY_REJECT: POST_ONLY_REJECT,
    rej.TOO_MANY_SEATS: OTHER_REJECT,
    rej.POSITION_LIMIT: OTHER_REJECT,
    rej.LIMIT_REACHED: OTHER_REJECT,
    rej.NEGATIVE_EQUITY: NOT_ENOUGH_FUNDS,
    rej.INSUFFICIENT_FUNDS: NOT_ENOUGH_FUNDS,
    rej.ORDER_NOT_FOUND: ORDER_NOT_FOUND,
    rej.NOT_OWNER: NOT_OWNER_OF_ORDER,
    rej.QUOTE_ORDER: OTHER_REJECT,
    rej.QUOTE_CROSSED: QUOTE_CROSSED,
    rej.STALE_FEED: OTHER_REJECT,
    rej.DUPLICATE: OTHER_REJECT,
    rej.NOT_EMPTY: OTHER_REJECT,
    rej.NOT_EXPIRED: OTHER_REJECT,
    rej.NO_RISK: TEMPORARILY_UNAVAILABLE,
    rej.NOT_AUTHORISED: FORBIDDEN,
    rej.MARK_JUMP: OTHER_REJECT,
    rej.ACCOUNT_LOCKED: ACCOUNT_LOCKED,
    rej.WRONG_FAMILY: TRANSFER_NOT_ALLOWED,
    rej.UNDERLYING_NOT_OPEN: BOOK_CLOSED,
    rej.MARGIN_BREACH: NOT_ENOUGH_FUNDS,
    rej.NOT_LIQUIDATABLE: OTHER_REJECT,
    rej.NOT_IN_AUCTION: OTHER_REJECT,
    rej.TOO_MANY_ACCOUNTS: TOO_MANY_SUBACCOUNTS,
    rej.UNKNOWN_WITHDRAWAL: NOT_FOUND,
    rej.LOSS_SHARING: TEMPORARILY_UNAVAILABLE,
    rej.ID_EXPIRED: OTHER_REJECT,
    rej.FILLED_MISMATCH: OTHER_REJECT,
    rej.UNKNOWN_MMP_GROUP: MMP_REQUIRED,
    rej.MMP_FROZEN: MMP_TRIGGER,
    rej.MMP_QUANTITY: OTHER_REJECT,
    rej.QUOTES_FROZEN: QUOTES_FROZEN,
    rej.BAD_TRIGGER: INVALID_TRIGGER_PRICE,
    rej.TOO_MANY_TRIGGERS: NO_MORE_TRIGGERS,
    rej.TRIGGERS_DUE: RETRY,
    rej.BAD_LINK: UNSUPPORTED_COMBINATION,
    rej.BAD_TERMS: UNSUPPORTED_COMBINATION,
}

# What an order that ended without a fill can be told as, where a method answers with an error.
CANCEL_CODES: Final[dict[int, int]] = {
    r.CANCEL_USER: NOT_OPEN_ORDER,
    r.CANCEL_IOC: OTHER_REJECT,
    r.CANCEL_FOK: NOT_FULLY_FILLED,
    r.CANCEL_NO_LIQUIDITY: OTHER_REJECT,
    r.CANCEL_SELF_TRADE: ORDER_OVERLAP,
    r.CANCEL_REDUCE_ONLY: OTHER_REJECT,
    r.CANCEL_QUOTE_FAILED: OTHER_REJECT,
    r.CANCEL_POST_ONLY_EDIT: POST_ONLY_REJECT,
    r.CANCEL_DAY_END: NOT_OPEN_ORDER,
    r.CANCEL_DELIVERY: BOOK_CLOSED,
    r.CANCEL_LIQUIDATION: NOT_OPEN_ORDER,
    r.CANCEL_MARGIN: NOT_ENOUGH_FUNDS,
    r.CANCEL_MEETINGS: OTHER_REJECT,
    r.CANCEL_DISCONNECTED: NOT_OPEN_ORDER,
    r.CANCEL_MMP: MMP_TRIGGER,
    r.CANCEL_MMP_CONFIG: NOT_OPEN_ORDER,
    r.CANCEL_TRIGGER_REFUSED: OTHER_REJECT,
    r.CANCEL_OCO: NOT_OPEN_ORDER,
    r.CANCEL_PRIMARY_CLOSED: NOT_OPEN_ORDER,
    r.CANCEL_REPRICE_REFUSED: OTHER_REJECT,
    r.CANCEL_FORCED: NOT_OPEN_ORDER,
}


CANCEL_NAMES: Final[dict[int, str]] = {
    r.CANCEL_USER: "user_request",
    r.CANCEL_IOC: "immediate_or_cancel",
    r.CANCEL_FOK: "fill_or_kill",
    r.CANCEL_NO_LIQUIDITY: "no_liquidity",
    r.CANCEL_SELF_TRADE: "self_trade",
    r.CANCEL_REDUCE_ONLY: "reduce_only",
    r.CANCEL_QUOTE_FAILED: "quote_failed",
    r.CANCEL_POST_ONLY_EDIT: "edit_post_only_reject",
    r.CANCEL_DAY_END: "day_end",
    r.CANCEL_DELIVERY: "settlement",
    r.CANCEL_LIQUIDATION: "autoliquidation",
    r.CANCEL_MARGIN: "risk_mitigation",
    r.CANCEL_MEETINGS: "too_many_matches",
    r.CANCEL_DISCONNECTED: "cancel_on_disconnect",
    r.CANCEL_MMP: "mmp_trigger",
    r.CANCEL_MMP_CONFIG: "mmp_config_curtailment",
    r.CANCEL_TRIGGER_REFUSED: "trigger_refused",
    r.CANCEL_OCO: "oco_other_closed",
    r.CANCEL_PRIMARY_CLOSED: "oto_primary_closed",
    r.CANCEL_REPRICE_REFUSED: "reprice_refused",
    r.CANCEL_FORCED: "forced_withdrawal",
}


def error(code: int, **data: object) -> RpcError:
    """The error of a code with its documented message; keywords become `data`."""
    return RpcError(code, MESSAGES[code], data or None)


def invalid_param(param: str, reason: str) -> RpcError:
    """-32602 with what is wrong and where."""
    return error(INVALID_PARAMS, param=param, reason=reason)


def other_reject(reason: str, **data: object) -> RpcError:
    """11030 for a reason of the edge's own (`error_registry.EDGE_REASONS`)."""
    return RpcError(OTHER_REJECT, f"{MESSAGES[OTHER_REJECT]} {reason}", {"reason": reason, **data})


def reject_error(reason: int, detail: object = None) -> RpcError:
    """The error a core reject becomes.

    `detail` is the limit that was passed, already in the client's units (a price for
    `price_too_high`), or None. An unknown reason is `other_reject`, so that a newer core never breaks
    an older edge.
    """
    code = REJECT_CODES.get(reason, OTHER_REJECT)
    name = rej.REJECT_NAMES.get(reason, f"reason_{reason}")
    data: dict[str, object] = {"reason": name}
    message = MESSAGES[code]
    if code == OTHER_REJECT:
        message = f"{message} {name}"
    elif detail is not None and code in (PRICE_TOO_LOW, PRICE_TOO_HIGH):
        message = f"{message} {detail}"
        data["limit"] = detail
    return RpcError(code, message, data)


def cancel_error(reason: int) -> RpcError:
    """The error for an order that the core ended at once, by its cancel reason."""
    code = CANCEL_CODES.get(reason, OTHER_REJECT)
    name = CANCEL_NAMES.get(reason, f"reason_{reason}")
    message = f"{MESSAGES[code]} {name}" if code == OTHER_REJECT else MESSAGES[code]
    return RpcError(code, message, {"reason": name})
