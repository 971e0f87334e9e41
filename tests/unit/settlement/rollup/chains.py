"""Chains of batches of a random venue, and the bridge that its deposits came from."""

from __future__ import annotations

from dataclasses import dataclass, field

from settlement.hashing import keccak
from settlement.rollup.builder import Attested, Batch, BatchBuilder, Limits
from settlement.rollup.coding import Coding, RawCoding
from settlement.rollup.derive import QueuedDeposit, QueuedRequest
from settlement.state import State as LedgerState
from settlement.stf.state import State
from tests.unit.settlement.streams import TIME_MS, Venue

ATTESTED = Attested(*(keccak(name.encode()) for name in ("head", "heads", "log")))


@dataclass
class Queues:
    """A bridge's queues in memory."""

    deposits: dict[int, QueuedDeposit] = field(default_factory=dict)
    requests: dict[int, QueuedRequest] = field(default_factory=dict)

    def deposit(self, deposit_id: int) -> QueuedDeposit | None:
        return self.deposits.get(deposit_id)

    def request(self, request_id: int) -> QueuedRequest | None:
        return self.requests.get(request_id)


@dataclass
class Chain:
    """Batches as posted, the venue they are of, and its bridge."""

    batches: list[Batch]
    venue: Venue
    bridge: Queues
    builder: BatchBuilder


def chain_of(seed: int, commands: int = 60, fills: int = 20, coding: Coding | None = None) -> Chain:
    venue = Venue(seed)
    frames = venue.frames(commands)
    builder = BatchBuilder(LedgerState(), State(), coding or RawCoding(), Limits(fills, 1 << 60))
    batches: list[Batch] = []
    for frame in frames:
        builder.add(frame, TIME_MS)
        if builder.due(TIME_MS) or frame is frames[-1]:
            batches.append(builder.close(ATTESTED, TIME_MS + len(batches)))
            builder.begin()
    deposits = {n: QueuedDeposit(account, amount, bytes(20)) for n, account, amount in venue.deposits}
    return Chain(batches, venue, Queues(deposits), builder)
