"""Margin as the core enforces it: what an order, a position or another model would need.

Every figure comes from the core's own queries, read behind every command sent before; nothing here
computes a margin.
"""

from __future__ import annotations

from typing import Final

from exchange.core import margin_queries, queries, risk_queries
from exchange.core.margin_queries import MarginFigures
from exchange.domain import commands_risk
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway import risk_views
from exchange.gateway.dispatch import (
    Handler,
    account_asked,
    account_of,
    answer_read,
    currency_of,
    guarded,
    instrument_of,
)
from exchange.gateway.order_params import instrument_named
from exchange.gateway.outcomes import rejected
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.accounts import portfolio_data
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import usdc
from exchange.wire.margins import margin_state_object, scenarios_object
from exchange.wire.names import QUOTE_CURRENCY
from exchange.wire.objects import JsonObject
from exchange.wire.params import (
    Params,
    amount_lots,
    boolean,
    choice,
    price_ticks,
    sizes,
)
from exchange.wire.session import Request, Session

SIMULATED_MAX: Final = 200
_MODELS: Final = {"segregated_sm": r.MODEL_STANDARD, "segregated_pm": r.MODEL_PORTFOLIO}
_MODELS_KNOWN: Final = frozenset(_MODELS) | {"cross_sm", "cross_pm"}


def get_margins(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_margins {instrument_name, amount, price}`: by how much a buy and a sell order of this
    size and price would raise the account's initial margin, and the price band."""
    account = account_of(session)
    view = instrument_of(venue, request.params)
    lots = amount_lots(request.params, view.terms)
    ticks = price_ticks(request.params, view.terms, bounds=view.price_bounds)
    if not view.is_combo and lots > view.terms.position_limit_lots:
        raise error(errors.INVALID_AMOUNT, param="amount", reason="is beyond the position limit")

    def compute() -> JsonObject:
        figures = queries.instrument_figures(venue.engine, view.instrument)
        if not figures.marked:
            raise error(errors.RETRY, reason="no_mark")
        found: JsonObject = {}
        for name, sell in (("buy", 0), ("sell", 1)):
            needed = margin_queries.order_initial(venue.engine, account, view.instrument, sell, ticks, lots)
            found[name] = usdc(max(0, needed))
        found["min_price"] = view.price(figures.min_price_ticks)
        found["max_price"] = view.price(figures.max_price_ticks)
        return found

    answer_read(venue, session, request, compute)


# --- simulations -----------------------------------------------------------------------------------


def _simulated(venue: Venue, params: Params) -> tuple[list[tuple[int, int]], bool]:
    """(instrument, signed lots) of `simulated_positions`, and whether they add to what is held.

    Raises:
        RpcError: 10020 an unknown instrument or one that has ended; 10040 one without a mark; 13028 without
            risk parameters; 10021, 10002 a size that is none.
    """
    found: dict[int, int] = {}
    for name, size in sizes(params, "simulated_positions", SIMULATED_MAX).items():
        view = instrument_named({"instrument_name": name}, venue.registry)
        if view.state >= r.STATE_DELISTED:
            raise error(errors.INVALID_INSTRUMENT, param="simulated_positions", reason=f"{name} has ended")
        if not queries.instrument_figures(venue.engine, view.instrument).marked:
            raise error(errors.RETRY, param="simulated_positions", reason=f"{name} has no mark yet")
        if risk_queries.risk_parameters(venue.engine, view.terms.underlying) is None:
            raise error(errors.TEMPORARILY_UNAVAILABLE, param="simulated_positions", reason="no_risk")
        lots = amount_lots({"amount": abs(size)}, view.terms, zero_allowed=True)
        found[view.instrument] = -lots if size < 0 else lots
    return sorted(found.items()), boolean(params, "add_positions", True)


def simulate_portfolio(venue: Venue, session: Session, request: Request) -> None:
    """`private/simulate_portfolio {currency, add_positions?, simulated_positions?}`: the portfolio with
    sizes added to what is held, or in its place. They are taken at their marks: balance and equity stay."""
    account = account_asked(venue, session, request.params)
    if currency_of(request.params, None) not in venue.registry.currencies:
        raise invalid_param("currency", "is not one of this venue")
    changes, add = _simulated(venue, request.params)

    def compute() -> JsonObject:
        values = venue.figures.account(account, changes, add=add)
        data = portfolio_data(values)
        data["available_subaccount_transfer_funds"] = data["available_withdrawal_funds"]
        return data

    answer_read(venue, session, request, compute)


def pme_simulate(venue: Venue, session: Session, request: Request) -> None:
    """`private/pme/simulate {currency, add_positions?, simulated_positions?}`: the portfolio margin of each
    underlying with its scenario rows, open orders counted; `currency` USDC or CROSS: of all."""
    account = account_asked(venue, session, request.params)
    currency = currency_of(request.params, None)
    if currency not in (*venue.registry.currencies, "CROSS"):
        raise invalid_param("currency", "is not one of this venue")
    changes, add = _simulated(venue, request.params)
    only = venue.registry.underlying_of(currency)
    chosen = range(len(venue.registry.symbols)) if only is None else (only,)

    def compute() -> JsonObject:
        engine = venue.engine
        risk_views.must_have_rules(engine)
        equity_micro = risk_views.margins(engine, account).equity_micro
        initial_micro = maintenance_micro = 0
        rows: list[JsonObject] = []
        for underlying in chosen:
            parameters = risk_queries.risk_parameters(engine, underlying)
            if parameters is None:
                continue
            found = risk_views.scenarios(engine, account, underlying, changes, add=add)
            initial_micro += found.initial_micro
            maintenance_micro += found.maintenance_micro
            rows.append(scenarios_object(venue.registry.symbols[underlying], parameters, found))
        return {
            "currency": currency,
            "margin_model": "segregated_pm",
            "initial_margin": usdc(initial_micro),
            "maintenance_margin": usdc(maintenance_micro),
            "margin_balance": usdc(equity_micro),  # what the portfolio model holds margin against
            "equity": usdc(equity_micro),
            "underlyings": rows,
            "seq": engine.next_seq - 1,
        }

    answer_read(venue, session, request, compute)


# --- models ----------------------------------------------------------------------------------------


def change_margin_model(venue: Venue, session: Session, request: Request) -> None:
    """`private/change_margin_model {margin_model, dry_run?, user_id?}`: the margins before and after; a dry
    run changes nothing, and shows a model the account could not take, too.

    Raises:
        RpcError: 10033 cross models; 10009 the account's balance does not cover the new margin; 11030
            with open orders; 11098 locked; 13028 without risk parameters.
    """
    params = request.params
    account = account_asked(venue, session, params, "user_id")
    name = choice(params, "margin_model", _MODELS_KNOWN)
    if name not in _MODELS:
        raise error(errors.NOT_IMPLEMENTED, param="margin_model", reason="all collateral is USDC")
    model = _MODELS[name]

    def compute() -> JsonObject:
        risk_views.must_have_rules(venue.engine)
        old = risk_views.margins(venue.engine, account)
        return _model_change(old, risk_views.under_model(venue.engine, account, model))

    if boolean(params, "dry_run"):
        answer_read(venue, session, request, lambda: [compute()])
        return
    risk_views.must_have_rules(venue.engine)
    before = compute()  # as of now; what is in flight may still move it

    def finish(packed: bytes) -> None:
        event = ev.read_event(packed)
        if isinstance(event, ev.Rejected):
            raise rejected(event, None)
        session.reply(request, [before], event.head.counter)

    venue.submit(commands_risk.set_margin_model(account, model), guarded(session, request, finish, venue))


def _model_change(old: MarginFigures, new: MarginFigures) -> JsonObject:
    return {
        "currency": QUOTE_CURRENCY,
        "old_state": margin_state_object(old.initial_micro, old.maintenance_micro, old.balance_micro),
        "new_state": margin_state_object(new.initial_micro, new.maintenance_micro, new.balance_micro),
    }


def get_user_locks(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_user_locks`: whether the account may trade, and why not."""
    account = account_of(session)

    def compute() -> list[JsonObject]:
        status = risk_queries.account_state(venue.engine, account)
        found: JsonObject = {
            "currency": QUOTE_CURRENCY,
            "enabled": bool(status.locked or status.liquidation),
        }
        if status.liquidation:
            found["message"] = "the account is being liquidated"
        elif status.locked:
            found["message"] = "the account is locked"
        return [found]

    answer_read(venue, session, request, compute)


METHODS: Final[dict[str, Handler]] = {
    "private/get_margins": get_margins,
    "private/simulate_portfolio": simulate_portfolio,
    "private/pme/simulate": pme_simulate,
    "private/change_margin_model": change_margin_model,
    "private/get_user_locks": get_user_locks,
}
