"""Built batches as the inbox takes them: payload or blobs at hand, and compared with the bridge's queues."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from settlement.data.archive import BlobArchive
from settlement.data.external import ExternalStore
from settlement.l1 import blobs as packing
from settlement.l1.blobs import Kzg
from settlement.l1.port import L1Unavailable
from settlement.l1.posting import PostingHalted, Ready
from settlement.l1.transactions import Sidecar
from settlement.node.store import NodeStore
from settlement.rollup.derive import Bridge
from settlement.stf import steps as s
from settlement.stf.commitment import Commitment
from settlement.stf.header import BLOBS, CALLDATA, EXTERNAL, NETTED, Header, unpack_header
from settlement.stf.state import State
from settlement.stf.steps import unpack

SIDECARS_KEPT: Final = 8


class Outbox:
    """`settlement.l1.posting.Built` over the store.

    What a batch says was deposited and requested is compared with the bridge before it is posted: a chain
    that took a deposit back, or has another under its id, must not get a batch that says otherwise.
    """

    def __init__(
        self, store: NodeStore, queues: Callable[[], Bridge], kzg: Kzg, archive: BlobArchive,
        external: ExternalStore | None = None, *, cells: bool = True,
    ) -> None:  # fmt: skip
        """`queues` is the bridge as of the chain's head; `cells`: blobs go with the proofs of their cells, as
        nodes want them since Osaka."""
        self._cells = cells
        self._store = store
        self._queues = queues
        self._kzg = kzg
        self._archive = archive
        self._external = external
        self._genesis = Commitment(State()).root
        self._ready: OrderedDict[int, Ready] = OrderedDict()
        self._agreed: set[int] = set()

    def root_after(self, batch_id: int) -> bytes | None:
        """See `Built`."""
        if batch_id == 0:
            return self._genesis
        header = self._store.header(batch_id)
        return None if header is None else header.new_root

    def ready(self, batch_id: int) -> Ready | None:
        """See `Built`.

        Raises:
            L1Unavailable: a deposit or request of it is not in the bridge's queue now.
            PostingHalted: another is there under its id.
        """
        found = self._ready.get(batch_id)
        if found is None:
            packed = self._store.packed_batch(batch_id)
            if packed is None:
                return None
            found = self._ready[batch_id] = self._made(unpack_header(packed[0]), packed[1])
            while len(self._ready) > SIDECARS_KEPT:
                self._ready.popitem(last=False)
        if batch_id not in self._agreed:
            self._must_agree(batch_id)
            self._agreed.add(batch_id)
        return found

    def look_again(self) -> None:
        """The chain took blocks back: what the bridge said counts no more."""
        self._agreed.clear()

    def _made(self, header: Header, payload: bytes) -> Ready:
        layer = header.layer & ~NETTED
        if layer == CALLDATA:
            return Ready(header.bound(), payload)
        if layer == EXTERNAL:
            if self._external is None:
                raise PostingHalted(f"batch {header.batch_id} is for an external store and there is none")
            self._external.put(payload)
            return Ready(header.bound())
        assert layer == BLOBS
        if header.layer & NETTED:
            outside = self._store.outside(header.batch_id)
            if self._external is None or outside is None:
                raise PostingHalted(f"batch {header.batch_id} is netted and its chunks have no place")
            # There before the header that commits to it is.
            self._external.put(outside)
        sidecar: Sidecar = self._kzg.sidecar(packing.pack(payload), cells=self._cells)
        # Kept before it is posted: the L1 forgets blobs after some weeks.
        self._archive.keep(sidecar)
        return Ready(header.bound(), b"", sidecar)

    def _must_agree(self, batch_id: int) -> None:
        header, before = self._store.header(batch_id), self._store.header(batch_id - 1)
        assert header is not None
        through = (before.deposits_through, before.forced_through) if before else (0, 0)
        if (header.deposits_through, header.forced_through) == through:
            return
        queues = self._queues()
        for _, records in self._store.records(batch_id):
            for record in records:
                if record[0] == s.DEPOSIT:
                    step = unpack(record)
                    _compare("deposit", step.ident, (step.first, step.p), queues.deposit(step.ident))
                elif record[0] == s.FORCED:
                    step = unpack(record)
                    _compare("request", step.ident, (step.first, step.p), queues.request(step.ident))


def _compare(what: str, ident: int, ours: tuple[int, int], theirs: tuple[object, ...] | None) -> None:
    if theirs is None:
        raise L1Unavailable(f"{what} {ident} is not in the bridge's queue")
    if theirs[:2] != ours:
        raise PostingHalted(f"{what} {ident} is {ours[1]} for account {ours[0]} here, {theirs} on the L1")
