"""Charts: candles of trades, indices, marks and volatility, and what was traded over days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from exchange.domain import records as r
from exchange.gateway.candles import RESOLUTIONS_S, bars_of, candle, market_trades_since
from exchange.gateway.dispatch import Handler, currency_of, instrument_of
from exchange.gateway.past import Objects, answer_past
from exchange.gateway.read_records import read_trade
from exchange.gateway.venue import Venue
from exchange.history import bars as b
from exchange.history.past import Past
from exchange.history.realized import WINDOW_HOURS, realized_percent
from exchange.history.rows import CALLS, PERPETUALS, PUTS, category
from exchange.wire.errors import invalid_param
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, boolean, choice, text, timestamp_ms
from exchange.wire.session import Request, Session

CANDLES_MAX: Final = 5_000
VOLATILITIES_MAX: Final = 1_000
_VOLATILITY_STEPS_S: Final = {"1": 1, "60": 60, "3600": 3_600, "43200": 43_200, "1D": b.DAY_S}
_MICRO: Final = 1_000_000
_HISTORICAL_S: Final = 16 * b.DAY_S
# How far back a range goes, the bars it is made of, and how far apart its points are; all in seconds.
_RANGES: Final = {
    "1h": (b.HOUR_S, b.MINUTE_S, b.MINUTE_S),
    "1d": (b.DAY_S, b.MINUTE_S, 5 * b.MINUTE_S),
    "2d": (2 * b.DAY_S, b.MINUTE_S, 10 * b.MINUTE_S),
    "1m": (31 * b.DAY_S, b.HOUR_S, 2 * b.HOUR_S),
    "1y": (366 * b.DAY_S, b.DAY_S, b.DAY_S),
    "all": (1 << 40, b.DAY_S, b.DAY_S),
}
_VOLUMES: Final = {CALLS: "calls_volume", PUTS: "puts_volume", PERPETUALS: "futures_volume"}


def _period(params: Params) -> tuple[int, int]:
    """Start and end in milliseconds."""
    from_ms, until_ms = timestamp_ms(params, "start_timestamp"), timestamp_ms(params, "end_timestamp")
    if until_ms < from_ms:
        raise invalid_param("end_timestamp", "is before start_timestamp")
    return from_ms, until_ms


# --- candles ---------------------------------------------------------------------------------------


def get_tradingview_chart_data(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_tradingview_chart_data {instrument_name, start_timestamp, end_timestamp, resolution}`: a
    candle for every period from the first trade on, at most the newest 5,000 of the span."""
    params = request.params
    view = instrument_of(venue, params)
    from_ms, until_ms = _period(params)
    step_s = RESOLUTIONS_S[choice(params, "resolution", RESOLUTIONS_S)]
    until_s = min(until_ms, venue.clock.now_ms()) // 1_000
    from_s = from_ms // 1_000 // step_s * step_s
    from_s = max(from_s, until_s // step_s * step_s - (CANDLES_MAX - 1) * step_s)
    names = ("ticks", "open", "high", "low", "close", "volume", "cost")
    columns: dict[str, list[object]] = {name: [] for name in names}

    def objects(next_seq: int, found: Any) -> Objects:
        market = venue.views.markets[view.instrument]
        fresh = bars_of(market_trades_since(market, next_seq, venue.ring.known_from), step_s)
        for bar in b.filled(b.merge(found or (), fresh), step_s, from_s, until_s):
            for name, value in candle(view, bar).items():
                columns[name].append(value)
            yield None

    def whole(_: object) -> JsonObject:
        return {"status": "ok" if columns["ticks"] else "no_data", **columns}

    def work(past: Past) -> list[b.Bar]:
        return past.bars(b.TRADES, view.instrument, step_s, from_s, until_s)

    answer_past(venue, session, request, work, objects, whole)


# --- indices and marks -----------------------------------------------------------------------------


def _index_of(venue: Venue, params: Params) -> int:
    underlying = venue.registry.underlying_of_index(text(params, "index_name", bytes_max=32).lower())
    if underlying is None:
        raise invalid_param("index_name", "no such index")
    return underlying


def get_index_chart_data(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_index_chart_data {index_name, range}`: [[time, price]], the last one of now."""
    underlying = _index_of(venue, request.params)
    span_s, step_s, apart_s = _RANGES[choice(request.params, "range", _RANGES)]
    now_ms = venue.clock.now_ms()
    from_s = max(0, now_ms // 1_000 - span_s)

    def objects(_: int, found: Any) -> Objects:
        last_ms = 0
        for bar in found or ():
            last_ms = bar.start_s * 1_000
            if bar.start_s >= from_s and bar.start_s % apart_s == 0:
                yield [last_ms, usdc(bar.open)]
        marked = venue.views.marks.get(underlying)
        if marked is not None and marked.time_ms > last_ms:
            yield [marked.time_ms, usdc(marked.index_micro)]

    def work(past: Past) -> list[b.Bar]:
        return past.bars(b.INDEX, underlying, step_s, from_s, now_ms // 1_000)

    answer_past(venue, session, request, work, objects, lambda points: points)


def get_mark_price_history(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_mark_price_history {instrument_name, start_timestamp, end_timestamp}`: [[time, mark]] of
    an option every five minutes, at most the newest 5,000; of a perpetual nothing."""
    view = instrument_of(venue, request.params)
    from_ms, until_ms = _period(request.params)
    step_s = b.MARK_STEPS_S[0]
    until_s = min(until_ms, venue.clock.now_ms()) // 1_000
    from_s = max(from_ms // 1_000, until_s - CANDLES_MAX * step_s)

    def objects(_: int, found: Any) -> Objects:
        for bar in found or ():
            if bar.start_s >= from_s:
                yield [bar.start_s * 1_000, usdc(bar.open)]

    def work(past: Past) -> list[b.Bar]:
        return past.bars(b.MARK, view.instrument, step_s, from_s, until_s)

    answer_past(venue, session, request, work, objects, lambda points: points)


# --- volatility ------------------------------------------------------------------------------------


def _underlying_of(venue: Venue, params: Params) -> int | None:
    return venue.registry.underlying_of(currency_of(params, None))


def get_historical_volatility(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_historical_volatility {currency}`: [[time, percent]], hourly, of the last 16 days: what
    the index realised in the 15 days before."""
    underlying = _underlying_of(venue, request.params)
    now_s = venue.clock.now_ms() // 1_000

    def work(past: Past) -> list[tuple[int, float]]:
        if underlying is None:
            return []
        from_s = now_s - _HISTORICAL_S
        # The hour that runs has no close yet.
        until_s = now_s - now_s % b.HOUR_S - 1
        before_s = (WINDOW_HOURS + 1) * b.HOUR_S
        return realized_percent(past.bars(b.INDEX, underlying, b.HOUR_S, from_s - before_s, until_s), from_s)

    def objects(_: int, found: Any) -> Objects:
        for time_s, percent in found or ():
            yield [time_s * 1_000, percent]

    answer_past(venue, session, request, work, objects, lambda points: points)


def get_volatility_index_data(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_volatility_index_data {currency, start_timestamp, end_timestamp, resolution}`: candles
    [time, open, high, low, close] of the volatility index, oldest first, the newest 1,000 of the span;
    `continuation` is the end_timestamp to ask for the ones before with, or null."""
    params = request.params
    underlying = _underlying_of(venue, params)
    from_ms, until_ms = _period(params)
    step_s = _VOLATILITY_STEPS_S[choice(params, "resolution", _VOLATILITY_STEPS_S)]
    from_s = from_ms // 1_000 // step_s * step_s
    until_s = min(until_ms, venue.clock.now_ms()) // 1_000
    older: list[int] = []

    def work(past: Past) -> list[b.Bar]:
        if underlying is None:
            return []
        found = past.newest_bars(b.VOLATILITY, underlying, step_s, from_s, until_s, VOLATILITIES_MAX + 1)
        if len(found) > VOLATILITIES_MAX:
            older.append(found.pop(0).start_s * 1_000)
        return found

    def objects(_: int, found: Any) -> Objects:
        for bar in found or ():
            yield [bar.start_s * 1_000, *(price / _MICRO for price in bar[1:5])]

    def whole(candles: list[Any]) -> JsonObject:
        return {"data": candles, "continuation": older[0] if older else None}

    answer_past(venue, session, request, work, objects, whole)


# --- volumes ---------------------------------------------------------------------------------------


def get_trade_volumes(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_trade_volumes {extended?}`: by underlying, in units of it: of 24 hours, to five minutes;
    `extended` also of 7 and 30 days, to the hour."""
    extended = boolean(request.params, "extended")
    now_ms = venue.clock.now_ms()
    day = dict.fromkeys(_all_categories(venue), 0.0)
    for view in _counted(venue):
        lots = venue.views.markets[view.instrument].stats.at(now_ms).volume_lots
        day[_category(view)] += view.amount(lots)
    now_s = now_ms // 1_000
    since_s = {"_7d": now_s - 7 * b.DAY_S, "_30d": now_s - 30 * b.DAY_S}

    def objects(next_seq: int, found: Any) -> Objects:
        e8: dict[tuple[int, str], int] = {}
        for member, bar in found or ():
            for suffix, since in since_s.items():
                if bar.start_s >= since:
                    e8[member, suffix] = e8.get((member, suffix), 0) + bar.volume
        for view in _counted(venue) if extended else ():
            market = venue.views.markets[view.instrument]
            for fill in market_trades_since(market, next_seq, venue.ring.known_from):
                for suffix in since_s:
                    key = (_category(view), suffix)
                    e8[key] = e8.get(key, 0) + read_trade(fill.trade).size_lots * view.terms.lot_e8
        for underlying, symbol in enumerate(venue.registry.symbols):
            row: JsonObject = {"currency": symbol, "spot_volume": 0.0}
            for part, name in _VOLUMES.items():
                row[name] = day[category(underlying, part)]
            for suffix in since_s if extended else ():
                row[f"spot_volume{suffix}"] = 0.0
                for part, name in _VOLUMES.items():
                    row[name + suffix] = e8.get((category(underlying, part), suffix), 0) / 100_000_000
            yield row

    def work(past: Past) -> object:
        return past.volumes(list(day), since_s["_30d"]) if extended else []

    answer_past(venue, session, request, work, objects, lambda rows: rows)


def _counted(venue: Venue) -> Iterator[InstrumentView]:
    """Whose volumes count: what is traded in combos is counted in their legs."""
    return (view for view in venue.registry.instruments if not view.is_combo)


def _all_categories(venue: Venue) -> list[int]:
    return [category(number, part) for number in range(len(venue.registry.symbols)) for part in _VOLUMES]


def _category(view: InstrumentView) -> int:
    part = PERPETUALS
    if view.is_option:
        part = CALLS if view.terms.option_type == r.OPTION_CALL else PUTS
    return category(view.terms.underlying, part)


METHODS: Final[dict[str, Handler]] = {
    "public/get_tradingview_chart_data": get_tradingview_chart_data,
    "public/get_index_chart_data": get_index_chart_data,
    "public/get_mark_price_history": get_mark_price_history,
    "public/get_historical_volatility": get_historical_volatility,
    "public/get_volatility_index_data": get_volatility_index_data,
    "public/get_trade_volumes": get_trade_volumes,
}
