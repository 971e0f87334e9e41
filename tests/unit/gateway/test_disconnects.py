"""Cancel on disconnect: what a connection made goes with it, and nothing else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain import commands
from exchange.gateway import disconnect_log, disconnects, sequencer
from exchange.gateway.disconnect_log import DisconnectLog, Left
from exchange.wire.heartbeat import CLOSE_HEARTBEAT
from exchange.wire.session import Session
from tests.unit.gateway.fakes import ManualCommitter
from tests.unit.gateway.live import Live, Peer, Refused, live
from tests.unit.gateway.loopback import wait_until
from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT, Client, Rig

ENABLE = "private/enable_cancel_on_disconnect"


@pytest.fixture
def rig() -> Rig:
    return Rig().open()


def end(client: Client) -> None:
    """The connection goes, as the server tells it."""
    client.session.closed = True
    client.rig.venue.on_close(client.session)
    client.rig.loop.run()


def open_orders(rig: Rig, client: Client) -> int:
    assert client.account is not None
    return queries.account_figures(rig.engine, client.account).open_orders


def test_orders_go_with_their_connection_alone(rig: Rig) -> None:
    one = rig.client()
    other = rig.connect(one.account)
    stranger = rig.client()
    one.buy(price=4000.0)  # before it was enabled: stays
    assert one.call(ENABLE) == "ok"
    for client in (one, other, stranger):
        client.buy(price=4005.0)
        client.sell(PUT, price=9000.0, label="x")
    end(one)
    assert open_orders(rig, one) == 3
    assert {order["price"] for order in other.call("private/get_open_orders")} == {4000, 4005, 9000}
    assert open_orders(rig, stranger) == 2


def test_an_edited_order_stays_its_makers_and_a_filled_one_is_left(rig: Rig) -> None:
    one, taker = rig.client(), rig.client()
    other = rig.connect(one.account)
    one.call(ENABLE)
    order = one.buy(price=4000.0)["order"]["order_id"]
    other.call("private/edit", order_id=order, amount=2, price=4100.0)
    one.buy(price=5000.0)
    taker.sell(price=5000.0)
    end(one)
    assert open_orders(rig, one) == 0
    assert rig.venue.disconnects._owned == {}


def test_quotes_go_with_who_quoted_last(rig: Rig) -> None:
    one = rig.client()
    other = rig.connect(one.account)

    def quote(client: Client, name: str, price: float) -> None:
        client.call(
            "private/mass_quote", quotes=[{"instrument_name": name, "bid": {"price": price, "amount": 1}}]
        )

    for client in (one, other):
        client.call(ENABLE)
    for name in (OPTION, PUT):
        quote(one, name, 4000.0)
    quote(other, PUT, 4100.0)
    end(one)
    assert [o["instrument_name"] for o in other.call("private/get_open_orders")] == [PUT]
    end(other)
    assert open_orders(rig, one) == 0


def test_switched_off_or_logged_out_orders_stay(rig: Rig) -> None:
    one, two = rig.client(), rig.client()
    for client in (one, two):
        client.call(ENABLE)
        client.buy(price=4000.0)
    one.call("private/disable_cancel_on_disconnect")
    assert one.call("private/get_cancel_on_disconnect") == {"scope": "connection", "enabled": False}
    two.send("private/logout")
    assert two.session.close_code == 1000
    for client in (one, two):
        end(client)
        assert open_orders(rig, client) == 1
    assert rig.venue.disconnects._owned == {}


def test_nothing_under_way_survives() -> None:
    """Orders sent and not yet answered, with all stages of a commit in between."""
    committer = ManualCommitter()
    rig = Rig(committer=committer)
    rig.venue.start()

    def settle() -> None:
        rig.loop.run()
        while committer.waiting:
            committer.finish()
            rig.loop.run()

    settle()
    rig.loop.advance(0.25)
    settle()
    made: list[int] = []
    rig.venue.create_account(bytes(20), made.append)
    settle()
    rig.venue.submit(commands.deposit(made[0], 10**13, 1))
    settle()
    client = rig.connect(made[0])
    client.session.cancel_on_disconnect = True
    order: dict[str, Any] = {"instrument_name": OPTION, "amount": 1, "price": 4000}
    client.send("private/buy", **order)
    settle()
    client.send("private/buy", **order)
    rig.loop.run()  # applied, its sync is under way
    client.send("private/buy", **order)
    rig.loop.run()  # applied behind it
    client.send("private/buy", **order)  # only submitted
    client.session.closed = True
    rig.venue.on_close(client.session)
    settle()
    settle()
    assert queries.account_figures(rig.engine, made[0]).open_orders == 0
    assert rig.venue.disconnects._owned == {}


def test_cancels_wait_for_room_in_the_queue(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    one = rig.client()
    one.call(ENABLE)
    for n in range(5):
        one.buy(price=4000.0 + 5 * n)
    with monkeypatch.context() as patched:
        patched.setattr(sequencer, "MAX_PENDING", 1)
        patched.setattr(sequencer, "CANCEL_ROOM", 1)
        end(one)
    rig.loop.advance(0.2)
    assert open_orders(rig, one) == 0


def test_quotes_may_need_it() -> None:
    rig = Rig(quotes_need_cancel_on_disconnect=True).open()
    client = rig.client()
    quotes = [{"instrument_name": OPTION, "bid": {"price": 4000, "amount": 1}}]
    request = client.send("private/mass_quote", quotes=quotes)
    client.drain()
    assert client.replies[request]["error"]["code"] == 13042
    client.call(ENABLE)
    assert client.call("private/mass_quote", quotes=quotes)["errors_count"] == 0


def test_memory_is_kept_to_what_is_open(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disconnects, "PRUNE_AT", 8)
    one = rig.client()
    one.call(ENABLE)
    for _ in range(50):
        order = one.buy(price=4000.0)["order"]["order_id"]
        one.call("private/cancel", order_id=order)
    (owned,) = rig.venue.disconnects._owned.values()
    assert len(owned.orders) <= 4_096
    owned.prune_at = 1
    one.buy(price=4000.0)
    assert len(owned.orders) == 1


# --- after a crash of the venue --------------------------------------------------------------------


def crashed(folder: Path) -> tuple[Rig, Client, Client]:
    """A venue that ends without a word: one connection with cancel on disconnect, one without."""
    rig = Rig(disconnect_log=DisconnectLog(folder)).open()
    one = rig.client()
    other = rig.connect(one.account)
    one.call(ENABLE)
    one.buy(price=4000.0)
    one.buy(PUT, price=4000.0, label="x")
    other.buy(price=4100.0)
    one.call("private/mass_quote", quotes=[{"instrument_name": PUT, "bid": {"price": 4000, "amount": 1}}])
    return rig, one, other


def restarted(rig: Rig, folder: Path, recent: list[bytes] | None = None) -> Rig:
    again = Rig(Engine.restore(rig.engine.state_bytes()), disconnect_log=DisconnectLog(folder))
    again.clock.ms = rig.clock.ms
    again.venue.start()
    again.venue.disconnects.recover(recent or [])
    again.loop.advance(0.25)
    return again


def test_a_venue_that_crashed_cancels_what_lost_its_connection(tmp_path: Path) -> None:
    rig, one, _ = crashed(tmp_path)
    again = restarted(rig, tmp_path)
    left = again.connect(one.account).call("private/get_open_orders")
    assert [order["price"] for order in left] == [4100]
    # That is done: the next start has nothing to do, and later connections are not mistaken for old ones.
    later = again.connect(one.account)
    later.call(ENABLE)
    order = later.buy(price=4005.0)
    third = restarted(again, tmp_path)
    assert [o["price"] for o in third.connect(one.account).call("private/get_open_orders")] == [4100]
    assert order["order"]["order_state"] == "open"


def test_what_was_under_way_at_the_crash_goes_too(tmp_path: Path) -> None:
    rig, one, _ = crashed(tmp_path)
    assert one.account is not None
    lost = rig.engine.apply(commands.new_order(one.account, 0, 0, price_ticks=800, size_lots=100))
    again = restarted(rig, tmp_path, [lost])
    assert [o["price"] for o in again.connect(one.account).call("private/get_open_orders")] == [4100]


def test_an_orderly_end_leaves_nothing_to_do(tmp_path: Path) -> None:
    rig, one, other = crashed(tmp_path)
    end(one)
    rig.venue.disconnects.close()
    assert DisconnectLog(tmp_path).left.accounts == frozenset()
    assert open_orders(rig, other) == 1


def test_a_torn_or_damaged_log_is_read_to_the_damage(tmp_path: Path) -> None:
    log = DisconnectLog(tmp_path)
    log.opened(3, 64, 10)
    log.order(3, 64, 7)
    log.flush(12)
    log.order(3, 64, 8)
    log.close()
    path = tmp_path / "disconnects.log"
    whole = path.read_bytes()
    assert DisconnectLog(tmp_path).left == Left({64: {7, 8}}, frozenset({64}), 12, 3)
    path.write_bytes(whole[:-3])
    assert DisconnectLog(tmp_path).left == Left({64: {7}}, frozenset({64}), 12, 3)
    path.write_bytes(whole[:45] + b"\xff" + whole[46:])
    assert DisconnectLog(tmp_path).left == Left({64: {7}}, frozenset({64}), 10, 3)


def test_a_long_log_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disconnect_log, "RECORDS_MAX", 50)
    rig = Rig(disconnect_log=DisconnectLog(tmp_path)).open()
    one = rig.client()
    one.call(ENABLE)
    for n in range(60):
        order = one.buy(price=4000.0 + 5 * (n % 2))["order"]["order_id"]
        if n % 10:
            one.call("private/cancel", order_id=order)
    assert (tmp_path / "disconnects.log").stat().st_size < 24 * 180
    assert one.account is not None
    live_orders = set(rig.venue.disconnects._owned[one.session].orders)
    assert set(DisconnectLog(tmp_path).left.orders[one.account]) >= live_orders


# --- over real sockets -----------------------------------------------------------------------------


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Live]:
    async with live() as made:
        yield made


async def orders(venue: Live, account: int) -> int:
    return queries.account_figures(venue.engine, account).open_orders


async def placed(venue: Live, **params: object) -> tuple[Peer, int]:
    key = await venue.account()
    peer = await venue.socket(key)
    await peer.call(ENABLE)
    await peer.call("private/buy", instrument_name=OPTION, amount=1, price=4000)
    return peer, key.account


def session_of(venue: Live) -> Session:
    (session,) = (c._session for c in venue.server.connections if c._session is not None)
    return session


@pytest.mark.parametrize("how", ["close", "abort", "silence", "heartbeat"])
async def test_every_end_of_a_connection_fires(venue: Live, how: str) -> None:
    peer, account = await placed(venue)
    for n in range(20):  # under way when the connection goes
        peer.send("private/buy", instrument_name=PERPETUAL, amount=1, price=90_000 + n)
    if how == "close":
        await peer.close()
    elif how == "abort":
        peer.raw.writer.transport.abort()
    else:
        while await orders(venue, account) < 21:
            await peer.raw.reply()
        if how == "heartbeat":
            await peer.call("public/set_heartbeat", interval=10)
        for _ in range(2):
            venue.clock.advance_ms(600_000)
            venue.server.tick(venue.clock.now_ms())
        code, _ = await peer.raw.close_code()
        assert code == (CLOSE_HEARTBEAT if how == "heartbeat" else 4_001)
    await wait_until(lambda: not venue.venue.disconnects._owned)
    assert await orders(venue, account) == 0


async def test_logout_does_not_fire(venue: Live) -> None:
    peer, account = await placed(venue)
    peer.send("private/logout")
    assert (await peer.raw.close_code())[0] == 1000
    await wait_until(lambda: not venue.venue.disconnects._owned)
    assert await orders(venue, account) == 1


async def test_an_accounts_later_connections_begin_with_it(venue: Live) -> None:
    key = await venue.account()
    first = await venue.socket(key)
    assert await first.call(ENABLE, scope="account") == "ok"
    both = [await first.call("private/get_cancel_on_disconnect", scope=s) for s in ("connection", "account")]
    assert [found["enabled"] for found in both] == [False, True]
    second = await venue.socket(key)
    assert (await second.call("private/get_cancel_on_disconnect"))["enabled"] is True
    status, reply = await venue.http(venue.signed(key, ENABLE))
    assert (status, reply["error"]["code"]) == (400, 10030)
    status, _ = await venue.http(
        venue.signed(key, "private/disable_cancel_on_disconnect", {"scope": "account"})
    )
    assert status == 200
    third = await venue.socket(key)
    assert (await third.call("private/get_cancel_on_disconnect"))["enabled"] is False
    with pytest.raises(Refused) as caught:
        await third.call(ENABLE, scope="venue")
    assert caught.value.code == -32602
