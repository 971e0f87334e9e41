"""`private/strikebook_get_fill_proof`: one's own fills, and an answer whatever becomes of who knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exchange.attest.eip712 import Domain
from exchange.gateway.prover import ChainDone, Link, PlaceDone, Posting, ProverBusy, Settled
from exchange.gateway.receipts import NoReceipts
from tests.unit.clients.proofs.worlds import World
from tests.unit.gateway.rig import CallFailed, Rig


class Places:
    """What is known of fills."""

    def __init__(self) -> None:
        self.known: dict[int, Settled] = {}
        self.is_broken = False

    def place_of(self, trade_id: int, done: PlaceDone) -> None:
        done(ProverBusy() if self.is_broken else self.known.get(trade_id))


    def chain_from(self, seq: int, count: int, done: ChainDone) -> None:
        """Batches of ten."""
        links = [Link(at, at + 9, b"r" * 32, b"h" * 32) for at in range(seq, seq + 10 * count, 10)]
        done(ProverBusy() if self.is_broken else links)


class Signed(NoReceipts):
    """A venue whose inbox is known."""

    domain = Domain(1_337, b"\x33" * 20)


def test_a_fill_is_told_to_its_two_sides(tmp_path: Path) -> None:
    world = World(tmp_path / "rollup.sqlite")
    trade_id = next(each for each in world.trades if world.place(each).posted is not None)
    trade, found = world.trades[trade_id], world.place(trade_id)
    at = Posting(b"t" * 32, 77, b"b" * 32, bytes(32), 1_800_000_000)
    places = Places()
    places.known[trade_id] = Settled(found.batch_id, found.step, found.place, at)
    rig = Rig(prover=places, receipts=Signed()).open()
    accounts = {rig.account() for _ in range(8)}
    strangers = accounts - {trade.maker_account, trade.taker_account}
    asking: dict[str, Any] = {"method": "private/strikebook_get_fill_proof", "trade_id": str(trade_id)}
    for account in (trade.maker_account, trade.taker_account):
        told = rig.connect(account).call(**asking)
        kept = world.document(trade_id)
        assert kept.batch is not None
        assert told["batch"]["step_path"] == kept.batch.step_path
        assert (told["trade_id"], told["batch"]["header"]) == (str(trade_id), kept.batch.header)
        assert (told["l1"]["block"], told["l1"]["inbox"]) == (77, "0x" + "33" * 20)
    with pytest.raises(CallFailed, match="forbidden"):
        rig.connect(strangers.pop()).call(**asking)
    client = rig.connect(trade.maker_account)
    with pytest.raises(CallFailed, match="not_found"):
        client.call(**{**asking, "trade_id": 10**9})
    places.is_broken = True
    with pytest.raises(CallFailed, match="unavailable"):
        client.call(**asking)


def test_where_nobody_settles_it_says_so() -> None:
    client = Rig().open().client()
    with pytest.raises(CallFailed, match="unavailable"):
        client.call("private/strikebook_get_fill_proof", trade_id="5")


def test_the_chain_is_public() -> None:
    places = Places()
    rig = Rig(prover=places).open()
    told = rig.connect().call("public/strikebook_get_commit_batches", from_seq=21, count=2)["batches"]
    assert [(each["first_seq"], each["last_seq"]) for each in told] == [(21, 30), (31, 40)]
    assert told[0]["head"] == "0x" + "68" * 32
    for is_broken in (True, False):
        places.is_broken = is_broken
        asked = rig.connect() if is_broken else Rig().open().connect()
        with pytest.raises(CallFailed, match="unavailable"):
            asked.call("public/strikebook_get_commit_batches", from_seq=1)
