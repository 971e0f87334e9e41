"""Figures of instruments and accounts, put together for the dialect's objects.

Marks and price bands are read from the engine: they come from the oracle, not from a client, and may be
one commit ahead of what is durable. Everything else comes from released events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from exchange.core import account_queries, queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain.commands_risk import FeeTier
from exchange.domain.limits import PPM
from exchange.gateway import risk_views
from exchange.gateway.best_volatilities import BestVolatilities
from exchange.gateway.combos.figures import implied_best, sum_greeks
from exchange.gateway.market import InstrumentMarket
from exchange.gateway.perpetuals import leverage, liquidation_price
from exchange.gateway.ports import OracleView
from exchange.gateway.views import Views
from exchange.wire.accounts import AccountSettings, AccountValues
from exchange.wire.figures import Greeks, MarketFigures, PositionValues, position_object
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.limits import BLOCK_SMALLEST_ORDERS
from exchange.wire.objects import JsonObject

_E8: Final = 100_000_000
FUNDING_HOURS: Final = 8
HOUR_MS: Final = 3_600_000
_NO_GREEKS: Final = Greeks()
_GREEKS: Final = ("delta", "gamma", "theta", "vega", "rho")


class Figures:
    """Builder of market, position and account figures."""

    def __init__(
        self,
        engine: Engine,
        views: Views,
        oracle: OracleView,
        profile: Callable[[int], tuple[str, int]] = lambda _: ("", 0),
        settings: Callable[[int], AccountSettings] = lambda _: AccountSettings(),
    ) -> None:
        """`profile(account)` gives an account's name and when it was made (0: not known), `settings(account)`
        what it has chosen."""
        self._engine = engine
        self._settings = settings
        self._profile = profile
        self._expiries: dict[int, tuple[int, int | None]] = {}  # second, next expiry by underlying
        self._views = views
        self._oracle = oracle
        self._volatilities = BestVolatilities(views, oracle)
        self.block_orders = BLOCK_SMALLEST_ORDERS
        """The smallest leg of a block, in smallest orders."""

    # --- instruments -------------------------------------------------------------------------------

    def market(self, view: InstrumentView, now_ms: int) -> MarketFigures:
        """What ticker and book summary show of one instrument."""
        market = self._views.markets[view.instrument]
        if view.is_option:
            self._volatilities.refresh(view.terms.underlying, (view,))
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
        self._volatilities.refresh_all(chosen)

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
        figures.estimated_delivery_micro = self.estimated_delivery_micro(view.terms.underlying, now_ms)
        if view.is_option:
            self._add_model(view, figures)
        elif view.is_combo:
            figures.greeks = self.greeks(view)
            figures.implied = implied_best(self._views.markets, view)
        else:
            figures.current_funding = self.current_funding(view.instrument)
            figures.funding_8h = self.funding_8h(view.instrument, now_ms)
        return figures

    def _next_expiry_ms(self, underlying: int, now_ms: int) -> int | None:
        """When the next options expire, looked for once a second: a chain has hundreds of instruments."""
        known = self._expiries.get(underlying)
        second = now_ms // 1_000
        if known is None or known[0] != second:
            expiry_ms = self._views.registry.next_expiry_ms(underlying, now_ms)
            known = self._expiries[underlying] = (second, expiry_ms)
        return known[1]

    def _add_model(self, view: InstrumentView, figures: MarketFigures) -> None:
        chain = self._oracle.chain(view.terms.underlying)
        values = chain.get(view.instrument) if chain is not None else None
        if values is None:
            return
        figures.mark_iv = values.mark_iv_percent
        figures.greeks = Greeks(values.delta, values.gamma, values.rho, values.theta, values.vega)
        known = self._volatilities.of(view.instrument)
        if known is not None:
            figures.bid_iv, figures.ask_iv = known.bid_iv, known.ask_iv

    def best_volatilities(
        self, underlying: int, members: Sequence[InstrumentView]
    ) -> list[tuple[float | None, float | None]]:
        """Volatilities in percent of the best bid and ask of options of one underlying."""
        self._volatilities.refresh(underlying, members)
        known = [self._volatilities.of(view.instrument) for view in members]
        return [(None, None) if each is None else (each.bid_iv, each.ask_iv) for each in known]

    def delta(self, view: InstrumentView) -> float | None:
        """Delta of one unit of an instrument; None of an option without a mark."""
        if not view.is_option:
            return 1.0
        chain = self._oracle.chain(view.terms.underlying)
        values = chain.get(view.instrument) if chain is not None else None
        return None if values is None else values.delta

    def greeks(self, view: InstrumentView) -> Greeks:
        """Greeks of one unit of an instrument; a perpetual has delta 1, an unmarked option zeros, a combo
        those of its legs."""
        if view.is_combo:
            return sum_greeks((leg.ratio, self.greeks(leg.view)) for leg in view.legs)
        if not view.is_option:
            return Greeks(delta=1.0)
        chain = self._oracle.chain(view.terms.underlying)
        values = chain.get(view.instrument) if chain is not None else None
        if values is None:
            return _NO_GREEKS
        return Greeks(values.delta, values.gamma, values.rho, values.theta, values.vega)

    # --- accounts ----------------------------------------------------------------------------------

    def position(
        self,
        account: int,
        view: InstrumentView,
        held: queries.PositionFigures,
        margins: Mapping[int, tuple[int, int]] | None = None,
    ) -> PositionValues:
        """One position with what the edge derives: cost of the open lots, realised profit.

        The core keeps one signed sum of entry values; what is no cost of the lots still open has been
        realised. After a restart the cost starts anew at that sum, and realised profit at zero.
        `margins` are those of the account's seats (`risk_views.seat_margins`), asked for if not given.
        """
        core = queries.instrument_figures(self._engine, view.instrument)
        market = self._views.markets[view.instrument]
        holding, settlement = market.holdings.get(account), market.settlement_ticks
        matches = holding is not None and holding.size_lots == held.size_lots
        cost = holding.cost_micro if holding is not None and matches else held.entry_value_micro
        if margins is None:
            margins = risk_views.seat_margins(self._engine, account)
        initial, maintenance = margins.get(view.instrument, (0, 0))
        return PositionValues(
            size_lots=held.size_lots,
            entry_value_micro=cost,
            realized_micro=cost - held.entry_value_micro,
            initial_micro=initial,
            maintenance_micro=maintenance,
            open_orders_micro=held.hold_micro,
            funding_micro=holding.funding_micro if holding is not None else 0,
            settlement_micro=None if settlement is None else settlement * view.terms.tick_micro,
            mark_micro=core.mark_micro,
            index_micro=core.index_micro,
            greeks=self.greeks(view),
        )

    def positions(self, account: int, instruments: Collection[int] | None = None) -> dict[int, JsonObject]:
        """Objects of an account's positions by instrument: those of `instruments`, empty ones too, or all
        that are not empty."""
        engine = self._engine
        margins = risk_views.seat_margins(engine, account)
        whole = risk_views.margins(engine, account)
        found: dict[int, JsonObject] = {}
        for held in queries.positions(engine, account):
            wanted = held.size_lots if instruments is None else held.instrument in instruments
            if not wanted:
                continue
            view = self._views.registry.instruments[held.instrument]
            values = self.position(account, view, held, margins)
            values.liquidation_price = liquidation_price(view, values, whole)
            values.leverage = leverage(view, values)
            found[held.instrument] = position_object(view, values)
        return found

    def account(
        self, account: int, simulated: Sequence[tuple[int, int]] | None = None, *, add: bool = True
    ) -> AccountValues:
        """The account summary's figures; with `simulated` positions (instrument, signed lots) added to those
        it holds, or in their place: margins and Greeks are theirs, the money stays as it is."""
        engine = self._engine
        figures = queries.account_figures(engine, account)
        status = risk_queries.account_state(engine, account)
        if simulated is None:
            margins = risk_views.margins(engine, account)
            projected = risk_views.projected(engine, account)
        else:
            margins = projected = risk_views.simulated(engine, account, simulated, add=add)
        name, created_ms = self._profile(account)
        values = AccountValues(
            account=account,
            name=name,
            created_ms=created_ms or account_queries.created_ms(engine, account),
            cash_micro=figures.cash_micro,
            funds_micro=figures.funds_micro,
            equity_micro=margins.equity_micro,
            balance_micro=margins.balance_micro,
            initial_micro=margins.initial_micro,
            maintenance_micro=margins.maintenance_micro,
            projected_initial_micro=projected.initial_micro,
            projected_maintenance_micro=projected.maintenance_micro,
            held_micro=account_queries.held_micro(engine, account),
            main=status.main,
            model=status.model,
            tier=status.tier,
            is_locked=bool(status.locked or status.liquidation),
            liquidation=status.liquidation,
            options_value_micro=figures.equity_micro - figures.funds_micro,
            cancels_maker=bool(figures.flags & 1),
            settings=self._settings(account),
            seq=engine.next_seq - 1,
        )
        values.available_micro = max(0, margins.balance_micro - margins.initial_micro)
        if margins.equity_micro >= 0 and not values.is_locked:
            free = min(figures.cash_micro, margins.balance_micro) - margins.initial_micro
            values.withdrawable_micro = max(0, free)
        if simulated is None or add:
            self._add_positions(values)
        for instrument, lots in simulated or ():
            view = self._views.registry.instruments[instrument]
            index_micro = queries.instrument_figures(engine, instrument).index_micro
            add_greeks(values, view, self.greeks(view), view.amount(lots), index_micro)
        return values

    def _add_positions(self, values: AccountValues) -> None:
        no_margins: dict[int, tuple[int, int]] = {}  # those of single positions are not asked for
        for held in queries.positions(self._engine, values.account):
            if held.size_lots == 0:
                continue
            view = self._views.registry.instruments[held.instrument]
            position = self.position(values.account, view, held, no_margins)
            add_greeks(values, view, position.greeks, view.amount(held.size_lots), position.index_micro)
            floating = position.floating_micro(view)
            if view.is_option:
                values.options_session_upl_micro += floating
                values.options_session_rpl_micro += position.realized_micro
            else:
                values.futures_session_upl_micro += floating
                values.futures_session_rpl_micro += position.realized_micro

    # --- fees ----------------------------------------------------------------------------------------

    def fee_tiers(self) -> list[FeeTier]:
        """The fee schedule; empty while the rates of each listing are in force."""
        return risk_queries.fee_schedule(self._engine)[1]

    def fees_ppm(
        self, view: InstrumentView, tier: int = 0, tiers: Sequence[FeeTier] | None = None
    ) -> tuple[int, int]:
        """(maker, taker) of an instrument for a tier, in ppm of index notional, as the core charges;
        `tiers` is the schedule, asked for if not given."""
        tiers = self.fee_tiers() if tiers is None else tiers
        if not tiers and view.is_combo:
            return 0, 0
        if not tiers:
            return view.terms.maker_fee_ppm, view.terms.taker_fee_ppm
        rates = tiers[min(tier, len(tiers) - 1)]
        if view.is_option:
            return rates.option_maker_ppm, rates.option_taker_ppm
        if view.is_combo:  # charged on each leg, less the discount
            kept = 1_000 - risk_queries.fee_schedule(self._engine)[0]
            return rates.option_maker_ppm * kept // 1_000, rates.option_taker_ppm * kept // 1_000
        return rates.perp_maker_ppm, rates.perp_taker_ppm

    def max_leverage(self, view: InstrumentView) -> int:
        """A perpetual's value over its initial margin, rounded down; 1 where nothing is lent."""
        if not view.is_perpetual or risk_queries.rules(self._engine) < 2:
            return 1
        parameters = risk_queries.risk_parameters(self._engine, view.terms.underlying)
        return 1 if parameters is None else PPM // parameters.perp_im_ppm

    # --- delivery and funding ------------------------------------------------------------------------

    def estimated_delivery_micro(self, underlying: int, now_ms: int) -> int:
        """The next delivery price as far as it is known; the index before its window, 0 before any."""
        expiry_ms = self._next_expiry_ms(underlying, now_ms)
        price = None
        if expiry_ms is not None:
            price = self._oracle.estimated_delivery_price(underlying, expiry_ms)
        if price is not None:
            return round(price * 1_000_000)
        return self._views.index_micro(underlying)

    def current_funding(self, instrument: int) -> float:
        """The last funding rate of a perpetual, for eight hours; 0 before the first."""
        known = self._views.fundings.get(instrument)
        return known[-1].interest * FUNDING_HOURS if known else 0.0

    def funding_8h(self, instrument: int, now_ms: int) -> float:
        """What the fundings of the last eight hours come to, as a fraction."""
        since_ms = now_ms - FUNDING_HOURS * HOUR_MS
        known = self._views.fundings.get(instrument, ())
        return sum((funding.interest for funding in known if funding.time_ms > since_ms), 0.0)


def add_greeks(
    values: AccountValues, view: InstrumentView, greeks: Greeks, size: float, index_micro: int
) -> None:
    """Add the Greeks of `size` units of an instrument to an account's."""
    index = view.index_name
    delta = greeks.delta * size
    values.delta_total += delta
    values.delta_usd += delta * usdc(index_micro)
    values.delta_total_map[index] = values.delta_total_map.get(index, 0.0) + delta
    if not view.is_option:
        return
    total = values.options_greeks
    for name in _GREEKS:
        per_unit: float = getattr(greeks, name)
        setattr(total, name, getattr(total, name) + per_unit * size)
        by_index: dict[str, float] = getattr(values, f"options_{name}_map")
        by_index[index] = by_index.get(index, 0.0) + per_unit * size


def _change_percent(first_ticks: int | None, last_ticks: int | None) -> float | None:
    """24-hour change in percent, rounded to four decimals."""
    if not first_ticks or last_ticks is None:
        return None
    return round(100.0 * (last_ticks - first_ticks) / abs(first_ticks), 4)
