"""Instruments and events the wire's tests are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exchange.domain import events
from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms
from exchange.wire.instruments import InstrumentView
from exchange.wire.session import RpcError

EXPIRY_MS = 1_798_358_400_000  # 27 December 2026, 08:00 UTC


def option_terms(**changes: Any) -> InstrumentTerms:
    """BTC-like: ticks of 5 USDC and of 10 above 1,000 USDC, lots of 0.01, the smallest order 0.1."""
    terms = InstrumentTerms(
        kind=r.KIND_OPTION,
        option_type=r.OPTION_CALL,
        underlying=0,
        expiry_ms=EXPIRY_MS,
        strike_micro=100_000_000_000,
        tick_micro=5_000_000,
        lot_e8=1_000_000,
        min_size_lots=10,
        price_limit_ticks=100_000,
        position_limit_lots=100_000,
        maker_fee_ppm=300,
        taker_fee_ppm=300,
        fee_cap_permille=125,
        delivery_fee_ppm=150,
        band_ppm=50_000,
        tick_steps=((0, 1), (200, 2)),
    )
    return terms._replace(**changes)


def perpetual_terms() -> InstrumentTerms:
    return option_terms(
        kind=r.KIND_PERPETUAL,
        option_type=r.OPTION_NONE,
        expiry_ms=0,
        strike_micro=0,
        tick_micro=100_000,
        fee_cap_permille=0,
        tick_steps=((0, 1),),
    )


OPTION = InstrumentView(3, "BTC", option_terms(), created_ms=1_700_000_000_000)
PERPETUAL = InstrumentView(0, "BTC", perpetual_terms())


def order(**changes: Any) -> events.Order:
    """A resting buy of 0.5 at 1,005 USDC, 0.2 of it filled at 1,000."""
    made = events.Order(
        head=events.Header(r.EV_ORDER, 1, 4, 0, 77, 64, 3, 901),
        price_ticks=201,
        size_lots=50,
        filled_lots=20,
        open_lots=30,
        flags=0,
        kind=r.ORDER_PLACED,
        state=r.ORDER_STATE_OPEN,
        reason=0,
        client_order_id=0,
        label=1,
        grant=0,
        filled_value=200 * 20,
        time_ms=1_700_000_000_500,
        created_ms=1_700_000_000_400,
        shown_lots=30,
        level_lots=30,
    )
    return made._replace(**changes)


def trade(**changes: Any) -> events.Trade:
    """Account 65 sells 0.2 at 1,000 USDC to the resting order of account 64."""
    made = events.Trade(
        head=events.Header(r.EV_TRADE, 1, 5, 0, 78, 65, 3, 55),
        maker_order_id=901,
        taker_order_id=902,
        price_ticks=200,
        size_lots=20,
        maker_account=64,
        taker_account=65,
        maker_fee_micro=6_000_000,
        taker_fee_micro=6_000_001,
        flags=r.FLAG_SELL,
        time_ms=1_700_000_000_500,
        index_micro=100_000_123_456,
        mark_micro=1_001_500_000,
        forward_micro=100_200_000_000,
        trade_seq=9,
        value_micro=200_000_000,
        maker_label=1,
        taker_label=0,
        zero=0,
    )
    return made._replace(**changes)


def refusal(read: Callable[[], object]) -> RpcError | None:
    """The error a reader refuses with, or None if it does not; anything else escapes."""
    try:
        read()
    except RpcError as refused:
        return refused
    return None
