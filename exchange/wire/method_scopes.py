"""The scope each private method asks for, as the dialect documents it, and which methods change anything.

Served or not, every method of the dialect stands here: a method that is added is guarded from its first
day. One that is not here needs only a session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TABLE: Final = {
    "trade:read_write": (
        "buy sell edit edit_by_label cancel cancel_all cancel_by_label cancel_all_by_instrument "
        "cancel_all_by_currency cancel_all_by_currency_pair cancel_all_by_kind_or_type mass_quote "
        "cancel_quotes close_position create_combo move_positions set_mmp_config reset_mmp "
        "strikebook_take_over"
    ),
    "trade:read": (
        "get_open_orders get_open_orders_by_currency get_open_orders_by_instrument get_open_orders_by_label "
        "get_order_state get_order_state_by_label get_order_history_by_currency "
        "get_order_history_by_instrument get_order_margin_by_ids get_trigger_order_history "
        "get_user_trades_by_instrument get_user_trades_by_instrument_and_time get_user_trades_by_currency "
        "get_user_trades_by_currency_and_time get_user_trades_by_order get_positions get_position "
        "get_margins get_settlement_history_by_currency get_settlement_history_by_instrument "
        "get_mmp_config get_mmp_status strikebook_get_liquidations strikebook_get_receipt "
        "strikebook_get_fill_proof strikebook_get_order_state_by_client_order_id"
    ),
    "account:read_write": (
        "set_self_trading_config change_margin_model create_subaccount change_subaccount_name "
        "remove_subaccount toggle_subaccount_login toggle_notifications_from_subaccount "
        "set_email_for_subaccount set_email_language set_announcement_as_read set_disabled_trading_products "
        "enable_affiliate_program create_api_key edit_api_key change_api_key_name change_scope_in_api_key "
        "enable_api_key disable_api_key remove_api_key reset_api_key enable_cancel_on_disconnect "
        "strikebook_revoke_grant "
        "disable_cancel_on_disconnect"
    ),
    "account:read": (
        "get_account_summary get_account_summaries get_subaccounts get_subaccounts_details get_user_locks "
        "get_access_log get_affiliate_program_info get_cancel_on_disconnect get_email_language "
        "get_new_announcements get_transaction_log list_api_keys simulate_portfolio pme/simulate "
        "strikebook_get_snapshot strikebook_get_grants"
    ),
    "wallet:read_write": (
        "submit_transfer_between_subaccounts submit_transfer_to_subaccount submit_transfer_to_user withdraw "
        "cancel_withdrawal cancel_transfer_by_id create_deposit_address add_to_address_book "
        "remove_from_address_book save_address_beneficiary delete_address_beneficiary "
        "set_clearance_originator"
    ),
    "wallet:read": (
        "get_transfers get_withdrawals get_deposits get_current_deposit_address get_address_book "
        "get_address_beneficiary list_address_beneficiaries"
    ),
    "block_trade:read_write": (
        "approve_block_trade execute_block_trade invalidate_block_trade_signature reject_block_trade"
    ),
    "block_trade:read": (
        "get_block_trade get_block_trade_requests get_block_trades get_broker_trade_requests "
        "get_broker_trades simulate_block_trade verify_block_trade"
    ),
    "block_rfq:read_write": (
        "accept_block_rfq add_block_rfq_quote cancel_all_block_rfq_quotes cancel_block_rfq "
        "cancel_block_rfq_quote cancel_block_rfq_trigger create_block_rfq edit_block_rfq_quote"
    ),
    "block_rfq:read": "get_block_rfq_makers get_block_rfq_quotes get_block_rfq_user_info get_block_rfqs",
}
UNDER_GRANT: Final = frozenset(
    f"private/{name}"
    for name in (
        "buy", "sell", "close_position", "edit", "edit_by_label", "cancel", "cancel_by_label", "cancel_all",
        "cancel_all_by_instrument", "cancel_all_by_currency", "cancel_all_by_currency_pair",
        "cancel_all_by_kind_or_type",
    )
)  # fmt: skip
"""What a session may change that a grant's key has opened: the grant is held against each command."""
_BY_BLOCK_RFQ: Final = frozenset(
    f"private/{name}" for name in ("set_mmp_config", "reset_mmp", "get_mmp_config", "get_mmp_status")
)
# Only a session is needed, and nothing is changed that outlives it.
_HARMLESS: Final = frozenset(
    f"private/{name}"
    for name in (
        "get_leg_prices",
        "get_reward_eligibility",
        "list_custody_accounts",
        "subscribe",
        "unsubscribe",
        "unsubscribe_all",
    )
)

METHOD_SCOPES: Final[dict[str, tuple[str, bool]]] = {
    f"private/{name}": (scope.partition(":")[0], scope.endswith(":read_write"))
    for scope, names in _TABLE.items()
    for name in names.split()
}
"""(area, whether it writes) by method."""


def needed_scope(method: str, params: Mapping[str, object]) -> tuple[str, bool] | None:
    """(area, whether it writes) that a call needs; None if any session will do."""
    needed = METHOD_SCOPES.get(method)
    if needed is not None and method in _BY_BLOCK_RFQ and params.get("block_rfq") in (True, "true"):
        return "block_rfq", needed[1]
    return needed


def changes_state(method: str) -> bool:
    """Whether a call can change anything, so that it may not be replayed."""
    if not method.startswith("private/"):
        return False
    known = METHOD_SCOPES.get(method)
    return known[1] if known is not None else method not in _HARMLESS
