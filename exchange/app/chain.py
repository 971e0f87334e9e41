"""Who keeps the sequencer's chain: the attestor where children run, else the venue's own process.

Recovery completes what is missing in either case, and nobody else writes the chain's files meanwhile: the
attestor of a venue that was killed has ended by then.
"""

from __future__ import annotations

import asyncio
from typing import Final

from exchange.app.attesting.attestor import CONSUMER
from exchange.app.attesting.handing import HandingJournal
from exchange.app.attesting.link import AttestorLink
from exchange.app.attesting.lock import ChainBusy, ChainLock
from exchange.app.attesting.paths import Paths
from exchange.app.attesting.process import LOCK_WAIT_S
from exchange.app.config import Config
from exchange.app.ports import SystemClock
from exchange.app.stores import StartError
from exchange.core.engine import Engine
from exchange.gateway.chain_keeper import ChainKeeper
from exchange.gateway.ports import ChainPort, JournalPort
from exchange.gateway.receipts import NoReceipts, Receipts
from exchange.gateway.sequencer import Sequencer
from exchange.journal import Cursor, JournalWriter, Recovered, Retention, Storage, retain

CONSUMERS: Final = ("settlement", "history", "streams")


class VenueChain:
    """Made before recovery, which it guards.

    Raises:
        StartError: the chain of a venue that has ended is still being written.
    """

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        self._link = AttestorLink(config, loop) if config.children else None
        try:
            self._lock = ChainLock(Paths(config.data).lock)
            self._lock.take(LOCK_WAIT_S)
        except (ChainBusy, OSError) as error:
            raise StartError(f"the chain cannot be written: {error}") from None

    def abandon(self) -> None:
        """There is nothing to start from."""
        self._lock.release()

    def ports(self, recovered: Recovered[Engine]) -> tuple[JournalPort, ChainPort | None]:
        """The journal and the chain for the sequencer."""
        assert recovered.chain_log is not None
        self._writer: JournalWriter = recovered.writer
        self._log = recovered.chain_log
        if self._link is None:
            return self._writer, ChainKeeper(self._log, self._writer)
        self._handing = HandingJournal(self._writer, self._link.hand_over, SystemClock().monotonic_us)
        return self._handing, None

    def attach(self, sequencer: Sequencer) -> None:
        """The sequencer that writes to the journal of `ports`."""
        if self._link is not None:
            self._handing.attach(sequencer)

    @property
    def receipts(self) -> Receipts:
        """Who makes receipts."""
        return NoReceipts() if self._link is None else self._link

    def start(self) -> None:
        """From here on the attestor writes, if there is one."""
        if self._link is not None:
            self._lock.release()
            self._link.start()

    def revive(self) -> None:
        """Start the attestor again if it has ended."""
        if self._link is not None:
            self._link.revive()

    def retain(self, storage: Storage) -> Retention:
        """Delete what every consumer, the snapshots and the chain have left behind. Raises JournalError."""
        if self._link is None:
            return retain(storage, consumers=CONSUMERS, chain_log=self._log)
        heads_seq = Cursor(storage, CONSUMER).read()
        return retain(storage, consumers=(*CONSUMERS, CONSUMER), heads_seq=heads_seq)

    def stop(self, *, halted: bool) -> None:
        """Everything is written: end the attestor, or make the heads durable."""
        if self._link is not None:
            self._link.stop()
            return
        if not halted:
            self._log.sync()
        self._lock.release()
