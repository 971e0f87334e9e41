"""Every product and sum of the rules stays below 2**63, shown at the largest values the limits allow."""

from __future__ import annotations

import pytest

from exchange.domain import limits as m
from exchange.domain import rejects

BELOW = m.I64_MAX
POSITION_LIMITS = (1, 2, 15, 16, 1 << 10, 1 << 20, m.MAX_POSITION_LOTS)


def largest_per_lot(position_lots: int) -> int:
    """The largest value of one lot the rules admit for a position limit, in micro-USDC."""
    return min(m.MAX_VALUE_MICRO // position_lots, m.MAX_VALUE_PER_LOT_MICRO)


def test_ids() -> None:
    assert m.MAX_SHARD << m.SHARD_SHIFT | m.COUNTER_MASK <= BELOW
    assert m.FIRST_USER_ACCOUNT < m.MAX_ACCOUNTS < 1 << 32
    assert max(m.MAX_INSTRUMENTS, m.MAX_UNDERLYINGS) < 1 << 32


def test_a_price_times_a_lot_before_its_division() -> None:
    # Prices and lots are each bounded; their product is bounded by MAX_PRODUCT on its own check, whose
    # operands multiply to at most 2**42 * 10**10 and so need a check that divides, not one that multiplies.
    assert m.MAX_PRODUCT + 10**8 <= BELOW
    assert m.MAX_PRICE_MICRO * m.MAX_LOT_E8 > BELOW


@pytest.mark.parametrize("position", POSITION_LIMITS)
def test_positions_and_fills(position: int) -> None:
    per_lot = largest_per_lot(position)
    assert per_lot * position <= m.MAX_VALUE_MICRO
    # One order may be larger than the position limit only until the limit is checked.
    assert (2 * position + m.MAX_ORDER_LOTS) <= 1 << 31


@pytest.mark.parametrize("position", POSITION_LIMITS)
def test_fees(position: int) -> None:
    per_lot = largest_per_lot(position)
    assert per_lot * m.MAX_FEE_PPM <= BELOW
    nano = -(-per_lot * m.MAX_FEE_PPM // 1000)
    assert nano * position + 999 <= BELOW
    value = m.MAX_VALUE_MICRO
    assert value * m.MAX_FEE_CAP_PERMILLE <= BELOW


def test_bands() -> None:
    width = m.MAX_PRICE_MICRO * m.MAX_BAND_PPM
    assert width <= BELOW
    assert m.MAX_PRICE_MICRO + width // 10**6 + m.MAX_TICK_MICRO <= BELOW


@pytest.mark.parametrize("position", POSITION_LIMITS)
def test_an_account_over_all_its_seats(position: int) -> None:
    per_lot = largest_per_lot(position)
    nano = -(-per_lot * m.MAX_FEE_PPM // 1000)
    fee_hold = -(-nano // 1000)
    # size + open_buy ≤ limit and −size + open_sell ≤ limit: open lots of both sides are at most 2 · limit.
    hold = 2 * position * (per_lot + fee_hold)
    requirement = hold + position * per_lot
    assert m.MAX_SEATS * requirement <= BELOW


def test_equity_of_an_account_over_all_its_seats() -> None:
    # What is open when a limit is reached may still fill: from one position limit to the other.
    entry = m.ENTRY_LIMIT + 2 * m.MAX_VALUE_MICRO
    cash = m.CASH_LIMIT + m.MAX_SEATS * 2 * m.MAX_VALUE_MICRO
    perpetuals = m.MAX_SEATS * (m.MAX_VALUE_MICRO + entry)
    options = m.MAX_SEATS * m.MAX_VALUE_MICRO
    assert cash + perpetuals + options <= BELOW


def test_what_accumulates() -> None:
    assert m.MAX_DEPOSIT_MICRO <= m.MAX_TOTAL_DEPOSITS_MICRO < m.ACCUMULATION_LIMIT
    assert m.ACCUMULATION_LIMIT < m.CASH_LIMIT
    assert m.CASH_LIMIT + m.MAX_VALUE_MICRO <= BELOW
    assert m.ACCUMULATION_LIMIT + m.MAX_SEATS * 2 * m.MAX_VALUE_MICRO <= BELOW


def test_reject_reasons_are_numbered_once_and_named_once() -> None:
    numbers = {
        name: value for name, value in vars(rejects).items() if name.isupper() and isinstance(value, int)
    }
    assert sorted(numbers.values()) == list(range(1, len(numbers) + 1))
    assert {value: name.lower() for name, value in numbers.items()} == rejects.REJECT_NAMES


def test_rounded_parts_per_million() -> None:
    """`arithmetic.ppm_ceil`: the largest value is an account's, the largest rate the uncovered one."""
    value, rate = 1 << 61, 2 * m.PPM
    assert value // m.PPM * rate <= BELOW
    assert (m.PPM - 1) * rate + m.PPM - 1 <= BELOW
    assert value // m.PPM * rate + rate <= BELOW


def test_volumes() -> None:
    assert m.MAX_VOLUME_MICRO + m.MAX_VALUE_MICRO <= BELOW


@pytest.mark.parametrize("position", POSITION_LIMITS)
def test_rebates_and_worst_tiers(position: int) -> None:
    per_lot = largest_per_lot(position)
    nano = per_lot * m.MAX_FEE_PPM // 1000
    assert nano * position <= BELOW
    # An immediate order may be as large as the largest order only within its position limit.
    assert -(-per_lot * m.MAX_FEE_PPM // 1000) * 2 * position + 999 <= BELOW


def test_scenario_sums() -> None:
    """Per seat (|v|+1)·quantum·position limit ≤ 2**48, in size and in open orders of both sides."""
    per_seat = m.MAX_VALUE_MICRO
    assert m.MAX_SEATS * 3 * per_seat <= BELOW
    assert m.MAX_QUANTUM_MICRO << 28 <= 1 << 58


def test_parameters_fit_their_fields() -> None:
    assert m.MAX_TIERS <= 8
    assert m.MAX_SCENARIOS <= 48
    assert m.MAX_RATE_PPM < m.PPM
    assert m.MAX_OPEN_ORDERS_PER_ACCOUNT < 1 << 32, "half a word of the ACCOUNT event"
    assert m.MAX_SEATS < 1 << 32
