"""Where things are in a data directory of format 2, and who signs on its L1."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from settlement.data.files import write
from settlement.devnet import accounts
from settlement.l1.keys import Key, KeyRejected
from settlement.l1.rollup import Addresses

OPERATOR: Final = "STRIKEBOOK_L1_KEY"
SERVICE: Final = "STRIKEBOOK_L1_SERVICE_KEY"
FAUCET: Final = "STRIKEBOOK_L1_FAUCET_KEY"
_DEVNET_ACCOUNTS: Final = {OPERATOR: 0, FAUCET: 1, SERVICE: 2}
GUARDIAN_ACCOUNT: Final = 3


class PlacesError(Exception):
    """A file of the directory says something else, or a key is missing; the message says what to do."""


class NodeAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """DATA/settlement-l1.json: the L1's node. `devnet`: it is the development chain of this directory."""

    url: str
    devnet: bool


class Places(NamedTuple):
    """Paths, from the data directory on."""

    data: Path

    @property
    def journal(self) -> Path:
        """The shard's journal."""
        return self.data / "journal"

    @property
    def database(self) -> Path:
        """State, batches, and what the L1 said of them."""
        return self.data / "rollup.sqlite"

    @property
    def status(self) -> Path:
        """What the process tells."""
        return self.data / "settlement-status.json"

    @property
    def contracts(self) -> Path:
        """Where the contracts are."""
        return self.data / "settlement-contracts.json"

    @property
    def node(self) -> Path:
        """Where the L1 is."""
        return self.data / "settlement-l1.json"

    @property
    def chain(self) -> Path:
        """The development chain."""
        return self.data / "chain" / "chain.sqlite"

    @property
    def blobs(self) -> Path:
        """The archive of blobs."""
        return self.data / "blobs"

    @property
    def external(self) -> Path:
        """The external store."""
        return self.data / "external"

    def addresses(self) -> Addresses:
        """The contracts. Raises PlacesError."""
        try:
            return Addresses.unpack(self.contracts.read_bytes())
        except (OSError, ValueError) as error:
            raise PlacesError(f"{self.contracts}: {error}") from None

    def address(self) -> NodeAddress:
        """The L1's node. Raises PlacesError."""
        try:
            return msgspec.json.decode(self.node.read_bytes(), type=NodeAddress)
        except (OSError, msgspec.MsgspecError) as error:
            raise PlacesError(f"{self.node}: {error}") from None

    def set_address(self, address: NodeAddress) -> None:
        """Say where the L1 is. Raises OSError."""
        write(self.node, msgspec.json.encode(address))


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
