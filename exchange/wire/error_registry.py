"""Every error a client can be told, in one table: what it is, whether to try again, what is at fault.

`wire.errors` takes its messages from here and `public/strikebook_get_errors` serves it. A code that is not
in this table cannot be answered (`errors.error` knows no other).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.domain import rejects as rej


class ErrorEntry(NamedTuple):
    """One code.

    `retryable`: the same request may succeed later without a change of its content. `fault` is the
    parameter at fault; "" if there is none, `data.param` if the error names it itself. `limit` is what
    bounds it, where the client reads that limit.
    """

    code: int
    name: str
    retryable: bool
    fault: str
    limit: str
    meaning: str


_as: Final = ErrorEntry
_AGAIN: Final = True
_NAMED: Final = "data.param"
_CREDITS: Final = "get_account_summary limits.non_matching_engine"

ENTRIES: Final[tuple[ErrorEntry, ...]] = (
    _as(-32700, "Parse error", False, "", "", "the bytes are no JSON, or no UTF-8"),
    _as(-32602, "Invalid params", False, _NAMED, "data.reason", "a parameter is missing or wrong"),
    _as(-32601, "Method not found", False, "method", "", "neither the dialect nor this venue has it"),
    _as(-32600, "request entity too large", False, "", "32 kB", "the message is too long"),
    _as(10000, "authorization_required", False, "", "", "the request needs an authorization"),
    _as(10002, "qty_too_low", False, "amount", "min_trade_amount", "below the smallest order"),
    _as(10003, "order_overlap", False, "", "", "the order would trade with one of its own account"),
    _as(10004, "order_not_found", False, "order_id", "", "no such order, or no longer open"),
    _as(10005, "price_too_low", False, "price", "data.limit, ticker min_price", "a sell below the band"),
    _as(10007, "price_too_high", False, "price", "data.limit, ticker max_price", "a buy above the band"),
    _as(10009, "not_enough_funds", False, "amount", "available_funds", "margin or money is missing"),
    _as(10012, "book_closed", _AGAIN, "instrument_name", "state", "the instrument takes no orders now"),
    _as(
        10013, "pme_max_total_open_orders", _AGAIN, "", "open orders", "the account has too many open orders"
    ),
    _as(10020, "invalid_or_unsupported_instrument", False, "instrument_name", "", "not listed here"),
    _as(
        10021, "invalid_amount", False, _NAMED, "qty_tick_size", "not positive, off the lot, or too large"
    ),
    _as(10023, "invalid_price", False, _NAMED, "", "not positive, or beyond every bound"),
    _as(10025, "invalid_order_id", False, _NAMED, "", "no order id of this venue"),
    _as(10028, "too_many_requests", _AGAIN, "", _CREDITS, "the budget of requests is used up"),
    _as(10029, "not_owner_of_order", False, "order_id", "", "the order is another account's"),
    _as(10030, "must_be_websocket_request", False, "", "", "only over a WebSocket"),
    _as(10033, "not_implemented", False, _NAMED, "", "the dialect has it, this venue not (yet)"),
    _as(10036, "invalid_max_show_amount", False, "display_amount", "amount", "not to be shown like that"),
    _as(10040, "retry", _AGAIN, "", "", "the instrument has no mark yet, or triggered orders come first"),
    _as(10043, "price_wrong_tick", False, _NAMED, "tick_size, tick_size_steps", "between two ticks"),
    _as(10047, "matching_engine_queue_full", _AGAIN, "", "", "too much waits for the engine"),
    _as(10066, "too_many_concurrent_requests", _AGAIN, "", "data.limit", "wait for those under way"),
    _as(11029, "invalid_arguments", False, "", "data.reason", "the arguments do not go together"),
    _as(
        11030, "other_reject", False, "", "data.reason", "refused by a rule without a code: see the reasons"
    ),
    _as(11035, "no_more_triggers", _AGAIN, "", "data.limit", "as many orders wait for a trigger as may"),
    _as(11036, "invalid_trigger_price", False, _NAMED, "", "no trigger of this order, or beyond every bound"),
    _as(11038, "no_adv_for_futures", False, "advanced", "", "only options are priced in volatility"),
    _as(11039, "no_adv_postonly", False, "post_only", "", "an order priced in volatility may take"),
    _as(11041, "not_adv_order", False, "advanced", "", "the order is not priced in volatility"),
    _as(11044, "not_open_order", False, "order_id", "", "the order has ended"),
    _as(11047, "unsupported_arg_combination", False, _NAMED, "", "two parameters contradict each other"),
    _as(11050, "bad_request", False, "", "data.reason", "JSON, but no request"),
    _as(11051, "system_maintenance", _AGAIN, "", "public/status", "the venue takes cancels only"),
    _as(11052, "subscribe_error_unsubscribed", False, "resume_from", "20,000 events", "take a snapshot"),
    _as(11054, "post_only_reject", False, "reject_post_only", "", "the order would have traded at once"),
    _as(11055, "post_only_not_allowed", False, "post_only", "", "the order can never rest"),
    _as(11090, "invalid_addr", False, "address", "", "not the account's owner"),
    _as(11094, "internal_server_error", _AGAIN, "", "", "a fault of the venue; a read may be repeated"),
    _as(11097, "no_deposit_address", False, "currency", "", "nothing is deposited in this currency"),
    _as(11098, "account_locked", False, "", "get_user_locks", "locked, or in liquidation: cancels only"),
    _as(12001, "too_many_subaccounts", False, "", "20 subaccounts", "no further subaccount"),
    _as(12002, "wrong_subaccount_name", False, "name", "", "not printable, or empty"),
    _as(12100, "transfer_not_allowed", False, "destination", "", "only within one family of accounts"),
    _as(13004, "invalid_credentials", False, "client_id", "", "key or signature is wrong"),
    _as(13007, "user_not_found", False, "", "", "no such account"),
    _as(13009, "unauthorized", False, "", "data.reason", "not authenticated, or the token is not good"),
    _as(13012, "unavailable_in_subaccount", False, "", "", "for a main account alone"),
    _as(13018, "invalid_content_type", False, "", "", "binary frames are not spoken here"),
    _as(13020, "not_found", False, _NAMED, "", "there is no such thing"),
    _as(13021, "forbidden", False, _NAMED, "data.reason", "a scope is missing, or it is not yours"),
    _as(13025, "method_switched_off_by_admin", False, "", "", "switched off here"),
    _as(13028, "temporarily_unavailable", _AGAIN, "", "data.reason", "not now: halted, or not set up"),
    _as(13030, "mmp_trigger", _AGAIN, "", "get_mmp_status", "market maker protection tripped: still frozen"),
    _as(13032, "non_unique_order_label", False, "label", "", "several orders have it"),
    _as(
        13035, "active_combo_limit_reached", False, "trades", "data.limit", "as many are open as may be"
    ),
    _as(
        13036, "unavailable_for_combo_books", False, _NAMED, "", "orders in combo books cannot have that"
    ),
    _as(13040, "mmp_required", False, "mmp_group", "get_mmp_config", "no such group: set_mmp_config first"),
    _as(13042, "cod_not_enabled", False, "", "", "quotes need cancel on disconnect: enable it first"),
    _as(13043, "quotes_frozen", _AGAIN, "", "1 second", "quotes were cancelled and frozen: try again later"),
    _as(13403, "scope_exceeded", False, "scope", "", "more than the key holds"),
    _as(
        13780, "move_positions_over_limit", _AGAIN, "", "data.wait", "6 a minute, 100 a week of a family"
    ),
    _as(13503, "unavailable", False, "method", "", "this venue does not have it; the message says why"),
    _as(
        13778, "raw_subscriptions_not_available_for_unauthorized", False, "channels", "", "authenticate first"
    ),
    _as(13888, "timed_out", _AGAIN, "valid_until", "valid_until", "not reached before its time was over"),
    _as(13903, "too_many_quotes", False, "quotes", "100 quotes a request", "send them in parts"),
    _as(13905, "too_many_quotes_per_block_rfq", False, "", "data.limit", "cancel quotes of it first"),
    _as(13906, "too_many_quotes_per_block_rfq_side", False, "", "data.limit", "cancel quotes of it first"),
    _as(
        13907,
        "not_fully_filled",
        False,
        "",
        "data.limit",
        "a fill-or-kill found too little, or (data.reason too_many_open_block_rfqs) as many are open as may",
    ),
    _as(13910, "quote_crossed", False, "quotes", "", "a bid at or above the ask of one quote"),
)

_BY_CODE: Final = {entry.code: entry for entry in ENTRIES}


def entry_of(code: int) -> ErrorEntry:
    """The entry of a code. Raises KeyError for one that is not in the table."""
    return _BY_CODE[code]


class Reason(NamedTuple):
    """What `data.reason` says of a command the core refused: see `ErrorEntry` for the fields."""

    name: str
    retryable: bool
    fault: str
    meaning: str


def _reason(number: int, retryable: bool, fault: str, meaning: str) -> tuple[int, Reason]:
    return number, Reason(rej.REJECT_NAMES[number], retryable, fault, meaning)


REASONS: Final[dict[int, Reason]] = dict(
    (
        _reason(rej.MALFORMED, False, "", "the command is none"),
        _reason(rej.BAD_ID, False, "", "an id is out of range"),
        _reason(rej.BAD_VALUE, False, "", "a value is out of range"),
        _reason(rej.BAD_FLAGS, False, "", "flags that contradict each other"),
        _reason(rej.UNKNOWN_ACCOUNT, False, "", "no such account"),
        _reason(rej.UNKNOWN_INSTRUMENT, False, "instrument_name", "no such instrument"),
        _reason(rej.UNKNOWN_UNDERLYING, False, "index_name", "no such underlying"),
        _reason(rej.VENUE_CANCEL_ONLY, _AGAIN, "", "the venue takes cancels only"),
        _reason(rej.INSTRUMENT_NOT_OPEN, _AGAIN, "instrument_name", "the instrument takes no orders now"),
        _reason(rej.TIMED_OUT, _AGAIN, "valid_until", "not reached before its time was over"),
        _reason(rej.BAD_SIZE, False, "amount", "not a size of this instrument"),
        _reason(rej.BAD_DISPLAY, False, "display_amount", "not to be shown like that"),
        _reason(rej.BAD_PRICE, False, "price", "not a price of this instrument"),
        _reason(rej.PRICE_OFF_TICK, False, "price", "between two ticks"),
        _reason(rej.NO_MARK, _AGAIN, "instrument_name", "the instrument has no mark yet"),
        _reason(rej.PRICE_TOO_HIGH, False, "price", "a buy above the band; data.limit is its edge"),
        _reason(rej.PRICE_TOO_LOW, False, "price", "a sell below the band; data.limit is its edge"),
        _reason(rej.TOO_MANY_ORDERS, _AGAIN, "", "the account has as many open orders as it may"),
        _reason(rej.REDUCE_ONLY, False, "reduce_only", "nothing is there to reduce"),
        _reason(rej.POST_ONLY_REJECT, False, "reject_post_only", "the order would have traded at once"),
        _reason(rej.TOO_MANY_SEATS, _AGAIN, "", "positions or orders in as many instruments as it may"),
        _reason(rej.POSITION_LIMIT, _AGAIN, "amount", "the position would pass the instrument's limit"),
        _reason(rej.LIMIT_REACHED, _AGAIN, "", "a bound of the venue is reached"),
        _reason(rej.NEGATIVE_EQUITY, False, "", "the account owes more than it has"),
        _reason(rej.INSUFFICIENT_FUNDS, False, "amount", "money is missing"),
        _reason(rej.ORDER_NOT_FOUND, False, "order_id", "no such order, or no longer open"),
        _reason(rej.NOT_OWNER, False, "order_id", "the order is another account's"),
        _reason(rej.QUOTE_ORDER, False, "order_id", "a quote is changed by mass_quote"),
        _reason(rej.QUOTE_CROSSED, False, "quotes", "a bid at or above the ask of one quote"),
        _reason(rej.STALE_FEED, False, "", "older than what is known (the venue's own commands)"),
        _reason(rej.DUPLICATE, False, "", "this was done before"),
        _reason(rej.NOT_EMPTY, False, "", "the account still holds something"),
        _reason(rej.NOT_EXPIRED, _AGAIN, "", "the instrument has not expired yet"),
        _reason(rej.NO_RISK, _AGAIN, "", "the underlying has no risk parameters yet"),
        _reason(rej.NOT_AUTHORISED, False, "", "the grant does not allow it"),
        _reason(rej.MARK_JUMP, _AGAIN, "", "marks that jump too far (the venue's own commands)"),
        _reason(rej.ACCOUNT_LOCKED, False, "", "locked, or in liquidation: cancels only"),
        _reason(rej.WRONG_FAMILY, False, "destination", "only within one family of accounts"),
        _reason(rej.UNDERLYING_NOT_OPEN, _AGAIN, "instrument_name", "the underlying takes cancels only"),
        _reason(rej.MARGIN_BREACH, False, "amount", "margin is missing"),
        _reason(rej.NOT_LIQUIDATABLE, False, "account", "the account's margin suffices"),
        _reason(rej.NOT_IN_AUCTION, False, "account", "the account is not to be taken over"),
        _reason(rej.TOO_MANY_ACCOUNTS, False, "", "no further account"),
        _reason(rej.UNKNOWN_WITHDRAWAL, False, "id", "no such withdrawal, or it has ended"),
        _reason(rej.LOSS_SHARING, True, "", "a loss is being shared: cash stays until that is over"),
        _reason(rej.ID_EXPIRED, False, "client_order_id", "below the last id, and forgotten"),
        _reason(rej.FILLED_MISMATCH, False, "expected_filled", "not what is filled; data.filled_amount"),
        _reason(rej.UNKNOWN_MMP_GROUP, False, "mmp_group", "the account has no such protection group"),
        _reason(rej.MMP_FROZEN, _AGAIN, "mmp_group", "the protection group is frozen; data.frozen_until"),
        _reason(rej.MMP_QUANTITY, False, "amount", "more open than the protection group allows"),
        _reason(rej.QUOTES_FROZEN, _AGAIN, "", "no quotes for a second, as was asked for"),
        _reason(rej.BAD_TRIGGER, False, "trigger_price", "no such trigger, or its price is beyond bounds"),
        _reason(rej.TOO_MANY_TRIGGERS, _AGAIN, "", "as many orders wait for a trigger as may"),
        _reason(rej.TRIGGERS_DUE, _AGAIN, "", "triggered orders of the instrument come first"),
        _reason(rej.BAD_LINK, False, "linked_order_type", "orders that cannot be linked like that"),
        _reason(rej.BAD_TERMS, False, "trades", "legs whose terms do not fit each other"),
    )
)

# Reasons of the edge under `other_reject`, by name.
EDGE_REASONS: Final[tuple[Reason, ...]] = (
    Reason("payment_under_way", False, "id", "the withdrawal is being paid: too late to cancel it"),
    Reason("cancel_under_way", True, "id", "the withdrawal is being cancelled already"),
    Reason("too_many_api_keys", False, "", "an account has at most 8"),
    Reason("last_api_key", False, "id", "without it nobody could come in again"),
    Reason("asymmetric_api_key", False, "id", "the key has no secret to be changed"),
    Reason("block_signature_invalid", False, "counterparty_signature", "no signature of this venue"),
    Reason("block_signature_expired", False, "timestamp", "more than five minutes from now"),
    Reason("block_signature_used", False, "nonce", "traded, invalidated or rejected before"),
    Reason("block_terms_differ", False, "trades", "not what the other side has signed"),
    Reason("block_role", False, "role", "the other side has the same role"),
    Reason("block_own_family", False, "counterparty_signature", "a block is between two families"),
    Reason("block_counterparty", False, "counterparty_signature", "signed for another account"),
    Reason("block_approval_required", True, "", "the account's owner has to approve_block_trade first"),
    Reason("block_rfq_closed", False, "block_rfq_id", "the request is filled, cancelled or expired"),
    Reason("block_rfq_own", False, "block_rfq_id", "of one's own family: only others quote it"),
    Reason("block_rfq_quote_closed", False, "block_rfq_quote_id", "the quote is no longer open"),
    Reason("block_rfq_grace", True, "block_rfq_id", "its makers are still answering; data.until"),
    Reason("grant_expired", False, "expires_at", "the grant is over, or would be at once"),
    Reason("grant_number_used", False, "grant", "numbers of grants are never used again"),
    Reason("grant_revoked", False, "grant", "taken back, or not recorded yet"),
    Reason("out_of_scope", False, "commands", "the grant does not allow this kind of command"),
    Reason("order_too_large", False, "commands", "larger than the grant allows"),
    Reason("instrument_not_granted", False, "commands", "the grant does not name the instrument"),
    Reason("not_the_owners_signature", False, "signature", "only the account's owner may sign this"),
    Reason("not_the_signature_of_this_key", False, "signature", "neither the owner's nor the grant's key"),
    Reason("frame_expired", False, "valid_until", "the signed commands were good until then"),
    Reason("frame_too_far_ahead", False, "valid_until", "signed commands are good for a minute at most"),
    Reason("entry_expired", False, "valid_until", "a session could be opened with it until then"),
    Reason("entry_too_far_ahead", False, "valid_until", "an entry is good for a minute at most"),
    Reason("block_price", False, "price", "no prices of the legs on tick and in their bands give it"),
)


class CloseCode(NamedTuple):
    """Why the venue closes a WebSocket."""

    code: int
    name: str
    meaning: str


CLOSE_CODES: Final[tuple[CloseCode, ...]] = (
    CloseCode(1000, "logout", "private/logout was called"),
    CloseCode(1001, "going away", "the venue stops: connect again later"),
    CloseCode(1002, "protocol error", "frames that break RFC 6455"),
    CloseCode(1007, "invalid payload", "text that is no UTF-8"),
    CloseCode(1008, "policy", "`too_many_requests`, or `connection_too_slow`: what was sent is not read"),
    CloseCode(1009, "message too big", "far beyond 32 kB"),
    CloseCode(4000, "heartbeat_timeout", "a test_request was not answered by public/test"),
    CloseCode(4001, "inactivity", "ten minutes of silence on a connection with cancel on disconnect"),
    CloseCode(4002, "key revoked", "its key or its account's login was changed so that it may not stay"),
    CloseCode(4003, "session_replaced", "newer sessions of the key took its place"),
)
