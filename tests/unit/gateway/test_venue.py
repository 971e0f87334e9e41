"""A venue end to end, in process: place, match, cancel, read, restart, halt."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands
from tests.unit.gateway.fakes import ManualCommitter
from tests.unit.gateway.following import BookFollower, engine_book
from tests.unit.gateway.rig import (
    ETH_PERPETUAL,
    OPTION,
    PERPETUAL,
    PUT,
    CallFailed,
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
        ({"type": "stop_limit"}, -32602),
        ({"time_in_force": "forever"}, -32602),
        ({"post_only": True, "time_in_force": "fill_or_kill"}, 11055),
        ({"reduce_only": True}, 11030),
        ({"valid_until": 1}, 13888),
        ({"label": "x" * 65}, -32602),
        ({"display_amount": 2}, 10036),
        ({"amount": 10.01, "price": 100, "display_amount": 0.1}, 10036),
    ],
)
def test_bad_orders_get_their_codes(rig: Rig, params: dict[str, Any], code: int) -> None:
    client = rig.client(usdc=100_000)
    with pytest.raises(CallFailed) as refused:
        client.call("private/buy", **{"instrument_name": OPTION, "amount": 1, "price": 5000, **params})
    assert refused.value.code == code
    assert client.call("private/get_open_orders") == []


def test_a_hundredth_of_the_amount_must_be_shown(rig: Rig) -> None:
    client = rig.client(usdc=100_000)
    order = client.buy(amount=10, price=100, display_amount=0.1)["order"]
    assert order["display_amount"] == 0.1

    def refused(**params: Any) -> None:
        with pytest.raises(CallFailed) as wrong:
            client.call("private/edit", order_id=order["order_id"], **params)
        assert (wrong.value.code, wrong.value.data["param"]) == (10036, "display_amount")

    refused(amount=10.01, display_amount=0.1)
    refused(amount=20)  # half a hundredth would be shown of it
    edited = client.call("private/edit", order_id=order["order_id"], amount=20, display_amount=0.2)
    assert (edited["order"]["amount"], edited["order"]["display_amount"]) == (20, 0.2)
    refused(display_amount=0.19)
    whole = client.call("private/edit", order_id=order["order_id"], display_amount=0)
    assert "display_amount" not in whole["order"]
    assert client.call("private/edit", order_id=order["order_id"], amount=30)["order"]["amount"] == 30


def test_edits_under_way_together_hide_no_more_than_each_may(rig: Rig) -> None:
    client = rig.client(usdc=1_000_000)
    order_id = client.buy(amount=100, price=100)["order"]["order_id"]
    first = client.send("private/edit", order_id=order_id, amount=1, display_amount=0.1)
    second = client.send("private/edit", order_id=order_id, amount=99)
    third = client.send("private/edit", order_id=order_id, display_amount=1)
    rig.loop.run()
    for number in (first, second, third):
        order = client.reply(number)["order"]
        assert order.get("display_amount", order["amount"]) >= 0.01 * order["amount"]


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
