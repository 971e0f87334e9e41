"""Credits: a burst, a refill, and separate pools."""

from __future__ import annotations

from exchange.wire.credits import CreditMeter, CreditPolicy

FIELD = CreditPolicy.of_the_field()


def test_the_field_grants_a_burst_of_100_and_20_a_second() -> None:
    meter = CreditMeter(FIELD, 0)
    assert sum(meter.spend("public/ticker", 0) for _ in range(200)) == 100
    assert sum(meter.spend("public/ticker", 1_000_000) for _ in range(200)) == 20


def test_subscriptions_have_their_own_pool() -> None:
    meter = CreditMeter(FIELD, 0)
    assert sum(meter.spend("public/subscribe", 0) for _ in range(50)) == 10
    assert meter.spend("public/ticker", 0)


def test_matching_methods_cost_nothing_here() -> None:
    meter = CreditMeter(CreditPolicy(pool=0, refill_per_s=0), 0)
    assert meter.spend("private/buy", 0)
    assert not meter.spend("public/ticker", 0)


def test_refills_do_not_lose_fractions_nor_pass_the_pool() -> None:
    meter = CreditMeter(CreditPolicy(pool=500, refill_per_s=1, cost=500), 0)
    assert meter.spend("public/test", 0)
    at_us = 0
    for _ in range(5_000):
        at_us += 99_999
        assert not meter.spend("public/test", at_us)
    assert meter.spend("public/test", 500_000_000)
    assert meter.spend("public/test", 10**12)
    assert not meter.spend("public/test", 10**12)


def test_a_clock_that_steps_back_takes_nothing_and_gives_nothing() -> None:
    meter = CreditMeter(CreditPolicy(pool=500, refill_per_s=1, cost=500), 1_000)
    assert meter.spend("public/test", 0)
    assert not meter.spend("public/test", 0)
