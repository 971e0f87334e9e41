"""Orders whose price is a volatility: found when they are sent, and followed by the repricer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exchange.app.repricer import Repricer
from exchange.gateway.volatility_prices import on_tick
from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig


class Model:
    """A chain where a volatility of one percent is worth `worth` USDC."""

    at_ms = 1

    def __init__(self) -> None:
        self.worth = 100.0

    def get(self, instrument_id: int) -> None:
        return None

    def model(self) -> dict[str, object] | None:
        return None

    def listed(self) -> list[int]:
        return []

    def rows(self) -> list[list[float]]:
        return []

    def iv_percent(self, instrument_ids: Sequence[int], prices: Sequence[float]) -> NDArray[np.float64]:
        return np.array([math.nan for _ in prices])

    def price_at(self, instrument_ids: Sequence[int], vol_percent: Sequence[float]) -> NDArray[np.float64]:
        return np.array([self.worth * percent for percent in vol_percent])


class Oracle:
    def __init__(self) -> None:
        self.model: Model | None = Model()

    def chain(self, underlying: int) -> Model | None:
        return self.model

    def is_fresh(self) -> bool:
        return True

    def estimated_delivery_price(self, underlying: int, expiry_ms: int) -> float | None:
        return None


class VolatilityRig(RiskRig):
    def __init__(self) -> None:
        self.oracle = Oracle()
        super().__init__(oracle=self.oracle)
        self.repricer = Repricer(self.venue, self.oracle, self.venue.views.extras, looks_per_turn=2)

    def worth(self, usdc: float) -> None:
        """One percent is worth this, and the repricer has looked at up to two orders."""
        assert self.oracle.model is not None
        self.oracle.model.worth = usdc
        self.turn()

    def turn(self) -> None:
        self.repricer.turn()
        self.loop.run()


@pytest.fixture
def rig() -> Iterator[VolatilityRig]:
    found = VolatilityRig()
    found.open()
    yield found
    found.close()


def implv(client: Client, percent: Any = 49.0, side: str = "buy", **more: Any) -> dict[str, Any]:
    given = {"instrument_name": OPTION, "amount": 0.1, "price": percent, "advanced": "implv", **more}
    order: dict[str, Any] = client.call(f"private/{side}", **given)["order"]
    return order


def state(client: Client, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.call("private/get_order_state", order_id=order["order_id"])
    return found


def test_its_price_follows_the_model(rig: VolatilityRig) -> None:
    alice = rig.main()
    alice.call("private/subscribe", channels=["user.orders.any.any.raw"])
    order = implv(alice, 49.01)
    assert (order["advanced"], order["implv"], order["price"]) == ("implv", 49.01, 4_900.0)
    sell = implv(alice, 51.01, "sell")
    assert sell["price"] == 5_105.0, "buys go down to a tick, sells up"
    rig.worth(101.0)
    assert (state(alice, order)["price"], state(alice, sell)["price"]) == (4_950.0, 5_155.0)
    assert rig.repricer.repriced == 2
    told = alice.taken("user.orders.any.any.raw")
    assert [(o["price"], o["implv"]) for o in told[2:]] == [(4_950.0, 49.01), (5_155.0, 51.01)]
    rig.turn()
    assert rig.repricer.repriced == 2, "nothing has moved"


def test_a_turn_looks_at_a_few(rig: VolatilityRig) -> None:
    alice = rig.main()
    orders = [implv(alice, 40.0 + n) for n in range(5)]
    rig.worth(102.0)
    assert rig.repricer.repriced == 2
    rig.turn()
    rig.turn()
    assert [state(alice, order)["price"] for order in orders] == [(40.0 + n) * 102 // 5 * 5 for n in range(5)]


def test_it_trades_where_the_new_price_meets_another(rig: VolatilityRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    order = implv(alice, 49.0)
    bob.sell(OPTION, 0.1, 4_950.0)
    rig.worth(102.0)
    assert state(alice, order)["order_state"] == "filled"


def test_where_it_may_not_be_repriced_it_goes(rig: VolatilityRig) -> None:
    alice = rig.main()
    order = implv(alice, 49.0)
    rig.worth(5_000.0)  # far beyond the band
    gone = state(alice, order)
    assert (gone["order_state"], gone["end_reason"]) == ("cancelled", "reprice_refused")


def test_edits(rig: VolatilityRig) -> None:
    alice = rig.main()
    order = implv(alice, 49.0)
    edited = alice.call("private/edit", order_id=order["order_id"], price=48, amount=0.2, advanced="implv")
    assert (edited["order"]["implv"], edited["order"]["price"]) == (48.0, 4_800.0)
    kept = alice.call("private/edit", order_id=order["order_id"], amount=0.1, advanced="implv")["order"]
    assert (kept["implv"], kept["amount"]) == (48.0, 0.1)
    plain = alice.call("private/edit", order_id=order["order_id"], price=4_700)["order"]
    assert "advanced" not in plain
    rig.worth(101.0)
    assert state(alice, order)["price"] == 4_700.0
    with pytest.raises(CallFailed) as refused:
        alice.call("private/edit", order_id=order["order_id"], price=48, advanced="implv")
    assert refused.value.code == 11041


def test_a_restart_goes_on(rig: VolatilityRig) -> None:
    alice = rig.main()
    order = implv(alice, 49.0)
    other = RiskRig.over(rig, oracle=rig.oracle)
    other.open()
    repricer = Repricer(other.venue, rig.oracle, other.venue.views.extras)
    assert rig.oracle.model is not None
    rig.oracle.model.worth = 102.0
    repricer.turn()
    other.loop.run()
    assert state(other.connect(alice.account), order)["price"] == 4_995.0


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"advanced": "usd"}, 11047),
        ({"advanced": "vol"}, -32602),
        ({"instrument_name": PERPETUAL}, 11038),
        ({"post_only": True}, 11039),
        ({"type": "market"}, 11047),
        ({"time_in_force": "immediate_or_cancel"}, 11047),
        ({"price": 0}, 10023),
        ({"price": -5}, 10023),
        ({"price": 200_000}, 10023),
        ({"price": 50.00001}, 10023),
        ({"price": "nan"}, 10023),
        ({"price": None}, -32602),
        ({"linked_order_type": "one_cancels_other", "otoco_config": []}, 11047),
    ],
)
def test_what_is_wrong_has_its_code(rig: VolatilityRig, given: dict[str, Any], code: int) -> None:
    alice = rig.main()
    with pytest.raises(CallFailed) as refused:
        implv(alice, given.get("price", 50.0), **{k: v for k, v in given.items() if k != "price"})
    assert refused.value.code == code


def test_without_a_model_it_is_to_be_sent_again(rig: VolatilityRig) -> None:
    alice = rig.main()
    rig.oracle.model = None
    with pytest.raises(CallFailed) as refused:
        implv(alice)
    assert refused.value.code == 10040


def test_prices_are_on_the_grid(rig: VolatilityRig) -> None:
    view = rig.venue.registry.by_name[PUT]
    assert [on_tick(view, price, sell=False) for price in (0.0, 4.9, 5.0, 14.9)] == [1, 1, 1, 2]
    assert [on_tick(view, price, sell=True) for price in (0.0, 5.1, 1e12)] == [1, 2, 20_000]
