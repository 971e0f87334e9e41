"""The chains that the adapter's tests run on: the development chain in process, and anvil."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, Protocol

from vyper import compile_code

from settlement.devnet import accounts
from settlement.devnet.chain import Options
from settlement.devnet.local import LocalRpc
from settlement.l1.ethereum import Ethereum
from settlement.l1.hexes import data, quantity
from settlement.l1.keys import Key
from settlement.l1.rpc import HttpRpc, Rpc
from settlement.l1.sender import Call, Sender
from tests.unit.settlement.devnet.rig import MANUAL, Rig, selector
from tests.unit.settlement.l1 import anvil

# What stands for an inbox: it takes what follows and refuses all else.
SOURCE: Final = """
event Taken:
    number: indexed(uint256)
    blob: bytes32

last: public(uint256)
blobs: public(HashMap[uint256, bytes32])

@external
def take(number: uint256):
    assert number == self.last + 1, "out of order"
    self.last = number
    self.blobs[number] = blobhash(0)
    log Taken(number=number, blob=blobhash(0))
"""
TAKEN: Final = selector("take(uint256)")


@cache
def bytecode() -> bytes:
    """What creates the contract."""
    return bytes.fromhex(compile_code(SOURCE, output_formats=["bytecode"])["bytecode"][2:])


def take(number: int, **more: Any) -> Call:
    """The call that hands in what is next."""
    return Call(b"", TAKEN + number.to_bytes(32, "big"), **({"gas": 120_000} | more))


class Backend(Protocol):
    """A chain whose blocks the test makes."""

    rpc: Rpc
    key: Key

    def mine(self, count: int = 1) -> None: ...

    def reorganise(self, depth: int) -> None: ...

    def increase_time(self, seconds: int) -> None: ...


class Devnet:
    """The development chain in this process."""

    def __init__(self, options: Options = MANUAL) -> None:
        self.rig = Rig(options=options)
        self.rpc: Rpc = LocalRpc(self.rig.node)
        self.key = accounts.key(0)

    def mine(self, count: int = 1) -> None:
        self.rig.chain.mine(count)

    def reorganise(self, depth: int) -> None:
        self.rig.chain.reorganise(depth)

    def increase_time(self, seconds: int) -> None:
        self.rig.chain.increase_time(seconds)


class Anvil:
    """anvil in a process of its own."""

    def __init__(self, url: str) -> None:
        self.http = HttpRpc(url, timeout_s=120)  # its first blob takes seconds: it loads the setup
        self.rpc: Rpc = self.http
        self.key = accounts.key(0)
        for number in range(accounts.ACCOUNTS):
            address = data(accounts.key(number).address)
            self.rpc.call("anvil_setBalance", address, quantity(accounts.BALANCE_WEI))

    def mine(self, count: int = 1) -> None:
        for _ in range(count):
            self.rpc.call("evm_mine")

    def reorganise(self, depth: int) -> None:
        self.rpc.call("anvil_reorg", depth, [])

    def increase_time(self, seconds: int) -> None:
        self.rpc.call("evm_increaseTime", seconds)


@contextmanager
def opened(name: str) -> Iterator[Backend]:
    """A fresh chain."""
    if name == "devnet":
        yield Devnet()
        return
    with anvil.running() as url:
        backend = Anvil(url)
        try:
            yield backend
        finally:
            backend.http.close()


def deployed(backend: Backend) -> bytes:
    """The contract's address."""
    ethereum = Ethereum(backend.rpc)
    sent = Sender(ethereum, backend.key).step([Call(b"", bytecode())], ethereum.head())
    backend.mine()
    receipt = ethereum.receipt(sent.new[0])
    assert receipt is not None
    assert receipt.success
    return receipt.created
