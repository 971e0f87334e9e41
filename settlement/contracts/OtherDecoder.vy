# pragma version 0.4.3
"""
@title Other decoder
@notice Decodes a chunk of other steps (docs/codec-5.md, Other chunk) out of its bytes alone.
@dev The bytes are read where they stand in the call's data.
"""
import chunks
import headers
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

# What is known of the steps before: the fields of the last of each kind, eight a kind, and the last terms.
struct Known:
    fields: int256[264]
    terms: int256[24]

# Where reading is: the bytes from at to end are left.
struct Reader:
    at: uint256
    end: uint256

CHUNK: constant(uint256) = 16384
CONTENT_AT: constant(uint256) = 4 + 32 * 8
OTHER_CHUNK: constant(uint256) = 1
KINDS: constant(uint256) = 33
LISTING: constant(uint256) = 5
HAS_WORD: constant(uint256) = 256
# Of each kind the fields it names, as bits: classes, flags, instrument, first, second, ident, p, q; then its word.
SHAPES: constant(uint256[33]) = [
    68, 255, 362, 296, 26, 262, 6, 36, 258, 68, 64, 104, 122, 120, 10, 204, 70, 12, 4, 88, 220, 64, 88, 8, 8, 8, 88, 8,
    100, 30, 232, 24, 24,
]
BITS: constant(uint256[8]) = [8, 16, 32, 32, 32, 64, 63, 63]  # of each field; the last two are signed
PLACES: constant(uint256[8]) = [240, 224, 192, 160, 128, 64, 0, 192]  # where they stand in their word

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
    header_hash: bytes32, data: bytes32, chunk: uint256, entry: Entry, content: Bytes[CHUNK]
) -> Result:
    """
    @notice Decode a chunk located and shown.
    @return Its leaf, zero if it can not be decoded; nothing of the state is needed.
    @custom:errors ENTRY: not what a walk has found, or of the other kind; SHOWN: not its bytes.
    """
    assert staticcall DIRECTORY.is_entry(header_hash, data, chunk, entry), "ENTRY"
    assert entry.kind == OTHER_CHUNK, "ENTRY"
    known_hash: bytes32 = staticcall PAYLOADS.hash_of(header_hash, data, entry.start, entry.length)
    assert len(content) == entry.length and known_hash == keccak256(content), "SHOWN"
    at: uint256 = 4 + convert(slice(msg.data, CONTENT_AT, 32), uint256) + 32
    result: Result = empty(Result)
    result.leaf = self._leaf(Reader(at=at, end=at + entry.length), entry.steps)
    extcall DECODING.decoded(header_hash, data, chunk, result, msg.sender)
    return result


@internal
@view
def _leaf(start: Reader, count: uint256) -> bytes32:
    """
    @notice The chunk's leaf; zero if these are not the bytes of so many steps.
    """
    reader: Reader = start
    known: Known = empty(Known)
    hashes: DynArray[bytes32, chunks.MOST_STEPS] = []
    left: uint256 = 0  # steps of this run
    kind: uint256 = KINDS
    is_right: bool = True
    hash: bytes32 = empty(bytes32)
    for k: uint256 in range(count, bound=chunks.MOST_STEPS):
        if left == 0:
            before: uint256 = kind
            if reader.at >= reader.end:
                return empty(bytes32)
            kind = self._byte(reader.at)
            reader.at += 1
            left, reader, is_right = self._varint(reader)
            if not is_right or left == 0 or left > count - k or kind == before or kind >= KINDS:
                return empty(bytes32)
        hash, known, reader, is_right = self._step(kind, known, reader)
        if not is_right:
            return empty(bytes32)
        hashes.append(hash)
        left -= 1
    if reader.at != reader.end or left != 0:
        return empty(bytes32)
    return keccak256(abi_encode((OTHER_CHUNK << 32) | count, chunks.root_of(hashes)))


@internal
@view
def _byte(at: uint256) -> uint256:
    return convert(slice(msg.data, at, 1), uint256)


@internal
@view
def _varint(start: Reader) -> (uint256, Reader, bool):
    """
    @notice A number, what is left, and whether it is one.
    """
    reader: Reader = start
    value: uint256 = 0
    for k: uint256 in range(10):
        if reader.at >= reader.end:
            break
        byte: uint256 = self._byte(reader.at)
        reader.at += 1
        value |= (byte & 127) << (7 * k)
        if byte < 128:
            return value, reader, byte != 0 or k == 0
    return 0, reader, False


@internal
@pure
def _unzigzag(coded: uint256) -> int256:
    half: int256 = convert(coded >> 1, int256)
    return half if coded & 1 == 0 else -half - 1


@internal
@view
def _step(kind: uint256, before: Known, start: Reader) -> (bytes32, Known, Reader, bool):
    """
    @notice The hash of the next step, what is known behind it, what is left, and whether it is one.
    """
    known: Known = before
    reader: Reader = start
    is_right: bool = True
    coded: uint256 = 0
    if reader.at >= reader.end:
        return empty(bytes32), known, reader, False
    mask: uint256 = self._byte(reader.at)
    reader.at += 1
    shape: uint256 = SHAPES[kind]
    words: uint256[2] = [kind << 248, 0]
    for field: uint256 in range(8):
        if (shape >> field) & 1 == 0:
            continue
        figure: int256 = known.fields[8 * kind + field]
        if mask & 1 == 1:
            coded, reader, is_right = self._varint(reader)
            if not is_right or coded == 0:
                return empty(bytes32), known, reader, False
            figure += self._unzigzag(coded)
            known.fields[8 * kind + field] = figure
        mask >>= 1
        end: int256 = convert(1 << BITS[field], int256)
        if figure >= end or figure < (0 if field < 6 else -end):
            return empty(bytes32), known, reader, False
        kept: uint256 = convert(convert(figure, bytes32), uint256) & ((1 << 64) - 1)
        words[field // 7] |= kept << PLACES[field]
    if mask != 0:
        return empty(bytes32), known, reader, False
    if kind == LISTING:
        known, reader, is_right = self._terms(known, reader)
        words[1] = convert(self._hash_of(known.terms), uint256)
    elif shape & HAS_WORD != 0:
        words[1], reader, is_right = self._word(reader)
    return keccak256(abi_encode(words)), known, reader, is_right


@internal
@view
def _terms(before: Known, start: Reader) -> (Known, Reader, bool):
    """
    @notice A listing's terms: 24 numbers, each a difference to the last listing's.
    """
    known: Known = before
    reader: Reader = start
    is_right: bool = True
    coded: uint256 = 0
    for k: uint256 in range(24):
        coded, reader, is_right = self._varint(reader)
        known.terms[k] += self._unzigzag(coded)
        if not is_right or known.terms[k] < 0 or known.terms[k] >= 2 ** 64:
            return known, reader, False
    return known, reader, True


@internal
@pure
def _hash_of(terms: int256[24]) -> bytes32:
    """
    @notice The hash of terms as 24 numbers of eight bytes.
    """
    words: uint256[6] = empty(uint256[6])
    for k: uint256 in range(24):
        words[k // 4] = (words[k // 4] << 64) | (convert(convert(terms[k], bytes32), uint256) & (2 ** 64 - 1))
    return keccak256(abi_encode(words))


@internal
@view
def _word(start: Reader) -> (uint256, Reader, bool):
    """
    @notice A word without the zeros at its end.
    """
    reader: Reader = start
    word: uint256 = 0
    if reader.at >= reader.end:
        return 0, reader, False
    length: uint256 = self._byte(reader.at)
    reader.at += 1
    if length > 32 or reader.at + length > reader.end:
        return 0, reader, False
    for k: uint256 in range(length, bound=32):
        word |= self._byte(reader.at + k) << (248 - 8 * k)
    reader.at += length
    return word, reader, length == 0 or self._byte(reader.at - 1) != 0
