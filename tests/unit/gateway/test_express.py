"""The fast way of orders tells what the general way tells, and takes nothing that is unusual."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchange.edge.intake import RUN_MAX
from exchange.gateway.express import Express
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.outcomes import order_reply
from exchange.wire.credits import CreditMeter, CreditPolicy, Pool
from exchange.wire.session import Session
from tests.unit.gateway.rig import OPTION, PERPETUAL, Client, Rig

_PLENTY = Pool(1 << 40, 1 << 40, 1)
POLICY = CreditPolicy(_PLENTY, _PLENTY, _PLENTY, (_PLENTY,))


def market() -> tuple[Rig, Client, Client]:
    """An open venue, an account with money that is metered, and one whose offers it can meet."""
    rig = Rig().open()
    buyer, seller = rig.client(), rig.client()
    for client in (buyer, seller):
        client.session.credits = CreditMeter(POLICY, rig.clock.now_us())
        client.session.metered = client.session.account
    for price in (5010.0, 5020.0):
        seller.sell(price=price, label="offer")
    buyer.buy(price=4000.0, label="known")
    return rig, buyer, seller


def frame(method: str, **params: Any) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "id": 77, "method": method, "params": params})


def told(rig: Rig, client: Client) -> list[Any]:
    rig.loop.run()
    return [msgspec.json.decode(each) for each in client.session.take()]


def taken(rig: Rig, client: Client, asked: bytes) -> int:
    """How many of one message the fast way takes."""
    session = client.session
    return Express(rig.venue).take(session, [asked], 0, rig.clock.now_us(), session.credits)


USUAL: list[dict[str, Any]] = [
    {"price": 4990.0},
    {"price": 4990, "amount": 2},
    {"price": 4990.0, "label": "known"},
    {"price": 4990.0, "post_only": True, "reject_post_only": True},
    {"price": 5010.0, "time_in_force": "immediate_or_cancel"},
    {"price": 5020.0, "amount": 2.5},
    {"price": 5020.0, "amount": 2.5, "time_in_force": "fill_or_kill"},
    {"price": 5010.0, "post_only": True, "reject_post_only": True},
    {"type": "market", "amount": 1.5},
    {"type": "market_limit"},
    {"price": 4990.0, "time_in_force": "good_til_day"},
    {"price": 4990.0, "reduce_only": True},
    {"price": 99_990.0},
    {"instrument_name": PERPETUAL, "price": 100_000.5, "amount": 0.1},
]


@pytest.mark.parametrize("more", USUAL, ids=str)
def test_both_ways_answer_alike(more: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked_of: list[object] = []

    def noted(*arguments: Any) -> OnEvents:
        asked_of.append(arguments)
        return order_reply(*arguments)

    monkeypatch.setattr("exchange.gateway.express.order_reply", noted)
    more = {"instrument_name": OPTION, "amount": 1.0} | more
    asked = frame("private/buy", **more)
    rig, buyer, _ = market()
    assert taken(rig, buyer, asked)
    (fast,) = told(rig, buyer)
    rig, buyer, _ = market()
    buyer.send("private/buy", **more)
    (usual,) = told(rig, buyer)
    # The general way is paid for by the server, in front of the dispatcher.
    assert fast.pop("budget") == usual.pop("budget") - 1
    assert fast == usual | {"id": 77}
    assert list(buyer.session.take()) == []
    assert bool(asked_of) == ("error" in fast)  # the general way writes what was refused, and that alone


def test_a_run_is_answered_in_order() -> None:
    orders: list[dict[str, Any]] = [
        {"price": 4990.0},
        {"price": 5010.0, "post_only": True, "reject_post_only": True},
        {"price": 5020.0, "amount": 1.5, "label": "known"},
        {"price": 99_990.0},
        {"price": 4985.0, "client_order_id": "4", "amount": 2},
        {"price": 4985.0, "client_order_id": "4", "amount": 2},
        {"price": 5020.0, "amount": 0.5, "time_in_force": "immediate_or_cancel"},
    ]
    asked = [
        frame("private/buy", **({"instrument_name": OPTION, "amount": 1.0} | more)).replace(b"77", b"%d" % n)
        for n, more in enumerate(orders, 10)
    ]
    rig, buyer, _ = market()
    session = buyer.session
    told_at_once: list[bytes | None] = [b"not a request", *asked, frame("private/get_positions")]
    express = Express(rig.venue)
    assert express.take(session, told_at_once, 1, rig.clock.now_us(), session.credits) == len(asked)
    fast = told(rig, buyer)
    rig, buyer, _ = market()
    usual: list[Any] = []
    for number, each in enumerate(orders, 10):
        buyer.send("private/buy", **({"instrument_name": OPTION, "amount": 1.0} | each))
        usual += [reply | {"id": number} for reply in told(rig, buyer)]
    assert [reply["id"] for reply in fast] == [*range(10, 17)]
    for reply in fast + usual:
        for name in ("budget", "usIn", "usOut", "usDiff"):
            del reply[name]
    assert fast == usual


@pytest.fixture(scope="module")
def quiet() -> tuple[Rig, Client, Client]:
    """A market that all share, since nothing happens in it."""
    return market()


UNUSUAL: list[bytes] = [
    b"",
    b"private/buy",
    b'"private/buy"',
    b'{"method":"private/buy"}',
    b"\xff" + frame("private/buy"),
    frame("private/cancel", order_id="private/buy"),
    frame("private/get_order_state", label="private/buy", instrument_name=OPTION, amount=1.0, price=5000.0),
    *(
        frame("private/buy", **{"instrument_name": OPTION, "amount": 1.0, "price": 4990.0} | more)
        for more in (
            {"price": 4990.1},
            {"price": None},
            {"price": "x"},
            {"price": -5},
            {"amount": 0},
            {"amount": 0.001},
            {"amount": None},
            {"instrument_name": "nothing"},
            {"instrument_name": 5},
            {"type": "stop_limit"},
            {"time_in_force": "never"},
            {"post_only": "true"},
            {"label": "new"},
            {"label": "k" * 65},
            {"mmp": True},
            {"access_token": "x"},
            {"display_amount": 0.5},
            {"whatever": 1},
        )
    ),
    frame("private/buy", instrument_name=OPTION, amount=1.0),
    frame("private/buy", instrument_name=OPTION, amount=1.0, price=4990.0)
    .replace(b'"id":77', b'"id":"a"'),
    frame("private/buy", instrument_name=OPTION, amount=1.0, price=4990.0).replace(b"2.0", b"1.0", 1),
    frame("/private/buy", instrument_name=OPTION, amount=1.0, price=4990.0),
    frame("private/buy", instrument_name=OPTION, amount=1.0, price=4990.0, label="x" * 40_000),
]


@pytest.mark.parametrize("asked", UNUSUAL, ids=[str(each[:160]) for each in UNUSUAL])
def test_what_is_unusual_is_left_alone(asked: bytes, quiet: tuple[Rig, Client, Client]) -> None:
    rig, buyer, _ = quiet
    seq, left = rig.engine.next_seq, buyer.session.credits
    assert left is not None
    before = left.budget("private/buy")
    assert not taken(rig, buyer, asked)
    assert told(rig, buyer) == []
    assert rig.engine.next_seq == seq
    assert left.budget("private/buy") == before


def test_who_may_not_trade_is_left_to_the_general_way() -> None:
    rig, buyer, _ = market()
    express = Express(rig.venue)
    asked = frame("private/buy", instrument_name=OPTION, amount=1.0, price=4990.0)
    account = buyer.session.account
    assert account is not None

    def refused(session: Session) -> bool:
        return not express.take(session, [asked], 0, rig.clock.now_us(), session.credits)

    buyer.session.authenticate(account, "key", frozenset({"trade:read"}))
    assert refused(buyer.session)
    buyer.session.authenticate(account, "key", frozenset({"trade:read_write"}))
    plenty, buyer.session.credits = buyer.session.credits, None
    assert refused(buyer.session)
    buyer.session.credits = plenty
    assert not refused(buyer.session)
    none = Pool(0, 0, 1)
    buyer.session.credits = CreditMeter(CreditPolicy(none, none, none, (none,)), rig.clock.now_us())
    assert refused(buyer.session)
    buyer.session.deauthenticate()
    assert refused(buyer.session)


def test_orders_of_a_connection_that_cancels_on_disconnect_are_its_own() -> None:
    rig, buyer, _ = market()
    buyer.session.cancel_on_disconnect = True
    asked = frame("private/buy", instrument_name=OPTION, amount=1.0, price=4990.0)
    assert taken(rig, buyer, asked)
    rig.loop.run()
    before = rig.engine.open_order_count
    buyer.session.closed = True
    rig.venue.on_close(buyer.session)
    rig.loop.run()
    assert rig.engine.open_order_count == before - 1


def test_a_run_is_no_longer_than_its_budget() -> None:
    rig, buyer, _ = market()
    session = buyer.session
    asked: list[bytes | None] = [
        frame("private/buy", instrument_name=OPTION, amount=1.0, price=4990.0) for _ in range(RUN_MAX + 5)
    ]
    express = Express(rig.venue)
    assert express.take(session, asked, 0, rig.clock.now_us(), session.credits) == RUN_MAX
    three = Pool(3, 1, 1)
    meter = CreditMeter(CreditPolicy(three, three, three, (three,)), rig.clock.now_us())
    assert express.take(session, asked, 0, rig.clock.now_us(), meter) == 3
    assert meter.budget("private/buy") == 0
    assert express.take(session, asked, 3, rig.clock.now_us(), meter) == 0


def test_orders_that_find_the_queue_full_are_refused_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.gateway.sequencer.MAX_PENDING", 2)
    rig, buyer, _ = market()
    session = buyer.session
    asked: list[bytes | None] = [
        frame("private/buy", instrument_name=OPTION, amount=1.0, price=4990.0).replace(b"77", b"%d" % n)
        for n in range(4)
    ]
    assert Express(rig.venue).take(session, asked, 0, rig.clock.now_us(), session.credits) == 4
    replies = {reply["id"]: reply.get("error", {}).get("code") for reply in told(rig, buyer)}
    assert replies == {0: None, 1: None, 2: 10047, 3: 10047}
