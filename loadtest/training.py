"""What a profile-guided build of the core is trained on: an hour of an options venue in some seconds.

Standard library only, as it runs while the package is being built. The mix is a venue's, not a benchmark's:
quotes of whole strips, single orders that rest, leave, shrink, move and trade, rejects, marks and scenario
tables, sweeps, large and small batches, both margin models, all versions of the rules, with accounts and
without; under rules 3 client order ids, protected quotes, triggers, brackets and volatilities too. Run as
``python -m loadtest.training [COMMANDS]``.
"""

from __future__ import annotations

import random
import struct
import sys
from typing import Final

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
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
_DEFAULT_COMMANDS: Final = 200_000
_RUNS: Final = ((False, 3), (False, 2), (False, 1), (True, 1))  # without accounts, and the rules
_SCENARIOS: Final = 35
_QUANTUM_MICRO: Final = 1_000
_GROUPS: Final = 2  # protection groups of each account
_WAVE_MICRO: Final = 30_000_000  # the index goes up and down by it from marks to marks (rules 3)
_LIMITS: Final = co.MmpLimits(
    interval_ms=1_000,
    frozen_ms=1,
    quantity_limit_e8=6_000_000,
    delta_limit_e8=3_000_000,
    vega_limit_micro=10**12,
    max_quote_e8=10**12,
)
_RISK: Final = cr.RiskParameters(
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


def _index_micro(feed_seq: int, rules: int) -> int:
    """The index: it stands still before rules 3, which have orders that wait for it to move."""
    return _INDEX_MICRO + (abs(feed_seq % 12 - 6) - 3) * _WAVE_MICRO if rules >= 3 else _INDEX_MICRO


def _units() -> list[c.Mark]:
    units = []
    for instrument in range(_INSTRUMENTS):
        mark_micro = _MIDDLE_TICKS * _terms(instrument).tick_micro
        units.append(c.Mark(instrument, 500_000_000, mark_micro, 1_000_000, _INDEX_MICRO))
    return units


def _marks(feed_seq: int, rules: int) -> bytes:
    return c.marks(0, _index_micro(feed_seq, rules), feed_seq, _units())


def _snapshot(feed_seq: int, first: bool, rules: int) -> bytes:
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
    index_micro = _index_micro(feed_seq, rules)
    return cr.risk_snapshot(0, index_micro, feed_seq, _units(), _INSTRUMENTS, cr.table_stream(tables))


def _opening(rules: int) -> bytes:
    found = [c.time(_NOW_MS), c.set_rules(rules), c.list_underlying(0, "BTC")]
    found += [c.list_instrument(number, _terms(number)) for number in range(_INSTRUMENTS)]
    for number in range(_ACCOUNTS):
        found.append(c.create_account(_FIRST_ACCOUNT + number))
        found.append(c.deposit(_FIRST_ACCOUNT + number, 1_000_000_000_000_000, number + 1))
    if rules == 1:
        return b"".join([*found, _marks(1, rules)])
    found += [cr.risk(0, _RISK), cr.set_fees([cr.FeeTier(100, 300, 0, 500), cr.FeeTier(-50, 250, -50, 400)])]
    found.append(_snapshot(1, True, rules))
    found += [cr.set_margin_model(_FIRST_ACCOUNT + number, number % 2) for number in range(_ACCOUNTS)]
    if rules >= 3:
        for number in range(_ACCOUNTS * _GROUPS):
            found.append(co.set_mmp(_FIRST_ACCOUNT + number // _GROUPS, 0, number % _GROUPS, _LIMITS))
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
            return _marks(self._feed_seq, self._rules)
        if self._feed_seq % 3 == 1:
            return _snapshot(self._feed_seq, False, self._rules)
        return cr.risk_sweep(_FIRST_ACCOUNT, _ACCOUNTS)

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


class _TrafficOf3(_Traffic):
    """The same, and what rules 3 add: most orders have a client order id, half of the quotes a group."""

    def __init__(self, seed: int, rules: int) -> None:
        super().__init__(seed, rules)
        self._client = 0
        self._now_ms = _NOW_MS
        self._volatile: list[int] = []

    def learn(self, events: bytes) -> int:
        """As ever; orders priced in volatility are kept apart."""
        at = 0
        while at < len(events):
            kind, units = events[at], events[at + 2] | events[at + 3] << 8
            if kind == r.EV_EXTENDED and struct.unpack_from("<q", events, at + 56)[0]:
                self._volatile.append(struct.unpack_from("<q", events, at + 24)[0])
            at += units * r.UNIT_BYTES
        return super().learn(events)

    def command(self) -> bytes:
        """The next command."""
        draw = self._random.random
        choice = draw()
        account = _FIRST_ACCOUNT + int(draw() * _ACCOUNTS)
        if choice < 0.08:
            return self._extended(account)
        if choice < 0.10 and self._volatile:
            some = [self._volatile.pop() for _ in range(min(16, len(self._volatile)))]
            return co.reprice([(order_id, _MIDDLE_TICKS - 20 - int(draw() * 20)) for order_id in some])
        if choice < 0.11:
            self._now_ms += 50
            return c.time(self._now_ms)
        if choice < 0.12:
            return co.reset_mmp(account, 0, int(draw() * _GROUPS))
        made = super().command()
        if made[0] == r.NEW_ORDER and draw() < 0.9:
            self._client += 1
            return made[:16] + self._client.to_bytes(8, "little") + made[24:]
        if made[0] == r.MASS_QUOTE and draw() < 0.5:
            return made[:32] + (1 + int(draw() * _GROUPS)).to_bytes(8, "little") + made[40:]
        return made

    def _extended(self, account: int) -> bytes:
        """An order that waits, a pair, a bracket, or one priced in volatility."""
        draw = self._random.random
        choice = draw()
        instrument = 1 + int(draw() * (_INSTRUMENTS - 1))
        price = _MIDDLE_TICKS - 2 - int(draw() * 30)
        if choice < 0.2:
            return co.extended_order(account, instrument, 0, price, 5, volatility_e6=600_000)
        stop_micro = _INDEX_MICRO + int((draw() * 6 - 3) * _WAVE_MICRO)
        waits = co.Trigger(r.TRIGGER_STOP, r.SOURCE_INDEX, stop_micro)
        if choice < 0.5:
            return co.extended_order(account, instrument, r.TIF_IOC << r.TIF_SHIFT, price, 5, trigger=waits)
        if choice < 0.6:
            trails = co.Trigger(r.TRIGGER_TRAILING, r.SOURCE_LAST, 0, 3_000_000)
            return co.extended_order(account, instrument, r.FLAG_SELL, price, 5, trigger=trails)
        profit = co.Member(r.FLAG_SELL, _MIDDLE_TICKS + 10, 5)
        loss = co.Member(r.FLAG_SELL, price - 100, 5, trigger=waits)
        if choice < 0.8:
            return co.extended_order(account, instrument, 0, price, 5, link=r.LINK_OCO, members=[loss])
        return co.extended_order(
            account, instrument, 0, price, 5, link=r.LINK_OTOCO, condition=r.FILL_INCREMENTAL,
            members=[profit, loss],
        )  # fmt: skip


def _traffic(seed: int, rules: int) -> _Traffic:
    return _TrafficOf3(seed, rules) if rules == 3 else _Traffic(seed, rules)


def train(commands_count: int, seed: int = _SEED) -> int:
    """Apply about this many commands to engines with and without accounts; returns how many it was."""
    applied = 0
    for null_ledger, rules in _RUNS:
        traffic = _traffic(seed, rules)
        sizes = random.Random(seed)
        engine = Engine(null_ledger=null_ledger, reserve_orders=1 << 14)
        engine.apply(_opening(rules))
        done = 0
        rejected = 0
        while done < commands_count // len(_RUNS):
            count = sizes.choice(_BATCHES)
            rejected += traffic.learn(engine.apply(b"".join(traffic.command() for _ in range(count))))
            done += count
        if rejected > done // 5:
            raise RuntimeError(f"{rejected} rejects of {done} commands: this trains nothing")
        applied += done
    return applied


if __name__ == "__main__":
    train(int(sys.argv[1]) if len(sys.argv) > 1 else _DEFAULT_COMMANDS)
