"""Keeps the sequencer's chain: a Merkle root and a head a commit batch, written to the chain log.

Runs behind the acknowledgements (`Sequencer` calls it with what lags); a head that was not written when
the process died is computed again at the start.
"""

from __future__ import annotations

from exchange.attest import chain
from exchange.edge.batch_root import batch_root
from exchange.journal import ChainLog, JournalWriter


class ChainKeeper:
    """A `ports.ChainPort` on the journal's chain log."""

    def __init__(self, log: ChainLog, writer: JournalWriter, shard: int = 0) -> None:
        self._log = log
        self._writer = writer
        self._shard = shard

    def advance(self, first_seq: int, count: int, commands: bytes, events: bytes) -> None:
        """Add one commit batch and tell the writer, whose next segment starts from the head.

        Raises:
            RootError: commands and events that do not belong together.
            StorageError: the disk refused.
        """
        root = batch_root(commands, events, chain.shard_seq(self._shard, first_seq))
        self._writer.note_head(first_seq + count, self._log.append(first_seq, count, root))
