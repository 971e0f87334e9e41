"""How many strangers may sign up: per address and hour, and in all for what the faucet may give.

Deposits are bounded for the venue as a whole, so who takes one for nothing has to be. Addresses are counted
as token buckets (of IPv6 the first 64 bits, which one person has); what was given is remembered beyond the
process. What was taken for an account that was not made is given back.
"""

from __future__ import annotations

import ipaddress
import math
from typing import Final, NamedTuple, Protocol

from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.session_methods import Clock

HOUR_MS: Final = 3_600_000
ADDRESSES_MAX: Final = 65_536
"""Addresses remembered; beyond that the one that was seen first begins anew."""
_IPV6_PREFIX: Final = 64


class SignUpLimits(NamedTuple):
    """What sign-ups may take; 0 is no limit of the venue's own. `orders_max` and `positions_max` are what an
    account that is made through the API may have open, its subaccounts each as many."""

    per_hour: int = 0
    faucet_budget_micro: int = 0
    orders_max: int = 0
    positions_max: int = 0


class Given(Protocol):
    """Where what the faucet has given outlives the process, in micro-USDC."""

    def load(self) -> int: ...

    def save(self, given_micro: int) -> None: ...


class GivenInMemory:
    """Forgets with the process (tests, simulation)."""

    def __init__(self) -> None:
        self._given_micro = 0

    def load(self) -> int:
        """See :class:`Given`."""
        return self._given_micro

    def save(self, given_micro: int) -> None:
        """See :class:`Given`."""
        self._given_micro = given_micro


class SignUps:
    """Admits sign-ups. `faucet_micro` is what each draws."""

    def __init__(self, limits: SignUpLimits, faucet_micro: int, clock: Clock, given: Given) -> None:
        self.limits = limits
        self._faucet_micro = faucet_micro
        self._clock = clock
        self._given = given
        self._given_micro = given.load()
        self._buckets: dict[str, tuple[float, int]] = {}
        """By address: sign-ups left, and when that was (ms)."""

    def admit(self, remote: str) -> None:
        """Take one sign-up of an address and of the budget.

        Raises:
            RpcError: 13025 the faucet's budget is spent, 10028 the address has had its share of this hour.
        """
        limits = self.limits
        drawn_micro = self._given_micro + self._faucet_micro
        if limits.faucet_budget_micro and drawn_micro > limits.faucet_budget_micro:
            raise error(
                errors.SWITCHED_OFF, reason="the faucet's budget is spent; the operator can raise it"
            )
        if limits.per_hour:
            self._take(network(remote))
        if limits.faucet_budget_micro:
            self._note(drawn_micro)

    def give_back(self, remote: str) -> None:
        """The account was not made after all."""
        address = network(remote)
        if address in self._buckets:
            left, at_ms = self._buckets[address]
            self._buckets[address] = (left + 1, at_ms)
        if self.limits.faucet_budget_micro:
            self._note(max(0, self._given_micro - self._faucet_micro))

    def _note(self, given_micro: int) -> None:
        self._given.save(given_micro)
        self._given_micro = given_micro

    def _take(self, address: str) -> None:
        per_hour, now_ms = self.limits.per_hour, self._clock.now_ms()
        left, at_ms = self._buckets.pop(address, (float(per_hour), now_ms))
        left = min(float(per_hour), left + max(0, now_ms - at_ms) * per_hour / HOUR_MS)
        if len(self._buckets) >= ADDRESSES_MAX:
            del self._buckets[next(iter(self._buckets))]
        if left < 1:
            self._buckets[address] = (left, now_ms)
            raise error(
                errors.TOO_MANY_REQUESTS,
                reason=f"an address may sign up {per_hour}x an hour",
                retry_after_s=math.ceil((1 - left) * HOUR_MS / per_hour / 1_000),
            )
        self._buckets[address] = (left - 1, now_ms)


def network(remote: str) -> str:
    """What is counted as one address: an IPv4 address, the first 64 bits of an IPv6 one."""
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return remote
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)
