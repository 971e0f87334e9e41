"""The machine in process: pyrevm. A chain without blocks: every transaction stands alone, time is ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from pyrevm import EVM, BlockEnv, TxEnv

from settlement.contracts.evm import Log, Receipt, floor_gas, reverted

GAS_LIMIT: Final = 30_000_000
_OUTPUT: Final = re.compile(r"output: 0x([0-9a-f]*)")
_GAS_PER_BLOB: Final = 1 << 17
GENESIS_S: Final = 1_700_000_000


def _text(address: bytes) -> str:
    return "0x" + address.hex()


class Revm:
    """pyrevm behind the `Evm` protocol. Accounts need no key and no ether."""

    def __init__(self, now_s: int = GENESIS_S) -> None:
        self._evm: Any = EVM(spec_id="CANCUN")
        self._now_s = now_s
        self._number = 1
        self._set_block()

    def _set_block(self) -> None:
        self._evm.set_block_env(
            BlockEnv(number=self._number, timestamp=self._now_s, excess_blob_gas=0, gas_limit=GAS_LIMIT)
        )

    def now(self) -> int:
        """The timestamp of the next transaction."""
        return self._now_s

    def advance(self, seconds: int) -> None:
        """Let time pass, and one block."""
        self._now_s += seconds
        self._number += 1
        self._set_block()

    def snapshot(self) -> Any:
        """A point to go back to."""
        return self._evm.snapshot()

    def revert(self, point: Any) -> None:
        """Go back to a snapshot."""
        self._evm.revert(point)

    def deploy(self, sender: bytes, bytecode: bytes) -> Receipt:
        """Put a contract on the chain. Raises Reverted."""
        try:
            address = self._evm.deploy(_text(sender), bytecode)
        except RuntimeError as error:
            raise self._reverted(error) from error
        return Receipt(self._evm.result.gas_used, b"", (), bytes.fromhex(address[2:]))

    def transact(
        self, sender: bytes, to: bytes, data: bytes, *, value: int = 0, blobs: Sequence[bytes] = ()
    ) -> Receipt:
        """One transaction. Raises Reverted."""
        self._evm.set_tx_env(TxEnv(blob_hashes=list(blobs), max_fee_per_blob_gas=1 if blobs else None))
        fees = len(blobs) * _GAS_PER_BLOB
        if value or fees:
            self._evm.set_balance(_text(sender), self._evm.get_balance(_text(sender)) + value + fees)
        output = self._send(sender, to, data, value=value, is_static=False)
        result = self._evm.result
        logs = tuple(
            Log(
                bytes.fromhex(log.address[2:]),
                tuple(bytes.fromhex(topic[2:]) for topic in log.topics),
                bytes(log.data[1]),
            )
            for log in result.logs
        )
        return Receipt(max(result.gas_used, floor_gas(data)), output, logs)

    def call(self, to: bytes, data: bytes, *, sender: bytes = bytes(20)) -> bytes:
        """Look without changing anything. Raises Reverted."""
        self._evm.set_tx_env(TxEnv())
        point = self._evm.snapshot()
        try:
            return self._send(sender, to, data, value=0, is_static=False)
        finally:
            self._evm.revert(point)

    def _send(self, sender: bytes, to: bytes, data: bytes, *, value: int, is_static: bool) -> bytes:
        try:
            return bytes(
                self._evm.message_call(
                    _text(sender), _text(to), calldata=data, value=value, gas=GAS_LIMIT, is_static=is_static
                )
            )
        except RuntimeError as error:
            raise self._reverted(error) from error

    @staticmethod
    def _reverted(error: RuntimeError) -> Exception:
        found = _OUTPUT.search(str(error))
        return reverted(bytes.fromhex(found[1])) if found else RuntimeError(str(error))
