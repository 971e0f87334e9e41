"""Rate credits: what a session may ask of the venue per second, outside the matching engine.

A pool of credits refills with time; a request takes its cost from its pool. Whoever asks for more than
is left gets `too_many_requests` (10028) and loses the session. The field's numbers are
`CreditPolicy.of_the_field()`; the default is a hundred times as generous.
"""

from __future__ import annotations

from typing import Final, NamedTuple

# Methods that go through the matching engine and are governed by it, not by these credits.
MATCHING_METHODS: Final = frozenset(
    f"private/{name}"
    for name in (
        "buy",
        "sell",
        "edit",
        "edit_by_label",
        "cancel",
        "cancel_all",
        "cancel_by_label",
        "cancel_all_by_currency",
        "cancel_all_by_instrument",
        "cancel_all_by_kind_or_type",
        "mass_quote",
        "cancel_quotes",
        "close_position",
    )
)
_SUBSCRIBE_METHODS: Final = frozenset({"public/subscribe", "private/subscribe"})


class CreditPolicy(NamedTuple):
    """Pool sizes, refills per second and costs of the two pools, in credits."""

    pool: int = 5_000_000
    refill_per_s: int = 1_000_000
    cost: int = 500
    subscribe_pool: int = 3_000_000
    subscribe_refill_per_s: int = 1_000_000
    subscribe_cost: int = 3_000

    @classmethod
    def of_the_field(cls) -> CreditPolicy:
        """The published numbers: 20 requests/s, burst 100; 3.3 subscribe calls/s, burst 10."""
        return cls(50_000, 10_000, 500, 30_000, 10_000, 3_000)


class CreditMeter:
    """The two pools of one connection. Times are in microseconds of the venue's clock."""

    __slots__ = ("_at_us", "_policy", "_pool_micro", "_subscribe_micro")

    def __init__(self, policy: CreditPolicy, now_us: int) -> None:
        self._policy = policy
        self._pool_micro = policy.pool * 1_000_000
        self._subscribe_micro = policy.subscribe_pool * 1_000_000
        self._at_us = now_us

    def spend(self, method: str, now_us: int) -> bool:
        """Pay for one request; False, and nothing is taken, if the pool does not hold its cost."""
        if method in MATCHING_METHODS:
            return True
        policy = self._policy
        passed_us = max(0, now_us - self._at_us)
        self._at_us = now_us
        self._pool_micro = min(policy.pool * 1_000_000, self._pool_micro + passed_us * policy.refill_per_s)
        self._subscribe_micro = min(
            policy.subscribe_pool * 1_000_000,
            self._subscribe_micro + passed_us * policy.subscribe_refill_per_s,
        )
        if method in _SUBSCRIBE_METHODS:
            left = self._subscribe_micro - policy.subscribe_cost * 1_000_000
            if left < 0:
                return False
            self._subscribe_micro = left
            return True
        left = self._pool_micro - policy.cost * 1_000_000
        if left < 0:
            return False
        self._pool_micro = left
        return True
