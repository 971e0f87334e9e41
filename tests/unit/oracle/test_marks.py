"""MARKS blocks: bytes, contents, rhythm, staleness, expiry, refusals."""

import math
import struct
from collections.abc import Sequence

import numpy as np
import pytest

from exchange.core.engine import Engine
from exchange.domain import commands, events, limits
from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms, Mark
from exchange.oracle.chain_spec import chain_spec
from exchange.oracle.feed import IndexTick
from exchange.oracle.marks import MarkedInstrument, MarkLoop, UnderlyingMarks
from exchange.oracle.marks_codec import MARK_UNIT, MarksBlock
from exchange.oracle.premium import PerpetualPremium
from exchange.oracle.simulated import SimulatedFeed
from pricing.european import black76, years_between
from pricing.forward import FlatCarry
from pricing.quantize import QuantizeError
from pricing.simulated_surface import simulated_surface

NOW_MS = 1_795_000_000_000
HOUR_MS = 3_600_000
PERPETUAL_ID = 7


def make_marks(symbol: str = "BTC", underlying_id: int = 0, last_feed_seq: int = 0) -> UnderlyingMarks:
    premium = PerpetualPremium(seed=1, start_ms=NOW_MS)
    marks = UnderlyingMarks(
        underlying_id, symbol, simulated_surface(symbol), FlatCarry(0.05), premium, last_feed_seq
    )
    spec = chain_spec(NOW_MS, 98_000.0 if symbol == "BTC" else 3_400.0)
    listed = [MarkedInstrument(PERPETUAL_ID, r.KIND_PERPETUAL)]
    for number, option in enumerate(spec):
        listed.append(MarkedInstrument(100 + number, r.KIND_OPTION, *option[1::-1], option.is_call))
    marks.set_instruments(listed)
    return marks


def decode(command: bytes) -> tuple[int, int, int, list[Mark]]:
    """underlying, index_micro, feed_seq and units, read with the struct module alone."""
    kind, version, units, flags, account, underlying, *rest = struct.unpack_from("<BBHIIIQII", command)
    assert (kind, version, flags, account, rest) == (24, 1, 0, 0, [0, 0, 0])
    assert len(command) == 32 * units
    index_micro, feed_seq, *zero = struct.unpack_from("<qqqq", command, 32)
    assert zero == [0, 0]
    return underlying, index_micro, feed_seq, [Mark(*u) for u in struct.iter_unpack("<Iiqqq", command[64:])]


def test_the_core_takes_a_whole_block_before_and_after_an_expiry() -> None:
    engine = Engine()
    marks = UnderlyingMarks(
        0, "BTC", simulated_surface("BTC"), FlatCarry(0.05), PerpetualPremium(1, NOW_MS)
    )
    spec = chain_spec(NOW_MS, 98_000.0)
    perpetual = InstrumentTerms(
        kind=r.KIND_PERPETUAL, option_type=r.OPTION_NONE, underlying=0, expiry_ms=0, strike_micro=0,
        tick_micro=500_000, lot_e8=1_000_000, min_size_lots=1, price_limit_ticks=2_000_000,
        position_limit_lots=10_000, maker_fee_ppm=300, taker_fee_ppm=300, fee_cap_permille=125,
        delivery_fee_ppm=150, band_ppm=50_000,
    )  # fmt: skip
    terms = [perpetual]
    for option in spec:
        kind = r.OPTION_CALL if option.is_call else r.OPTION_PUT
        terms.append(perpetual._replace(kind=r.KIND_OPTION, option_type=kind))
        terms[-1] = terms[-1]._replace(expiry_ms=option.expiry_ms, strike_micro=option.strike_micro)
    setup = [commands.time(NOW_MS), commands.list_underlying(0, "BTC")]
    setup += [commands.list_instrument(number, one) for number, one in enumerate(terms)]
    listed = list(events.read_events(engine.apply(b"".join(setup))))
    assert not [event for event in listed if isinstance(event, events.Rejected)]
    marks.set_instruments(MarkedInstrument.from_terms(number, one) for number, one in enumerate(terms))
    gone = sum(option.expiry_ms == spec[0].expiry_ms for option in spec)
    for seq, (now_ms, index, count) in enumerate(
        ((NOW_MS, 98_000.0, len(terms)), (spec[0].expiry_ms, 12_345.67, len(terms) - gone)), start=1
    ):
        (event,) = events.read_events(engine.apply(marks.mark(index, now_ms)))
        assert isinstance(event, events.Marked), event
        assert (event.head.id, event.index_micro, event.units) == (seq, round(index * 1e6), count)


def test_the_packed_block_is_the_domains_own() -> None:
    units = [Mark(5, -(10**9), 0, 0, 1), Mark(6, 10**9, limits.MAX_PRICE_MICRO, 3, 4)]
    block = MarksBlock(2)
    block.units[:] = np.array([tuple(unit) for unit in units], dtype=MARK_UNIT)
    assert block.words[:, 1:].tolist() == [list(unit[2:]) for unit in units]
    for first in (0, 1, 2):
        expected = commands.marks(3, 98_000_000_000, 17, units[first:])
        assert block.encode(3, 98_000_000_000, 17, first) == expected
    block.words[:, 1] = 77
    renewed = [unit._replace(mark_micro=77) for unit in units]
    assert block.encode(3, 1, 18) == commands.marks(3, 1, 18, renewed)
    assert MarksBlock(0).encode(3, 1, 17) == commands.marks(3, 1, 17, [])
    with pytest.raises(ValueError, match="4000"):
        MarksBlock(4_001)


def test_a_block_holds_every_instrument_priced_within_a_micro_unit() -> None:
    marks = make_marks()
    underlying, index_micro, feed_seq, units = decode(marks.mark(98_123.45, NOW_MS))
    assert (underlying, index_micro, feed_seq) == (0, 98_123_450_000, 1)
    spec = {100 + n: option for n, option in enumerate(chain_spec(NOW_MS, 98_000.0))}
    by_id = {unit.instrument: unit for unit in units}
    assert set(by_id) == set(spec) | {PERPETUAL_ID}
    for instrument_id, option in spec.items():
        unit = by_id[instrument_id]
        years = float(years_between(NOW_MS, option.expiry_ms))
        forward = 98_123.45 * math.exp(0.05 * years)
        strike = option.strike_micro / 1e6
        vol = float(simulated_surface("BTC").vol(math.log(strike / forward), years))
        want = black76(forward, strike, years, vol, option.is_call)
        assert unit.mark_micro == pytest.approx(float(want.price) * 1e6, abs=0.51)
        assert unit.delta_e9 == pytest.approx(float(want.delta) * 1e9, abs=0.51)
        assert unit.vega_micro == pytest.approx(float(want.vega) * 1e6, abs=0.51)
        assert unit.forward_micro == pytest.approx(forward * 1e6, abs=0.51)


def test_the_perpetual_is_marked_near_its_index() -> None:
    marks = make_marks()
    for step in range(1, 200):
        *_, units = decode(marks.mark(98_000.0, NOW_MS + step * 60_000))
        unit = next(unit for unit in units if unit.instrument == PERPETUAL_ID)
        assert (unit.delta_e9, unit.vega_micro, unit.forward_micro) == (10**9, 0, 98_000_000_000)
        assert abs(unit.mark_micro / 98_000_000_000 - 1.0) <= 1e-3
    assert unit.mark_micro != 98_000_000_000


def test_feed_seq_grows_from_where_it_stood() -> None:
    marks = make_marks(last_feed_seq=41)
    assert [decode(marks.mark(98_000.0, NOW_MS))[2] for _ in range(3)] == [42, 43, 44]


def test_an_expired_option_leaves_the_block() -> None:
    marks = make_marks()
    first_expiry_ms = min(i.expiry_ms for i in chain_spec(NOW_MS, 98_000.0))
    everything = len(decode(marks.mark(98_000.0, first_expiry_ms - 1))[3])
    rest = decode(marks.mark(98_000.0, first_expiry_ms))[3]
    assert len(rest) == everything - 30
    assert PERPETUAL_ID in {unit.instrument for unit in rest}


@pytest.mark.parametrize("index", [math.nan, math.inf, 0.0, -1.0, 1e-9, 5e6])
def test_an_index_beyond_the_limits_makes_no_command(index: float) -> None:
    marks = make_marks()
    with pytest.raises(QuantizeError):
        marks.mark(index, NOW_MS)
    assert marks.feed_seq == 0


def test_relisting_replaces_the_whole_set() -> None:
    marks = make_marks()
    marks.set_instruments([MarkedInstrument(3, r.KIND_PERPETUAL)])
    assert [unit.instrument for unit in decode(marks.mark(98_000.0, NOW_MS))[3]] == [3]
    marks.set_instruments([])
    assert decode(marks.mark(98_000.0, NOW_MS))[3] == []


def test_what_is_newly_listed_has_greeks_at_once() -> None:
    marks = make_marks()
    marks.mark(98_000.0, NOW_MS)
    marks.set_instruments(
        [MarkedInstrument(900, r.KIND_OPTION, 98_000_000_000, NOW_MS + 24 * HOUR_MS, True)]
    )
    shown = marks.greeks.get(900)
    assert shown is not None
    assert shown.delta == pytest.approx(0.5, abs=0.05)
    assert marks.feed_seq == 1


def test_listings_that_cannot_be_marked_are_refused() -> None:
    marks = make_marks()
    with pytest.raises(ValueError, match="twice"):
        marks.set_instruments([MarkedInstrument(3, r.KIND_PERPETUAL), MarkedInstrument(3, r.KIND_PERPETUAL)])
    with pytest.raises(ValueError, match="4000"):
        marks.set_instruments(MarkedInstrument(n, r.KIND_PERPETUAL) for n in range(4_001))
    with pytest.raises(ValueError, match="kind"):
        MarkedInstrument(3, 9)
    with pytest.raises(ValueError, match="strike"):
        MarkedInstrument(3, r.KIND_OPTION, expiry_ms=NOW_MS)


def test_an_instrument_is_read_from_its_terms() -> None:
    terms = InstrumentTerms(
        kind=r.KIND_OPTION, option_type=r.OPTION_PUT, underlying=0, expiry_ms=NOW_MS, strike_micro=5_000_000,
        tick_micro=1, lot_e8=1, min_size_lots=1, price_limit_ticks=1, position_limit_lots=1, maker_fee_ppm=0,
        taker_fee_ppm=0, fee_cap_permille=0, delivery_fee_ppm=0, band_ppm=0,
    )  # fmt: skip
    want = MarkedInstrument(9, r.KIND_OPTION, 5_000_000, NOW_MS, False, lot_e8=1, position_limit_lots=1)
    assert MarkedInstrument.from_terms(9, terms) == want


def test_another_surface_changes_the_next_block() -> None:
    marks = make_marks()
    before = marks.mark(98_000.0, NOW_MS)
    marks.set_surface(simulated_surface("ETH"))
    assert marks.mark(98_000.0, NOW_MS)[64:] != before[64:]


# --- the loop ---------------------------------------------------------------------------------------


class Script:
    """A feed of prescribed ticks."""

    def __init__(self, *ticks: IndexTick) -> None:
        self._ticks = list(ticks)

    def advance(self, now_ms: int) -> Sequence[IndexTick]:
        due = [tick for tick in self._ticks if tick.at_ms <= now_ms]
        self._ticks = [tick for tick in self._ticks if tick.at_ms > now_ms]
        return due


def tick(price: float, after_ms: int, underlying: str = "BTC") -> IndexTick:
    return IndexTick(underlying, price, NOW_MS + after_ms)


def test_marks_come_on_every_move_and_at_least_every_100_ms() -> None:
    feed = Script(tick(98_000.0, 0), tick(98_000.0, 30), tick(98_001.0, 40), tick(98_002.0, 60))
    loop = MarkLoop(feed, [make_marks()])
    made = {ms: loop.step(NOW_MS + ms) for ms in range(0, 301, 10)}
    assert [ms for ms, due in made.items() if due] == [0, 40, 60, 160, 260]
    assert [decode(due[0])[1] // 1_000_000 for due in made.values() if due] == [
        98_000, 98_001, 98_002, 98_002, 98_002,
    ]  # fmt: skip


def test_one_block_per_underlying_in_the_order_given() -> None:
    loop = MarkLoop(SimulatedFeed(1, NOW_MS), [make_marks("BTC", 0), make_marks("ETH", 1)])
    assert [decode(command)[0] for command in loop.step(NOW_MS)] == [0, 1]
    assert loop.step(NOW_MS + 50) == []
    assert [decode(command)[0] for command in loop.step(NOW_MS + 100)] == [0, 1]
    assert loop.marks_of("ETH").underlying_id == 1
    assert loop.greeks_of(1) is loop.marks_of("ETH").greeks
    assert loop.greeks_of(2) is None


def test_the_same_seed_makes_the_same_bytes() -> None:
    def run(seed: int) -> list[bytes]:
        loop = MarkLoop(SimulatedFeed(seed, NOW_MS), [make_marks("BTC", 0), make_marks("ETH", 1)])
        return [command for ms in range(0, 2_000, 100) for command in loop.step(NOW_MS + ms)]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_a_silent_feed_makes_no_marks_and_is_told() -> None:
    loop = MarkLoop(Script(tick(98_000.0, 0), tick(98_500.0, 9_000)), [make_marks()])
    assert loop.stale(NOW_MS) == ["BTC"]
    assert loop.step(NOW_MS)
    assert loop.stale(NOW_MS + 5_000) == []
    assert loop.step(NOW_MS + 5_000)
    assert loop.step(NOW_MS + 5_001) == []
    assert loop.step(NOW_MS + 8_000) == []
    assert loop.stale(NOW_MS + 8_000) == ["BTC"]
    assert loop.step(NOW_MS + 9_000)
    assert loop.stale(NOW_MS + 9_000) == []


def test_before_the_first_tick_there_are_no_marks() -> None:
    assert MarkLoop(Script(tick(98_000.0, 500)), [make_marks()]).step(NOW_MS) == []


def test_a_nonsensical_tick_is_refused_and_the_price_before_stays() -> None:
    feed = Script(tick(98_000.0, 0), tick(math.nan, 20), tick(1e12, 40), tick(3_000.0, 50, "DOGE"))
    loop = MarkLoop(feed, [make_marks()])
    made = {ms: loop.step(NOW_MS + ms) for ms in (0, 20, 40, 60, 100)}
    assert [ms for ms, due in made.items() if due] == [0, 100]
    assert loop.refused_count == 2
    assert decode(made[100][0])[1] == 98_000_000_000


def test_a_confirming_tick_keeps_the_index_fresh() -> None:
    loop = MarkLoop(Script(tick(98_000.0, 0), tick(98_000.0, 4_000)), [make_marks()])
    loop.step(NOW_MS)
    loop.step(NOW_MS + 4_000)
    assert loop.stale(NOW_MS + 9_000) == []
    assert loop.stale(NOW_MS + 9_001) == ["BTC"]


def test_senseless_loops_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        MarkLoop(Script(), [make_marks(), make_marks()])
    with pytest.raises(ValueError, match="interval_ms"):
        MarkLoop(Script(), [], interval_ms=0)
