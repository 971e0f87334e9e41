"""The rates of the small markets that tests count by hand; each market states what it has otherwise."""

from __future__ import annotations

from exchange.domain.commands_risk import RiskParameters

RATES = RiskParameters(
    scenarios=2,
    quantum_micro=1_000,
    extended_from=2,
    dampener_micro=0,
    sm_im_ppm=150_000,
    sm_floor_ppm=100_000,
    sm_mm_ppm=75_000,
    perp_im_ppm=20_000,
    perp_mm_ppm=10_000,
    uncovered_im_ppm=1_000_000,
    uncovered_mm_ppm=1_000_000,
    pm_mm_ppm=800_000,
    roll_ppm=10_000,
    shock_ppm=10_000,
    shock_threshold_micro=100_000_000_000,
    short_ppm=5_000,
    liquidation_fee_ppm=2_000,
    liquidation_slice_micro=10_000_000_000,
    liquidation_band_ppm=5_000,
    jump_factor=10,
    auction_ms=60_000,
    auction_discount_ppm=100_000,
)
