"""Who signs on the L1 of a data directory, and for which contracts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, NamedTuple, Self

from settlement.devnet import accounts
from settlement.l1.keys import Key, KeyRejected
from settlement.l1.rollup import Addresses
from settlement.node.places import Places, PlacesError

OPERATOR: Final = "STRIKEBOOK_L1_KEY"
SERVICE: Final = "STRIKEBOOK_L1_SERVICE_KEY"
FAUCET: Final = "STRIKEBOOK_L1_FAUCET_KEY"
_DEVNET_ACCOUNTS: Final = {OPERATOR: 0, FAUCET: 1, SERVICE: 2}
GUARDIAN_ACCOUNT: Final = 3


def addresses_of(places: Places) -> Addresses:
    """The directory's contracts. Raises PlacesError."""
    try:
        return Addresses.unpack(places.contracts.read_bytes())
    except (OSError, ValueError) as error:
        raise PlacesError(f"{places.contracts}: {error}") from None


def key_of(role: str, devnet: bool, environment: Mapping[str, str] = os.environ) -> Key:
    """The key of a role: on the development chain one that everybody knows, else the environment's.

    Raises:
        KeyRejected: the environment has none, or it is none.
    """
    if devnet and role not in environment and f"{role}_FILE" not in environment:
        return accounts.key(_DEVNET_ACCOUNTS[role])
    return Key.from_environment(environment, role)


class Keys(NamedTuple):
    """Who signs. Without `service` nobody here calls batches final or pays out: anyone may."""

    operator: Key
    service: Key | None

    @classmethod
    def of(cls, devnet: bool, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises PlacesError without an operator's key."""
        try:
            operator = key_of(OPERATOR, devnet, environment)
        except KeyRejected as error:
            raise PlacesError(f"the operator's key: {error}") from None
        try:
            return cls(operator, key_of(SERVICE, devnet, environment))
        except KeyRejected:
            return cls(operator, None)
