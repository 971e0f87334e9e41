"""Figures of instruments and accounts, put together for the dialect's objects.

Marks and price bands are read from the engine: they come from the oracle, not from a client, and may be
one commit ahead of what is durable. Everything else comes from released events.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.gateway.market import InstrumentMarket
from exchange.gateway.ports import OracleView
from exchange.gateway.views import Views
from exchange.wire.figures import AccountValues, Greeks, MarketFigures, PositionValues
from exchange.wire.instruments import InstrumentView

_E8: Final = 100_000_000
_NO_GREEKS: Final = Greeks()


class _Volatilities(NamedTuple):
    """Implied volatilities of a best bid and ask, valid for those prices and that snapshot."""

    at_ms: int
    bid_ticks: int
    ask_ticks: int
    bid_iv: float | None
    ask_iv: float | None


class Figures:
    """Builder of market, position and account figures."""

    def __init__(self, engine: Engine, views: Views, oracle: OracleView) -> None:
        self._engine = engine
        self._views = views
        self._oracle = oracle
        self._volatilities: dict[int, _Volatilities] = {}

    # --- instruments -------------------------------------------------------------------------------

    def market(self, view: InstrumentView, now_ms: int) -> MarketFigures:
        """What ticker and book summary show of one instrument."""
        market = self._views.markets[view.instrument]
        if view.is_option:
            self._refresh_volatilities(view.terms.underlying, (view,))
        return self._assemble(view, market, now_ms)

    def mark_micro(self, instrument: int) -> int:
        """The mark in micro-USDC per 1 underlying; 0 before the first. Raises KeyError if not listed."""
        return queries.instrument_figures(self._engine, instrument).mark_micro

    def markets(self, chosen: Iterable[InstrumentView], now_ms: int) -> list[MarketFigures]:
        """`market` of many instruments; volatilities are computed a whole chain at once."""
        views = list(chosen)
        self.prepare(views)
        markets = self._views.markets
        return [self._assemble(view, markets[view.instrument], now_ms) for view in views]

    def prepare(self, chosen: Iterable[InstrumentView]) -> None:
        """Compute the volatilities of many instruments at once; `market` finds them done."""
        options: dict[int, list[InstrumentView]] = {}
        for view in chosen:
            if view.is_option:
                options.setdefault(view.terms.underlying, []).append(view)
        for underlying, members in options.items():
            self._refresh_volatilities(underlying, members)

    def _assemble(self, view: InstrumentView, market: InstrumentMarket, now_ms: int) -> MarketFigures:
        core = queries.instrument_figures(self._engine, view.instrument)
        stats = market.stats.at(now_ms)
        last = market.last_trade_ticks
        settlement = market.settlement_ticks
        figures = MarketFigures(
            time_ms=now_ms,
            best_bid=market.book.best_bid(),
            best_ask=market.book.best_ask(),
            last_ticks=last,
            high_ticks=stats.high_ticks,
            low_ticks=stats.low_ticks,
            price_change=_change_percent(stats.first_ticks, last),
            volume_lots=stats.volume_lots,
            volume_micro=stats.value_micro,
            open_interest_lots=market.open_interest_lots,
            index_micro=core.index_micro,
            forward_micro=core.forward_micro,
            mark_micro=core.mark_micro,
            min_price_ticks=core.min_price_ticks,
            max_price_ticks=core.max_price_ticks,
            delivery_micro=market.delivery_micro,
            settlement_micro=None if settlement is None else settlement * view.terms.tick_micro,
            seq=self._views.seq,
        )
        if view.is_option:
            self._add_model(view, figures)
        return figures

    def _add_model(self, view: InstrumentView, figures: MarketFigures) -> None:
        chain = self._oracle.chain(view.terms.underlying)
        values = chain.get(view.instrument) if chain is not None else None
        if values is None:
            return
        figures.mark_iv = values.mark_iv_percent
        figures.greeks = Greeks(values.delta, values.gamma, values.rho, values.theta, values.vega)
        known = self._volatilities.get(view.instrument)
        if known is not None:
            figures.bid_iv, figures.ask_iv = known.bid_iv, known.ask_iv

    def _refresh_volatilities(self, underlying: int, members: Iterable[InstrumentView]) -> None:
        """Recompute bid and ask volatilities whose price or snapshot has moved, in one call."""
        chain = self._oracle.chain(underlying)
        if chain is None:
            return
        at_ms = chain.at_ms
        stale: list[tuple[InstrumentView, int, int]] = []
        for view in members:
            book = self._views.markets[view.instrument].book
            bid, ask = book.best_bid(), book.best_ask()
            bid_ticks, ask_ticks = (bid[0] if bid else 0), (ask[0] if ask else 0)
            known = self._volatilities.get(view.instrument)
            if known is None or known[:3] != (at_ms, bid_ticks, ask_ticks):
                stale.append((view, bid_ticks, ask_ticks))
        if not stale:
            return
        ids = [view.instrument for view, _, _ in stale for _ in range(2)]
        prices = [
            view.price(ticks) if ticks else math.nan for view, bid, ask in stale for ticks in (bid, ask)
        ]
        found = [None if math.isnan(iv) else iv for iv in chain.iv_percent(ids, prices).tolist()]
        for row, (view, bid_ticks, ask_ticks) in enumerate(stale):
            bid_iv, ask_iv = found[2 * row], found[2 * row + 1]
            self._volatilities[view.instrument] = _Volatilities(at_ms, bid_ticks, ask_ticks, bid_iv, ask_iv)

    def greeks(self, view: InstrumentView) -> Greeks:
        """Greeks of one unit of an instrument; a perpetual has delta 1, an unmarked option zeros."""
        if not view.is_option:
            return Greeks(delta=1.0)
        chain = self._oracle.chain(view.terms.underlying)
        values = chain.get(view.instrument) if chain is not None else None
        if values is None:
            return _NO_GREEKS
        return Greeks(values.delta, values.gamma, values.rho, values.theta, values.vega)

    # --- accounts ----------------------------------------------------------------------------------

    def position(
        self, account: int, view: InstrumentView, held: queries.PositionFigures
    ) -> PositionValues:
        """One position with what the edge derives: cost of the open lots, realised profit.

        The core keeps one signed sum of entry values; what is no cost of the lots still open has been
        realised. After a restart the cost starts anew at that sum, and realised profit at zero.
        """
        core = queries.instrument_figures(self._engine, view.instrument)
        holding = self._views.markets[view.instrument].holdings.get(account)
        matches = holding is not None and holding.size_lots == held.size_lots
        cost = holding.cost_micro if holding is not None and matches else held.entry_value_micro
        return PositionValues(
            size_lots=held.size_lots,
            entry_value_micro=cost,
            realized_micro=cost - held.entry_value_micro,
            requirement_micro=held.requirement_micro,
            open_orders_micro=held.hold_micro,
            mark_micro=core.mark_micro,
            index_micro=core.index_micro,
            greeks=self.greeks(view),
        )

    def account(self, account: int) -> AccountValues:
        """The account summary's figures."""
        engine = self._engine
        figures = queries.account_figures(engine, account)
        values = AccountValues(
            account=account,
            cash_micro=figures.cash_micro,
            funds_micro=figures.funds_micro,
            equity_micro=figures.equity_micro,
            requirement_micro=figures.requirement_micro,
            options_value_micro=figures.equity_micro - figures.funds_micro,
            cancels_maker=bool(figures.flags & 1),
            seq=engine.next_seq - 1,
        )
        free = figures.funds_micro - figures.requirement_micro
        values.available_micro = max(0, free)
        if figures.equity_micro >= 0:
            values.withdrawable_micro = max(0, min(figures.cash_micro - figures.requirement_micro, free))
        self._add_positions(values)
        return values

    def _add_positions(self, values: AccountValues) -> None:
        total = values.options_greeks = Greeks()
        for held in queries.positions(self._engine, values.account):
            if held.size_lots == 0:
                continue
            view = self._views.registry.instruments[held.instrument]
            position = self.position(values.account, view, held)
            size = view.amount(held.size_lots)
            delta = position.greeks.delta * size
            values.delta_total += delta
            index = view.index_name
            values.delta_total_map[index] = values.delta_total_map.get(index, 0.0) + delta
            floating = position.floating_micro(view)
            if view.is_option:
                values.options_session_upl_micro += floating
                values.options_session_rpl_micro += position.realized_micro
                total.delta += delta
                total.gamma += position.greeks.gamma * size
                total.theta += position.greeks.theta * size
                total.vega += position.greeks.vega * size
            else:
                values.futures_session_upl_micro += floating
                values.futures_session_rpl_micro += position.realized_micro


def _change_percent(first_ticks: int | None, last_ticks: int | None) -> float | None:
    """24-hour change in percent, rounded to four decimals."""
    if not first_ticks or last_ticks is None:
        return None
    return round(100.0 * (last_ticks - first_ticks) / first_ticks, 4)
