"""Quotes by what they are called: sets and groups in every object, and cancels of a set or by delta."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exchange.gateway.labels import Labels
from tests.unit.gateway.rig import ETH_PERPETUAL, OPTION, PERPETUAL, PUT, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig


class _Values:
    def __init__(self, delta: float) -> None:
        self.mark_iv_percent, self.delta = 50.0, delta
        self.gamma = self.vega = self.theta = self.rho = 0.0


class _Chain:
    """The call has delta 0.6, the put −0.4."""

    at_ms = 1

    def get(self, instrument: int) -> _Values | None:
        return {0: _Values(0.6), 1: _Values(-0.4)}.get(instrument)

    def model(self) -> dict[str, object] | None:
        return None

    def listed(self) -> list[int]:
        return []

    def rows(self) -> list[list[float]]:
        return []

    def iv_percent(self, instrument_ids: Sequence[int], prices: Sequence[float]) -> NDArray[np.float64]:
        return np.array(prices)

    def price_at(self, instrument_ids: Sequence[int], vol_percent: Sequence[float]) -> NDArray[np.float64]:
        return np.array(vol_percent)


class _Oracle:
    marked = True

    def chain(self, underlying: int) -> _Chain | None:
        return _Chain() if self.marked else None

    def is_fresh(self) -> bool:
        return True

    def estimated_delivery_price(self, underlying: int, expiry_ms: int) -> float | None:
        return None


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    found = RiskRig(oracle=_Oracle()).open()
    yield found
    found.close()


@pytest.fixture
def alice(rig: RiskRig) -> Client:
    found = rig.main()
    found.call(
        "private/set_mmp_config", index_name="btc_usdc", interval=10, frozen_time=0,
        mmp_group="mm", max_quote_quantity=500,
    )  # fmt: skip
    return found


PRICES = {OPTION: 4_900.0, PUT: 4_900.0, PERPETUAL: 99_000.0, ETH_PERPETUAL: 3_900.0}


def entry(name: str, set_id: str = "", amount: float = 1.0, price: float = 0.0) -> dict[str, Any]:
    side = {"price": price or PRICES[name], "amount": amount}
    return {"instrument_name": name, "bid": side, **({"quote_set_id": set_id} if set_id else {})}


def quote(client: Client, *entries: dict[str, Any], **more: Any) -> Any:
    return client.call("private/mass_quote", **{"quote_id": "q", "quotes": entries, **more})


def called(shown: Any) -> tuple[Any, ...]:
    return tuple(shown.get(name) for name in ("instrument_name", "quote_id", "quote_set_id", "mmp_group"))


def open_quotes(client: Client) -> list[str]:
    return sorted(order["instrument_name"] for order in client.call("private/get_open_orders"))


def test_what_a_quote_is_called_is_in_every_object(rig: RiskRig, alice: Client) -> None:
    bob = rig.main(name="bob")
    channels = [f"user.{what}.any.any.raw" for what in ("orders", "changes", "trades")]
    alice.call("private/subscribe", channels=[*channels, "user.stream"])
    made = quote(alice, entry(OPTION, "one"), entry(PUT, "two"), entry(PERPETUAL), mmp_group="mm")
    expected = [(OPTION, "q", "one", "mm"), (PUT, "q", "two", "mm"), (PERPETUAL, "q", None, "mm")]
    assert [called(order) for order in made["orders"]] == expected
    assert (made["errors"], made["orders_count"]) == ([], 3)
    pushed = [o for data in alice.taken(channels[0]) for o in (data if isinstance(data, list) else [data])]
    assert [called(order) for order in pushed] == expected
    assert [called(o) for data in alice.taken(channels[1]) for o in data["orders"]] == expected
    told = [e for data in alice.taken("user.stream") for e in data.get("events", ())]
    assert [called(event["order"]) for event in told if event["type"] == "order"] == expected
    assert sorted(map(called, alice.call("private/get_open_orders"))) == sorted(expected)
    bob.sell(OPTION, 0.4, 4_900.0)
    (trade,) = [trade for trades in alice.taken(channels[2]) for trade in trades]
    assert called(trade) == (OPTION, "q", "one", None)
    assert "label" not in trade
    (fill,) = alice.call("private/get_user_trades_by_order", order_id=made["orders"][0]["order_id"])
    assert called(fill) == called(trade)
    order = alice.call("private/get_order_state", order_id=made["orders"][0]["order_id"])
    assert called(order) == expected[0]
    assert order["label"] == ""


def test_a_quote_takes_the_set_it_was_last_named_with(alice: Client) -> None:
    quote(alice, entry(OPTION, "one"))
    (shrunk,) = quote(alice, entry(OPTION, "two", amount=0.5))["orders"]
    assert (called(shrunk), shrunk["replaced"]) == ((OPTION, "q", "two", None), True)
    (plain,) = quote(alice, entry(OPTION, amount=0.4))["orders"]
    assert called(plain) == (OPTION, "q", None, None)


def test_sides_of_several_sets_fail_and_fill_by_themselves(rig: RiskRig, alice: Client) -> None:
    bob = rig.main(name="bob")
    bob.sell(PUT, 0.3, 4_900.0)
    wrong = entry(PERPETUAL, "two", price=400_000.0)
    off_tick = entry(OPTION, "one", price=4_900.01)
    made = quote(alice, off_tick, wrong, entry(PUT, "two"), entry(OPTION, "three"))
    assert [called(order)[:3] for order in made["orders"]] == [(PUT, "q", "two"), (OPTION, "q", "three")]
    assert [(e["instrument_name"], e["side"], e["code"]) for e in made["errors"]] == [
        (OPTION, "bid", 10043),
        (PERPETUAL, "bid", 10007),
    ]
    assert [(t["instrument_name"], t["amount"], t["quote_set_id"]) for t in made["trades"]] == [
        (PUT, 0.3, "two")
    ]
    assert made["orders_count"] == 2


def test_a_request_is_refused_as_a_whole_if_every_set_is(rig: RiskRig, alice: Client) -> None:
    alice.call("private/cancel_all", freeze_quotes=True)
    with pytest.raises(CallFailed) as refused:
        quote(alice, entry(OPTION, "one"), entry(PUT, "two"))
    assert refused.value.code == 13043
    rig.tick(1.5)
    assert quote(alice, entry(OPTION, "one"), entry(PUT, "two"))["orders_count"] == 2


def test_a_set_is_cancelled_whatever_its_quote_ids(rig: RiskRig, alice: Client) -> None:
    quote(alice, entry(OPTION, "one"), entry(PUT, "two"))
    quote(alice, entry(PERPETUAL, "one"), entry(ETH_PERPETUAL, "one"), quote_id="another")
    stranger = rig.main(name="stranger")
    quote(stranger, entry(OPTION, "one"))
    alice.buy(PUT, 1.0, 4_800.0, label="one")
    cancel = {"cancel_type": "quote_set_id", "quote_set_id": "one"}
    assert alice.call("private/cancel_quotes", **cancel, currency="ETH") == 1
    gone = alice.call("private/cancel_quotes", **cancel, detailed=True)
    assert sorted(map(called, gone)) == [
        (OPTION, "q", "one", None),
        (PERPETUAL, "another", "one", None),
    ]
    assert open_quotes(alice) == [PUT, PUT]
    assert open_quotes(stranger) == [OPTION]
    assert alice.call("private/cancel_quotes", **cancel) == 0
    assert alice.call("private/cancel_quotes", cancel_type="quote_set_id", quote_set_id="two") == 1


def test_quotes_under_way_are_cancelled_and_later_ones_are_not(rig: RiskRig, alice: Client) -> None:
    quotes = {"quote_id": "q", "quotes": [entry(OPTION, "one"), entry(PUT, "two")]}
    first = alice.send("private/mass_quote", **quotes)
    by_set = alice.send("private/cancel_quotes", cancel_type="quote_set_id", quote_set_id="one")
    by_delta = alice.send("private/cancel_quotes", cancel_type="delta", min_delta=-1, max_delta=0)
    again = alice.send("private/mass_quote", quote_id="r", quotes=[entry(OPTION, "one", 2.0)])
    rig.loop.run()
    assert [alice.reply(each) for each in (by_set, by_delta)] == [1, 1]
    assert (alice.reply(first)["orders_count"], alice.reply(again)["orders_count"]) == (2, 1)
    assert [called(order) for order in alice.call("private/get_open_orders")] == [(OPTION, "r", "one", None)]
    assert rig.venue.quotes_sent.of(alice.account or 0) == []


@pytest.mark.parametrize(
    ("lowest", "highest", "gone"),
    [
        (0.6, 0.6, [OPTION]),
        (-0.4, 0.6, [OPTION, PUT]),
        (0.61, 1, [PERPETUAL, ETH_PERPETUAL]),
        (-0.39, 0.5, []),
    ],
)
def test_quotes_are_cancelled_by_delta(
    alice: Client, lowest: float, highest: float, gone: list[str]
) -> None:
    quote(alice, *(entry(name) for name in PRICES))
    cancel = {"cancel_type": "delta", "min_delta": lowest, "max_delta": highest}
    assert alice.call("private/cancel_quotes", **cancel) == len(gone)
    assert open_quotes(alice) == sorted(set(PRICES) - set(gone))


def test_a_delta_range_within_a_currency(alice: Client) -> None:
    quote(alice, *(entry(name) for name in PRICES))
    cancel = {"cancel_type": "delta", "min_delta": "0.5", "max_delta": "1"}
    assert alice.call("private/cancel_quotes", **cancel, currency="SOL") == 0
    gone = alice.call("private/cancel_quotes", **cancel, currency="BTC", detailed=True)
    assert [order["instrument_name"] for order in gone] == [OPTION, PERPETUAL]


def test_an_option_without_a_mark_has_no_delta(
    rig: RiskRig, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    quote(alice, entry(OPTION), entry(PERPETUAL))
    monkeypatch.setattr(_Oracle, "marked", False)
    everything = {"cancel_type": "delta", "min_delta": -10, "max_delta": 10}
    assert alice.call("private/cancel_quotes", **everything) == 1
    assert open_quotes(alice) == [OPTION]


@pytest.mark.parametrize("how", [{"quote_set_id": "none"}, {"min_delta": 5, "max_delta": 6}])
def test_quotes_are_frozen_though_none_was_meant(alice: Client, how: dict[str, Any]) -> None:
    kind = "delta" if "min_delta" in how else "quote_set_id"
    assert alice.call("private/cancel_quotes", cancel_type=kind, **how, freeze_quotes=True) == 0
    with pytest.raises(CallFailed) as refused:
        quote(alice, entry(OPTION))
    assert refused.value.code == 13043


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({"cancel_type": "quote_set_id"}, "quote_set_id"),
        ({"cancel_type": "quote_set_id", "quote_set_id": "x" * 65}, "quote_set_id"),
        ({"cancel_type": "delta", "max_delta": 1}, "min_delta"),
        ({"cancel_type": "delta", "min_delta": "NaN", "max_delta": 1}, "min_delta"),
        ({"cancel_type": "delta", "min_delta": 1, "max_delta": 0.5}, "max_delta"),
        ({"cancel_type": "delta", "min_delta": 0, "max_delta": [1]}, "max_delta"),
    ],
)
def test_what_no_cancel_can_mean_is_refused(alice: Client, params: dict[str, Any], wrong: str) -> None:
    with pytest.raises(CallFailed) as refused:
        alice.call("private/cancel_quotes", **params)
    assert (refused.value.code, refused.value.data["param"]) == (-32602, wrong)


@pytest.mark.parametrize("name", ["quote_id", "quote_set_id"])
def test_the_character_between_the_parts_is_refused(alice: Client, name: str) -> None:
    given = entry(OPTION) | ({"quote_set_id": "a\x1fb"} if name == "quote_set_id" else {})
    if name == "quote_id":
        with pytest.raises(CallFailed) as refused:
            quote(alice, given, quote_id="a\x1fb")
        assert refused.value.data["param"] == name
    else:
        (failed,) = quote(alice, given)["errors"]
        assert (failed["code"], failed["error"]["data"]["param"]) == (-32602, name)


def test_sets_and_groups_survive_a_restart(rig: RiskRig, alice: Client) -> None:
    """The label's record is in the journal and, once it is old, in the snapshot."""
    quote(alice, entry(OPTION, "one"), entry(PUT, "two"), mmp_group="mm")
    labels = Labels()
    labels.restore(rig.venue.labels.section())
    later = RiskRig.over(rig, labels=labels).open()
    assert alice.account is not None
    again = later.connect(alice.account)
    found = sorted(map(called, again.call("private/get_open_orders")))
    assert found == [(OPTION, "q", "one", "mm"), (PUT, "q", "two", "mm")]
    assert again.call("private/cancel_quotes", cancel_type="quote_set_id", quote_set_id="two") == 1
