"""What is proven in one transaction is announced in an earlier block, so that nobody who sees it copies it.

Of a function whose first argument is the salt (Dispute, Evidence) the proof's hash is over all others.
"""

from __future__ import annotations

from typing import Any, Final

from settlement.contracts import abi
from settlement.contracts.evm import Contract
from settlement.hashing import keccak

ANNOUNCE: Final = "announce"


def proof_hash(contract: Contract, function: str, *proof: Any) -> bytes:
    """The hash of a proof: its arguments behind the salt. Raises KeyError, AbiError."""
    return keccak(abi.encode(contract.types(function)[1:], proof))


def announcement(sender: bytes, salt: bytes, proof: bytes) -> bytes:
    """What `announce` takes of who will send the proof."""
    return keccak(abi.encode(["address", "bytes32", "bytes32"], (sender, salt, proof)))
