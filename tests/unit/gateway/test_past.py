"""What the past says is the same from memory, from the store, from both, and after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchange.core import queries
from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from exchange.domain.commands import Mark
from exchange.gateway import history_ring, money_ring
from exchange.gateway.archive import Answer
from exchange.gateway.history_ring import HistoryRing
from exchange.wire import errors
from tests.unit.gateway.rig import (
    ETH_PERPETUAL,
    EXPIRY_MS,
    NOW_MS,
    OPTION,
    PERPETUAL,
    PUT,
    CallFailed,
    Client,
    option_terms,
)
from tests.unit.gateway.risk_rig import RiskRig
from tests.unit.gateway.stored import Store, restarted

SOON = "BTC_USDC-16JUN25-90000-C"
SOON_MS = 1_750_060_800_000  # 16 June 2025, 08:00 UTC
_SPAN = {"start_timestamp": NOW_MS - 86_400_000, "end_timestamp": EXPIRY_MS}
_BTC: dict[str, Any] = {"currency": "BTC"}
_OF_OPTION: dict[str, Any] = {"instrument_name": OPTION}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "history.db")
    yield store
    store.close()


@pytest.fixture
def rig(store: Store) -> Iterator[RiskRig]:
    rig = RiskRig(**store.ports())
    store.begin(b"".join(RiskRig.prologue()), rig.engine.next_seq)
    rig.open()
    yield rig
    rig.close()


def at(rig: RiskRig, ms: int) -> None:
    rig.clock.ms = ms
    rig.order(commands.time(ms))


def live(rig: RiskRig) -> tuple[Client, Client]:
    """A day: trades of everything, orders that end in every way, fundings, a delivery, money."""
    alice, bob = rig.main(50_000_000), rig.main(50_000_000, "bob")
    sub, _ = rig.sub(alice)
    terms = option_terms(r.OPTION_CALL)._replace(expiry_ms=SOON_MS, strike_micro=90_000_000_000)
    rig.order(commands.list_instrument(4, terms))
    mark = Mark(4, 700_000_000, 10_000_000_000, 100_000_000, 100_000_000_000)
    rig._feed_seq += 1
    rig.order(commands.marks(0, 100_000_000_000, rig._feed_seq, [mark]))
    prices = {OPTION: 5_000.0, PUT: 4_990.0, PERPETUAL: 100_000.0, ETH_PERPETUAL: 4_000.0, SOON: 10_000.0}
    for minute, (name, price) in enumerate(prices.items()):
        at(rig, rig.clock.ms + 60_000 * minute)
        bob.sell(name, 2.0, price, label=f"offer {name}")
        alice.buy(name, 0.5, price, label="taken")
        alice.buy(name, 0.25, price)
        cancelled = alice.buy(name, 0.1, round(price * 0.0196) * 50.0, label="gone")["order"]["order_id"]
        alice.call("private/cancel", order_id=cancelled)
    for price in (100_010.0, 100_010.0, 99_990.0, 99_990.0):
        bob.sell(PERPETUAL, 0.1, price, time_in_force="good_til_day")
        alice.buy(PERPETUAL, 0.1, price)
    partly = bob.buy(OPTION, 1.0, 4_900.0, label="partly")["order"]["order_id"]
    alice.sell(OPTION, 0.1, 4_900.0)
    bob.call("private/cancel", order_id=partly)
    for rate in (1_000, -500):
        at(rig, rig.clock.ms + 3_600_000)
        rig.order(commands.funding(2, rate))
    rig.order(commands.settle_perpetual(2, 200_100))
    at(rig, SOON_MS)
    rig.order(commands.deliver(4, 101_000_000_000))
    for amount in (1_000, 20):
        alice.call(
            "private/submit_transfer_between_subaccounts",
            currency="USDC", amount=amount, destination=sub.account,
        )
    for amount in (10, 11, 12):
        alice.call("private/withdraw", currency="USDC", amount=amount)
    rig.order(commands_risk.resolve_withdrawal(1, r.WITHDRAWAL_PAID))
    rig.order(commands_risk.resolve_withdrawal(2, r.WITHDRAWAL_CANCELLED))
    alice.buy(OPTION, 0.1, 5_000.0, label="last")
    return alice, bob


ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("private/get_order_history_by_currency", {"currency": "USDC", "include_unfilled": True, "count": 100}),
    ("private/get_order_history_by_currency", {**_BTC, "kind": "option", "offset": 1, "count": 2}),
    ("private/get_order_history_by_currency", {**_BTC, "with_continuation": True, "count": 3}),
    ("private/get_order_history_by_instrument", {"instrument_name": SOON, "historical": True}),
    ("private/get_order_state_by_label", {**_BTC, "label": "taken"}),
    ("private/get_order_state_by_label", {**_BTC, "label": "gone"}),
    ("private/get_user_trades_by_currency", {**_BTC, "count": 100}),
    ("private/get_user_trades_by_currency", {**_BTC, "count": 3, "sorting": "asc"}),
    ("private/get_user_trades_by_currency", {"currency": "ETH", "historical": True}),
    ("private/get_user_trades_by_currency_and_time", {**_BTC, **_SPAN, "kind": "future", "count": 5}),
    ("private/get_user_trades_by_instrument", {**_OF_OPTION, "start_seq": 2, "count": 2}),
    ("private/get_user_trades_by_instrument", {"instrument_name": SOON, "end_seq": 1}),
    ("private/get_user_trades_by_instrument_and_time", {**_OF_OPTION, **_SPAN, "sorting": "desc"}),
    ("public/get_last_trades_by_currency", {"currency": "any", "count": 100}),
    ("public/get_last_trades_by_currency", {**_BTC, "kind": "option", "sorting": "asc", "count": 3}),
    ("public/get_last_trades_by_currency_and_time", {"currency": "ETH", **_SPAN}),
    ("public/get_last_trades_by_instrument", {**_OF_OPTION, "count": 2}),
    ("public/get_last_trades_by_instrument", {"instrument_name": PERPETUAL, "start_seq": 2, "end_seq": 4}),
    ("public/get_last_trades_by_instrument_and_time", {"instrument_name": SOON, **_SPAN}),
    ("public/get_tradingview_chart_data", {"instrument_name": PERPETUAL, **_SPAN, "resolution": "1"}),
    ("public/get_tradingview_chart_data", {**_OF_OPTION, **_SPAN, "resolution": "1D"}),
    ("public/get_tradingview_chart_data", {"instrument_name": SOON, **_SPAN, "resolution": "180"}),
    ("public/get_trade_volumes", {"extended": True}),
    ("private/get_transaction_log", {"currency": "USDC", **_SPAN, "count": 250}),
    ("private/get_transaction_log", {"currency": "USDC", **_SPAN, "query": "trade taker PERP", "count": 2}),
    ("private/get_transaction_log", {"currency": "BTC", **_SPAN}),
    ("public/get_instruments", {"currency": "BTC", "expired": True}),
    ("public/get_instrument", {"instrument_name": SOON}),
    ("private/get_settlement_history_by_currency", {"currency": "BTC"}),
)
# What a ticker shows of a market's past; the store alone has it after a restart.
_KEPT = ("last_price", "stats", "state", "delivery_price", "settlement_price", "open_interest")


def answers(client: Client) -> dict[str, Any]:
    """Everything that is asked, and the trades of every order that is shown."""
    found: dict[str, Any] = {
        f"{method} {sorted(params.items())}": client.call(method, **params) for method, params in ASKED
    }
    orders = client.call("private/get_order_history_by_currency", **ASKED[0][1])
    for order in orders:
        order_id = order["order_id"]
        found[f"state {order_id}"] = client.call("private/get_order_state", order_id=order_id)
        found[f"trades {order_id}"] = client.call("private/get_user_trades_by_order", order_id=order_id)
    for name in (OPTION, PERPETUAL, SOON):
        ticker = client.call("public/ticker", instrument_name=name)
        found[f"ticker {name}"] = {key: ticker.get(key) for key in _KEPT}
    return found


def test_it_is_the_same_however_far_the_store_is(rig: RiskRig, store: Store) -> None:
    clients = live(rig)
    told = [answers(client) for client in clients]
    history = told[0][f"{ASKED[0][0]} {sorted(ASKED[0][1].items())}"]
    assert {order["order_state"] for order in history} == {"filled"}, "those without fills are too old"
    for behind in (40, 17, 5, 1, 0):
        store.feed(rig, but=behind)
        store.crash()
        same(told, [answers(client) for client in clients], f"{behind} frames behind")
        again = restarted(rig, store, RiskRig, behind=behind)
        both = [again.connect(client.account) for client in clients]
        for client, before in zip(both, clients, strict=True):
            client.session.authenticate(client.account, "again", before.session.scopes)
        again.venue._authenticator = rig.venue._authenticator
        same(told, [answers(client) for client in both], f"restarted, {behind} frames behind")
        again.close()


def same(told: list[dict[str, Any]], found: list[dict[str, Any]], where: str) -> None:
    for was, now in zip(told, found, strict=True):
        for question, answer in was.items():
            assert now[question] == answer, f"{where}: {question}"


def forget(ring: HistoryRing) -> None:
    """Memory as it is at a start: only the store knows what was."""
    ring.clear()


def test_orders_without_fills_are_shown_for_half_an_hour(rig: RiskRig, store: Store) -> None:
    alice = rig.main()
    order_id = alice.buy(OPTION, 0.1, 4_000.0, label="nothing")["order"]["order_id"]
    alice.call("private/cancel", order_id=order_id)
    asked = {"currency": "BTC", "include_unfilled": True}
    for _ in range(2):  # from memory, then from the store
        (order,) = alice.call("private/get_order_history_by_currency", **asked)
        assert (order["order_id"], order["order_state"], order["label"]) == (order_id, "cancelled", "nothing")
        assert alice.call("private/get_order_history_by_currency", currency="BTC") == []
        assert alice.call("private/get_order_state", order_id=order_id)["order_state"] == "cancelled"
        with pytest.raises(CallFailed) as refused:
            alice.call("private/cancel", order_id=order_id)
        assert refused.value.code == errors.NOT_OPEN_ORDER
        store.feed(rig)
        forget(rig.venue.ring)
    at(rig, NOW_MS + 30 * 60_000 + 1_000)
    assert alice.call("private/get_order_history_by_currency", **asked) == []


def test_orders_of_a_label_are_each_there_once(rig: RiskRig, store: Store) -> None:
    alice, bob = rig.main(), rig.main(10_000_000, "bob")
    first = alice.buy(OPTION, 0.1, 4_000.0, label="a")["order"]["order_id"]
    second = alice.buy(OPTION, 0.1, 4_005.0, label="a")["order"]["order_id"]
    plain = alice.buy(OPTION, 0.1, 4_010.0)["order"]["order_id"]

    def states(**params: Any) -> list[tuple[str, str]]:
        found = alice.call("private/get_order_state_by_label", **_BTC, **params)
        return [(order["order_id"], order["order_state"]) for order in found]

    assert states(label="a") == [(first, "open"), (second, "open")]
    assert states() == [(plain, "open")]
    assert states(label="b") == []
    bob.sell(OPTION, 0.2, 4_005.0)  # takes the one without a label too
    store.feed(rig)
    asked = alice.send("private/get_order_state_by_label", **_BTC, label="a")
    cancelled = alice.send("private/cancel", order_id=first)  # while the store is asked
    rig.loop.run()
    alice.reply(cancelled)
    assert len({order["order_id"] for order in alice.reply(asked)}) == 2
    assert states(label="a") == [(first, "cancelled"), (second, "filled")]
    open_ones = alice.call("private/get_open_orders_by_label", **_BTC, label="a")
    assert open_ones == []
    store.feed(rig)
    assert states(label="a") == [(first, "cancelled"), (second, "filled")]
    another = alice.buy(OPTION, 1.0, 4_000.0)["order"]["order_id"]
    (margin,) = alice.call("private/get_order_margin_by_ids", ids=[another, first])
    assert margin["initial_margin"] == pytest.approx(4_030.0)
    assert bob.call("private/get_order_margin_by_ids", ids=[margin["order_id"], "999"]) == []


@pytest.mark.parametrize("count", [1, 7])
def test_pages_join_without_a_gap_or_a_double(rig: RiskRig, store: Store, count: int) -> None:
    alice, _ = live(rig)
    store.feed(rig, but=12)
    whole = alice.call("private/get_order_history_by_currency", currency="any", count=1000)
    found: list[Any] = []
    token: str | None = None
    while token != "none":
        more = {} if token is None else {"continuation": token}
        page = alice.call(
            "private/get_order_history_by_currency",
            currency="any", count=count, with_continuation=True, **more,
        )
        assert len(page["orders"]) <= count
        found += page["orders"]
        token = page["continuation"]
    assert found == whole
    log = alice.call("private/get_transaction_log", currency="USDC", **_SPAN, count=250)["logs"]
    rows: list[Any] = []
    place: int | None = None
    before: dict[str, Any]
    while True:
        before = {} if place is None else {"continuation": place}
        page = alice.call("private/get_transaction_log", currency="USDC", **_SPAN, count=count, **before)
        rows += page["logs"]
        place = page["continuation"]
        if place is None:
            break
    assert rows == log


def test_the_log_comes_to_the_balance_to_the_last_micro(rig: RiskRig, store: Store) -> None:
    for client in live(rig):
        store.feed(rig, but=9)
        log = client.call("private/get_transaction_log", currency="USDC", **_SPAN, count=250)["logs"]
        cash = Decimal(queries.account_figures(rig.engine, client.account or 0).cash_micro).scaleb(-6)
        changes = [Decimal(str(row["change"])) for row in log]
        assert sum(changes) == cash == Decimal(str(log[0]["balance"]))
        for row in log:
            assert Decimal(str(row["cashflow"])) - Decimal(str(row["commission"])) == Decimal(
                str(row["change"])
            )
        kinds = {row["type"] for row in log}
        assert {"trade", "deposit", "delivery", "settlement"} <= kinds
    summary = client.call("private/get_account_summary", currency="USDC")
    assert summary["balance"] == log[0]["balance"]


def test_a_liquidation_is_in_the_log(rig: RiskRig, store: Store) -> None:
    alice, bob = rig.main(3_000), rig.main(1_000_000, "bob")
    bob.sell(PERPETUAL, 1.0, 100_000.0)
    alice.buy(PERPETUAL, 1.0, 100_000.0)
    rig.move(98_000_000_000)
    bob.buy(PERPETUAL, 5.0, 97_900.0)
    rig.order(commands_risk.risk_sweep(64, 16))
    for _ in range(4):
        rig.order(commands_risk.liquidate(alice.account or 0))
    store.feed(rig, but=2)
    for query, types in (("liquidation", {"trade", "liquidation"}), ("fee", {"liquidation"})):
        log = alice.call("private/get_transaction_log", currency="USDC", **_SPAN, query=query)["logs"]
        assert {row["type"] for row in log} == types
    assert log[0]["commission"] == -log[0]["change"] > 0
    assert alice.call("private/get_transaction_log", currency="USDC", **_SPAN, query="nonsense") == {
        "logs": [], "continuation": None,
    }


def test_between_store_and_memory_nothing_is_made_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory is too short to reach back to the store, the answer says so."""
    monkeypatch.setattr(history_ring, "FILLS_PER_ACCOUNT", 4)
    monkeypatch.setattr(history_ring, "ORDERS_PER_ACCOUNT", 4)
    monkeypatch.setattr(money_ring, "RECORDS_PER_ACCOUNT", 4)
    rig = RiskRig(**store.ports())
    store.begin(b"".join(RiskRig.prologue()), rig.engine.next_seq)
    rig.open()
    alice, _ = live(rig)
    for method, params in (
        ("private/get_user_trades_by_currency", _BTC),
        ("private/get_order_history_by_currency", _BTC),
        ("private/get_transaction_log", {"currency": "USDC", **_SPAN}),
    ):
        with pytest.raises(CallFailed) as refused:
            alice.call(method, **params)
        assert refused.value.code == errors.TEMPORARILY_UNAVAILABLE
        assert "catching up" in str(refused.value.data)
    store.feed(rig)
    assert len(alice.call("private/get_user_trades_by_currency", **_BTC)["trades"]) == 10
    again = RiskRig(engine=rig.engine, **store.ports())
    again.venue.remember([])
    assert again.connect(alice.account).call("private/get_user_trades_by_currency", **_BTC)["has_more"]
    rig.close()
    again.close()


REFUSED: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("private/get_order_history_by_currency", {}, -32602),
    ("private/get_order_history_by_currency", {**_BTC, "count": 0}, -32602),
    ("private/get_order_history_by_currency", {**_BTC, "count": 1001}, -32602),
    ("private/get_order_history_by_currency", {**_BTC, "offset": -1}, -32602),
    ("private/get_order_history_by_currency", {**_BTC, "continuation": "x"}, -32602),
    ("private/get_order_history_by_currency", {**_BTC, "continuation": "1.²"}, -32602),
    ("private/get_order_history_by_instrument", {"instrument_name": "X-1"}, 10020),
    ("private/get_transaction_log", {"currency": "USDC"}, -32602),
    ("private/get_transaction_log", {"currency": "USDC", **_SPAN, "count": 251}, -32602),
    ("private/get_transaction_log", {"currency": "USDC", **_SPAN, "continuation": "a"}, -32602),
    ("private/get_order_margin_by_ids", {"ids": ["a"]}, 10025),
    ("private/get_user_trades_by_currency", {**_BTC, "start_id": "a"}, 10025),
    ("public/get_tradingview_chart_data", {**_OF_OPTION, **_SPAN, "resolution": "2"}, -32602),
    (
        "public/get_tradingview_chart_data",
        {**_OF_OPTION, "start_timestamp": 2, "end_timestamp": 1, "resolution": "1"},
        -32602,
    ),
    ("public/get_index_chart_data", {"index_name": "btc_usdc", "range": "3d"}, -32602),
    ("public/get_index_chart_data", {"index_name": "x_y", "range": "1d"}, -32602),
)


def test_bad_questions_are_refused(rig: RiskRig) -> None:
    client = rig.main()
    for method, params, code in REFUSED:
        with pytest.raises(CallFailed) as refused:
            client.call(method, **params)
        assert refused.value.code == code, (method, params, refused.value.data)


def test_a_store_that_cannot_be_read_is_no_answer(rig: RiskRig, tmp_path: Path) -> None:
    client = rig.main()

    class Broken:
        def ask(self, work: Any, done: Any) -> None:
            rig.loop.call_soon(lambda: done(Answer(0, None, OSError("gone"))))

        def close(self) -> None: ...

    rig.venue.archive = Broken()
    with pytest.raises(CallFailed) as refused:
        client.call("private/get_order_history_by_currency", currency="BTC")
    assert refused.value.code == errors.INTERNAL_ERROR
