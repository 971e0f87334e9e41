"""The prover as a process: it finds fills in a database, and a new one comes after one that died."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from signal import SIGKILL

import pytest

from exchange.app.proving.__main__ import Prover
from exchange.app.proving.link import ProverLink
from exchange.app.proving.talk import Broken, Chain, Found, Links, Place
from exchange.attest import chain
from exchange.attest.inclusion import included_in, read_fill
from exchange.gateway.prover import ProverBusy, Settled
from exchange.journal import ChainLog, DiskStorage
from settlement.node.places import Places
from tests.unit.clients.proofs.worlds import World

Told = Settled | ProverBusy | None


async def asked(link: ProverLink, trade_id: int) -> Told:
    told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
    link.place_of(trade_id, told.set_result)
    return await asyncio.wait_for(told, 30)


async def test_fills_are_found_where_they_are(tmp_path: Path) -> None:
    database = tmp_path / "rollup.sqlite"
    link = ProverLink(Places(tmp_path), asyncio.get_running_loop())
    with pytest.raises(ProverBusy):  # nobody settles yet
        link.place_of(1, lambda _: None)
    world = World(database)
    found = await asyncio.gather(*(asked(link, trade_id) for trade_id in (*world.trades, 10**9)))
    assert found.pop() is None
    for trade_id, settled in zip(world.trades, found, strict=True):
        assert isinstance(settled, Settled)
        assert included_in(settled.place, settled.step) is not None
        fill = read_fill(settled.step)
        assert fill is not None
        assert fill.trade_id == trade_id
        assert (settled.posting is None) == (settled.batch_id == 2)
    child = link._child
    assert child is not None
    os.kill(child.pid, SIGKILL)
    child.wait()
    while not isinstance(await asked(link, min(world.trades)), Settled):  # those asked of the dead one
        pass
    link.stop()


def test_a_database_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "rollup.sqlite"
    prover = Prover(Places(tmp_path))
    assert prover.answer(Place(1, 5)) == Broken(1)
    path.write_bytes(b"no database at all" * 100)
    assert prover.answer(Place(2, 5)) == Broken(2)
    path.unlink()
    world = World(path)
    trade_id = min(world.trades)
    found = prover.answer(Place(3, trade_id))
    assert isinstance(found, Found)
    assert found.answer is not None
    assert found.answer.place == world.place(trade_id).place


def test_the_chain_is_told_from_where_it_is_asked_for(tmp_path: Path) -> None:
    prover = Prover(Places(tmp_path))
    assert prover.answer(Chain(1, 1, 9)) == Links(1, [])
    with DiskStorage(tmp_path / "journal", writer=True) as storage:
        log = ChainLog(storage, chain)
        for first in range(1, 31, 3):
            log.append(first, 3, bytes([first]) * 32)
        known = list(log.entries())
    for seq, count in ((1, 4), (3, 1), (14, 100), (30, 2), (31, 2)):
        found = prover.answer(Chain(2, seq, count))
        assert isinstance(found, Links)
        expected = [each for each in known if each.next_seq > seq][:count]
        assert [(each.first_seq, each.last_seq, each.head) for each in found.answer] == [
            (each.first_seq, each.next_seq - 1, each.head) for each in expected
        ]
