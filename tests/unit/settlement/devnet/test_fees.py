"""Prices of gas and of blobs follow their EIPs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrevm import fake_exponential

from settlement.devnet import fees


@pytest.mark.parametrize(
    ("used", "expected"),
    [(30_000_000, 1_000_000_000), (60_000_000, 1_125_000_000), (0, 875_000_000), (30_000_001, 1_000_000_004)],
)
def test_base_fee_moves_an_eighth_at_most(used: int, expected: int) -> None:
    assert fees.next_base_fee_wei(1_000_000_000, used, 60_000_000) == expected


def test_base_fee_rises_by_one_at_least() -> None:
    assert fees.next_base_fee_wei(7, 30_000_001, 60_000_000) == 8
    assert fees.next_base_fee_wei(7, 0, 60_000_000) == 7


@given(st.integers(0, 200_000_000))
def test_blob_base_fee_agrees_with_another_implementation(excess: int) -> None:
    assert fees.blob_base_fee_wei(excess, fees.PRAGUE) == fake_exponential(1, excess, 5_007_716)


def test_excess_counts_what_is_above_the_target() -> None:
    blob = fees.GAS_PER_BLOB
    assert fees.next_excess_blob_gas(0, 13 * blob, 0) == 0
    assert fees.next_excess_blob_gas(0, 21 * blob, 0) == 7 * blob
    assert fees.next_excess_blob_gas(5 * blob, 14 * blob, 0) == 5 * blob


def test_blobs_cheaper_than_their_gas_do_not_get_cheaper() -> None:
    blob = fees.GAS_PER_BLOB
    assert fees.next_excess_blob_gas(20 * blob, 0, 10**9) == 20 * blob
    assert fees.next_excess_blob_gas(20 * blob, 21 * blob, 10**9) == 27 * blob


@given(st.integers(1, 1 << 62))
def test_the_least_excess_for_a_fee(fee: int) -> None:
    excess = fees.excess_for_fee(fee)
    assert fees.blob_base_fee_wei(excess) >= fee
    assert excess == 0 or fees.blob_base_fee_wei(excess - 1) < fee
