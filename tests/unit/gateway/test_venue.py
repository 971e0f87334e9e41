"""A venue end to end, in process: place, match, cancel, follow the streams, restart, halt."""

from __future__ import annotations

import random
from typing import Any, ClassVar

import pytest

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain import commands
from tests.unit.gateway.fakes import ManualCommitter
from tests.unit.gateway.rig import (
    ETH_PERPETUAL,
    OPTION,
    PERPETUAL,
    PUT,
    CallFailed,
    Client,
    Rig,
    btc_marks,
)


@pytest.fixture
def rig() -> Rig:
    return Rig().open()


def test_it_is_cancel_only_until_the_feeds_are_fresh() -> None:
    class Oracle:
        fresh = False

        def chain(self, underlying: int) -> None:
            return None

        def is_fresh(self) -> bool:
            return self.fresh

    oracle = Oracle()
    rig = Rig(oracle=oracle)
    rig.venue.start()
    client = rig.client()
    rig.tick(0.5)
    with pytest.raises(CallFailed) as refused:
        client.buy()
    assert refused.value.code == 11051
    assert client.call("public/status")["locked"] == "partial"
    oracle.fresh = True
    rig.tick(0.2)
    assert client.call("public/status")["locked"] == "false"
    assert client.buy()["order"]["order_state"] == "open"
    oracle.fresh = False
    rig.tick(0.2)
    assert client.call("public/status")["locked"] == "partial"
    assert client.call("private/cancel_all") == 1


def test_an_order_rests_and_is_matched(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    placed = maker.sell(amount=2, price=5000, label="mine")
    assert placed["trades"] == []
    assert placed["order"]["label"] == "mine"
    assert placed["order"]["order_state"] == "open"
    taken = taker.buy(amount=0.5, price=5100)
    assert taken["order"]["order_state"] == "filled"
    assert taken["order"]["average_price"] == 5000
    (trade,) = taken["trades"]
    assert (trade["price"], trade["amount"], trade["liquidity"]) == (5000, 0.5, "T")
    assert trade["fee"] == 15.0  # 0.03 % of 100,000 · 0.5
    assert trade["finality"] == "soft"
    assert taken["order"]["commission"] == 15.0
    state = maker.call("private/get_order_state", order_id=placed["order"]["order_id"])
    assert state["filled_amount"] == 0.5
    assert maker.call("private/get_positions")[0]["size"] == -0.5
    assert taker.call("private/get_position", instrument_name=OPTION)["size"] == 0.5


def test_replies_carry_the_sequence_number(rig: Rig) -> None:
    client = rig.client()
    request_id = client.send("private/buy", instrument_name=OPTION, amount=1, price=4000)
    rig.loop.run()
    client.drain()
    assert client.replies[request_id]["seq"] == rig.engine.next_seq - 1


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"price": 5001}, 10043),
        ({"price": -5}, 10023),
        ({"price": "NaN"}, 10023),
        ({"price": "sNaN"}, 10023),
        ({"price": True}, -32602),
        ({"price": None}, -32602),
        ({"price": "1_000"}, -32602),
        ({"amount": "-Infinity"}, 10021),
        ({"amount": [1]}, -32602),
        ({"post_only": 1}, -32602),
        ({"label": 7, "price": 5001}, 10043),
        ({"price": "x"}, -32602),
        ({"amount": 0}, 10021),
        ({"amount": -1}, 10021),
        ({"amount": 0.001}, 10021),
        ({"instrument_name": "BTC_USDC-1JAN01-1-C"}, 10020),
        ({"price": 20000}, 10007),
        ({"amount": 500}, 10009),
        ({"type": "stop_limit"}, 10033),
        ({"time_in_force": "forever"}, -32602),
        ({"post_only": True, "time_in_force": "fill_or_kill"}, 11055),
        ({"reduce_only": True}, 11030),
        ({"valid_until": 1}, 13888),
        ({"label": "x" * 65}, -32602),
        ({"display_amount": 2}, 10036),
    ],
)
def test_bad_orders_get_their_codes(rig: Rig, params: dict[str, Any], code: int) -> None:
    client = rig.client(usdc=100_000)
    with pytest.raises(CallFailed) as refused:
        client.call("private/buy", **{"instrument_name": OPTION, "amount": 1, "price": 5000, **params})
    assert refused.value.code == code
    assert client.call("private/get_open_orders") == []


def test_the_limit_that_was_passed_is_told(rig: Rig) -> None:
    with pytest.raises(CallFailed) as refused:
        rig.client().buy(price=20000)
    assert refused.value.data["limit"] == 15000


def test_order_types_and_times_in_force(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    maker.sell(amount=1, price=5000)
    assert (
        taker.buy(amount=2, price=5000, time_in_force="fill_or_kill")["order"]["order_state"] == "cancelled"
    )
    taken = taker.buy(amount=0.2, price=5000, time_in_force="immediate_or_cancel")
    assert taken["order"]["order_state"] == "filled"
    market = taker.buy(amount=0.3, price=None, type="market")
    assert market["order"]["price"] == "market_price"
    assert market["order"]["order_state"] == "filled"
    rest = taker.buy(amount=1, price=None, type="market_limit")
    assert rest["order"]["original_order_type"] == "market_limit"
    assert rest["order"]["filled_amount"] == 0.5
    assert rest["order"]["price"] == 5000
    post = maker.sell(amount=1, price=4990, post_only=True)
    assert post["order"]["price"] == 5005
    with pytest.raises(CallFailed) as refused:
        maker.sell(amount=1, price=4990, post_only=True, reject_post_only=True)
    assert refused.value.code == 11054
    day = maker.sell(amount=1, price=6000, time_in_force="good_til_day", display_amount=0.1)
    assert day["order"]["time_in_force"] == "good_til_day"
    assert day["order"]["display_amount"] == 0.1


def test_an_order_is_edited_in_place_and_moved(rig: Rig) -> None:
    client, other = rig.client(), rig.client()
    order_id = client.buy(amount=2, price=4000)["order"]["order_id"]
    smaller = client.call("private/edit", order_id=order_id, amount=1, price=4000)["order"]
    assert (smaller["order_id"], smaller["amount"], smaller["replaced"]) == (order_id, 1, True)
    other.sell(amount=0.4, price=4500)
    moved = client.call("private/edit", order_id=order_id, price=4600, amount=1)
    assert moved["trades"][0]["price"] == 4500
    assert moved["order"]["filled_amount"] == 0.4
    with pytest.raises(CallFailed) as refused:
        other.call("private/edit", order_id=order_id, amount=3)
    assert refused.value.code == 10029
    with pytest.raises(CallFailed) as refused:
        client.call("private/edit", order_id="99999", amount=3)
    assert refused.value.code == 10004
    with pytest.raises(CallFailed) as refused:
        client.call("private/edit", order_id=order_id)
    assert refused.value.code == -32602


def test_cancels_by_id_instrument_currency_label_and_all(rig: Rig) -> None:
    client, other = rig.client(), rig.client()
    first = client.buy(amount=1, price=4000, label="a")["order"]["order_id"]
    gone = client.call("private/cancel", order_id=first)
    assert (gone["order_id"], gone["order_state"], gone["cancel_reason"]) == (
        first,
        "cancelled",
        "user_request",
    )
    for code, order_id in ((11044, first), (10004, "123456"), (10025, "x")):
        with pytest.raises(CallFailed) as refused:
            client.call("private/cancel", order_id=order_id)
        assert refused.value.code == code
    client.buy(amount=1, price=4000, label="a")
    client.buy(PERPETUAL, amount=1, price=99_000, label="b")
    client.buy(ETH_PERPETUAL, amount=1, price=3_990, label="b")
    other.buy(amount=1, price=4000, label="a")
    assert client.call("private/cancel_by_label", label="never used") == 0
    assert client.call("private/cancel_by_label", label="b", currency="BTC") == 1
    assert client.call("private/cancel_all_by_instrument", instrument_name=ETH_PERPETUAL) == 1
    assert client.call("private/cancel_all_by_currency", currency="SOL") == 0
    assert client.call("private/cancel_all_by_currency", currency="BTC", kind="future") == 0
    assert client.call("private/cancel_all_by_currency", currency="USDC", kind="option") == 1
    client.buy(amount=1, price=4000)
    detailed = client.call("private/cancel_all", detailed=True)
    assert [order["order_state"] for order in detailed] == ["cancelled"]
    assert other.call("private/get_open_orders")[0]["label"] == "a"


def test_a_mass_quote_places_refuses_side_by_side_and_replaces(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    quotes = [
        {
            "instrument_name": OPTION,
            "quote_set_id": "s",
            "bid": {"price": 4900, "amount": 1},
            "ask": {"price": 5100, "amount": 1},
        },
        {
            "instrument_name": PUT,
            "bid": {"price": 4901, "amount": 1},
            "ask": {"price": 5100, "amount": 1, "post_only": True},
        },
        {"instrument_name": "nothing", "bid": {"price": 1, "amount": 1}},
        {
            "instrument_name": PERPETUAL,
            "bid": {"price": 100_000, "amount": 1},
            "ask": {"price": 90_000, "amount": 1},
        },
    ]
    made = maker.call("private/mass_quote", quote_id="q1", mmp_group="g", quotes=quotes)
    assert [(o["instrument_name"], o["direction"], o["quote"]) for o in made["orders"]] == [
        (OPTION, "buy", True),
        (OPTION, "sell", True),
        (PUT, "sell", True),
    ]
    assert made["orders"][0]["quote_id"] == "q1"
    assert made["orders"][0]["quote_set_id"] == "s"
    assert [(e["instrument_name"], e["side"], e["code"]) for e in made["errors"]] == [
        (PUT, "bid", 10043),
        ("nothing", "bid", 10020),
        (PERPETUAL, "bid", 13910),
        (PERPETUAL, "ask", 13910),
    ]
    assert made["errors_count"] == 4
    taker.sell(amount=0.4, price=4900)
    again = maker.call("private/mass_quote", quote_id="q2", quotes=quotes[:1], detailed=False)
    assert again["orders"] == []
    assert len(maker.call("private/get_open_orders", kind="option")) == 3
    assert maker.call("private/cancel_quotes", cancel_type="instrument", instrument_name=OPTION) == 2
    assert maker.call("private/cancel_quotes", cancel_type="currency", currency="BTC") == 1


def test_quotes_that_trade_report_their_fills(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    taker.sell(amount=0.4, price=4900)
    quote = {
        "instrument_name": OPTION,
        "bid": {"price": 4950, "amount": 1},
        "ask": {"price": 5100, "amount": 1},
    }
    made = maker.call("private/mass_quote", quote_id="q", quotes=[quote])
    assert [(t["price"], t["amount"], t["quote_id"]) for t in made["trades"]] == [(4900, 0.4, "q")]


class BookFollower:
    """Rebuilds a book from its channel and checks that the ids chain."""

    def __init__(self, client: Client, channel: str) -> None:
        self.client = client
        self.channel = channel
        self.sides: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
        self.change_id = -1
        self.frames = 0

    def follow(self) -> None:
        for data in self.client.taken(self.channel):
            self.frames += 1
            if data["type"] == "snapshot":
                self.sides = {"bids": {}, "asks": {}}
            else:
                assert data["prev_change_id"] == self.change_id
                assert data["change_id"] > self.change_id
            self.change_id = data["change_id"]
            for name, side in self.sides.items():
                for action, price, amount in data[name]:
                    assert (action == "new") == (price not in side)
                    if action == "delete":
                        assert amount == 0
                        del side[price]
                    else:
                        assert amount > 0
                        side[price] = amount

    def book(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        return (
            sorted(self.sides["bids"].items(), reverse=True),
            sorted(self.sides["asks"].items()),
        )


def engine_book(rig: Rig, instrument: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    view = rig.venue.registry.instruments[instrument]
    bids, asks = queries.book_levels(rig.engine, instrument, 10_000)
    return (
        [(view.price(p), view.amount(n)) for p, n in bids],
        [(view.price(p), view.amount(n)) for p, n in asks],
    )


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


def test_public_reads(rig: Rig) -> None:
    client, other = rig.client(), rig.client()
    assert [c["currency"] for c in client.call("public/get_currencies")] == ["USDC", "BTC", "ETH"]
    assert len(client.call("public/get_instruments")) == 4
    assert len(client.call("public/get_instruments", currency="USDC")) == 4
    assert [i["instrument_name"] for i in client.call("public/get_instruments", currency="ETH")] == [
        ETH_PERPETUAL
    ]
    assert [
        i["instrument_name"] for i in client.call("public/get_instruments", currency="any", kind="option")
    ] == [OPTION, PUT]
    assert client.call("public/get_instruments", kind="spot") == []
    assert client.call("public/get_instruments", currency="SOL") == []
    assert client.call("public/get_instrument", instrument_name=OPTION)["strike"] == 100_000
    assert client.call("public/get_index_price", index_name="btc_usdc")["index_price"] is None
    rig.venue.submit(btc_marks(2))
    rig.loop.run()
    assert client.call("public/get_index_price", index_name="btc_usd")["index_price"] == 100_000
    client.buy(amount=1, price=4000)
    client.buy(amount=2, price=4005)
    book = client.call("public/get_order_book", instrument_name=OPTION, depth="1")
    assert book["bids"] == [[4005, 2]]
    assert (book["min_price"], book["max_price"], book["mark_price"]) == (5, 15000, 5000)
    other.sell(amount=1, price=4005)
    other.sell(amount=1, price=4005)
    other.sell(amount=1, price=4000)
    summary = client.call("public/get_book_summary_by_currency", currency="BTC", kind="option")
    assert [s["instrument_name"] for s in summary] == [OPTION, PUT]
    assert (summary[0]["last"], summary[0]["volume"], summary[0]["open_interest"]) == (4000, 3, 3)
    assert len(client.call("public/get_book_summary_by_instrument", instrument_name=PUT)) == 1
    trades = client.call("public/get_last_trades_by_instrument", instrument_name=OPTION, count=2)
    assert ([t["trade_seq"] for t in trades["trades"]], trades["has_more"]) == ([3, 2], True)
    assert [t["tick_direction"] for t in trades["trades"]] == [2, 1]
    trades = client.call("public/get_last_trades_by_instrument", instrument_name=OPTION, start_seq=2, count=9)
    assert ([t["trade_seq"] for t in trades["trades"]], trades["has_more"]) == ([2, 3], False)
    with pytest.raises(CallFailed) as refused:
        client.call("public/nothing")
    assert refused.value.code == -32601


def test_private_reads(rig: Rig) -> None:
    client, other = rig.client(), rig.client()
    other.sell(amount=3, price=5000)
    for _ in range(3):
        client.buy(amount=1, price=5000)
    client.buy(PERPETUAL, amount=0.5, price=99_000)
    found = client.call("private/get_user_trades_by_currency", currency="BTC", count=2)
    assert ([t["amount"] for t in found["trades"]], found["has_more"]) == ([1, 1], True)
    found = client.call("private/get_user_trades_by_instrument", instrument_name=OPTION, sorting="asc")
    assert [t["trade_seq"] for t in found["trades"]] == [1, 2, 3]
    assert client.call("private/get_user_trades_by_currency", currency="ETH")["trades"] == []
    assert len(client.call("private/get_open_orders_by_currency", currency="BTC")) == 1
    assert client.call("private/get_open_orders_by_currency", currency="BTC", kind="option") == []
    assert len(client.call("private/get_open_orders_by_instrument", instrument_name=PERPETUAL)) == 1
    (position,) = client.call("private/get_positions", currency="BTC")
    assert (position["size"], position["average_price"], position["direction"]) == (3, 5000, "buy")
    summary = client.call("private/get_account_summary", currency="USDC", extended=True)
    assert summary["balance"] == 10_000_000 - 3 * 5030
    assert summary["equity"] == summary["balance"] + 15_000
    assert summary["fees"]
    assert client.call("private/get_account_summary", currency="BTC")["equity"] == 0
    assert client.call("private/get_account_summaries")["summaries"][0]["currency"] == "USDC"


def test_self_trade_prevention_is_the_accounts_choice(rig: Rig) -> None:
    client = rig.client()
    resting = client.sell(amount=1, price=5000)["order"]["order_id"]
    stopped = client.buy(amount=1, price=5000)["order"]
    assert (stopped["order_state"], stopped["end_reason"]) == ("cancelled", "self_trade")
    assert client.call("private/set_self_trading_config", mode="cancel_maker") == "ok"
    assert client.buy(amount=1, price=5000)["order"]["order_state"] == "open"
    assert client.call("private/get_order_state", order_id=resting)["order_state"] == "cancelled"
    summary = client.call("private/get_account_summary", currency="USDC", extended=True)
    assert summary["self_trading_reject_mode"] == "cancel_maker"


def test_a_read_follows_the_writes_sent_before_it(rig: Rig) -> None:
    client = rig.client()
    client.send("private/buy", instrument_name=OPTION, amount=1, price=4000)
    assert len(client.call("private/get_open_orders")) == 1


def test_average_price_and_realised_profit_follow_the_open_lots(rig: Rig) -> None:
    client, other = rig.client(), rig.client()
    for price in (5000, 5200):
        other.sell(amount=1, price=price)
        client.buy(amount=1, price=price)
    other.buy(amount=1, price=5300)
    client.sell(amount=1, price=5300)
    (position,) = client.call("private/get_positions")
    assert (position["average_price"], position["realized_profit_loss"]) == (5100, 200)
    assert position["floating_profit_loss"] == -100
    other.buy(amount=3, price=5300)
    client.sell(amount=3, price=5300)
    (position,) = client.call("private/get_positions")
    assert (position["size"], position["average_price"], position["realized_profit_loss"]) == (-2, 5300, 400)


def test_a_restart_shows_the_same_books_positions_and_history(rig: Rig) -> None:
    client, other = rig.client(), rig.client()
    client.buy(amount=1, price=4000, label="kept")
    other.sell(amount=0.5, price=4000)
    rig.venue.stop()
    packed = [frame[3] for frame in rig.journal.event_frames]
    section = rig.venue.labels.section()
    again = Rig(Engine.restore(rig.engine.state_bytes()))
    again.venue.labels.restore(section)
    again.venue.remember(packed)
    again.open()
    client = again.connect(client.account)
    (order,) = client.call("private/get_open_orders")
    assert (order["label"], order["filled_amount"]) == ("kept", 0.5)
    assert client.call("public/get_order_book", instrument_name=OPTION)["bids"] == [[4000, 0.5]]
    assert client.call("private/get_positions")[0]["size"] == 0.5
    ticker = client.call("public/ticker", instrument_name=OPTION)
    assert (ticker["open_interest"], ticker["last_price"], ticker["stats"]["volume"]) == (0.5, 4000, 0.5)
    assert len(client.call("private/get_user_trades_by_currency", currency="USDC")["trades"]) == 1
    follower = BookFollower(client, f"book.{OPTION}.raw")
    client.call("private/subscribe", channels=[follower.channel])
    client.buy(amount=1, price=4100)
    follower.follow()
    assert follower.book() == engine_book(again, 0)


def test_nothing_leaves_before_it_is_durable() -> None:
    committer = ManualCommitter()
    rig = Rig(committer=committer)
    watcher = rig.connect()
    watcher.call("public/subscribe", channels=["trades.any.any.100ms", f"quote.{OPTION}"])
    rig.venue.start()
    rig.loop.run()
    assert len(committer.waiting) == 1
    rig.venue.submit(commands.create_account(64))
    rig.venue.submit(commands.deposit(64, 10_000_000_000, 1))
    client = rig.connect(64)
    request_id = client.send("private/buy", instrument_name=PERPETUAL, amount=0.01, price=99_000)
    read_id = client.send("private/get_open_orders")
    rig.loop.run()
    client.drain()
    assert client.replies == {}
    committer.finish()
    client.drain()
    assert client.replies == {}  # the first sync covered the mode only
    committer.finish()
    with pytest.raises(CallFailed):
        client.reply(request_id)  # the venue is cancel-only still
    assert client.reply(read_id) == []


def test_a_halt_answers_with_an_error_and_reads_go_on(rig: Rig) -> None:
    client = rig.client()
    client.buy(amount=1, price=4000)
    rig.journal.sync_error = OSError(28, "no space left")
    for _ in range(2):
        with pytest.raises(CallFailed) as refused:
            client.buy(amount=1, price=4000)
        assert refused.value.code == 13028
    assert client.call("public/status")["locked"] == "true"
    assert client.call("public/get_order_book", instrument_name=OPTION)["bids"] == [[4000, 1]]
    assert client.call("private/get_account_summary", currency="USDC")["balance"] == 10_000_000


def test_accounts_are_dense_and_ask_the_faucet(rig: Rig) -> None:
    class Faucet:
        asked: ClassVar[list[tuple[bytes, int, int]]] = []

        def faucet(self, owner: bytes, account: int, amount_micro: int) -> None:
            self.asked.append((owner, account, amount_micro))

    made: list[int] = []
    for _ in range(3):
        rig.venue.create_account(b"\x01" * 20, made.append)
    rig.loop.run()
    assert made == [64, 65, 66]
    assert rig.venue.account_exists(66)
    assert not rig.venue.account_exists(67)
    assert rig.venue.owner_of(65) == b"\x01" * 20
    rig.venue.faucet(65)  # there is none
    rig.venue.deposits = Faucet()
    rig.venue.faucet(65)
    assert Faucet.asked == [(b"\x01" * 20, 65, rig.venue.faucet_micro)]


def test_account_ids_are_taken_up_again_after_a_refusal(rig: Rig) -> None:
    made: list[int] = []
    rig.venue.submit(commands.create_account(64))  # somebody else's, unseen
    rig.venue.create_account(bytes(20), made.append)
    rig.venue.create_account(bytes(20), made.append)
    rig.loop.run()
    rig.venue.create_account(bytes(20), made.append)
    rig.loop.run()
    assert made in ([0, 65, 66], [0, 0, 65])
    assert rig.engine.account_count - 1 == made[-1]


def test_everything_submitted_is_journaled_with_its_events(rig: Rig) -> None:
    client = rig.client()
    client.buy(amount=1, price=4000, label="x")
    rig.venue.stop()
    packed = b"".join(chunk for group in rig.journal.groups for _, chunk, _ in group)
    assert rig.journal.durable == len(rig.journal.groups)
    replayed = Engine()
    from tests.unit.gateway.rig import listings

    replayed.apply(b"".join(listings()))
    got = replayed.apply(packed)
    assert got == b"".join(frame[3] for frame in rig.journal.event_frames)
    assert replayed.state_hash() == rig.engine.state_hash()
