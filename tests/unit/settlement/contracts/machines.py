"""The machines the contracts are tried on: pyrevm, py-evm (by eth-tester) and a node over JSON-RPC."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from settlement.contracts.evm import Evm, Log, Receipt, reverted
from settlement.contracts.revm import Revm
from tests.unit.settlement.l1.anvil import binary

GAS: Final = 30_000_000
_ASKED_MOST: Final = 10_000


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


class PyEvm:
    """py-evm under the rules of Prague. It signs only for senders it has the keys of: `senders`."""

    def __init__(self) -> None:
        limit = sys.getrecursionlimit()
        from eth_tester import EthereumTester, PyEVMBackend

        parameters = PyEVMBackend.generate_genesis_params(overrides={"gas_limit": 40_000_000})
        self._tester: Any = EthereumTester(PyEVMBackend(genesis_parameters=parameters))
        # py-evm raises it beyond what the stack holds: other tests' deep nesting would end the process.
        sys.setrecursionlimit(limit)
        self.senders = [_raw(each) for each in self._tester.get_accounts()]

    def now(self) -> int:
        """The pending block's time."""
        return int(self._tester.get_block_by_number("pending")["timestamp"])

    def advance(self, seconds: int) -> None:
        """Let time pass."""
        self._tester.time_travel(self.now() + seconds)

    def deploy(self, sender: bytes, bytecode: bytes) -> Receipt:
        """Put a contract on the chain."""
        return self._send({"from": _hex(sender), "data": _hex(bytecode)})

    def transact(
        self, sender: bytes, to: bytes, data: bytes, *, value: int = 0, blobs: Sequence[bytes] = ()
    ) -> Receipt:
        """One transaction."""
        assert not blobs, "this machine takes no blobs"
        return self._send({"from": _hex(sender), "to": _hex(to), "data": _hex(data), "value": value})

    def _send(self, transaction: dict[str, Any]) -> Receipt:
        output = b""
        if "to" in transaction:  # a refusal must be told with its reason, which only a call gives
            sender = _raw(transaction["from"])
            output = self.call(_raw(transaction["to"]), _raw(transaction["data"]), sender=sender)
        tester = self._tester
        told = tester.get_transaction_receipt(tester.send_transaction({**transaction, "gas": GAS}))
        assert told["status"] == 1
        logs = tuple(
            Log(_raw(each["address"]), tuple(_raw(topic) for topic in each["topics"]), _raw(each["data"]))
            for each in told["logs"]
        )
        address = _raw(told["contract_address"]) if told["contract_address"] else b""
        return Receipt(told["gas_used"], output, logs, address)

    def call(self, to: bytes, data: bytes, *, sender: bytes = b"") -> bytes:
        """Look without changing anything."""
        from eth_tester.exceptions import TransactionFailed

        who = sender if sender and any(sender) else self.senders[0]
        told = {"from": _hex(who), "to": _hex(to), "data": _hex(data), "gas": GAS, "gas_price": 10**10}
        try:
            return _raw(self._tester.call(told))
        except TransactionFailed as error:
            text = str(error.args[0]) if error.args else ""
            raise reverted(_reason(text)) from error


def _reason(text: str) -> bytes:
    from settlement.contracts import abi

    return abi.selector("Error(string)") + abi.encode(["string"], [text.removeprefix("execution reverted: ")])


class Node:
    """A node over JSON-RPC that lets itself be told the time and who sends (anvil)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.senders = [_raw(each) for each in self.ask("eth_accounts")]

    def ask(self, method: str, *parameters: Any) -> Any:
        """One JSON-RPC call. Raises Reverted for a refusal of a contract."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        request = urllib.request.Request(self._url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            told = json.load(reply)
        if "error" in told:
            raise reverted(_raw(str(told["error"].get("data") or "0x")))
        return told["result"]

    def now(self) -> int:
        """The newest block's time."""
        return int(self.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def advance(self, seconds: int) -> None:
        """Let time pass."""
        self.ask("evm_increaseTime", seconds)
        self.ask("evm_mine")

    def deploy(self, sender: bytes, bytecode: bytes) -> Receipt:
        """Put a contract on the chain."""
        return self._send({"from": _hex(sender), "data": _hex(bytecode)}, b"")

    def transact(
        self, sender: bytes, to: bytes, data: bytes, *, value: int = 0, blobs: Sequence[bytes] = ()
    ) -> Receipt:
        """One transaction."""
        assert not blobs, "this driver sends no blobs"
        output = self.call(to, data, sender=sender)
        told = {"from": _hex(sender), "to": _hex(to), "data": _hex(data), "value": hex(value)}
        return self._send(told, output)

    def _send(self, transaction: dict[str, Any], output: bytes) -> Receipt:
        sent = self.ask("eth_sendTransaction", {**transaction, "gas": hex(GAS // 2)})
        asked = (self.ask("eth_getTransactionReceipt", sent) for _ in range(_ASKED_MOST))
        told = next(each for each in asked if each is not None)
        assert int(told["status"], 16) == 1
        logs = tuple(
            Log(_raw(each["address"]), tuple(_raw(topic) for topic in each["topics"]), _raw(each["data"]))
            for each in told["logs"]
        )
        address = _raw(told["contractAddress"]) if told["contractAddress"] else b""
        return Receipt(int(told["gasUsed"], 16), output, logs, address)

    def call(self, to: bytes, data: bytes, *, sender: bytes = bytes(20)) -> bytes:
        """Look without changing anything."""
        told = {"from": _hex(sender), "to": _hex(to), "data": _hex(data)}
        return _raw(self.ask("eth_call", told, "latest"))


@contextmanager
def anvil() -> Iterator[Node]:
    """A node of its own that makes a block a transaction, ended with the block."""
    command = [str(binary()), "--port", "0", "--gas-limit", "40000000", "--hardfork", "prague"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = next(line.split()[-1] for line in process.stdout if line.startswith("Listening on"))
            yield Node(f"http://{address}")
        finally:
            process.terminate()


@contextmanager
def machine(name: str) -> Iterator[tuple[Evm, list[bytes]]]:
    """A machine by name, and accounts that may send on it."""
    if name == "revm":
        yield Revm(), [bytes([n]) * 20 for n in range(1, 9)]
    elif name == "py-evm":
        tester = PyEvm()
        yield tester, tester.senders
    else:
        with anvil() as node:
            yield node, node.senders
