"""The methods that look at accounts and run messages on a state: eth_call and its kin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from settlement.devnet import fees
from settlement.devnet.blocks import COINBASE
from settlement.devnet.chain import Chain
from settlement.devnet.executor import ask, estimate_gas
from settlement.devnet.world import Message, Outcome, Surroundings, World
from settlement.l1.hexes import HexError, data, quantity, read_data, read_quantity
from settlement.l1.transactions import floor_gas

_NOBODY = bytes(20)


class Reverted(ValueError):
    """A message that did not succeed, with what it returned."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("execution reverted" if outcome.reason == "revert" else f"halted: {outcome.reason}")
        self.output = outcome.output


class Asking:
    """Questions about the state at a block: `latest`, `pending` (taken as latest), a number, or a hash."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def methods(self) -> dict[str, Callable[..., Any]]:
        """What is answered here."""
        return {
            "eth_getBalance": lambda who, tag="latest": self._of(who, tag, lambda a: quantity(a.balance_wei)),
            "eth_getTransactionCount": self._count,
            "eth_getCode": self._code,
            "eth_getStorageAt": self._storage,
            "eth_call": self._call,
            "eth_estimateGas": self._estimate,
        }

    def number(self, tag: object) -> int:
        """The block that a tag, a number or {blockHash | blockNumber} (EIP-1898) names.

        Raises HexError, or LookupError for a hash that is not of the chain.
        """
        head = self._chain.head.number
        if isinstance(tag, dict):
            if "blockHash" in tag:
                block = self._chain.block_by_hash(read_data(tag["blockHash"], 32))
                if block is None:
                    raise LookupError("unknown block")
                return block.number
            tag = tag.get("blockNumber")
        if tag in ("latest", "pending"):
            return head
        if tag == "earliest":
            return 0
        if tag in ("safe", "finalized"):  # reorganisations reach no deeper
            return max(0, head - 64)
        return read_quantity(tag, 63)

    @contextmanager
    def _state(self, tag: object) -> Iterator[tuple[World, Surroundings]]:
        number = self.number(tag)
        with self._chain.state_at(number) as world:
            if number == self._chain.head.number:
                yield world, self._chain.next_surroundings()
                return
            block = self._chain.block(number)
            if block is None:
                raise LookupError("unknown block")
            yield world, Surroundings(number, block.time_s, COINBASE, block.randomness)

    def _of(self, who: object, tag: object, show: Callable[[Any], Any]) -> Any:
        address = read_data(who, 20)
        with self._state(tag) as (world, _):
            return show(world.account(address))

    def _count(self, who: object, tag: object = "latest") -> str:
        if tag == "pending":
            address = read_data(who, 20)
            nonce = self._chain.world.account(address).nonce
            return quantity(self._chain.pool.next_nonce(address, nonce))
        return str(self._of(who, tag, lambda account: quantity(account.nonce)))

    def _code(self, who: object, tag: object = "latest") -> str:
        address = read_data(who, 20)
        with self._state(tag) as (world, _):
            return data(world.code(address))

    def _storage(self, who: object, key: object, tag: object = "latest") -> str:
        address = read_data(who, 20)
        text = key if isinstance(key, str) else ""
        where = int.from_bytes(read_data(text, 32), "big") if len(text) == 66 else read_quantity(key)
        with self._state(tag) as (world, _):
            return data(world.slot(address, where).to_bytes(32, "big"))

    def _call(self, query: object, tag: object = "latest") -> str:
        message = _message(query)
        with self._state(tag) as (world, block):
            outcome = ask(world, message, block)
        if not outcome.success:
            raise Reverted(outcome)
        return data(outcome.output)

    def _estimate(self, query: object, tag: object = "latest") -> str:
        message = _message(query)
        with self._state(tag) as (world, block):
            gas, outcome = estimate_gas(world, message, block, floor_gas(message.data))
        if not outcome.success:
            raise Reverted(outcome)
        return quantity(gas)


def _message(query: object) -> Message:
    if not isinstance(query, dict):
        raise HexError("a message is an object")
    body = query.get("input", query.get("data", "0x"))
    to = query.get("to")
    hashes = query.get("blobVersionedHashes") or []
    if not isinstance(hashes, list) or len(hashes) > 6:
        raise HexError("at most six blobs")
    gas = read_quantity(query.get("gas", quantity(fees.BLOCK_GAS_LIMIT)), 63)
    return Message(
        read_data(query["from"], 20) if query.get("from") else _NOBODY,
        read_data(to, 20) if to else b"",
        read_data(body),
        read_quantity(query.get("value", "0x0"), 128),
        min(gas, fees.BLOCK_GAS_LIMIT),
        tuple(read_data(one, 32) for one in hashes),
    )
