"""Risk parameters, plausible marks and scenario tables for `risk_generator`."""

from __future__ import annotations

import random

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands import Mark
from exchange.domain.commands_risk import FeeTier, RiskParameters
from tests.reference.instruments import E8, Instrument, Underlying, price_bounded
from tests.reference.listings import Listings

LEAST_INDEX = 20_000_000
MOST_INDEX = 4 * 10**11
EXPIRY_GRID_MS = 150_000
COMMON_LOT_E8 = 10**6


def parameters(rng: random.Random) -> RiskParameters:
    """Parameters within their bounds: from generous to strict."""
    scenarios = rng.choice((1, 2, 3, 4, 6, 6, 9)) if rng.random() < 0.95 else limits.MAX_SCENARIOS
    sm_im = rng.choice((20_000, 50_000, 150_000))
    sm_floor = rng.choice((sm_im, sm_im // 2, sm_im * 2 // 3))
    perp_im = rng.choice((10_000, 20_000, 50_000, 1_000_000))
    uncovered_im = rng.choice((1_000_000, 1_100_000, 2_000_000))
    return RiskParameters(
        scenarios=scenarios,
        quantum_micro=rng.choice((1, 7, 1_000, 10_000, 1_000_000)),
        extended_from=rng.choice((scenarios, scenarios, rng.randrange(scenarios + 1), 0)),
        dampener_micro=rng.choice((0, 10**6, 10**9, 10**11)),
        sm_im_ppm=sm_im,
        sm_floor_ppm=sm_floor,
        sm_mm_ppm=rng.choice((sm_floor, sm_floor // 2, sm_floor * 3 // 4)),
        perp_im_ppm=perp_im,
        perp_mm_ppm=rng.choice((perp_im, perp_im // 2, perp_im * 3 // 4)),
        uncovered_im_ppm=uncovered_im,
        uncovered_mm_ppm=rng.choice((1_000_000, uncovered_im)),
        pm_mm_ppm=rng.choice((500_000, 800_000, 1_000_000)),
        roll_ppm=rng.choice((0, 2_500, 30_000, 250_000)),
        shock_ppm=rng.choice((0, 10_000, 250_000)),
        shock_threshold_micro=rng.choice((0, 10**9, 10**12)),
        short_ppm=rng.choice((0, 1_000, 10_000)),
        liquidation_fee_ppm=rng.choice((0, 500, 1_900, 5_000)),
        liquidation_slice_micro=rng.choice((1, 10**9, 10**10, 10**12)),
        liquidation_band_ppm=rng.choice((0, 3_000, 8_000, 40_000, 1_000_000)),
        jump_factor=rng.choice((2, 4, 10, 10)),
        auction_ms=rng.choice((1, 5_000, 60_000)),
        auction_discount_ppm=rng.choice((0, 20_000, 200_000, 1_000_000)),
    )


def fee_tiers(rng: random.Random) -> list[FeeTier]:
    """One to eight tiers, some with rebates; no rebate above the least taker's rate."""
    count = rng.choice((1, 2, 3, limits.MAX_TIERS))
    option_takers = [rng.choice((0, 100, 300, 3_000)) for _ in range(count)]
    perp_takers = [rng.choice((100, 500, 500, 2_000)) for _ in range(count)]
    option_makers = [rng.choice((-min(option_takers), 0, 100, 5_000)) for _ in range(count)]
    perp_makers = [rng.choice((-min(perp_takers), -30, 0, 100)) for _ in range(count)]
    columns = zip(option_makers, option_takers, perp_makers, perp_takers, strict=True)
    return [FeeTier(*rates) for rates in columns]


class RiskListings(Listings):
    """Marks that pass the checks of rules 2, and tables of what a lot gains when the index moves."""

    def terms(self, underlying: int, now_ms: int, *, perpetual: bool) -> c.InstrumentTerms:
        """Acceptable terms; options share few expiries, and mostly one lot size, so that spreads arise."""
        rng = self.rng
        made = super().terms(underlying, now_ms, perpetual=perpetual)
        odd = rng.random() < 0.1
        while made.lot_e8 != COMMON_LOT_E8 and not odd and not self.huge:
            made = super().terms(underlying, now_ms, perpetual=perpetual)
        if perpetual:
            return made
        expiry = (now_ms // EXPIRY_GRID_MS + rng.choice((1, 1, 2))) * EXPIRY_GRID_MS
        return made._replace(expiry_ms=expiry)

    def move(self, underlying: Underlying, instruments: list[Instrument]) -> tuple[int, list[Mark]]:
        """A next index and marks of (most of) an underlying's instruments."""
        rng = self.rng
        index = int(self.index(underlying.id) * rng.gauss(1, 0.002))
        if rng.random() < self.jumps:
            most = underlying.jump_factor
            factor = rng.choice((0.6, 0.75, 0.9, 0.95, 1.06, 1.15, 1.35, 1.7))
            index = int(index * (factor if rng.random() < 0.97 else rng.choice((0.9 / most, 1.1 * most))))
        index = max(LEAST_INDEX + rng.randrange(1_000), min(index, MOST_INDEX))
        self.set_index(underlying.id, index)
        picked = [i for i in instruments if rng.random() < 0.9 or not i.marked]
        return index, [self._plausible_mark(i, index) for i in picked]

    def moved_by(
        self, factor: float, underlying: Underlying, instruments: list[Instrument]
    ) -> tuple[int, list[Mark]]:
        """The index moved by a factor, and marks of all these instruments of it."""
        index = int(self.index(underlying.id) * factor)
        index = max(LEAST_INDEX + self.rng.randrange(1_000), min(index, MOST_INDEX))
        self.set_index(underlying.id, index)
        return index, [self._plausible_mark(i, index) for i in instruments]

    def _plausible_mark(self, instrument: Instrument, index: int) -> Mark:
        rng, terms = self.rng, instrument.terms
        forward = max(1, index + rng.randrange(-index // 200, index // 200 + 1))
        if not instrument.is_option:
            mark = max(1, index + rng.randrange(-index // 500, index // 500 + 1))
            return Mark(instrument.id, 10**9, mark, 0, forward)
        is_call = terms.option_type == r.OPTION_CALL
        moneyness = (forward - terms.strike_micro) * (1 if is_call else -1)
        time_value = int(index * rng.choice((0, 0.00001, 0.001, 0.01, 0.03)) * rng.random())
        mark = min(max(0, moneyness) + time_value, forward if is_call else terms.strike_micro)
        while mark and not price_bounded(mark, terms):
            mark //= 2
        likely = min(max(0.5 + 3 * moneyness / index, 0.0), 1.0)
        delta = int(likely * 10**9) * (1 if is_call else -1)
        if rng.random() < 0.02:
            delta = rng.choice((0, 10**9, -(10**9), 1, -1))
        return Mark(instrument.id, delta, mark, rng.getrandbits(30), forward)

    def table(self, instrument: Instrument, mark: Mark | None, risk: RiskParameters) -> list[int]:
        """What a lot gains in each scenario, in quanta; bounded as the rules want it."""
        forward = mark.forward_micro if mark else max(1, instrument.forward_micro)
        value = mark.mark_micro if mark else instrument.mark_micro
        bound = limits.MAX_VALUE_MICRO // instrument.terms.position_limit_lots
        found = []
        for k in range(risk.scenarios):
            move = (-1 if k % 2 else 1) * (0.04 * (k // 2 + 1)) * (3 if k >= risk.extended_from else 1)
            gain = int((self._worth(instrument, forward, move) - value) * instrument.terms.lot_e8 // E8)
            quanta = gain // risk.quantum_micro + self.rng.randrange(-1, 2)
            while quanta and (abs(quanta) + 1) * risk.quantum_micro > bound:
                quanta = quanta // 2 if quanta > 0 else -(-quanta // 2)
            found.append(quanta)
        return found

    @staticmethod
    def _worth(instrument: Instrument, forward: int, move: float) -> int:
        moved = int(forward * (1 + max(move, -0.9)))
        if not instrument.is_option:
            return moved
        inside = moved - instrument.terms.strike_micro
        return max(0, inside if instrument.terms.option_type == r.OPTION_CALL else -inside) + forward // 200

    def stream(
        self, risk: RiskParameters, instruments: list[Instrument], marks: list[Mark]
    ) -> tuple[int, bytes]:
        """Tables of some instruments, as differences to those they have: (count, stream)."""
        by_id = {mark.instrument: mark for mark in marks}
        tables = []
        for instrument in sorted(instruments, key=lambda each: each.id):
            if self.rng.random() < (0.5 if instrument.table else 0.85):
                wanted = self.table(instrument, by_id.get(instrument.id), risk)
                before = instrument.table or (0,) * risk.scenarios
                tables.append((instrument.id, [a - b for a, b in zip(wanted, before, strict=True)]))
        return len(tables), cr.table_stream(tables)

    def spoiled_stream(self, count: int, stream: bytes, other_id: int) -> tuple[int, bytes]:
        """A stream with something wrong in it."""
        rng = self.rng
        kind = rng.randrange(8)
        if kind == 0:
            return count, stream[:-1]
        if kind == 1:
            return count, stream + b"\0"
        if kind == 2:
            return count + 1, stream
        if kind == 3:
            return count, stream[:4] + b"\x80" * 9 + stream[4:]
        if kind == 4:
            return count, stream[:4] + b"\xff" * 8 + b"\x7f" + stream[5:]
        if kind == 5:
            return count + 1, stream + stream[:4]
        if kind == 6:
            return max(1, count), other_id.to_bytes(4, "little") + stream[4:]
        return count, rng.randbytes(len(stream))
