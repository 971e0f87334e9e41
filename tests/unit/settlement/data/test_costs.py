"""Which layer is taken follows prices, fill and age."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.data import costs
from settlement.data.costs import BLOBS, CALLDATA, EXTERNAL, Policy, Prices, choose, micro_usd, quotes
from settlement.l1.blobs import PAYLOAD_BYTES

GWEI = 10**9
CHEAP_BLOBS = Prices(GWEI, 1)
LATE = 1 << 40
PLAIN = Policy()


def layer(size: int, prices: Prices, age_ms: int = LATE, policy: Policy = PLAIN) -> int | None:
    quote = choose(b"\1" * size, prices, age_ms, policy).quote
    return None if quote is None else quote.layer


def test_small_goes_into_calldata_and_large_into_blobs() -> None:
    dear_blobs = Prices(GWEI, GWEI)
    assert layer(500, dear_blobs) == CALLDATA
    assert layer(33_000, dear_blobs) == BLOBS
    assert layer(500, CHEAP_BLOBS) == BLOBS


def test_a_blob_that_is_mostly_empty_waits_for_its_latency() -> None:
    assert layer(50_000, CHEAP_BLOBS, age_ms=59_999) is None
    assert layer(50_000, CHEAP_BLOBS, age_ms=60_000) == BLOBS
    assert layer(PAYLOAD_BYTES * 3 // 4 + 1, CHEAP_BLOBS, age_ms=0) == BLOBS


def test_the_external_store_is_for_when_the_chain_is_too_expensive() -> None:
    policy = Policy(external=True, external_above_wei=10**15)
    assert layer(1_000, Prices(GWEI, 1), policy=policy) == BLOBS
    assert layer(1_000, Prices(100 * GWEI, 1), policy=policy) == EXTERNAL
    assert layer(1_000, Prices(100 * GWEI, 1)) == BLOBS


def test_what_fits_nowhere_is_an_error() -> None:
    with pytest.raises(ValueError, match="no allowed layer"):
        choose(bytes(200_000), CHEAP_BLOBS, 0, Policy(blobs=False))
    with pytest.raises(ValueError, match="no allowed layer"):
        choose(bytes(800_000), CHEAP_BLOBS, 0, Policy())
    assert layer(800_000, CHEAP_BLOBS, policy=Policy(external=True)) == EXTERNAL


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=500), st.integers(1, 1 << 50), st.integers(1, 1 << 50))
def test_quotes_are_cheapest_first_and_external_never_dearer(data: bytes, gas: int, price: int) -> None:
    offered = quotes(data, Prices(gas, price))
    assert [quote.wei for quote in offered] == sorted(quote.wei for quote in offered)
    assert offered[0].layer == EXTERNAL
    for quote in offered:
        assert quote.wei == quote.gas * gas + quote.blob_gas * price


def test_calldata_pays_the_floor() -> None:
    quote = next(q for q in quotes(b"\1" * 10_000, CHEAP_BLOBS) if q.layer == CALLDATA)
    assert quote.gas == 21_000 + 10 * (40_000 + costs.POSTING.head_tokens)


def test_prices_in_money_round_up() -> None:
    assert micro_usd(1, Prices(1, 1, 3_000_000_000)) == 1
    assert micro_usd(10**15, Prices(1, 1, 3_000_000_000)) == 3_000_000
