"""The L1's prices, for who decides when a batch closes and where its data goes: asked seldom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from settlement.data.costs import Policy, Prices, choose
from settlement.l1.ethereum import Ethereum
from settlement.l1.fees import next_base_fee_wei
from settlement.l1.port import L1Error

REFRESH_MS: Final = 6_000


class Market:
    """The last known prices. While the L1 does not answer they stay as they were."""

    def __init__(
        self, ethereum: Ethereum, now_ms: Callable[[], int], token_micro_usd: int = 0,
        refresh_ms: int = REFRESH_MS,
    ) -> None:  # fmt: skip
        self._ethereum = ethereum
        self._now_ms = now_ms
        self._refresh_ms = refresh_ms
        self._asked_ms: int | None = None
        self.prices = Prices(0, 0, token_micro_usd)
        self.error = ""

    def refresh(self) -> Prices:
        """The prices, asked of the L1 (three questions) if they are older than the refreshing time."""
        now_ms = self._now_ms()
        if self._asked_ms is not None and now_ms - self._asked_ms < self._refresh_ms:
            return self.prices
        self._asked_ms = now_ms
        try:
            head = self._ethereum.head()
            gas_wei = next_base_fee_wei(head) + self._ethereum.suggested_tip_wei()
            blob_wei = self._ethereum.blob_base_fee_wei()
        except L1Error as error:
            self.error = str(error)
            return self.prices
        self.error = ""
        self.prices = self.prices._replace(gas_wei=gas_wei, blob_gas_wei=blob_wei)
        return self.prices

    def should_wait(self, payload: bytes, age_ms: int, policy: Policy) -> bool:
        """Whether a batch that could close now should wait for more fills (`data.costs.choose`)."""
        return choose(payload, self.refresh(), age_ms, policy).quote is None
