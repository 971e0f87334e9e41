"""What a profile-guided build of the core is trained on: an hour of an options venue in some seconds.

Standard library only, as it runs while the package is being built. The mix is a venue's, not a benchmark's:
quotes of whole strips, single orders that rest, leave, shrink, move and trade, rejects, marks and scenario
tables, sweeps, large and small batches, both margin models, both versions of the rules, with accounts and
without. Run as ``python -m loadtest.training [COMMANDS]``.
"""

from __future__ import annotations

import random
import struct
import sys
from typing import Final

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import records as r

_NOW_MS: Final = 1_700_000_000_000
_EXPIRY_MS: Final = _NOW_MS + 30 * 86_400_000
_INDEX_MICRO: Final = 60_000_000_000
_INSTRUMENTS: Final = 60
_ACCOUNTS: Final = 24
_FIRST_ACCOUNT: Final = 64
_MIDDLE_TICKS: Final = 1_000
_BATCHES: Final = (1, 1, 4, 16, 64, 100, 100, 200)
_STRIP: Final = 12
_SEED: Final = 20_261_122
_DEFAULT_COMMANDS: Final = 150_000
_SCENARIOS: Final = 35
_QUANTUM_MICRO: Final = 1_000
_RISK: Final = c.RiskParameters(
    scenarios=_SCENARIOS,
    quantum_micro=_QUANTUM_MICRO,
    extended_from=27,
    dampener_micro=25_000_000_000,
    sm_im_ppm=150_000,
    sm_floor_ppm=100_000,
    sm_mm_ppm=75_000,
    perp_im_ppm=20_000,
    perp_mm_ppm=10_000,
    uncovered_im_ppm=1_200_000,
    uncovered_mm_ppm=1_100_000,
    pm_mm_ppm=800_000,
    roll_ppm=5_000,
    shock_ppm=10_000,
    shock_threshold_micro=1_000_000_000_000,
    short_ppm=10_000,
    liquidation_fee_ppm=1_000,
    liquidation_slice_micro=50_000_000_000,
    liquidation_band_ppm=5_000,
    jump_factor=10,
    auction_ms=60_000,
    auction_discount_ppm=10_000,
)


def _terms(instrument: int) -> c.InstrumentTerms:
    perpetual = instrument == 0
    return c.InstrumentTerms(
        kind=r.KIND_PERPETUAL if perpetual else r.KIND_OPTION,
        option_type=r.OPTION_NONE if perpetual else r.OPTION_CALL + instrument % 2,
        underlying=0,
        expiry_ms=0 if perpetual else _EXPIRY_MS,
        strike_micro=0 if perpetual else _INDEX_MICRO * (70 + instrument) // 100,
        tick_micro=60_000_000 if perpetual else 1_000_000,
        lot_e8=250_000,
        min_size_lots=1,
        price_limit_ticks=4_096,
        position_limit_lots=400_000,
        maker_fee_ppm=100,
        taker_fee_ppm=300,
        fee_cap_permille=0 if perpetual else 125,
        delivery_fee_ppm=0 if perpetual else 150,
        band_ppm=500_000,
    )


def _units() -> list[c.Mark]:
    units = []
    for instrument in range(_INSTRUMENTS):
        mark_micro = _MIDDLE_TICKS * _terms(instrument).tick_micro
        units.append(c.Mark(instrument, 500_000_000, mark_micro, 1_000_000, _INDEX_MICRO))
    return units


def _marks(feed_seq: int) -> bytes:
    return c.marks(0, _INDEX_MICRO, feed_seq, _units())


def _snapshot(feed_seq: int, first: bool) -> bytes:
    """Marks and tables: of half a delta per lot at first, later with differences of some quanta."""
    lot_micro = _INDEX_MICRO // 400
    tables = []
    for instrument in range(_INSTRUMENTS):
        sign = -1 if instrument % 2 else 1
        if first:
            moves = [sign * (k % 9 - 4) * lot_micro // 50 // _QUANTUM_MICRO for k in range(_SCENARIOS)]
        else:
            moves = [(feed_seq + k + instrument) % 7 - 3 for k in range(_SCENARIOS)]
        tables.append((instrument, moves))
    return c.risk_snapshot(0, _INDEX_MICRO, feed_seq, _units(), _INSTRUMENTS, c.table_stream(tables))


def _opening(rules: int) -> bytes:
    found = [c.time(_NOW_MS), c.set_rules(rules), c.list_underlying(0, "BTC")]
    found += [c.list_instrument(number, _terms(number)) for number in range(_INSTRUMENTS)]
    for number in range(_ACCOUNTS):
        found.append(c.create_account(_FIRST_ACCOUNT + number))
        found.append(c.deposit(_FIRST_ACCOUNT + number, 1_000_000_000_000_000, number + 1))
    if rules == 1:
        return b"".join([*found, _marks(1)])
    found += [c.risk(0, _RISK), c.set_fees([c.FeeTier(100, 300, 0, 500), c.FeeTier(-50, 250, -50, 400)])]
    found.append(_snapshot(1, True))
    found += [c.set_margin_model(_FIRST_ACCOUNT + number, number % 2) for number in range(_ACCOUNTS)]
    return b"".join(found)


class _Traffic:
    """Commands drawn at random; what rests is learnt from the events."""

    def __init__(self, seed: int, rules: int) -> None:
        self._rules = rules
        self._random = random.Random(seed)
        self._resting: dict[int, tuple[int, int, int]] = {}
        self._ids: list[int] = []
        self._feed_seq = 1

    def learn(self, events: bytes) -> int:
        """Remember the orders that these events say are open; returns how many rejects there are."""
        at = 0
        rejected = 0
        while at < len(events):
            kind, units = events[at], events[at + 2] | events[at + 3] << 8
            if kind == r.EV_ORDER:
                _, _, who, order_id, price, size, _, _, flags = struct.unpack_from("<9q", events, at)
                if flags >> 40 & 0xFF != r.ORDER_STATE_OPEN:
                    self._resting.pop(order_id, None)
                elif flags & r.FLAG_QUOTE == 0:
                    if order_id not in self._resting:
                        self._ids.append(order_id)
                    self._resting[order_id] = who & r.U32, price, size
            rejected += kind == r.EV_REJECTED
            at += units * r.UNIT_BYTES
        return rejected

    def command(self) -> bytes:
        """The next command."""
        draw = self._random.random
        choice = draw()
        account = _FIRST_ACCOUNT + int(draw() * _ACCOUNTS)
        instrument = int(draw() * draw() * _INSTRUMENTS)
        sell = draw() < 0.5
        away = 1 + int(draw() * draw() * 60)
        if choice < 0.40:
            price = _MIDDLE_TICKS + (away if sell else -away)
            return c.new_order(account, instrument, r.FLAG_SELL * sell, price, 1 + int(draw() * 50))
        if choice < 0.74 and self._resting:
            order_id, owner, _, _ = self._pick()
            return c.cancel(owner, order_id)
        if choice < 0.83 and self._resting:
            order_id, owner, price, size = self._pick()
            self._ids.append(order_id)
            self._resting[order_id] = owner, price, size
            if draw() < 0.5:
                return c.amend(owner, order_id, size_lots=max(1, size - int(draw() * 9)))
            return c.amend(owner, order_id, price_ticks=price + int(draw() * 5) - 2)
        if choice < 0.90:
            flags = r.FLAG_SELL * sell | (r.TIF_IOC << r.TIF_SHIFT if draw() < 0.5 else 0)
            price = _MIDDLE_TICKS + (-8 if sell else 8)
            return c.new_order(account, instrument, flags, price, 1 + int(draw() * 20))
        if choice < 0.998:
            return self._strip(account)
        self._feed_seq += 1
        if self._rules == 1 or self._feed_seq % 3 == 0:
            return _marks(self._feed_seq)
        if self._feed_seq % 3 == 1:
            return _snapshot(self._feed_seq, False)
        return c.risk_sweep(_FIRST_ACCOUNT, _ACCOUNTS)

    def _pick(self) -> tuple[int, int, int, int]:
        while True:
            at = int(self._random.random() * len(self._ids))
            self._ids[at], self._ids[-1] = self._ids[-1], self._ids[at]
            order_id = self._ids.pop()
            if order_id in self._resting:
                return order_id, *self._resting.pop(order_id)

    def _strip(self, account: int) -> bytes:
        draw = self._random.random
        first = int(draw() * (_INSTRUMENTS - _STRIP))
        quotes = []
        for instrument in range(first, first + _STRIP):
            half = 2 + int(draw() * 6)
            quotes.append(c.Quote(instrument, _MIDDLE_TICKS - half, 5, _MIDDLE_TICKS + half, 5))
        return c.mass_quote(account, quotes)


def train(commands_count: int, seed: int = _SEED) -> int:
    """Apply about this many commands to engines with and without accounts; returns how many it was."""
    applied = 0
    for null_ledger, rules in ((False, 2), (False, 1), (True, 1)):
        traffic = _Traffic(seed, rules)
        sizes = random.Random(seed)
        engine = Engine(null_ledger=null_ledger, reserve_orders=1 << 14)
        engine.apply(_opening(rules))
        done = 0
        rejected = 0
        while done < commands_count // 3:
            count = sizes.choice(_BATCHES)
            rejected += traffic.learn(engine.apply(b"".join(traffic.command() for _ in range(count))))
            done += count
        if rejected > done // 5:
            raise RuntimeError(f"{rejected} rejects of {done} commands: this trains nothing")
        applied += done
    return applied


if __name__ == "__main__":
    train(int(sys.argv[1]) if len(sys.argv) > 1 else _DEFAULT_COMMANDS)
