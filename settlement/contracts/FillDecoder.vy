# pragma version 0.4.3
"""
@title Fill decoder
@notice Decodes a fill chunk (docs/codec-5.md, Fill chunk) out of its bytes, the header's tables and what it is told of the
    state before the batch, which `Decoding.prove` has proven afterwards.
@dev `settlement/coding/plain.py` in the same order: column after column. Bytes, tables and what is told are read where
    they stand in the call's data.
"""
import chunks
import headers
import rans
import tables
import trees

initializes: trees

interface Payloads:
    def hash_of(header_hash: bytes32, data: bytes32, start: uint256, length: uint256) -> bytes32: view

interface Directory:
    def is_entry(header_hash: bytes32, data: bytes32, chunk: uint256, entry: Entry) -> bool: view

interface Decoding:
    def decoded(header_hash: bytes32, data: bytes32, chunk: uint256, result: Result): nonpayable

struct Entry:
    kind: uint256
    steps: uint256
    first_trade_id: uint256
    start: uint256
    length: uint256

struct Result:
    leaf: bytes32
    told: bytes32
    entries: bytes32
    instruments: bytes32

# The state before the batch.
struct Opening:
    accounts: bytes32
    instruments: bytes32
    sections: bytes32[8]
    entries: bytes32  # the root of the dictionaries' entries

# Where in the call's data things stand, and what the tables' head says.
struct Sources:
    shape: tables.Shape
    sizes_at: uint256[3]  # of each dictionary: the first class's size
    size_count: uint256[3]
    pairs_at: uint256
    pair_count: uint256
    order_at: uint256
    order_count: uint256
    anchors_at: uint256
    anchor_count: uint256
    number: uint256  # the chunk's
    steps: uint256
    first_trade_id: uint256

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

TABLES: constant(uint256) = 65536
CHUNK: constant(uint256) = 16384
SIZES: constant(uint256) = 1600
MOST_LOOKUPS: constant(uint256) = 192
MOST_STEPS: constant(uint256) = 64
TAG: constant(bytes32) = 0x737472696b65626f6f6b2e73746174652e320000000000000000000000000000
DICTIONARIES: constant(uint256) = 7
FILL_CHUNK: constant(uint256) = 0
KIND_FILL: constant(uint256) = 1
BLOCK: constant(uint256) = 5
LOW_64: constant(uint256) = 2 ** 64 - 1
LOW_32: constant(uint256) = 2 ** 32 - 1
OF_INSTRUMENT: constant(uint256) = 1 << 255
SIZE_EXACT: constant(uint256) = 3
PRICE_EXACT: constant(uint256) = 5
PRICE_END: constant(int256) = 2 ** 62
INDEX_END: constant(int256) = 2 ** 48
INSTRUMENTS: constant(uint256) = 0
MAKERS: constant(uint256) = 1
TAKERS: constant(uint256) = 2
# Where the call's data says where each of these begins.
SIZES_AT: constant(uint256) = 4 + 32 * 19
TABLES_AT: constant(uint256) = 4 + 32 * 20
CONTENT_AT: constant(uint256) = 4 + 32 * 21
PAIRS_AT: constant(uint256) = 4 + 32 * 22
ORDER_AT: constant(uint256) = 4 + 32 * 23
ANCHORS_AT: constant(uint256) = 4 + 32 * 24

PAYLOADS: immutable(Payloads)
DIRECTORY: immutable(Directory)
DECODING: immutable(Decoding)


@deploy
def __init__(payloads: address, directory: address, decoding: address):
    """
    @param payloads Where bytes are shown, directory where chunks are located, decoding who takes the result.
    """
    trees.__init__()
    PAYLOADS = Payloads(payloads)
    DIRECTORY = Directory(directory)
    DECODING = Decoding(decoding)


@external
def decode(
    header: Bytes[headers.HEADER],
    data: bytes32,
    chunk: uint256,
    entry: Entry,
    state: Opening,
    sizes: Bytes[SIZES],
    table: Bytes[TABLES],
    content: Bytes[CHUNK],
    pairs: DynArray[uint256, MOST_LOOKUPS],
    order: Bytes[MOST_LOOKUPS],
    anchors: DynArray[uint256, MOST_STEPS],
) -> Result:
    """
    @notice Decode a fill chunk located and shown.
    @param state The roots the state before the batch is made of; sizes: of the dictionaries' classes, packed.
    @param table The tables in force, content the chunk's bytes.
    @param pairs Entries of dictionaries, place · 2³² + id; order: which of them each look-up is.
    @param anchors Of every instrument, in the order they come: instrument · 2¹²⁸ + last price (64 bits) · 2⁶⁴ + side.
    @return Its leaf, zero if it can not be decoded; and what it was told.
    @custom:errors ENTRY: not what a walk has found, or of the other kind; SHOWN: not its bytes; STATE: not the state
        before; TABLES: not the header's; TOLD: a look-up that was not told.
    """
    header_hash: bytes32 = keccak256(header)
    assert staticcall DIRECTORY.is_entry(header_hash, data, chunk, entry) and entry.kind == FILL_CHUNK, "ENTRY"
    known_hash: bytes32 = staticcall PAYLOADS.hash_of(header_hash, data, entry.start, entry.length)
    assert len(content) == entry.length and known_hash == keccak256(content), "SHOWN"
    assert keccak256(table) == headers.tables_hash(header), "TABLES"
    self._must_be_before(headers.previous_root(header), state, keccak256(sizes))
    sources: Sources = self._sources(entry, chunk)
    columns: Columns = empty(Columns)
    columns.coder = rans.start(self._begins(CONTENT_AT), entry.length)
    result: Result = empty(Result)
    result.entries = state.entries
    result.instruments = state.instruments
    if not columns.coder.is_wrong:
        result.leaf = self._leaf(sources, columns)
    for told: uint256 in pairs:
        result.told = keccak256(abi_encode(result.told, told))
    for told: uint256 in anchors:
        result.told = keccak256(abi_encode(result.told, told | OF_INSTRUMENT))
    extcall DECODING.decoded(header_hash, data, chunk, result)
    return result


@internal
@pure
def _must_be_before(root: bytes32, state: Opening, sizes_hash: bytes32):
    parameters: bytes32 = keccak256(abi_encode(state.sections))
    assert keccak256(abi_encode(TAG, state.accounts, state.instruments, parameters)) == root, "STATE"
    assert keccak256(abi_encode(sizes_hash, state.entries)) == state.sections[DICTIONARIES], "STATE"


@internal
@view
def _begins(at: uint256) -> uint256:
    """
    @notice The first byte of an argument of many.
    """
    return 36 + convert(slice(msg.data, at, 32), uint256)


@internal
@view
def _length(at: uint256) -> uint256:
    """
    @notice Its length.
    """
    return convert(slice(msg.data, 4 + convert(slice(msg.data, at, 32), uint256), 32), uint256)


@internal
@view
def _sources(entry: Entry, chunk: uint256) -> Sources:
    found: Sources = empty(Sources)
    found.shape = tables.shape_at(self._begins(TABLES_AT))
    at: uint256 = self._begins(SIZES_AT)
    for k: uint256 in range(3):
        found.size_count[k] = tables.small(at)
        found.sizes_at[k] = at + 1
        at += 1 + 2 * found.size_count[k]
    found.pairs_at = self._begins(PAIRS_AT)
    found.pair_count = self._length(PAIRS_AT)
    found.order_at = self._begins(ORDER_AT)
    found.order_count = self._length(ORDER_AT)
    found.anchors_at = self._begins(ANCHORS_AT)
    found.anchor_count = self._length(ANCHORS_AT)
    found.number = chunk
    found.steps = entry.steps
    found.first_trade_id = entry.first_trade_id
    return found


@internal
@view
def _leaf(sources: Sources, start: Columns) -> bytes32:
    """
    @notice The chunk's leaf; zero if it can not be decoded.
    """
    columns: Columns = self._instruments(sources, start)
    if not columns.coder.is_wrong:
        columns = self._takers(sources, columns)
    if not columns.coder.is_wrong:
        columns = self._orders(sources, columns)
        columns = self._makers(sources, columns)
    if not columns.coder.is_wrong:
        columns = self._sizes(sources, columns)
    if not columns.coder.is_wrong:
        columns = self._prices(sources, columns)
    if not columns.coder.is_wrong:
        columns = self._indexes(sources, columns)
    if not columns.coder.is_wrong:
        columns = self._last_takers(sources, columns)
    coder: rans.Coder = columns.coder
    if coder.is_wrong or coder.x != 0 or coder.at != coder.end or self._hides(columns):
        return empty(bytes32)
    hashes: DynArray[bytes32, MOST_STEPS] = self._hashes(sources, columns)
    return keccak256(abi_encode((FILL_CHUNK << 32) | sources.steps, chunks.root_of(hashes)))


# --- ids ----------------------------------------------------------------------------------------------------


@internal
@view
def _class_size(sources: Sources, dictionary: uint256, kind: uint256) -> uint256:
    if kind >= sources.size_count[dictionary]:
        return 0
    return tables.pair(sources.sizes_at[dictionary] + 2 * kind)


@internal
@view
def _look_up(sources: Sources, looked: uint256, place: uint256) -> uint256:
    """
    @notice The id that is told to stand at a place of the dictionaries.
    """
    assert looked < sources.order_count, "TOLD"
    which: uint256 = tables.small(sources.order_at + looked)
    assert which < sources.pair_count, "TOLD"
    told: uint256 = convert(slice(msg.data, sources.pairs_at + 32 * which, 32), uint256)
    assert told >> 32 == place, "TOLD"
    return told & LOW_32


@internal
@view
def _id(
    sources: Sources, start: rans.Coder, dictionary: uint256, kind: uint256, classes: uint256, limit: uint256
) -> (rans.Coder, uint256):
    """
    @notice The id in a class, or in full behind the escape.
    """
    coder: rans.Coder = start
    found: uint256 = 0
    if kind == classes:
        high: uint256 = 0
        if limit > rans.TOTAL:
            coder, high = rans.one_of(coder, (limit - 1) // rans.TOTAL + 1)
        coder, found = rans.one_of(coder, min(limit, rans.TOTAL))
        found += high * rans.TOTAL
        coder.is_wrong = coder.is_wrong or found >= limit
        return coder, found
    size: uint256 = self._class_size(sources, dictionary, kind)
    if size == 0:
        coder.is_wrong = True
        return coder, 0
    coder, found = rans.one_of(coder, size)
    found = self._look_up(sources, coder.looked, (dictionary << 24) | (kind << 16) | found)
    coder.looked += 1
    return coder, found


# --- the columns ----------------------------------------------------------------------------------------------


@internal
@view
def _instruments(sources: Sources, start: Columns) -> Columns:
    """
    @notice Which steps are FILLs, which of them continue an order, and the others' instruments.
    """
    columns: Columns = start
    classes: uint256 = sources.shape.instruments
    symbol: uint256 = 0
    for k: uint256 in range(sources.steps, bound=MOST_STEPS):
        columns.coder, symbol = rans.symbol(columns.coder, sources.shape.rows_at[0], sources.shape.symbols[0])
        if symbol == classes + 2:
            continue
        columns.fills |= 1 << k
        if symbol == classes + 1:
            columns.continues |= 1 << columns.count
        columns.class_of[columns.count] = symbol
        columns.count += 1
    if columns.continues & 1 == 1:
        columns.coder.is_wrong = True
        return columns
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        if (columns.continues >> j) & 1 == 1:
            columns.class_of[j] = columns.class_of[j - 1]
            columns.instrument[j] = columns.instrument[j - 1]
            continue
        columns.coder, columns.instrument[j] = self._id(
            sources, columns.coder, INSTRUMENTS, columns.class_of[j], classes, sources.shape.instrument_limit
        )
        if columns.coder.is_wrong:
            break
    return columns


@internal
@view
def _takers(sources: Sources, start: Columns) -> Columns:
    """
    @notice Takers, but for those that fit into what remains of the coder together, from the last one on.
    """
    columns: Columns = start
    classes: uint256 = sources.shape.takers
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        columns.taker_class[j] = classes
        if (columns.continues >> j) & 1 == 0:
            columns.coder, columns.taker_class[j] = rans.symbol(
                columns.coder, sources.shape.rows_at[1], sources.shape.symbols[1]
            )
    product: uint256 = 1
    for k: uint256 in range(columns.count, bound=MOST_STEPS):
        j: uint256 = columns.count - 1 - k
        if columns.taker_class[j] == classes:
            continue
        size: uint256 = self._class_size(sources, TAKERS, columns.taker_class[j])
        if size != 0 and product * size <= rans.TOTAL:
            product *= size
            columns.tail |= 1 << j
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        if (columns.continues >> j) & 1 == 1:
            columns.taker[j] = columns.taker[j - 1]
            columns.taker_class[j] = columns.taker_class[j - 1]
        elif (columns.tail >> j) & 1 == 0:
            columns.coder, columns.taker[j] = self._id(
                sources, columns.coder, TAKERS, columns.taker_class[j], classes, sources.shape.account_limit
            )
            if columns.coder.is_wrong:
                break
    return columns


@internal
@view
def _row(sources: Sources, group: uint256, row: uint256) -> uint256:
    """
    @notice Where a row of a group begins.
    """
    return sources.shape.rows_at[group] + 2 * (sources.shape.symbols[group] - 1) * row


@internal
@view
def _orders(sources: Sources, start: Columns) -> Columns:
    """
    @notice Sides, then order modes: the taker's class, whether it trades by a combo's order, whether it rests.
    """
    columns: Columns = start
    symbol: uint256 = 0
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        if (columns.continues >> j) & 1 == 1:
            symbol = (columns.sells >> (j - 1)) & 1
        else:
            columns.coder, symbol = rans.symbol(columns.coder, sources.shape.rows_at[2], 2)
        columns.sells |= symbol << j
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        if (columns.continues >> j) & 1 == 1:
            columns.mode[j] = columns.mode[j - 1]
            continue
        context: uint256 = tables.small(sources.shape.takers_at + columns.taker_class[j])
        columns.coder, columns.mode[j] = rans.symbol(
            columns.coder, self._row(sources, 3, context), sources.shape.symbols[3]
        )
    return columns


@internal
@view
def _context(sources: Sources, kind: uint256, which: uint256) -> uint256:
    """
    @notice What an instrument class says: its maker, size and price context, the place of its scale.
    """
    return tables.small(sources.shape.contexts_at + 4 * kind + which)


@internal
@view
def _makers(sources: Sources, start: Columns) -> Columns:
    """
    @notice Makers' classes, then makers, then their modes: the class, whether it trades by a combo's order.
    """
    columns: Columns = start
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        row: uint256 = self._row(sources, 4, self._context(sources, columns.class_of[j], 0))
        columns.coder, columns.maker_class[j] = rans.symbol(columns.coder, row, sources.shape.symbols[4])
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        columns.coder, columns.maker[j] = self._id(
            sources,
            columns.coder,
            MAKERS,
            columns.maker_class[j],
            sources.shape.makers,
            sources.shape.account_limit,
        )
        if columns.coder.is_wrong:
            return columns
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        row: uint256 = 2 * tables.small(sources.shape.makers_at + columns.maker_class[j])
        if columns.mode[j] & 7 == BLOCK:
            row += 1
        columns.coder, columns.maker_mode[j] = rans.symbol(
            columns.coder, self._row(sources, 5, row), sources.shape.symbols[5]
        )
    return columns


@internal
@pure
def _raw_bits(bucket: uint256, exact: uint256) -> uint256:
    if bucket < 1 << exact:
        return 0
    return (bucket - (1 << exact)) // 4 + exact - 2


@internal
@pure
def _join(bucket: uint256, raw: uint256, exact: uint256) -> uint256:
    """
    @notice The number of a bucket and its raw bits.
    """
    if bucket < 1 << exact:
        return bucket
    above: uint256 = bucket - (1 << exact)
    return ((4 + above % 4) << (above // 4 + exact - 2)) + raw


@internal
@view
def _is_listed(sources: Sources, size: uint256) -> bool:
    for k: uint256 in range(sources.shape.size_count, bound=128):
        one: uint256 = convert(slice(msg.data, sources.shape.sizes_at + 4 * k, 4), uint256)
        if one >= size:
            return one == size
    return False


@internal
@view
def _sizes(sources: Sources, start: Columns) -> Columns:
    """
    @notice Lots: listed, in a bucket, or in full.
    """
    columns: Columns = start
    listed: uint256 = sources.shape.size_count
    buckets: uint256 = sources.shape.size_buckets
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        row: uint256 = self._row(sources, 6, self._context(sources, columns.class_of[j], 1))
        columns.coder, columns.size[j] = rans.symbol(columns.coder, row, sources.shape.symbols[6])
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        symbol: uint256 = columns.size[j]
        if symbol < listed:
            columns.size[j] = convert(slice(msg.data, sources.shape.sizes_at + 4 * symbol, 4), uint256)
            continue
        bucket: uint256 = symbol - listed
        raw: uint256 = 0
        found: uint256 = 0
        is_short: bool = False  # an escape for what has a bucket
        if bucket == buckets:
            columns.coder, found = rans.bits(columns.coder, 64)
            is_short = found < self._join(buckets, 0, SIZE_EXACT)
        else:
            columns.coder, raw = rans.bits(columns.coder, self._raw_bits(bucket, SIZE_EXACT))
            found = self._join(bucket, raw, SIZE_EXACT)
        if is_short or found >= 2 ** 63 or self._is_listed(sources, found):
            columns.coder.is_wrong = True
            break
        columns.size[j] = found
    return columns


@internal
@view
def _anchor(sources: Sources, slot: uint256, instrument: uint256) -> uint256:
    """
    @notice What is told of an instrument's last fill before the batch.
    """
    assert slot < sources.anchor_count, "TOLD"
    told: uint256 = convert(slice(msg.data, sources.anchors_at + 32 * slot, 32), uint256)
    assert told >> 128 == instrument, "TOLD"
    return told & (2 ** 128 - 1)


@internal
@view
def _width(sources: Sources, kind: uint256) -> uint256:
    """
    @notice How wide a price is looked for: an octave of the square each, 7 at most.
    """
    at: uint256 = sources.shape.widths_at + 4 * kind
    square: uint256 = (tables.pair(at) + tables.pair(at + 2) * sources.number) >> 4
    for k: uint256 in range(7):
        if square >> k == 0:
            return k
    return 7


@internal
@view
def _prices(sources: Sources, start: Columns) -> Columns:
    """
    @notice Differences to an anchor in the direction of the aggressor, or in full.
    """
    columns: Columns = start
    slots: uint256 = 0
    instruments: uint256[64] = empty(uint256[64])
    last_sells: uint256[64] = empty(uint256[64])
    anchors: int256[64] = empty(int256[64])
    symbols: uint256[64] = empty(uint256[64])
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        kind: uint256 = columns.class_of[j]
        sells: uint256 = (columns.sells >> j) & 1
        slot: uint256 = slots
        for k: uint256 in range(slots, bound=MOST_STEPS):
            if instruments[k] == columns.instrument[j]:
                slot = k
                break
        row: uint256 = 0
        if slot == slots:
            told: uint256 = self._anchor(sources, slot, columns.instrument[j])
            instruments[slot] = columns.instrument[j]
            anchors[slot] = convert(convert(told << 128, bytes32), int256) >> 192
            row = tables.SEEN * sources.shape.contexts[2] + 2 * self._width(sources, kind)
            if sells != told & LOW_64:
                row += 1
            slots += 1
        else:
            row = tables.SEEN * self._context(sources, kind, 2)
            if (columns.continues >> j) & 1 == 0:
                row += 1 if sells == last_sells[slot] else 2
        last_sells[slot] = sells
        columns.slots[j] = slot
        columns.coder, symbols[j] = rans.symbol(
            columns.coder, self._row(sources, 7, row), sources.shape.symbols[7]
        )
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        columns = self._price(sources, columns, j, symbols[j], anchors[columns.slots[j]])
        anchors[columns.slots[j]] = columns.price[j]
        if columns.coder.is_wrong:
            break
    return columns


@internal
@view
def _price(sources: Sources, start: Columns, j: uint256, symbol: uint256, anchor: int256) -> Columns:
    """
    @notice One price.
    """
    columns: Columns = start
    buckets: uint256 = sources.shape.price_buckets
    place: uint256 = self._context(sources, columns.class_of[j], 3)
    scale: int256 = convert(tables.pair(sources.shape.scales_at + 2 * place), int256)
    sells: bool = (columns.sells >> j) & 1 == 1
    found: int256 = 0
    raw: uint256 = 0
    if symbol < buckets:
        columns.coder, raw = rans.bits(columns.coder, self._raw_bits(symbol, PRICE_EXACT))
        raw = self._join(symbol, raw, PRICE_EXACT)
        moved: int256 = self._unzigzag(raw) * scale
        found = anchor - moved if sells else anchor + moved
    else:
        columns.coder, raw = rans.bits(columns.coder, 64)
        found = convert(convert(raw << 192, bytes32), int256) >> 192
        off: int256 = anchor - found if sells else found - anchor
        if off % scale == 0:
            steps: int256 = off // scale
            coded: uint256 = convert(2 * steps if steps >= 0 else -2 * steps - 1, uint256)
            columns.coder.is_wrong = coded < self._join(buckets, 0, PRICE_EXACT)
    columns.coder.is_wrong = columns.coder.is_wrong or found >= PRICE_END or found <= -PRICE_END
    columns.price[j] = found
    return columns


@internal
@pure
def _unzigzag(coded: uint256) -> int256:
    half: int256 = convert(coded >> 1, int256)
    return half if coded & 1 == 0 else -half - 1


@internal
@view
def _indexes(sources: Sources, start: Columns) -> Columns:
    """
    @notice The INDEX steps: underlyings, then how long the differences are, then these.
    """
    columns: Columns = start
    count: uint256 = sources.steps - columns.count
    widths: uint256[64] = empty(uint256[64])
    coded: uint256 = 0
    for k: uint256 in range(count, bound=MOST_STEPS):
        columns.coder, columns.underlying[k] = rans.bits(columns.coder, 10)
    for k: uint256 in range(count, bound=MOST_STEPS):
        columns.coder, widths[k] = rans.bits(columns.coder, 6)
    for k: uint256 in range(count, bound=MOST_STEPS):
        last: uint256 = 0
        for i: uint256 in range(k, bound=MOST_STEPS):
            if columns.underlying[i] == columns.underlying[k]:
                last = columns.index[i]
        columns.coder, coded = rans.bits(columns.coder, widths[k])
        index: int256 = convert(last, int256) + self._unzigzag(coded)
        is_wrong: bool = widths[k] > 49 or index < 0 or index >= INDEX_END
        if is_wrong or (widths[k] != 0 and coded >> (widths[k] - 1) == 0):
            columns.coder.is_wrong = True
            break
        columns.index[k] = convert(index, uint256)
    return columns


@internal
@view
def _last_takers(sources: Sources, start: Columns) -> Columns:
    """
    @notice The takers whose positions are what remains of the coder.
    """
    columns: Columns = start
    for k: uint256 in range(columns.count, bound=MOST_STEPS):
        j: uint256 = columns.count - 1 - k
        if (columns.tail >> j) & 1 == 1:
            kind: uint256 = columns.taker_class[j]
            size: uint256 = self._class_size(sources, TAKERS, kind)
            place: uint256 = (TAKERS << 24) | (kind << 16) | (columns.coder.x % size)
            columns.taker[j] = self._look_up(sources, columns.coder.looked, place)
            columns.coder.looked += 1
            columns.coder.x //= size
    for j: uint256 in range(columns.count, bound=MOST_STEPS):
        if (columns.continues >> j) & 1 == 1:
            columns.taker[j] = columns.taker[j - 1]
    return columns


@internal
@pure
def _hides(columns: Columns) -> bool:
    """
    @notice Whether a FILL could continue the order before and does not say so.
    """
    for j: uint256 in range(1, columns.count, bound=MOST_STEPS):
        same: bool = columns.instrument[j] == columns.instrument[j - 1] and columns.taker[j] == columns.taker[j - 1]
        same = same and columns.mode[j] == columns.mode[j - 1]
        same = same and (columns.sells >> j) & 1 == (columns.sells >> (j - 1)) & 1
        if same and (columns.continues >> j) & 1 == 0:
            return True
    return False


@internal
@pure
def _hashes(sources: Sources, columns: Columns) -> DynArray[bytes32, MOST_STEPS]:
    """
    @notice The hashes of the steps' records.
    """
    found: DynArray[bytes32, MOST_STEPS] = []
    j: uint256 = 0
    k: uint256 = 0
    for step: uint256 in range(sources.steps, bound=MOST_STEPS):
        record: uint256 = 0
        more: uint256 = 0
        if (columns.fills >> step) & 1 == 0:
            record = (columns.underlying[k] << 192) | columns.index[k]
            k += 1
        else:
            mode: uint256 = columns.mode[j]
            maker_mode: uint256 = columns.maker_mode[j]
            flags: uint256 = ((columns.sells >> j) & 1) | ((maker_mode >> 3) << 1) | ((mode >> 3) << 2)
            record = (KIND_FILL << 248) | ((maker_mode & 7) << 244) | ((mode & 7) << 240) | (flags << 224)
            record |= (columns.instrument[j] << 192) | (columns.maker[j] << 160) | (columns.taker[j] << 128)
            record |= (sources.first_trade_id + j) << 64
            record |= convert(convert(columns.price[j], bytes32), uint256) & LOW_64
            more = columns.size[j] << 192
            j += 1
        found.append(keccak256(abi_encode(record, more)))
    return found
