"""Whether an account could bear its side of a block now: the core's checks, as far as one side shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from exchange.core import fees, margin_queries, queries, risk_queries
from exchange.core.engine import Engine
from exchange.core.margin_queries import MarginFigures
from exchange.domain import records as r
from exchange.gateway.deals.block_signatures import Term
from exchange.gateway.registry import Registry

_E8: Final = 100_000_000


def is_bearable(
    engine: Engine, registry: Registry, account: int, terms: Sequence[Term], *, as_maker: bool
) -> bool:
    """Whether prices are within their bands, instruments open and the account's margin suffices with its
    open orders as they are. Reads the engine: call it behind what was sequenced before."""
    status = risk_queries.account_state(engine, account)
    if engine.mode != r.MODE_OPEN or status.locked or status.liquidation:
        return False
    changes: dict[int, int] = {}
    paid_micro = value_micro = 0
    for term in terms:
        view = registry.instruments[term.instrument]
        figures = queries.instrument_figures(engine, term.instrument)
        if view.state_name != "open" or not figures.marked:
            return False
        if not figures.min_price_ticks <= term.price_ticks <= figures.max_price_ticks:
            return False
        lots = term.lots if as_maker else -term.lots
        changes[term.instrument] = changes.get(term.instrument, 0) + lots
        price = term.price_ticks * view.terms.tick_micro * view.terms.lot_e8 * lots // _E8
        mark = figures.mark_micro * view.terms.lot_e8 * lots // _E8
        fee = _fee_micro(engine, account, term, abs(price), as_maker=as_maker)
        value_micro += mark - price - fee
        paid_micro += price + fee if view.is_option else price - mark + fee
    try:
        after = margin_queries.simulated(engine, account, sorted(changes.items()), True)
    except ValueError:  # more seats or lots than it may have
        return False
    now = margin_queries.margins(engine, account)
    orders = now.initial_micro - margin_queries.without_orders(engine, account).initial_micro
    return _suffices(now, after, max(0, orders), paid_micro, value_micro, status.model)


def _suffices(
    now: MarginFigures, after: MarginFigures, orders: int, paid_micro: int, value_micro: int, model: int
) -> bool:
    moved = -paid_micro if model == r.MODEL_STANDARD else value_micro
    is_solvent = now.equity_micro + value_micro >= 0
    return is_solvent and after.initial_micro + orders <= now.balance_micro + moved


def _fee_micro(engine: Engine, account: int, term: Term, value: int, *, as_maker: bool) -> int:
    world, lots = engine.world, abs(term.lots)
    taker = fees.taker_micro(world, account, term.instrument, lots, value)
    return fees.maker_micro(world, account, term.instrument, lots, value, taker) if as_maker else taker
