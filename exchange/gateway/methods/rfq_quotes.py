"""Quotes for requests, as makers give, change and withdraw them. Directions are the maker's."""

from __future__ import annotations

from typing import Final

from exchange.gateway.deals.rfq import Quote, Rfq
from exchange.gateway.dispatch import Handler, account_of
from exchange.gateway.methods.block_params import DIRECTIONS
from exchange.gateway.methods.rfq import no_rfq, rfq_of
from exchange.gateway.methods.rfq_params import amount_of, label_of, must_match_hedge, quoted_prices
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param, other_reject
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, boolean, choice, has, integer, timestamp_ms
from exchange.wire.session import Request, Session

INSTRUCTIONS: Final = ("all_or_none", "any_part_of")
USER: Final = "user_request"


def _asked(venue: Venue, session: Session, params: Params) -> Rfq:
    """The open request that the session's account may quote.

    Raises:
        RpcError: 13020 none, or not for it; 11030 block_rfq_own, block_rfq_closed.
    """
    account, rfq = account_of(session), rfq_of(venue, params)
    if venue.views.families.related(account, rfq.taker):
        if account != rfq.taker and not rfq.is_for(account):
            raise no_rfq()
        raise other_reject("block_rfq_own", param="block_rfq_id")
    if not rfq.is_for(account):
        raise no_rfq()
    venue.blocks.rfqs.must_be_open(rfq)
    return rfq


def add_block_rfq_quote(venue: Venue, session: Session, request: Request) -> None:
    """`private/add_block_rfq_quote {block_rfq_id, amount, direction, legs, price?, hedge?,
    execution_instruction?, expires_at?, label?}`: a quote; prices of the legs, or `price` of the structure
    alone.

    Raises:
        RpcError: 13020, 11030 block_rfq_closed; 13030, 11030 mmp_quantity the maker's protection; 13905,
            13906 too many; 13910 it crosses one's own; 10002, 10021 the amount; 10005, 10007, 10023, 10043,
            11030 block_price the prices.
    """
    params, account = request.params, account_of(session)
    rfq = _asked(venue, session, params)
    must_match_hedge(venue, rfq, params)
    amount = amount_of(rfq, params)
    ticks, price = quoted_prices(venue, rfq, params)
    sells = choice(params, "direction", DIRECTIONS) == "sell"
    whole = choice(params, "execution_instruction", INSTRUCTIONS, "any_part_of") == "all_or_none"
    label, now_ms = label_of(params), venue.clock.now_ms()
    expires_ms = timestamp_ms(params, "expires_at", 0)
    if expires_ms and expires_ms <= now_ms:
        raise invalid_param("expires_at", "must be later than now")
    if label and any(quote.label == label for quote in rfq.quotes_of(account)):
        raise error(errors.NON_UNIQUE_LABEL, param="label")
    venue.blocks.rfqs.must_take(rfq, account, sells, price, amount, None)
    quote = Quote(
        venue.blocks.book.new_quote_id(),
        rfq.id,
        account,
        session.client_id,
        sells,
        price,
        ticks,
        amount,
        whole,
        label,
        now_ms,
        now_ms,
        expires_ms,
    )
    session.reply(request, venue.blocks.writer.quote(rfq, quote))
    venue.blocks.rfqs.put(rfq, quote)


def _own_quote(venue: Venue, session: Session, params: Params) -> tuple[Rfq, Quote]:
    """The account's open quote that is named by its id, or by its label and the request.

    Raises:
        RpcError: 13020 there is none; 11030 block_rfq_quote_closed; 10040 it is being traded.
    """
    account = account_of(session)
    if not has(params, "block_rfq_quote_id") and not (has(params, "label") and has(params, "block_rfq_id")):
        raise invalid_param("block_rfq_quote_id", "value required, or label and block_rfq_id")
    found = _selected(venue, account, params)
    if not found:
        raise error(errors.NOT_FOUND, param="block_rfq_quote_id", reason="no such quote")
    rfq, quote = found[0]
    if quote.busy:
        raise error(errors.RETRY, reason="the quote is being traded")
    if not quote.is_good(venue.clock.now_ms()):
        raise other_reject("block_rfq_quote_closed", param="block_rfq_quote_id")
    return rfq, quote


def _selected(venue: Venue, account: int, params: Params) -> list[tuple[Rfq, Quote]]:
    """The account's open quotes with the id, of the request and with the label that are named."""
    number, only = integer(params, "block_rfq_quote_id", 0), integer(params, "block_rfq_id", 0)
    label = label_of(params)
    return [
        (rfq, quote)
        for rfq, quote in venue.blocks.book.quotes_of(account)
        if number in (0, quote.id) and only in (0, rfq.id) and label in ("", quote.label)
    ]


def edit_block_rfq_quote(venue: Venue, session: Session, request: Request) -> None:
    """`private/edit_block_rfq_quote {block_rfq_quote_id | label, block_rfq_id; legs, amount, price?,
    hedge?}`: the same quote with other prices or another amount; it stands behind the older ones of its
    price."""
    params = request.params
    rfq, quote = _own_quote(venue, session, params)
    venue.blocks.rfqs.must_be_open(rfq)
    must_match_hedge(venue, rfq, params)
    amount = amount_of(rfq, params)
    ticks, price = quoted_prices(venue, rfq, params)
    venue.blocks.rfqs.must_take(rfq, quote.maker, quote.sells, price, amount, quote)
    quote.amount_e8, quote.leg_ticks, quote.price_micro = amount, ticks, price
    quote.updated_ms, quote.replaced = venue.clock.now_ms(), True
    session.reply(request, venue.blocks.writer.quote(rfq, quote))
    venue.blocks.rfqs.put(rfq, quote)


def cancel_block_rfq_quote(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_block_rfq_quote {block_rfq_quote_id | label, block_rfq_id}`: withdraws a quote."""
    rfq, quote = _own_quote(venue, session, request.params)
    venue.blocks.rfqs.withdraw(rfq, [quote], USER)
    session.reply(request, venue.blocks.writer.quote(rfq, quote))


def cancel_all_block_rfq_quotes(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_all_block_rfq_quotes {block_rfq_id?, detailed?}`: withdraws the account's quotes, of
    one request or of all; what is being traded stays. How many, or with `detailed` the quotes."""
    params, account = request.params, account_of(session)
    detailed = boolean(params, "detailed")
    only = integer(params, "block_rfq_id", 0)
    found: list[JsonObject] = []
    mine: dict[int, tuple[Rfq, list[Quote]]] = {}
    for rfq, quote in venue.blocks.book.quotes_of(account):
        if only in (0, rfq.id) and not quote.busy:
            mine.setdefault(rfq.id, (rfq, []))[1].append(quote)
    for rfq, quotes in mine.values():
        venue.blocks.rfqs.withdraw(rfq, quotes, USER)
        found += [venue.blocks.writer.quote(rfq, quote) for quote in quotes]
    session.reply(request, found if detailed else len(found))


def get_block_rfq_quotes(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_block_rfq_quotes {block_rfq_id?, label?, block_rfq_quote_id?}`: the account's open
    quotes."""
    now_ms = venue.clock.now_ms()
    found = [
        venue.blocks.writer.quote(rfq, quote)
        for rfq, quote in _selected(venue, account_of(session), request.params)
        if quote.is_good(now_ms)
    ]
    session.reply(request, found)


METHODS: Final[dict[str, Handler]] = {
    "private/add_block_rfq_quote": add_block_rfq_quote,
    "private/edit_block_rfq_quote": edit_block_rfq_quote,
    "private/cancel_block_rfq_quote": cancel_block_rfq_quote,
    "private/cancel_all_block_rfq_quotes": cancel_all_block_rfq_quotes,
    "private/get_block_rfq_quotes": get_block_rfq_quotes,
}
