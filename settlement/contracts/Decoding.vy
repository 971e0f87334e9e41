# pragma version 0.4.3
"""
@title Decoding
@notice Voids a batch whose chunk root is not what its posted data decodes to. A chunk is decoded by its decoder, out of
    bytes shown; what the decoder was told of the state is then proven, look-up by look-up, and the chunk's leaf
    compared with the one the header commits to.
@dev begin, then a decoder's decode, then prove in as many calls as it takes, then judge. A batch whose payload as a
    whole is none is convicted by Payloads and Directory, behind a begin about no chunk.
"""
import headers
import trees
import precedence

initializes: trees
initializes: precedence

exports: precedence.first

interface Inbox:
    def is_posted(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool: view
    def void(header: Bytes[headers.HEADER], data: bytes32, challenger: address): nonpayable
    def extend(batch: uint256, until: uint256): nonpayable
    def times_of(batch: uint256) -> (uint256, uint256): view
    def CHALLENGE_S() -> uint256: view

event Begun:
    header_hash: indexed(bytes32)
    chunk: indexed(uint256)
    challenger: indexed(address)

event Decoded:
    header_hash: indexed(bytes32)
    chunk: indexed(uint256)
    leaf: bytes32

event Convicted:
    batch: indexed(uint256)
    challenger: indexed(address)
    what: uint256

# What a chunk decodes to, if the state says what the decoder was told.
struct Result:
    leaf: bytes32  # zero: it can not be decoded
    told: bytes32  # keccak(last, look-up) over what is not proven yet, from the zero word
    entries: bytes32  # the root of the dictionaries' entries before the batch
    instruments: bytes32  # and of the instruments

# One look-up, and what proves it.
struct Proof:
    told: uint256
    words: DynArray[uint256, 9]  # of an instrument's leaf, none if it is not there
    bitmap: uint256
    siblings: DynArray[bytes32, 32]

NO_CHUNK: constant(uint256) = 2 ** 32
WRONG_LEAF: constant(uint256) = 7  # what a batch is convicted for, beside what Payloads and Directory say
WRONG_CHUNK: constant(uint256) = 8  # a chunk can not be decoded
OF_INSTRUMENT: constant(uint256) = 1 << 255
MOST_PROOFS: constant(uint256) = 64
LOW_64: constant(uint256) = 2 ** 64 - 1
LOW_32: constant(uint256) = 2 ** 32 - 1

INBOX: immutable(Inbox)
DISPUTE_S: public(immutable(uint256))
DEPLOYER: immutable(address)

is_sealed: public(bool)
is_decoder: public(HashMap[address, bool])
is_witness: public(HashMap[address, bool])  # those that find a payload to be none
results: public(HashMap[bytes32, bytes32])  # keccak(header hash, data, chunk, first result, prover): what is left


@deploy
def __init__(inbox: address, dispute_s: uint256):
    """
    @param inbox The chain of batches, dispute_s for how long what is begun keeps its batch open.
    """
    trees.__init__()
    precedence.__init__(dispute_s // 4)
    INBOX = Inbox(inbox)
    DISPUTE_S = dispute_s
    DEPLOYER = msg.sender


@external
def enlist(decoders: DynArray[address, 4], witnesses: DynArray[address, 4]):
    """
    @notice Once, by the deployer: the contracts that decode chunks, and those that find a payload to be none.
    @custom:errors SEALED: it was done, or the caller is another.
    """
    assert msg.sender == DEPLOYER and not self.is_sealed, "SEALED"
    self.is_sealed = True
    for decoder: address in decoders:
        self.is_decoder[decoder] = True
    for witness: address in witnesses:
        self.is_witness[witness] = True


@internal
@view
def _must_stand(header: Bytes[headers.HEADER], data: bytes32) -> bytes32:
    hash: bytes32 = keccak256(header)
    assert staticcall INBOX.is_posted(headers.batch_id(header), hash, data, headers.new_root(header)), "BATCH"
    return hash


@external
def begin(header: Bytes[headers.HEADER], data: bytes32, chunk: uint256):
    """
    @notice Begin to prove that a chunk (2³²: the payload as a whole) is not what is committed to. Who is the first may
        alone end it for a quarter of the dispute time.
    @custom:errors BATCH: it does not stand; FINAL: it is final.
    """
    header_hash: bytes32 = self._must_stand(header, data)
    precedence.take(keccak256(abi_encode(header_hash, data, chunk)))
    batch: uint256 = headers.batch_id(header)
    posted_at: uint256 = 0
    final_at: uint256 = 0
    posted_at, final_at = staticcall INBOX.times_of(batch)
    if block.timestamp <= posted_at + staticcall INBOX.CHALLENGE_S():
        extcall INBOX.extend(batch, block.timestamp + DISPUTE_S)
    log Begun(header_hash=header_hash, chunk=chunk, challenger=msg.sender)


@external
def convict(header: Bytes[headers.HEADER], data: bytes32, what: uint256, challenger: address):
    """
    @notice A payload was found to be none.
    @custom:errors WITNESS: another says so; FIRST: another began, and it is still his.
    """
    assert self.is_witness[msg.sender], "WITNESS"
    self._convict(header, data, NO_CHUNK, what, challenger)


@internal
def _convict(header: Bytes[headers.HEADER], data: bytes32, chunk: uint256, what: uint256, challenger: address):
    precedence.must_have(keccak256(abi_encode(keccak256(header), data, chunk)), challenger)
    log Convicted(batch=headers.batch_id(header), challenger=challenger, what=what)
    extcall INBOX.void(header, data, challenger)


@external
def decoded(header_hash: bytes32, data: bytes32, chunk: uint256, result: Result, prover: address):
    """
    @notice A decoder has decoded a chunk for somebody, who alone goes on with it.
    @custom:errors DECODER: another says so.
    """
    assert self.is_decoder[msg.sender], "DECODER"
    hash: bytes32 = keccak256(abi_encode(result))
    self.results[keccak256(abi_encode(header_hash, data, chunk, hash, prover))] = hash
    log Decoded(header_hash=header_hash, chunk=chunk, leaf=result.leaf)


@external
def prove(
    header_hash: bytes32,
    data: bytes32,
    chunk: uint256,
    first: bytes32,
    result: Result,
    before: bytes32,
    proofs: DynArray[Proof, MOST_PROOFS],
) -> Result:
    """
    @notice Prove the last of what the decoder was told of the state.
    @param first The hash of the result as it was decoded, result what is left of it.
    @param before The chain before these look-ups, which stand in their order.
    @return What is left then.
    @custom:errors RESULT: it does not stand there; TOLD: not the look-ups; PROOF: not what the state says.
    """
    name: bytes32 = keccak256(abi_encode(header_hash, data, chunk, first, msg.sender))
    assert self.results[name] == keccak256(abi_encode(result)), "RESULT"
    links: bytes32 = before
    for proof: Proof in proofs:
        links = keccak256(abi_encode(links, proof.told))
        if proof.told & OF_INSTRUMENT == 0:
            self._must_be_entry(result.entries, proof)
        else:
            self._must_be_instrument(result.instruments, proof)
    assert links == result.told, "TOLD"
    left: Result = result
    left.told = before
    self.results[name] = keccak256(abi_encode(left))
    return left


@internal
@view
def _must_be_entry(root: bytes32, proof: Proof):
    """
    @notice Reverts unless the id stands at the place of the dictionaries: place · 2³² + id.
    """
    leaf: bytes32 = convert((proof.told & LOW_32) + 1, bytes32)
    assert trees.sparse_root(proof.told >> 32, leaf, proof.bitmap, proof.siblings) == root, "PROOF"


@internal
@view
def _must_be_instrument(root: bytes32, proof: Proof):
    """
    @notice Reverts unless the instrument has the last price and side: instrument · 2¹²⁸ + price (64 bits) · 2⁶⁴ + side.
    """
    leaf: bytes32 = empty(bytes32)
    anchor: uint256 = 0
    if len(proof.words) != 0:
        assert len(proof.words) == 9, "PROOF"
        words: uint256[9] = empty(uint256[9])
        for k: uint256 in range(9):
            words[k] = proof.words[k]
        leaf = keccak256(abi_encode(words))
        anchor = (((words[0] >> 128) & LOW_64) << 64) | (words[0] & LOW_64)
    assert proof.told & (2 ** 128 - 1) == anchor, "PROOF"
    number: uint256 = (proof.told >> 128) & LOW_32
    assert trees.sparse_root(number, leaf, proof.bitmap, proof.siblings) == root, "PROOF"


@external
def judge(
    header: Bytes[headers.HEADER],
    data: bytes32,
    chunk: uint256,
    first: bytes32,
    result: Result,
    leaf: bytes32,
    siblings: DynArray[bytes32, 32],
):
    """
    @notice Void the batch: the chunk can not be decoded, or its leaf is another than committed.
    @param leaf The leaf the header commits to, siblings its path; of no matter if the chunk can not be decoded.
    @custom:errors BATCH; RESULT: it does not stand there; TOLD: look-ups are not proven; CHUNK: not the leaf committed
        to; RIGHT: they are the same; FIRST: another began, and it is still his.
    """
    header_hash: bytes32 = self._must_stand(header, data)
    name: bytes32 = keccak256(abi_encode(header_hash, data, chunk, first, msg.sender))
    assert self.results[name] == keccak256(abi_encode(result)), "RESULT"
    assert result.told == empty(bytes32), "TOLD"
    if result.leaf == empty(bytes32):
        self._convict(header, data, chunk, WRONG_CHUNK, msg.sender)
        return
    root: bytes32 = headers.chunk_root(header)
    assert trees.is_in_list(root, headers.chunks(header), chunk, leaf, siblings), "CHUNK"
    assert leaf != result.leaf, "RIGHT"
    self._convict(header, data, chunk, WRONG_LEAF, msg.sender)
