"""Rate credits: what a client may ask of the venue per second.

Pools of credits refill with time; a request takes its cost from its pool. There is one for subscribe calls,
one for `get_instruments`, one for what goes to the matching engine, sized by the account's fee tier, and one
for everything else. Whoever asks for more than is left gets `too_many_requests` (10028) and keeps the
session; cancels, and `public/test` in answer to a test request, are always admitted. The field's numbers,
ended session included, are `CreditPolicy.of_the_field()`; the default is far more generous.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.edge.credit_pool import CreditPool

CANCEL_METHODS: Final = frozenset(
    f"private/{name}"
    for name in (
        "cancel",
        "cancel_all",
        "cancel_by_label",
        "cancel_all_by_currency",
        "cancel_all_by_currency_pair",
        "cancel_all_by_instrument",
        "cancel_all_by_kind_or_type",
        "cancel_quotes",
        "cancel_block_rfq",
        "cancel_block_rfq_trigger",
        "cancel_block_rfq_quote",
        "cancel_all_block_rfq_quotes",
    )
)
# Methods that go through the matching engine.
MATCHING_METHODS: Final = CANCEL_METHODS | {
    f"private/{name}" for name in (
        "buy",
        "sell",
        "edit",
        "edit_by_label",
        "mass_quote",
        "close_position",
        "set_mmp_config",
        "reset_mmp",
        "verify_block_trade",
        "simulate_block_trade",
        "execute_block_trade",
        "move_positions",
        "accept_block_rfq",
        "add_block_rfq_quote",
        "edit_block_rfq_quote",
    )
}
_SUBSCRIBE_METHODS: Final = frozenset({"public/subscribe", "private/subscribe"})
_INSTRUMENTS_METHODS: Final = frozenset({"public/get_instruments"})

GENERAL, SUBSCRIBE, INSTRUMENTS, MATCHING = range(4)
_POOL_OF: Final[dict[str, int]] = {
    **dict.fromkeys(_SUBSCRIBE_METHODS, SUBSCRIBE),
    **dict.fromkeys(_INSTRUMENTS_METHODS, INSTRUMENTS),
    **dict.fromkeys(MATCHING_METHODS, MATCHING),
}


class Pool(NamedTuple):
    """Size, refill per second and what one request costs, in credits. A size of 0 admits nothing."""

    size: int
    refill_per_s: int
    cost: int

    @property
    def burst(self) -> int:
        """Requests that a full pool admits at once."""
        return self.size // self.cost

    @property
    def rate_per_s(self) -> float:
        """Requests a second that it admits for ever."""
        return self.refill_per_s / self.cost


class CreditPolicy(NamedTuple):
    """The pools. `matching` is by fee tier, the lowest first; a tier beyond the last has the last's."""

    general: Pool = Pool(5_000_000, 1_000_000, 500)
    subscribe: Pool = Pool(3_000_000, 1_000_000, 3_000)
    instruments: Pool = Pool(50_000_000, 1_000_000, 10_000)
    matching: tuple[Pool, ...] = (
        Pool(20_000, 5_000, 1),
        Pool(30_000, 10_000, 1),
        Pool(50_000, 20_000, 1),
        Pool(100_000, 30_000, 1),
    )
    terminate: bool = False
    """Whether a request beyond the budget ends its session, as the dialect has it."""

    @classmethod
    def of_the_field(cls) -> CreditPolicy:
        """The published numbers: 20 requests/s, burst 100; 3.3 subscribe calls/s, burst 10; one
        get_instruments/s, burst 50; orders by tier 5 to 30 a second, burst 20 to 100."""
        return cls(
            Pool(50_000, 10_000, 500),
            Pool(30_000, 10_000, 3_000),
            Pool(500_000, 10_000, 10_000),
            (Pool(20, 5, 1), Pool(30, 10, 1), Pool(50, 20, 1), Pool(100, 30, 1)),
            terminate=True,
        )

    def pools(self, tier: int) -> tuple[Pool, Pool, Pool, Pool]:
        """The pools of an account of a tier."""
        matching = self.matching[min(tier, len(self.matching) - 1)]
        return self.general, self.subscribe, self.instruments, matching


class CreditMeter:
    """The pools of one account, or of one address. Times are in microseconds of the venue's clock."""

    __slots__ = ("_pools", "orders", "policy", "tier")

    def __init__(self, policy: CreditPolicy, now_us: int, tier: int = 0) -> None:
        self.policy = policy
        self.tier = tier
        self._pools = [CreditPool(*pool, now_us) for pool in policy.pools(tier)]
        self.orders = self._pools[MATCHING]
        """The pool that orders are paid from."""

    def set_tier(self, tier: int) -> None:
        """The account's tier is another now; what it has left stays, up to the new size."""
        if tier != self.tier:
            self.tier = tier
            self.orders.resize(*self.policy.pools(tier)[MATCHING])

    def _pool(self, method: str) -> CreditPool:
        return self._pools[_POOL_OF.get(method, GENERAL)]

    def spend(self, method: str, now_us: int) -> bool:
        """Pay for one request; False, and nothing is taken, if the pool does not hold its cost.

        A cancel is always admitted: it takes what is there.
        """
        return self.spend_many(method, int(method not in CANCEL_METHODS), 1, now_us)

    def spend_many(self, method: str, others: int, count: int, now_us: int) -> bool:
        """Pay for `count` requests of which `others` are no cancels; False, and nothing is taken, if the pool
        does not hold the cost of these."""
        pool = self._pool(method)
        left = pool.refill(now_us)
        if others and left < others * pool.cost_micro:
            return False
        pool.left_micro = max(0, left - count * pool.cost_micro)
        return True

    def budget(self, method: str) -> int:
        """How many more requests like this one the pool holds, without what has been refilled since."""
        return self._pool(method).budget()

    def wait_ms(self, method: str) -> int:
        """Milliseconds until a request like this one is admitted."""
        return self._pool(method).wait_ms()

    def is_full(self, now_us: int) -> bool:
        """Whether nothing is missing anywhere: a new meter would be the same."""
        return all(pool.refill(now_us) >= pool.size_micro for pool in self._pools)
