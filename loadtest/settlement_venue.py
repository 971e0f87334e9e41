"""A venue whose fills are a benchmark's stream, settled: its events, and the two accounts of them.

What the stream does not say is made to fit it: every option may trade at every price, every account is rich,
and every fill's fees are what the ledger asks for. Orders of combos and of liquidations are told as their
accounts' own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms, pack_terms, symbol_word
from loadtest.streams.generator import FIRST_ACCOUNT, Stream
from loadtest.streams.laws import GRANT, LIQUIDATION
from settlement import transition as tr
from settlement.batch import Frame
from settlement.coding.batches import step_of
from settlement.coding.fills import Step as Row
from settlement.rollup.builder import Attested, BatchBuilder, Limits
from settlement.rollup.coding import Coding
from settlement.state import State as LedgerState
from settlement.stf.state import State

TIME_MS: Final = 1_790_000_000_000
INDEX_MICRO: Final = (100_000_000_000, 4_000_000_000, 200_000_000, 3_000_000)
RATES_PPM: Final = (300, 500)
"""Makers' and takers'."""
RICH_MICRO: Final = 10**13
ATTESTED: Final = Attested(bytes(32), bytes(32), bytes(32))
_HEAD: Final = struct.Struct("<BBHIQIIq")
_TRADE: Final = struct.Struct("<qqqqIIqqqqqqqqqIIq")
_OPTION: Final = InstrumentTerms(
    kind=r.KIND_OPTION,
    option_type=r.OPTION_CALL,
    underlying=0,
    expiry_ms=TIME_MS + 86_400_000,
    strike_micro=100_000_000_000,
    tick_micro=1_000_000,
    lot_e8=100_000,
    min_size_lots=1,
    price_limit_ticks=1_000_000,
    position_limit_lots=1_000_000,
    maker_fee_ppm=RATES_PPM[0],
    taker_fee_ppm=RATES_PPM[1],
    fee_cap_permille=125,
    delivery_fee_ppm=150,
    band_ppm=50_000,
    tick_steps=((0, 1),),
)


def _told(kind: int, seq: int, who: int, what: int, ident: int, body: bytes) -> bytes:
    body = body.ljust(-(-len(body) // 32) * 32, b"\0")
    return _HEAD.pack(kind, 1, 1 + len(body) // 32, 0, seq, who, what, ident) + body


class SettledVenue:
    """Events of a stream, one command after another, and who is told of each fill's authorisation."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.at = 0
        """The stream's next fill."""
        self._seq = 0
        self._classes: dict[int, int] = {}
        world = stream.world
        self.terms = [
            _OPTION._replace(underlying=int(world.underlying[n]), tick_steps=((0, int(world.step_ticks[n])),))
            for n in range(stream.laws.instruments)
        ]

    def builder(self, coding: Coding) -> BatchBuilder:
        """A builder of this venue's batches, with nothing taken in."""
        limits = Limits(1 << 40, 1 << 60)
        return BatchBuilder(LedgerState(), State(), coding, limits, classes=lambda _: self._classes)

    def opening(self) -> Frame:
        """Everything the fills lean on."""
        told = [self._underlying(number) for number in range(len(self.stream.laws.underlyings))]
        told += [self._instrument(number, terms) for number, terms in enumerate(self.terms)]
        accounts = range(FIRST_ACCOUNT, FIRST_ACCOUNT + self.stream.laws.makers + self.stream.laws.takers)
        for number in accounts:
            told += self._account(number)
        return Frame(1, self._seq, b"".join(told))

    def frames(self, count: int) -> Iterator[Frame]:
        """The next fills, one command a fill. Exhaust one before the next."""
        self._classes.clear()
        rows = self.stream.fills.part(self.at, self.at + count).rows()
        self.at += count
        for row in map(_usual, rows):
            self._classes[row.trade_id] = step_of(row).classes
            events = self._trade(row)
            yield Frame(self._seq, self._seq, events)

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _underlying(self, number: int) -> bytes:
        name = self.stream.laws.underlyings[number].symbol
        body = struct.pack("<2q", symbol_word(name), TIME_MS)
        return _told(r.EV_UNDERLYING, self._next(), 0, number, 0, body)

    def _instrument(self, number: int, terms: InstrumentTerms) -> bytes:
        body = pack_terms(terms) + struct.pack("<2q", r.STATE_OPEN, TIME_MS)
        return _told(r.EV_INSTRUMENT, self._next(), 0, number, 0, body)

    def _account(self, number: int) -> Iterator[bytes]:
        yield _told(r.EV_ACCOUNT, self._next(), number, 0, 0, bytes(24) + struct.pack("<2q", TIME_MS, 0))
        kind = r.CASH_DEPOSIT | 3 << 32
        body = struct.pack("<5q", RICH_MICRO, RICH_MICRO, kind, TIME_MS, 0)
        yield _told(r.EV_CASH, self._next(), number, 0, number - FIRST_ACCOUNT + 1, body)

    def _trade(self, row: Row) -> bytes:
        terms, seq = self.terms[row.instrument], self._next()
        spot = INDEX_MICRO[terms.underlying]
        value = tr.fill_value_micro(terms, row.price_ticks, row.size_lots)
        fees = [tr.trade_fee_micro(terms, ppm, spot, row.size_lots, value) for ppm in RATES_PPM]
        head = (r.EV_TRADE, 1, 5, 0, seq, row.taker, row.instrument, row.trade_id)
        match = (1, 2, row.price_ticks, row.size_lots, row.maker, row.taker, *fees, row.taker_sells)
        return _HEAD.pack(*head) + _TRADE.pack(*match, TIME_MS, spot, 1, 1, 1, value, 0, 0, 0)


def _usual(row: Row) -> Row:
    """The fill of two orders of their accounts' own."""
    plain = row._replace(combo_sides=0)
    return plain._replace(taker_class=GRANT) if row.taker_class == LIQUIDATION else plain
