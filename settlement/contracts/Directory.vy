# pragma version 0.4.3
"""
@title Directory
@notice Walks the directory of a batch's payload (docs/codec-5.md, Payload) in as many calls as it takes, and keeps where
    a chunk stands. A directory that is none, or not the header's, voids the batch.
@dev A walk leads to one chunk and is its walker's; what it finds is the same whoever walks, and kept for all.
"""
import headers

interface Payloads:
    def hash_of(header_hash: bytes32, data: bytes32, start: uint256, length: uint256) -> bytes32: view

interface Decoding:
    def convict(header: Bytes[headers.HEADER], data: bytes32, what: uint256, challenger: address): nonpayable

interface Inbox:
    def is_posted(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool: view

event Walked:
    header_hash: indexed(bytes32)
    chunk: indexed(uint256)
    entries: uint256

event Located:
    header_hash: indexed(bytes32)
    chunk: indexed(uint256)

# How far a walk is.
struct Walk:
    at: uint256  # bytes read
    done: uint256  # entries read
    count: uint256
    usual: uint256
    expected: uint256  # trade id
    total: uint256  # bytes of the chunks read
    steps: uint256
    fill_chunks: uint256
    below: uint256  # chunks shorter than usual
    equal: uint256  # chunks as long as usual
    entry: Entry

# A chunk as the directory tells it.
struct Entry:
    kind: uint256
    steps: uint256
    first_trade_id: uint256
    start: uint256  # first byte in the payload (while walking: among the chunks)
    length: uint256

# Where the content stands: payload bytes start … end − 1, from the base on in the call's data.
struct Place:
    base: uint256
    start: uint256
    end: uint256
    payload_bytes: uint256

CONTENT_AT: constant(uint256) = 4 + 32 * 20  # where the call's data says where the content is
PIECE: constant(uint256) = 16384
NO_CHUNK: constant(uint256) = 2 ** 32
MOST_CHUNKS: constant(uint256) = 65536
CHUNK_BYTES: constant(uint256) = 16384
TABLES_BYTES: constant(uint256) = 65536
MOST_STEPS: constant(uint256) = 64
TRADE_ID_END: constant(uint256) = 2 ** 63
CODEC: constant(uint256) = 5
NO_TABLES: constant(bytes32) = keccak256(b"")
NETTED: constant(uint256) = 16
# What a batch is convicted for.
WRONG_DIRECTORY: constant(uint256) = 3
WRONG_COUNTS: constant(uint256) = 4
WRONG_TABLES: constant(uint256) = 5
WRONG_CODEC: constant(uint256) = 6

INBOX: immutable(Inbox)
PAYLOADS: immutable(Payloads)
DECODING: immutable(Decoding)

walks: public(HashMap[bytes32, bytes32])  # keccak(header hash, data, chunk, walker): hash of the walk
located: HashMap[bytes32, bytes32]  # keccak(header hash, data, chunk): hash of the entry
tables: HashMap[bytes32, uint256]  # keccak(header hash, data): start u128 and length u128 of the tables; the start is not 0


@deploy
def __init__(inbox: address, payloads: address, decoding: address):
    """
    @param payloads Where bytes are shown, decoding the contract that voids what can not be decoded.
    """
    INBOX = Inbox(inbox)
    PAYLOADS = Payloads(payloads)
    DECODING = Decoding(decoding)


@external
@view
def is_entry(header_hash: bytes32, data: bytes32, chunk: uint256, entry: Entry) -> bool:
    """
    @notice Whether a walk has found the chunk to be so.
    """
    return self.located[keccak256(abi_encode(header_hash, data, chunk))] == keccak256(abi_encode(entry))


@external
@view
def tables_of(header_hash: bytes32, data: bytes32) -> (uint256, uint256):
    """
    @notice Where a payload's tables stand and how long they are, when a walk has come to them; else zeros.
    """
    found: uint256 = self.tables[keccak256(abi_encode(header_hash, data))]
    return found >> 128, found & (2 ** 128 - 1)


@internal
@view
def _must_stand(header: Bytes[headers.HEADER], data: bytes32) -> bytes32:
    hash: bytes32 = keccak256(header)
    assert staticcall INBOX.is_posted(headers.batch_id(header), hash, data, headers.new_root(header)), "BATCH"
    assert headers.layer(header) < NETTED, "LAYER"
    return hash


@external
def prove_codec(header: Bytes[headers.HEADER], data: bytes32):
    """
    @notice A header of another codec.
    @custom:errors BATCH: it does not stand; LAYER: it is netted; RIGHT: it is of this one.
    """
    self._must_stand(header, data)
    assert headers.codec(header) != CODEC, "RIGHT"
    extcall DECODING.convict(header, data, WRONG_CODEC, msg.sender)


@external
def prove_tables(header: Bytes[headers.HEADER], data: bytes32, before: Bytes[headers.HEADER], before_data: bytes32):
    """
    @notice The header's tables are not those of the payload, or, where it has none, of the batch before.
    @param before The header of the batch before where it is looked at; else empty.
    @custom:errors BATCH: one does not stand; WALK: no walk has come to the tables; SHOWN: they were not shown; RIGHT:
        they are.
    """
    header_hash: bytes32 = self._must_stand(header, data)
    place: uint256 = self.tables[keccak256(abi_encode(header_hash, data))]
    assert place != 0, "WALK"
    length: uint256 = place & (2 ** 128 - 1)
    wanted: bytes32 = NO_TABLES
    if length != 0:
        wanted = staticcall PAYLOADS.hash_of(header_hash, data, place >> 128, length)
        assert wanted != empty(bytes32), "SHOWN"
    elif headers.batch_id(header) != 1:
        assert headers.batch_id(before) + 1 == headers.batch_id(header), "BATCH"
        hash: bytes32 = keccak256(before)
        root: bytes32 = headers.new_root(before)
        assert staticcall INBOX.is_posted(headers.batch_id(before), hash, before_data, root), "BATCH"
        wanted = headers.tables_hash(before)
    assert headers.tables_hash(header) != wanted, "RIGHT"
    extcall DECODING.convict(header, data, WRONG_TABLES, msg.sender)


@external
def go_on(
    header: Bytes[headers.HEADER],
    data: bytes32,
    chunk: uint256,
    walk: Walk,
    start: uint256,
    most: uint256,
    content: Bytes[PIECE],
) -> Walk:
    """
    @notice Go on with the walk to a chunk.
    @param chunk Its number, 2³² for none.
    @param walk How far it is; zeros before the first call.
    @param start The first byte of the content, which was shown; most: entries to read in this call.
    @return How far it is then; zeros if the batch was voided for what was found.
    @custom:errors BATCH, LAYER; WALK: it does not stand there; SHOWN: these bytes were not shown; MORE: what comes next
        is not in them.
    """
    header_hash: bytes32 = self._must_stand(header, data)
    name: bytes32 = keccak256(abi_encode(header_hash, data, chunk, msg.sender))
    before: bytes32 = self.walks[name]
    hash: bytes32 = keccak256(abi_encode(walk))
    assert hash == before or before == empty(bytes32) and hash == keccak256(abi_encode(empty(Walk))), "WALK"
    assert staticcall PAYLOADS.hash_of(header_hash, data, start, len(content)) == keccak256(content), "SHOWN"
    assert walk.at >= start and walk.at <= start + len(content), "MORE"
    # The content is read where it stands in the call's data.
    place: Place = empty(Place)
    place.base = 36 + convert(slice(msg.data, CONTENT_AT, 32), uint256)
    place.start = start
    place.end = start + len(content)
    place.payload_bytes = headers.payload_bytes(header)
    now: Walk = walk
    is_right: bool = True
    now, is_right = self._entries(walk, chunk, place, most)
    if is_right and now.done == now.count:
        is_right = self._end(header_hash, data, chunk, now, place)
        if is_right and (now.count != headers.chunks(header) or now.steps != headers.steps(header)):
            extcall DECODING.convict(header, data, WRONG_COUNTS, msg.sender)
            return empty(Walk)
        if is_right and now.fill_chunks != 0 and headers.tables_hash(header) == NO_TABLES:
            is_right = False
    if not is_right:
        extcall DECODING.convict(header, data, WRONG_DIRECTORY, msg.sender)
        return empty(Walk)
    self.walks[name] = keccak256(abi_encode(now))
    log Walked(header_hash=header_hash, chunk=chunk, entries=now.done)
    return now


@internal
@view
def _varint(place: Place, start: uint256) -> (uint256, uint256, bool):
    """
    @notice A number, the byte behind it, and whether it is one. Reverts if it goes on behind the content.
    """
    value: uint256 = 0
    at: uint256 = start
    for k: uint256 in range(10):
        if at >= place.end:
            assert place.end >= place.payload_bytes, "MORE"
            break
        byte: uint256 = convert(slice(msg.data, place.base + (at - place.start), 1), uint256)
        at = unsafe_add(at, 1)
        value |= (byte & 127) << (7 * k)
        if byte < 128:
            return value, at, byte != 0 or k == 0
    return 0, at, False


@internal
@view
def _entries(walk: Walk, chunk: uint256, place: Place, most: uint256) -> (Walk, bool):
    """
    @notice Read the next entries, and what stands before the first; whether they are right.
    """
    now: Walk = walk
    is_right: bool = True
    if now.at == 0:
        now.count, now.at, is_right = self._varint(place, 0)
        if not is_right:
            return now, False
        now.usual, now.at, is_right = self._varint(place, now.at)
        if not is_right or now.count > min(place.payload_bytes, MOST_CHUNKS) or now.usual > CHUNK_BYTES:
            return now, False
    for k: uint256 in range(most, bound=PIECE):
        if now.done == now.count:
            break
        now, is_right = self._entry(now, chunk, place)
        if not is_right:
            return now, False
    return now, True


@internal
@pure
def _unzigzag(coded: uint256) -> int256:
    half: int256 = convert(coded >> 1, int256)
    return half if coded & 1 == 0 else -half - 1


@internal
@view
def _entry(walk: Walk, chunk: uint256, place: Place) -> (Walk, bool):
    """
    @notice Read one entry; whether it is right.
    """
    now: Walk = walk
    head: uint256 = 0
    steps: uint256 = MOST_STEPS
    change: int256 = 0
    is_right: bool = True
    head, now.at, is_right = self._varint(place, now.at)
    if not is_right:
        return now, False
    kind: uint256 = head & 1
    if head & 2 != 0:
        steps, now.at, is_right = self._varint(place, now.at)
        if is_right and kind == 0:
            coded: uint256 = 0
            coded, now.at, is_right = self._varint(place, now.at)
            change = self._unzigzag(coded)
        if not is_right or steps == MOST_STEPS and change == 0:
            return now, False
    length: int256 = convert(now.usual, int256) + self._unzigzag(head >> 2)
    first: int256 = 0
    if kind == 0:
        first = convert(now.expected, int256) + change
    if steps == 0 or steps > MOST_STEPS or length < 0 or length > convert(CHUNK_BYTES, int256):
        return now, False
    if first < 0 or first >= convert(TRADE_ID_END - steps, int256):
        return now, False
    if kind == 0:
        now.expected = convert(first, uint256) + steps
        now.fill_chunks += 1
    size: uint256 = convert(length, uint256)
    if now.done == chunk:
        now.entry = Entry(
            kind=kind, steps=steps, first_trade_id=convert(first, uint256), start=now.total, length=size
        )
    now.total += size
    now.steps += steps
    now.done += 1
    if size < now.usual:
        now.below += 1
    elif size == now.usual:
        now.equal += 1
    return now, True


@internal
def _end(header_hash: bytes32, data: bytes32, chunk: uint256, walk: Walk, place: Place) -> bool:
    """
    @notice Read the tables' length and compare the whole; keep where the chunk and the tables stand.
    """
    length: uint256 = 0
    at: uint256 = 0
    is_right: bool = True
    length, at, is_right = self._varint(place, walk.at)
    if not is_right or length > TABLES_BYTES or at + length + walk.total != place.payload_bytes:
        return False
    if length != 0 and walk.fill_chunks == 0:
        return False
    if walk.count == 0:
        if walk.usual != 0:
            return False
    else:
        middle: uint256 = (walk.count - 1) // 2  # how many stand before the lower median
        if walk.below > middle or walk.below + walk.equal <= middle:
            return False
    self.tables[keccak256(abi_encode(header_hash, data))] = (at << 128) | length
    if chunk < walk.count:
        entry: Entry = walk.entry
        entry.start += at + length
        self.located[keccak256(abi_encode(header_hash, data, chunk))] = keccak256(abi_encode(entry))
        log Located(header_hash=header_hash, chunk=chunk)
    return True
