"""A liquidation as its account, its bidders and the public see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exchange.domain import commands, commands_risk, events
from exchange.domain import records as r
from tests.unit.gateway.rig import OPTION, PERPETUAL, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    rig = RiskRig()
    rig.open()
    yield rig
    rig.close()


@pytest.fixture
def pair(rig: RiskRig) -> tuple[Client, Client]:
    """Alice holds a perpetual of one BTC on 3,000 USDC; Bob is the other side."""
    alice, bob = rig.main(3_000), rig.main(1_000_000, "bob")
    bob.sell(PERPETUAL, 1.0, 100_000.0)
    alice.buy(PERPETUAL, 1.0, 100_000.0)
    return alice, bob


def sweep(rig: RiskRig) -> list[events.Event]:
    return rig.order(commands_risk.risk_sweep(64, 16))


def step(rig: RiskRig, client: Client) -> list[events.Event]:
    assert client.account is not None
    return rig.order(commands_risk.liquidate(client.account))


def steps(client: Client) -> list[str]:
    return [each["step"] for each in client.call("private/strikebook_get_liquidations")]


def test_orders_are_cancelled_and_slices_sold_through_the_book(
    rig: RiskRig, pair: tuple[Client, Client]
) -> None:
    alice, bob = pair
    alice.call("private/subscribe", channels=["user.lock", "user.changes.any.any.raw"])
    bob.call("private/subscribe", channels=["trades.future.USDC.raw"])
    resting = alice.buy(PERPETUAL, 0.001, 90_000.0)["order"]["order_id"]
    alice.drain()
    alice.pushes.clear()
    rig.move(98_000_000_000)
    bob.buy(PERPETUAL, 5.0, 97_900.0)
    sweep(rig)
    assert alice.call("private/get_user_locks")[0]["enabled"] is True
    with pytest.raises(CallFailed) as refused:
        alice.buy(OPTION, 0.01, 5_000.0)
    assert refused.value.code == 11098
    step(rig, alice)
    cancelled = alice.call("private/get_order_state", order_id=resting)
    assert (cancelled["order_state"], cancelled["cancel_reason"]) == ("cancelled", "autoliquidation")
    sold = step(rig, alice)
    assert any(isinstance(event, events.Trade) for event in sold)
    (trade,) = bob.taken("trades.future.USDC.raw")[0]
    assert (trade["liquidation"], trade["direction"]) == ("T", "sell")
    mine = alice.call("private/get_user_trades_by_instrument", instrument_name=PERPETUAL)["trades"][0]
    assert (mine["liquidation"], mine["order_type"], mine["liquidity"]) == ("T", "liquidation", "T")
    bobs = bob.call("private/get_user_trades_by_instrument", instrument_name=PERPETUAL)["trades"][0]
    assert (bobs["liquidation"], bobs["order_type"], bobs["liquidity"]) == ("T", "limit", "M")
    order = alice.call("private/get_order_state", order_id=mine["order_id"])
    assert order["is_liquidation"] is True
    while alice.call("private/get_user_locks")[0]["enabled"]:
        step(rig, alice)
    found = alice.call("private/strikebook_get_liquidations")
    assert [each["step"] for each in found][::-1][:3] == ["started", "orders_cancelled", "perpetual_slice"]
    assert found[0]["step"] == "ended"
    slice_ = found[-3]
    assert (slice_["instrument_name"], slice_["amount"] < 0, slice_["fee"] > 0) == (PERPETUAL, True, True)
    assert found[-1]["margin_balance"] < found[-1]["maintenance_margin"]
    assert [each["locked"] for each in alice.taken("user.lock")] == [True, False]
    changes = alice.taken("user.changes.any.any.raw")
    assert changes[-1]["trades"][-1]["liquidation"] == "T"
    assert changes[-1]["positions"][0]["size"] < 1
    summary = alice.call("private/get_account_summary", currency="USDC")
    assert summary["margin_balance"] >= summary["maintenance_margin"]


def to_auction(rig: RiskRig, pair: tuple[Client, Client], index_micro: int) -> None:
    alice, _ = pair
    rig.move(index_micro)
    sweep(rig)
    for _ in range(8):
        found = step(rig, alice)
        last = found[-1]
        if isinstance(last, events.Liquidation) and last.kind == r.LIQ_AUCTION:
            return
    raise AssertionError(steps(alice))


def test_a_portfolio_nobody_bids_for_in_the_book_is_taken_over(
    rig: RiskRig, pair: tuple[Client, Client]
) -> None:
    alice, bob = pair
    carol = rig.main(1_000_000, "carol")
    carol.call("private/subscribe", channels=["strikebook.venue", "user.portfolio.usdc"])
    carol.call("private/subscribe", channels=["user.changes.any.any.raw"])
    assert carol.call("public/strikebook_get_auctions") == []
    to_auction(rig, pair, 97_800_000_000)
    rig.clock.ms += 30_000
    rig.order(commands.time(rig.clock.ms))
    (auction,) = carol.call("public/strikebook_get_auctions")
    assert auction["account"] == alice.account
    (position,) = auction["positions"]
    assert (position["instrument_name"], position["size"]) == (PERPETUAL, 1)
    assert position["discount"] == 0.05  # half of the time of 10 %
    # Equity 750, maintenance 978: all of it may be taken, since the discount would leave nothing.
    assert (auction["fraction_max"], position["part"]) == (1, 1)
    told = carol.taken("strikebook.venue")
    assert told[-1]["step"] == "auction_started"
    for params, code in (
        ({"account": alice.account, "fraction": 0, "max_pay": 0}, -32602),
        ({"account": alice.account, "fraction": 1.5, "max_pay": 0}, -32602),
        ({"account": alice.account, "fraction": 1, "max_pay": 1e-7}, -32602),
        ({"account": alice.account, "fraction": 1, "max_pay": -1e6}, 10007),
        ({"account": bob.account, "fraction": 1, "max_pay": 0}, 11030),
        ({"account": 9_999, "fraction": 1, "max_pay": 0}, 13007),
    ):
        with pytest.raises(CallFailed) as refused:
            carol.call("private/strikebook_take_over", **params)
        assert refused.value.code == code, params
    won = carol.call("private/strikebook_take_over", account=alice.account, fraction=1, max_pay=0)
    assert won["positions"] == [{"instrument_name": PERPETUAL, "size": 1}]
    assert won["paid"] == -auction["discount"] < 0
    (held,) = carol.call("private/get_positions")
    assert (held["size"], held["average_price"]) == (1, 97_800)
    assert alice.call("private/get_positions") == []
    assert carol.taken("user.changes.any.any.raw")[-1]["positions"][0]["size"] == 1
    assert carol.call("public/ticker", instrument_name=PERPETUAL)["open_interest"] == 1
    assert carol.taken("strikebook.venue")[-1]["step"] == "taken_over"
    step(rig, alice)
    assert steps(alice)[0] == "ended"


def test_no_more_than_restores_maintenance_is_for_sale(rig: RiskRig, pair: tuple[Client, Client]) -> None:
    alice, _ = pair
    carol = rig.main(1_000_000, "carol")
    sub, _ = rig.sub(alice)
    rig.order(commands.deposit(sub.account or 0, 10**10, rig.engine.last_deposit_id + 1))
    to_auction(rig, pair, 97_950_000_000)
    (auction,) = carol.call("public/strikebook_get_auctions")
    most = auction["fraction_max"]
    # Maintenance is 979.5, the balance 900: 79.5 of it, in lots of a thousandth.
    assert pytest.approx(most, abs=1e-5) == 79.5 / 979.5
    (position,) = auction["positions"]
    assert (position["size"], position["part"]) == (1, 0.082)

    def refusal(client: Client, fraction: float) -> CallFailed:
        with pytest.raises(CallFailed) as refused:
            client.call("private/strikebook_take_over", account=alice.account, fraction=fraction, max_pay=0)
        return refused.value

    assert refusal(carol, round(most + 0.000001, 6)).data == {"reason": "bad_size", "fraction_max": most}
    assert refusal(sub, most).data == {"reason": "wrong_family"}
    won = carol.call("private/strikebook_take_over", account=alice.account, fraction=most, max_pay=0)
    assert won["positions"][0]["size"] == 0.082
    assert carol.call("public/strikebook_get_auctions") == []
    step(rig, alice)
    assert steps(alice)[0] == "ended"


def test_a_family_pays_before_the_fund(rig: RiskRig, pair: tuple[Client, Client]) -> None:
    alice, _ = pair
    carol = rig.main(1_000_000, "carol")
    sub, _ = rig.sub(alice)
    rig.order(commands.deposit(sub.account or 0, 700_000_000, rig.engine.last_deposit_id + 1))
    rig.order(commands.deposit(2, 10**10, rig.engine.last_deposit_id + 1))
    to_auction(rig, pair, 95_000_000_000)  # 2,050 less than nothing
    carol.call("private/strikebook_take_over", account=alice.account, fraction=1, max_pay=0)
    step(rig, alice)
    ended, fund, family = alice.call("private/strikebook_get_liquidations")[:3]
    assert (family["step"], family["loss"], family["paid_by"]) == ("covered_by_family", 700, sub.account)
    assert (fund["step"], ended["step"]) == ("covered_by_insurance_fund", "ended")
    assert family["loss"] + fund["loss"] == pytest.approx(2_050)
    (sent,) = sub.call("private/get_transfers", currency="USDC")["data"]
    assert (sent["amount"], sent["direction"], sent["state"]) == (700, "payment", "confirmed")
    assert sub.call("private/get_account_summary", currency="USDC")["balance"] == 0
    public = [each.get("step") for each in carol.call("public/strikebook_venue_commands")]
    assert "covered_by_family" not in public  # who belongs to whom is nobody else's business
    assert [each["funded"] for each in losses(alice)] == [fund["loss"]]


def losses(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.call(
        "private/get_settlement_history_by_currency", currency="USDC", type="bankruptcy"
    )["settlements"]
    return found


def test_a_loss_is_covered_by_the_fund_then_shared(rig: RiskRig, pair: tuple[Client, Client]) -> None:
    alice, bob = pair
    carol = rig.main(1_000_000, "carol")
    rig.order(commands.deposit(2, 500_000_000, rig.engine.last_deposit_id + 1))
    to_auction(rig, pair, 95_000_000_000)  # 2,050 less than nothing
    carol.call("private/strikebook_take_over", account=alice.account, fraction=1, max_pay=0)
    step(rig, alice)
    assert steps(alice)[0] == "deficit"
    assert alice.account is not None
    while "ended" not in steps(alice):
        rig.order(commands_risk.share_loss(alice.account, 16))
    deficit = 5_000 - 2_950
    (covered,) = losses(alice)
    assert (covered["type"], covered["funded"], covered["instrument_name"]) == ("bankruptcy", 500, "")
    shares = losses(bob) + losses(carol)
    assert sum(each["socialized"] for each in shares) == pytest.approx(deficit - 500)
    assert shares[0]["session_profit_loss"] == -shares[0]["socialized"]
    public = bob.call("public/get_last_settlements_by_currency", currency="USDC", type="bankruptcy")
    assert [each["session_bankruptcy"] for each in public["settlements"]] == pytest.approx([1_550, 500])
    assert public["settlements"][0]["socialized"] == pytest.approx(1_550)
    said = [each.get("step") for each in bob.call("public/strikebook_venue_commands")]
    assert "covered_by_insurance_fund" in said
    assert "loss_shared" in steps(bob)
