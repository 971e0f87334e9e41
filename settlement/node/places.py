"""Where things are in a data directory of format 2. Light to import: every venue looks here."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from settlement.data.files import write


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

    def address(self) -> NodeAddress:
        """The L1's node. Raises PlacesError."""
        try:
            return msgspec.json.decode(self.node.read_bytes(), type=NodeAddress)
        except (OSError, msgspec.MsgspecError) as error:
            raise PlacesError(f"{self.node}: {error}") from None

    def set_address(self, address: NodeAddress) -> None:
        """Say where the L1 is. Raises OSError."""
        write(self.node, msgspec.json.encode(address))
