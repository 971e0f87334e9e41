"""Netted batches: what fills come to on the chain, the fills outside, and both followed by a stranger."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from settlement.data.external import ExternalStore
from settlement.l1.blobs import shared_kzg
from settlement.l1.feed import Feed
from settlement.l1.follower import Mark
from settlement.node.limits import MOST_OUTSIDE_BYTES
from settlement.stf.header import BLOBS, NETTED, unpack_header
from settlement.watch.replica import MissingData, Replica, Taken
from settlement.watch.store import WatchStore
from tests.unit.settlement.l1.backends import Devnet
from tests.unit.settlement.l1.test_feed import source
from tests.unit.settlement.node.rig import Rig, venue_of


def replica(rig: Rig, store: WatchStore) -> Replica:
    """Who follows with the chain, its blobs and the external store alone."""
    assert isinstance(rig.devnet, Devnet)
    blobs = source(rig.devnet)
    external = ExternalStore(rig.places.external, shared_kzg())

    def feed(marks: Sequence[Mark]) -> Feed:
        return Feed(rig.rollup, shared_kzg(), blobs=blobs, external=external, marks=marks)

    return Replica(rig.rollup, store, feed, lambda _: True)


def test_fills_stand_outside_are_followed_there_and_missed_where_withheld(tmp_path: Path) -> None:
    venue, frames = venue_of(13, 12)
    rig = Rig(tmp_path, frames, netted=True)
    rig.deposit(*((number, amount) for _, number, amount in venue.deposits))
    with rig.opened() as life:
        told = rig.until_settled(life)
        outside, packed = life.store.outside(1), life.store.packed_batch(1)
    assert outside is not None
    assert packed is not None
    assert len(outside) <= MOST_OUTSIDE_BYTES
    assert unpack_header(packed[0]).layer == BLOBS | NETTED
    assert told.batch_id == 1
    assert told.batches[0].blob_gas > 0
    with closing(WatchStore(":memory:", 1337, rig.rollup.addresses.inbox)) as store:
        stranger = replica(rig, store)
        assert [type(one) for one in stranger.poll()] == [Taken]
        assert stranger.following.derivation.root.hex() == told.root
    shutil.rmtree(rig.places.external)
    with closing(WatchStore(":memory:", 1337, rig.rollup.addresses.inbox)) as store:
        stranger = replica(rig, store)
        assert [type(one) for one in stranger.poll()] == [MissingData]
        stranger.supply(1, b"something else")
        assert [type(one) for one in stranger.advance()] == [MissingData]
        stranger.supply(1, outside)
        assert [type(one) for one in stranger.advance()] == [Taken]
        assert stranger.following.derivation.root.hex() == told.root
