"""Orders with a trigger, from the request that places one to the object its owner reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exchange.domain import commands
from tests.unit.gateway.rig import OPTION, PERPETUAL, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig, marks

UP = 101_000_000_000
STOP: dict[str, Any] = {"type": "stop_limit", "trigger": "index_price", "trigger_price": 100_500}


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    found = RiskRig().open()
    yield found
    found.close()


def stop(client: Client, **more: Any) -> dict[str, Any]:
    """A buy of the perpetual at 100,200 that waits for the index to reach 100,500."""
    given = {**STOP, "amount": 0.1, "price": 100_200, "label": "mine", **more}
    order: dict[str, Any] = client.call("private/buy", instrument_name=PERPETUAL, **given)["order"]
    return order


def state(client: Client, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.call("private/get_order_state", order_id=order["order_id"])
    return found


def test_a_stop_waits_outside_the_book_and_then_trades(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    order = stop(alice)
    assert {name: order[name] for name in ("order_state", "order_type", "trigger", "triggered")} == {
        "order_state": "untriggered",
        "order_type": "stop_limit",
        "trigger": "index_price",
        "triggered": False,
    }
    assert (order["trigger_price"], order["price"], order["label"]) == (100_500.0, 100_200.0, "mine")
    assert "trigger_order_id" not in order
    bob.sell(PERPETUAL, 0.05, 100_200.0)
    assert state(alice, order)["filled_amount"] == 0.0, "it is not in the book"
    book = alice.call("public/get_order_book", instrument_name=PERPETUAL)
    assert (book["bids"], book["asks"]) == ([], [[100_200.0, 0.05]])
    rig.move(UP)
    fired = state(alice, order)
    assert (fired["order_state"], fired["order_type"], fired["triggered"]) == ("open", "limit", True)
    assert (fired["filled_amount"], fired["trigger_order_id"]) == (0.05, order["order_id"])
    book = alice.call("public/get_order_book", instrument_name=PERPETUAL)
    assert (book["bids"], book["asks"]) == ([[100_200.0, 0.05]], [])


def test_cancelling_one_that_waits_leaves_the_book_as_it_is(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    bob.buy(PERPETUAL, 0.3, 99_000.0)
    order = stop(alice, price=99_000)
    gone = alice.call("private/cancel", order_id=order["order_id"])
    assert (gone["order_state"], gone["order_type"], gone["cancel_reason"]) == (
        "cancelled", "stop_limit", "user_request",
    )  # fmt: skip
    assert gone["triggered"] is False
    book = alice.call("public/get_order_book", instrument_name=PERPETUAL)
    assert book["bids"] == [[99_000.0, 0.3]]


@pytest.mark.parametrize(
    ("type_", "extra", "price"),
    [
        ("stop_market", {"trigger_price": 100_500}, "market_price"),
        ("take_limit", {"trigger_price": 99_500, "price": 99_000}, 99_000.0),
        ("take_market", {"trigger_price": 99_500}, "market_price"),
        ("trailing_stop", {"trigger_offset": 700}, "market_price"),
    ],
)
@pytest.mark.parametrize("source", ["index_price", "mark_price", "last_price"])
def test_every_type_and_source(
    rig: RiskRig, type_: str, extra: dict[str, Any], price: Any, source: str
) -> None:
    alice = rig.main()
    placed = alice.call(
        "private/buy", instrument_name=PERPETUAL, amount=0.1, type=type_, trigger=source, **extra
    )["order"]
    assert (placed["order_state"], placed["order_type"]) == ("untriggered", type_)
    assert (placed["trigger"], placed["price"]) == (source, price)
    if "trigger_offset" in extra:
        assert placed["trigger_offset"] == 700.0
        expected = 0.0 if source == "last_price" else 100_700.0
        assert placed["trigger_price"] == expected
    filters = {
        "all": 1, "limit": 0, "trigger_all": 1, "stop_all": int("stop_" in type_[:5]),
        "take_all": int("take" in type_), "trailing_all": int(type_ == "trailing_stop"), type_: 1,
        "stop_limit": 0,
    }  # fmt: skip
    for wanted, count in filters.items():
        found = alice.call("private/get_open_orders", type=wanted)
        assert len(found) == count, wanted
    assert alice.call("private/cancel_all_by_instrument", instrument_name=PERPETUAL, type="limit") == 0
    kind = "trailing_stop" if type_ == "trailing_stop" else type_.partition("_")[0]
    assert alice.call("private/cancel_all_by_kind_or_type", currency="any", type=kind) == 1


def test_a_trailing_stop_follows_the_best_price(rig: RiskRig) -> None:
    alice = rig.main()
    sold = alice.call(
        "private/sell", instrument_name=PERPETUAL, amount=0.1, type="trailing_stop",
        trigger="index_price", trigger_offset=500,
    )["order"]  # fmt: skip
    assert (sold["trigger_price"], sold["trigger_reference_price"]) == (99_500.0, 100_000.0)
    bought = alice.call(
        "private/buy", instrument_name=PERPETUAL, amount=0.1, type="trailing_stop",
        trigger="index_price", trigger_offset=5_000,
    )["order"]  # fmt: skip
    assert (bought["trigger_price"], bought["trigger_reference_price"]) == (105_000.0, 100_000.0)
    alice.call("private/cancel", order_id=bought["order_id"])
    rig.move(UP)
    risen = state(alice, sold)
    assert (risen["trigger_price"], risen["trigger_reference_price"]) == (100_500.0, 100_000.0)
    assert alice.call("private/get_open_orders")[0]["trigger_price"] == 100_500.0
    edited = alice.call("private/edit", order_id=sold["order_id"], trigger_offset=800)["order"]
    assert (edited["trigger_offset"], edited["trigger_price"]) == (800.0, 100_200.0)
    assert edited["trigger_reference_price"] == 100_000.0


def test_edits_of_one_that_waits(rig: RiskRig) -> None:
    alice = rig.main()
    order = stop(alice)
    edited = alice.call(
        "private/edit", order_id=order["order_id"], amount=0.2, price=100_300, trigger_price=100_800
    )["order"]
    assert (edited["amount"], edited["price"], edited["trigger_price"]) == (0.2, 100_300.0, 100_800.0)
    assert (edited["order_state"], edited["replaced"]) == ("untriggered", True)
    again = alice.call(
        "private/edit_by_label", label="mine", instrument_name=PERPETUAL, trigger_price=100_000
    )["order"]
    assert (again["triggered"], again["order_state"]) == (True, "open"), "it was reached at once"
    with pytest.raises(CallFailed) as refused:
        alice.call("private/edit", order_id=order["order_id"], trigger_price=100_000)
    assert refused.value.code == 11047


def test_what_its_owner_is_told(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    orders, changes = "user.orders.any.any.raw", f"user.changes.{PERPETUAL}.raw"
    alice.call("private/subscribe", channels=[orders, changes])
    stop(alice)
    bob.sell(PERPETUAL, 0.05, 100_200.0)
    rig.move(UP)
    states = [(order["order_state"], order["triggered"]) for order in alice.taken(orders)]
    assert states == [("untriggered", False), ("open", True)]
    told = [order["order_state"] for change in alice.taken(changes) for order in change["orders"]]
    assert told == ["untriggered", "open"]


def test_the_history_of_triggers(rig: RiskRig) -> None:
    alice = rig.main()
    fires, cancelled, refused = stop(alice), stop(alice, label=""), stop(alice, reduce_only=True)
    alice.call("private/cancel", order_id=cancelled["order_id"])
    rig.move(UP)
    assert state(alice, refused)["order_state"] == "rejected"
    found = alice.call("private/get_trigger_order_history", currency="any")
    told = {entry["trigger_order_id"]: (entry["order_state"], entry["request"]) for entry in found["entries"]}
    assert told == {
        fires["order_id"]: ("triggered", "trigger:order"),
        cancelled["order_id"]: ("cancelled", "cancel"),
        refused["order_id"]: ("rejected", "trigger:order"),
    }
    pages, continuation = [], None
    while continuation != "none":
        more: dict[str, Any] = {} if continuation is None else {"continuation": continuation}
        page = alice.call("private/get_trigger_order_history", currency="any", count=1, **more)
        pages += page["entries"]
        continuation = page["continuation"]
    assert pages == found["entries"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"trigger": None}, -32602),
        ({"trigger": "moon"}, -32602),
        ({"trigger_price": None}, -32602),
        ({"trigger_price": "x"}, -32602),
        ({"trigger_price": 0}, 11036),
        ({"trigger_price": -5}, 11036),
        ({"trigger_price": "nan"}, 11036),
        ({"trigger_price": 1e12}, 11036),
        ({"trigger_price": 0.0000001}, 11036),
        ({"trigger_offset": 5}, 11047),
        ({"type": "trailing_stop"}, 11047),
        ({"type": "trailing_stop", "trigger_price": None}, -32602),
        ({"type": "limit"}, 11047),
        ({"type": "stop_market", "time_in_force": "good_til_day"}, 11047),
        ({"advanced": "implv"}, 11038),
        ({"linked_order_type": "one_cancels_other"}, -32602),
        ({"otoco_config": []}, 11047),
        ({"price": None}, -32602),
    ],
)
def test_what_is_wrong_has_its_code(rig: RiskRig, given: dict[str, Any], code: int) -> None:
    alice = rig.main()
    params = {**STOP, "instrument_name": PERPETUAL, "amount": 0.1, "price": 100_200, **given}
    with pytest.raises(CallFailed) as refused:
        alice.call("private/buy", **{name: value for name, value in params.items() if value is not None})
    assert refused.value.code == code
    assert alice.call("private/get_open_orders") == []


def test_what_is_due_fires_before_any_later_order(rig: RiskRig) -> None:
    alice, bob = rig.main(90_000_000), rig.main(90_000_000, "bob")
    count = 150
    for n in range(count):
        stop(alice, amount=0.001, price=100_200, trigger_price=100_500 + n / 10)
    bob.sell(PERPETUAL, 0.001 * count, 100_200.0)
    late = rig.main(name="late")
    # The marks and a taker of the same offer in one wake-up: the marks come first, and all they fire.
    rig._feed_seq += 1
    rig.venue.submit(commands.marks(0, UP, rig._feed_seq, marks(UP)))
    asked = late.send("private/buy", instrument_name=PERPETUAL, amount=0.001, price=100_200)
    rig.loop.run()
    assert late.reply(asked)["order"]["order_state"] == "open", "nothing was left for it"
    assert alice.call("private/get_positions")[0]["size"] == pytest.approx(0.15)
    assert rig.engine.due_count == 0


def test_an_order_that_waited_is_known_after_a_restart(rig: RiskRig) -> None:
    alice = rig.main()
    waits = stop(alice)
    fired = stop(alice, trigger_price=100_100, price=99_000)
    rig.move(100_200_000_000)
    frames = [frame[3] for frame in rig.journal.event_frames]
    other = RiskRig.over(rig)
    other.venue.remember(frames)
    other.open()
    other._feed_seq = rig._feed_seq
    again = other.connect(alice.account)
    assert state(again, waits)["trigger_price"] == 100_500.0
    found = state(again, fired)
    assert (found["order_type"], found["triggered"]) == ("limit", True)
    other.move(UP)
    assert state(again, waits)["order_state"] == "open"


def test_a_lost_connection_takes_orders_that_wait(rig: RiskRig) -> None:
    alice = rig.main()
    alice.call("private/enable_cancel_on_disconnect", scope="connection")
    waits = stop(alice)
    rests = alice.buy(OPTION, 0.1, 4_000.0)["order"]
    rig.venue.on_close(alice.session)
    rig.loop.run()
    other = rig.connect(alice.account)
    for order in (waits, rests):
        gone = state(other, order)
        assert (gone["order_state"], gone["cancel_reason"]) == ("cancelled", "cancel_on_disconnect")
