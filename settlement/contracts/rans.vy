# pragma version 0.4.3
"""
@title Range coder
@notice Takes symbols out of a chunk's bytes (docs/codec-5.md, Range coder), where they stand in a call's data.
"""
TOTAL: constant(uint256) = 65536

struct Coder:
    x: uint256
    at: uint256  # the next word
    end: uint256
    looked: uint256  # look-ups in dictionaries so far
    is_wrong: bool  # these bytes are no chunk


@internal
@view
def start(base: uint256, length: uint256) -> Coder:
    """
    @notice Before the first symbol of a chunk's bytes.
    """
    head: uint256 = length
    if length >= 4:
        head = 4 - (length & 1)
    coder: Coder = Coder(x=0, at=base + head, end=base + length, looked=0, is_wrong=False)
    if length != 0:
        coder.x = convert(slice(msg.data, base, 4), uint256) >> (32 - 8 * head)
        coder.is_wrong = convert(slice(msg.data, base, 1), uint256) == 0
    return coder


@internal
@view
def _advance(coder: Coder, low: uint256, frequency: uint256) -> Coder:
    """
    @notice Behind a symbol that owns so many slots from low on.
    """
    after: Coder = coder
    after.x = unsafe_sub(unsafe_add(unsafe_mul(frequency, coder.x >> 16), coder.x & 65535), low)
    if after.x < TOTAL and after.at < after.end:
        after.x = (after.x << 16) | convert(slice(msg.data, after.at, 2), uint256)
        after.at = unsafe_add(after.at, 2)
    return after


@internal
@view
def symbol(coder: Coder, row_at: uint256, symbols: uint256) -> (Coder, uint256):
    """
    @notice A symbol of a row of the tables.
    """
    slot: uint256 = coder.x & 65535
    low: uint256 = 0
    high: uint256 = symbols
    from_slot: uint256 = 0
    to_slot: uint256 = TOTAL
    base: uint256 = unsafe_sub(row_at, 2)
    for k: uint256 in range(16):
        if unsafe_sub(high, low) <= 1:
            break
        middle: uint256 = unsafe_add(low, high) >> 1
        begins: uint256 = convert(slice(msg.data, unsafe_add(base, unsafe_mul(2, middle)), 2), uint256)
        if begins <= slot:
            low = middle
            from_slot = begins
        else:
            high = middle
            to_slot = begins
    return self._advance(coder, from_slot, unsafe_sub(to_slot, from_slot)), low


@internal
@view
def one_of(coder: Coder, count: uint256) -> (Coder, uint256):
    """
    @notice One of so many (1 … 65,536), each as likely.
    """
    index: uint256 = unsafe_sub(unsafe_mul(unsafe_add(coder.x & 65535, 1), count), 1) >> 16
    low: uint256 = unsafe_div(index << 16, count)
    next: uint256 = unsafe_div(unsafe_add(index, 1) << 16, count)
    return self._advance(coder, low, unsafe_sub(next, low)), index


@internal
@view
def bits(coder: Coder, count: uint256) -> (Coder, uint256):
    """
    @notice A number of so many (0 … 64) bits: groups of 16, the first the shorter.
    """
    after: Coder = coder
    value: uint256 = 0
    group: uint256 = 0
    left: uint256 = count
    width: uint256 = count & 15
    if width == 0:
        width = 16
    for k: uint256 in range(4):
        if left == 0:
            break
        after, group = self.one_of(after, 1 << width)
        value = (value << width) | group
        left = unsafe_sub(left, width)
        width = 16
    return after, value
