"""A chain in memory with its clock in the test's hand, and a small contract to talk to."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from vyper import compile_code

from settlement.devnet import accounts
from settlement.devnet.chain import DEFAULTS, Chain, Options
from settlement.devnet.rpc import Node
from settlement.hashing import keccak
from settlement.l1.blobs import Kzg, shared_kzg
from settlement.l1.keys import Key
from settlement.l1.transactions import DYNAMIC_FEE, Transaction

START_MS: Final = 1_700_000_000_000
MANUAL: Final = DEFAULTS._replace(block_ms=None)
GWEI: Final = 10**9

SOURCE: Final = """
event Counted:
    who: indexed(address)
    total: uint256

total: public(uint256)
of: public(HashMap[address, uint256])
first_blob: public(bytes32)

@external
@payable
def count(step: uint256):
    assert step != 13, "thirteen"
    self.total += step
    self.of[msg.sender] += step
    log Counted(who=msg.sender, total=self.total)

@external
def keep_blob():
    self.first_blob = blobhash(0)

@external
@view
def when() -> (uint256, uint256):
    return block.number, block.timestamp

@external
@view
def opened(proof: Bytes[192]) -> bool:
    ok: bool = False
    answer: Bytes[64] = b""
    ok, answer = raw_call(
        0x000000000000000000000000000000000000000A, proof, max_outsize=64,
        is_static_call=True, revert_on_failure=False
    )
    return ok
"""


@cache
def bytecode() -> bytes:
    """What creates the contract."""
    return bytes.fromhex(compile_code(SOURCE, output_formats=["bytecode"])["bytecode"][2:])


def selector(signature: str) -> bytes:
    """The first four bytes of a signature's keccak."""
    return keccak(signature.encode())[:4]


def count(step: int) -> bytes:
    """Calldata of count(step)."""
    return selector("count(uint256)") + step.to_bytes(32, "big")


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


class Rig:
    """A chain, its clock and its node."""

    def __init__(
        self, path: str | Path = ":memory:", options: Options = MANUAL, clock: Clock | None = None
    ) -> None:
        self.clock = clock or Clock()
        self.path, self.options = path, options
        self.chain = self._open()
        self.node = Node(self.chain)

    def _open(self) -> Chain:
        kzg: Kzg = shared_kzg()
        return Chain(self.path, self.clock, kzg, self.options, accounts.allocation())

    def reopen(self) -> None:
        """As a process that was killed and started again."""
        self.chain.close()
        self.chain = self._open()
        self.node = Node(self.chain)

    def ask(self, method: str, *params: Any) -> Any:
        """A method's result; AssertionError with the error's text if it is one."""
        answer = self.request(method, *params)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def request(self, method: str, *params: Any) -> dict[str, Any]:
        """A method's whole answer, through JSON."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer: dict[str, Any] = msgspec.json.decode(self.node.handle(msgspec.json.encode(body)))
        return answer

    def transaction(self, key: Key, to: bytes, data: bytes = b"", **changes: Any) -> Transaction:
        """A signed transaction with the sender's next nonce."""
        account = self.chain.world.account(key.address)
        plain: dict[str, Any] = {
            "kind": DYNAMIC_FEE, "chain_id": self.options.chain_id, "to": to, "data": data, "value_wei": 0,
            "nonce": self.chain.pool.next_nonce(key.address, account.nonce), "gas": 2_000_000,
            "max_fee": 20 * GWEI, "priority_fee": GWEI,
        }  # fmt: skip
        return Transaction(**(plain | changes)).signed(key)

    def send(self, key: Key, to: bytes, data: bytes = b"", **changes: Any) -> bytes:
        """Submit it; its hash."""
        return self.chain.submit(self.transaction(key, to, data, **changes).encoded())

    def deploy(self, key: Key) -> bytes:
        """A contract in a block; its address."""
        digest = self.send(key, b"", bytecode())
        if self.options.block_ms != 0:
            self.chain.mine()
        found = self.chain.included(digest)
        assert found is not None
        assert found.success, found.reason
        return found.created

    def total(self, contract: bytes, tag: Any = "latest") -> int:
        """What the contract counts at a block."""
        query = {"to": "0x" + contract.hex(), "data": "0x" + selector("total()").hex()}
        return int(self.ask("eth_call", query, tag), 16)
