# pragma version 0.4.3
"""
@title Evidence
@notice The sequencer's key signs one head for a sequence number. Who shows two, or one that a posted batch
    contradicts, is paid out of the bond. Batches stand: what was said is punished, not what was done. What is shown is
    announced first, so that nobody copies it.
@dev EIP-712: domain Strikebook, version 1, this chain, the inbox; docs/receipts.md.
"""
import announcements
import headers
import trees

initializes: announcements

exports: (announcements.announce, announcements.made_at)

interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def transferFrom(sender: address, receiver: address, amount: uint256) -> bool: nonpayable

interface Inbox:
    def is_posted(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool: view
    def slash(challenger: address): nonpayable
    def extend(batch: uint256, until: uint256): nonpayable
    def times_of(batch: uint256) -> (uint256, uint256): view
    def CHALLENGE_S() -> uint256: view
    def RESPONSE_S() -> uint256: view
    def OPERATOR() -> address: view
    def SEQUENCER() -> address: view

event Equivocated:
    last_seq: indexed(uint256)
    challenger: indexed(address)

event Asked:
    question: indexed(uint256)
    last_seq: indexed(uint256)
    until: uint256

event Answered:
    question: indexed(uint256)

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

# What the operator is asked: the leaf of a signed head in a heads root.
struct Question:
    root: bytes32
    last_seq: uint256
    head: bytes32
    asker: address
    until: uint256

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
TOKEN: immutable(Token)
STAKE: public(immutable(uint256))
is_used: public(HashMap[uint256, bool])  # sequence numbers punished
question_count: public(uint256)
questions: public(HashMap[uint256, Question])


@deploy
def __init__(inbox: address, token: address, stake: uint256):
    """
    @param inbox The chain of batches; a question costs the stake in the token.
    """
    INBOX = Inbox(inbox)
    TOKEN = Token(token)
    STAKE = stake


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
def _punish(last_seq: uint256, challenger: address):
    assert not self.is_used[last_seq], "USED"
    self.is_used[last_seq] = True
    log Equivocated(last_seq=last_seq, challenger=challenger)
    extcall INBOX.slash(challenger)


@external
def two_heads(salt: bytes32, one: SignedHead, other: SignedHead):
    """
    @notice Two signatures over one sequence number that differ in what they are over.
    @param salt Of the announcement, here and below.
    @custom:errors ANNOUNCED: it was not, in an earlier block; SAME: they do not contradict each other; SIGNATURE: not the sequencer's; USED: punished already.
    """
    announcements.must_be_made(salt, keccak256(abi_encode(one, other)))
    assert one.shard == other.shard and one.last_seq == other.last_seq, "SAME"
    assert one.head != other.head or one.root != other.root, "SAME"
    self._must_be_signed(one)
    self._must_be_signed(other)
    self._punish(one.last_seq, msg.sender)


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


@internal
@view
def _heads_of(
    signed: SignedHead, header: Bytes[headers.HEADER], data: bytes32, range_index: uint256
) -> (bytes32, uint256, uint256):
    """
    @notice The heads root of a posted batch's range, and its first and last number. Reverts unless it is of the shard of
        a head the sequencer's key signed.
    """
    self._must_be_signed(signed)
    self._must_be_posted(header, data)
    at: uint256 = headers.FIXED + range_index * headers.SHARD
    assert range_index < headers.MOST_SHARDS and at + headers.SHARD <= len(header), "RANGE"
    word: uint256 = headers.word(header, at)
    assert word >> 192 == signed.shard, "RANGE"
    return extract32(header, at + 56), (word >> 128) & headers.LOW_64, (word >> 64) & headers.LOW_64


@external
def head_and_batch(
    salt: bytes32,
    signed: SignedHead,
    header: Bytes[headers.HEADER],
    data: bytes32,
    range_index: uint256,
    leaf: Leaf,
):
    """
    @notice A signed head, and a posted batch that has another head for its number.
    @param range_index Which of the header's ranges is of the shard.
    @custom:errors ANNOUNCED; BATCH; RANGE: no such range; LEAF: not in the header's heads; SAME: it is the head signed;
        SIGNATURE, USED as in `two_heads`.
    """
    announcements.must_be_made(salt, keccak256(abi_encode(signed, header, data, range_index, leaf)))
    root: bytes32 = empty(bytes32)
    first: uint256 = 0
    last: uint256 = 0
    root, first, last = self._heads_of(signed, header, data, range_index)
    self._must_stand(root, leaf)
    assert leaf.last_seq == signed.last_seq and leaf.head != signed.head, "SAME"
    self._punish(signed.last_seq, msg.sender)


@external
def head_between(
    salt: bytes32,
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
    announcements.must_be_made(salt, keccak256(abi_encode(signed, header, data, range_index, leaf, next)))
    root: bytes32 = empty(bytes32)
    first: uint256 = 0
    last: uint256 = 0
    root, first, last = self._heads_of(signed, header, data, range_index)
    self._must_stand(root, leaf)
    self._must_stand(root, next)
    assert next.index == leaf.index + 1 and len(next.siblings) == len(leaf.siblings), "LEAF"
    assert leaf.last_seq < signed.last_seq and signed.last_seq < next.last_seq, "LEAF"
    self._punish(signed.last_seq, msg.sender)


@external
def head_outside(
    salt: bytes32,
    signed: SignedHead,
    header: Bytes[headers.HEADER],
    data: bytes32,
    range_index: uint256,
    leaf: Leaf,
    behind: DynArray[bytes32, 32],
):
    """
    @notice A signed head of the range, and a posted batch whose heads begin behind it or end before it, or that has none.
    @param leaf The first leaf or the last one; of no matter where the heads root is zero.
    @param behind Where the last leaf is not the tree's last place: the path of the zero word in the place behind it.
    @custom:errors as `head_and_batch`; LEAF: not the first or last leaf, or the number is not outside.
    """
    announcements.must_be_made(salt, keccak256(abi_encode(signed, header, data, range_index, leaf, behind)))
    root: bytes32 = empty(bytes32)
    first: uint256 = 0
    last: uint256 = 0
    root, first, last = self._heads_of(signed, header, data, range_index)
    assert signed.last_seq >= first and signed.last_seq <= last, "RANGE"
    if root != empty(bytes32):
        self._must_stand(root, leaf)
        if signed.last_seq > leaf.last_seq:
            next: uint256 = leaf.index + 1
            if next >> len(leaf.siblings) == 0:
                assert len(behind) == len(leaf.siblings), "LEAF"
                assert trees.binary_root(next, empty(bytes32), behind) == root, "LEAF"
        else:
            assert signed.last_seq < leaf.last_seq and leaf.index == 0, "LEAF"
    self._punish(signed.last_seq, msg.sender)


# --- who has no leaves ----------------------------------------------------------------------------------------


@external
def ask(signed: SignedHead, header: Bytes[headers.HEADER], data: bytes32, range_index: uint256) -> uint256:
    """
    @notice Ask the operator for the leaf of a signed head in a posted batch whose range has its number: the leaves are not
        on the L1, so whoever holds nothing but the receipt can show no other. It costs the stake.
    @return The question's number.
    @custom:errors BATCH, RANGE, SIGNATURE as in `head_and_batch`; USED: punished already; LATE: the batch's window has
        passed; TOKEN: the stake was not moved.
    """
    root: bytes32 = empty(bytes32)
    first: uint256 = 0
    last: uint256 = 0
    root, first, last = self._heads_of(signed, header, data, range_index)
    assert signed.last_seq >= first and signed.last_seq <= last, "RANGE"
    assert not self.is_used[signed.last_seq], "USED"
    batch: uint256 = headers.batch_id(header)
    posted_at: uint256 = 0
    final_at: uint256 = 0
    posted_at, final_at = staticcall INBOX.times_of(batch)
    assert block.timestamp <= posted_at + staticcall INBOX.CHALLENGE_S(), "LATE"
    response_s: uint256 = staticcall INBOX.RESPONSE_S()
    until: uint256 = block.timestamp + response_s
    number: uint256 = self.question_count + 1
    self.question_count = number
    self.questions[number] = Question(
        root=root, last_seq=signed.last_seq, head=signed.head, asker=msg.sender, until=until
    )
    extcall INBOX.extend(batch, until + response_s)  # so that the bond stays
    assert extcall TOKEN.transferFrom(msg.sender, self, STAKE), "TOKEN"
    log Asked(question=number, last_seq=signed.last_seq, until=until)
    return number


@external
def show(number: uint256, leaf: Leaf):
    """
    @notice Show the leaf asked for; the stake is the operator's. Anyone may.
    @custom:errors QUESTION: there is none; LEAF: not in the heads, or not of the head that was signed.
    """
    asked: Question = self.questions[number]
    assert asked.until != 0, "QUESTION"
    self._must_stand(asked.root, leaf)
    assert leaf.last_seq == asked.last_seq and leaf.head == asked.head, "LEAF"
    self.questions[number] = empty(Question)
    log Answered(question=number)
    assert extcall TOKEN.transfer(staticcall INBOX.OPERATOR(), STAKE), "TOKEN"


@external
def expire(number: uint256):
    """
    @notice Nobody showed it in time: the bond is lost to who asked, unless the number was punished meanwhile, and the
        stake goes back.
    @custom:errors QUESTION: there is none; SOON: it can still be shown; BOND: there is nothing to lose; TOKEN: not moved.
    """
    asked: Question = self.questions[number]
    assert asked.until != 0, "QUESTION"
    assert block.timestamp > asked.until, "SOON"
    self.questions[number] = empty(Question)
    assert extcall TOKEN.transfer(asked.asker, STAKE), "TOKEN"
    if not self.is_used[asked.last_seq]:
        self._punish(asked.last_seq, asked.asker)
