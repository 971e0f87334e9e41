"""The venue's end of the attestor: starts it, rings for it, asks it, and knows what it has published."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from exchange.app.attesting.files import unpack_block
from exchange.app.attesting.process import REFUSED
from exchange.app.attesting.service import HELLO_BLOCKS
from exchange.app.attesting.talk import Answer, Ask, Block, Ear, Hello, Message, packed
from exchange.app.child_link import ChildLink
from exchange.app.config import Config
from exchange.attest.eip712 import Domain
from exchange.attest.heads import HeadBlock
from exchange.gateway.ports import JournalPort
from exchange.gateway.receipts import Proof, ReceiptDone, ReceiptsBusy

_ASKED_MAX: Final = 16_384
_log: Final = logging.getLogger(__name__)


class AttestorLink(ChildLink):
    """A `gateway.receipts.Receipts` whose work a child process does. All of it on the loop's thread."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._config = config
        self._bell = -1
        self._ear = Ear()
        self._number = 0
        self._asked: dict[int, ReceiptDone] = {}
        self.signer = b""
        self.domain: Domain | None = None
        self.blocks: deque[HeadBlock] = deque(maxlen=HELLO_BLOCKS)

    # --- the process ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process."""
        heard, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        command = ["exchange.app.attesting", "--data", str(self._config.data), "--doorbell", str(heard)]
        command += ["--sealing-key", str(self._config.sealing_key), "--parent", str(os.getpid())]
        self._ear = Ear()
        try:
            self._spawn(command, (heard,))
        finally:
            os.close(heard)

    def revive(self) -> None:
        """Start it again if it has ended, unless it refuses to sign."""
        if self._child is None or self._child.poll() is None or self._child.returncode == REFUSED:
            return
        _log.error("the attestor has ended with status %s", self._child.returncode)
        self._hang_up()
        self.start()

    def ring(self) -> None:
        """Events were written. Never blocks; a full pipe rings already."""
        with contextlib.suppress(OSError):
            os.write(self._bell, b"\0")

    # --- what is asked of it -------------------------------------------------------------------------

    def ask(self, seq: int, done: ReceiptDone) -> None:
        """See `gateway.receipts.Receipts`."""
        if self._socket is None or len(self._asked) >= _ASKED_MAX:
            raise ReceiptsBusy
        self._number += 1
        try:
            self._socket.send(packed(Ask(self._number, seq)))
        except OSError:
            raise ReceiptsBusy from None
        self._asked[self._number] = done

    def _heard(self, data: bytes) -> None:
        for message in self._ear.hear(data):
            self._take(message)

    def _take(self, message: Message) -> None:
        match message:
            case Answer(number, receipt, command, events):
                done = self._asked.pop(number, None)
                if done is not None:
                    done(Proof(receipt, command, events) if receipt else None)
            case Hello(signer, chain_id, contract, blocks):
                self.signer, self.domain = signer, Domain(chain_id, contract)
                self.blocks.clear()
                self.blocks.extend(unpack_block(block) for block in blocks)
            case Block(block):
                self.blocks.append(unpack_block(block))

    def _hang_up(self) -> None:
        """Close our ends; whoever waits is told that there is nothing."""
        super()._hang_up()
        if self._bell >= 0:
            os.close(self._bell)
            self._bell = -1
        asked, self._asked = self._asked, {}
        for done in asked.values():
            done(None)


class RingingJournal:
    """A journal that rings for the attestor whenever events were written."""

    def __init__(self, inner: JournalPort, ring: Callable[[], None]) -> None:
        self._inner = inner
        self._ring = ring
        self.append_commands = inner.append_commands
        self.seal = inner.seal
        self.commit: Callable[[Any], object] = inner.commit

    def append_events(self, first_seq: int, count: int, event_count: int, events: bytes) -> None:
        """As the journal's, and ring."""
        self._inner.append_events(first_seq, count, event_count, events)
        self._ring()
