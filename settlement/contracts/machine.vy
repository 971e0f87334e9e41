# pragma version 0.4.3
"""
@title Machine
@notice What all steps have in common: the state while a chunk runs, how far it is, a step's witness and record, sections
    of the parameters. Layouts as in docs/protocol.md. Accounts, positions, instruments and paths have modules of theirs.
@dev Nothing here judges a step. A witness that does not lead to the running roots reverts with WITNESS;
    what the rules forbid is told by the step's contract as a code, since it is what a dispute is won by.
"""
import bounds

FIELDS: constant(uint256) = bounds.FIELDS
PAGES: constant(uint256) = bounds.PAGES
WORDS: constant(uint256) = 512  # bytes of one page: 16 positions
SIBLINGS: constant(uint256) = 96
TAG: constant(bytes32) = 0x737472696b65626f6f6b2e73746174652e320000000000000000000000000000
LOW_128: constant(uint256) = 2 ** 128 - 1
LOW_64: constant(uint256) = 2 ** 64 - 1
LOW_32: constant(uint256) = 2 ** 32 - 1
LOW_16: constant(uint256) = 2 ** 16 - 1

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


# --- accounts, instruments and parameters against the running roots ---------------------------------------------


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
def word_hash(word: uint256) -> bytes32:
    """
    @notice Of a section of one word: zero while the word is.
    """
    if word == 0:
        return empty(bytes32)
    return keccak256(abi_encode(word))


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


