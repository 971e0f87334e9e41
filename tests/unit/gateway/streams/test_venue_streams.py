"""What a venue streams: books that chain without gaps, private and market channels."""

from __future__ import annotations

import random
from typing import Any

import pytest

from exchange.core import queries
from tests.unit.gateway.following import BookFollower, engine_book
from tests.unit.gateway.rig import (
    OPTION,
    CallFailed,
    Client,
    Rig,
    btc_marks,
)


@pytest.fixture
def rig() -> Rig:
    return Rig().open()


def random_order(rng: random.Random, client: Client) -> None:
    if rng.random() < 0.3:
        open_orders = queries.open_orders(client.rig.engine, client.account or 0)
        if open_orders:
            at = rng.randrange(len(open_orders) // 128) * 128
            order_id = int.from_bytes(open_orders[at + 24 : at + 32], "little")
            if rng.random() < 0.5:
                client.send("private/cancel", order_id=str(order_id))
            else:
                price = 4500 + 5 * rng.randrange(200)
                client.send("private/edit", order_id=str(order_id), amount=rng.randrange(1, 9), price=price)
            return
    extra: dict[str, Any] = {"post_only": True} if rng.random() < 0.2 else {}
    if rng.random() < 0.1:
        extra["display_amount"] = 1
    client.send(
        rng.choice(("private/buy", "private/sell")),
        instrument_name=OPTION,
        amount=rng.randrange(1, 9),
        price=4500 + 5 * rng.randrange(200),
        **extra,
    )


@pytest.mark.parametrize("seed", range(4))
def test_book_channels_chain_without_gaps_and_rebuild_the_engines_book(seed: int) -> None:
    rng = random.Random(seed)
    rig = Rig().open()
    traders = [rig.client(1_000_000_000) for _ in range(3)]
    followers: list[BookFollower] = []
    for step in range(400):
        if step % 60 == 0:  # newcomers while the book moves
            watcher = rig.connect(traders[0].account)
            for interval in ("raw", "100ms", "agg2"):
                channel = f"book.{OPTION}.{interval}"
                watcher.send("private/subscribe", channels=[channel])
                followers.append(BookFollower(watcher, channel))
        random_order(rng, rng.choice(traders))
        if rng.random() < 0.5:
            rig.loop.turn()
        if rng.random() < 0.1:
            rig.tick(0.1)
        for follower in followers:
            follower.follow()
    rig.tick(1.1)
    truth = engine_book(rig, 0)
    assert len(truth[0]) > 5
    assert len(truth[1]) > 5
    for follower in followers:
        follower.follow()
        assert follower.book() == truth
    raw, slow = followers[0], followers[1]
    assert raw.frames > slow.frames > 1
    view_book = rig.venue.views.markets[0].book
    view = rig.venue.registry.instruments[0]
    assert ([(view.price(p), view.amount(n)) for p, n in view_book.bids()]) == truth[0]
    assert [view.price(p) for p, _ in view_book.asks(3)] == [p for p, _ in truth[1][:3]]
    longs = sum(max(0, h.size_lots) for a in traders for h in queries.positions(rig.engine, a.account or 0))
    assert rig.venue.views.markets[0].open_interest_lots == longs


def test_private_streams_tell_orders_and_fills(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    channels = [
        "user.orders.any.any.raw",
        f"user.orders.{OPTION}.100ms",
        "user.trades.any.any.raw",
        "user.trades.option.BTC.100ms",
        "user.trades.option.ETH.raw",
        "user.portfolio.USDC",
        "user.portfolio.BTC",
    ]
    assert maker.call("private/subscribe", channels=channels) == channels
    assert len(maker.taken("user.portfolio.USDC")) == 1
    order_id = maker.sell(amount=1, price=5000, label="m")["order"]["order_id"]
    taker.buy(amount=0.25, price=5000)
    taker.buy(amount=0.75, price=5000)
    states = [
        (order["order_id"], order["order_state"], order["filled_amount"])
        for order in maker.taken("user.orders.any.any.raw")
    ]
    assert states == [(order_id, "open", 0), (order_id, "open", 0.25), (order_id, "filled", 1)]
    assert [[t["amount"] for t in batch] for batch in maker.taken("user.trades.any.any.raw")] == [
        [0.25],
        [0.75],
    ]
    assert maker.taken("user.trades.option.BTC.100ms") == []
    rig.tick(0.1)
    ((one, two),) = maker.taken("user.trades.option.BTC.100ms")
    assert (one["liquidity"], one["label"], two["state"]) == ("M", "m", "filled")
    ((last,),) = maker.taken(f"user.orders.{OPTION}.100ms")
    assert last["order_state"] == "filled"
    assert maker.taken("user.trades.option.ETH.raw") == []
    (portfolio,) = maker.taken("user.portfolio.USDC")
    assert portfolio["balance"] == 10_000_000 + 5000 - 30
    assert maker.taken("user.portfolio.BTC") == []
    assert maker.call("private/unsubscribe_all") == "ok"
    assert rig.venue.private.watched == {}


def test_market_streams(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    watcher = rig.connect()
    channels = [
        f"trades.{OPTION}.100ms",
        "trades.option.BTC.100ms",
        f"quote.{OPTION}",
        f"ticker.{OPTION}.100ms",
        "deribit_price_index.btc_usdc",
        "deribit_price_index.btc_usd",
        f"book.{OPTION}.none.10.100ms",
        "announcements",
    ]
    assert (
        watcher.call("public/subscribe", channels=[*channels, "nonsense", "user.orders.any.any.raw"])
        == channels
    )
    assert watcher.taken(f"quote.{OPTION}")[0]["best_bid_price"] is None
    maker.sell(amount=1, price=5000)
    assert watcher.taken(f"quote.{OPTION}")[-1]["best_ask_price"] == 5000
    maker.sell(amount=1, price=5100)
    assert watcher.taken(f"quote.{OPTION}") == []
    taker.buy(amount=0.5, price=5000)
    rig.tick()
    ((trade,),) = watcher.taken(f"trades.{OPTION}.100ms")
    assert (trade["price"], trade["direction"], trade["trade_seq"]) == (5000, "buy", 1)
    assert watcher.taken("trades.option.BTC.100ms") == [[trade]]
    ticker = watcher.taken(f"ticker.{OPTION}.100ms")[-1]
    assert (ticker["last_price"], ticker["open_interest"], ticker["best_ask_amount"]) == (5000, 0.5, 0.5)
    assert ticker["stats"]["volume"] == 0.5
    assert watcher.taken(f"book.{OPTION}.none.10.100ms")[-1]["asks"] == [[5000, 0.5], [5100, 1]]
    watcher.taken("deribit_price_index.btc_usdc")
    watcher.taken("deribit_price_index.btc_usd")
    rig.venue.submit(btc_marks(2, 101_000_000_000))
    rig.loop.run()
    assert watcher.taken("deribit_price_index.btc_usdc")[0]["price"] == 101_000
    assert watcher.taken("deribit_price_index.btc_usd")[0]["index_name"] == "btc_usd"
    rig.tick()
    assert watcher.taken(f"ticker.{OPTION}.100ms")[0]["index_price"] == 101_000


def test_raw_market_data_asks_for_authentication(rig: Rig) -> None:
    with pytest.raises(CallFailed) as refused:
        rig.connect().call("public/subscribe", channels=[f"book.{OPTION}.raw"])
    assert refused.value.code == 13778
