"""Marks in the commands become bars, once a second, exactly once however often the writer restarts."""

from __future__ import annotations

from pathlib import Path

from exchange.domain import commands as c
from exchange.domain import records as r
from exchange.domain.commands import Mark
from exchange.history import bars as b
from exchange.history.past import Past
from exchange.history.store import HistoryWriter
from exchange.journal import EventReader, MemoryStorage
from tests.unit.gateway.rig import NOW_MS, listings, option_terms
from tests.unit.history.journal import Market

STRIKES = (90_000, 95_000, 100_000, 105_000, 110_000)
INDEX = 100_000_000_000


def listed(market: Market) -> list[int]:
    """Calls and puts of some strikes that expire in 30 days; their ids."""
    first = len([one for one in listings() if one[0] == r.LIST_INSTRUMENT])
    made: list[bytes] = []
    for strike in STRIKES:
        for option_type in (r.OPTION_CALL, r.OPTION_PUT):
            terms = option_terms(option_type)._replace(
                expiry_ms=NOW_MS + 30 * 86_400_000, strike_micro=strike * 1_000_000
            )
            made.append(c.list_instrument(first + len(made), terms))
    market.run(*made)
    return list(range(first, first + len(made)))


def block(ids: list[int], premium_micro: int) -> list[Mark]:
    units = []
    for place, number in enumerate(ids):
        strike = STRIKES[place // 2] * 1_000_000
        intrinsic = max(0, INDEX - strike if place % 2 == 0 else strike - INDEX)
        units.append(Mark(number, 0, intrinsic + premium_micro, 0, INDEX))
    return units


def test_the_index_and_option_marks_are_kept(tmp_path: Path) -> None:
    market = Market(MemoryStorage())
    path = tmp_path / "history.db"
    writer = HistoryWriter(path)
    ids = listed(market)
    writer.add_events([frame.payload for frame in EventReader(market.storage)], market.engine.next_seq)
    for tenth in range(35):
        marks = block(ids, 2_000_000_000 + tenth * 1_000_000)
        batch = [c.time(NOW_MS + 100 * tenth), c.marks(0, INDEX + tenth, 2 + tenth, marks)]
        writer.add_events([market.run(*batch)], market.engine.next_seq)
        writer.add_commands([b"".join(batch)], [], market.engine.next_seq)
        if tenth % 10 == 5:
            writer.close()
            writer = HistoryWriter(path)
    past = Past(path)
    seconds = past.bars(b.VOLATILITY, 0, 1, 0, 1 << 40)
    assert [bar.start_s - NOW_MS // 1_000 for bar in seconds] == [0, 1, 2, 3]
    assert all(20_000_000 < bar.close < 200_000_000 for bar in seconds)
    (minute,) = past.bars(b.VOLATILITY, 0, 60, 0, 1 << 40)
    assert (minute.open, minute.close) == (seconds[0].open, seconds[-1].close)
    (mark,) = past.bars(b.MARK, ids[4], 300, 0, 1 << 40)
    assert mark.open == 2_000_000_000
    (index,) = past.bars(b.INDEX, 0, 60, 0, 1 << 40)
    assert (index.low, index.close) == (INDEX, INDEX + 34)
    past.close()
    writer.close()
