# pragma version 0.4.3
"""
@title Positions
@notice An account's positions: pages of sixteen, the list of pages, and a position that moves (docs/protocol.md, Positions).
"""
import accounts
import machine

OPEN_AT: constant(uint256) = 192
MOST_OPEN: constant(uint256) = 2 ** 16 - 1

struct Position:
    root_before: bytes32
    root_after: bytes32
    size_before: int256
    entry_before: int256
    existed: bool
    exists: bool
    fits: bool


@internal
@pure
def find_page(pages: Bytes[machine.PAGES], at: uint256, words: Bytes[machine.WORDS], page: uint256):
    """
    @notice Reverts unless the page with these words stands at the index of the list, or, without words, is
        not in the list and would be put there.
    """
    assert len(pages) % 64 == 0, "WITNESS"
    count: uint256 = len(pages) // 64
    if len(words) != 0:
        assert at < count, "WITNESS"
        assert convert(extract32(pages, at * 64), uint256) == page, "WITNESS"
        assert extract32(pages, at * 64 + 32) == keccak256(words), "WITNESS"
    else:
        assert at <= count, "WITNESS"
        if at < count:
            assert convert(extract32(pages, at * 64), uint256) > page, "WITNESS"
        if at > 0:
            assert convert(extract32(pages, at * 64 - 64), uint256) < page, "WITNESS"


@internal
@pure
def find_word(words: Bytes[machine.WORDS], instrument: uint256) -> (uint256, uint256):
    """
    @notice Where the instrument's word stands in its page, and the word; zero if it is not there.
    """
    at: uint256 = 0
    for k: uint256 in range(16):
        if at >= len(words):
            break
        word: uint256 = convert(extract32(words, at), uint256)
        if word >> 224 >= instrument:
            return at, word if word >> 224 == instrument else 0
        at += 32
    return at, 0


@internal
@pure
def page_hash(words: Bytes[machine.WORDS], at: uint256, cut: uint256, word: uint256) -> bytes32:
    """
    @notice Of a page with a word put in at a byte instead of the bytes cut there; a zero word puts nothing.
        The zero word for a page that is then empty.
    """
    end: uint256 = unsafe_add(at, cut)
    before: Bytes[machine.WORDS] = slice(words, 0, at)
    after: Bytes[machine.WORDS] = slice(words, end, len(words) - end)
    if word != 0:
        return keccak256(concat(before, convert(word, bytes32), after))
    if len(before) + len(after) == 0:
        return empty(bytes32)
    return keccak256(concat(before, after))


@internal
@pure
def list_hash(pages: Bytes[machine.PAGES], at: uint256, cut: uint256, page: uint256, hash: bytes32) -> bytes32:
    """
    @notice Of a page list with an entry at an index instead of the entry cut (1) or none (0) there; a zero hash
        puts nothing. The zero word for a list that is then empty.
    """
    start: uint256 = unsafe_mul(at, 64)
    end: uint256 = unsafe_add(start, unsafe_mul(cut, 64))
    before: Bytes[machine.PAGES] = slice(pages, 0, start)
    after: Bytes[machine.PAGES] = slice(pages, end, len(pages) - end)
    if hash != empty(bytes32):
        return keccak256(concat(before, convert(page, bytes32), hash, after))
    if len(before) + len(after) == 0:
        return empty(bytes32)
    return keccak256(concat(before, after))


@internal
@pure
def is_size(figure: int256) -> bool:
    return -(2 ** 63) <= figure and figure < 2 ** 63


@internal
@pure
def open_position(
    pages: Bytes[machine.PAGES], at: uint256, words: Bytes[machine.WORDS], instrument: uint256
) -> (bytes32, uint256, uint256):
    """
    @notice The positions root before, and where in its page the instrument's word stands, and the word.
    """
    self.find_page(pages, at, words, instrument >> 4)
    root: bytes32 = empty(bytes32)
    if len(pages) != 0:
        root = keccak256(pages)
    where: uint256 = 0
    word: uint256 = 0
    where, word = self.find_word(words, instrument)
    return root, where, word


@internal
@pure
def move(
    pages: Bytes[machine.PAGES], at: uint256, words: Bytes[machine.WORDS], instrument: uint256, size: int256, entry: int256
) -> Position:
    """
    @notice A position when (size, entry) is added to it: the account's positions root before and after.
    @dev It does not fit if a figure leaves its field; the root after is then the one before.
    """
    found: Position = empty(Position)
    where: uint256 = 0
    word: uint256 = 0
    found.root_before, where, word = self.open_position(pages, at, words, instrument)
    found.existed = word != 0
    found.size_before = machine.signed(word << 64) >> 192
    found.entry_before = machine.signed(word << 128) >> 128
    size_after: int256 = unsafe_add(found.size_before, size)
    entry_after: int256 = unsafe_add(found.entry_before, entry)
    found.fits = self.is_size(size_after) and accounts.is_entry(entry_after)
    if not found.fits:
        found.root_after = found.root_before
        found.exists = found.existed
        return found
    found.exists = size_after != 0 or entry_after != 0
    new: uint256 = 0
    if found.exists:
        new = (instrument << 224) | ((machine.unsigned(size_after) & machine.LOW_64) << 128)
        new |= machine.unsigned(entry_after) & machine.LOW_128
    cut: uint256 = 32 if found.existed else 0
    hash: bytes32 = self.page_hash(words, where, cut, new)
    if len(words) == 0 and hash == empty(bytes32):
        found.root_after = found.root_before
    else:
        found.root_after = self.list_hash(pages, at, 0 if len(words) == 0 else 1, instrument >> 4, hash)
    return found


@internal
@pure
def count_position(
    account: accounts.Account, position: Position, size: int256, entry: int256, is_perpetual: bool
) -> (uint256, bool):
    """
    @notice The account's family word behind a move, and whether its figures fit.
    """
    family: uint256 = account.family
    fits: bool = True
    was_open: bool = position.size_before != 0
    is_open: bool = unsafe_add(position.size_before, size) != 0
    if is_open and not was_open:
        fits = (family >> OPEN_AT) & machine.LOW_16 != MOST_OPEN
        family = unsafe_add(family, 1 << OPEN_AT)
    elif was_open and not is_open:
        family = unsafe_sub(family, 1 << OPEN_AT)
    if is_perpetual:
        sum: int256 = unsafe_add(accounts.perpetual_entry(account), entry)
        fits = fits and accounts.is_entry(sum)
        family = ((family >> 128) << 128) | (machine.unsigned(sum) & machine.LOW_128)
    return family, fits


@internal
@pure
def holders(position: Position) -> int256:
    """
    @notice By how many a move changes an instrument's holders.
    """
    if position.exists == position.existed:
        return 0
    return 1 if position.exists else -1


@internal
@pure
def words_at(fields: Bytes[machine.FIELDS], at: uint256, count: uint256) -> Bytes[machine.WORDS]:
    """
    @notice The words of a page.
    """
    assert count <= 16, "WITNESS"
    whole: Bytes[machine.FIELDS] = slice(fields, at, 32 * count)
    return convert(whole, Bytes[machine.WORDS])
