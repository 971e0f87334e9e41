# pragma version 0.4.3
"""
@title Payloads
@notice Shows bytes of a posted batch's payload: whole where the data is calldata or outside, element by element where
    it is in blobs. A range shown is kept as its hash, for whoever proves something about it.
@dev Element i of a blob holds payload bytes 31 i … 31 i + 30 behind a zero byte and is the polynomial's value at
    ω ^ bitreverse(i), ω the 4,096th root of unity. Nothing shown here can be wrong, so it does not matter who shows it.
"""
import headers

interface Inbox:
    def is_posted(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool: view

interface Decoding:
    def convict(header: Bytes[headers.HEADER], data: bytes32, what: uint256, challenger: address): nonpayable

event Shown:
    header_hash: indexed(bytes32)
    start: uint256
    length: uint256

struct Span:
    start: uint256
    length: uint256

PAYLOAD: constant(uint256) = 131072
JOINED: constant(uint256) = 65536 + 31 * 128
ELEMENTS: constant(uint256) = 4096
MOST_ELEMENTS: constant(uint256) = 128  # in one call
MOST_PIECES: constant(uint256) = 32
ELEMENT_BYTES: constant(uint256) = 31
LAYER_BLOBS: constant(uint256) = 1
MOST_BLOBS: constant(uint256) = 16
ROOT_OF_UNITY: constant(uint256) = 39033254847818212395286706435128746857159659164139250548781411570340225835782
MODULUS: constant(uint256) = 52435875175126190479447740508185965837690552500527637822603658699938581184513
POINT_EVALUATION: constant(address) = 0x000000000000000000000000000000000000000A
WRONG_PADDING: constant(uint256) = 1  # what a conviction is for: see Decoding
WRONG_LENGTH: constant(uint256) = 2

INBOX: immutable(Inbox)
DECODING: immutable(Decoding)

shown: public(HashMap[bytes32, bytes32])  # keccak(header hash, data, start, length): hash of these bytes


@deploy
def __init__(inbox: address, decoding: address):
    """
    @param inbox The chain of batches, decoding the contract that voids what can not be decoded.
    """
    INBOX = Inbox(inbox)
    DECODING = Decoding(decoding)


@internal
@view
def _must_stand(header: Bytes[headers.HEADER], data: bytes32) -> bytes32:
    batch: uint256 = headers.batch_id(header)
    hash: bytes32 = keccak256(header)
    assert staticcall INBOX.is_posted(batch, hash, data, headers.new_root(header)), "BATCH"
    return hash


@internal
def _keep(header_hash: bytes32, data: bytes32, start: uint256, length: uint256, hash: bytes32):
    self.shown[keccak256(abi_encode(header_hash, data, start, length))] = hash
    log Shown(header_hash=header_hash, start=start, length=length)


@external
@view
def hash_of(header_hash: bytes32, data: bytes32, start: uint256, length: uint256) -> bytes32:
    """
    @notice The hash of a range of bytes that was shown; zero if it was not.
    """
    return self.shown[keccak256(abi_encode(header_hash, data, start, length))]


@external
def show_payload(
    header: Bytes[headers.HEADER], data: bytes32, ranges: DynArray[Span, MOST_PIECES], payload: Bytes[PAYLOAD]
):
    """
    @notice Show ranges of a payload that is calldata or outside, out of the whole.
    @dev The payload stands last, so that memory costs up to its end alone.
    @custom:errors BATCH: it does not stand; LAYER: its data is in blobs; DATA: not the header's payload; RANGE: not within it.
    """
    header_hash: bytes32 = self._must_stand(header, data)
    assert headers.layer(header) & 15 != LAYER_BLOBS, "LAYER"
    assert keccak256(payload) == headers.data_hash(header), "DATA"
    if len(payload) != headers.payload_bytes(header):
        extcall DECODING.convict(header, data, WRONG_LENGTH, msg.sender)
        return
    for one: Span in ranges:
        assert one.start <= len(payload) and one.length <= len(payload) - one.start, "RANGE"
        self._keep(header_hash, data, one.start, one.length, keccak256(slice(payload, one.start, one.length)))


@internal
@pure
def _points() -> uint256[12]:
    """
    @notice ω ^ (2 ^ k).
    """
    found: uint256[12] = empty(uint256[12])
    found[0] = ROOT_OF_UNITY
    for k: uint256 in range(1, 12):
        found[k] = uint256_mulmod(found[k - 1], found[k - 1], MODULUS)
    return found


@internal
@pure
def _point(powers: uint256[12], element: uint256) -> uint256:
    """
    @notice Where the polynomial is the element: bit i of it, reversed, is bit 11 − i of the exponent.
    """
    found: uint256 = 1
    for k: uint256 in range(12):
        if (element >> k) & 1 == 1:
            found = uint256_mulmod(found, powers[11 - k], MODULUS)
    return found


@internal
@view
def _must_be_of(data: bytes32, hashes: DynArray[bytes32, MOST_BLOBS], blob: uint256, commitment: Bytes[48]):
    """
    @notice Reverts unless these are the blobs of the batch and the commitment is that of the one named.
    """
    kept: bytes32 = empty(bytes32)
    for hash: bytes32 in hashes:
        kept = keccak256(abi_encode(kept, hash))
    assert len(hashes) != 0 and kept == data and blob < len(hashes), "BLOBS"
    versioned: uint256 = convert(sha256(commitment), uint256) & (2 ** 248 - 1)
    assert convert(hashes[blob], uint256) == versioned | (1 << 248), "BLOBS"


@internal
@view
def _must_open(hash: bytes32, z: uint256, y: uint256, commitment: Bytes[48], proof: Bytes[48]):
    """
    @notice Reverts unless the polynomial of the blob is y at z.
    """
    is_right: bool = False
    answer: Bytes[64] = b""
    is_right, answer = raw_call(
        POINT_EVALUATION,
        concat(hash, convert(z, bytes32), convert(y, bytes32), commitment, proof),
        max_outsize=64,
        is_static_call=True,
        revert_on_failure=False,
    )
    # A chain without the precompile answers nothing and calls it success.
    assert is_right and len(answer) == 64 and convert(extract32(answer, 0), uint256) == ELEMENTS, "PROOF"


@external
def show_elements(
    header: Bytes[headers.HEADER],
    data: bytes32,
    hashes: DynArray[bytes32, MOST_BLOBS],
    first: uint256,
    commitment: Bytes[48],
    content: Bytes[ELEMENT_BYTES * MOST_ELEMENTS],
    proofs: Bytes[48 * MOST_ELEMENTS],
    wanted: Span,
):
    """
    @notice Show neighbouring elements of one blob, and keep a range of their bytes.
    @param hashes Versioned hashes of the batch's blobs, commitment that of the one the elements are of.
    @param first The first element, counted through all blobs; content the bytes from there, 31 an element; proofs
        48 an element.
    @param wanted The range of payload bytes kept, within these elements.
    @custom:errors BATCH, LAYER: as in `show_payload`, the other way; BLOBS: not the batch's; ELEMENT: not of one blob;
        PROOF: not what the blob holds; RANGE: not in these elements, or behind the payload.
    """
    header_hash: bytes32 = self._must_stand(header, data)
    count: uint256 = len(content) // ELEMENT_BYTES
    blob: uint256 = first // ELEMENTS
    assert headers.layer(header) & 15 == LAYER_BLOBS, "LAYER"
    self._must_be_of(data, hashes, blob, commitment)
    assert count != 0 and len(content) == ELEMENT_BYTES * count and len(proofs) == 48 * count, "ELEMENT"
    assert (first + count - 1) // ELEMENTS == blob, "ELEMENT"
    powers: uint256[12] = self._points()
    padded: Bytes[ELEMENT_BYTES * MOST_ELEMENTS + 1] = concat(content, b"\x00")
    for k: uint256 in range(count, bound=MOST_ELEMENTS):
        y: uint256 = convert(extract32(padded, ELEMENT_BYTES * k), uint256) >> 8
        z: uint256 = self._point(powers, (first + k) % ELEMENTS)
        self._must_open(hashes[blob], z, y, commitment, slice(proofs, 48 * k, 48))
    start: uint256 = first * ELEMENT_BYTES
    end: uint256 = min(start + len(content), headers.payload_bytes(header))
    assert wanted.start >= start and wanted.length <= end - start, "RANGE"
    assert wanted.start + wanted.length <= end, "RANGE"
    hash: bytes32 = keccak256(slice(content, wanted.start - start, wanted.length))
    self._keep(header_hash, data, wanted.start, wanted.length, hash)


@external
def join(header_hash: bytes32, data: bytes32, pieces: DynArray[Span, MOST_PIECES], content: Bytes[JOINED], wanted: Span):
    """
    @notice Keep a range of bytes of neighbouring ranges shown.
    @param pieces The ranges shown, one behind the other; content their bytes.
    @custom:errors SHOWN: a piece was not shown, or has other bytes; RANGE: not within them.
    """
    at: uint256 = 0
    start: uint256 = pieces[0].start
    for piece: Span in pieces:
        assert piece.start == start + at, "SHOWN"
        name: bytes32 = keccak256(abi_encode(header_hash, data, piece.start, piece.length))
        assert self.shown[name] == keccak256(slice(content, at, piece.length)), "SHOWN"
        at += piece.length
    assert at == len(content), "SHOWN"
    assert wanted.start >= start and wanted.length <= at and wanted.start - start <= at - wanted.length, "RANGE"
    self._keep(
        header_hash, data, wanted.start, wanted.length, keccak256(slice(content, wanted.start - start, wanted.length))
    )


@external
def prove_padding(
    header: Bytes[headers.HEADER],
    data: bytes32,
    hashes: DynArray[bytes32, MOST_BLOBS],
    element: uint256,
    commitment: Bytes[48],
    y: uint256,
    proof: Bytes[48],
):
    """
    @notice An element of a blob that no payload has: its first byte is not zero, or one behind the payload is not.
    @custom:errors as `show_elements`; RIGHT: nothing is wrong with it.
    """
    self._must_stand(header, data)
    assert headers.layer(header) & 15 == LAYER_BLOBS, "LAYER"
    self._must_be_of(data, hashes, element // ELEMENTS, commitment)
    z: uint256 = self._point(self._points(), element % ELEMENTS)
    self._must_open(hashes[element // ELEMENTS], z, y, commitment, proof)
    start: uint256 = element * ELEMENT_BYTES
    end: uint256 = headers.payload_bytes(header)
    inside: uint256 = min(end - min(start, end), ELEMENT_BYTES)
    assert y >> 248 != 0 or y & ((1 << (8 * (ELEMENT_BYTES - inside))) - 1) != 0, "RIGHT"
    extcall DECODING.convict(header, data, WRONG_PADDING, msg.sender)
