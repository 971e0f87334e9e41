"""The netted row of the settlement benchmark: positions and cash alone, the fills elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Final

from loadtest.settlement_compression import LARGE, Last, Measured, measured
from loadtest.settlement_rows import Row, Scale, measure
from loadtest.streams import options_v1, options_v2
from loadtest.streams.generator import Stream
from settlement.coding.fills import COMBO_TAKER, Step
from settlement.coding.learner import Kind
from settlement.coding.netted import Change, Known, Net, decode_net, encode_net

NETTED_MOST: Final = 2.3
FEE_PER_LOT: Final = (30_000, 2_000, 300, 100)
"""What a taker pays a lot, by underlying, in micro-USDC; makers pay nothing."""
TICK_LOT_MICRO: Final = 1_000
CAP_PERMILLE: Final = 125
"""Of the premium: no option's fee is more."""
COMBO_PERMILLE: Final = 800
"""What is left of the fee of an order by a combo."""


def fee_of(stream: Stream, change: Change, makes: bool) -> int:
    """What a change costs if one fill made it."""
    if makes:
        return 0
    each = FEE_PER_LOT[int(stream.world.underlying[change.instrument])]
    return min(each * abs(change.lots), abs(change.value) * TICK_LOT_MICRO * CAP_PERMILLE // 1000)


def net_of(stream: Stream, rows: list[Step]) -> Net:
    """What fills come to."""
    lots: Counter[tuple[int, int]] = Counter()
    value: Counter[tuple[int, int]] = Counter()
    cash: Counter[int] = Counter()
    for row in rows:
        bought = -row.size_lots if row.taker_sells else row.size_lots
        for account, side in ((row.taker, bought), (row.maker, -bought)):
            lots[account, row.instrument] += side
            value[account, row.instrument] += side * row.price_ticks
        fee = fee_of(stream, Change(row.taker, row.instrument, bought, bought * row.price_ticks), False)
        cash[row.taker] -= -(-fee * COMBO_PERMILLE // 1000) if row.combo_sides & COMBO_TAKER else fee
        cash[row.maker] += 0
    changes = tuple(Change(*key, lots[key], value[key]) for key in sorted(lots))
    return Net(changes, tuple(sorted(cash.items())))


def known_of(stream: Stream, last: Last) -> Known:
    """What stood before a batch."""

    def kind_of(instrument: int) -> Kind:
        return Kind(int(stream.world.underlying[instrument]), int(stream.world.step_ticks[instrument]))

    return Known(last.sequencer.dictionaries, last.anchors, kind_of, partial(fee_of, stream))


@measure("netted")
def netted(scale: Scale) -> Iterator[Row]:
    """Both streams."""
    for laws in (options_v1.LAWS, options_v2.LAWS):
        yield from netted_rows(measured(laws, scale))


def netted_rows(found: Measured) -> Iterator[Row]:
    """One stream's rows. Raises ValueError if a net does not come back."""
    for size, coding in found.warm.items():
        net, known = net_of(found.stream, coding.last.fills.rows()), known_of(found.stream, coding.last)
        started_s = time.process_time()
        data = encode_net(net, known)
        took_ms = (time.process_time() - started_s) * 1e3
        if decode_net(data, known) != net:
            raise ValueError("a net that does not come back")
        title = f"{found.laws.name}, batches of {size:,}"
        most = NETTED_MOST if size == LARGE else None
        yield Row("netted", f"{title}: all changes", len(data) / size, "B/fill", most)
        yield Row("netted", f"{title}: positions changed", len(net.changes) / size, "per fill")
        yield Row("netted", f"{title}: coding it", took_ms, "ms/batch")

