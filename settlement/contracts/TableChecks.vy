# pragma version 0.4.3
"""
@title Table checks
@notice Voids a batch whose header commits to tables that are none (docs/codec-5.md, Tables).
"""
import headers
import tables

interface Inbox:
    def is_posted(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool: view

interface Decoding:
    def convict(header: Bytes[headers.HEADER], data: bytes32, what: uint256, challenger: address): nonpayable

TABLES: constant(uint256) = 65536
VERSION: constant(uint256) = 5
MOST_CLASSES: constant(uint256) = 254
MOST_CONTEXTS: constant(uint256) = 64
MOST_SCALES: constant(uint256) = 16
MOST_SIZES: constant(uint256) = 128
MOST_BUCKETS: constant(uint256) = 128
TABLE_AT: constant(uint256) = 4 + 32 * 3
WRONG_TABLES: constant(uint256) = 5

INBOX: immutable(Inbox)
DECODING: immutable(Decoding)


@deploy
def __init__(inbox: address, decoding: address):
    """
    @param inbox The chain of batches, decoding the contract that voids what can not be decoded.
    """
    INBOX = Inbox(inbox)
    DECODING = Decoding(decoding)


@external
def prove_malformed(header: Bytes[headers.HEADER], data: bytes32, falls_at: uint256, table: Bytes[TABLES]):
    """
    @notice The tables of a header are none.
    @param table Their bytes; falls_at: the byte of a number of a row that is above the next, where that is what is wrong.
    @custom:errors BATCH: it does not stand; TABLES: not the header's; RIGHT: nothing is wrong, nothing falls there.
    """
    hash: bytes32 = keccak256(header)
    assert staticcall INBOX.is_posted(headers.batch_id(header), hash, data, headers.new_root(header)), "BATCH"
    assert keccak256(table) == headers.tables_hash(header) and len(table) != 0, "TABLES"
    base: uint256 = 36 + convert(slice(msg.data, TABLE_AT, 32), uint256)
    assert self._is_malformed(base, len(table)) or self._falls(base, falls_at), "RIGHT"
    extcall DECODING.convict(header, data, WRONG_TABLES, msg.sender)


@internal
@view
def _is_malformed(base: uint256, length: uint256) -> bool:
    """
    @notice Whether head, length or maps are wrong.
    """
    if length < tables.HEAD or tables.small(base) != VERSION:
        return True
    shape: tables.Shape = tables.shape_at(base)
    wrong: bool = max(max(shape.instruments, shape.makers), shape.takers) > MOST_CLASSES
    for k: uint256 in range(5):
        wrong = wrong or shape.contexts[k] == 0 or shape.contexts[k] > MOST_CONTEXTS
    wrong = wrong or shape.scale_count == 0 or shape.scale_count > MOST_SCALES
    wrong = wrong or shape.instrument_limit == 0 or shape.account_limit == 0
    wrong = wrong or shape.size_buckets > MOST_BUCKETS or shape.size_count > MOST_SIZES
    wrong = wrong or shape.price_buckets == 0 or shape.price_buckets > MOST_BUCKETS
    wrong = wrong or shape.size_count + shape.size_buckets == 0 or shape.end != base + length
    if wrong:
        return True
    return self._has_wrong_figures(shape) or self._points_nowhere(shape)


@internal
@view
def _has_wrong_figures(shape: tables.Shape) -> bool:
    """
    @notice Whether a scale is zero, or the sizes do not rise.
    """
    for k: uint256 in range(shape.scale_count, bound=MOST_SCALES):
        if tables.pair(shape.scales_at + 2 * k) == 0:
            return True
    before: uint256 = 0
    for k: uint256 in range(shape.size_count, bound=MOST_SIZES):
        size: uint256 = convert(slice(msg.data, shape.sizes_at + 4 * k, 4), uint256)
        if k != 0 and size <= before:
            return True
        before = size
    return False


@internal
@view
def _points_nowhere(shape: tables.Shape) -> bool:
    """
    @notice Whether a class points at a context that is not there.
    """
    limits: uint256[4] = [shape.contexts[0], shape.contexts[1], shape.contexts[2], shape.scale_count]
    for k: uint256 in range(shape.instruments + 1, bound=MOST_CLASSES + 1):
        for which: uint256 in range(4):
            if tables.small(shape.contexts_at + 4 * k + which) >= limits[which]:
                return True
    for k: uint256 in range(shape.takers + 1, bound=MOST_CLASSES + 1):
        if tables.small(shape.takers_at + k) >= shape.contexts[3]:
            return True
    for k: uint256 in range(shape.makers + 1, bound=MOST_CLASSES + 1):
        if tables.small(shape.makers_at + k) >= shape.contexts[4]:
            return True
    return False


@internal
@view
def _falls(base: uint256, falls_at: uint256) -> bool:
    """
    @notice Whether a number of a row stands at the byte and is above the next of the row.
    """
    shape: tables.Shape = tables.shape_at(base)
    at: uint256 = base + falls_at
    for k: uint256 in range(8):
        end: uint256 = shape.end
        if k < 7:
            end = shape.rows_at[k + 1]
        if at >= shape.rows_at[k] and at + 2 < end:
            place: uint256 = at - shape.rows_at[k]
            each: uint256 = shape.symbols[k] - 1
            is_inside: bool = place % 2 == 0 and (place // 2) % each != each - 1
            return is_inside and tables.pair(at) > tables.pair(at + 2)
    return False
