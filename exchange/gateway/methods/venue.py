"""Our own methods: what the venue has ordered, its parameters and fees; and the steps of an
account's liquidations.

Orders of the venue are commands like any other; who only has the API sees them here, on the channel
`strikebook.venue`, and proves them by the chain.
"""

from __future__ import annotations

import itertools
from typing import Final, cast

from exchange.core import risk_queries
from exchange.domain import events as ev
from exchange.gateway import risk_views
from exchange.gateway.dispatch import Handler, account_asked, answer_read
from exchange.gateway.methods.public import COUNT_MAX
from exchange.gateway.money_ring import LIQUIDATIONS
from exchange.gateway.notices import liquidation_step
from exchange.gateway.venue import Venue
from exchange.wire.names import index_name
from exchange.wire.objects import JsonObject
from exchange.wire.params import integer
from exchange.wire.session import Request, Session


def venue_commands(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_venue_commands {count?}`: the venue's last orders that concern all, newest first."""
    count = integer(request.params, "count", 100, minimum=1, maximum=COUNT_MAX)
    # A change of mode is noted when its command is answered, a moment behind its batch.
    found = sorted(venue.views.notices, key=lambda said: cast(int, said["seq"]))
    session.reply(request, found[: -count - 1 : -1])


def risk_parameters(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_risk_parameters`: rules version, parameters of every underlying, fee schedule."""

    def compute() -> JsonObject:
        engine = venue.engine
        underlyings: list[JsonObject] = []
        for underlying, symbol in enumerate(venue.registry.symbols):
            found = risk_queries.risk_parameters(engine, underlying)
            underlyings.append(
                {
                    "index_name": index_name(symbol),
                    "state": _STATES[risk_queries.underlying_state(engine, underlying)],
                    "parameters": None if found is None else found._asdict(),
                }
            )
        discount, tiers = risk_queries.fee_schedule(engine)
        return {
            "rules": risk_views.rules(engine),
            "underlyings": underlyings,
            "fees": {
                "combo_discount_permille": discount,
                "tiers": [tier._asdict() for tier in tiers],
            },
        }

    answer_read(venue, session, request, compute)


_STATES: Final = ("open", "cancel_only", "halted")


def get_liquidations(venue: Venue, session: Session, request: Request) -> None:
    """`private/strikebook_get_liquidations {count?, subaccount_id?}`: every step of the account's
    liquidations and its shares in losses, newest first."""
    account = account_asked(venue, session, request.params)
    count = integer(request.params, "count", 100, minimum=1, maximum=COUNT_MAX)

    def compute() -> list[JsonObject]:
        steps = venue.views.money.movements(account, LIQUIDATIONS)
        events = (event for event in steps if isinstance(event, ev.Liquidation))
        return [liquidation_step(event, venue.registry) for event in itertools.islice(events, count)]

    answer_read(venue, session, request, compute)


METHODS: Final[dict[str, Handler]] = {
    "public/strikebook_venue_commands": venue_commands,
    "public/strikebook_risk_parameters": risk_parameters,
    "private/strikebook_get_liquidations": get_liquidations,
}
