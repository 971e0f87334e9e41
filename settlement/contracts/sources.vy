# pragma version 0.4.3
"""
@title Sources
@notice What a fill chunk is decoded from, where it stands in the call's data: tables, sizes of classes, and what is told of
    dictionaries' entries and instruments' last prices.
"""
import rans
import tables

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

LOW_32: constant(uint256) = 2 ** 32 - 1


@internal
@view
def class_size(told: Sources, dictionary: uint256, kind: uint256) -> uint256:
    if kind >= told.size_count[dictionary]:
        return 0
    return tables.pair(told.sizes_at[dictionary] + 2 * kind)


@internal
@view
def look_up(told: Sources, looked: uint256, place: uint256) -> uint256:
    """
    @notice The id that is known to stand at a place of the dictionaries.
    """
    assert looked < told.order_count, "TOLD"
    which: uint256 = tables.small(told.order_at + looked)
    assert which < told.pair_count, "TOLD"
    known: uint256 = convert(slice(msg.data, told.pairs_at + 32 * which, 32), uint256)
    assert known >> 32 == place, "TOLD"
    return known & LOW_32


@internal
@view
def id(
    told: Sources, start: rans.Coder, dictionary: uint256, kind: uint256, classes: uint256, limit: uint256
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
    size: uint256 = self.class_size(told, dictionary, kind)
    if size == 0:
        coder.is_wrong = True
        return coder, 0
    coder, found = rans.one_of(coder, size)
    found = self.look_up(told, coder.looked, (dictionary << 24) | (kind << 16) | found)
    coder.looked += 1
    return coder, found


@internal
@view
def row(told: Sources, group: uint256, row: uint256) -> uint256:
    """
    @notice Where a row of a group begins.
    """
    return told.shape.rows_at[group] + 2 * (told.shape.symbols[group] - 1) * row


@internal
@view
def context(told: Sources, kind: uint256, which: uint256) -> uint256:
    """
    @notice What an instrument class says: its maker, size and price context, the place of its scale.
    """
    return tables.small(told.shape.contexts_at + 4 * kind + which)


@internal
@view
def is_listed(told: Sources, size: uint256) -> bool:
    for k: uint256 in range(told.shape.size_count, bound=128):
        one: uint256 = convert(slice(msg.data, told.shape.sizes_at + 4 * k, 4), uint256)
        if one >= size:
            return one == size
    return False


@internal
@view
def anchor(told: Sources, slot: uint256, instrument: uint256) -> uint256:
    """
    @notice What is known of an instrument's last fill before the batch.
    """
    assert slot < told.anchor_count, "TOLD"
    known: uint256 = convert(slice(msg.data, told.anchors_at + 32 * slot, 32), uint256)
    assert known >> 128 == instrument, "TOLD"
    return known & (2 ** 128 - 1)


@internal
@view
def width(told: Sources, kind: uint256) -> uint256:
    """
    @notice How wide a price is looked for: an octave of the square each, 7 at most.
    """
    at: uint256 = told.shape.widths_at + 4 * kind
    square: uint256 = (tables.pair(at) + tables.pair(at + 2) * told.number) >> 4
    for k: uint256 in range(7):
        if square >> k == 0:
            return k
    return 7
