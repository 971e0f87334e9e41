"""A venue under rules version 2: the rig's listings with risk parameters and marks, and families of accounts."""

from __future__ import annotations

from typing import Any

from exchange.core.engine import Engine
from exchange.domain import commands
from exchange.domain.commands import FeeTier, RiskParameters
from exchange.gateway.authentication import CredentialAuthenticator
from exchange.gateway.credentials import Credentials
from exchange.wire.auth import DEFAULT_SCOPES, SUBACCOUNT_SCOPES
from tests.unit.gateway.rig import Client, Rig, listings

PARAMETERS = RiskParameters(
    scenarios=4,
    quantum_micro=1_000,
    extended_from=3,
    dampener_micro=0,
    sm_im_ppm=150_000,
    sm_floor_ppm=100_000,
    sm_mm_ppm=75_000,
    perp_im_ppm=20_000,
    perp_mm_ppm=10_000,
    uncovered_im_ppm=1_000_000,
    uncovered_mm_ppm=1_000_000,
    pm_mm_ppm=800_000,
    roll_ppm=10_000,
    shock_ppm=10_000,
    shock_threshold_micro=100_000_000_000,
    short_ppm=1_000,
    liquidation_fee_ppm=2_000,
    liquidation_slice_micro=10_000_000_000,
    liquidation_band_ppm=5_000,
    jump_factor=10,
    auction_ms=60_000,
    auction_discount_ppm=100_000,
)
TIERS = (FeeTier(300, 300, 0, 500), FeeTier(200, 250, -100, 400))


class Entropy:
    """Bytes that differ from call to call."""

    def __init__(self) -> None:
        self.count = 0

    def token_bytes(self, count: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(8, "big").rjust(count, b"\1")[-count:]


class RiskRig(Rig):
    """The rig's market under rules 2, with keys; `mains` are made by `client`, subaccounts by `family`."""

    def __init__(self, **ports: Any) -> None:
        engine = Engine()
        engine.apply(b"".join([*listings(), commands.set_rules(2)]))
        for underlying in (0, 1):
            engine.apply(commands.risk(underlying, PARAMETERS))
        engine.apply(commands.set_fees(TIERS))
        super().__init__(engine, **ports)
        self.credentials = Credentials(":memory:", Entropy(), self.clock)
        self.venue._authenticator = CredentialAuthenticator(self.credentials, self.clock)
        self._feed_seq = 100

    def main(self, usdc: int = 10_000_000, name: str = "alice") -> Client:
        """A session of a new main account that has a key."""
        account = self.account(usdc)
        self.credentials.adopt(account, name, bytes(20))
        return self.connect(account)

    def sub(self, main: Client) -> tuple[Client, dict[str, Any]]:
        """A session of a new subaccount, and the reply that made it."""
        made = main.call("private/create_subaccount")
        client = self.connect(made["id"])
        client.session.authenticate(made["id"], made["client_id"], SUBACCOUNT_SCOPES)
        return client, made

    def submit(self, command: bytes) -> bytes:
        """Sequence a command of the venue; its events."""
        found: list[bytes] = []
        self.venue.submit(command, found.append)
        self.loop.run()
        return found[0]


def scopes_of_a_main() -> frozenset[str]:
    return DEFAULT_SCOPES
