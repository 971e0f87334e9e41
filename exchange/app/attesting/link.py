"""The venue's end of the attestor: starts it, asks it, and knows what it has published."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from typing import Final

from exchange.app.attesting.files import unpack_block
from exchange.app.attesting.process import REFUSED
from exchange.app.attesting.service import HELLO_BLOCKS
from exchange.app.attesting.talk import (
    DECODER,
    Answer,
    Ask,
    Block,
    Durable,
    Hello,
    Look,
    Message,
)
from exchange.app.child_link import ChildLink
from exchange.app.config import Config
from exchange.app.framing import Ear, packed
from exchange.attest.eip712 import Domain
from exchange.attest.heads import HeadBlock
from exchange.gateway.receipts import Proof, ReceiptDone, ReceiptsBusy

BACKLOG_BYTES_MAX: Final = 8 << 20
"""Batches beyond it are not handed over: the attestor reads the segments."""
_ASKED_MAX: Final = 16_384
_DELAYS: Final = 2_048
_log: Final = logging.getLogger(__name__)


class AttestorLink(ChildLink):
    """A `gateway.receipts.Receipts` whose work a child process does. All of it on the loop's thread."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._config = config
        self._ear = Ear(DECODER)
        self._skipped = False
        self._number = 0
        self._asked: dict[int, ReceiptDone] = {}
        self.signer = b""
        self.domain: Domain | None = None
        self.blocks: deque[HeadBlock] = deque(maxlen=HELLO_BLOCKS)
        self.signed_after_us: deque[int] = deque(maxlen=_DELAYS)

    # --- the process ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process."""
        command = ["exchange.app.attesting", "--data", str(self._config.data)]
        command += ["--sealing-key", str(self._config.sealing_key), "--parent", str(os.getpid())]
        command += ["--nice", str(self._config.attestor_nice)]
        self._ear = Ear(DECODER)
        self._skipped = False
        self._spawn(command)

    def revive(self) -> None:
        """Start it again if it has ended, unless it refuses to sign."""
        if self._child is None or self._child.poll() is None or self._child.returncode == REFUSED:
            return
        _log.error("the attestor has ended with status %s", self._child.returncode)
        self._hang_up()
        self.start()

    # --- what it is told -----------------------------------------------------------------------------

    def hand_over(self, batch: Durable) -> None:
        """A commit batch is durable and its results are out. Never waits: what does not fit is left to the
        segments."""
        if self._socket is None:
            return
        self._skipped = self._skipped or len(self._out) > BACKLOG_BYTES_MAX
        if not self._skipped:
            self._send(packed(batch))

    def _drained(self) -> None:
        if self._skipped:
            self._skipped = False
            self._send(packed(Look()))

    # --- what is asked of it -------------------------------------------------------------------------

    def ask(self, seq: int, done: ReceiptDone) -> None:
        """See `gateway.receipts.Receipts`."""
        if self._socket is None or len(self._asked) >= _ASKED_MAX:
            raise ReceiptsBusy
        self._number += 1
        self._asked[self._number] = done
        self._send(packed(Ask(self._number, seq)))

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
            case Block(block, signed_after_us):
                self.blocks.append(unpack_block(block))
                self.signed_after_us.extend(signed_after_us)

    def _hang_up(self) -> None:
        """Close our end; whoever waits is told that there is nothing."""
        super()._hang_up()
        asked, self._asked = self._asked, {}
        for done in asked.values():
            done(None)
