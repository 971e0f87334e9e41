"""What an Ethereum machine must do for us, and contracts on it. Addresses are 20 bytes, gas a number.

Drivers: `revm` (in process), the embedded L1 and, in tests, py-evm and a node over JSON-RPC.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from settlement.contracts import abi
from settlement.contracts.compiler import Artifact
from settlement.hashing import keccak

_ERROR: Final = abi.selector("Error(string)")
BASE_GAS: Final = 21_000
_FLOOR_GAS_PER_TOKEN: Final = 10


class Log(NamedTuple):
    """An event as the chain keeps it."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


class Receipt(NamedTuple):
    """What a transaction did. `gas_used` is the whole transaction's, its data included (EIP-7623)."""

    gas_used: int
    output: bytes
    logs: tuple[Log, ...]
    address: bytes = b""
    """Of the contract deployed."""


class Reverted(Exception):
    """A call that the contract refused. `code` is its reason, empty where it gave none."""

    def __init__(self, code: str, data: bytes = b"") -> None:
        super().__init__(code or f"0x{data.hex()}")
        self.code = code
        self.data = data


def reverted(output: bytes) -> Reverted:
    """The exception for a call that reverted with this output."""
    if output[:4] == _ERROR:
        try:
            return Reverted(abi.decode(["string"], output[4:])[0], output)
        except (abi.AbiError, UnicodeDecodeError):
            pass
    return Reverted("", output)


def floor_gas(data: bytes) -> int:
    """The least a transaction with this data costs (EIP-7623): 10 gas a zero byte, 40 another."""
    zeros = data.count(0)
    return BASE_GAS + _FLOOR_GAS_PER_TOKEN * (zeros + 4 * (len(data) - zeros))


class Evm(Protocol):
    """A machine with accounts that may send. Calls raise Reverted."""

    def deploy(self, sender: bytes, bytecode: bytes) -> Receipt:
        """Put a contract on the chain."""

    def transact(
        self, sender: bytes, to: bytes, data: bytes, *, value: int = 0, blobs: Sequence[bytes] = ()
    ) -> Receipt:
        """One transaction; `blobs` are versioned hashes it carries."""

    def call(self, to: bytes, data: bytes, *, sender: bytes = bytes(20)) -> bytes:
        """Look without changing anything."""

    def now(self) -> int:
        """Seconds: the timestamp the next transaction sees."""

    def advance(self, seconds: int) -> None:
        """Let time pass."""


class Event(NamedTuple):
    """A decoded event."""

    name: str
    fields: dict[str, Any]


def type_of(entry: dict[str, Any]) -> str:
    """The type of an input or output of an ABI."""
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    inner = ",".join(type_of(part) for part in entry["components"])
    return f"({inner}){entry['type'][5:]}"


class Contract:
    """A contract at an address: `transact("post", ...)`, `call("head")`, `events(receipt)`."""

    def __init__(self, evm: Evm, artifact: Artifact, address: bytes) -> None:
        self.evm = evm
        self.address = address
        self.artifact = artifact
        self._functions = {each["name"]: each for each in artifact.abi if each["type"] == "function"}
        self._events = {
            keccak(self._signature(each).encode()): each for each in artifact.abi if each["type"] == "event"
        }

    @staticmethod
    def _signature(entry: dict[str, Any]) -> str:
        return f"{entry['name']}({','.join(type_of(each) for each in entry['inputs'])})"

    def types(self, function: str) -> list[str]:
        """The types a function takes. Raises KeyError for one it has not."""
        return [type_of(each) for each in self._functions[function]["inputs"]]

    def data(self, function: str, *values: Any) -> bytes:
        """The data of a call. Raises KeyError for a function it has not."""
        return abi.encode_call(self._signature(self._functions[function]), values)

    def transact(
        self, sender: bytes, function: str, *values: Any, value: int = 0, blobs: Sequence[bytes] = ()
    ) -> Receipt:
        """One transaction. Raises Reverted."""
        return self.evm.transact(sender, self.address, self.data(function, *values), value=value, blobs=blobs)

    def call(self, function: str, *values: Any, sender: bytes = bytes(20)) -> Any:
        """What a function returns: a value, a tuple where it returns several. Raises Reverted."""
        output = self.evm.call(self.address, self.data(function, *values), sender=sender)
        return self.returned(function, output)

    def returned(self, function: str, output: bytes) -> Any:
        """Decode what a function gave back."""
        found = abi.decode([type_of(each) for each in self._functions[function]["outputs"]], output)
        return found[0] if len(found) == 1 else found

    def events(self, receipt: Receipt) -> list[Event]:
        """This contract's events of a transaction, in order."""
        return [self._event(log) for log in receipt.logs if log.address == self.address]

    def _event(self, log: Log) -> Event:
        entry = self._events[log.topics[0]]
        indexed = [each for each in entry["inputs"] if each["indexed"]]
        others = [each for each in entry["inputs"] if not each["indexed"]]
        fields = {
            each["name"]: abi.decode([type_of(each)], topic)[0]
            for each, topic in zip(indexed, log.topics[1:], strict=True)
        }
        plain = abi.decode([type_of(each) for each in others], log.data)
        fields |= {each["name"]: value for each, value in zip(others, plain, strict=True)}
        return Event(entry["name"], fields)


def deploy(evm: Evm, sender: bytes, artifact: Artifact, *values: Any) -> Contract:
    """Deploy a compiled contract with its constructor's arguments. Raises Reverted."""
    inputs = [part for each in artifact.abi if each["type"] == "constructor" for part in each["inputs"]]
    arguments = abi.encode([type_of(each) for each in inputs], values)
    return Contract(evm, artifact, evm.deploy(sender, artifact.bytecode + arguments).address)
