# pragma version 0.4.3
"""
@title Evidence
@notice The sequencer's key signs one head for a sequence number. Who shows two, or one that a posted batch
    contradicts, is paid out of the bond. Batches stand: what was said is punished, not what was done.
@dev EIP-712: domain Strikebook, version 1, this chain, the inbox; docs/receipts.md.
"""
import headers
import trees

interface Inbox:
    def is_posted(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool: view
    def slash(challenger: address): nonpayable
    def SEQUENCER() -> address: view

event Equivocated:
    last_seq: indexed(uint256)
    challenger: indexed(address)

struct SignedHead:
    shard: uint256
    last_seq: uint256
    head: bytes32
    root: bytes32
    v: uint256
    r: bytes32
    s: bytes32

# A leaf of a header's heads root.
struct Leaf:
    index: uint256
    last_seq: uint256
    head: bytes32
    siblings: DynArray[bytes32, 32]

DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME: constant(bytes32) = keccak256("Strikebook")
VERSION: constant(bytes32) = keccak256("1")
HEAD_TYPE: constant(bytes32) = keccak256("SignedHead(uint8 shard,uint64 lastSeq,bytes32 head,bytes32 root)")
HALF_ORDER: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)

INBOX: immutable(Inbox)
is_used: public(HashMap[uint256, bool])  # sequence numbers punished


@deploy
def __init__(inbox: address):
    INBOX = Inbox(inbox)


@internal
@view
def _must_be_signed(signed: SignedHead):
    """
    @notice Reverts unless the sequencer's key signed it.
    """
    assert signed.shard < 256 and signed.last_seq < 2 ** 64, "SIGNATURE"
    assert convert(signed.s, uint256) <= HALF_ORDER, "SIGNATURE"
    domain: bytes32 = keccak256(abi_encode(DOMAIN_TYPE, NAME, VERSION, chain.id, INBOX.address))
    message: bytes32 = keccak256(
        abi_encode(HEAD_TYPE, signed.shard, signed.last_seq, signed.head, signed.root)
    )
    digest: bytes32 = keccak256(concat(0x1901, domain, message))
    signer: address = ecrecover(digest, signed.v, signed.r, signed.s)
    assert signer != empty(address) and signer == staticcall INBOX.SEQUENCER(), "SIGNATURE"


@internal
def _punish(last_seq: uint256):
    assert not self.is_used[last_seq], "USED"
    self.is_used[last_seq] = True
    log Equivocated(last_seq=last_seq, challenger=msg.sender)
    extcall INBOX.slash(msg.sender)


@external
def two_heads(one: SignedHead, other: SignedHead):
    """
    @notice Two signatures over one sequence number that differ in what they are over.
    @custom:errors SAME: they do not contradict each other; SIGNATURE: not the sequencer's; USED: punished already.
    """
    assert one.shard == other.shard and one.last_seq == other.last_seq, "SAME"
    assert one.head != other.head or one.root != other.root, "SAME"
    self._must_be_signed(one)
    self._must_be_signed(other)
    self._punish(one.last_seq)


@internal
@view
def _must_be_posted(header: Bytes[headers.HEADER], data: bytes32):
    batch: uint256 = headers.batch_id(header)
    hash: bytes32 = keccak256(header)
    assert staticcall INBOX.is_posted(batch, hash, data, headers.new_root(header)), "BATCH"


@internal
@pure
def _must_stand(root: bytes32, leaf: Leaf):
    """
    @notice Reverts unless the leaf stands in the tree. No count is needed: leaves hash 40 bytes, nodes 64.
    """
    assert leaf.last_seq < 2 ** 64 and leaf.index >> len(leaf.siblings) == 0, "LEAF"
    hash: bytes32 = keccak256(concat(convert(convert(leaf.last_seq, uint64), bytes8), leaf.head))
    assert trees.binary_root(leaf.index, hash, leaf.siblings) == root, "LEAF"


@external
def head_and_batch(
    signed: SignedHead, header: Bytes[headers.HEADER], data: bytes32, range_index: uint256, leaf: Leaf
):
    """
    @notice A signed head, and a posted batch that has another head for its number.
    @param range_index Which of the header's ranges is of the shard.
    @custom:errors BATCH; RANGE: no such range; LEAF: not in the header's heads; SAME: it is the head signed;
        SIGNATURE, USED as in `two_heads`.
    """
    self._must_be_signed(signed)
    self._must_be_posted(header, data)
    at: uint256 = headers.FIXED + range_index * headers.SHARD
    assert at + headers.SHARD <= len(header), "RANGE"
    assert headers.word(header, at) >> 192 == signed.shard, "RANGE"
    self._must_stand(extract32(header, at + 56), leaf)
    assert leaf.last_seq == signed.last_seq and leaf.head != signed.head, "SAME"
    self._punish(signed.last_seq)


@external
def head_between(
    signed: SignedHead,
    header: Bytes[headers.HEADER],
    data: bytes32,
    range_index: uint256,
    leaf: Leaf,
    next: Leaf,
):
    """
    @notice A signed head, and a posted batch that has none for its number: two leaves beside each other lie around it.
    @custom:errors as `head_and_batch`; LEAF: the leaves are not neighbours around the number.
    """
    self._must_be_signed(signed)
    self._must_be_posted(header, data)
    at: uint256 = headers.FIXED + range_index * headers.SHARD
    assert at + headers.SHARD <= len(header), "RANGE"
    assert headers.word(header, at) >> 192 == signed.shard, "RANGE"
    root: bytes32 = extract32(header, at + 56)
    self._must_stand(root, leaf)
    self._must_stand(root, next)
    assert next.index == leaf.index + 1 and len(next.siblings) == len(leaf.siblings), "LEAF"
    assert leaf.last_seq < signed.last_seq and signed.last_seq < next.last_seq, "LEAF"
    self._punish(signed.last_seq)
