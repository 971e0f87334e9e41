"""Every served method: the parameters its handler reads and the result it answers with."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from exchange.wire.messages import account as a
from exchange.wire.messages import blocks as b
from exchange.wire.messages import grants as g
from exchange.wire.messages import market as m
from exchange.wire.messages import money as w
from exchange.wire.messages import orders as o
from exchange.wire.messages import receipts as p
from exchange.wire.messages import session as s
from exchange.wire.messages import settlement as x
from exchange.wire.messages import stream as t
from exchange.wire.messages import venue as v
from exchange.wire.messages.parameters import (
    CancelFilter,
    Currency,
    Id,
    OrderFilter,
    Parameter,
    Seconds,
    SettlementType,
    parameters,
)
from exchange.wire.messages.protection import MmpConfig, MmpStatus

Ok = Literal["ok"]
Points = list[list[float]]
Cancelled = int | list[o.Order]
"""How many, or the orders themselves with `detailed`."""


class Call(NamedTuple):
    """What a method takes and answers; `result` is None where it never answers."""

    parameters: dict[str, Parameter]
    result: Any


def call(text: str, result: Any, **own: Any) -> Call:
    """A method with the parameters of `text` (see `parameters`); `own` are their types where unusual."""
    return Call(parameters(text, own), result)


_NEW: Final = call(
    "instrument_name amount? contracts? type? price? label? time_in_force? display_amount? post_only? "
    "reject_post_only? reduce_only? mmp? mmp_group? valid_until? client_order_id? linked_order_type? "
    "advanced? otoco_config? trigger? trigger_price? trigger_offset? trigger_fill_condition?",
    o.OrderAndTrades,
)
_EDIT: Final = (
    "amount? contracts? price? display_amount? post_only? reject_post_only? reduce_only? valid_until? "
    "advanced? trigger_price? trigger_offset? new_total? new_remaining? expected_filled?"
)
_CANCEL: Final = "detailed? freeze_quotes? type?"
_HISTORY: Final = (
    "count? offset? include_unfilled? include_old? historical? with_continuation? continuation?"
)
_BY_ID: Final = "start_id? end_id? start_seq? start_timestamp? end_timestamp? count? sorting?"
_BY_SEQ: Final = "start_seq? end_seq? start_id? start_timestamp? end_timestamp? count? sorting?"
_SETTLEMENTS: Final = "type? count? search_start_timestamp? continuation?"
_SIMULATED: Final = "currency simulated_positions? add_positions? subaccount_id?"

_TRADING: Final = {
    "private/buy": _NEW,
    "private/sell": _NEW,
    "private/edit": call(f"order_id {_EDIT}", o.OrderAndTrades),
    "private/edit_by_label": call(f"label? instrument_name {_EDIT}", o.OrderAndTrades),
    "private/close_position": call(
        "instrument_name type price?", o.OrderAndTrades, type=Literal["limit", "market"]
    ),
    "private/cancel": call("order_id", o.Order),
    "private/cancel_all": call(_CANCEL, Cancelled, type=CancelFilter),
    "private/cancel_all_by_currency": call(f"currency kind? {_CANCEL}", Cancelled, type=CancelFilter),
    "private/cancel_all_by_currency_pair": call(
        f"currency_pair kind? {_CANCEL}", Cancelled, type=CancelFilter
    ),
    "private/cancel_all_by_instrument": call(
        f"instrument_name include_combos? {_CANCEL}", Cancelled, type=CancelFilter
    ),
    "private/cancel_all_by_kind_or_type": call(
        f"currency kind? {_CANCEL}", Cancelled, type=CancelFilter, currency=list[Currency]
    ),
    "private/cancel_by_label": call(f"label currency? {_CANCEL}", Cancelled, type=CancelFilter),
    "private/cancel_quotes": call(
        "cancel_type currency? currency_pair? kind? instrument_name? min_delta? max_delta? quote_set_id? "
        + _CANCEL,
        Cancelled,
        type=CancelFilter,
        cancel_type=Literal[
            "all", "instrument", "instrument_kind", "currency", "currency_pair", "delta", "quote_set_id"
        ],
    ),
    "private/mass_quote": call("quotes quote_id? mmp_group? valid_until? detailed?", o.MassQuote),
    "private/get_open_orders": call("currency? kind? type?", list[o.Order], type=OrderFilter),
    "private/get_open_orders_by_currency": call("currency kind? type?", list[o.Order], type=OrderFilter),
    "private/get_open_orders_by_instrument": call("instrument_name type?", list[o.Order], type=OrderFilter),
    "private/get_open_orders_by_label": call("currency label?", list[o.Order]),
    "private/get_order_state": call("order_id", o.Order),
    "private/get_order_state_by_label": call("currency label?", list[o.Order]),
    "private/get_order_margin_by_ids": call("ids", list[a.OrderMargin]),
    "private/get_order_history_by_currency": call(
        f"currency kind? {_HISTORY}", list[o.Order] | o.OrdersPage
    ),
    "private/get_order_history_by_instrument": call(
        f"instrument_name {_HISTORY}", list[o.Order] | o.OrdersPage
    ),
    "private/get_trigger_order_history": call(
        "currency instrument_name? count? continuation?", o.TriggerOrders
    ),
    "private/get_user_trades_by_currency": call(
        f"currency kind? historical? subaccount_id? {_BY_ID}", o.UserTrades
    ),
    "private/get_user_trades_by_currency_and_time": call(
        f"currency kind? historical? subaccount_id? {_BY_ID}", o.UserTrades
    ),
    "private/get_user_trades_by_instrument": call(f"instrument_name historical? {_BY_SEQ}", o.UserTrades),
    "private/get_user_trades_by_instrument_and_time": call(
        f"instrument_name historical? {_BY_SEQ}", o.UserTrades
    ),
    "private/get_user_trades_by_order": call("order_id historical? sorting?", list[o.UserTrade]),
    "private/strikebook_get_order_state_by_client_order_id": call("client_order_id", o.ClientOrder),
    "private/set_mmp_config": call(
        "index_name interval frozen_time max_quote_quantity? mmp_group? quantity_limit? delta_limit? "
        "vega_limit? trade_count_limit? block_rfq?",
        list[MmpConfig],
        interval=Seconds,
    ),
    "private/get_mmp_config": call("index_name? mmp_group? block_rfq?", list[MmpConfig]),
    "private/get_mmp_status": call("index_name? mmp_group? block_rfq?", list[MmpStatus]),
    "private/reset_mmp": call("index_name mmp_group? block_rfq?", Ok),
    "private/move_positions": call(
        "source_uid target_uid trades currency?",
        a.PositionMove,
        source_uid=int,
        target_uid=int,
        trades=list[a.PositionMoveAsked],
    ),
    "private/get_margins": call("instrument_name amount price", a.OrderMargins, price=float),
}
_MARKET: Final = {
    "public/ticker": call("instrument_name", m.Ticker),
    "public/strikebook_get_chain": call("currency", m.Chain),
    "public/get_order_book": call("instrument_name depth?", m.OrderBook),
    "public/get_order_book_by_instrument_id": call("instrument_id depth?", m.OrderBook),
    "public/get_book_summary_by_currency": call("currency kind?", list[m.BookSummary]),
    "public/get_book_summary_by_instrument": call("instrument_name", list[m.BookSummary]),
    "public/get_instrument": call("instrument_name", m.Instrument),
    "public/get_instruments": call("currency? kind? expired?", list[m.Instrument]),
    "public/get_contract_size": call("instrument_name", m.ContractSize),
    "public/get_currencies": call("", list[m.Currency]),
    "public/get_expirations": call(
        "currency kind currency_pair?",
        dict[str, list[str] | m.Expiries],
        kind=Literal["any", "option", "future"],
    ),
    "public/get_index_price": call("index_name", m.IndexPrice),
    "public/get_index_price_names": call("extended?", list[m.IndexName]),
    "public/get_supported_index_names": call(
        "type?", list[m.IndexName], type=Literal["all", "spot", "derivative"]
    ),
    "public/get_apr_history": call("currency limit? before?", m.AprHistory),
    "public/get_trade_volumes": call("extended?", list[m.TradeVolumes]),
    "public/get_last_trades_by_currency": call(f"currency kind? {_BY_ID}", m.Trades),
    "public/get_last_trades_by_currency_and_time": call(f"currency kind? {_BY_ID}", m.Trades),
    "public/get_last_trades_by_instrument": call(f"instrument_name {_BY_SEQ}", m.Trades),
    "public/get_last_trades_by_instrument_and_time": call(f"instrument_name {_BY_SEQ}", m.Trades),
    "public/get_tradingview_chart_data": call(
        "instrument_name start_timestamp end_timestamp resolution", m.Candles
    ),
    "public/get_index_chart_data": call("index_name range", Points),
    "public/get_mark_price_history": call("instrument_name start_timestamp end_timestamp", Points),
    "public/get_historical_volatility": call("currency", Points),
    "public/get_volatility_index_data": call(
        "currency start_timestamp end_timestamp resolution",
        m.VolatilityCandles,
        resolution=Literal["1", "60", "3600", "43200", "1D"],
    ),
    "public/get_delivery_prices": call("index_name offset? count?", w.DeliveryPrices),
    "public/get_funding_chart_data": call("instrument_name length", w.FundingChart),
    "public/get_funding_rate_history": call(
        "instrument_name start_timestamp end_timestamp", list[w.FundingRate]
    ),
    "public/get_funding_rate_value": call("instrument_name start_timestamp end_timestamp", float),
    "public/get_last_settlements_by_currency": call(
        f"currency {_SETTLEMENTS}", w.Settlements, type=SettlementType
    ),
    "public/get_last_settlements_by_instrument": call(
        f"instrument_name {_SETTLEMENTS}", w.Settlements, type=SettlementType
    ),
}
_COMBOS: Final = {
    "private/create_combo": call("trades", m.Combo),
    "private/get_leg_prices": call("legs price", m.LegPrices, price=float),
    "public/get_combo_details": call("combo_id", m.Combo),
    "public/get_combo_ids": call("currency state?", list[str], state=Literal["active", "inactive"]),
    "public/get_combos": call("currency", list[m.Combo]),
}
_ACCOUNT: Final = {
    "private/get_account_summary": call("currency extended? subaccount_id?", a.AccountSummary),
    "private/get_account_summaries": call("extended? subaccount_id?", a.AccountSummaries),
    "private/get_position": call("instrument_name", a.Position),
    "private/get_positions": call("currency? kind? subaccount_id?", list[a.Position]),
    "private/simulate_portfolio": call(_SIMULATED, a.SimulatedPortfolio),
    "private/pme/simulate": call(_SIMULATED, a.PortfolioMargin),
    "private/change_margin_model": call("margin_model user_id? dry_run?", list[a.MarginModelChange]),
    "private/set_self_trading_config": call(
        "mode extended_to_subaccounts? block_rfq_self_match_prevention?",
        Ok,
        mode=Literal["reject_taker", "cancel_maker"],
        block_rfq_self_match_prevention=bool,
    ),
    "private/get_user_locks": call("", list[a.UserLock]),
    "private/get_subaccounts": call("with_portfolio?", list[a.Subaccount]),
    "private/get_subaccounts_details": call("currency with_open_orders?", list[a.SubaccountDetails]),
    "private/create_subaccount": call("name?", a.NewSubaccount),
    "private/change_subaccount_name": call("sid name", Ok),
    "private/remove_subaccount": call("subaccount_id", Ok),
    "private/toggle_subaccount_login": call("sid state", Ok, state=Literal["enable", "disable"]),
    "private/toggle_notifications_from_subaccount": call("sid state", Ok, state=bool),
    "private/set_email_for_subaccount": call("sid email", Ok),
    "private/set_email_language": call("language", Ok),
    "private/get_email_language": call("", str),
    "private/set_disabled_trading_products": call("user_id trading_products", Ok),
    "private/list_api_keys": call("", list[a.ApiKey]),
    "private/create_api_key": call("max_scope name? public_key? enabled_features?", a.ApiKey),
    "private/edit_api_key": call("id max_scope name? enabled? enabled_features? ip_whitelist?", a.ApiKey),
    "private/change_api_key_name": call("id name", a.ApiKey),
    "private/change_scope_in_api_key": call("id max_scope", a.ApiKey),
    "private/enable_api_key": call("id", a.ApiKey),
    "private/disable_api_key": call("id", a.ApiKey),
    "private/reset_api_key": call("id", a.ApiKey),
    "private/remove_api_key": call("id", Ok),
    "private/get_access_log": call("offset? count?", list[a.AccessLogEntry]),
    "private/get_new_announcements": call("", list[v.Announcement]),
    "private/set_announcement_as_read": call("announcement_id", Ok),
    "private/get_transaction_log": call(
        "currency start_timestamp end_timestamp query? count? subaccount_id? continuation?",
        w.TransactionLog,
        continuation=int,
    ),
    "private/get_settlement_history_by_currency": call(
        f"currency {_SETTLEMENTS}", w.Settlements, type=SettlementType
    ),
    "private/get_settlement_history_by_instrument": call(
        f"instrument_name {_SETTLEMENTS}", w.Settlements, type=SettlementType
    ),
    "private/strikebook_get_liquidations": call("count? subaccount_id?", list[v.LiquidationStep]),
    "private/strikebook_take_over": call("account fraction max_pay", v.Takeover),
}
_WALLET: Final = {
    "private/get_transfers": call("currency count? offset?", w.Transfers),
    "private/get_deposits": call("currency count? offset?", w.Deposits),
    "private/get_withdrawals": call("currency count? offset?", w.Withdrawals),
    "private/get_current_deposit_address": call("currency", w.DepositAddress),
    "private/create_deposit_address": call("currency", w.DepositAddress),
    "private/submit_transfer_to_subaccount": call("currency amount destination", w.Transfer),
    "private/submit_transfer_between_subaccounts": call("currency amount destination source?", w.Transfer),
    "private/withdraw": call("currency amount address?", w.Withdrawal),
    "private/cancel_withdrawal": call("currency id", w.Withdrawal),
}
_GRANTS: Final = {
    "public/strikebook_activate_grant": call(
        "account grant session_key rights underlyings? instruments? max_order_lots? expires_at nonce "
        "signature",
        g.Grant,
        **g.PARAMETERS,
        session_key=str,
        rights=int,
        underlyings=list[int],
        instruments=list[int],
        max_order_lots=int,
    ),
    "public/strikebook_revoke_grant": call("account grant nonce signature", g.Grant, **g.PARAMETERS),
    "private/strikebook_revoke_grant": call("grant", g.Grant, grant=int),
    "private/strikebook_get_grants": call("", list[g.Grant]),
    "public/strikebook_submit_signed": call(
        "account grant? commands nonce valid_until signature", g.SignedFrame, **g.PARAMETERS, commands=str
    ),
    "public/strikebook_open_session": call(
        "account grant nonce valid_until signature", g.Grant, **g.PARAMETERS
    ),
}
_SESSION: Final = {
    "public/auth": call(
        "grant_type client_id? client_secret? refresh_token? timestamp? signature? nonce? data? scope? "
        "state?",
        s.Tokens,
    ),
    "public/exchange_token": call("refresh_token subject_id scope?", s.Tokens),
    "public/fork_token": call("refresh_token session_name", s.Tokens),
    "public/strikebook_sign_up": call("name? owner?", s.NewAccount),
    "private/logout": call("invalidate_token?", None),
    "public/hello": call("client_name client_version", s.Version),
    "public/test": call("expected_result?", s.Version),
    "public/get_time": call("", int),
    "public/set_heartbeat": call("interval", Ok),
    "public/disable_heartbeat": call("", Ok),
    "private/enable_cancel_on_disconnect": call("scope?", Ok, scope=Literal["connection", "account"]),
    "private/disable_cancel_on_disconnect": call("scope?", Ok, scope=Literal["connection", "account"]),
    "private/get_cancel_on_disconnect": call(
        "scope?", s.CancelOnDisconnect, scope=Literal["connection", "account"]
    ),
    "public/subscribe": call("channels resume_from?", list[str]),
    "private/subscribe": call("channels resume_from?", list[str]),
    "public/unsubscribe": call("channels", list[str]),
    "private/unsubscribe": call("channels", list[str]),
    "public/unsubscribe_all": call("", Ok),
    "private/unsubscribe_all": call("", Ok),
    "public/strikebook_book_snapshot": call("channel", s.BookSnapshotAsked),
    "private/strikebook_get_snapshot": call("", t.AccountSnapshot),
}
_VENUE: Final = {
    "public/status": call("", v.Status),
    "public/strikebook_status": call("", dict[str, Any]),
    "public/get_announcements": call("start_timestamp? count?", list[v.Announcement]),
    "public/strikebook_risk_parameters": call("", v.VenueRules),
    "public/strikebook_venue_commands": call("count?", list[v.VenueCommand]),
    "private/strikebook_get_receipt": call("seq", p.SignedReceipt, seq=Id),
    "private/strikebook_get_fill_proof": call("trade_id", p.FillProof, trade_id=Id),
    "public/strikebook_get_commit_batches": call("from_seq count?", p.CommitBatches, from_seq=Id),
    "public/strikebook_get_signed_heads": call("count?", p.SignedHeads),
    "public/strikebook_get_batches": call("count? before?", x.Batches, before=Id),
    "public/strikebook_get_batch": call("seq", x.BatchOfCommand, seq=Id),
    "public/strikebook_get_authorisation": call("", x.Authorisation),
    "public/strikebook_get_auctions": call("", list[v.Auction]),
    "public/strikebook_get_errors": call("code?", v.ErrorRegistry),
}
_SIDE: Final = "timestamp nonce role"
_QUOTED: Final = "block_rfq_quote_id? label? block_rfq_id?"
_BLOCKS: Final = {
    "private/verify_block_trade": call(
        f"{_SIDE} trades counterparty?", b.BlockSignature, trades=list[b.BlockTerm]
    ),
    "private/execute_block_trade": call(
        f"{_SIDE} trades counterparty_signature", b.BlockTrade, trades=list[b.BlockTerm]
    ),
    "private/simulate_block_trade": call("trades role?", bool, trades=list[b.BlockTerm]),
    "private/invalidate_block_trade_signature": call("signature", Ok),
    "private/approve_block_trade": call(_SIDE, Ok),
    "private/reject_block_trade": call(_SIDE, Ok),
    "private/get_block_trade_requests": call("broker_code?", list[b.PendingBlockTrade]),
    "private/get_block_trade": call("id", b.BlockTrade, id=str),
    "private/get_block_trades": call(
        "currency? count? start_id? end_id? block_rfq_id? broker_code?",
        list[b.BlockTrade],
        start_id=str,
        end_id=str,
    ),
    "private/create_block_rfq": call(
        "legs hedge? makers? disclosed? label? trade_allocations?", b.BlockRfq, legs=list[b.RfqLegAsked]
    ),
    "private/cancel_block_rfq": call("block_rfq_id", b.BlockRfq),
    "private/accept_block_rfq": call(
        "block_rfq_id legs price amount direction time_in_force hedge?",
        b.AcceptedRfq,
        legs=list[b.RfqLegNamed],
        price=float,
        time_in_force=Literal["fill_or_kill", "good_til_cancelled"],
    ),
    "private/cancel_block_rfq_trigger": call("block_rfq_id", Ok),
    "private/get_block_rfqs": call(
        "count? state? role? continuation? block_rfq_id? currency?",
        b.BlockRfqs,
        state=Literal["open", "filled", "traded", "cancelled", "expired", "closed"],
        role=Literal["any", "taker", "maker"],
        continuation=int,
    ),
    "private/get_block_rfq_makers": call("", list[str]),
    "private/get_block_rfq_user_info": call("", b.RfqUserInfo),
    "public/get_block_rfq_trades": call("currency count? continuation?", b.BlockRfqTrades),
    "private/add_block_rfq_quote": call(
        "block_rfq_id amount direction legs price? hedge? execution_instruction? expires_at? label?",
        b.BlockRfqQuote,
        price=float,
        legs=list[b.RfqLegQuoted],
    ),
    "private/edit_block_rfq_quote": call(
        f"{_QUOTED} legs amount price? hedge?",
        b.BlockRfqQuote,
        price=float,
        legs=list[b.RfqLegQuoted],
    ),
    "private/cancel_block_rfq_quote": call(_QUOTED, b.BlockRfqQuote),
    "private/cancel_all_block_rfq_quotes": call(
        "block_rfq_id? detailed?", int | list[b.BlockRfqQuote]
    ),
    "private/get_block_rfq_quotes": call(_QUOTED, list[b.BlockRfqQuote]),
}

CALLS: Final[dict[str, Call]] = {
    **_TRADING,
    **_MARKET,
    **_COMBOS,
    **_ACCOUNT,
    **_WALLET,
    **_SESSION,
    **_VENUE,
    **_BLOCKS,
    **_GRANTS,
}
