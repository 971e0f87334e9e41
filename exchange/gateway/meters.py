"""Who pays for a request: its account, over all its connections, or its address before it has one."""

from __future__ import annotations

from collections.abc import Callable

from exchange.wire.credits import CreditMeter, CreditPolicy
from exchange.wire.session import Session


class Meters:
    """Meters by account, of which there are so many, and by address: one without connections is forgotten
    once it is full again, as a new one would be."""

    def __init__(self, policy: CreditPolicy | None, tier_of: Callable[[int], int]) -> None:
        self._policy = policy
        self._tier_of = tier_of
        self._of_account: dict[int, CreditMeter] = {}
        self._of_address: dict[str, CreditMeter] = {}

    def assign(self, session: Session, now_us: int) -> CreditMeter | None:
        """The meter that pays for the session's next request; None where nothing is metered."""
        policy = self._policy
        if policy is None:
            return None
        account = session.account
        if session.credits is not None and session.metered == account:
            return session.credits
        if account is None:
            meter = self._of_address.get(session.remote)
            if meter is None:
                meter = self._of_address[session.remote] = CreditMeter(policy, now_us)
        else:
            meter = self._of_account.get(account)
            if meter is None:
                meter = self._of_account[account] = CreditMeter(policy, now_us, self._tier_of(account))
        session.credits = meter
        session.metered = account
        return meter

    def tend(self, now_us: int, addresses: set[str]) -> None:
        """Look up accounts' tiers; forget addresses without a connection whose meters are full."""
        for account, meter in self._of_account.items():
            meter.set_tier(self._tier_of(account))
        for address, meter in list(self._of_address.items()):
            if address not in addresses and meter.is_full(now_us):
                del self._of_address[address]
