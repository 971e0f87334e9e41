"""What is demanded of a batch whose data stand outside is shown out of what was stored of it, or not."""

from __future__ import annotations

from typing import Any

import pytest

from settlement.hashing import keccak
from settlement.l1.ethereum import Head
from settlement.l1.judging import DATA, Demand, Judges
from settlement.l1.rollup import Addresses, Rollup
from settlement.node.opening import Opening
from tests.unit.attest.test_inclusion import HEADER

NET, CHUNKS = b"what the fills come to", b"the fills"
NETTED = HEADER._replace(data_hash=keccak(CHUNKS))
WHERE = Addresses(1337, b"i" * 20, b"b" * 20, b"t" * 20, demands=b"d" * 20)
DEMAND = Demand(4, NETTED.hash, bytes(32), DATA, b"a" * 20, 99)


class Stored:
    """One netted batch; of its chunks `outside` was kept."""

    def __init__(self, outside: bytes | None) -> None:
        self.header = lambda _: NETTED
        self.packed_batch = lambda _: (b"", NET)
        self.outside = lambda _: outside
        self.last_batch_id = lambda: 1


@pytest.mark.parametrize(("outside", "is_shown"), [(CHUNKS, True), (None, False), (CHUNKS + b"!", False)])
def test_the_chunks_of_a_netted_batch_are_shown_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, outside: bytes | None, is_shown: bool
) -> None:
    monkeypatch.setattr(Judges, "demands", lambda *_: [DEMAND])
    no_chain: Any = None
    stored: Any = Stored(outside)
    rollup = Rollup(no_chain, WHERE)
    calls = Opening(rollup, stored).calls(Head(9, b"h" * 32, b"g" * 32, 7, 1, 1, 1))
    assert calls == ([Judges(rollup).answer_data(4, NETTED, CHUNKS)] if is_shown else [])
