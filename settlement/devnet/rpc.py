"""The node's JSON-RPC: requests in, answers out, whatever carries them.

Errors have the codes of JSON-RPC and of Ethereum's nodes: -32700 not JSON, -32600 no request, -32601 no such
method, -32602 wrong parameters, -32000 refused (a transaction, a state too old), 3 reverted (with the
revert's bytes as data), -32005 more than the limit, -32603 the fault `fail`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from settlement.devnet import views
from settlement.devnet.asking import Asking, Reverted
from settlement.devnet.chain import Chain
from settlement.devnet.control import Control
from settlement.devnet.executor import Refused
from settlement.devnet.store import StoreError
from settlement.devnet.world import ExecutionError
from settlement.l1.hexes import HexError, data, quantity, read_data, read_quantity

CLIENT_VERSION: Final = "strikebook-devnet/1"
MAX_BATCH: Final = 100
MAX_LOGS: Final = 10_000
MAX_ADDRESSES: Final = 256
MAX_TOPIC_CHOICES: Final = 256
MAX_FEE_HISTORY: Final = 1_024
SUGGESTED_TIP_WEI: Final = 1_000_000  # nobody competes for room here


class RpcError(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str, details: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.details = details


class ReplyLost(Exception):
    """The request took effect and its answer is not to be given."""


class Node:
    """Answers requests over a chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._asking = Asking(chain)
        self._control = Control(chain)
        self._signatures: dict[str, inspect.Signature] = {}
        self._methods: dict[str, Callable[..., Any]] = {
            "web3_clientVersion": lambda: CLIENT_VERSION,
            "net_version": lambda: str(chain.options.chain_id),
            "eth_chainId": lambda: quantity(chain.options.chain_id),
            "eth_syncing": lambda: False,
            "eth_blockNumber": lambda: quantity(chain.head.number),
            "eth_getBlockByNumber": self._block_by_number,
            "eth_getBlockByHash": self._block_by_hash,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionReceipt": self._receipt,
            "eth_getLogs": self._logs,
            "eth_gasPrice": lambda: quantity(chain.prices().base_fee_wei + SUGGESTED_TIP_WEI),
            "eth_maxPriorityFeePerGas": lambda: quantity(SUGGESTED_TIP_WEI),
            "eth_blobBaseFee": lambda: quantity(chain.prices().blob_base_fee_wei),
            "eth_feeHistory": self._fee_history,
            "eth_sendRawTransaction": lambda raw: data(chain.submit(read_data(raw))),
            **self._asking.methods(),
            **self._control.methods(),
        }

    def handle(self, body: bytes) -> bytes:
        """The answer to a request's or batch's JSON. Raises ReplyLost."""
        try:
            request = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.encode(_error(None, -32700, "not JSON"))
        if isinstance(request, list):
            if not 0 < len(request) <= MAX_BATCH:
                return msgspec.json.encode(_error(None, -32600, f"a batch has 1 to {MAX_BATCH} requests"))
            return msgspec.json.encode([self.answer(one) for one in request])
        return msgspec.json.encode(self.answer(request))

    def answer(self, request: object) -> dict[str, Any]:
        """The answer to one request. Raises ReplyLost."""
        ident = request.get("id") if isinstance(request, dict) else None
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _error(ident, -32600, "not a request")
        name, given = request["method"], request.get("params", [])
        try:
            result = self._call(name, given)
        except RpcError as error:
            return _error(ident, error.code, str(error), error.details)
        if not name.startswith("devnet_") and self._chain.faults.take("lose_replies"):
            raise ReplyLost(name)
        return {"jsonrpc": "2.0", "id": ident, "result": result}

    def _call(self, name: str, given: object) -> Any:
        method = self._methods.get(name)
        if method is None:
            raise RpcError(-32601, f"the method {name[:64]} does not exist")
        if not isinstance(given, list):
            raise RpcError(-32602, "parameters come as a list")
        if self._chain.faults.fail and not name.startswith("devnet_"):
            raise RpcError(-32603, "the node fails (a fault that was switched on)")
        try:
            if name not in self._signatures:
                self._signatures[name] = inspect.signature(method)
            self._signatures[name].bind(*given)
        except TypeError as error:
            raise RpcError(-32602, f"{name}: {error}") from error
        with _translated():
            return method(*given)

    # --- blocks and transactions -------------------------------------------------------------------

    def _block_by_number(self, tag: object, full: bool = False) -> dict[str, Any] | None:
        block = self._chain.block(self._asking.number(tag))
        if block is None:
            return None
        return views.of_block(block, self._chain.included_in(block.number), full=bool(full))

    def _block_by_hash(self, digest: object, full: bool = False) -> dict[str, Any] | None:
        block = self._chain.block_by_hash(read_data(digest, 32))
        if block is None:
            return None
        return views.of_block(block, self._chain.included_in(block.number), full=bool(full))

    def _transaction(self, digest: object) -> dict[str, Any] | None:
        raw = read_data(digest, 32)
        waiting = self._chain.pool.get(raw)
        if waiting is not None:
            return views.of_waiting(waiting)
        found = self._chain.included(raw)
        return None if found is None else views.of_included(found)

    def _receipt(self, digest: object) -> dict[str, Any] | None:
        found = self._chain.included(read_data(digest, 32))
        if found is None or self._chain.faults.take("hide_receipts"):
            return None
        return views.of_receipt(found)

    def _logs(self, query: object) -> list[dict[str, Any]]:
        if not isinstance(query, dict):
            raise RpcError(-32602, "a filter is an object")
        first, last = self._range(query)
        addresses, topics = _addresses(query.get("address")), _topics(query.get("topics", []))
        placed = self._chain.logs(first, last, addresses, MAX_LOGS + 1)
        if len(placed) > MAX_LOGS:
            raise RpcError(-32005, f"more than {MAX_LOGS} logs: ask for fewer blocks")
        found = [views.of_log(one) for one in placed if _matches(one.log.topics, topics)]
        return [log for log in found for _ in range(2)] if self._chain.faults.duplicate_logs else found

    def _range(self, query: dict[str, Any]) -> tuple[int, int]:
        if "blockHash" in query:
            block = self._chain.block_by_hash(read_data(query["blockHash"], 32))
            if block is None:
                raise RpcError(-32000, "unknown block")
            return block.number, block.number
        first = self._asking.number(query.get("fromBlock", "latest"))
        return first, self._asking.number(query.get("toBlock", "latest"))

    def _fee_history(self, count: object, newest: object, percentiles: object = ()) -> dict[str, Any]:
        wanted = count if isinstance(count, int) else read_quantity(count)
        last = self._asking.number(newest)
        if not 1 <= wanted <= MAX_FEE_HISTORY:
            raise RpcError(-32602, f"1 to {MAX_FEE_HISTORY} blocks")
        return self._control.fee_history(max(0, last - wanted + 1), last, percentiles)


@contextmanager
def _translated() -> Iterator[None]:
    """Our errors as the protocol's."""
    try:
        yield
    except Reverted as error:
        raise RpcError(3, str(error), data(error.output)) from error
    except HexError as error:
        raise RpcError(-32602, str(error)) from error
    except (Refused, ExecutionError, StoreError, LookupError) as error:
        raise RpcError(-32000, str(error)) from error
    except ValueError as error:
        raise RpcError(-32602, str(error)) from error


def _error(ident: object, code: int, message: str, details: object = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if details is not None:
        error["data"] = details
    return {"jsonrpc": "2.0", "id": ident, "error": error}


def _addresses(given: object) -> list[bytes]:
    listed = given if isinstance(given, list) else [] if given is None else [given]
    if len(listed) > MAX_ADDRESSES:
        raise RpcError(-32602, f"{MAX_ADDRESSES} addresses at most")
    return [read_data(one, 20) for one in listed]


def _topics(given: object) -> list[set[bytes]]:
    """The choices at each place; an empty set allows any."""
    if not isinstance(given, list) or len(given) > 4:
        raise RpcError(-32602, "topics are a list of at most four")
    choices: list[set[bytes]] = []
    for one in given:
        listed = one if isinstance(one, list) else [] if one is None else [one]
        if len(listed) > MAX_TOPIC_CHOICES:
            raise RpcError(-32602, f"{MAX_TOPIC_CHOICES} topics at a place at most")
        choices.append({read_data(topic, 32) for topic in listed})
    return choices


def _matches(topics: tuple[bytes, ...], choices: list[set[bytes]]) -> bool:
    if len(choices) > len(topics):
        return False
    return all(not choice or topic in choice for topic, choice in zip(topics, choices, strict=False))
