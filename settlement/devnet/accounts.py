"""Accounts that a new chain gives money to. Their keys are known to everybody: worth nothing elsewhere."""

from __future__ import annotations

from typing import Final

from settlement.hashing import keccak
from settlement.l1.keys import Key

ACCOUNTS: Final = 10
BALANCE_WEI: Final = 10_000 * 10**18


def key(number: int) -> Key:
    """The key of account 0…9: keccak("strikebook.devnet.account" ‖ number)."""
    if not 0 <= number < ACCOUNTS:
        raise ValueError(f"accounts are 0…{ACCOUNTS - 1}")
    return Key(keccak(b"strikebook.devnet.account" + bytes([number])))


def allocation() -> dict[bytes, int]:
    """What each has in the genesis block, in wei."""
    return {key(number).address: BALANCE_WEI for number in range(ACCOUNTS)}
