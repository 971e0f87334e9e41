"""The stream the codec was tuned on: 600 options on four underlyings, 24 makers, 6,000 takers."""

from __future__ import annotations

from typing import Final

from loadtest.streams.laws import Laws, Spread, Underlying

LAWS: Final = Laws(
    name="options_v1",
    seed=20_261_101,
    underlyings=(
        Underlying("BTC", 240, 24, 5.0, 0.040),
        Underlying("ETH", 180, 18, 10.0, 0.036),
        Underlying("SOL", 100, 12, 20.0, 0.030),
        Underlying("XRP", 80, 10, 40.0, 0.024),
    ),
    spreads=(
        Spread(0.40, 1.0, ((1, 0.60), (2, 0.28), (3, 0.12))),
        Spread(0.35, 1.6, ((1, 0.30), (2, 0.32), (3, 0.20), (4, 0.12), (5, 0.06))),
        Spread(0.25, 0.6, ((1, 0.12), (2, 0.20), (3, 0.22), (4, 0.20), (6, 0.16), (8, 0.10))),
    ),
    makers=24,
    takers=6_000,
    instrument_zipf=1.0,
    maker_zipf=0.9,
    taker_zipf=1.05,
    continues=0.22,
    deeper=(0.70, 0.20, 0.07, 0.03),
    size_sigma=1.2,
    size_most=1_000,
    round_to=((5, 4.0), (10, 14.0), (25, 8.0), (50, 30.0), (100, 40.0)),
    coarse_above_ticks=1_500,
    coarse_step_ticks=5,
    price_least_ticks=200,
    price_most_ticks=12_000,
    taker_signs=0.35,
    maker_signs=0.60,
    combo_orders=0.03,
    combo_quotes=0.005,
    liquidations=0.003,
    blocks=0.005,
)
