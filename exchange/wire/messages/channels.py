"""Every channel that carries something: its template and what it pushes."""

from __future__ import annotations

from typing import Any, Final, Literal

from exchange.wire.messages import account as a
from exchange.wire.messages import blocks as b
from exchange.wire.messages import market as m
from exchange.wire.messages import orders as o
from exchange.wire.messages import pushes as p
from exchange.wire.messages import receipts as q
from exchange.wire.messages import settlement as x
from exchange.wire.messages import stream as t
from exchange.wire.messages import venue as v
from exchange.wire.messages.parameters import Currency, IndexName, InstrumentName, Kind, Resolution
from exchange.wire.messages.protection import MmpTrigger

PARTS: Final[dict[str, Any]] = {
    "instrument_name": InstrumentName,
    "currency": Currency,
    "kind": Kind,
    "index_name": IndexName,
    "interval": Literal["raw", "100ms", "agg2"],
    "group": Literal["none", "1", "2", "5", "10", "25", "100", "250"],
    "depth": Literal["1", "10", "20"],
    "resolution": Resolution,
}
"""What stands in the place of each part of a template."""

CHANNELS: Final[dict[str, Any]] = {
    "announcements": v.AnnouncementChange,
    "block_rfq.maker.quotes.{currency}": list[b.BlockRfqQuote],
    "block_rfq.maker.{currency}": b.BlockRfqPush,
    "block_rfq.taker.{currency}": b.BlockRfqPush,
    "block_rfq.trades.{currency}": b.BlockRfqTrade,
    "block_trade_confirmations": b.PendingBlockTrade,
    "block_trade_confirmations.{currency}": b.PendingBlockTrade,
    "book.{instrument_name}.{group}.{depth}.{interval}": p.GroupedBook,
    "book.{instrument_name}.{interval}": p.BookChange,
    "chain.{currency}.{interval}": m.Chain,
    "chart.trades.{instrument_name}.{resolution}": p.Candle,
    "deribit_price_index.{index_name}": p.PriceIndex,
    "deribit_price_ranking.{index_name}": list[p.IndexSource],
    "deribit_price_statistics.{index_name}": p.IndexStatistics,
    "deribit_volatility_index.{index_name}": p.VolatilityIndex,
    "estimated_expiration_price.{index_name}": p.EstimatedPrice,
    "incremental_ticker.{instrument_name}": p.TickerChange,
    "instrument.creation.{kind}.{currency}": m.Instrument,
    "instrument.state.{kind}.{currency}": p.InstrumentState,
    "markprice.options.{index_name}": list[p.MarkPrice],
    "perpetual.{instrument_name}.{interval}": p.Perpetual,
    "platform_state": p.PlatformState,
    "platform_state.public_methods_state": p.PublicMethods,
    "quote.{instrument_name}": p.Quote,
    "strikebook.authorisation": x.Authorisation,
    "strikebook.batches": x.Batch,
    "strikebook.signed_heads": q.HeadBlock,
    "strikebook.venue": v.VenueCommand,
    "ticker.{instrument_name}.{interval}": m.Ticker,
    "trades.{instrument_name}.{interval}": list[m.Trade],
    "trades.{kind}.{currency}.{interval}": list[m.Trade],
    "user.access_log": a.AccessLogEntry,
    "user.changes.{instrument_name}.{interval}": p.UserChanges,
    "user.changes.{kind}.{currency}.{interval}": p.UserChanges,
    "user.combo_trades.{instrument_name}.{interval}": o.UserTrade,
    "user.combo_trades.{kind}.{currency}.{interval}": o.UserTrade,
    "user.lock": a.LockChange,
    "user.mmp_trigger.{index_name}": MmpTrigger,
    "user.orders.{instrument_name}.raw": o.Order,
    "user.orders.{instrument_name}.{interval}": list[o.Order],
    "user.orders.{kind}.{currency}.raw": o.Order,
    "user.orders.{kind}.{currency}.{interval}": list[o.Order],
    "user.portfolio.{currency}": a.Portfolio,
    "user.stream": t.StreamPush,
    "user.trades.{instrument_name}.{interval}": list[o.UserTrade],
    "user.trades.{kind}.{currency}.{interval}": list[o.UserTrade],
}
