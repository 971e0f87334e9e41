"""The venue's end of the prover."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from exchange.app.child_link import ChildLink
from exchange.app.framing import Ear, packed
from exchange.app.proving.talk import SAID, Asked, Broken, Chain, Place
from exchange.gateway.prover import ChainDone, PlaceDone, ProverBusy
from settlement.node.places import Places

_ASKED_MAX: Final = 256
_log: Final = logging.getLogger(__name__)


class ProverLink(ChildLink):
    """A `gateway.prover.Prover` whose work a child process does: it is started when it is first asked, and
    again when it has ended. All of it on the loop's thread."""

    def __init__(self, places: Places, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._places = places
        self._ear = Ear(SAID)
        self._number = 0
        self._asked: dict[int, Callable[[Any], None]] = {}

    def place_of(self, trade_id: int, done: PlaceDone) -> None:
        """See `gateway.prover.Prover`."""
        if not self._places.database.exists():
            raise ProverBusy
        self._ask(Place(self._number + 1, trade_id), done)

    def chain_from(self, seq: int, count: int, done: ChainDone) -> None:
        """See `gateway.prover.Prover`."""
        self._ask(Chain(self._number + 1, seq, count), done)

    def _ask(self, asked: Asked, done: Callable[[Any], None]) -> None:
        if len(self._asked) >= _ASKED_MAX:
            raise ProverBusy
        try:
            if self._socket is None:
                if self._child is not None:
                    self._child.poll()  # it has ended
                self._ear = Ear(SAID)
                self._spawn(["exchange.app.proving", "--data", str(self._places.data)])
        except OSError as error:
            _log.error("the prover cannot be started: %s", error)
            raise ProverBusy from None
        self._number = asked.number
        self._asked[asked.number] = done
        self._send(packed(asked))

    def _heard(self, data: bytes) -> None:
        for said in self._ear.hear(data):
            done = self._asked.pop(said.number, None)
            if done is not None:
                done(ProverBusy() if isinstance(said, Broken) else said.answer)

    def _hang_up(self) -> None:
        super()._hang_up()
        asked, self._asked = self._asked, {}
        for done in asked.values():
            done(ProverBusy())

