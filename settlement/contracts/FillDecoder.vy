# pragma version 0.4.3
"""
@title Fill decoder
@notice Decodes a fill chunk (docs/codec-5.md, Fill chunk) out of its bytes, the header's tables and what it is told of the
    state before the batch, which `Decoding.prove` has proven afterwards.
@dev `settlement/coding/plain.py` in the same order: column after column. Bytes, tables and what is told are read where
    they stand in the call's data.
"""
import chunks
import columns
import headers
import rans
import sources
import tables
import trees

initializes: trees

interface Payloads:
    def hash_of(header_hash: bytes32, data: bytes32, start: uint256, length: uint256) -> bytes32: view

interface Directory:
    def is_entry(header_hash: bytes32, data: bytes32, chunk: uint256, entry: Entry) -> bool: view

interface Decoding:
    def decoded(
        header_hash: bytes32, data: bytes32, chunk: uint256, result: Result, prover: address
    ): nonpayable

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

TABLES: constant(uint256) = 65536
CHUNK: constant(uint256) = 16384
SIZES: constant(uint256) = 1600
MOST_LOOKUPS: constant(uint256) = 192
MOST_STEPS: constant(uint256) = 64
TAG: constant(bytes32) = 0x737472696b65626f6f6b2e73746174652e320000000000000000000000000000
DICTIONARIES: constant(uint256) = 7
FILL_CHUNK: constant(uint256) = 0
KIND_FILL: constant(uint256) = 1
LOW_64: constant(uint256) = 2 ** 64 - 1
OF_INSTRUMENT: constant(uint256) = 1 << 255
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
    told: sources.Sources = self._sources(entry, chunk)
    now: columns.Columns = empty(columns.Columns)
    now.coder = rans.start(self._begins(CONTENT_AT), entry.length)
    result: Result = empty(Result)
    result.entries = state.entries
    result.instruments = state.instruments
    if not now.coder.is_wrong:
        result.leaf = self._leaf(told, now)
    for one: uint256 in pairs:
        result.told = keccak256(abi_encode(result.told, one))
    for one: uint256 in anchors:
        result.told = keccak256(abi_encode(result.told, one | OF_INSTRUMENT))
    extcall DECODING.decoded(header_hash, data, chunk, result, msg.sender)
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
def _sources(entry: Entry, chunk: uint256) -> sources.Sources:
    found: sources.Sources = empty(sources.Sources)
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
def _leaf(told: sources.Sources, start: columns.Columns) -> bytes32:
    """
    @notice The chunk's leaf; zero if it can not be decoded.
    """
    now: columns.Columns = columns.read_instruments(told, start)
    if not now.coder.is_wrong:
        now = columns.read_takers(told, now)
    if not now.coder.is_wrong:
        now = columns.read_orders(told, now)
        now = columns.read_makers(told, now)
    if not now.coder.is_wrong:
        now = columns.read_sizes(told, now)
    if not now.coder.is_wrong:
        now = columns.read_prices(told, now)
    if not now.coder.is_wrong:
        now = columns.read_indexes(told, now)
    if not now.coder.is_wrong:
        now = columns.read_last_takers(told, now)
    coder: rans.Coder = now.coder
    if coder.is_wrong or coder.x != 0 or coder.at != coder.end or columns.hides(now):
        return empty(bytes32)
    hashes: DynArray[bytes32, MOST_STEPS] = self._hashes(told, now)
    return keccak256(abi_encode((FILL_CHUNK << 32) | told.steps, chunks.root_of(hashes)))


@internal
@pure
def _hashes(told: sources.Sources, now: columns.Columns) -> DynArray[bytes32, MOST_STEPS]:
    """
    @notice The hashes of the steps' records.
    """
    found: DynArray[bytes32, MOST_STEPS] = []
    j: uint256 = 0
    k: uint256 = 0
    for step: uint256 in range(told.steps, bound=MOST_STEPS):
        record: uint256 = 0
        more: uint256 = 0
        if (now.fills >> step) & 1 == 0:
            record = (now.underlying[k] << 192) | now.index[k]
            k += 1
        else:
            mode: uint256 = now.mode[j]
            maker_mode: uint256 = now.maker_mode[j]
            flags: uint256 = ((now.sells >> j) & 1) | ((maker_mode >> 3) << 1) | ((mode >> 3) << 2)
            record = (KIND_FILL << 248) | ((maker_mode & 7) << 244) | ((mode & 7) << 240) | (flags << 224)
            record |= (now.instrument[j] << 192) | (now.maker[j] << 160) | (now.taker[j] << 128)
            record |= (told.first_trade_id + j) << 64
            record |= convert(convert(now.price[j], bytes32), uint256) & LOW_64
            more = now.size[j] << 192
            j += 1
        found.append(keccak256(abi_encode(record, more)))
    return found
