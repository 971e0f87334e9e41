"""Settlement's contracts on a chain, and batches whose contents do not matter to the inbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from settlement.contracts.compiler import compiled
from settlement.contracts.evm import deploy
from settlement.devnet import accounts
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1.blobs import pack, shared_kzg
from settlement.l1.ethereum import Ethereum
from settlement.l1.onchain import OnChain
from settlement.l1.posting import Posting, Ready
from settlement.l1.rollup import Addresses, Rollup
from settlement.l1.sender import Sender
from settlement.stf.header import BLOBS, CALLDATA, Header, ShardRange
from tests.unit.settlement.l1.backends import Backend

GENESIS_ROOT: Final = keccak(b"genesis")
CHALLENGE_S: Final = 600
BOND_MICRO: Final = 1_000 * 10**6
KEY: Final = accounts.key(0)
JUDGE: Final = accounts.key(1)


def header(batch_id: int, payload: bytes, previous: bytes, *, blobs: int = 0) -> Header:
    """A header that follows; its roots are made up."""
    part = ShardRange(0, batch_id * 100 - 99, batch_id * 100, bytes(32), bytes(32), bytes(32))
    return Header(
        0, batch_id, batch_id, previous, keccak(payload), keccak(b"chunks"), keccak(b"trace"), ZERO_HASH,
        keccak(payload), len(payload), 1, 1, 0, BLOBS if blobs else CALLDATA, blobs, 0, 0, (part,),
    )  # fmt: skip


class Batches:
    """What settlement built: batch n has root keccak(payload n)."""

    def __init__(self, count: int, *, blobs: bool = False) -> None:
        self.readies: list[Ready] = []
        self.roots = [GENESIS_ROOT]
        for batch_id in range(1, count + 1):
            payload = keccak(b"payload" + bytes([batch_id])) * 20
            sidecar = shared_kzg().sidecar(pack(payload), cells=False) if blobs else None
            made = header(batch_id, payload, self.roots[-1], blobs=len(sidecar.blobs) if sidecar else 0)
            self.readies.append(Ready(made.bound(), b"" if blobs else payload, sidecar))
            self.roots.append(made.new_root)

    def root_after(self, batch_id: int) -> bytes | None:
        return self.roots[batch_id] if batch_id < len(self.roots) else None

    def ready(self, batch_id: int) -> Ready | None:
        return self.readies[batch_id - 1] if batch_id <= len(self.readies) else None


def deployed(backend: Backend, advance: Callable[[int], None] | None = None) -> Rollup:
    """Token, bridge and inbox, with a bond; the judge is an account of the test's."""
    ethereum = Ethereum(backend.rpc)
    chain = OnChain(ethereum, [KEY, JUDGE], backend.mine, advance or backend.increase_time)
    first_block = ethereum.head().number + 1
    token = deploy(chain, KEY.address, compiled("Token"))
    bridge = deploy(chain, KEY.address, compiled("Bridge"), token.address, KEY.address, 10**6, 10**6)
    inbox = deploy(
        chain, KEY.address, compiled("Inbox"), token.address, bridge.address, KEY.address, KEY.address,
        GENESIS_ROOT, BOND_MICRO, CHALLENGE_S, CHALLENGE_S,
    )  # fmt: skip
    bridge.transact(KEY.address, "enlist", inbox.address, bytes(20))
    inbox.transact(KEY.address, "enlist", [JUDGE.address], bytes(20))
    token.transact(KEY.address, "mint", KEY.address, 10 * BOND_MICRO)
    token.transact(KEY.address, "approve", inbox.address, BOND_MICRO)
    inbox.transact(KEY.address, "add_bond", BOND_MICRO)
    where = Addresses(1337, inbox.address, bridge.address, token.address, b"", first_block)
    return Rollup(ethereum, where)


def posting(rollup: Rollup, batches: Batches, now_ms: Callable[[], int] = lambda: 0) -> Posting:
    """A poster that remembers nothing."""
    return Posting(rollup, Sender(rollup.ethereum, KEY), batches, now_ms, confirmations=2)
