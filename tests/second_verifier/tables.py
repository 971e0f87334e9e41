"""A batch's tables (codec-5.md: Tables)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from tests.second_verifier.reading import SLOTS, Bytes
from tests.second_verifier.state import need

INSTRUMENT, TAKER, SIDE, ORDER, MAKER, MAKER_MODE, SIZE, PRICE = range(8)


@dataclass
class Tables:
    classes: tuple[int, int, int]  # of instruments, makers, takers
    instrument_limit: int
    account_limit: int
    price_contexts: int
    size_buckets: int
    price_buckets: int
    sizes: tuple[int, ...]
    scales: tuple[int, ...]
    maker_context: tuple[int, ...]  # by instrument class, the escape last; the next five too
    size_context: tuple[int, ...]
    price_context: tuple[int, ...]
    scale_of: tuple[int, ...]
    width: tuple[int, ...]
    widening: tuple[int, ...]
    order_context: tuple[int, ...]  # by taker class, the escape last
    mode_context: tuple[int, ...]  # by maker class, the escape last
    rows: list[list[list[int]]]


def read(data: bytes) -> Tables:
    source = Bytes(data)
    need(source.number(1) == 5, "another version of tables")
    i, m, t = (source.number(1) for _ in range(3))
    need(max(i, m, t) <= 254, "classes")
    instrument_limit, account_limit = source.number(4), source.number(4)
    need(instrument_limit >= 1 and account_limit >= 1, "limits of ids")
    xm, xs, xp, xo, xk = (source.number(1) for _ in range(5))
    need(all(1 <= count <= 64 for count in (xm, xs, xp, xo, xk)), "contexts")
    sb, pb = source.number(1), source.number(1)
    s, scale_count = source.number(1), source.number(1)
    need(sb <= 128 and 1 <= pb <= 128 and s <= 128 and s + sb >= 1 and 1 <= scale_count <= 16, "counts")
    sizes = tuple(source.number(4) for _ in range(s))
    need(all(a < b for a, b in pairwise(sizes)), "listed sizes do not rise")
    scales = tuple(source.number(2) for _ in range(scale_count))
    need(all(scale >= 1 for scale in scales), "a scale")
    quads = [tuple(source.take(4)) for _ in range(i + 1)]
    for quad in quads:
        need(all(a < b for a, b in zip(quad, (xm, xs, xp, scale_count), strict=True)), "a context of a class")
    widths = [(source.number(2), source.number(2)) for _ in range(i + 1)]
    orders, modes = tuple(source.take(t + 1)), tuple(source.take(m + 1))
    need(max(orders) < xo and max(modes) < xk, "a context of a class")
    shapes = (
        (1, i + 3), (1, t + 1), (1, 2), (xo, 32), (xm, m + 1), (2 * xk, 16), (xs, s + sb + 1),
        (3 * xp + 16, pb + 1),
    )  # fmt: skip
    rows = [[_row(source, symbols) for _ in range(count)] for count, symbols in shapes]
    source.end()
    maker, size, price, scale = zip(*quads, strict=True)
    width, widening = zip(*widths, strict=True)
    return Tables(
        (i, m, t), instrument_limit, account_limit, xp, sb, pb, sizes, scales,
        maker, size, price, scale, width, widening, orders, modes, rows,
    )  # fmt: skip


def _row(source: Bytes, symbols: int) -> list[int]:
    row = [0, *(source.number(2) for _ in range(symbols - 1)), SLOTS]
    need(all(a <= b for a, b in pairwise(row)), "a row that falls")
    return row
