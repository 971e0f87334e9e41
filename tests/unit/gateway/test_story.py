"""A trader's life through the public API, every number worked out by hand beside it.

Alice deposits, buys a call spread, goes long a perpetual with leverage, is caught by a fall, is liquidated
in slices until her margin suffices, closes the rest, sees the spread expire, and withdraws what is left.

Rates (risk_rig): options 0.03 % of the index, capped at 12.5 % of the price; perpetual taker 0.05 %, maker
nothing; perpetual margins 2 % and 1 %; short calls 15 % less what they are out of the money, at least 10 %;
liquidation fee 0.2 %, in slices of 10,000 USDC, at prices within 0.5 % of the mark.
"""

from __future__ import annotations

from typing import Any

import pytest

from exchange.core import risk_queries
from exchange.domain import commands, commands_risk, events
from exchange.domain import records as r
from exchange.domain.commands import Mark
from exchange.domain.limits import ACCOUNT_INSURANCE
from tests.unit.gateway.rig import EXPIRY_MS, OPTION, PERPETUAL, CallFailed, Client, option_terms
from tests.unit.gateway.risk_rig import RiskRig

SHORT_LEG = "BTC_USDC-27DEC26-110000-C"
MICRO = 1_000_000


def mark(rig: RiskRig, feed_seq: int, index: int, call: int, short_leg: int) -> None:
    """Mark BTC: index and perpetual, the call at 100,000, the call at 110,000."""
    units = [
        Mark(0, 500_000_000, call * MICRO, 0, index * MICRO),
        Mark(1, -500_000_000, 5_000 * MICRO, 0, index * MICRO),
        Mark(2, 1_000_000_000, index * MICRO, 0, index * MICRO),
        Mark(4, 250_000_000, short_leg * MICRO, 0, index * MICRO),
    ]
    (found,) = rig.order(commands.marks(0, index * MICRO, feed_seq, units))
    assert isinstance(found, events.Marked), found


def shown(client: Client) -> tuple[float, float, float, float, float]:
    """Cash, what margin is held against, equity, initial and maintenance margin."""
    found = client.call("private/get_account_summary", currency="USDC")
    names = ("balance", "margin_balance", "equity", "initial_margin", "maintenance_margin")
    cash, balance, equity, initial, maintenance = (found[name] for name in names)
    return cash, balance, equity, initial, maintenance


def steps(client: Client) -> list[Any]:
    """The steps of her liquidation, oldest first."""
    found: list[Any] = client.call("private/strikebook_get_liquidations", count=100)
    return found[::-1]


def test_from_deposit_to_withdrawal() -> None:
    rig = RiskRig()
    rig.open()
    rig.order(commands.list_instrument(4, option_terms(r.OPTION_CALL)._replace(strike_micro=110_000 * MICRO)))
    mark(rig, 201, 100_000, 5_000, 2_000)
    alice, bob = rig.main(30_000), rig.main(10_000_000, "bob")
    (deposit,) = alice.call("private/get_deposits", currency="USDC")["data"]
    assert (deposit["amount"], deposit["state"]) == (30_000, "completed")

    # --- a spread: 5,000 out and a fee of 30, 2,000 in and a fee of 30
    bob.sell(OPTION, 1.0, 5_000.0)
    alice.buy(OPTION, 1.0, 5_000.0)
    assert shown(alice) == (24_970, 24_970, 29_970, 0, 0)
    bob.buy(SHORT_LEG, 1.0, 2_000.0)
    alice.sell(SHORT_LEG, 1.0, 2_000.0)
    # Alone the short call would need max(15,000 - 10,000, 10,000) + 2,000; covered by the lower strike it
    # can lose nothing at any price, but delivery costs 0.015 % of 100,000 for each.
    assert shown(alice) == (26_940, 26_940, 29_940, 30, 30)
    legs = {each["instrument_name"]: each for each in alice.call("private/get_positions")}
    assert (legs[SHORT_LEG]["size"], legs[SHORT_LEG]["initial_margin"]) == (-1, 12_000)

    # --- ten perpetuals at 100,000: a fee of 500; 20,000 and 10,000 of margin
    asked = alice.call("private/get_margins", instrument_name=PERPETUAL, amount=10, price=100_000)
    assert (asked["buy"], asked["sell"]) == (20_500, 20_500)
    bob.sell(PERPETUAL, 10.0, 100_000.0)
    alice.buy(PERPETUAL, 10.0, 100_000.0)
    assert shown(alice) == (26_440, 26_440, 29_440, 20_030, 10_030)
    # One more below the market: 2,000 of margin and 50 for its fee.
    resting = alice.buy(PERPETUAL, 1.0, 97_000.0)["order"]["order_id"]
    assert shown(alice) == (26_440, 26_440, 29_440, 22_080, 10_030)
    with pytest.raises(CallFailed) as refused:
        alice.buy(PERPETUAL, 2.2, 97_000.0)  # 4,510 more, where 4,360 are free
    assert refused.value.code == 10009
    (held,) = alice.call("private/get_positions", kind="future")
    # Balance 26,440 and 10 a dollar must stay above 30 and 0.1 a dollar: 100,000 - 16,410 / 9.9.
    assert held["estimated_liquidation_price"] == pytest.approx(100_000 - 16_410 / 9.9)

    # --- the market falls to 98,000: 20,000 are lost, 1 % of 980,000 is needed and 29.40 for delivery
    mark(rig, 202, 98_000, 4_000, 1_500)
    assert shown(alice) == (26_440, 6_440, 8_940, 21_639.4, 9_829.4)  # 2 % of 11 at 98,000, and 50
    bob.buy(PERPETUAL, 20.0, 97_900.0)

    # --- the margin call: found by a sweep, orders first, then slices until margin suffices
    rig.order(commands_risk.risk_sweep(64, 8))
    (started,) = steps(alice)
    assert started["step"] == "started"
    assert (started["maintenance_margin"], started["margin_balance"]) == (9_829.4, 6_440)
    with pytest.raises(CallFailed) as refused:
        alice.buy(PERPETUAL, 1.0, 98_000.0)
    assert refused.value.code == 11098
    with pytest.raises(CallFailed) as refused:
        alice.call("private/withdraw", currency="USDC", amount=1)
    assert refused.value.code == 11098
    rig.order(commands_risk.liquidate(alice.account or 0))
    ended = alice.call("private/get_order_state", order_id=resting)
    assert (ended["order_state"], ended["cancel_reason"]) == ("cancelled", "autoliquidation")
    assert shown(alice) == (26_440, 6_440, 8_940, 19_629.4, 9_829.4)

    # A slice is 102 lots of 0.001 (10,000 / 98). Sold at 97,900 it costs 10.2 of value, a fee of 4.998 and
    # the liquidation's of 19.992, and frees 99.96 of margin.
    rig.order(commands_risk.liquidate(alice.account or 0))
    first = steps(alice)[-1]
    assert (first["step"], first["amount"], first["fee"]) == ("perpetual_slice", -0.102, 19.992)
    assert shown(alice)[1] == pytest.approx(6_440 - 35.19)
    assert shown(alice)[4] == pytest.approx(9_829.4 - 99.96)
    # 3,389.40 are missing and each slice brings 64.77: 53 of them.
    while alice.call("private/get_user_locks")[0]["enabled"]:
        rig.order(commands_risk.liquidate(alice.account or 0))
    slices = [each for each in steps(alice) if each["step"] == "perpetual_slice"]
    assert len(slices) == 53
    assert steps(alice)[-1]["step"] == "ended"
    _, balance, _, _, maintenance = shown(alice)
    assert (balance, maintenance) == pytest.approx((6_440 - 53 * 35.19, 9_829.4 - 53 * 99.96))
    assert (balance, maintenance) == (4_574.93, 4_531.52)
    fund = risk_queries.account_state(rig.engine, ACCOUNT_INSURANCE).cash_micro
    assert fund == 53 * 19_992_000

    # --- she closes the remaining 4.594 at 97,900: a fee of 225.106; the day's settlement realises 21,000
    (held,) = alice.call("private/get_positions", kind="future")
    assert held["size"] == 4.594
    alice.sell(PERPETUAL, 4.594, 97_900.0, reduce_only=True)
    cash = 26_440 - 53 * 24.99 - 225.106
    assert shown(alice)[:2] == pytest.approx((cash, cash - 21_000))
    rig.order(commands.settle_perpetual(2, 196_000))
    assert shown(alice)[:2] == pytest.approx((3_890.424, 3_890.424))

    # --- expiry at 108,000: 8,000 for the lower strike less 0.015 % of the price, nothing for the higher
    rig.clock.ms = EXPIRY_MS
    rig.order(commands.time(EXPIRY_MS))
    for instrument in (0, 4):
        rig.order(commands.deliver(instrument, 108_000 * MICRO))
    page = alice.call("private/get_settlement_history_by_currency", currency="USDC", type="delivery")
    short_leg, long_leg = page["settlements"]
    assert (long_leg["position"], long_leg["session_profit_loss"]) == (1, 8_000 - 16.2 - 5_000)
    assert (short_leg["position"], short_leg["session_profit_loss"]) == (-1, 2_000)
    assert alice.call("private/get_positions") == []
    left = 11_874.224  # 3,890.424 + 8,000 - 16.20
    assert shown(alice) == (left, left, left, 0, 0)

    # --- she withdraws all of it, and not a micro-dollar more
    with pytest.raises(CallFailed) as refused:
        alice.call("private/withdraw", currency="USDC", amount=11_874.224001)
    assert refused.value.code == 10009
    held = alice.call("private/withdraw", currency="USDC", amount=11_874.224)
    assert shown(alice)[0] == 0
    rig.order(commands_risk.resolve_withdrawal(held["id"], r.WITHDRAWAL_PAID))
    (paid,) = alice.call("private/get_withdrawals", currency="USDC")["data"]
    assert (paid["state"], paid["amount"]) == ("completed", 11_874.224)
    assert risk_queries.total_cash(rig.engine) == 0
    rig.close()
