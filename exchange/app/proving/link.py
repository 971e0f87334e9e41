"""The venue's end of the prover."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from exchange.app.child_link import ChildLink
from exchange.app.framing import Ear, packed
from exchange.app.proving.talk import SAID, Ask, Broken
from exchange.gateway.fill_places import PlaceDone, PlacesBusy

_ASKED_MAX: Final = 256
_log: Final = logging.getLogger(__name__)


class ProverLink(ChildLink):
    """A `gateway.fill_places.FillPlaces` whose work a child process does: it is started when it is first
    asked, and again when it has ended. All of it on the loop's thread."""

    def __init__(self, database: Path, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._database = database
        self._ear = Ear(SAID)
        self._number = 0
        self._asked: dict[int, PlaceDone] = {}

    def ask(self, trade_id: int, done: PlaceDone) -> None:
        """See `gateway.fill_places.FillPlaces`."""
        if len(self._asked) >= _ASKED_MAX or not self._database.exists():
            raise PlacesBusy
        try:
            if self._socket is None:
                if self._child is not None:
                    self._child.poll()  # it has ended
                self._ear = Ear(SAID)
                self._spawn(["exchange.app.proving", "--database", str(self._database)])
        except OSError as error:
            _log.error("the prover cannot be started: %s", error)
            raise PlacesBusy from None
        self._number += 1
        self._asked[self._number] = done
        self._send(packed(Ask(self._number, trade_id)))

    def _heard(self, data: bytes) -> None:
        for said in self._ear.hear(data):
            done = self._asked.pop(said.number, None)
            if done is None:
                continue
            if isinstance(said, Broken):
                done(PlacesBusy())
            else:
                done(said.settled)

    def _hang_up(self) -> None:
        super()._hang_up()
        asked, self._asked = self._asked, {}
        for done in asked.values():
            done(PlacesBusy())

