"""The node's own methods, devnet_…: blocks and time by hand, reorganisations, faults; and fee history.

evm_mine, evm_increaseTime and anvil_reorg mean what they mean to anvil, for tests that know both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

from settlement.devnet import fees
from settlement.devnet.chain import MAX_REORG, Chain
from settlement.l1.hexes import HexError, data, quantity, read_data, read_quantity

MAX_FORGOTTEN: Final = 1_024
MAX_PERCENTILES: Final = 100


class Control:
    """Switches and levers of one chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def methods(self) -> dict[str, Callable[..., Any]]:
        """What is answered here."""
        return {
            "devnet_mine": self._mine,
            "evm_mine": lambda *_: self._mine() and "0x0",
            "devnet_increaseTime": lambda seconds: quantity(self._chain.increase_time(_number(seconds))),
            "evm_increaseTime": lambda seconds: quantity(self._chain.increase_time(_number(seconds))),
            "devnet_reorganise": self._reorganise,
            "anvil_reorg": self._anvil_reorg,
            "devnet_setFaults": self._set_faults,
            "devnet_faults": lambda: dataclasses.asdict(self._chain.faults),
            "devnet_waiting": self._waiting,
        }

    def _mine(self, count: object = 1, options: object = None) -> str:
        empty = isinstance(options, dict) and bool(options.get("empty"))
        return quantity(self._chain.mine(_number(count), empty=empty).number)

    def _reorganise(self, depth: object, options: object = None) -> dict[str, str]:
        wanted = options if isinstance(options, dict) else {}
        forget = wanted.get("forget", [])
        if not isinstance(forget, list) or len(forget) > MAX_FORGOTTEN:
            raise HexError(f"forget is a list of at most {MAX_FORGOTTEN} hashes")
        hashes = [read_data(one, 32) for one in forget]
        head = self._chain.reorganise(_number(depth), forget=hashes, late=bool(wanted.get("late")))
        return {"number": quantity(head.number), "hash": data(head.hash)}

    def _anvil_reorg(self, depth: object, pairs: object = ()) -> None:
        if pairs:
            raise ValueError(f"transactions of the new branch are not taken; depth is at most {MAX_REORG}")
        self._reorganise(depth)

    def _set_faults(self, given: object) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise HexError("faults are an object")
        self._chain.faults.set(given)
        return dataclasses.asdict(self._chain.faults)

    def _waiting(self) -> list[str]:
        return [data(entry.hash) for entry in sorted(self._chain.pool, key=lambda entry: entry.ordinal)]

    def fee_history(self, first: int, last: int, percentiles: object) -> dict[str, Any]:
        """eth_feeHistory of these blocks, and the prices of the block behind them."""
        chain, schedule = self._chain, self._chain.options.schedule
        blocks = [block for n in range(first, last + 1) if (block := chain.block(n)) is not None]
        if not blocks:
            raise LookupError("no such block")
        bases = [block.base_fee_wei for block in blocks]
        blob_bases = [fees.blob_base_fee_wei(block.excess_blob_gas, schedule) for block in blocks]
        following = chain.block(last + 1)
        if following is None:
            prices = chain.prices()
            bases.append(prices.base_fee_wei)
            blob_bases.append(prices.blob_base_fee_wei)
        else:
            bases.append(following.base_fee_wei)
            blob_bases.append(fees.blob_base_fee_wei(following.excess_blob_gas, schedule))
        limit, most = chain.options.gas_limit, schedule.most * fees.GAS_PER_BLOB
        shown: dict[str, Any] = {
            "oldestBlock": quantity(blocks[0].number),
            "baseFeePerGas": list(map(quantity, bases)),
            "gasUsedRatio": [block.gas_used / limit for block in blocks],
            "baseFeePerBlobGas": list(map(quantity, blob_bases)),
            "blobGasUsedRatio": [block.blob_gas_used / most for block in blocks],
        }
        if isinstance(percentiles, list) and percentiles:
            shown["reward"] = [self._rewards(block.number, percentiles) for block in blocks]
        return shown

    def _rewards(self, number: int, percentiles: list[object]) -> list[str]:
        """The tips paid in a block, at these percentiles of its gas."""
        if len(percentiles) > MAX_PERCENTILES:
            raise HexError(f"at most {MAX_PERCENTILES} percentiles")
        block = self._chain.block(number)
        base = block.base_fee_wei if block else 0
        tips = sorted((e.price_wei - base, e.gas_used) for e in self._chain.included_in(number))
        whole = sum(gas for _, gas in tips)
        return [quantity(_at(tips, whole, percentile)) for percentile in percentiles]


def _at(tips: list[tuple[int, int]], whole: int, percentile: object) -> int:
    if not isinstance(percentile, int | float) or not 0 <= percentile <= 100:
        raise HexError("a percentile is a number within 0…100")
    seen = 0
    for tip, gas in tips:
        seen += gas
        if seen * 100 >= whole * percentile:
            return tip
    return 0


def _number(given: object) -> int:
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 1 << 63:
        return given
    return read_quantity(given, 63)
