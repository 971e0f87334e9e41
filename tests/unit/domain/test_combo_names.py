"""Names of combos: the field's code of each strategy, its expiries, its strikes."""

from __future__ import annotations

import pytest

from exchange.domain import records as r
from exchange.domain.combo_names import combo_name
from exchange.domain.commands import InstrumentTerms

NEAR_MS = 1_795_766_400_000  # 27 November 2026, 08:00 UTC
FAR_MS = 1_798_185_600_000  # 25 December 2026
C, P = r.OPTION_CALL, r.OPTION_PUT
Spec = tuple[int, int, int, int]  # ratio, option type, strike in USDC, expiry


def option(kind: int, strike: int, expiry_ms: int) -> InstrumentTerms:
    return InstrumentTerms(
        r.KIND_OPTION, kind, 0, expiry_ms, strike * 1_000_000, 100_000, 10**6, 1, 4_000, 100, 0, 0, 0, 0, 0
    )


def name(*legs: Spec, instrument: int = 77) -> str:
    parts = [(ratio, option(kind, strike, expiry)) for ratio, kind, strike, expiry in legs]
    return combo_name("BTC", parts, instrument)


N, F = NEAR_MS, FAR_MS
NAMED: dict[str, tuple[Spec, ...]] = {
    "CS-27NOV26-100000_110000": ((1, C, 100_000, N), (-1, C, 110_000, N)),
    "PS-27NOV26-110000_100000": ((1, P, 110_000, N), (-1, P, 100_000, N)),
    "CSR12-27NOV26-100000_110000": ((1, C, 100_000, N), (-2, C, 110_000, N)),
    "PSR13-27NOV26-96000_94000": ((1, P, 96_000, N), (-3, P, 94_000, N)),
    "STRD-27NOV26-100000": ((1, C, 100_000, N), (1, P, 100_000, N)),
    "STRG-27NOV26-90000_110000": ((1, P, 90_000, N), (1, C, 110_000, N)),
    "GUTS-27NOV26-90000_110000": ((1, C, 90_000, N), (1, P, 110_000, N)),
    "RR-27NOV26-90000_110000": ((1, C, 110_000, N), (-1, P, 90_000, N)),
    "RRITM-27NOV26-90000_110000": ((1, C, 90_000, N), (-1, P, 110_000, N)),
    "CBUT-27NOV26-90000_100000_110000": ((1, C, 90_000, N), (-2, C, 100_000, N), (1, C, 110_000, N)),
    "PBUT111-27NOV26-90000_100000_110000": ((1, P, 90_000, N), (-1, P, 100_000, N), (1, P, 110_000, N)),
    "CLAD-27NOV26-90000_100000_110000": ((1, C, 90_000, N), (-1, C, 100_000, N), (-1, C, 110_000, N)),
    "PLAD-27NOV26-110000_100000_90000": ((1, P, 110_000, N), (-1, P, 100_000, N), (-1, P, 90_000, N)),
    "IBUT-27NOV26-90000_100000_110000": (
        (1, P, 90_000, N), (-1, P, 100_000, N), (-1, C, 100_000, N), (1, C, 110_000, N),
    ),
    "ICOND-27NOV26-82000_84000_98000_100000": (
        (1, P, 82_000, N), (-1, P, 84_000, N), (-1, C, 98_000, N), (1, C, 100_000, N),
    ),
    "PCOND-27NOV26-35000_50000_65000_80000": (
        (1, P, 35_000, N), (-1, P, 50_000, N), (-1, P, 65_000, N), (1, P, 80_000, N),
    ),
    "BOX-27NOV26-58000_60000": (
        (1, C, 58_000, N), (-1, C, 60_000, N), (-1, P, 58_000, N), (1, P, 60_000, N),
    ),
    "CCAL-25DEC26_27NOV26-90000": ((1, C, 90_000, F), (-1, C, 90_000, N)),
    "PDIAG-25DEC26_27NOV26-60000_90000": ((1, P, 60_000, F), (-1, P, 90_000, N)),
    "CDIAG-25DEC26_27NOV26-90000_60000": ((1, C, 90_000, F), (-1, C, 60_000, N)),
    "STDC-25DEC26_27NOV26-90000": (
        (1, C, 90_000, F), (1, P, 90_000, F), (-1, C, 90_000, N), (-1, P, 90_000, N),
    ),
    "JR-25DEC26_27NOV26-90000": (
        (1, C, 90_000, F), (-1, P, 90_000, F), (-1, C, 90_000, N), (1, P, 90_000, N),
    ),
}  # fmt: skip


@pytest.mark.parametrize("wanted", NAMED)
def test_strategies_have_the_fields_codes(wanted: str) -> None:
    assert name(*NAMED[wanted]) == f"BTC_USDC-{wanted}"


@pytest.mark.parametrize("wanted", NAMED)
def test_the_other_way_round_expiries_and_strikes_stand_in_reverse(wanted: str) -> None:
    code, expiries, strikes = wanted.split("-")
    turned = [(-ratio, kind, strike, expiry) for ratio, kind, strike, expiry in NAMED[wanted]]
    if all(ratio > 0 for ratio, *_ in NAMED[wanted]):
        return  # bought alone: there is no such combo, its first ratio would be negative
    opposite = "_".join(reversed(expiries.split("_"))), "_".join(reversed(strikes.split("_")))
    assert name(*turned) == "-".join(("BTC_USDC", code, *opposite))
    assert name(*turned) != name(*NAMED[wanted])


def test_the_order_of_legs_does_not_matter() -> None:
    for wanted, legs in NAMED.items():
        assert name(*reversed(legs)) == f"BTC_USDC-{wanted}"


def test_what_no_code_stands_for_is_named_by_its_instrument() -> None:
    assert name((1, C, 100_000, N), (-4, C, 110_000, F)) == "BTC_USDC-CMB-27NOV26-77"
    assert name((1, C, 1, N), (1, C, 2, N), instrument=9) == "BTC_USDC-CMB-27NOV26-9"


def test_a_strike_with_decimals_is_written_with_a_d() -> None:
    parts = [
        (1, option(C, 0, N)._replace(strike_micro=118_400)),
        (-1, option(C, 0, N)._replace(strike_micro=120_000)),
    ]
    assert combo_name("XRP", parts, 5) == "XRP_USDC-CS-27NOV26-0d1184_0d12"
