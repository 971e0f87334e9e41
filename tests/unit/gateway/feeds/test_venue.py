"""What the venue tells of itself: states, listings, its own orders, delivery estimates, interest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from tests.unit.gateway.rig import (
    ETH_PERPETUAL,
    EXPIRY_MS,
    OPTION,
    PERPETUAL,
    PUT,
    CallFailed,
    Client,
    option_terms,
)
from tests.unit.gateway.risk_rig import PARAMETERS, TIERS, RiskRig


class Oracle:
    """Feeds that are fresh when told, and an estimate of the delivery price."""

    def __init__(self) -> None:
        self.fresh = True
        self.estimate: float | None = None

    def chain(self, underlying: int) -> None:
        return None

    def is_fresh(self) -> bool:
        return self.fresh

    def estimated_delivery_price(self, underlying: int, expiry_ms: int) -> float | None:
        return self.estimate if expiry_ms == EXPIRY_MS else None


@pytest.fixture
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture
def rig(oracle: Oracle) -> Iterator[RiskRig]:
    rig = RiskRig(oracle=oracle)
    rig.open()
    yield rig
    rig.close()


def listen(rig: RiskRig, *channels: str) -> Client:
    client = rig.main()
    assert client.call("private/subscribe", channels=list(channels)) == list(channels)
    client.drain()
    return client


def states(client: Client, channel: str) -> list[tuple[str, str]]:
    return [(data["instrument_name"], data["state"]) for data in client.taken(channel)]


def test_an_instrument_s_state_is_told_to_those_its_kind_and_currency_cover(rig: RiskRig) -> None:
    channels = [f"instrument.state.{which}" for which in ("any.any", "option.BTC", "future.USDC", "any.ETH")]
    client = listen(rig, *channels)
    rig.order(commands.set_instrument_state(0, r.STATE_HALTED))
    rig.order(commands.set_instrument_state(2, r.STATE_CANCEL_ONLY))
    rig.order(commands.set_instrument_state(3, r.STATE_DELISTED))
    every, options, futures, eth = [states(client, channel) for channel in channels]
    assert every == [(OPTION, "halted"), (PERPETUAL, "locked"), (ETH_PERPETUAL, "inactive")]
    assert options == every[:1]
    assert futures == every[1:]
    assert eth == every[2:]
    assert client.call("public/get_instrument", instrument_name=OPTION)["state"] == "halted"
    assert client.call("public/ticker", instrument_name=PERPETUAL)["state"] == "locked"


def test_a_state_of_an_underlying_is_one_of_its_instruments(rig: RiskRig) -> None:
    client = listen(rig, "instrument.state.any.any", "platform_state", "strikebook.venue")
    whole = client.taken("platform_state")
    assert whole == [
        {"maintenance": False},
        {"price_index": "btc_usdc", "locked": False},
        {"price_index": "eth_usdc", "locked": False},
    ]
    rig.order(commands.set_instrument_state(0, r.STATE_HALTED))
    client.drain()
    client.pushes.clear()
    rig.order(commands_risk.set_underlying_state(0, 1))
    # The halted one allows less already.
    assert states(client, "instrument.state.any.any") == [(PUT, "locked"), (PERPETUAL, "locked")]
    assert client.taken("platform_state") == [{"price_index": "btc_usdc", "locked": True}]
    (said,) = client.taken("strikebook.venue")
    assert (said["command"], said["state"]) == ("set_underlying_state", "cancel_only")
    assert client.call("public/status")["locked_indices"] == ["btc_usdc"]
    assert client.call("public/status")["locked"] == "partial"
    with pytest.raises(CallFailed) as refused:
        client.buy(PERPETUAL, 1.0, 100_000.0)
    assert (refused.value.code, refused.value.data) == (10012, {"reason": "underlying_not_open"})
    rig.order(commands_risk.set_underlying_state(0, 0))
    assert states(client, "instrument.state.any.any") == [(PUT, "open"), (PERPETUAL, "open")]
    assert client.call("public/status")["locked"] == "false"


def test_a_venue_that_starts_again_knows_the_states(rig: RiskRig) -> None:
    rig.order(commands_risk.set_underlying_state(1, 2))
    again = RiskRig.over(rig)
    found = again.connect().call("public/get_instrument", instrument_name=ETH_PERPETUAL)
    assert found["state"] == "halted"


def test_a_listing_is_told_as_a_creation(rig: RiskRig) -> None:
    channels = ("instrument.creation.option.any", "instrument.creation.future.any", "strikebook.venue")
    client = listen(rig, *channels)
    terms = option_terms(r.OPTION_CALL)._replace(strike_micro=120_000_000_000)
    rig.order(commands.list_instrument(4, terms))
    (told,) = client.taken("instrument.creation.option.any")
    assert (told["instrument_name"], told["state"]) == ("BTC_USDC-27DEC26-120000-C", "open")
    assert client.taken("instrument.creation.future.any") == []
    assert client.taken("strikebook.venue") == []
    assert client.call("public/get_instrument", instrument_name=told["instrument_name"]) == told


def test_an_expired_option_is_settling_until_it_is_delivered(rig: RiskRig) -> None:
    client = listen(rig, "instrument.state.option.any")
    rig.clock.ms = EXPIRY_MS
    for _ in range(10):
        rig.loop.advance(0.1)
    assert states(client, "instrument.state.option.any") == [(OPTION, "settlement"), (PUT, "settlement")]
    assert client.call("public/ticker", instrument_name=OPTION)["state"] == "settlement"
    rig.order(commands.time(EXPIRY_MS))
    rig.order(commands.deliver(0, 100_000_000_000))
    assert states(client, "instrument.state.option.any") == [(OPTION, "delivered")]


def test_stale_feeds_are_a_maintenance(rig: RiskRig, oracle: Oracle) -> None:
    client = listen(rig, "platform_state", "strikebook.venue")
    client.pushes.clear()
    oracle.fresh = False
    rig.loop.advance(0.2)
    assert client.taken("platform_state") == [{"maintenance": True}]
    (said,) = client.taken("strikebook.venue")
    assert (said["command"], said["state"]) == ("set_mode", "cancel_only")
    oracle.fresh = True
    rig.loop.advance(0.2)
    assert client.taken("platform_state") == [{"maintenance": False}]


def test_what_the_venue_orders_is_public(rig: RiskRig) -> None:
    client = listen(rig, "strikebook.venue")
    rig.order(commands_risk.risk(0, PARAMETERS._replace(perp_im_ppm=30_000)))
    rig.order(commands_risk.set_fees(TIERS[:1], 500))
    rig.order(commands.set_instrument_state(0, r.STATE_HALTED))
    rig.order(commands_risk.set_lock(client.account or 0, True))  # between the venue and one account
    told = client.taken("strikebook.venue")
    assert [each["command"] for each in told] == ["risk", "set_fees", "set_instrument_state"]
    assert told[0]["parameters"]["perp_im_ppm"] == 30_000
    assert told[1]["tiers"] == [TIERS[0]._asdict()]
    assert told[2]["instrument_name"] == OPTION
    listed = client.call("public/strikebook_venue_commands", count=3)
    assert listed == told[::-1]
    assert all(told[n]["seq"] < told[n + 1]["seq"] for n in range(2))


def test_notices_survive_a_restart_that_replays_them(rig: RiskRig) -> None:
    rig.order(commands_risk.set_fees(TIERS[:1]))
    rig.order(commands.set_instrument_state(0, r.STATE_HALTED))
    rig.order(commands.set_rules(3))
    replayed = [*RiskRig.prologue(), *[frame[3] for frame in rig.journal.event_frames]]
    again = RiskRig.over(rig)
    again.venue.remember(replayed)
    found = [each["command"] for each in again.connect().call("public/strikebook_venue_commands")]
    # Listings of the prologue are no notices.
    assert found[:3] == ["set_rules", "set_instrument_state", "set_fees"]
    assert found.count("set_instrument_state") == 1


def test_the_delivery_price_is_estimated_in_its_window(rig: RiskRig, oracle: Oracle) -> None:
    client = listen(rig, "estimated_expiration_price.btc_usd", "estimated_expiration_price.eth_usdc")
    first: dict[str, Any] = client.taken("estimated_expiration_price.btc_usd")[0]
    assert (first["price"], first["is_estimated"]) == (100_000, False)
    assert (first["left_ticks"], first["total_ticks"]) == (450, 450)
    assert client.taken("estimated_expiration_price.eth_usdc") == []  # no options, no expiry
    rig.move(100_000_000_000)
    rig.clock.ms = EXPIRY_MS - 600_000
    oracle.estimate = 100_123.5
    rig.loop.advance(1.0)
    last = client.taken("estimated_expiration_price.btc_usd")[-1]
    assert (last["seconds"], last["price"], last["is_estimated"]) == (600, 100_123.5, True)
    assert last["left_ticks"] == 150
    for name in (OPTION, PERPETUAL):
        assert client.call("public/ticker", instrument_name=name)["estimated_delivery_price"] == 100_123.5
    found = client.call("public/get_index_price", index_name="btc_usdc")
    assert found == {"index_price": 100_000, "estimated_delivery_price": 100_123.5}
    (summary,) = client.call("public/get_book_summary_by_instrument", instrument_name=OPTION)
    assert summary["estimated_delivery_price"] == 100_123.5


def test_perpetual_interest_follows_the_marks(rig: RiskRig) -> None:
    names = [f"perpetual.{PERPETUAL}.{interval}" for interval in ("raw", "100ms", "agg2")]
    client = listen(rig, *names, f"perpetual.{ETH_PERPETUAL}.raw")
    bob = rig.main(name="bob")
    bob.sell(PERPETUAL, 1.0, 100_000.0)
    client.buy(PERPETUAL, 1.0, 100_000.0)
    client.drain()
    client.pushes.clear()
    rig.order(commands.funding(2, 1_000))
    rig.move(101_000_000_000)
    rig.move(102_000_000_000)
    raw = client.taken(names[0])
    assert [data["index_price"] for data in raw] == [101_000, 102_000]
    assert raw[0]["interest"] == pytest.approx(8e-5)
    assert client.taken(names[1]) == []
    rig.loop.advance(0.1)
    assert [data["index_price"] for data in client.taken(names[1])] == [102_000]
    rig.loop.advance(1.0)
    assert len(client.taken(names[2])) == 1
    assert client.taken(f"perpetual.{ETH_PERPETUAL}.raw") == []
    client.call("private/unsubscribe", channels=names)
    rig.move(103_000_000_000)
    rig.loop.advance(1.0)
    assert client.taken(names[0]) == []


def test_changes_tell_orders_trades_and_the_position_together(rig: RiskRig) -> None:
    names = [f"user.changes.{PERPETUAL}.raw", "user.changes.option.BTC.100ms", "user.changes.any.ETH.raw"]
    client = listen(rig, *names)
    bob = rig.main(name="bob")
    client.buy(PERPETUAL, 1.0, 100_000.0)
    (placed,) = client.taken(names[0])
    assert [order["order_state"] for order in placed["orders"]] == ["open"]
    assert (placed["trades"], placed["positions"]) == ([], [])
    bob.sell(PERPETUAL, 0.4, 100_000.0)
    rig.loop.run()
    (traded,) = client.taken(names[0])
    assert traded["instrument_name"] == PERPETUAL
    assert traded["orders"][0]["filled_amount"] == 0.4
    assert [trade["amount"] for trade in traded["trades"]] == [0.4]
    assert [position["size"] for position in traded["positions"]] == [0.4]
    rig.order(commands.settle_perpetual(2, 200_000))
    rig.loop.run()
    (settled,) = client.taken(names[0])
    assert (settled["orders"], settled["trades"]) == ([], [])
    assert [position["size"] for position in settled["positions"]] == [0.4]
    bob.sell(OPTION, 0.2, 5_000.0)
    client.buy(OPTION, 0.1, 5_000.0)
    client.buy(OPTION, 0.1, 5_000.0)
    assert client.taken(names[1]) == []
    rig.loop.advance(0.1)
    (together,) = client.taken(names[1])
    assert len(together["trades"]) == len(together["orders"]) == 2
    assert together["positions"][0]["size"] == 0.2
    assert client.taken(names[2]) == []
