"""How many may sign up: by address and hour, and in all."""

from __future__ import annotations

import pytest

from exchange.domain import commands
from exchange.keys import sign_ups as module
from exchange.keys.sign_ups import HOUR_MS, GivenInMemory, SignUpLimits, SignUps, network
from exchange.wire.session import RpcError
from tests.unit.gateway.loopback import ManualClock
from tests.unit.gateway.rig import CallFailed
from tests.unit.gateway.risk_rig import RiskRig

FAUCET = 5_000


def refused(sign_ups: SignUps, remote: str) -> tuple[int, dict[str, object]]:
    with pytest.raises(RpcError) as caught:
        sign_ups.admit(remote)
    return caught.value.code, dict(caught.value.data or {})


def test_an_address_may_sign_up_so_often_an_hour() -> None:
    clock = ManualClock()
    gate = SignUps(SignUpLimits(per_hour=2), FAUCET, clock, GivenInMemory())
    for _ in range(2):
        gate.admit("192.0.2.1")
    code, data = refused(gate, "192.0.2.1")
    assert (code, data["retry_after_s"]) == (10028, 1_800)
    assert data["reason"] == "an address may sign up 2x an hour"
    gate.admit("192.0.2.2")  # another one may
    clock.at_us += 1_000 * HOUR_MS // 2
    gate.admit("192.0.2.1")
    assert refused(gate, "192.0.2.1")[0] == 10028
    clock.at_us += 1_000 * 10 * HOUR_MS  # more than an hour's share does not gather
    for _ in range(2):
        gate.admit("192.0.2.1")
    assert refused(gate, "192.0.2.1")[0] == 10028


def test_a_clock_that_steps_back_gives_nothing() -> None:
    clock = ManualClock()
    gate = SignUps(SignUpLimits(per_hour=1), FAUCET, clock, GivenInMemory())
    gate.admit("a")
    clock.at_us -= 1_000 * HOUR_MS
    assert refused(gate, "a")[0] == 10028
    clock.at_us += 1_000 * HOUR_MS
    gate.admit("a")


def test_the_budget_is_one_for_all_and_outlives_the_process() -> None:
    clock, given = ManualClock(), GivenInMemory()
    limits = SignUpLimits(faucet_budget_micro=2 * FAUCET + 1)
    SignUps(limits, FAUCET, clock, given).admit("a")
    after = SignUps(limits, FAUCET, clock, given)
    after.admit("b")
    code, data = refused(after, "c")
    assert (code, data) == (13025, {"reason": "the faucet's budget is spent; the operator can raise it"})
    assert given.load() == 2 * FAUCET
    SignUps(SignUpLimits(faucet_budget_micro=3 * FAUCET), FAUCET, clock, given).admit("c")


def test_what_was_taken_for_nothing_is_given_back() -> None:
    limits = SignUpLimits(per_hour=1, faucet_budget_micro=FAUCET)
    gate = SignUps(limits, FAUCET, ManualClock(), GivenInMemory())
    for _ in range(3):
        gate.admit("a")
        gate.give_back("a")
    gate.admit("a")
    assert refused(gate, "b")[0] == 13025


def test_one_who_is_refused_by_the_address_takes_nothing_of_the_budget() -> None:
    given = GivenInMemory()
    gate = SignUps(SignUpLimits(1, 10 * FAUCET), FAUCET, ManualClock(), given)
    gate.admit("a")
    assert refused(gate, "a")[0] == 10028
    assert given.load() == FAUCET


def test_no_limits_are_none() -> None:
    gate = SignUps(SignUpLimits(), FAUCET, ManualClock(), GivenInMemory())
    for _ in range(100):
        gate.admit("a")


def test_addresses_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ADDRESSES_MAX", 2)
    gate = SignUps(SignUpLimits(per_hour=1), FAUCET, ManualClock(), GivenInMemory())
    for remote in "abc":
        gate.admit(remote)
    assert refused(gate, "c")[0] == 10028
    gate.admit("a")  # forgotten for c


@pytest.mark.parametrize(
    ("remote", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_what_counts_as_one_address(remote: str, counted: str) -> None:
    assert network(remote) == counted


# --- in a venue ------------------------------------------------------------------------------------------


def test_accounts_made_through_the_api_have_caps() -> None:
    rig = RiskRig(sign_up_enabled=True)
    rig.open()
    gate = SignUps(SignUpLimits(2, 0, 2, 1), FAUCET, rig.clock, GivenInMemory())
    rig.venue.sign_ups = gate
    stranger = rig.connect(None)
    made = stranger.call("public/strikebook_sign_up")
    trader = rig.connect(made["account"])
    rig.order(commands.deposit(made["account"], 10**12, rig.engine.last_deposit_id + 1))
    for price in (90_000.0, 90_001.0):
        trader.buy("BTC_USDC-PERPETUAL", 0.001, price)
    with pytest.raises(CallFailed) as caught:
        trader.buy("BTC_USDC-PERPETUAL", 0.001, 90_002.0)
    assert caught.value.code == 10013
    stranger.call("public/strikebook_sign_up")
    with pytest.raises(CallFailed) as caught:
        stranger.call("public/strikebook_sign_up")
    assert caught.value.code == 10028
    rig.close()
