"""Where the attestor's own files are, from the venue's data directory on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Paths(NamedTuple):
    """Named here, and not in the venue's configuration, which a child process need not read."""

    data: Path

    @property
    def journal(self) -> Path:
        """The shard's journal directory."""
        return self.data / "journal"

    @property
    def lock(self) -> Path:
        """Held by whoever writes the chain's files."""
        return self.data / "attestor.lock"

    @property
    def key(self) -> Path:
        """The signing key, sealed."""
        return self.data / "sequencer.key"

    @property
    def guard(self) -> Path:
        """What that key has signed last."""
        return self.data / "sequencer.guard"

    @property
    def contracts(self) -> Path:
        """Which settlement contracts are deployed, if any are: JSON with `chain_id` and `inbox`."""
        return self.data / "settlement-contracts.json"
