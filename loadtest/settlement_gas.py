"""The gas rows of the settlement benchmark: posting a batch, and one step of a dispute about it.

The contracts stand on the development chain, whose gas is a real node's (docs/l1.md). The venue is
options_v1's: 6,024 accounts, 600 instruments; in the dispute the maker holds 64 positions on 8 pages, the
taker 12 on 3.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from loadtest.settlement_compression import LARGE, measured
from loadtest.settlement_rows import Row, Scale, measure
from loadtest.settlement_venue import TIME_MS, SettledVenue
from loadtest.streams import options_v1
from loadtest.streams.generator import FIRST_ACCOUNT, generate
from settlement.contracts import packing
from settlement.contracts.deployment import Contracts, Settings, deploy_all
from settlement.devnet import accounts
from settlement.devnet.chain import Chain, Options
from settlement.devnet.local import LocalRpc
from settlement.devnet.rpc import Node
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1 import blobs
from settlement.l1.ethereum import Ethereum
from settlement.l1.onchain import OnChain
from settlement.rollup.coding import NO_TABLES, RawCoding
from settlement.stf import steps as s
from settlement.stf.chunks import FILL_CHUNK, Chunk
from settlement.stf.commitment import Commitment
from settlement.stf.header import BLOBS, EXTERNAL, Header, ShardRange
from settlement.stf.sections import Money
from settlement.stf.state import State
from settlement.stf.witness import Witnessing

FULL: Final = 0.75
EXECUTION_MOST: Final = 5.0
BLOB_MOST: Final = 5.0
DISPUTE_MOST: Final = 150_000.0
GAS_PER_BLOB: Final = 131_072
MAKER, TAKER = FIRST_ACCOUNT, FIRST_ACCOUNT + options_v1.LAWS.makers
OPERATOR, CHALLENGER = accounts.key(0), accounts.key(1)


class Posted:
    """The contracts over a venue's state, and its next header."""

    def __init__(self, evm: OnChain, state: State) -> None:
        self.evm, self.state = evm, state
        self.commitment = Commitment(state)
        self.root = self.commitment.root
        who = OPERATOR.address
        self.contracts: Contracts = deploy_all(
            evm, who, operator=who, sequencer=who, guardian=who, genesis_root=self.root, settings=Settings()
        )
        inbox, token, bond = self.contracts.inbox, self.contracts.token, Settings().bond_least
        token.transact(who, "mint", who, bond)
        token.transact(who, "approve", inbox.address, bond)
        inbox.transact(who, "add_bond", bond)
        self._batch_id = 0

    def header(self, **fields: Any) -> Header:
        """What follows the last one; without fields a batch that changes nothing."""
        self._batch_id += 1
        first_seq = 1 << 56 | 1 + 100 * self._batch_id
        part = ShardRange(1, first_seq, first_seq + 99, keccak(b"c"), keccak(b"h"), keccak(b"l"))
        told: dict[str, Any] = {
            "codec": 5, "batch_id": self._batch_id, "closed_ms": self.evm.now() * 1000,
            "previous_root": self.root, "new_root": self.root, "chunk_root": keccak(b"chunks"),
            "trace_root": keccak(b"trace"), "tables_hash": NO_TABLES, "data_hash": keccak(b"data"),
            "payload_bytes": 1, "chunks": 1, "steps": 1, "fills": 1, "layer": EXTERNAL, "blobs": 0,
            "deposits_through": 0, "forced_through": 0, "ranges": (part,),
        }  # fmt: skip
        return Header(**(told | fields))

    def post(self, header: Header, hashes: tuple[bytes, ...] = ()) -> int:
        """Post it; the transaction's gas."""
        receipt = self.contracts.inbox.transact(OPERATOR.address, "post", header.bound(), b"", blobs=hashes)
        self.root = header.new_root
        return receipt.gas_used


@cache
def venue_state() -> State:
    """options_v1's venue before its first fill."""
    venue = SettledVenue(generate(options_v1.LAWS, LARGE))
    builder = venue.builder(RawCoding())
    builder.add(venue.opening(), 0)
    builder.state.parameters.money = Money()  # the bridge of this chain has had no deposits
    builder.state.parameters.underlyings.by_id = {
        number: one._replace(index_micro=10**9)
        for number, one in builder.state.parameters.underlyings.by_id.items()
    }
    for account, pages, each in ((MAKER, 8, 8), (TAKER, 3, 4)):
        for number in (16 * page + k + 1 for page in range(pages) for k in range(each)):
            holder, instrument = builder.state.accounts[account], builder.state.instruments[number]
            builder.state.move(account, holder, number, instrument, 5, 10**9)
    return builder.state


@contextmanager
def development_chain(folder: Path) -> Iterator[OnChain]:
    """A chain in this process that makes a block when it is told to."""
    clock = [TIME_MS]
    kzg = blobs.shared_kzg()
    options = Options(block_ms=None)
    chain = Chain(folder / "chain.sqlite", lambda: clock[0], kzg, options, accounts.allocation())

    def mine() -> None:
        clock[0] += 1_000
        chain.mine(1)

    def advance(seconds: int) -> None:
        clock[0] += 1_000 * seconds

    try:
        yield OnChain(Ethereum(LocalRpc(Node(chain))), [OPERATOR, CHALLENGER], mine, advance)
    finally:
        chain.close()


@cache
def gas_used() -> tuple[int, int]:
    """(posting a batch in one blob, executing one FILL in a dispute)."""
    with tempfile.TemporaryDirectory() as folder, development_chain(Path(folder)) as evm:
        posted = Posted(evm, venue_state())
        payload = b"\x01" * int(FULL * blobs.PAYLOAD_BYTES)
        sidecar = blobs.shared_kzg().sidecar(blobs.pack(payload))
        hashes = evm.carry(sidecar)
        of_post = 0
        for _ in range(2):  # the first finds places in the storage that nobody has written to
            header = posted.header(layer=BLOBS, blobs=len(hashes), payload_bytes=len(payload))
            of_post = posted.post(header, hashes)
        return of_post, _disputed_gas(posted)


def _disputed_gas(posted: Posted) -> int:
    """A batch of one FILL, begun to be disputed and executed."""
    witnessing = Witnessing(posted.state, posted.commitment)
    state, progress = packing.running(witnessing.running()), packing.start(witnessing.running())
    # The instrument is neither's first on its page, and new to both.
    step = s.Step(s.FILL, 0x22, 0, 10, MAKER, TAKER, 1, 1_200, 7)
    chunk = Chunk(FILL_CHUNK, (step,))
    packed = [packing.pack(one, witness) for one, witness in witnessing.chunk(chunk)]
    posted.state.end_chunk()
    before, root = posted.root, posted.commitment.update()
    header = posted.header(new_root=root, chunk_root=chunk.leaf, trace_root=root)
    posted.post(header)
    argument = (0, chunk.kind, 1, step.hash(), (), before, (), root, ())
    begun = (header.bound(), ZERO_HASH, argument, state)
    dispute, who = posted.contracts.dispute, CHALLENGER.address
    name = dispute.call("begin", *begun, sender=who)
    dispute.transact(who, "begin", *begun)
    return posted.contracts.executor(s.FILL).transact(who, "step", name, progress, packed[0]).gas_used


@measure("gas")
def gas_rows(scale: Scale) -> Iterator[Row]:
    """What a fill costs on the L1 where three quarters of a blob are full."""
    bytes_per_fill = measured(options_v1.LAWS, scale).warm[LARGE].bytes_per_fill
    fills = FULL * blobs.PAYLOAD_BYTES / bytes_per_fill
    of_post = gas_used()[0]
    name = "a blob three quarters full"
    yield Row(name, "fills in it, options_v1", fills, "fills")
    yield Row(name, "execution", of_post / fills, "gas/fill", EXECUTION_MOST)
    yield Row(name, "blob", GAS_PER_BLOB / fills, "gas/fill", BLOB_MOST)


@measure("dispute")
def dispute_rows(_: Scale) -> Iterator[Row]:
    """One step of a dispute, a whole transaction."""
    yield Row("dispute", "a FILL at depth 32 with positions", gas_used()[1], "gas", DISPUTE_MOST)
