"""The transaction log: every movement of an account's cash, exact to the micro-USDC.

The store has the log up to a command; what came since is folded by the same code from what memory has, from
the standing the store tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Raw

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.combo_prints import is_print
from exchange.gateway.dispatch import Handler, account_asked, settlement_currency
from exchange.gateway.history_ring import place_of
from exchange.gateway.past import Objects, answer_past
from exchange.gateway.venue import Venue
from exchange.history.ledger import TAG, WORDS, Ledger, LedgerRow, Standing
from exchange.history.past import MAX, LedgerQuery, Past
from exchange.wire.errors import invalid_param
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.names import QUOTE_CURRENCY
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, has, integer, text, timestamp_ms
from exchange.wire.session import Request, Session

COUNT_MAX: Final = 250
_QUERY_BYTES_MAX: Final = 256
# The first of these a row has is its type.
_TYPES: Final = (
    "trade", "deposit", "withdrawal", "transfer", "delivery", "settlement", "takeover",
    "socialized_fund", "fee",
)  # fmt: skip
_TYPE_NAMES: Final = {"takeover": "liquidation", "fee": "liquidation"}
_SIDES: Final = tuple(
    (TAG[opens] | TAG[side], f"{opens} {side}") for opens in ("open", "close") for side in ("buy", "sell")
)


def get_transaction_log(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_transaction_log {currency, start_timestamp, end_timestamp, query?, count?, subaccount_id?,
    continuation?}`: newest first. `continuation` is the place to go on from, null at the end."""
    params = request.params
    account = account_asked(venue, session, params)
    is_usdc = settlement_currency(params)
    count = integer(params, "count", 100, minimum=1, maximum=COUNT_MAX)
    from_ms, until_ms = timestamp_ms(params, "start_timestamp"), timestamp_ms(params, "end_timestamp")
    if until_ms < from_ms:
        raise invalid_param("end_timestamp", "is before start_timestamp")
    before = integer(params, "continuation", MAX) if has(params, "continuation") else MAX
    tags, instruments = _filter(venue, params)
    query = LedgerQuery(account, from_ms, until_ms, tags, instruments, before, count + 1)
    more: list[int] = []
    name = venue.profile_of(account)[0]

    def work(past: Past) -> object:
        return past.standing(account), past.ledger(query)

    def objects(next_seq: int, found: Any) -> Objects:
        (standing, holdings), stored = found or ((Standing(), {}), [])
        fresh = [row for row in _since(venue, account, next_seq, standing, holdings) if query.has(row)]
        last = 0
        for number, row in enumerate([*reversed(fresh), *stored] if is_usdc else []):
            if number == count:
                more.append(last)
                return
            last = row.user_seq
            yield _object(venue, row, name)

    def whole(logs: list[Raw]) -> JsonObject:
        return {"logs": logs, "continuation": more[0] if more else None}

    answer_past(venue, session, request, work, objects, whole)


def _filter(venue: Venue, params: Params) -> tuple[int, tuple[int, ...] | None]:
    """The tags all of which a row must have, and the instruments one of which it must be of: every other
    word is a part of their names."""
    tags = 0
    instruments: set[int] | None = None
    for word in text(params, "query", "", bytes_max=_QUERY_BYTES_MAX).split():
        if word.lower() in WORDS:
            tags |= TAG[word.lower()]
            continue
        named = {view.instrument for view in venue.registry.instruments if word.upper() in view.name}
        instruments = named if instruments is None else instruments & named
    return tags, None if instruments is None else tuple(sorted(instruments))


def _since(
    venue: Venue,
    account: int,
    next_seq: int,
    standing: Standing,
    holdings: dict[tuple[int, int], int],
) -> Iterator[LedgerRow]:
    """The rows of commands from `next_seq` on, out of memory, oldest first."""
    fills = venue.ring.fills_since(account, next_seq)
    records = [fill.trade for fill in fills if not is_print(fill.trade)]  # its legs move the money
    records += venue.views.money.since(account, next_seq, venue.ring.known_from)
    records.sort(key=place_of)
    is_option = {view.instrument: view.is_option for view in venue.registry.instruments}
    ledger = Ledger(is_option, {account: standing}, holdings)
    for record in records:
        for row in ledger.rows(ev.read_event(record), record):
            if row.account == account:
                yield row._replace(record=record)


def _object(venue: Venue, row: LedgerRow, name: str) -> JsonObject:
    """`<transaction_log>`."""
    word = next(word for word in _TYPES if row.tags & TAG[word])
    found: JsonObject = {
        "id": row.ident,
        "currency": QUOTE_CURRENCY,
        "timestamp": row.time_ms,
        "user_id": row.account,
        "username": name,
        "user_seq": row.user_seq,
        "type": _TYPE_NAMES.get(word, word),
        "commission": usdc(row.fee_micro),
        "cashflow": usdc(row.change_micro + row.fee_micro),
        "change": usdc(row.change_micro),
        "balance": usdc(row.balance_micro),
        "side": "-",
        "seq": row.seq,
    }
    event = ev.read_event(row.record)
    view = venue.registry.instruments[row.instrument] if row.is_of_instrument else None
    if view is not None:
        found["instrument_name"] = view.name
        found["position"] = view.amount(row.position_lots)
        found["price_currency"] = QUOTE_CURRENCY
    if isinstance(event, ev.Trade) and view is not None:
        found.update(_trade_fields(event, row, view))
    elif isinstance(event, ev.Settled) and view is not None:
        found.update(_settled_fields(event, view))
    elif isinstance(event, ev.Cash):
        found["info"] = _cash_info(event, row)
    elif isinstance(event, ev.Liquidation):
        info: JsonObject = {"step": r.LIQUIDATION_NAMES[event.kind]}
        if event.kind == r.LIQ_SHARED:
            info["other_user_id"] = event.head.account if row.side else event.counter_account
        found["info"] = info
    return found


def _trade_fields(event: ev.Trade, row: LedgerRow, view: InstrumentView) -> JsonObject:
    is_taker = bool(row.side)
    role = "taker" if row.tags & TAG["taker"] else "maker"
    amount = view.amount(event.size_lots)
    return {
        "side": next(name for tags, name in _SIDES if row.tags & tags == tags),
        "price": view.price(event.price_ticks),
        "amount": amount,
        "contracts": amount,
        "trade_id": str(event.trade_id),
        "order_id": str(event.taker_order_id if is_taker else event.maker_order_id),
        "user_role": role,
        "fee_role": role,
        "mark_price": usdc(event.mark_micro),
        "index_price": usdc(event.index_micro),
        "profit_as_cashflow": False,
        "info": {"liquidation": True} if row.tags & TAG["liquidation"] else {},
    }


def _settled_fields(event: ev.Settled, view: InstrumentView) -> JsonObject:
    amount = view.amount(abs(event.size_lots))
    found: JsonObject = {
        "side": "short" if event.size_lots < 0 else "long",
        "amount": amount,
        "contracts": amount,
        "profit_as_cashflow": True,
        "info": {},
    }
    if event.head.id == r.SETTLED_FUNDING:
        found["interest_pl"] = usdc(event.cash_delta_micro)
        found["info"] = {"funding": True}
        return found
    micro = event.price
    if event.head.id == r.SETTLED_PERPETUAL:
        micro *= view.terms.tick_micro
        found["session_rpl"] = usdc(event.cash_delta_micro)
    found["price"] = found["settlement_price"] = usdc(micro)
    return found


def _cash_info(event: ev.Cash, row: LedgerRow) -> JsonObject:
    if event.kind == r.CASH_TRANSFER:
        return {"transfer_type": "subaccount", "other_user_id": event.counter_account, "id": event.head.id}
    if event.kind == r.CASH_MOVED:
        return {"transfer_type": "position_move", "other_user_id": event.counter_account}
    if event.kind == r.CASH_TAKEOVER:
        return {"step": "taken_over", "other_user_id": event.counter_account}
    if event.kind == r.CASH_FORCED:
        return {"id": event.head.id, "state": "completed", "forced": True}
    state = "cancelled" if row.tags & TAG["cancelled"] else "completed"
    if event.kind == r.CASH_WITHDRAWAL:
        state = "unconfirmed"
    return {"id": event.head.id, "state": state}


METHODS: Final[dict[str, Handler]] = {"private/get_transaction_log": get_transaction_log}
