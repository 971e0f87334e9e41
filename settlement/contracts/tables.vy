# pragma version 0.4.3
"""
@title Tables
@notice The tables of codec 5 (docs/codec-5.md, Tables) where they stand in a call's data: what their head says, and where
    the rest begins. Positions are bytes of the call's data.
"""

HEAD: constant(uint256) = 21
ORDER_MODES: constant(uint256) = 32
MAKER_MODES: constant(uint256) = 16
SEEN: constant(uint256) = 3
WIDTHS: constant(uint256) = 8

struct Shape:
    instruments: uint256  # classes
    makers: uint256
    takers: uint256
    instrument_limit: uint256
    account_limit: uint256
    contexts: uint256[5]  # maker, size, price, order, maker mode
    size_buckets: uint256
    price_buckets: uint256
    size_count: uint256
    scale_count: uint256
    sizes_at: uint256
    scales_at: uint256
    contexts_at: uint256  # of instrument classes, four bytes each
    widths_at: uint256  # width and widening, two bytes each
    takers_at: uint256
    makers_at: uint256
    rows_at: uint256[8]  # of each group its first row
    symbols: uint256[8]  # of each group a row's symbols
    end: uint256


@internal
@view
def small(at: uint256) -> uint256:
    """
    @notice A number of one byte.
    """
    return convert(slice(msg.data, at, 1), uint256)


@internal
@view
def pair(at: uint256) -> uint256:
    """
    @notice A number of two bytes.
    """
    return convert(slice(msg.data, at, 2), uint256)


@internal
@view
def shape_at(base: uint256) -> Shape:
    """
    @notice What the tables' head says.
    """
    found: Shape = empty(Shape)
    found.instruments = self.small(base + 1)
    found.makers = self.small(base + 2)
    found.takers = self.small(base + 3)
    found.instrument_limit = convert(slice(msg.data, base + 4, 4), uint256)
    found.account_limit = convert(slice(msg.data, base + 8, 4), uint256)
    for k: uint256 in range(5):
        found.contexts[k] = self.small(base + 12 + k)
    found.size_buckets = self.small(base + 17)
    found.price_buckets = self.small(base + 18)
    found.size_count = self.small(base + 19)
    found.scale_count = self.small(base + 20)
    found.sizes_at = base + HEAD
    found.scales_at = found.sizes_at + 4 * found.size_count
    found.contexts_at = found.scales_at + 2 * found.scale_count
    found.widths_at = found.contexts_at + 4 * (found.instruments + 1)
    found.takers_at = found.widths_at + 4 * (found.instruments + 1)
    found.makers_at = found.takers_at + found.takers + 1
    found.symbols = [
        found.instruments + 3,
        found.takers + 1,
        2,
        ORDER_MODES,
        found.makers + 1,
        MAKER_MODES,
        found.size_count + found.size_buckets + 1,
        found.price_buckets + 1,
    ]
    rows: uint256[8] = [
        1, 1, 1, found.contexts[3], found.contexts[0], 2 * found.contexts[4], found.contexts[1],
        SEEN * found.contexts[2] + 2 * WIDTHS,
    ]
    at: uint256 = found.makers_at + found.makers + 1
    for k: uint256 in range(8):
        found.rows_at[k] = at
        at += 2 * rows[k] * (found.symbols[k] - 1)
    found.end = at
    return found
