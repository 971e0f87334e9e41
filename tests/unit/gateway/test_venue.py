"""A venue end to end, in process: place, match, cancel, read, restart, halt."""

from __future__ import annotations

from typing import ClassVar

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
