"""`python -m exchange.app.proving`: started by the venue, ends with it."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from exchange.app.framing import Ear, packed
from exchange.app.proving.talk import ASKED, Answer, Ask, Broken, Said
from exchange.gateway.fill_places import Posting, Settled
from settlement.node.fill_proofs import FillProof, FillProofs

_READ: Final = 1 << 16
_NICE: Final = 10
_log: Final = logging.getLogger(__name__)


class Prover:
    """Answers out of a database that may not be there yet."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._proofs: FillProofs | None = None

    def answer(self, ask: Ask) -> Said:
        """Never raises."""
        try:
            if self._proofs is None:
                self._proofs = FillProofs(self._database)
            found = self._proofs.of(ask.trade_id)
        except sqlite3.Error as error:
            _log.warning("%s: %s", self._database, error)
            self._proofs = None
            return Broken(ask.number)
        return Answer(ask.number, None if found is None else _settled(found))


def _settled(proof: FillProof) -> Settled:
    at = proof.posted
    posting = Posting(at.tx, at.block, at.block_hash, at.data, at.final_at_s) if at is not None else None
    return Settled(proof.batch_id, proof.step, proof.place, posting)


def main(argv: Sequence[str] | None = None) -> int:
    """Answer until the venue has gone."""
    parser = argparse.ArgumentParser(prog="python -m exchange.app.proving")
    parser.add_argument("--link", type=int, required=True, help="file descriptor of the venue's socket")
    parser.add_argument("--database", type=Path, required=True, help="settlement's database")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    prover, ear, link = Prover(options.database), Ear(ASKED), socket.socket(fileno=options.link)
    with contextlib.suppress(OSError):  # the venue is gone
        while data := link.recv(_READ):
            for ask in ear.hear(data):
                link.sendall(packed(prover.answer(ask)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
