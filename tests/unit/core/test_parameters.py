"""Risk parameters are judged word by word, and what follows from them follows at once."""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.core.harness import RISK, Market, only, reason

P = limits.PPM
# Each parameter with the least and the largest value it may have beside RISK's others.
BOUNDS = {
    "scenarios": (RISK.extended_from, 48),
    "quantum_micro": (1, 1 << 30),
    "extended_from": (0, RISK.scenarios),
    "dampener_micro": (0, 1 << 48),
    "sm_im_ppm": (RISK.sm_floor_ppm, P),
    "sm_floor_ppm": (RISK.sm_mm_ppm, RISK.sm_im_ppm),
    "sm_mm_ppm": (1, RISK.sm_floor_ppm),
    "perp_im_ppm": (RISK.perp_mm_ppm, P),
    "perp_mm_ppm": (1, RISK.perp_im_ppm),
    "uncovered_im_ppm": (RISK.uncovered_mm_ppm, 2 * P),
    "uncovered_mm_ppm": (P, RISK.uncovered_im_ppm),
    "pm_mm_ppm": (1, P),
    "roll_ppm": (0, 250_000),
    "shock_ppm": (0, 250_000),
    "shock_threshold_micro": (0, 1 << 58),
    "short_ppm": (0, 250_000),
    "liquidation_fee_ppm": (0, limits.MAX_FEE_PPM),
    "liquidation_slice_micro": (1, 1 << 48),
    "liquidation_band_ppm": (0, P),
    "jump_factor": (2, 1_000),
    "auction_ms": (1, 86_400_000),
    "auction_discount_ppm": (0, P),
}


def test_every_parameter_has_bounds() -> None:
    assert tuple(BOUNDS) == cr.RiskParameters._fields


@pytest.mark.parametrize("name", BOUNDS)
def test_a_parameter_within_its_bounds_is_taken_beyond_them_refused(market_2: Market, name: str) -> None:
    for value in BOUNDS[name]:
        told = only(market_2.send(cr.risk(0, RISK._replace(**{name: value}))), e.Risk)
        assert told.parameters == RISK._replace(**{name: value})
    least, most = BOUNDS[name]
    for value in (least - 1, most + 1, -1, limits.I64_MAX):
        assert reason(market_2.send(cr.risk(0, RISK._replace(**{name: value})))) == "bad_value"


def test_the_words_without_a_meaning_are_zero(market_2: Market) -> None:
    for word in (26, 27):
        record = bytearray(cr.risk(0, RISK))
        record[8 * word] = 1
        assert reason(market_2.send(bytes(record))) == "malformed"
    assert reason(market_2.send(cr.risk(1, RISK))) == "unknown_underlying"


def test_under_rules_1_nothing_of_rules_2_is_known(market: Market) -> None:
    for kind in range(r.RISK, r.SET_LOCK + 1):
        assert reason(market.send(c.header(kind, 1))) == "malformed"
        assert reason(market.send(c.header(kind, 2) + bytes(32))) == "malformed"
    assert reason(market.send(cr.risk(0, RISK))) == "malformed"


def test_a_command_beyond_the_last_is_malformed(market_2: Market) -> None:
    assert reason(market_2.send(c.header(r.SET_LOCK + 1, 1))) == "malformed"
    assert reason(market_2.send(c.header(255, 2) + bytes(32))) == "malformed"
