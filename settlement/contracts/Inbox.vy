# pragma version 0.4.3
"""
@title Inbox
@notice The chain of batches: one header follows the other, each is final when its window has passed unchallenged.
    The operator posts and stands with a bond; contracts enlisted at the start void batches proven wrong.
@dev There is no owner and no upgrade: what is fixed in the constructor and by the one call of `enlist` stays.
"""
import headers
import layers

interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def transferFrom(sender: address, receiver: address, amount: uint256) -> bool: nonpayable

interface Bridge:
    def check_through(deposits_through: uint256, forced_through: uint256) -> bool: view

event Posted:
    batch: indexed(uint256)
    header_hash: bytes32
    new_root: bytes32
    data: bytes32
    final_at: uint256

event Finalised:
    batch: uint256

event Extended:
    batch: indexed(uint256)
    final_at: uint256

event Voided:
    batch: indexed(uint256)
    challenger: indexed(address)

event Slashed:
    challenger: indexed(address)
    reward: uint256
    kept: uint256

event Bonded:
    amount: uint256

event Unbonded:
    amount: uint256

event Frozen:
    batch: uint256

PAYLOAD: constant(uint256) = 131072
CLOCK_MS: constant(uint256) = 900_000
MOST_FINALISED: constant(uint256) = 256

TOKEN: public(immutable(Token))
BRIDGE: public(immutable(Bridge))
OPERATOR: public(immutable(address))
SEQUENCER: public(immutable(address))
BOND_LEAST: public(immutable(uint256))
CHALLENGE_S: public(immutable(uint256))
RESPONSE_S: public(immutable(uint256))
GENESIS_ROOT: public(immutable(bytes32))
DEPLOYER: immutable(address)

bond: public(uint256)
head_root: public(bytes32)
packed: uint256  # head u64, final u64, closed_ms u64, frozen u64
commitments: public(HashMap[uint256, bytes32])
times: HashMap[uint256, uint256]  # posted_at u64, final_at u64
next_seq: public(HashMap[uint256, uint256])
last_final_at: public(uint256)
is_enlisted: public(HashMap[address, bool])
escape: public(address)
is_sealed: public(bool)


@deploy
def __init__(
    token: address,
    bridge: address,
    operator: address,
    sequencer: address,
    genesis_root: bytes32,
    bond_least: uint256,
    challenge_s: uint256,
    response_s: uint256,
):
    """
    @param token The bond's token, bridge who knows what was deposited and forced.
    @param operator Who posts; sequencer whose key signs heads.
    @param bond_least Without so much in bond nothing is posted.
    @param challenge_s For how long a batch can be challenged; response_s how long a demand waits for its answer.
    """
    TOKEN = Token(token)
    BRIDGE = Bridge(bridge)
    OPERATOR = operator
    SEQUENCER = sequencer
    BOND_LEAST = bond_least
    CHALLENGE_S = challenge_s
    RESPONSE_S = response_s
    GENESIS_ROOT = genesis_root
    DEPLOYER = msg.sender
    self.head_root = genesis_root
    self.last_final_at = block.timestamp


@external
def enlist(judges: DynArray[address, 8], escape: address):
    """
    @notice Once, by the deployer: the contracts that may void batches and slash, and the one that may freeze.
    @custom:errors SEALED: it was done, or the caller is another.
    """
    assert msg.sender == DEPLOYER and not self.is_sealed, "SEALED"
    self.is_sealed = True
    self.escape = escape
    for judge: address in judges:
        self.is_enlisted[judge] = True


# --- looking ------------------------------------------------------------------------------------------------


@external
@view
def head() -> uint256:
    """
    @notice The newest batch; 0 before the first.
    """
    return self.packed >> 192


@external
@view
def final_head() -> uint256:
    """
    @notice The newest batch called final. Who asks after a window has passed calls `finalise` first.
    """
    return (self.packed >> 128) & headers.LOW_64


@external
@view
def is_frozen() -> bool:
    return self.packed & headers.LOW_64 != 0


@external
@view
def times_of(batch: uint256) -> (uint256, uint256):
    """
    @notice When a batch was posted, and when it is final if nothing happens, in seconds.
    """
    return self.times[batch] >> 64, self.times[batch] & headers.LOW_64


@external
@view
def is_posted(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool:
    """
    @notice Whether this batch stands, final or not.
    """
    return self._is(batch, header_hash, data, new_root) and batch <= self.packed >> 192


@external
@view
def is_final(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool:
    """
    @notice Whether this batch stands and is final.
    """
    is_it: bool = self._is(batch, header_hash, data, new_root)
    return is_it and batch <= (self.packed >> 128) & headers.LOW_64


@internal
@view
def _is(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool:
    return self.commitments[batch] == keccak256(abi_encode(header_hash, data, new_root))


# --- the operator -------------------------------------------------------------------------------------------


@external
def add_bond(amount: uint256):
    """
    @notice Anyone adds to the operator's bond.
    @custom:errors TOKEN: the token was not moved.
    """
    self.bond += amount
    assert extcall TOKEN.transferFrom(msg.sender, self, amount), "TOKEN"
    log Bonded(amount=amount)


@external
def take_bond(amount: uint256):
    """
    @notice The operator takes bond back, while everything posted is final.
    @custom:errors OPERATOR: another asks; OPEN: a batch is not final; BOND: there is less.
    """
    assert msg.sender == OPERATOR, "OPERATOR"
    assert self.packed >> 192 == (self.packed >> 128) & headers.LOW_64, "OPEN"
    assert amount <= self.bond, "BOND"
    self.bond -= amount
    assert extcall TOKEN.transfer(msg.sender, amount), "TOKEN"
    log Unbonded(amount=amount)


@external
def post(header: Bytes[headers.HEADER], payload: Bytes[PAYLOAD]):
    """
    @notice Post the next batch. The payload stands here (calldata), in the transaction's blobs, or outside.
    @param header Without verifier version and proof.
    @param payload Empty unless the layer is calldata.
    @dev Nothing is kept in memory behind the payload: it has room for the largest, and memory costs up to where
        it is touched.
    @custom:errors OPERATOR: another posts; SEALED: before `enlist`; FROZEN: the escape is open; BOND: too small;
        HEADER: not one of this version; BATCH: not the next; ROOT: it does not follow the head's; CLOSED: time
        runs back or ahead; RANGE: sequence ranges leave a gap; DATA: the payload is not the header's; BLOBS: the
        blobs are not, or not as many as the payload takes; SIZE: more bytes than a payload has, or, kept outside, than
        can be shown; EMPTY: no chunks and yet a change; DEPOSITS, FORCED: what the bridge says is skipped or made up.
    """
    self._post(header, len(payload), keccak256(payload))


@internal
def _post(header: Bytes[headers.HEADER], payload_bytes: uint256, payload_hash: bytes32):
    """
    @notice Post the next batch, whose data in this call's payload is so long and has this hash.
    """
    assert msg.sender == OPERATOR, "OPERATOR"
    assert self.is_sealed, "SEALED"
    assert self.bond >= BOND_LEAST, "BOND"
    first: uint256 = headers.word(header, 0)
    assert first >> 208 == headers.MAGIC, "HEADER"
    packed: uint256 = self.packed
    assert packed & headers.LOW_64 == 0, "FROZEN"
    batch: uint256 = (first >> 128) & headers.LOW_64
    closed_ms: uint256 = (first >> 64) & headers.LOW_64
    assert batch == (packed >> 192) + 1, "BATCH"
    assert closed_ms >= (packed >> 64) & headers.LOW_64, "CLOSED"
    assert closed_ms <= block.timestamp * 1000 + CLOCK_MS, "CLOSED"
    assert headers.previous_root(header) == self.head_root, "ROOT"
    root: bytes32 = headers.new_root(header)
    counts: uint256 = headers.word(header, 216)
    if (counts >> 192) & headers.LOW_32 == 0:
        assert root == self.head_root, "EMPTY"
        assert headers.chunk_root(header) == empty(bytes32), "EMPTY"
        assert headers.trace_root(header) == empty(bytes32), "EMPTY"
    data: bytes32 = layers.kept_of(counts, headers.data_hash(header), payload_bytes, payload_hash)
    self._take_ranges(header, (counts >> 96) & (2 ** 16 - 1))
    deposits_through: uint256 = (counts >> 32) & headers.LOW_64
    forced_through: uint256 = headers.word(header, 220) & headers.LOW_64
    assert staticcall BRIDGE.check_through(deposits_through, forced_through)

    header_hash: bytes32 = keccak256(header)
    final_at: uint256 = block.timestamp + CHALLENGE_S
    self.commitments[batch] = keccak256(abi_encode(header_hash, data, root))
    self.times[batch] = (block.timestamp << 64) | final_at
    self.head_root = root
    self.packed = (batch << 192) | (packed & (headers.LOW_64 << 128)) | (closed_ms << 64)
    log Posted(batch=batch, header_hash=header_hash, new_root=root, data=data, final_at=final_at)


@internal
def _take_ranges(header: Bytes[headers.HEADER], shards: uint256):
    """
    @notice Every shard's range begins behind its last one, each shard once, its numbers with the shard in their top byte.
        A first range is taken as it comes.
    """
    assert shards <= headers.MOST_SHARDS, "HEADER"
    assert len(header) == headers.FIXED + shards * headers.SHARD, "HEADER"
    for k: uint256 in range(shards, bound=headers.MOST_SHARDS):
        range_of: uint256 = headers.word(header, headers.FIXED + k * headers.SHARD)
        shard: uint256 = range_of >> 192
        first_seq: uint256 = (range_of >> 128) & headers.LOW_64
        last_seq: uint256 = (range_of >> 64) & headers.LOW_64
        assert first_seq >> 56 == shard and last_seq >> 56 == shard, "RANGE"
        wanted: uint256 = self.next_seq[shard]
        for i: uint256 in range(k, bound=headers.MOST_SHARDS):
            assert headers.word(header, headers.FIXED + i * headers.SHARD) >> 192 != shard, "RANGE"
        assert (wanted == 0 or first_seq == wanted) and last_seq >= first_seq, "RANGE"
        self.next_seq[shard] = last_seq + 1


# --- time ---------------------------------------------------------------------------------------------------


@external
def finalise() -> uint256:
    """
    @notice Call final, in order, every batch whose window has passed. Anyone may, at any time.
    @return The newest final batch.
    """
    packed: uint256 = self.packed
    head: uint256 = packed >> 192
    final: uint256 = (packed >> 128) & headers.LOW_64
    before: uint256 = final
    final_at: uint256 = 0
    for k: uint256 in range(MOST_FINALISED):
        if final >= head or self.times[final + 1] & headers.LOW_64 > block.timestamp:
            break
        final += 1
        final_at = self.times[final] & headers.LOW_64
    if final != before:
        self.packed = (packed & ~(headers.LOW_64 << 128)) | (final << 128)
        self.last_final_at = final_at
        log Finalised(batch=final)
    return final


@external
def extend(batch: uint256, until: uint256):
    """
    @notice A judge keeps a batch open, so that what was begun in time can be ended.
    @custom:errors JUDGE: another asks; FINAL: the batch is final already.
    """
    assert self.is_enlisted[msg.sender], "JUDGE"
    assert batch > (self.packed >> 128) & headers.LOW_64 and batch <= self.packed >> 192, "FINAL"
    times: uint256 = self.times[batch]
    if until > times & headers.LOW_64:
        self.times[batch] = (times & ~headers.LOW_64) | until
        log Extended(batch=batch, final_at=until)


# --- judgements ---------------------------------------------------------------------------------------------


@external
def void(header: Bytes[headers.HEADER], data: bytes32, challenger: address):
    """
    @notice A judge has found a batch wrong: it and all behind it are void, the bond is lost.
    @custom:errors JUDGE: another asks; BATCH: no such batch stands; FINAL: it is final.
    """
    assert self.is_enlisted[msg.sender], "JUDGE"
    batch: uint256 = headers.batch_id(header)
    packed: uint256 = self.packed
    assert batch <= packed >> 192, "BATCH"
    assert batch > (packed >> 128) & headers.LOW_64, "FINAL"
    assert self._is(batch, keccak256(header), data, headers.new_root(header)), "BATCH"
    self.packed = (packed & (2 ** 192 - 1)) | ((batch - 1) << 192)
    self.head_root = headers.previous_root(header)
    for k: uint256 in range(headers.MOST_SHARDS):
        at: uint256 = headers.FIXED + k * headers.SHARD
        if at >= len(header):
            break
        range_of: uint256 = headers.word(header, at)
        self.next_seq[range_of >> 192] = (range_of >> 128) & headers.LOW_64
    log Voided(batch=batch, challenger=challenger)
    self._slash(challenger)


@external
def slash(challenger: address):
    """
    @notice A judge has found the sequencer's signatures in contradiction: the bond is lost, batches stand.
    @custom:errors JUDGE: another asks; BOND: there is nothing to lose.
    """
    assert self.is_enlisted[msg.sender], "JUDGE"
    assert self.bond != 0, "BOND"
    self._slash(challenger)


@internal
def _slash(challenger: address):
    """
    @notice Half of the bond to who proved it, the other half to the users' funds in the bridge.
    """
    bond: uint256 = self.bond
    if bond == 0:
        return
    self.bond = 0
    reward: uint256 = bond // 2
    assert extcall TOKEN.transfer(challenger, reward), "TOKEN"
    assert extcall TOKEN.transfer(BRIDGE.address, bond - reward), "TOKEN"
    log Slashed(challenger=challenger, reward=reward, kept=bond - reward)


@external
def freeze() -> uint256:
    """
    @notice The escape is open: nothing is posted any more. Returns the last final batch.
    @custom:errors JUDGE: another asks; DUE: more batches are to be called final first.
    """
    assert msg.sender == self.escape, "JUDGE"
    packed: uint256 = self.packed
    final: uint256 = (packed >> 128) & headers.LOW_64
    is_more: bool = final < packed >> 192 and self.times[final + 1] & headers.LOW_64 <= block.timestamp
    assert not is_more, "DUE"
    self.packed = packed | 1
    log Frozen(batch=final)
    return final
