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
from exchange.app.proving.talk import ASKED, Asked, Broken, Chain, Found, Links, Said
from exchange.gateway.prover import Link, Posting, Settled
from exchange.journal import DiskStorage, JournalError
from settlement.attested import AttestedLog
from settlement.node.fill_proofs import FillProof, FillProofs
from settlement.node.places import Places

_READ: Final = 1 << 16
_NICE: Final = 10
_log: Final = logging.getLogger(__name__)


class Prover:
    """Answers out of files that others write, and that may not be there yet."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._proofs: FillProofs | None = None

    def answer(self, asked: Asked) -> Said:
        """Never raises."""
        try:
            if isinstance(asked, Chain):
                return Links(asked.number, self._links(asked.seq, asked.count))
            return Found(asked.number, self._settled(asked.trade_id))
        except (sqlite3.Error, JournalError, OSError) as error:
            _log.warning("%s: %s", self._places.data, error)
            self._proofs = None
            return Broken(asked.number)

    def _settled(self, trade_id: int) -> Settled | None:
        if self._proofs is None:
            self._proofs = FillProofs(self._places.database)
        found = self._proofs.of(trade_id)
        return None if found is None else _settled(found)

    def _links(self, seq: int, count: int) -> list[Link]:
        with DiskStorage(self._places.journal) as storage:
            entries = AttestedLog(storage).entries(seq, count)
        return [Link(each.first_seq, each.next_seq - 1, each.root, each.head) for each in entries]


def _settled(proof: FillProof) -> Settled:
    at = proof.posted
    posting = Posting(at.tx, at.block, at.block_hash, at.data, at.final_at_s) if at is not None else None
    return Settled(proof.batch_id, proof.step, proof.place, posting)


def main(argv: Sequence[str] | None = None) -> int:
    """Answer until the venue has gone."""
    parser = argparse.ArgumentParser(prog="python -m exchange.app.proving")
    parser.add_argument("--link", type=int, required=True, help="file descriptor of the venue's socket")
    parser.add_argument("--data", type=Path, required=True, help="the venue's data directory")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    prover, ear, link = Prover(Places(options.data)), Ear(ASKED), socket.socket(fileno=options.link)
    with contextlib.suppress(OSError):  # the venue is gone
        while data := link.recv(_READ):
            for asked in ear.hear(data):
                link.sendall(packed(prover.answer(asked)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
