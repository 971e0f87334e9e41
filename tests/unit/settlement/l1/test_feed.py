"""A stranger reads every batch from the chain and its data layers, whatever was pruned, moved or withheld."""

from __future__ import annotations

from pathlib import Path

import pytest

from settlement.data.archive import BlobArchive, Sources
from settlement.data.costs import Policy
from settlement.data.external import ExternalStore
from settlement.devnet.beacon import Beacon
from settlement.l1.beacon import BeaconBlobs
from settlement.l1.blobs import shared_kzg
from settlement.l1.ethereum import L1Reorganised
from settlement.l1.feed import Arrived, Feed, Final
from settlement.l1.market import Market
from settlement.l1.posting import Ready
from settlement.l1.sender import Sender
from settlement.stf.header import EXTERNAL
from tests.unit.settlement.devnet.rig import GWEI, MANUAL
from tests.unit.settlement.l1.backends import Devnet
from tests.unit.settlement.l1.rollups import CHALLENGE_S, KEY, Batches, deployed, header, posting


def payloads(items: list[object]) -> list[bytes | None]:
    return [item.payload for item in items if isinstance(item, Arrived)]


def source(backend: Devnet) -> BeaconBlobs:
    beacon = Beacon(backend.rig.chain)

    def get(target: str) -> bytes:
        status, body = beacon.get(target)
        if status != 200:
            raise LookupError(target)
        return body

    return BeaconBlobs(get, shared_kzg())


def test_calldata_batches_arrive_and_come_back_after_a_reorganisation() -> None:
    backend = Devnet()
    rollup, batches = deployed(backend), Batches(3)
    feed, poster = Feed(rollup, shared_kzg()), posting(rollup, batches)
    poster.step()
    backend.mine()
    first = feed.poll()
    assert payloads([*first]) == [ready.payload for ready in batches.readies]
    assert [item.header.batch_id for item in first if isinstance(item, Arrived) and item.header] == [1, 2, 3]
    backend.reorganise(1)
    with pytest.raises(L1Reorganised):
        feed.poll()
    assert [item.posted.batch_id for item in feed.poll() if isinstance(item, Arrived)] == [1, 2, 3]
    backend.increase_time(CHALLENGE_S + 1)
    backend.mine()
    Sender(rollup.ethereum, KEY).step([rollup.finalise()], rollup.ethereum.head())
    backend.mine()
    resumed = Feed(rollup, shared_kzg(), marks=feed.marks)
    assert resumed.poll() == [Final(3)] == feed.poll()


def test_blobs_arrive_from_the_node_and_after_pruning_from_an_archive(tmp_path: Path) -> None:
    backend = Devnet(MANUAL._replace(blob_retention_blocks=4))
    rollup, batches = deployed(backend), Batches(1, blobs=True)
    posting(rollup, batches).step()
    backend.mine()
    archive = BlobArchive(tmp_path, shared_kzg())
    (arrived,) = Feed(rollup, shared_kzg(), blobs=source(backend)).poll()
    assert isinstance(arrived, Arrived)
    assert arrived.payload is not None
    sidecar = batches.readies[0].sidecar
    assert sidecar is not None
    archive.keep(sidecar)
    backend.mine(4)
    (pruned,) = Feed(rollup, shared_kzg(), blobs=source(backend)).poll()
    assert isinstance(pruned, Arrived)
    assert (pruned.payload, "no blobs" in pruned.missing) == (None, True)
    (again,) = Feed(rollup, shared_kzg(), blobs=Sources(source(backend), archive)).poll()
    assert again == arrived
    assert isinstance(Feed(rollup, shared_kzg()).poll()[0], Arrived)


def test_external_data_is_fetched_or_told_missing(tmp_path: Path) -> None:
    backend = Devnet()
    rollup, batches = deployed(backend), Batches(1)
    payload = batches.readies[0].payload
    made = header(1, payload, batches.roots[0])._replace(layer=EXTERNAL)
    batches.readies[0] = Ready(made.bound())
    posting(rollup, batches).step()
    backend.mine()
    store = ExternalStore(tmp_path, shared_kzg())
    feed = Feed(rollup, shared_kzg(), external=store)
    (arrived,) = feed.poll()
    assert isinstance(arrived, Arrived)
    assert arrived.payload is None
    store.put(payload)
    assert feed.arrived(arrived.posted).payload == payload
    (unknown,) = Feed(rollup, shared_kzg()).poll()
    assert isinstance(unknown, Arrived)
    assert unknown.missing == "no external store is known"


def test_prices_stay_while_the_l1_is_silent() -> None:
    backend, now_ms = Devnet(), [0]
    market = Market(deployed(backend).ethereum, lambda: now_ms[0])
    backend.rig.chain.faults.set({"base_fee_floor_wei": 50 * GWEI})
    backend.mine()
    before = market.refresh()
    assert before.gas_wei > 40 * GWEI
    backend.rig.chain.faults.set({"fail": True})
    now_ms[0] += 10_000
    assert market.refresh() == before
    assert market.error
    assert market.should_wait(b"\1" * 50_000, 0, Policy())
    assert not market.should_wait(b"\1" * 50_000, 60_000, Policy())
