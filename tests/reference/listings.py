"""Random instrument terms and mark moves for `generator`: round, odd, and just at the limits."""

from __future__ import annotations

import random
from typing import Any

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms, Mark
from tests.reference.instruments import Instrument, Underlying, price_bounded

STEPS = (
    ((0, 1),),
    ((0, 1),),
    ((0, 1), (100, 5)),
    ((0, 5), (1_000, 10), (5_000, 50)),
    ((0, 2), (10, 5), (40, 20), (100, 1)),
)
GRIDS = ((10**6, 10**6), (10**5, 10**7), (500_000, 10**6), (10_000, 10**8), (100, 10**6))  # tick, lot
FIRST_INDEX = (50_000_000_003, 2_500_000_007)


class Listings:
    """Terms near a random index per underlying, which `move` walks."""

    def __init__(self, rng: random.Random, huge: bool, jumps: float, *, roomy: bool) -> None:
        self.rng = rng
        self.huge = huge
        self.jumps = jumps
        self.roomy = roomy
        self._index = list(FIRST_INDEX)

    def index(self, underlying: int) -> int:
        """The underlying's index in micro-USDC."""
        return self._index[underlying] if underlying < len(self._index) else FIRST_INDEX[0]

    def set_index(self, underlying: int, index_micro: int) -> None:
        """Go on from this index."""
        if underlying < len(self._index):
            self._index[underlying] = index_micro

    def terms(self, underlying: int, now_ms: int, *, perpetual: bool) -> InstrumentTerms:
        """Acceptable terms."""
        rng = self.rng
        index = self.index(underlying)
        tick, lot = (1, 10**8) if self.huge else rng.choice(GRIDS[:3])
        price_limit = 1 << 40 if self.huge else max(50, 8 * index // tick)
        position = 1 << 8 if self.huge else rng.choice((30, 200, 1_000))
        if self.roomy:
            position = min(100_000, limits.MAX_VALUE_MICRO // (price_limit * tick * lot // 10**8))
        return InstrumentTerms(
            kind=r.KIND_PERPETUAL if perpetual else r.KIND_OPTION,
            option_type=0 if perpetual else rng.choice((r.OPTION_CALL, r.OPTION_PUT)),
            underlying=underlying,
            expiry_ms=0 if perpetual else now_ms + rng.randrange(20_000, 300_000),
            strike_micro=0 if perpetual else index * rng.randrange(60, 140) // 100,
            tick_micro=tick,
            lot_e8=lot,
            min_size_lots=rng.choice((1, 1, 3)),
            price_limit_ticks=price_limit,
            position_limit_lots=position,
            maker_fee_ppm=rng.choice((0, 100, 300)),
            taker_fee_ppm=rng.choice((0, 300, 500, limits.MAX_FEE_PPM)),
            fee_cap_permille=0 if perpetual else rng.choice((0, 125, 125, 1_000)),
            delivery_fee_ppm=0 if perpetual else rng.choice((0, 150)),
            band_ppm=rng.choice((0, 20_000, 100_000, limits.MAX_BAND_PPM)),
            tick_steps=rng.choice(STEPS),
        )

    def spoiled(self, underlying: int, now_ms: int, *, perpetual: bool) -> InstrumentTerms:
        """Terms with one field out of order."""
        good = self.terms(underlying, now_ms, perpetual=perpetual)
        changes: tuple[dict[str, Any], ...] = (
            {"kind": 0},
            {"kind": 3},
            {"option_type": 3},
            {"option_type": 1 if perpetual else 0},
            {"underlying": 77},
            {"expiry_ms": 5 if perpetual else 0},
            {"expiry_ms": limits.MAX_TIME_MS + 1},
            {"strike_micro": 5 if perpetual else 0},
            {"strike_micro": limits.MAX_PRICE_MICRO + 1},
            {"tick_micro": 0},
            {"tick_micro": good.tick_micro + 1},
            {"tick_micro": limits.MAX_TICK_MICRO + 1},
            {"tick_micro": limits.MAX_TICK_MICRO},
            {"lot_e8": -1},
            {"lot_e8": 7},
            {"lot_e8": limits.MAX_LOT_E8 + 1},
            {"lot_e8": limits.MAX_LOT_E8},
            {"min_size_lots": 0},
            {"min_size_lots": limits.MAX_ORDER_LOTS + 1},
            {"price_limit_ticks": 0},
            {"price_limit_ticks": limits.MAX_PRICE_TICKS + 1},
            {"position_limit_lots": 0},
            {"position_limit_lots": limits.MAX_POSITION_LOTS + 1},
            {"position_limit_lots": limits.MAX_POSITION_LOTS},
            {"maker_fee_ppm": limits.MAX_FEE_PPM + 1},
            {"taker_fee_ppm": 0x7FFFFFFF},
            {"delivery_fee_ppm": limits.MAX_FEE_PPM + 1},
            {"fee_cap_permille": limits.MAX_FEE_CAP_PERMILLE + 1},
            {"band_ppm": limits.MAX_BAND_PPM + 1},
            {"tick_steps": ()},
            {"tick_steps": ((1, 1),)},
            {"tick_steps": ((0, 0),)},
            {"tick_steps": ((0, 2), (3, 3))},
            {"tick_steps": ((0, 1), (10, 5), (10, 10))},
            {"tick_steps": ((0, 1), (limits.MAX_PRICE_TICKS + 2, 2))},
            {"tick_steps": ((0, good.price_limit_ticks + 1),)},
        )
        return good._replace(**self.rng.choice(changes))

    def move(self, underlying: Underlying, instruments: list[Instrument]) -> tuple[int, list[Mark]]:
        """A next index and marks of (most of) an underlying's instruments."""
        rng = self.rng
        index = self.index(underlying.id)
        index = max(1_000_003, int(index * rng.gauss(1, 0.0005)))
        if rng.random() < self.jumps:
            index = max(1_000_003, min(int(index * rng.choice((0.33, 0.6, 0.9, 1.1, 1.7, 3.0))), 4 * 10**11))
        self.set_index(underlying.id, index)
        picked = [i for i in instruments if rng.random() < 0.9 or not i.marked]
        return index, [self._mark(i, index) for i in picked]

    def _mark(self, instrument: Instrument, index: int) -> Mark:
        rng = self.rng
        if not instrument.is_option:
            mark = index + rng.randrange(-1_000_000, 1_000_001)
        elif instrument.mark_micro == 0 or rng.random() < self.jumps / 2:
            mark = rng.choice((0, index // 500, index // 40, index // 12)) + rng.randrange(1_000_000)
        else:
            mark = instrument.mark_micro + rng.randrange(-1_000_000, 1_000_001)
        forward = max(1, index + rng.randrange(-5_000_000, 5_000_000))
        mark = max(0, mark)
        while mark and not price_bounded(mark, instrument.terms):
            mark //= 2
        return Mark(instrument.id, rng.randrange(-(10**9), 10**9 + 1), mark, rng.getrandbits(30), forward)
