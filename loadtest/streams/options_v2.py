"""The stream that nothing was tuned on: other exponents, other sizes, spreads and habits."""

from __future__ import annotations

from typing import Final

from loadtest.streams.laws import Laws, Spread, Underlying

LAWS: Final = Laws(
    name="options_v2",
    seed=20_261_102,
    underlyings=(
        Underlying("BTC", 420, 30, 3.0, 0.055),
        Underlying("ETH", 280, 26, 8.0, 0.050),
        Underlying("PAXG", 100, 9, 15.0, 0.016),
    ),
    spreads=(
        Spread(0.30, 1.2, ((1, 0.75), (2, 0.25))),
        Spread(0.45, 1.0, ((1, 0.25), (2, 0.25), (3, 0.25), (4, 0.25))),
        Spread(0.25, 0.8, ((2, 0.20), (3, 0.20), (5, 0.25), (8, 0.20), (12, 0.15))),
    ),
    makers=36,
    takers=9_000,
    instrument_zipf=0.9,
    maker_zipf=1.1,
    taker_zipf=1.15,
    continues=0.30,
    deeper=(0.55, 0.30, 0.10, 0.05),
    size_sigma=1.5,
    size_most=1_500,
    round_to=((5, 2.0), (10, 20.0), (20, 6.0), (50, 20.0), (100, 60.0)),
    coarse_above_ticks=2_500,
    coarse_step_ticks=10,
    price_least_ticks=250,
    price_most_ticks=20_000,
    taker_signs=0.55,
    maker_signs=0.80,
    combo_orders=0.06,
    combo_quotes=0.01,
    liquidations=0.006,
    blocks=0.003,
)
