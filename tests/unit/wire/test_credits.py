"""Credits: a burst, a refill, pools of their own, and cancels that always go."""

from __future__ import annotations

import pytest

from exchange.wire.credits import CANCEL_METHODS, CreditMeter, CreditPolicy, Pool

FIELD = CreditPolicy.of_the_field()


def admitted(meter: CreditMeter, method: str, now_us: int = 0, tries: int = 200) -> int:
    return sum(meter.spend(method, now_us) for _ in range(tries))


@pytest.mark.parametrize(
    ("method", "burst", "in_3_s"),
    [("public/ticker", 100, 60), ("public/subscribe", 10, 10), ("public/get_instruments", 50, 3)],
)
def test_the_fields_numbers(method: str, burst: int, in_3_s: int) -> None:
    meter = CreditMeter(FIELD, 0)
    assert admitted(meter, method) == burst
    assert meter.budget(method) == 0
    assert admitted(meter, method, 3_000_000) == in_3_s


@pytest.mark.parametrize(
    ("tier", "burst", "rate"), [(0, 20, 5), (1, 30, 10), (2, 50, 20), (3, 100, 30), (9, 100, 30)]
)
def test_orders_have_a_pool_by_tier(tier: int, burst: int, rate: int) -> None:
    meter = CreditMeter(FIELD, 0, tier)
    assert admitted(meter, "private/buy") == burst
    assert admitted(meter, "private/mass_quote", 1_000_000) == rate
    assert meter.spend("public/ticker", 1_000_000)


def test_pools_do_not_touch_each_other() -> None:
    meter = CreditMeter(FIELD, 0)
    for method in ("public/subscribe", "public/get_instruments", "private/sell"):
        assert admitted(meter, method)
    assert admitted(meter, "public/ticker") == 100


@pytest.mark.parametrize("method", sorted(CANCEL_METHODS))
def test_a_cancel_is_always_admitted(method: str) -> None:
    meter = CreditMeter(FIELD, 0)
    assert admitted(meter, method) == 200
    assert not meter.spend("private/buy", 0)
    assert meter.spend("private/buy", 200_000)


def test_it_says_what_is_left_and_how_long_to_wait() -> None:
    meter = CreditMeter(FIELD, 0)
    assert meter.budget("public/ticker") == 100
    assert meter.wait_ms("public/ticker") == 0
    admitted(meter, "public/ticker")
    wait_ms = meter.wait_ms("public/ticker")
    assert not meter.spend("public/ticker", (wait_ms - 1) * 1_000)
    assert meter.spend("public/ticker", wait_ms * 1_000)


def test_another_tier_keeps_what_is_left() -> None:
    meter = CreditMeter(FIELD, 0, 3)
    assert admitted(meter, "private/buy", tries=10) == 10
    meter.set_tier(0)
    assert meter.budget("private/buy") == 20
    meter.set_tier(3)
    assert meter.budget("private/buy") == 20
    assert meter.is_full(10_000_000)


def test_refills_do_not_lose_fractions_nor_pass_the_pool() -> None:
    meter = CreditMeter(CreditPolicy(general=Pool(500, 1, 500)), 0)
    assert meter.spend("public/test", 0)
    at_us = 0
    for _ in range(5_000):
        at_us += 99_999
        assert not meter.spend("public/test", at_us)
    assert meter.spend("public/test", 500_000_000)
    assert meter.spend("public/test", 10**12)
    assert not meter.spend("public/test", 10**12)


def test_a_clock_that_steps_back_takes_nothing_and_gives_nothing() -> None:
    meter = CreditMeter(CreditPolicy(general=Pool(500, 1, 500)), 1_000)
    assert meter.spend("public/test", 0)
    assert not meter.spend("public/test", 0)
