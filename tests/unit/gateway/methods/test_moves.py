"""`private/move_positions`: whose, which, at what price, how often; and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.core import invariants
from exchange.domain import commands
from exchange.gateway.account_settings import FileSettings
from exchange.gateway.move_budget import A_MINUTE, A_WEEK, MINUTE_MS, WEEK_MS, MoveBudget
from exchange.wire.session import RpcError
from tests.unit.gateway.combo_rig import SPREAD, ComboRig, spread
from tests.unit.gateway.rig import ETH_PERPETUAL, OPTION, PERPETUAL, CallFailed, Client


@pytest.fixture
def rig() -> Iterator[ComboRig]:
    found = ComboRig(rules=5).open()
    yield found
    invariants.check(found.engine)
    found.close()


def family(rig: ComboRig) -> tuple[Client, Client, Client]:
    """(main account, its subaccount with money, somebody else): the main account holds two calls bought at
    4,900 and 5,000, and has sold half a bitcoin of the perpetual."""
    main, other = rig.main(), rig.main(name="bob")
    sub, _ = rig.sub(main)
    main.call(
        "private/submit_transfer_between_subaccounts",
        currency="USDC", amount=1_000_000, destination=sub.account,
    )
    for price in (4_900.0, 5_000.0):
        other.sell(OPTION, 1.0, price)
        main.buy(OPTION, 1.0, price)
    other.buy(PERPETUAL, 0.5, 100_000.0)
    main.sell(PERPETUAL, 0.5, 100_000.0)
    return main, sub, other


def moved(main: Client, sub: Client, *trades: dict[str, Any], **more: Any) -> Any:
    given = {"source_uid": main.account, "target_uid": sub.account, "trades": list(trades), **more}
    return main.call("private/move_positions", **given)


def refused(main: Client, sub: Client, *trades: dict[str, Any], **more: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        moved(main, sub, *trades, **more)
    return caught.value


def call(amount: float = 1, **more: Any) -> dict[str, Any]:
    return {"instrument_name": OPTION, "amount": amount, **more}


def sizes(client: Client) -> dict[str, float]:
    held = client.call("private/get_positions", currency="any")
    return {each["instrument_name"]: each["size"] for each in held if each["size"]}


def balance(client: Client) -> float:
    return float(client.call("private/get_account_summary", currency="USDC")["balance"])


def last_row(client: Client) -> Any:
    """The newest row of the transaction log."""
    span = {"start_timestamp": 0, "end_timestamp": 4_000_000_000_000}
    return client.call("private/get_transaction_log", currency="USDC", **span)["logs"][0]


def test_positions_pass_at_their_average_or_a_given_price_without_a_fee(rig: ComboRig) -> None:
    main, sub, _ = family(rig)
    balances = [balance(each) for each in (main, sub)]
    listener = rig.client(0)
    listener.call("private/subscribe", channels=[f"trades.{OPTION}.raw", f"trades.{PERPETUAL}.raw"])
    for client in (main, sub):
        client.call("private/subscribe", channels=["user.stream", "user.changes.any.any.raw"])
    perpetual = {"instrument_name": PERPETUAL, "amount": 0.5, "price": 100_500}
    found = moved(main, sub, call(1.5), perpetual)
    ends = {"source_uid": main.account, "target_uid": sub.account}
    assert found["trades"] == [
        {**ends, "instrument_name": OPTION, "direction": "buy", "amount": 1.5, "price": 4_950.0},
        {**ends, "instrument_name": PERPETUAL, "direction": "sell", "amount": 0.5, "price": 100_500.0},
    ]
    assert sizes(main) == {OPTION: 0.5}
    assert sizes(sub) == {OPTION: 1.5, PERPETUAL: -0.5}
    assert [balance(each) for each in (main, sub)] == [balances[0] + 1.5 * 4_950, balances[1] - 1.5 * 4_950]
    (position,) = [p for p in sub.call("private/get_positions", currency="BTC") if p["kind"] == "future"]
    assert position["average_price"] == 100_500.0
    told = [each for frame in sub.taken("user.stream") for each in frame.get("events", ())]
    passed = [each["position_moved"] for each in told if "position_moved" in each]
    assert {each["instrument_name"]: each["amount"] for each in passed} == {OPTION: 1.5, PERPETUAL: -0.5}
    assert [each["cash"]["kind"] for each in told if "cash" in each] == ["position_move"]
    positions = [each for change in sub.taken("user.changes.any.any.raw") for each in change["positions"]]
    assert {each["instrument_name"]: each["size"] for each in positions} == sizes(sub)
    assert listener.taken(f"trades.{OPTION}.raw") == listener.taken(f"trades.{PERPETUAL}.raw") == []


def test_what_histories_say_of_it(rig: ComboRig) -> None:
    main, sub, _ = family(rig)
    before = len(main.call("private/get_user_trades_by_currency", currency="BTC")["trades"])
    moved(main, sub, call(2), {"instrument_name": PERPETUAL, "amount": 0.5})
    for client, change, other in ((main, 9_900.0, sub), (sub, -9_900.0, main)):
        row = last_row(client)
        assert (row["type"], row["change"], row["commission"]) == ("transfer", change, 0)
        assert row["info"] == {"transfer_type": "position_move", "other_user_id": other.account}
    back = {"source_uid": sub.account, "target_uid": main.account}
    moved(main, sub, {"instrument_name": PERPETUAL, "amount": 0.5}, **back)
    assert last_row(main)["change"] == 9_900.0  # no cash moved with the perpetual: there is no row
    assert len(main.call("private/get_user_trades_by_currency", currency="BTC")["trades"]) == before
    assert sub.call("private/get_user_trades_by_currency", currency="BTC")["trades"] == []


def test_whose_they_may_be(rig: ComboRig) -> None:
    main, sub, other = family(rig)
    assert refused(sub, sub, call()).code == 13012
    assert refused(main, other, call()).code == 12100
    assert refused(main, sub, call(), source_uid=other.account).code == 12100
    assert refused(main, sub, call(), source_uid=63).code == 12100
    assert refused(main, sub, call(), target_uid=10**9).code == 12100
    assert refused(main, main, call()).code == -32602
    main.session.authenticate(main.account or 0, "desk", frozenset({"trade:read_write"}))
    assert refused(main, sub, call()).code == 13021


@pytest.mark.parametrize(
    ("trades", "code"),
    [
        ([], -32602),
        ([call()] * 65, -32602),
        (["BTC"], -32602),
        ([{"instrument_name": OPTION}], -32602),
        ([call(2.01)], 10021),
        ([call(0.001)], 10021),
        ([call(-1)], 10021),
        ([call(price=-1)], 10023),
        ([call(price=0.00001)], 10023),
        ([call(price=10**12)], 10023),
        ([call(price="dear")], -32602),
        ([{"instrument_name": ETH_PERPETUAL, "amount": 1}], 10021),
        ([{"instrument_name": "BTC_USDC-1JAN30-1-C", "amount": 1}], 10020),
        ([{"instrument_name": SPREAD, "amount": 1}], 10020),
    ],
)
def test_what_is_no_position_to_move(rig: ComboRig, trades: Any, code: int) -> None:
    main, sub, _ = family(rig)
    spread(main)
    before = rig.engine.next_seq
    assert refused(main, sub, *trades).code == code
    assert rig.engine.next_seq == before


def test_a_currency_bounds_what_is_meant(rig: ComboRig) -> None:
    main, sub, _ = family(rig)
    assert refused(main, sub, call(), currency="ETH").code == 10020
    assert moved(main, sub, call(), currency="btc")["trades"]


def test_what_the_core_refuses_names_the_trade_or_the_party(rig: ComboRig) -> None:
    main, sub, _ = family(rig)
    empty, _ = rig.sub(main)
    short = {"instrument_name": PERPETUAL, "amount": 0.5}
    failed = refused(main, empty, short)
    assert (failed.code, failed.data["party"], failed.data["user_id"]) == (10009, "target", empty.account)
    failed = refused(main, sub, call(2), call(1))
    assert (failed.code, failed.data["trade"]) == (10021, 1)
    rig.order(commands.set_instrument_state(2, 2))
    failed = refused(main, sub, call(), short)
    assert (failed.code, failed.data["trade"]) == (10012, 1)
    assert sizes(sub) == {}


def test_before_rules_5_they_stay(tmp_path: Path) -> None:
    rig = ComboRig(rules=4).open()
    main, sub, _ = family(rig)
    assert refused(main, sub, call()).code == 13028


def test_so_many_a_minute_and_so_many_a_week() -> None:
    budget = MoveBudget()
    now_ms = 1_000_000
    for _ in range(A_MINUTE):
        budget.ask(64, now_ms)
        budget.note(64, now_ms)
    with pytest.raises(RpcError) as refused:
        budget.ask(64, now_ms + 1_001)
    assert (refused.value.code, refused.value.data) == (13780, {"wait": 59, "limit": A_MINUTE})
    budget.ask(65, now_ms)
    budget.ask(64, now_ms + MINUTE_MS)
    for number in range(A_WEEK - A_MINUTE):
        budget.note(64, now_ms + number)
    with pytest.raises(RpcError) as refused:
        budget.ask(64, now_ms + 10 * MINUTE_MS)
    assert refused.value.data == {"wait": (WEEK_MS - 10 * MINUTE_MS) // 1_000, "limit": A_WEEK}
    budget.ask(64, now_ms + WEEK_MS)


def test_the_week_s_moves_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "settings.sqlite"
    settings = FileSettings(path)
    for number in range(A_WEEK):
        settings.moves.note(64, number)
    settings.close()
    again = FileSettings(path)
    with pytest.raises(RpcError):
        again.moves.ask(64, MINUTE_MS)
    again.moves.note(64, WEEK_MS + A_WEEK)  # the others are a week old
    again.moves.ask(64, WEEK_MS + A_WEEK)
    again.close()


def test_a_request_that_is_refused_is_no_use_of_the_week(rig: ComboRig) -> None:
    main, sub, _ = family(rig)
    moved(main, sub, call())
    empty, _ = rig.sub(main)
    for _ in range(A_MINUTE - 1):
        assert refused(main, empty, {"instrument_name": PERPETUAL, "amount": 0.5}).code == 10009
    failed = refused(main, sub, call())
    assert (failed.code, failed.data["wait"]) == (13780, 60)
    assert len(rig.venue.settings.moves._moved[main.account or 0]) == 1
