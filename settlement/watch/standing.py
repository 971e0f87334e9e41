"""The last final state: what every way out is proven from."""

from __future__ import annotations

from settlement.l1.ethereum import Head
from settlement.l1.leaving import FinalState
from settlement.l1.port import L1Unavailable
from settlement.stf.header import unpack_header
from settlement.watch.replica import MissingData, Replica, WrongBatch


class NotFinal(Exception):
    """The last final state can not be rebuilt: the text says why."""


def final_state(replica: Replica, at: Head) -> FinalState:
    """Rebuild the state behind the last final batch, as of a block. The replica stands there afterwards.

    Raises:
        NotFinal: its data, or that of a batch in front of it, is missing or wrong.
        L1Unavailable: ask again.
    """
    final_id = replica.rollup.inbox(at).final_id
    if replica.batch_id > final_id:
        replica.go_back(final_id)
    replica.stop_at = final_id
    while replica.batch_id < final_id:
        before = replica.read_to, replica.batch_id
        for happened in replica.poll():
            if isinstance(happened, MissingData):
                raise NotFinal(f"the data of batch {happened.posted.batch_id} is missing: {happened.why}")
            if isinstance(happened, WrongBatch):
                found = happened.finding
                raise NotFinal(f"batch {found.batch_id} is final and wrong: {found.text}")
        if (replica.read_to, replica.batch_id) == before:
            raise L1Unavailable(f"batch {final_id} is final and was not read yet")
    kept = replica.kept(final_id)
    if kept is None or kept.header is None:
        return FinalState(None, replica.following.derivation.commitment)
    header = unpack_header(kept.header + bytes(6))
    return FinalState(header, replica.following.derivation.commitment, kept.posted.data)
