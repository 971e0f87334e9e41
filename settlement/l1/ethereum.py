"""An Ethereum node, typed: what its JSON-RPC says, read strictly, as of one block.

Everything is asked as of a block's hash (EIP-1898), so that an answer belongs to the branch it was asked of;
a node that does not know the hash any more says so, and that is L1Unavailable: look at the head again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from settlement.l1.hexes import HexError, data, quantity, read_data, read_quantity
from settlement.l1.port import L1Error, L1Rejected, L1Unavailable
from settlement.l1.rpc import Rpc, RpcError

EXECUTION_REVERTED: Final = 3
LIMIT_EXCEEDED: Final = -32005
# What nodes say where they refuse a range of logs for its size; the code differs from node to node.
_TOO_MANY: Final = ("more than", "limit exceeded", "too many", "range", "response size")


class L1Reorganised(L1Error):
    """The chain took blocks back: what was read after `block` counts no more."""

    severity = "reset"

    def __init__(self, block: int) -> None:
        super().__init__(f"the chain was reorganised behind block {block}")
        self.block = block


class Reverted(L1Rejected):
    """A contract refused; `output` is what it returned."""

    def __init__(self, output: bytes) -> None:
        super().__init__("reverted", reason_of(output))
        self.output = output


class Head(NamedTuple):
    """A block."""

    number: int
    hash: bytes
    parent: bytes
    time_s: int
    base_fee_wei: int
    gas_used: int
    gas_limit: int


class LogEntry(NamedTuple):
    """A log and where it stands."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    block_hash: bytes
    transaction: bytes
    index_in_block: int


class Receipt(NamedTuple):
    """A transaction in a block. Prices in wei a unit of gas."""

    transaction: bytes
    block: int
    block_hash: bytes
    success: bool
    gas_used: int
    price_wei: int
    blob_gas: int
    blob_price_wei: int
    created: bytes
    logs: tuple[LogEntry, ...]


class Ethereum:
    """Reads a chain through a node."""

    def __init__(self, rpc: Rpc) -> None:
        self.rpc = rpc

    def chain_id(self) -> int:
        """Which chain it is."""
        return self._quantity("eth_chainId")

    def head(self) -> Head:
        """The newest block."""
        found = self.block("latest")
        if found is None:
            raise L1Unavailable("the node has no head")
        return found

    def block(self, which: int | bytes | str) -> Head | None:
        """A block by number, hash or tag; None if the chain has none such."""
        if isinstance(which, bytes):
            raw = self._asked("eth_getBlockByHash", data(which), False)
        else:
            tag = quantity(which) if isinstance(which, int) else which
            raw = self._asked("eth_getBlockByNumber", tag, False)
        if raw is None:
            return None
        with _strictly():
            return Head(
                read_quantity(raw["number"], 63), read_data(raw["hash"], 32),
                read_data(raw["parentHash"], 32), read_quantity(raw["timestamp"], 63),
                read_quantity(raw.get("baseFeePerGas", "0x0")), read_quantity(raw["gasUsed"], 63),
                read_quantity(raw["gasLimit"], 63),
            )  # fmt: skip

    def call(self, to: bytes, calldata: bytes, at: Head | None = None, sender: bytes = bytes(20)) -> bytes:
        """What a contract answers as of a block. Raises Reverted."""
        query = {"from": data(sender), "to": data(to), "data": data(calldata)}
        with _strictly():
            return read_data(self._asked("eth_call", query, _at(at)))

    def nonce(self, address: bytes, at: Head | None = None) -> int:
        """How many transactions of an account are in blocks."""
        return self._quantity("eth_getTransactionCount", data(address), _at(at))

    def balance_wei(self, address: bytes, at: Head | None = None) -> int:
        """What an account has."""
        return self._quantity("eth_getBalance", data(address), _at(at))

    def code(self, address: bytes, at: Head | None = None) -> bytes:
        """A contract's code."""
        with _strictly():
            return read_data(self._asked("eth_getCode", data(address), _at(at)))

    def knows(self, transaction: bytes) -> bool:
        """Whether the node has the transaction, waiting or in a block."""
        return self._asked("eth_getTransactionByHash", data(transaction)) is not None

    def receipt(self, transaction: bytes) -> Receipt | None:
        """What a transaction came to; None while no block holds it (or the node does not say yet)."""
        raw = self._asked("eth_getTransactionReceipt", data(transaction))
        if raw is None:
            return None
        with _strictly():
            created = raw.get("contractAddress")
            return Receipt(
                read_data(raw["transactionHash"], 32), read_quantity(raw["blockNumber"], 63),
                read_data(raw["blockHash"], 32), read_quantity(raw["status"], 1) == 1,
                read_quantity(raw["gasUsed"], 63), read_quantity(raw.get("effectiveGasPrice", "0x0")),
                read_quantity(raw.get("blobGasUsed") or "0x0", 63),
                read_quantity(raw.get("blobGasPrice") or "0x0"),
                read_data(created, 20) if created else b"", tuple(map(_log, raw["logs"])),
            )  # fmt: skip

    def transaction(self, digest: bytes) -> dict[str, Any] | None:
        """A transaction as the node shows it."""
        raw = self._asked("eth_getTransactionByHash", data(digest))
        return raw if isinstance(raw, dict) else None

    def logs(
        self, first: int, last: int, addresses: Sequence[bytes], topics: Sequence[Sequence[bytes]] = ()
    ) -> list[LogEntry]:
        """Logs of blocks first…last in order, each once; a range a node finds too long is halved."""
        query = {
            "fromBlock": quantity(first), "toBlock": quantity(last),
            "address": list(map(data, addresses)), "topics": [list(map(data, one)) for one in topics],
        }  # fmt: skip
        try:
            raw = self.rpc.call("eth_getLogs", query)
        except RpcError as error:
            if first == last or not _is_too_many(error):
                raise judged(error) from error
            middle = (first + last) // 2
            return [
                *self.logs(first, middle, addresses, topics), *self.logs(middle + 1, last, addresses, topics)
            ]  # fmt: skip
        with _strictly():
            found = {(entry.block, entry.index_in_block): entry for entry in map(_log, raw)}
        if any(not first <= block <= last for block, _ in found):
            raise L1Unavailable("eth_getLogs: a log of a block that was not asked for")
        return [found[place] for place in sorted(found)]

    def blob_base_fee_wei(self) -> int:
        """The next block's price of blob gas."""
        return self._quantity("eth_blobBaseFee")

    def suggested_tip_wei(self) -> int:
        """What the node thinks is enough."""
        return self._quantity("eth_maxPriorityFeePerGas")

    def estimate_gas(self, query: dict[str, Any]) -> int:
        """The gas a message needs on top of the head. Raises Reverted."""
        return self._quantity("eth_estimateGas", query)

    def send(self, raw: bytes) -> bytes:
        """Hand a signed transaction to the node; its hash. Raises RpcError or L1Unavailable."""
        with _strictly():
            return read_data(self.rpc.call("eth_sendRawTransaction", data(raw)), 32)

    def _asked(self, method: str, *params: Any) -> Any:
        try:
            return self.rpc.call(method, *params)
        except RpcError as error:
            raise judged(error) from error

    def _quantity(self, method: str, *params: Any) -> int:
        with _strictly():
            return read_quantity(self._asked(method, *params))


def reason_of(output: bytes) -> str:
    """The text in a revert's bytes, Error(string), or the bytes' beginning."""
    if output[:4] == b"\x08\xc3\x79\xa0" and len(output) >= 68:
        size = int.from_bytes(output[36:68], "big")
        return output[68 : 68 + min(size, 256)].decode("utf-8", "replace")
    return "0x" + output[:68].hex()


def judged(error: RpcError) -> L1Error:
    """A node's error as what it means to us: reverted, or a state it has no more (ask again)."""
    if isinstance(error.data, str) and (error.code == EXECUTION_REVERTED or "revert" in error.message):
        try:
            return Reverted(read_data(error.data))
        except HexError:
            return Reverted(b"")
    if error.code == EXECUTION_REVERTED or "execution reverted" in error.message:
        return Reverted(b"")
    return L1Unavailable(str(error))


def _is_too_many(error: RpcError) -> bool:
    return error.code == LIMIT_EXCEEDED or any(words in error.message.lower() for words in _TOO_MANY)


def _at(head: Head | None) -> Any:
    return "latest" if head is None else {"blockHash": data(head.hash)}


def _log(raw: Any) -> LogEntry:
    return LogEntry(
        read_data(raw["address"], 20), tuple(read_data(topic, 32) for topic in raw["topics"]),
        read_data(raw["data"]), read_quantity(raw["blockNumber"], 63), read_data(raw["blockHash"], 32),
        read_data(raw["transactionHash"], 32), read_quantity(raw["logIndex"], 63),
    )  # fmt: skip


@contextmanager
def _strictly() -> Any:
    """A reply of another shape is no answer."""
    try:
        yield
    except (HexError, KeyError, TypeError, AttributeError) as error:
        raise L1Unavailable(f"the node's reply has another shape: {error!r:.200}") from error
