"""Our own methods of takeover auctions: portfolios whose liquidation found no book, and bids for them."""

from __future__ import annotations

from typing import Final

from exchange.core import auctions, queries
from exchange.domain import commands_risk, rejects
from exchange.domain import events as ev
from exchange.gateway import risk_views
from exchange.gateway.dispatch import Handler, account_of, answer_read, guarded
from exchange.gateway.outcomes import rejected
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import usdc
from exchange.wire.objects import JsonObject
from exchange.wire.params import integer, number
from exchange.wire.session import Request, RpcError, Session

_PPM: Final = 1_000_000
_PAY_MAX: Final = 1 << 56


def get_auctions(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_get_auctions`: portfolios that are for sale, the largest fraction of each that may
    be taken now, and what that fraction costs; at most 100 ms old."""

    def compute() -> list[JsonObject]:
        return venue.auction_list.get(
            venue.engine.next_seq,
            venue.clock.now_ms(),
            lambda: [_auction(venue, account) for account in auctions.open_auctions(venue.engine)],
        )

    answer_read(venue, session, request, compute)


def _auction(venue: Venue, account: int) -> JsonObject:
    whole = auctions.auction(venue.engine, account)
    found = auctions.auction(venue.engine, account, whole.most_ppm)
    parts = {instrument: lots for instrument, lots, _ in found.positions}
    positions: list[JsonObject] = []
    for instrument, lots, discount_ppm in whole.positions:
        view = venue.registry.instruments[instrument]
        positions.append(
            {
                "instrument_name": view.name,
                "size": view.amount(lots),
                "part": view.amount(parts.get(instrument, 0)),
                "discount": discount_ppm / _PPM,
                "mark_price": usdc(queries.instrument_figures(venue.engine, instrument).mark_micro),
            }
        )
    return {
        "account": found.account,
        "start_timestamp": found.start_ms,
        "fraction_max": found.most_ppm / _PPM,
        "positions": positions,
        "worth": usdc(found.worth_micro),
        "discount": usdc(found.given_micro + found.topped_micro),
        "pay": usdc(found.pay_micro),
    }


def take_over(venue: Venue, session: Session, request: Request) -> None:
    """`private/strikebook_take_over {account, fraction, max_pay}`: bid for a part of a portfolio in auction.

    `fraction` is above 0 and at most 1, in millionths; `max_pay` in USDC is the most to pay for its options
    after the discount, negative where money is received. Raises 10007 when it costs more, 10009 when the
    bidder's margin does not allow it, 10021 for no parts, more than `fraction_max` (in the error's data) or
    parts that would leave the target worse covered, 11030 `other_reject` with `not_in_auction` or
    `wrong_family` (one's own).
    """
    params = request.params
    account = account_of(session)
    target = integer(params, "account")
    fraction = number(params, "fraction") * _PPM
    if not 1 <= fraction <= _PPM or fraction != int(fraction):
        raise invalid_param("fraction", "must be between 0.000001 and 1, in millionths")
    pay = number(params, "max_pay") * _PPM
    if pay != int(pay) or abs(pay) > _PAY_MAX:
        raise invalid_param("max_pay", "must be a multiple of 0.000001 in range")
    risk_views.must_have_rules(venue.engine)

    def finish(packed: bytes) -> None:
        moved: list[JsonObject] = []
        paid_micro = 0
        for event in ev.read_events(packed):
            if isinstance(event, ev.Rejected):
                raise _refused(event)
            if isinstance(event, ev.Moved):
                view = venue.registry.instruments[event.head.instrument]
                moved.append({"instrument_name": view.name, "size": view.amount(event.lots)})
            elif isinstance(event, ev.Cash) and event.head.account == account:
                paid_micro = -event.delta_micro
        venue.auction_list.forget()  # who has bought sees it at once
        session.reply(request, {"positions": moved, "paid": usdc(paid_micro)}, _seq(packed))

    command = commands_risk.takeover(account, target, int(fraction), int(pay))
    venue.submit(command, guarded(session, request, finish, venue))


def _refused(event: ev.Rejected) -> RpcError:
    """The error of a bid; one for too large a fraction says which is the largest."""
    if event.reason == rejects.BAD_SIZE:
        most = {"fraction_max": event.detail / _PPM} if event.detail > 0 else {}
        return error(errors.INVALID_AMOUNT, reason=rejects.REJECT_NAMES[event.reason], **most)
    return rejected(event, None)


def _seq(packed: bytes) -> int:
    return ev.read_event(packed).head.counter


METHODS: Final[dict[str, Handler]] = {
    "public/strikebook_get_auctions": get_auctions,
    "private/strikebook_take_over": take_over,
}
