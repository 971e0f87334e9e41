# pragma version 0.4.3
"""
@title Machine
@notice What the steps have in common: opening accounts, pages, instruments and parameters against the running
    roots, changing them, and the roots after it. Layouts as in docs/protocol.md.
@dev Nothing here judges a step. A witness that does not lead to the running roots reverts with WITNESS;
    what the rules forbid is told by the step's contract as a code, since it is what a dispute is won by.
"""
import trees

uses: trees

FIELDS: constant(uint256) = 2560  # bytes of the packed part of a witness
PAGES: constant(uint256) = 2048  # bytes of an account's page list: 64 a page
WORDS: constant(uint256) = 512  # bytes of one page: 16 positions
SIBLINGS: constant(uint256) = 96
FIRST_USER: constant(uint256) = 64
TAG: constant(bytes32) = 0x737472696b65626f6f6b2e73746174652e320000000000000000000000000000
LOW_128: constant(uint256) = 2 ** 128 - 1
LOW_64: constant(uint256) = 2 ** 64 - 1
LOW_32: constant(uint256) = 2 ** 32 - 1
LOW_16: constant(uint256) = 2 ** 16 - 1
OPEN_AT: constant(uint256) = 192
MOST_OPEN: constant(uint256) = 2 ** 16 - 1

# Why a step is not allowed.
ALLOWED: constant(uint256) = 0
FIELD: constant(uint256) = 1  # a field must be zero and is not, or is out of its range
ACCOUNT: constant(uint256) = 2  # an account is not there, or not one that may
INSTRUMENT: constant(uint256) = 3  # an instrument is not there, has ended, or is not of the kind
NO_INDEX: constant(uint256) = 4  # the underlying is not there or has no index
AUTHORISATION: constant(uint256) = 5  # authorisation classes
OVERFLOW: constant(uint256) = 6  # a figure leaves its field
PASSING: constant(uint256) = 7  # positions are passing, or a loss is being shared
AMOUNT: constant(uint256) = 8  # more than there is, or not what follows from the state
ORDER: constant(uint256) = 9  # an id out of order
QUEUE: constant(uint256) = 10  # not what the bridge's queue says

struct State:
    accounts: bytes32
    instruments: bytes32
    parameters: bytes32
    fees: int256

struct Progress:
    done: uint256  # steps of the chunk executed
    code: uint256  # why the last of them is not allowed, 0 while all are
    chain: bytes32  # keccak(chain, step hash) of these, from the zero word
    state: State

struct Witness:
    step: uint256
    more: uint256
    fields: Bytes[FIELDS]
    first_pages: Bytes[PAGES]
    second_pages: Bytes[PAGES]
    siblings: DynArray[bytes32, SIBLINGS]

struct Account:
    exists: bool
    page_at: uint256
    word_count: uint256
    bitmap: uint256
    head: uint256  # owner 20 bytes, flags u32, nonce u64
    cash: int256
    family: uint256  # main u32, tier u8, in liquidation u8, open positions u16, zero u64, perpetual entry i128

struct Instrument:
    exists: bool
    bitmap: uint256
    words: uint256[9]

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
def advance(progress: Progress, step: uint256, more: uint256, code: uint256, state: State) -> Progress:
    """
    @notice The progress behind a step.
    """
    assert progress.code == 0, "OVER"
    hash: bytes32 = keccak256(abi_encode(step, more))
    return Progress(
        done=unsafe_add(progress.done, 1),
        code=code,
        chain=keccak256(abi_encode(progress.chain, hash)),
        state=state,
    )


@internal
@pure
def progress_hash(progress: Progress) -> bytes32:
    return keccak256(abi_encode(progress))


# --- reading the witness ------------------------------------------------------------------------------------


@internal
@pure
def account_at(fields: Bytes[FIELDS], at: uint256) -> Account:
    """
    @notice An account: exists u8, page index u16, words of the page u8, bitmap u32, then three of its words.
    """
    head: uint256 = convert(extract32(fields, at), uint256)
    return Account(
        exists=head >> 248 != 0,
        page_at=(head >> 232) & LOW_16,
        word_count=(head >> 224) & 255,
        bitmap=(head >> 192) & LOW_32,
        head=convert(extract32(fields, at + 8), uint256),
        cash=convert(extract32(fields, at + 40), int256),
        family=convert(extract32(fields, at + 72), uint256),
    )


@internal
@pure
def instrument_at(fields: Bytes[FIELDS], at: uint256) -> Instrument:
    """
    @notice An instrument: exists u8, bitmap u32, then its nine words.
    """
    head: uint256 = convert(extract32(fields, at), uint256)
    found: Instrument = empty(Instrument)
    found.exists = head >> 248 != 0
    found.bitmap = (head >> 216) & LOW_32
    for k: uint256 in range(9):
        found.words[k] = convert(extract32(fields, unsafe_add(at + 5, 32 * k)), uint256)
    return found


# --- leaves -------------------------------------------------------------------------------------------------


@internal
@pure
def account_leaf(number: uint256, account: Account, positions: bytes32) -> bytes32:
    """
    @notice The leaf of an account; a system account of zeros and an account that is not there have the zero word.
    """
    blank: bool = account.head == 0 and account.cash == 0 and account.family == 0 and positions == empty(bytes32)
    if number < FIRST_USER:
        if blank:
            return empty(bytes32)
    elif not account.exists:
        assert blank, "WITNESS"
        return empty(bytes32)
    return keccak256(abi_encode(account.head, account.cash, positions, account.family))


@internal
@pure
def instrument_leaf(instrument: Instrument) -> bytes32:
    if not instrument.exists:
        return empty(bytes32)
    return keccak256(abi_encode(instrument.words))


@internal
@pure
def positions_root(pages: Bytes[PAGES]) -> bytes32:
    """
    @notice Of an account whose positions a step leaves alone: its root as a word, nothing if it is zero.
    """
    if len(pages) == 0:
        return empty(bytes32)
    assert len(pages) == 32, "WITNESS"
    return extract32(pages, 0)


@internal
@pure
def perpetual_entry(account: Account) -> int256:
    return self.signed(account.family << 128) >> 128


@internal
@pure
def family_of(number: uint256, account: Account) -> uint256:
    """
    @notice The main account of a family, which is the account itself where it has none.
    """
    main: uint256 = account.family >> 224
    return number if main == 0 else main


# --- positions ----------------------------------------------------------------------------------------------


@internal
@pure
def find_page(pages: Bytes[PAGES], at: uint256, words: Bytes[WORDS], page: uint256):
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
def find_word(words: Bytes[WORDS], instrument: uint256) -> (uint256, uint256):
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
def page_hash(words: Bytes[WORDS], at: uint256, cut: uint256, word: uint256) -> bytes32:
    """
    @notice Of a page with a word put in at a byte instead of the bytes cut there; a zero word puts nothing.
        The zero word for a page that is then empty.
    """
    end: uint256 = unsafe_add(at, cut)
    before: Bytes[WORDS] = slice(words, 0, at)
    after: Bytes[WORDS] = slice(words, end, len(words) - end)
    if word != 0:
        return keccak256(concat(before, convert(word, bytes32), after))
    if len(before) + len(after) == 0:
        return empty(bytes32)
    return keccak256(concat(before, after))


@internal
@pure
def list_hash(pages: Bytes[PAGES], at: uint256, cut: uint256, page: uint256, hash: bytes32) -> bytes32:
    """
    @notice Of a page list with an entry at an index instead of the entry cut (1) or none (0) there; a zero hash
        puts nothing. The zero word for a list that is then empty.
    """
    start: uint256 = unsafe_mul(at, 64)
    end: uint256 = unsafe_add(start, unsafe_mul(cut, 64))
    before: Bytes[PAGES] = slice(pages, 0, start)
    after: Bytes[PAGES] = slice(pages, end, len(pages) - end)
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
def is_entry(figure: int256) -> bool:
    return -(2 ** 127) <= figure and figure < 2 ** 127


@internal
@pure
def open_position(
    pages: Bytes[PAGES], at: uint256, words: Bytes[WORDS], instrument: uint256
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
    pages: Bytes[PAGES], at: uint256, words: Bytes[WORDS], instrument: uint256, size: int256, entry: int256
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
    found.size_before = self.signed(word << 64) >> 192
    found.entry_before = self.signed(word << 128) >> 128
    size_after: int256 = unsafe_add(found.size_before, size)
    entry_after: int256 = unsafe_add(found.entry_before, entry)
    found.fits = self.is_size(size_after) and self.is_entry(entry_after)
    if not found.fits:
        found.root_after = found.root_before
        found.exists = found.existed
        return found
    found.exists = size_after != 0 or entry_after != 0
    new: uint256 = 0
    if found.exists:
        new = (instrument << 224) | ((self.unsigned(size_after) & LOW_64) << 128)
        new |= self.unsigned(entry_after) & LOW_128
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
    account: Account, position: Position, size: int256, entry: int256, is_perpetual: bool
) -> (uint256, bool):
    """
    @notice The account's family word behind a move, and whether its figures fit.
    """
    family: uint256 = account.family
    fits: bool = True
    was_open: bool = position.size_before != 0
    is_open: bool = unsafe_add(position.size_before, size) != 0
    if is_open and not was_open:
        fits = (family >> OPEN_AT) & LOW_16 != MOST_OPEN
        family = unsafe_add(family, 1 << OPEN_AT)
    elif was_open and not is_open:
        family = unsafe_sub(family, 1 << OPEN_AT)
    if is_perpetual:
        sum: int256 = unsafe_add(self.perpetual_entry(account), entry)
        fits = fits and self.is_entry(sum)
        family = ((family >> 128) << 128) | (self.unsigned(sum) & LOW_128)
    return family, fits


# --- accounts, instruments and parameters against the running roots ---------------------------------------------


@internal
@view
def fold(
    path: uint256,
    before: bytes32,
    behind: bytes32,
    bitmap: uint256,
    low: uint256,
    high: uint256,
    siblings: DynArray[bytes32, SIBLINGS],
    start: uint256,
) -> (bytes32, bytes32, uint256):
    """
    @notice Two nodes of one path, before and behind a change, taken from one height of the sparse tree to
        another; and the next sibling.
    """
    old: bytes32 = before
    new: bytes32 = behind
    at: uint256 = start
    bit: uint256 = 1 << low
    sibling: bytes32 = empty(bytes32)
    for h: uint256 in range(low, high, bound=32):
        if bitmap & bit != 0:
            sibling = siblings[at]
            at = unsafe_add(at, 1)
        else:
            sibling = trees.EMPTY[h]
        if path & bit != 0:
            old = keccak256(abi_encode(sibling, old))
            new = keccak256(abi_encode(sibling, new))
        else:
            old = keccak256(abi_encode(old, sibling))
            new = keccak256(abi_encode(new, sibling))
        bit = unsafe_add(bit, bit)
    return old, new, at


@internal
@view
def change_one(
    root: bytes32,
    path: uint256,
    bitmap: uint256,
    before: bytes32,
    behind: bytes32,
    siblings: DynArray[bytes32, SIBLINGS],
    start: uint256,
) -> (bytes32, uint256):
    """
    @notice The root behind a change of one leaf, and the next sibling. Reverts unless the leaf was there.
    """
    old: bytes32 = empty(bytes32)
    new: bytes32 = empty(bytes32)
    at: uint256 = 0
    old, new, at = self.fold(path, before, behind, bitmap, 0, 32, siblings, start)
    assert old == root, "WITNESS"
    return new, at


@internal
@view
def change_two(
    root: bytes32,
    paths: uint256[2],
    bitmaps: uint256[2],
    before: bytes32[2],
    behind: bytes32[2],
    siblings: DynArray[bytes32, SIBLINGS],
    start: uint256,
) -> (bytes32, uint256):
    """
    @notice The root behind a change of two leaves at once: each path to where they meet, then one. The first
        bitmap holds the heights above too.
    """
    difference: uint256 = paths[0] ^ paths[1]
    assert difference != 0, "WITNESS"
    meet: uint256 = 0
    for h: uint256 in range(32):
        if difference >> h == 1:
            meet = h
            break
    left: bytes32[2] = empty(bytes32[2])
    right: bytes32[2] = empty(bytes32[2])
    at: uint256 = start
    first: uint256 = (paths[0] >> meet) & 1
    left[0], left[1], at = self.fold(paths[0], before[0], behind[0], bitmaps[0], 0, meet, siblings, at)
    right[0], right[1], at = self.fold(paths[1], before[1], behind[1], bitmaps[1], 0, meet, siblings, at)
    old: bytes32 = empty(bytes32)
    new: bytes32 = empty(bytes32)
    if first == 1:
        old = keccak256(abi_encode(right[0], left[0]))
        new = keccak256(abi_encode(right[1], left[1]))
    else:
        old = keccak256(abi_encode(left[0], right[0]))
        new = keccak256(abi_encode(left[1], right[1]))
    old, new, at = self.fold(paths[0], old, new, bitmaps[0], unsafe_add(meet, 1), 32, siblings, at)
    assert old == root, "WITNESS"
    return new, at


@internal
@pure
def state_root(state: State) -> bytes32:
    """
    @notice The state root of three roots.
    """
    return keccak256(abi_encode(TAG, state.accounts, state.instruments, state.parameters))


# --- parameters ---------------------------------------------------------------------------------------------


@internal
@pure
def sections_at(fields: Bytes[FIELDS], at: uint256) -> (bytes32[8], uint256):
    """
    @notice The hashes of parameters' sections that are told: a mask u8, bit s for section s, then the hashes in
        order; the others are zero until they are opened. And the byte behind.
    """
    found: bytes32[8] = empty(bytes32[8])
    mask: uint256 = convert(slice(fields, at, 1), uint256)
    next: uint256 = at + 1
    for s: uint256 in range(8):
        if (mask >> s) & 1 == 1:
            found[s] = extract32(fields, next)
            next = unsafe_add(next, 32)
    return found, next


@internal
@pure
def list_at(fields: Bytes[FIELDS], at: uint256) -> (bytes32, uint256, uint256):
    """
    @notice A section that is a list of words: their number u16, then the words. Its hash, number, first byte.
    """
    count: uint256 = convert(slice(fields, at, 2), uint256)
    if count == 0:
        return empty(bytes32), 0, at + 2
    return keccak256(slice(fields, at + 2, count * 32)), count, at + 2


@internal
@pure
def with_entry(fields: Bytes[FIELDS], at: uint256, count: uint256, place: uint256, word: uint256) -> bytes32:
    """
    @notice The hash of a list of words with one put in at a place, or behind the last.
    """
    start: uint256 = at + place * 32
    rest: uint256 = min(start + 32, at + count * 32)
    return keccak256(
        concat(
            slice(fields, at, place * 32),
            convert(word, bytes32),
            slice(fields, rest, at + count * 32 - rest),
        )
    )


@internal
@pure
def find_underlying(fields: Bytes[FIELDS], at: uint256, count: uint256, underlying: uint256) -> (uint256, uint256):
    """
    @notice An underlying's place in the list and its word, zero if it is not in it.
    """
    for k: uint256 in range(count, bound=1024):
        word: uint256 = convert(extract32(fields, at + k * 32), uint256)
        if word >> 224 >= underlying:
            return k, word if word >> 224 == underlying else 0
    return count, 0


@internal
@pure
def signed(word: uint256) -> int256:
    """
    @notice The same bits, read as two's complement.
    """
    return convert(convert(word, bytes32), int256)


@internal
@pure
def unsigned(number: int256) -> uint256:
    """
    @notice The same bits, read without a sign.
    """
    return convert(convert(number, bytes32), uint256)


# --- figures ------------------------------------------------------------------------------------------------


@internal
@pure
def ceil_div(a: uint256, b: uint256) -> uint256:
    return (a + b - 1) // b


@internal
@pure
def term(instrument: Instrument, k: uint256) -> uint256:
    """
    @notice The 64-bit word number k of an instrument's terms.
    """
    return (instrument.words[3 + k // 4] >> (192 - 64 * (k % 4))) & LOW_64


@internal
@pure
def multiplier(instrument: Instrument) -> uint256:
    return (instrument.words[3] & LOW_64) * (instrument.words[4] >> 192) // 10 ** 8


@internal
@pure
def fee(instrument: Instrument, rate: uint256, per_lot: uint256, size: uint256, worth: uint256) -> uint256:
    """
    @notice The fee on so many lots, rounded up at each step; an option's cap rounded down.
    """
    due: uint256 = self.ceil_div(self.ceil_div(per_lot * rate, 1000) * size, 1000)
    cap: uint256 = (instrument.words[5] >> 128) & LOW_32
    if cap != 0 and (instrument.words[3] >> 192) & 255 == 1:
        return min(due, worth * cap // 1000)
    return due


@internal
@pure
def is_open(instrument: Instrument) -> bool:
    """
    @notice Listed, not ended, and no settlement of it under way.
    """
    return instrument.exists and instrument.words[0] >> 192 < 3 and instrument.words[2] == 0


@internal
@pure
def with_holders(instrument: Instrument, change: int256) -> (uint256, bool):
    """
    @notice The first word of an instrument behind a change of the number of its holders, and whether it fits.
    """
    holders: int256 = convert((instrument.words[0] >> 64) & LOW_64, int256) + change
    if holders < 0 or holders >= 2 ** 64:
        return instrument.words[0], False
    kept: uint256 = instrument.words[0] & ~(LOW_64 << 64)
    return kept | (convert(holders, uint256) << 64), True


@internal
@pure
def words_at(fields: Bytes[FIELDS], at: uint256, count: uint256) -> Bytes[WORDS]:
    """
    @notice The words of a page.
    """
    assert count <= 16, "WITNESS"
    whole: Bytes[FIELDS] = slice(fields, at, 32 * count)
    return convert(whole, Bytes[WORDS])


@internal
@pure
def word_hash(word: uint256) -> bytes32:
    """
    @notice Of a section of one word: zero while the word is.
    """
    if word == 0:
        return empty(bytes32)
    return keccak256(abi_encode(word))


@internal
@pure
def holders(position: Position) -> int256:
    """
    @notice By how many a move changes an instrument's holders.
    """
    if position.exists == position.existed:
        return 0
    return 1 if position.exists else -1


# --- records ------------------------------------------------------------------------------------------------


struct Record:
    kind: uint256
    flags: uint256
    instrument: uint256
    first: uint256
    second: uint256
    ident: uint256
    p: int256
    q: int256

# The fields a kind may have: bits of the first word, and of the second.
HAS_FLAGS: constant(uint256) = (2 ** 16 - 1) << 224
HAS_INSTRUMENT: constant(uint256) = (2 ** 32 - 1) << 192
HAS_FIRST: constant(uint256) = (2 ** 32 - 1) << 160
HAS_SECOND: constant(uint256) = (2 ** 32 - 1) << 128
HAS_IDENT: constant(uint256) = (2 ** 64 - 1) << 64
HAS_P: constant(uint256) = 2 ** 64 - 1
HAS_Q: constant(uint256) = (2 ** 64 - 1) << 192


@internal
@pure
def read(step: uint256, more: uint256) -> Record:
    """
    @notice The fields of a step's record.
    """
    return Record(
        kind=step >> 248,
        flags=(step >> 224) & LOW_16,
        instrument=(step >> 192) & LOW_32,
        first=(step >> 160) & LOW_32,
        second=(step >> 128) & LOW_32,
        ident=(step >> 64) & LOW_64,
        p=self.signed(step << 192) >> 192,
        q=self.signed(more) >> 192,
    )


@internal
@pure
def is_shaped(step: uint256, more: uint256, has: uint256, has_more: uint256) -> bool:
    """
    @notice Whether all fields but these are zero.
    """
    return step & (2 ** 248 - 1) & ~has == 0 and more & ~has_more == 0


@internal
@pure
def is_user(number: uint256, account: Account) -> bool:
    return number >= FIRST_USER and account.exists


@internal
@pure
def in_liquidation(account: Account) -> bool:
    return (account.family >> 208) & 255 != 0


@internal
@pure
def is_cash(figure: int256) -> bool:
    """
    @notice Far within the field of cash: what no venue reaches.
    """
    return -(2 ** 250) < figure and figure < 2 ** 250


@internal
@pure
def paid(account: Account, amount: int256) -> Account:
    """
    @notice An account with its cash changed.
    """
    changed: Account = account
    changed.cash = unsafe_add(account.cash, amount)
    return changed


@internal
@view
def change_accounts(
    root: bytes32,
    count: uint256,
    numbers: uint256[2],
    before: Account[2],
    behind: Account[2],
    positions: bytes32[2],
    siblings: DynArray[bytes32, SIBLINGS],
) -> (bytes32, uint256):
    """
    @notice The accounts' root behind a change of up to two accounts that leaves their positions alone, and the next
        sibling. Reverts unless they are what the root says.
    """
    old: bytes32[2] = empty(bytes32[2])
    new: bytes32[2] = empty(bytes32[2])
    for k: uint256 in range(count, bound=2):
        old[k] = self.account_leaf(numbers[k], before[k], positions[k])
        new[k] = self.account_leaf(numbers[k], behind[k], positions[k])
    if count == 0:
        return root, 0
    after: bytes32 = empty(bytes32)
    at: uint256 = 0
    if count == 1:
        after, at = self.change_one(root, numbers[0], before[0].bitmap, old[0], new[0], siblings, 0)
    else:
        bitmaps: uint256[2] = [before[0].bitmap, before[1].bitmap]
        after, at = self.change_two(root, numbers, bitmaps, old, new, siblings, 0)
    return after, at


@internal
@pure
def kind_of(instrument: Instrument) -> uint256:
    """
    @notice 1 option, 2 perpetual, 3 combo.
    """
    return (instrument.words[3] >> 192) & 255
