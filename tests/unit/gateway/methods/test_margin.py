"""The margin the API shows is the margin the core enforces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exchange.core import margin_queries
from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT, CallFailed, Client, Rig, option_terms
from tests.unit.gateway.risk_rig import PARAMETERS, RiskRig


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    rig = RiskRig()
    rig.open()
    yield rig
    rig.close()


@pytest.fixture
def pair(rig: RiskRig) -> tuple[Client, Client]:
    """Alice is long a call and short half a perpetual; Bob is the other side."""
    alice, bob = rig.main(1_000_000), rig.main(1_000_000, "bob")
    bob.sell(OPTION, 1.0, 5_000.0)
    alice.buy(OPTION, 1.0, 5_000.0)
    bob.buy(PERPETUAL, 0.5, 100_000.0)
    alice.sell(PERPETUAL, 0.5, 100_000.0)
    return alice, bob


UNMARKED = "BTC_USDC-27DEC26-120000-C"


def summary(client: Client) -> Any:
    return client.call("private/get_account_summary", currency="USDC")


def test_the_account_and_its_positions_show_the_margin_of_their_model(pair: tuple[Client, Client]) -> None:
    _, bob = pair
    found = summary(bob)
    assert (found["margin_model"], found["portfolio_margining_enabled"]) == ("segregated_sm", False)
    # Short call at the money: 15 % of 100,000 and its mark; perpetual: 2 % of 50,000.
    assert found["initial_margin"] == 15_000 + 5_000 + 1_000
    assert found["maintenance_margin"] == 7_500 + 5_000 + 500
    assert found["margin_balance"] == found["balance"]
    assert found["available_funds"] == found["margin_balance"] - 21_000
    assert found["available_withdrawal_funds"] == found["balance"] - 21_000
    call, perpetual = bob.call("private/get_positions")
    assert (call["initial_margin"], call["maintenance_margin"]) == (20_000, 12_500)
    assert (perpetual["initial_margin"], perpetual["maintenance_margin"]) == (1_000, 500)
    assert perpetual["leverage"] == 50
    assert bob.call("public/get_instrument", instrument_name=PERPETUAL)["max_leverage"] == 50
    listed = bob.call("public/get_instruments", currency="BTC")
    shown = [each["max_leverage"] for each in listed if "max_leverage" in each]
    assert (len(listed), shown) == (3, [50])
    assert call["estimated_liquidation_price"] is None


def test_open_orders_count_in_initial_margin_and_not_in_the_projected_one(
    pair: tuple[Client, Client],
) -> None:
    alice, _ = pair
    before = summary(alice)
    shown = alice.call("private/get_margins", instrument_name=PERPETUAL, amount=1, price=101_000)
    alice.sell(PERPETUAL, 1.0, 101_000.0)
    after = summary(alice)
    assert after["initial_margin"] - before["initial_margin"] == pytest.approx(shown["sell"])
    assert after["projected_initial_margin"] == before["initial_margin"]
    assert after["maintenance_margin"] == before["maintenance_margin"]
    assert (shown["min_price"], shown["max_price"]) == (95_000, 105_000)


def test_margins_of_an_instrument_without_a_mark_or_with_a_bad_price_are_refused(rig: RiskRig) -> None:
    alice = rig.main()
    for params, code in (
        ({"instrument_name": PERPETUAL, "amount": 1}, -32602),
        ({"instrument_name": PERPETUAL, "amount": 1, "price": -1}, 10023),
        ({"instrument_name": PERPETUAL, "amount": 0.00001, "price": 100_000}, 10021),
        ({"instrument_name": PERPETUAL, "amount": 201, "price": 100_000}, 10021),
        ({"instrument_name": "BTC_USDC-1JAN27-1-C", "amount": 1, "price": 1}, 10020),
    ):
        with pytest.raises(CallFailed) as refused:
            alice.call("private/get_margins", **params)
        assert refused.value.code == code


def test_an_order_beyond_its_margin_is_refused_and_one_within_is_taken(rig: RiskRig) -> None:
    alice = rig.main(2_050)
    needed = alice.call("private/get_margins", instrument_name=PERPETUAL, amount=1, price=100_000)
    assert needed["buy"] == 2_050  # 2 % of 100,000, and the taker's fee of 0.05 %
    with pytest.raises(CallFailed) as refused:
        alice.buy(PERPETUAL, 1.001, 100_000.0)
    assert (refused.value.code, refused.value.message) == (10009, "not_enough_funds")
    assert alice.buy(PERPETUAL, 1.0, 100_000.0)["order"]["order_state"] == "open"
    assert summary(alice)["available_funds"] == 0


def test_a_simulated_portfolio_is_what_one_would_hold(pair: tuple[Client, Client]) -> None:
    alice, bob = pair
    sizes = {PUT: -0.5, PERPETUAL: 1}
    supposed = alice.call("private/simulate_portfolio", currency="USDC", simulated_positions=sizes)
    assert supposed["equity"] == summary(alice)["equity"]
    assert supposed["delta_total"] == pytest.approx(summary(alice)["delta_total"] + 1)
    bob.buy(PUT, 0.5, 5_000.0)
    alice.sell(PUT, 0.5, 5_000.0)
    bob.sell(PERPETUAL, 1.0, 100_000.0)
    alice.buy(PERPETUAL, 1.0, 100_000.0)
    real = summary(alice)
    for name in ("initial_margin", "maintenance_margin", "projected_initial_margin"):
        assert supposed[name] == real[name]
    alone = alice.call(
        "private/simulate_portfolio", currency="USDC", simulated_positions={PERPETUAL: 2}, add_positions=False
    )
    assert (alone["initial_margin"], alone["maintenance_margin"]) == (4_000, 2_000)
    assert alone["delta_total"] == 2
    as_text = alice.call(
        "private/simulate_portfolio",
        currency="USDC",
        simulated_positions=f'{{"{PERPETUAL}": 2}}',
        add_positions=False,
    )
    assert as_text["initial_margin"] == 4_000


@pytest.mark.parametrize(
    ("sizes", "code"),
    [
        ({"NO-SUCH": 1}, 10020),
        ({UNMARKED: 1}, 10040),
        ({PERPETUAL: "x"}, -32602),
        ({PERPETUAL: "1"}, -32602),
        ({PERPETUAL: 0.00001}, 10021),
        ({PERPETUAL: 1e9}, 10021),
        ({OPTION: 2_000}, 10021),
        ([1], -32602),
        ("{", -32602),
        ({f"I{n}": 1 for n in range(201)}, -32602),
    ],
)
def test_sizes_that_cannot_be_are_refused(
    rig: RiskRig, pair: tuple[Client, Client], sizes: object, code: int
) -> None:
    alice, _ = pair
    terms = option_terms(r.OPTION_CALL)._replace(strike_micro=120_000_000_000)
    rig.order(commands.list_instrument(4, terms))
    for method in ("private/simulate_portfolio", "private/pme/simulate"):
        with pytest.raises(CallFailed) as refused:
            alice.call(method, currency="USDC", simulated_positions=sizes)
        assert refused.value.code == code


def test_scenario_rows_show_the_portfolio_margin_by_its_parts(
    rig: RiskRig, pair: tuple[Client, Client]
) -> None:
    _, bob = pair
    found = bob.call("private/pme/simulate", currency="USDC")
    btc, eth = found["underlyings"]
    assert (btc["index_name"], eth["index_name"]) == ("btc_usdc", "eth_usdc")
    assert [row["profit_loss"] for row in btc["scenarios"]] == [4_400, 8_700, -4_600, -14_100]
    assert [row["loss"] for row in btc["scenarios"]] == [0, 0, 4_600, 14_100]
    assert [row["extended"] for row in btc["scenarios"]] == [False, False, False, True]
    assert (btc["worst_scenario"], btc["worst_case"]) == (3, 14_100)
    parts = btc["worst_case"] + btc["roll_shock"] + btc["delta_shock"] + btc["charges"]
    assert parts == pytest.approx(btc["initial_margin"])
    assert btc["maintenance_margin"] == pytest.approx(0.8 * btc["initial_margin"])
    assert found["initial_margin"] == btc["initial_margin"] + eth["initial_margin"]
    assert (eth["worst_scenario"], eth["initial_margin"]) == (None, 0)
    only = bob.call("private/pme/simulate", currency="BTC")
    assert only["underlyings"] == [btc]
    assert only["initial_margin"] == btc["initial_margin"]
    resting = bob.sell(PERPETUAL, 1.0, 104_000.0)["order"]["order_id"]
    assert bob.call("private/pme/simulate", currency="USDC")["initial_margin"] > found["initial_margin"]
    alone = bob.call("private/pme/simulate", currency="USDC", add_positions=False)
    assert alone["initial_margin"] == 0
    bob.call("private/cancel", order_id=resting)
    bob.call("private/change_margin_model", margin_model="segregated_pm")
    assert summary(bob)["initial_margin"] == found["initial_margin"]
    exact = margin_queries.margins(rig.engine, bob.account or 0)
    assert exact.initial_micro == round(found["initial_margin"] * 1_000_000)


def test_a_model_is_changed_after_a_dry_run_that_changes_nothing(pair: tuple[Client, Client]) -> None:
    _, bob = pair
    before = summary(bob)
    (tried,) = bob.call("private/change_margin_model", margin_model="segregated_pm", dry_run=True)
    assert {**summary(bob), "seq": 0} == {**before, "seq": 0}
    (changed,) = bob.call("private/change_margin_model", margin_model="segregated_pm")
    assert changed == tried
    after = summary(bob)
    assert (after["margin_model"], after["portfolio_margining_enabled"]) == ("segregated_pm", True)
    assert tried["new_state"]["initial_margin"] == after["initial_margin"]
    assert tried["new_state"]["available_balance"] == after["available_funds"]
    assert after["margin_balance"] == after["equity"]
    rate = tried["old_state"]["maintenance_margin_rate"]
    assert rate == pytest.approx(before["maintenance_margin"] / before["margin_balance"])


@pytest.mark.parametrize("model", ["segregated_sm", "segregated_pm"])
def test_the_portfolio_channel_shows_the_same_figures(
    rig: RiskRig, pair: tuple[Client, Client], model: str
) -> None:
    _, bob = pair
    bob.call("private/change_margin_model", margin_model=model)
    bob.call("private/subscribe", channels=["user.portfolio.usdc"])
    bob.buy(PERPETUAL, 1.0, 99_000.0)
    rig.move(101_000_000_000)
    rig.loop.advance(0.1)
    told = bob.taken("user.portfolio.usdc")[-1]
    found = summary(bob)
    assert {name: found[name] for name in told} == told
    assert told["initial_margin"] > told["projected_initial_margin"] > told["maintenance_margin"] > 0


def test_models_that_cannot_be_taken(rig: RiskRig, pair: tuple[Client, Client]) -> None:
    alice, bob = pair
    with pytest.raises(CallFailed) as refused:
        bob.call("private/change_margin_model", margin_model="cross_pm")
    assert refused.value.code == 10033
    bob.buy(PERPETUAL, 0.5, 90_000.0)
    with pytest.raises(CallFailed) as refused:
        bob.call("private/change_margin_model", margin_model="segregated_pm")
    assert refused.value.message == "other_reject not_empty"
    with pytest.raises(CallFailed) as refused:
        alice.call("private/change_margin_model", margin_model="segregated_pm", user_id=bob.account)
    assert refused.value.code == 13021
    poor = rig.main(14_000, "carol")
    poor.buy(PERPETUAL, 5.0, 100_000.0)
    bob.sell(PERPETUAL, 5.0, 100_000.0)
    (tried,) = poor.call("private/change_margin_model", margin_model="segregated_pm", dry_run=True)
    assert tried["new_state"]["initial_margin_rate"] > 1
    with pytest.raises(CallFailed) as refused:
        poor.call("private/change_margin_model", margin_model="segregated_pm")
    assert (refused.value.code, refused.value.data) == (10009, {"reason": "margin_breach"})
    assert summary(poor)["margin_model"] == "segregated_sm"


def test_a_perpetual_tells_where_it_would_be_liquidated(rig: RiskRig) -> None:
    alice, bob = rig.main(20_000), rig.main(1_000_000, "bob")
    bob.sell(PERPETUAL, 1.0, 100_000.0)
    alice.buy(PERPETUAL, 1.0, 100_000.0)
    (position,) = alice.call("private/get_positions")
    price = position["estimated_liquidation_price"]
    # 20,000 less a fee of 50 covers a fall to P where 1 % of P is left.
    assert price == pytest.approx((100_000 - 19_950) / 0.99)
    rig.move(round((price - 1) * 1_000_000))
    found = summary(alice)
    assert found["margin_balance"] < found["maintenance_margin"]
    rig.move(round((price + 1) * 1_000_000))
    found = summary(alice)
    assert found["margin_balance"] > found["maintenance_margin"]
    assert bob.call("private/get_positions")[0]["estimated_liquidation_price"] > 100_000


def test_fees_are_those_of_the_account_s_tier(rig: RiskRig) -> None:
    alice = rig.main()
    found = alice.call("private/get_account_summary", currency="USDC", extended=True)
    fees = {(fee["index_name"], fee["kind"]): (fee["maker_fee"], fee["taker_fee"]) for fee in found["fees"]}
    assert found["fee_group"] == "default"
    assert fees["btc_usdc", "option"] == (0.0003, 0.0003)
    rig.order(commands_risk.set_tier(alice.account or 0, 1))
    found = alice.call("private/get_account_summary", currency="USDC", extended=True)
    fees = {(fee["index_name"], fee["kind"]): (fee["maker_fee"], fee["taker_fee"]) for fee in found["fees"]}
    assert found["fee_group"] == "tier_1"
    assert fees["btc_usdc", "future"] == (-0.0001, 0.0004)
    bob = rig.main(name="bob")
    alice.sell(PERPETUAL, 1.0, 100_000.0)
    bob.buy(PERPETUAL, 1.0, 100_000.0)
    (trade,) = alice.call("private/get_user_trades_by_instrument", instrument_name=PERPETUAL)["trades"]
    assert trade["fee"] == -10.0  # a rebate
    assert bob.call("public/get_instrument", instrument_name=PERPETUAL)["taker_commission"] == 0.0005


def test_locks_are_told(rig: RiskRig) -> None:
    alice = rig.main()
    alice.call("private/subscribe", channels=["user.lock"])
    assert alice.call("private/get_user_locks") == [{"currency": "USDC", "enabled": False}]
    rig.order(commands_risk.set_lock(alice.account or 0, True))
    assert alice.call("private/get_user_locks")[0]["enabled"] is True
    with pytest.raises(CallFailed) as refused:
        alice.buy(PERPETUAL, 1.0, 100_000.0)
    assert (refused.value.code, refused.value.message) == (11098, "account_locked")
    rig.order(commands_risk.set_lock(alice.account or 0, False))
    told = alice.taken("user.lock")
    assert told == [{"currency": "USDC", "locked": True}, {"currency": "USDC", "locked": False}]


def test_older_rules_have_one_requirement_and_no_simulation() -> None:
    rig = Rig().open()
    client = rig.client()
    client.buy(OPTION, 1.0, 5_000.0)
    found = summary(client)
    assert found["initial_margin"] == found["maintenance_margin"] > 0
    for method in ("private/simulate_portfolio", "private/pme/simulate"):
        with pytest.raises(CallFailed) as refused:
            client.call(method, currency="USDC", simulated_positions={PERPETUAL: 1})
        assert refused.value.code == 13028
    with pytest.raises(CallFailed) as refused:
        client.call("private/change_margin_model", margin_model="segregated_pm")
    assert refused.value.code == 13028


def test_the_parameters_in_force_are_public(rig: RiskRig) -> None:
    found = rig.main().call("public/strikebook_risk_parameters")
    assert found["rules"] == 3
    btc = found["underlyings"][0]
    assert (btc["index_name"], btc["state"]) == ("btc_usdc", "open")
    assert btc["parameters"] == PARAMETERS._asdict()
    assert found["fees"]["tiers"][1]["perp_maker_ppm"] == -100
