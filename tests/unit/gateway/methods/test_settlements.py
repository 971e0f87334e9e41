"""Deliveries, perpetual settlements, fundings and bankruptcies: an account's own, and everybody's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.domain import commands, commands_risk, events
from exchange.domain import records as r
from exchange.history.store import HistoryReader, HistoryWriter
from tests.unit.gateway.rig import EXPIRY_MS, OPTION, PERPETUAL, PUT, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig

HOUR_MS = 3_600_000


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    rig = RiskRig()
    rig.open()
    yield rig
    rig.close()


@pytest.fixture
def pair(rig: RiskRig) -> tuple[Client, Client]:
    """Alice holds a call and a perpetual, Bob is short both."""
    alice, bob = rig.main(1_000_000), rig.main(1_000_000, "bob")
    for instrument, price in ((OPTION, 5_000.0), (PERPETUAL, 100_000.0)):
        bob.sell(instrument, 1.0, price)
        alice.buy(instrument, 1.0, price)
    return alice, bob


def at(rig: RiskRig, ms: int) -> None:
    rig.clock.ms = ms
    rig.order(commands.time(ms))


def settle(rig: RiskRig) -> None:
    """Two hourly fundings, a perpetual settlement at 101,000 and a delivery at 107,000."""
    start_ms = rig.clock.ms
    for hour, rate in ((1, 1_000), (2, -500)):
        at(rig, start_ms + hour * HOUR_MS)
        rig.order(commands.funding(2, rate))
    rig.move(101_000_000_000)
    rig.order(commands.settle_perpetual(2, 202_000))
    at(rig, EXPIRY_MS)
    rig.order(commands.deliver(0, 107_000_000_000))


def history(client: Client, **params: Any) -> Any:
    return client.call("private/get_settlement_history_by_currency", currency="USDC", **params)


def test_an_account_finds_what_was_settled_newest_first(rig: RiskRig, pair: tuple[Client, Client]) -> None:
    alice, bob = pair
    settle(rig)
    found = history(alice)
    assert found["continuation"] == "none"
    delivery, perpetual, second, first = found["settlements"]
    assert (delivery["type"], delivery["instrument_name"], delivery["position"]) == ("delivery", OPTION, 1)
    assert (delivery["index_price"], delivery["mark_price"]) == (107_000, 107_000)
    # Payoff 7,000 less what it cost and a fee of 0.015 % of the delivery price.
    assert delivery["session_profit_loss"] == pytest.approx(7_000 - 5_000 - 16.05)
    assert (perpetual["type"], perpetual["session_profit_loss"]) == ("settlement", 1_000)
    assert (perpetual["mark_price"], perpetual["index_price"]) == (101_000, 101_000)
    assert (first["funding"], second["funding"]) == (-1.0, 0.5)  # 0.001 and 0.0005 USDC a lot, 1,000 lots
    assert first["index_price"] == 100_000
    (bobs,) = history(bob, type="delivery")["settlements"]
    assert bobs["position"] == -1
    assert bobs["session_profit_loss"] == pytest.approx(-7_000 + 5_000 - 16.05)


def test_a_position_adds_up_its_funding_until_it_is_settled(
    rig: RiskRig, pair: tuple[Client, Client]
) -> None:
    alice, bob = pair
    for rate in (1_000, -400):
        rig.order(commands.funding(2, rate))
    held = [client.call("private/get_positions", kind="future")[0] for client in pair]
    assert [position["realized_funding"] for position in held] == pytest.approx([-0.6, 0.6])
    assert alice.call("private/get_positions", kind="future")[0]["settlement_price"] == 100_000
    rig.move(101_000_000_000)
    rig.order(commands.settle_perpetual(2, 202_000))
    rig.move(102_000_000_000)
    (position,) = bob.call("private/get_positions", kind="future")
    assert (position["realized_funding"], position["settlement_price"]) == (0, 101_000)


def test_pages_types_and_times(rig: RiskRig, pair: tuple[Client, Client]) -> None:
    alice, _ = pair
    settle(rig)
    whole = history(alice)["settlements"]
    paged: list[Any] = []
    token = ""
    for _ in range(4):
        page = history(alice, count=1, **({"continuation": token} if token else {}))
        paged += page["settlements"]
        token = page["continuation"]
    assert paged == whole
    assert token == "none"
    assert history(alice, type="settlement")["settlements"] == whole[1:]
    assert history(alice, search_start_timestamp=EXPIRY_MS - 1)["settlements"] == whole[1:]
    assert history(alice, type="bankruptcy")["settlements"] == []
    one = alice.call("private/get_settlement_history_by_instrument", instrument_name=OPTION)
    assert one["settlements"] == whole[:1]
    eth = alice.call("private/get_settlement_history_by_currency", currency="ETH")
    assert eth["settlements"] == []
    for params in ({"continuation": "x"}, {"type": "x"}, {"count": 0}):
        with pytest.raises(CallFailed) as refused:
            history(alice, **params)
        assert refused.value.code == -32602


def test_a_market_shows_one_row_for_all_its_holders(rig: RiskRig, pair: tuple[Client, Client]) -> None:
    alice, _ = pair
    carol = rig.main(1_000_000, "carol")
    pair[1].sell(OPTION, 0.5, 5_000.0)
    carol.buy(OPTION, 0.5, 5_000.0)
    settle(rig)
    found = alice.call("public/get_last_settlements_by_currency", currency="BTC")["settlements"]
    assert [row["type"] for row in found] == ["delivery", "settlement", "settlement", "settlement"]
    assert (found[0]["position"], found[0]["session_profit_loss"]) == (1.5, 10_500)
    assert (found[1]["position"], found[1]["session_profit_loss"]) == (1, 1_000)
    assert [row["funding"] for row in found[2:]] == [0.5, 1.0]
    one = alice.call("public/get_last_settlements_by_instrument", instrument_name=OPTION)
    assert one == {"continuation": "none", "settlements": found[:1]}
    none = alice.call("public/get_last_settlements_by_instrument", instrument_name=PUT)
    assert none["settlements"] == []


def test_delivery_prices_by_day(rig: RiskRig, pair: tuple[Client, Client]) -> None:
    alice, _ = pair
    settle(rig)
    found = alice.call("public/get_delivery_prices", index_name="btc_usd")
    assert found == {"records_total": 1, "data": [{"date": "2026-12-27", "delivery_price": 107_000}]}
    none = alice.call("public/get_delivery_prices", index_name="eth_usdc")
    assert none == {"records_total": 0, "data": []}
    assert alice.call("public/get_delivery_prices", index_name="btc_usdc", offset=1)["data"] == []
    assert alice.call("public/ticker", instrument_name=OPTION)["delivery_price"] == 107_000
    with pytest.raises(CallFailed) as refused:
        alice.call("public/get_delivery_prices", index_name="doge_usdc")
    assert refused.value.code == -32602


def test_funding_rates(rig: RiskRig, pair: tuple[Client, Client]) -> None:
    alice, _ = pair
    start_ms = rig.clock.ms
    for hour in range(1, 11):
        at(rig, start_ms + hour * HOUR_MS)
        rig.order(commands.funding(2, 1_000 * hour))  # of 100 USDC a lot: 0.001 % an hour
    name = {"instrument_name": PERPETUAL}
    period = {"start_timestamp": start_ms + 9 * HOUR_MS, "end_timestamp": start_ms + 10 * HOUR_MS}
    found = alice.call("public/get_funding_rate_history", **name, **period)
    assert [row["interest_1h"] for row in found] == pytest.approx([9e-5, 10e-5])
    assert found[0]["interest_8h"] == pytest.approx(sum(range(2, 10)) * 1e-5)
    assert (found[0]["index_price"], found[0]["prev_index_price"]) == (100_000, 100_000)
    value = alice.call("public/get_funding_rate_value", **name, **period)
    assert value == pytest.approx(19e-5)
    chart = alice.call("public/get_funding_chart_data", **name, length="8h")
    assert len(chart["data"]) == 9  # both ends
    assert chart["interest_8h"] == pytest.approx(sum(range(3, 11)) * 1e-5)
    assert chart["current_interest"] == pytest.approx(8 * 10e-5)
    ticker = alice.call("public/ticker", **name)
    assert ticker["funding_8h"] == pytest.approx(chart["interest_8h"])
    assert ticker["current_funding"] == pytest.approx(chart["current_interest"])
    empty = alice.call("public/get_funding_rate_value", instrument_name="ETH_USDC-PERPETUAL", **period)
    assert empty == 0
    for method, params in (
        ("public/get_funding_rate_value", {"instrument_name": OPTION, **period}),
        ("public/get_funding_rate_value", {**name, "start_timestamp": 2, "end_timestamp": 1}),
        ("public/get_funding_chart_data", {**name, "length": "2h"}),
    ):
        with pytest.raises(CallFailed) as refused:
            alice.call(method, **params)
        assert refused.value.code == -32602


def test_the_store_goes_on_where_memory_ends(tmp_path: Path) -> None:
    """A venue that restarts from a snapshot has nothing in memory: all is read from the store."""
    rig = RiskRig()
    rig.open()
    alice, bob = rig.main(1_000_000), rig.main(1_000_000, "bob")
    sub, _ = rig.sub(alice)
    for instrument, price in ((OPTION, 5_000.0), (PERPETUAL, 100_000.0)):
        bob.sell(instrument, 1.0, price)
        alice.buy(instrument, 1.0, price)
    alice.call(
        "private/submit_transfer_between_subaccounts", currency="USDC", amount=7, destination=sub.account
    )
    alice.call("private/withdraw", currency="USDC", amount=9)
    settle(rig)
    rig.order(commands_risk.resolve_withdrawal(1, r.WITHDRAWAL_PAID))
    writer = HistoryWriter(tmp_path / "history.db")
    # Listings, marks and parameters came before the rig's journal: the store learns them from their events.
    before = b"".join(_prologue())
    frames = [before, *[frame[3] for frame in rig.journal.event_frames]]
    writer.add_events(frames, rig.engine.next_seq)
    asked = (
        ("private/get_settlement_history_by_currency", {"currency": "USDC"}),
        ("private/get_settlement_history_by_currency", {"currency": "USDC", "count": 2}),
        ("private/get_transfers", {"currency": "USDC"}),
        ("private/get_withdrawals", {"currency": "USDC"}),
        ("private/get_deposits", {"currency": "USDC"}),
        ("public/get_last_settlements_by_currency", {"currency": "USDC"}),
        ("public/get_last_settlements_by_instrument", {"instrument_name": PERPETUAL, "type": "settlement"}),
        ("public/get_delivery_prices", {"index_name": "btc_usdc"}),
        ("public/get_funding_chart_data", {"instrument_name": PERPETUAL, "length": "1m"}),
        (
            "public/get_funding_rate_history",
            {"instrument_name": PERPETUAL, "start_timestamp": 0, "end_timestamp": EXPIRY_MS},
        ),
    )
    in_memory = [alice.call(method, **params) for method, params in asked]
    again = RiskRig.over(rig, history=HistoryReader(tmp_path / "history.db"))
    alice_again = again.connect(alice.account)
    from_store = [alice_again.call(method, **params) for method, params in asked]
    assert from_store == in_memory
    both = RiskRig.over(rig, history=HistoryReader(tmp_path / "history.db"))
    both.venue.remember(frames[len(frames) // 2 :])
    merged = [both.connect(alice.account).call(method, **params) for method, params in asked]
    assert merged == in_memory
    writer.close()
    rig.close()


def _prologue() -> list[bytes]:
    """The events of what every rig starts with."""
    return RiskRig.prologue()


def test_events_of_a_prologue_are_whole() -> None:
    kinds = {type(event) for event in events.read_events(b"".join(_prologue()))}
    assert {events.Risk, events.Fees, events.Instrument, events.Marked} <= kinds
