# pragma version 0.4.3
"""
@title Columns
@notice The columns of a fill chunk (docs/codec-5.md, Fill chunk), one after another: `settlement/coding/plain.py` in the
    operations of a contract.
"""
import buckets
import rans
import sources
import tables

# The columns as they come: of the FILL steps alone, in their order. Sets are bits.
struct Columns:
    coder: rans.Coder
    count: uint256
    fills: uint256  # which steps are FILLs
    continues: uint256  # which continue the order of the FILL before
    tail: uint256  # whose takers stand in what remains of the coder
    sells: uint256
    class_of: uint256[64]  # of the instrument
    instrument: uint256[64]
    taker_class: uint256[64]
    taker: uint256[64]
    mode: uint256[64]
    maker_class: uint256[64]
    maker: uint256[64]
    maker_mode: uint256[64]
    size: uint256[64]
    price: int256[64]
    slots: uint256[64]  # of each FILL: its instrument's place among those of the chunk
    index: uint256[64]  # of the INDEX steps
    underlying: uint256[64]

MOST_STEPS: constant(uint256) = 64
BLOCK: constant(uint256) = 5
LOW_64: constant(uint256) = 2 ** 64 - 1
SIZE_EXACT: constant(uint256) = 3
PRICE_EXACT: constant(uint256) = 5
PRICE_END: constant(int256) = 2 ** 62
INDEX_END: constant(int256) = 2 ** 48
INSTRUMENTS: constant(uint256) = 0
MAKERS: constant(uint256) = 1
TAKERS: constant(uint256) = 2


@internal
@view
def read_instruments(told: sources.Sources, start: Columns) -> Columns:
    """
    @notice Which steps are FILLs, which of them continue an order, and the others' instruments.
    """
    now: Columns = start
    classes: uint256 = told.shape.instruments
    symbol: uint256 = 0
    for k: uint256 in range(told.steps, bound=MOST_STEPS):
        now.coder, symbol = rans.symbol(now.coder, told.shape.rows_at[0], told.shape.symbols[0])
        if symbol == classes + 2:
            continue
        now.fills |= 1 << k
        if symbol == classes + 1:
            now.continues |= 1 << now.count
        now.class_of[now.count] = symbol
        now.count += 1
    if now.continues & 1 == 1:
        now.coder.is_wrong = True
        return now
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        if (now.continues >> j) & 1 == 1:
            now.class_of[j] = now.class_of[j - 1]
            now.instrument[j] = now.instrument[j - 1]
            continue
        now.coder, now.instrument[j] = sources.id(
            told, now.coder, INSTRUMENTS, now.class_of[j], classes, told.shape.instrument_limit
        )
        if now.coder.is_wrong:
            break
    return now


@internal
@view
def read_takers(told: sources.Sources, start: Columns) -> Columns:
    """
    @notice Takers, but for those that fit into what remains of the coder together, from the last one on.
    """
    now: Columns = start
    classes: uint256 = told.shape.takers
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        now.taker_class[j] = classes
        if (now.continues >> j) & 1 == 0:
            now.coder, now.taker_class[j] = rans.symbol(
                now.coder, told.shape.rows_at[1], told.shape.symbols[1]
            )
    product: uint256 = 1
    for k: uint256 in range(now.count, bound=MOST_STEPS):
        j: uint256 = now.count - 1 - k
        if now.taker_class[j] == classes:
            continue
        size: uint256 = sources.class_size(told, TAKERS, now.taker_class[j])
        if size != 0 and product * size <= rans.TOTAL:
            product *= size
            now.tail |= 1 << j
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        if (now.continues >> j) & 1 == 1:
            now.taker[j] = now.taker[j - 1]
            now.taker_class[j] = now.taker_class[j - 1]
        elif (now.tail >> j) & 1 == 0:
            now.coder, now.taker[j] = sources.id(
                told, now.coder, TAKERS, now.taker_class[j], classes, told.shape.account_limit
            )
            if now.coder.is_wrong:
                break
    return now


@internal
@view
def read_orders(told: sources.Sources, start: Columns) -> Columns:
    """
    @notice Sides, then order modes: the taker's class, whether it trades by a combo's order, whether it rests.
    """
    now: Columns = start
    symbol: uint256 = 0
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        if (now.continues >> j) & 1 == 1:
            symbol = (now.sells >> (j - 1)) & 1
        else:
            now.coder, symbol = rans.symbol(now.coder, told.shape.rows_at[2], 2)
        now.sells |= symbol << j
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        if (now.continues >> j) & 1 == 1:
            now.mode[j] = now.mode[j - 1]
            continue
        context: uint256 = tables.small(told.shape.takers_at + now.taker_class[j])
        now.coder, now.mode[j] = rans.symbol(
            now.coder, sources.row(told, 3, context), told.shape.symbols[3]
        )
    return now


@internal
@view
def read_makers(told: sources.Sources, start: Columns) -> Columns:
    """
    @notice Makers' classes, then makers, then their modes: the class, whether it trades by a combo's order.
    """
    now: Columns = start
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        row: uint256 = sources.row(told, 4, sources.context(told, now.class_of[j], 0))
        now.coder, now.maker_class[j] = rans.symbol(now.coder, row, told.shape.symbols[4])
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        now.coder, now.maker[j] = sources.id(
            told,
            now.coder,
            MAKERS,
            now.maker_class[j],
            told.shape.makers,
            told.shape.account_limit,
        )
        if now.coder.is_wrong:
            return now
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        row: uint256 = 2 * tables.small(told.shape.makers_at + now.maker_class[j])
        if now.mode[j] & 7 == BLOCK:
            row += 1
        now.coder, now.maker_mode[j] = rans.symbol(
            now.coder, sources.row(told, 5, row), told.shape.symbols[5]
        )
    return now


@internal
@view
def read_sizes(told: sources.Sources, start: Columns) -> Columns:
    """
    @notice Lots: listed, in a bucket, or in full.
    """
    now: Columns = start
    listed: uint256 = told.shape.size_count
    bucket_count: uint256 = told.shape.size_buckets
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        row: uint256 = sources.row(told, 6, sources.context(told, now.class_of[j], 1))
        now.coder, now.size[j] = rans.symbol(now.coder, row, told.shape.symbols[6])
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        symbol: uint256 = now.size[j]
        if symbol < listed:
            now.size[j] = convert(slice(msg.data, told.shape.sizes_at + 4 * symbol, 4), uint256)
            continue
        bucket: uint256 = symbol - listed
        raw: uint256 = 0
        found: uint256 = 0
        is_short: bool = False  # an escape for what has a bucket
        if bucket == bucket_count:
            now.coder, found = rans.bits(now.coder, 64)
            is_short = found < buckets.join(bucket_count, 0, SIZE_EXACT)
        else:
            now.coder, raw = rans.bits(now.coder, buckets.raw_bits(bucket, SIZE_EXACT))
            found = buckets.join(bucket, raw, SIZE_EXACT)
        if is_short or found >= 2 ** 63 or sources.is_listed(told, found):
            now.coder.is_wrong = True
            break
        now.size[j] = found
    return now


@internal
@view
def read_prices(told: sources.Sources, start: Columns) -> Columns:
    """
    @notice Differences to an anchor in the direction of the aggressor, or in full.
    """
    now: Columns = start
    slots: uint256 = 0
    instruments: uint256[64] = empty(uint256[64])
    last_sells: uint256[64] = empty(uint256[64])
    anchors: int256[64] = empty(int256[64])
    symbols: uint256[64] = empty(uint256[64])
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        kind: uint256 = now.class_of[j]
        sells: uint256 = (now.sells >> j) & 1
        slot: uint256 = slots
        for k: uint256 in range(slots, bound=MOST_STEPS):
            if instruments[k] == now.instrument[j]:
                slot = k
                break
        row: uint256 = 0
        if slot == slots:
            known: uint256 = sources.anchor(told, slot, now.instrument[j])
            instruments[slot] = now.instrument[j]
            anchors[slot] = convert(convert(known << 128, bytes32), int256) >> 192
            row = tables.SEEN * told.shape.contexts[2] + 2 * sources.width(told, kind)
            if sells != known & LOW_64:
                row += 1
            slots += 1
        else:
            row = tables.SEEN * sources.context(told, kind, 2)
            if (now.continues >> j) & 1 == 0:
                row += 1 if sells == last_sells[slot] else 2
        last_sells[slot] = sells
        now.slots[j] = slot
        now.coder, symbols[j] = rans.symbol(
            now.coder, sources.row(told, 7, row), told.shape.symbols[7]
        )
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        now = self.read_price(told, now, j, symbols[j], anchors[now.slots[j]])
        anchors[now.slots[j]] = now.price[j]
        if now.coder.is_wrong:
            break
    return now


@internal
@view
def read_price(told: sources.Sources, start: Columns, j: uint256, symbol: uint256, anchor: int256) -> Columns:
    """
    @notice One price.
    """
    now: Columns = start
    bucket_count: uint256 = told.shape.price_buckets
    place: uint256 = sources.context(told, now.class_of[j], 3)
    scale: int256 = convert(tables.pair(told.shape.scales_at + 2 * place), int256)
    sells: bool = (now.sells >> j) & 1 == 1
    found: int256 = 0
    raw: uint256 = 0
    if symbol < bucket_count:
        now.coder, raw = rans.bits(now.coder, buckets.raw_bits(symbol, PRICE_EXACT))
        raw = buckets.join(symbol, raw, PRICE_EXACT)
        moved: int256 = buckets.unzigzag(raw) * scale
        found = anchor - moved if sells else anchor + moved
    else:
        now.coder, raw = rans.bits(now.coder, 64)
        found = convert(convert(raw << 192, bytes32), int256) >> 192
        off: int256 = anchor - found if sells else found - anchor
        if off % scale == 0:
            steps: int256 = off // scale
            coded: uint256 = convert(2 * steps if steps >= 0 else -2 * steps - 1, uint256)
            now.coder.is_wrong = coded < buckets.join(bucket_count, 0, PRICE_EXACT)
    now.coder.is_wrong = now.coder.is_wrong or found >= PRICE_END or found <= -PRICE_END
    now.price[j] = found
    return now


@internal
@view
def read_indexes(told: sources.Sources, start: Columns) -> Columns:
    """
    @notice The INDEX steps: underlyings, then how long the differences are, then these.
    """
    now: Columns = start
    count: uint256 = told.steps - now.count
    widths: uint256[64] = empty(uint256[64])
    coded: uint256 = 0
    for k: uint256 in range(count, bound=MOST_STEPS):
        now.coder, now.underlying[k] = rans.bits(now.coder, 10)
    for k: uint256 in range(count, bound=MOST_STEPS):
        now.coder, widths[k] = rans.bits(now.coder, 6)
    for k: uint256 in range(count, bound=MOST_STEPS):
        last: uint256 = 0
        for i: uint256 in range(k, bound=MOST_STEPS):
            if now.underlying[i] == now.underlying[k]:
                last = now.index[i]
        now.coder, coded = rans.bits(now.coder, widths[k])
        index: int256 = convert(last, int256) + buckets.unzigzag(coded)
        is_wrong: bool = widths[k] > 49 or index < 0 or index >= INDEX_END
        if is_wrong or (widths[k] != 0 and coded >> (widths[k] - 1) == 0):
            now.coder.is_wrong = True
            break
        now.index[k] = convert(index, uint256)
    return now


@internal
@view
def read_last_takers(told: sources.Sources, start: Columns) -> Columns:
    """
    @notice The takers whose positions are what remains of the coder.
    """
    now: Columns = start
    for k: uint256 in range(now.count, bound=MOST_STEPS):
        j: uint256 = now.count - 1 - k
        if (now.tail >> j) & 1 == 1:
            kind: uint256 = now.taker_class[j]
            size: uint256 = sources.class_size(told, TAKERS, kind)
            place: uint256 = (TAKERS << 24) | (kind << 16) | (now.coder.x % size)
            now.taker[j] = sources.look_up(told, now.coder.looked, place)
            now.coder.looked += 1
            now.coder.x //= size
    for j: uint256 in range(now.count, bound=MOST_STEPS):
        if (now.continues >> j) & 1 == 1:
            now.taker[j] = now.taker[j - 1]
    return now


@internal
@pure
def hides(now: Columns) -> bool:
    """
    @notice Whether a FILL could continue the order before and does not say so.
    """
    for j: uint256 in range(1, now.count, bound=MOST_STEPS):
        same: bool = now.instrument[j] == now.instrument[j - 1] and now.taker[j] == now.taker[j - 1]
        same = same and now.mode[j] == now.mode[j - 1]
        same = same and (now.sells >> j) & 1 == (now.sells >> (j - 1)) & 1
        if same and (now.continues >> j) & 1 == 0:
            return True
    return False
