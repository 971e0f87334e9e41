"""Channel names: what they mean, what is tolerated, what is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.wire.channels import Channel, parse_channel

NAME = "BTC_USDC-27DEC26-100000-C"


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (f"book.{NAME}.raw", {"family": "book", "instrument": NAME, "interval": "raw"}),
        (f"book.{NAME}.100ms", {"family": "book", "interval": "100ms"}),
        (f"book.{NAME}.agg2", {"family": "book", "interval": "agg2"}),
        (f"book.{NAME}.none.20.100ms", {"family": "grouped_book", "group": "none", "depth": 20}),
        ("ticker.XRP_USDC-27DEC26-0d52-C.raw", {"family": "ticker", "instrument": "XRP_USDC-27DEC26-0d52-C"}),
        ("ticker.BTC_USDC-PERPETUAL.100ms", {"family": "ticker", "instrument": "BTC_USDC-PERPETUAL"}),
        (f"quote.{NAME}", {"family": "quote", "instrument": NAME}),
        (f"incremental_ticker.{NAME}", {"family": "incremental_ticker"}),
        (f"trades.{NAME}.raw", {"family": "trades", "instrument": NAME, "kind": ""}),
        ("trades.option.USDC.100ms", {"family": "trades", "kind": "option", "currency": "USDC"}),
        ("trades.future_combo.any.raw", {"family": "trades", "kind": "future_combo", "currency": "any"}),
        (
            "user.orders.any.any.raw",
            {"family": "user_orders", "private": True, "kind": "any", "currency": "any"},
        ),
        (f"user.orders.{NAME}.raw", {"family": "user_orders", "private": True, "instrument": NAME}),
        ("user.trades.option.btc.100ms", {"family": "user_trades", "private": True, "currency": "BTC"}),
        (f"user.changes.{NAME}.raw", {"family": "user_changes", "private": True}),
        ("user.portfolio.btc", {"family": "user_portfolio", "private": True, "currency": "BTC"}),
        ("user.portfolio.any", {"family": "user_portfolio", "currency": "any"}),
        ("deribit_price_index.btc_usdc", {"family": "price_index", "index_name": "btc_usdc"}),
        ("platform_state", {"family": "platform_state", "private": False}),
        ("estimated_expiration_price.eth_usdc", {"family": "estimated_price", "index_name": "eth_usdc"}),
        (
            "perpetual.BTC_USDC-PERPETUAL.100ms",
            {"family": "perpetual", "instrument": "BTC_USDC-PERPETUAL", "interval": "100ms"},
        ),
        ("instrument.state.option.usdc", {"family": "instrument_state", "currency": "USDC"}),
        ("instrument.creation.any.any", {"family": "instrument_creation", "kind": "any"}),
        ("user.lock", {"family": "user_lock", "private": True}),
        ("strikebook.venue", {"family": "venue", "private": False}),
    ],
)
def test_a_channel_is_read(name: str, fields: dict[str, object]) -> None:
    channel = parse_channel(name)
    assert channel is not None
    assert channel.name == name
    assert {key: getattr(channel, key) for key in fields} == fields


@pytest.mark.parametrize("currency", ["SOL", "DOGE", "EURR"])
def test_currencies_nobody_lists_are_no_error(currency: str) -> None:
    assert parse_channel(f"user.portfolio.{currency}") is not None
    assert parse_channel(f"trades.option.{currency}.100ms") is not None


def test_protection_groups_are_told_by_index() -> None:
    for index in ("btc_usdc", "btc_usd", "all"):
        channel = parse_channel(f"user.mmp_trigger.{index}")
        assert channel is not None
        assert (channel.family, channel.private, channel.index_name) == ("user_mmp_trigger", True, index)
    assert parse_channel("user.mmp_trigger") is None


def test_charts_have_a_resolution() -> None:
    channel = parse_channel(f"chart.trades.{NAME}.1D")
    assert channel is not None
    assert (channel.family, channel.instrument, channel.group) == ("chart", NAME, "1D")
    assert parse_channel(f"chart.trades.{NAME}.2") is None
    assert parse_channel(f"chart.{NAME}.1") is None
    channel = parse_channel("deribit_volatility_index.btc_usd")
    assert channel is not None
    assert (channel.family, channel.index_name) == ("volatility_index", "btc_usd")
    assert parse_channel("deribit_volatility_index") is None


@pytest.mark.parametrize(
    ("name", "family", "currency"),
    [
        ("block_rfq.trades.any", "block_rfq_trades", "any"),
        ("block_rfq.maker.btc", "block_rfq_maker", "BTC"),
        ("block_rfq.maker.quotes.BTC", "block_rfq_quotes", "BTC"),
        ("block_rfq.taker.USDC", "block_rfq_taker", "USDC"),
        ("block_trade_confirmations", "block_confirmations", "any"),
        ("block_trade_confirmations.BTC", "block_confirmations", "BTC"),
    ],
)
def test_feeds_of_blocks(name: str, family: str, currency: str) -> None:
    channel = parse_channel(name)
    assert channel is not None
    assert (channel.family, channel.currency) == (family, currency)
    assert channel.private is (family != "block_rfq_trades")


@pytest.mark.parametrize("name", ["block_rfq", "block_rfq.trades", "block_rfq.any.BTC", "block_rfq.maker."])
def test_names_that_are_no_feeds_of_blocks(name: str) -> None:
    assert parse_channel(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "book",
        "book.",
        f"book.{NAME}",
        f"book.{NAME}.1s",
        f"book.{NAME}.none.20",
        f"book.{NAME}.none.21.100ms",
        f"book.{NAME}.3.20.100ms",
        "book.BTC.raw",
        f"ticker.{NAME}",
        f"ticker.{NAME}.raw.x",
        f"quote.{NAME}.raw",
        "trades.option.100ms",
        "trades.shares.USDC.raw",
        "trades.option.US DC.raw",
        "user",
        "user.",
        "user.orders",
        "user.orders.any.any",
        "user.portfolio",
        "user.secrets.x",
        "deribit_price_index.BTC",
        "deribit_price_index",
        "chart.trades.x.7",
        "nothing.at.all",
        "ticker." + "X" * 200 + "-1.raw",
        f"ticker.{NAME}\n.raw",
        "тicker.x",
    ],
)
def test_what_is_no_channel_is_left_out(name: str) -> None:
    assert parse_channel(name) is None


def test_raw_public_feeds_need_authorization() -> None:
    def needs(name: str) -> bool:
        channel = parse_channel(name)
        assert channel is not None
        return channel.needs_authorization

    assert needs(f"book.{NAME}.raw")
    assert not needs(f"book.{NAME}.100ms")
    assert not needs("user.orders.any.any.raw")


@given(
    st.text(max_size=140) | st.from_regex(r"(book|ticker|trades|user|quote|chart)(\.[a-zA-Z0-9_\-]*){0,5}")
)
def test_any_name_is_read_or_left_out(name: str) -> None:
    channel = parse_channel(name)
    assert channel is None or isinstance(channel, Channel)
