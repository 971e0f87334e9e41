# pragma version 0.4.3
"""
@title Demands
@notice Makes the operator show what a header commits to. A root that nobody can open, or data kept outside and
    withheld, can not be disputed; who demands it is answered within the response window, or the batch is void.
@dev A demand costs a stake, which goes to the operator with the answer and back without one.
"""
import chunks
import headers
import trees

interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def transferFrom(sender: address, receiver: address, amount: uint256) -> bool: nonpayable

interface Inbox:
    def is_posted(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool: view
    def void(header: Bytes[headers.HEADER], data: bytes32, challenger: address): nonpayable
    def extend(batch: uint256, until: uint256): nonpayable
    def times_of(batch: uint256) -> (uint256, uint256): view
    def CHALLENGE_S() -> uint256: view
    def RESPONSE_S() -> uint256: view
    def OPERATOR() -> address: view

event Demanded:
    demand: indexed(uint256)
    batch: indexed(uint256)
    what: uint256
    until: uint256

event Answered:
    demand: indexed(uint256)

event Expired:
    demand: indexed(uint256)

struct Demand:
    header_hash: bytes32
    data: bytes32
    what: uint256  # a chunk's index, or DATA
    challenger: address
    until: uint256

DATA: public(constant(uint256)) = 2 ** 32
PAYLOAD: constant(uint256) = 131072
LAYER_EXTERNAL: constant(uint256) = 2
NETTED: constant(uint256) = 16

TOKEN: immutable(Token)
INBOX: immutable(Inbox)
STAKE: public(immutable(uint256))
DISPUTE_S: public(immutable(uint256))

demand_count: public(uint256)
demands: public(HashMap[uint256, Demand])


@deploy
def __init__(token: address, inbox: address, stake: uint256, dispute_s: uint256):
    """
    @param stake What a demand costs, dispute_s for how long a batch stays open behind an answer.
    """
    TOKEN = Token(token)
    INBOX = Inbox(inbox)
    STAKE = stake
    DISPUTE_S = dispute_s


@external
def demand(header: Bytes[headers.HEADER], data: bytes32, what: uint256) -> uint256:
    """
    @notice Demand that a chunk be opened, or (DATA) that data kept outside be published here.
    @return The demand's number.
    @custom:errors BATCH: it does not stand; LATE: its window has passed; WHAT: there is no such chunk, or the data is
        on the chain; TOKEN: the stake was not moved.
    """
    batch: uint256 = headers.batch_id(header)
    header_hash: bytes32 = keccak256(header)
    assert staticcall INBOX.is_posted(batch, header_hash, data, headers.new_root(header)), "BATCH"
    posted_at: uint256 = 0
    final_at: uint256 = 0
    posted_at, final_at = staticcall INBOX.times_of(batch)
    assert block.timestamp <= posted_at + staticcall INBOX.CHALLENGE_S(), "LATE"
    layer: uint256 = (headers.word(header, 216) >> 120) & 255
    if what == DATA:
        assert layer & 15 == LAYER_EXTERNAL or layer & NETTED != 0, "WHAT"
    else:
        assert what < headers.chunks(header), "WHAT"
    until: uint256 = block.timestamp + staticcall INBOX.RESPONSE_S()
    number: uint256 = self.demand_count + 1
    self.demand_count = number
    self.demands[number] = Demand(
        header_hash=header_hash, data=data, what=what, challenger=msg.sender, until=until
    )
    extcall INBOX.extend(batch, until + DISPUTE_S)
    assert extcall TOKEN.transferFrom(msg.sender, self, STAKE), "TOKEN"
    log Demanded(demand=number, batch=batch, what=what, until=until)
    return number


@internal
def _answered(number: uint256):
    """
    @notice The stake is the operator's.
    """
    self.demands[number] = empty(Demand)
    assert extcall TOKEN.transfer(staticcall INBOX.OPERATOR(), STAKE), "TOKEN"
    log Answered(demand=number)


@external
def answer_chunk(
    number: uint256,
    header: Bytes[headers.HEADER],
    chunk: chunks.Chunk,
    hashes: DynArray[bytes32, chunks.MOST_STEPS],
):
    """
    @notice Open a chunk: the states around it and its steps' hashes. Anyone may.
    @custom:errors DEMAND: no such demand, or of something else; CHUNK, TRACE: not what the header commits to; STEPS:
        not the chunk's.
    """
    asked: Demand = self.demands[number]
    assert asked.until != 0 and asked.what == chunk.index, "DEMAND"
    assert keccak256(header) == asked.header_hash, "DEMAND"
    chunks.must_be_in(header, chunk)
    assert len(hashes) == chunk.count and chunks.root_of(hashes) == chunk.steps_root, "STEPS"
    self._answered(number)


@external
def answer_data(number: uint256, header: Bytes[headers.HEADER], payload: Bytes[PAYLOAD]):
    """
    @notice Publish the data of a batch. Anyone may.
    @custom:errors DEMAND: no such demand, or of something else; DATA: not the header's.
    """
    self._answer_data(number, header, keccak256(payload))


@internal
def _answer_data(number: uint256, header: Bytes[headers.HEADER], payload_hash: bytes32):
    asked: Demand = self.demands[number]
    assert asked.until != 0 and asked.what == DATA, "DEMAND"
    assert keccak256(header) == asked.header_hash, "DEMAND"
    assert payload_hash == headers.data_hash(header), "DATA"
    self._answered(number)


@external
def expire(number: uint256, header: Bytes[headers.HEADER]):
    """
    @notice Nobody answered in time: the batch is void, the stake goes back.
    @custom:errors DEMAND: no such demand; SOON: it can still be answered.
    """
    asked: Demand = self.demands[number]
    assert asked.until != 0 and keccak256(header) == asked.header_hash, "DEMAND"
    assert block.timestamp > asked.until, "SOON"
    self.demands[number] = empty(Demand)
    assert extcall TOKEN.transfer(asked.challenger, STAKE), "TOKEN"
    log Expired(demand=number)
    if staticcall INBOX.is_posted(
        headers.batch_id(header), asked.header_hash, asked.data, headers.new_root(header)
    ):
        extcall INBOX.void(header, asked.data, asked.challenger)
