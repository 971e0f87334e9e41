"""What else fills could be posted as: the codecs that codec 5 is measured beside.

All are self-contained: a batch is decoded from its bytes alone. The columnar ones have what settlement's
first format has (docs/settlement.md): dictionaries of accounts and instruments by frequency, prices as
differences to the same instrument's last, sizes and prices divided by their greatest common divisor, zigzag
varints.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Final

import brotli
import msgpack
import zstandard

from settlement import columns as col
from settlement.coding.fills import Fills, Step

_FIXED: Final = struct.Struct(">IIIBBqIQ")
_ZSTD_LEVEL: Final = 19


def columnar(fills: Fills) -> list[bytes]:
    """The columns, each as varints."""
    rows = fills.rows()
    accounts = col.ranked(number for row in rows for number in (row.maker, row.taker))
    instruments = col.ranked(row.instrument for row in rows)
    account_of = {number: rank for rank, number in enumerate(accounts)}
    instrument_of = {number: rank for rank, number in enumerate(instruments)}
    prices = col.keyed_deltas((row.instrument, row.price_ticks) for row in rows)
    return [
        col.varints([len(rows), len(accounts), len(instruments)]),
        col.signed(col.deltas(accounts)),
        col.signed(col.deltas(instruments)),
        col.varints(instrument_of[row.instrument] for row in rows),
        col.varints(account_of[row.maker] for row in rows),
        col.varints(account_of[row.taker] for row in rows),
        col.bits([bool(row.taker_sells) for row in rows]),
        col.varints(row.combo_sides for row in rows),
        col.varints(row.maker_class << 4 | row.taker_class for row in rows),
        col.scaled(prices),
        col.scaled([row.size_lots for row in rows]),
        col.signed(value - 1 for value in col.deltas([row.trade_id for row in rows])),
    ]


def _objects(fills: Fills) -> list[dict[str, int]]:
    return [row._asdict() for row in fills.rows()]


def _json(fills: Fills) -> bytes:
    return json.dumps(_objects(fills), separators=(",", ":")).encode()


def _msgpack(fills: Fills) -> bytes:
    packed: bytes = msgpack.packb([tuple(row) for row in fills.rows()])
    return packed


def _fixed(fills: Fills) -> bytes:
    return b"".join(map(_fixed_row, fills.rows()))


def _fixed_row(row: Step) -> bytes:
    flags = row.combo_sides << 1 | row.taker_sells
    classes = row.maker_class << 4 | row.taker_class
    who = row.instrument, row.maker, row.taker
    return _FIXED.pack(*who, flags, classes, row.price_ticks, row.size_lots, row.trade_id)


def _brotli(data: bytes) -> bytes:
    found: bytes = brotli.compress(data, quality=11, lgwin=24)
    return found


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(data)


COLUMNAR_BROTLI: Final = "columnar + varint + brotli"
PEERS: Final[dict[str, Callable[[Fills], int]]] = {
    COLUMNAR_BROTLI: lambda fills: sum(len(_brotli(column)) + 2 for column in columnar(fills)),
    "columnar + varint + zstd": lambda fills: sum(len(_zstd(column)) + 2 for column in columnar(fills)),
    "columnar + varint": lambda fills: sum(len(column) + 2 for column in columnar(fills)),
    "msgpack + brotli": lambda fills: len(_brotli(_msgpack(fills))),
    "JSON + brotli": lambda fills: len(_brotli(_json(fills))),
    "JSON": lambda fills: len(_json(fills)),
    "fixed width": lambda fills: len(_fixed(fills)),
}
"""Bytes of a batch, by the peer's name."""
