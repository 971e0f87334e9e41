"""What a block's gas costs: base fee (EIP-1559) and blob base fee (EIP-4844, 7691, 7892 and 7918).

Parameters are mainnet's since January 2026 (Osaka with the second blob schedule): 14 blobs aimed at, 21 at
most, and a blob never cheaper than the 8,192 units of ordinary gas it stands for.
"""

from __future__ import annotations

from typing import Final, NamedTuple

GAS_PER_BLOB: Final = 131_072
ELASTICITY: Final = 2
BASE_FEE_CHANGE_DENOMINATOR: Final = 8
MIN_BLOB_BASE_FEE_WEI: Final = 1
BLOB_BASE_COST: Final = 8_192
INITIAL_BASE_FEE_WEI: Final = 1_000_000_000
MAX_TRANSACTION_GAS: Final = 1 << 24  # EIP-7825
BLOCK_GAS_LIMIT: Final = 60_000_000


class BlobSchedule(NamedTuple):
    """Blobs aimed at and at most in a block, and how fast their price answers."""

    target: int
    most: int
    update_fraction: int


PRAGUE: Final = BlobSchedule(6, 9, 5_007_716)
BPO1: Final = BlobSchedule(10, 15, 8_346_193)
BPO2: Final = BlobSchedule(14, 21, 11_684_671)


def next_base_fee_wei(base_fee_wei: int, gas_used: int, gas_limit: int) -> int:
    """The base fee of the block after one that used `gas_used`; every division rounds down."""
    target = gas_limit // ELASTICITY
    if gas_used == target:
        return base_fee_wei
    change = base_fee_wei * abs(gas_used - target) // target // BASE_FEE_CHANGE_DENOMINATOR
    if gas_used > target:
        return base_fee_wei + max(change, 1)
    return base_fee_wei - change


def blob_base_fee_wei(excess_blob_gas: int, schedule: BlobSchedule = BPO2) -> int:
    """e^(excess / fraction), by the integer series of EIP-4844; rounds down, at least 1."""
    return _exponential(MIN_BLOB_BASE_FEE_WEI, excess_blob_gas, schedule.update_fraction)


def _exponential(factor: int, numerator: int, denominator: int) -> int:
    term, total, n = factor * denominator, 0, 1
    while term > 0:
        total += term
        term = term * numerator // (denominator * n)
        n += 1
    return total // denominator


def next_excess_blob_gas(
    excess_blob_gas: int, blob_gas_used: int, base_fee_wei: int, schedule: BlobSchedule = BPO2
) -> int:
    """The excess of the block after one with these three; divisions round down (EIP-7918)."""
    total, target = excess_blob_gas + blob_gas_used, schedule.target * GAS_PER_BLOB
    if total < target:
        return 0
    if BLOB_BASE_COST * base_fee_wei > GAS_PER_BLOB * blob_base_fee_wei(excess_blob_gas, schedule):
        return excess_blob_gas + blob_gas_used * (schedule.most - schedule.target) // schedule.most
    return total - target


def excess_for_fee(fee_wei: int, schedule: BlobSchedule = BPO2) -> int:
    """The least excess whose blob base fee is at least `fee_wei`: how a test makes blobs expensive."""
    low, high = 0, schedule.update_fraction * max(1, fee_wei.bit_length())
    while low < high:
        middle = (low + high) // 2
        if blob_base_fee_wei(middle, schedule) >= fee_wei:
            high = middle
        else:
            low = middle + 1
    return low
