"""The views of a venue that starts: built from the recovered engine, and from what the store has."""

from __future__ import annotations

from typing import Final

from exchange.core import account_queries, queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import events
from exchange.domain.commands import symbol_text
from exchange.domain.limits import FIRST_USER_ACCOUNT
from exchange.gateway.ports import HistoryView
from exchange.gateway.registry import Registry
from exchange.gateway.views import Views

_ALL_LEVELS: Final = 1 << 30


def load(engine: Engine, registry: Registry, views: Views, history: HistoryView, now_ms: int) -> None:
    """Fill `registry` and `views`, which are empty."""
    for underlying in range(engine.underlying_count):
        symbol = symbol_text(queries.underlying_symbol(engine, underlying))
        registry.add_underlying(underlying, symbol, risk_queries.underlying_state(engine, underlying))
        views.started_at[underlying] = queries.underlying_figures(engine, underlying).index_micro
    change_id = engine.next_seq - 1
    opening = history.opening(now_ms)
    _load_markets(engine, registry, views, history, change_id)
    for account in range(FIRST_USER_ACCOUNT, engine.account_count):
        for held in queries.positions(engine, account):
            if held.size_lots:
                market = views.markets[held.instrument]
                market.set_holding(account, held.size_lots, held.entry_value_micro)
    views.families.load(enumerate(account_queries.main_accounts(engine)))
    views.load_history(opening, engine.next_seq)
    views.extras.load(engine, opening.extended)
    views.seq = change_id
    views.time_ms = engine.now_ms


def _load_markets(
    engine: Engine, registry: Registry, views: Views, history: HistoryView, change_id: int
) -> None:
    listed_ms, changed_ms = history.listing_times(), history.combo_times()
    for instrument in range(engine.instrument_count):
        figures = queries.instrument_figures(engine, instrument)
        terms = events.unpack_terms(figures.terms, 0)
        view = registry.add_instrument(instrument, terms, figures.state, listed_ms.get(instrument, 0))
        view.changed_ms = changed_ms.get(instrument, view.created_ms)
        market = views.add_market()
        market.board.trade_seq = figures.trade_seq
        market.book.load(*queries.book_levels(engine, instrument, _ALL_LEVELS), change_id)
