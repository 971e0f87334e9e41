"""A benchmark's stream as a venue's events: what is built of it is derived, fill by fill."""

from __future__ import annotations

from dataclasses import replace

from loadtest.settlement_venue import ATTESTED, TIME_MS, SettledVenue
from loadtest.streams import options_v1
from loadtest.streams.generator import generate
from settlement.rollup.codec_5 import Codec5
from settlement.rollup.derive import Derivation
from settlement.stf.steps import FILL

FILLS = 150


def test_a_stream_is_settled() -> None:
    venue = SettledVenue(generate(replace(options_v1.LAWS, takers=40), 2 * FILLS))
    builder, derived = venue.builder(Codec5()), Derivation(Codec5())
    builder.add(venue.opening(), 0)
    found: list[tuple[int, int, int, int]] = []
    for count in (0, FILLS, FILLS):
        for frame in venue.frames(count):
            builder.add(frame, 0)
        batch = builder.close(ATTESTED, TIME_MS)
        chunks = derived.take(batch.header, batch.payload, with_trace=False)
        builder.begin()
        found += [(s.ident, s.first, s.second, s.q) for c in chunks for s in c.steps if s.kind == FILL]
    rows = venue.stream.fills.rows()
    assert found == [(row.trade_id, row.maker, row.taker, row.size_lots) for row in rows]
