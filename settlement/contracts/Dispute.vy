# pragma version 0.4.3
"""
@title Dispute
@notice Proves a batch wrong by executing one of its chunks again. The header commits to the decoded chunks and to the
    state behind each, so neither the steps nor the state before them can be made up, and nobody has to answer.
@dev begin, then steps through the contracts that execute them, then finish; any number of transactions. What runs is
    kept as one hash. Whoever began is paid, and who began first may alone end it for a quarter of the dispute time. What
    is proven in one transaction is announced first. The contracts of steps are fixed by the one call of `enlist`.
"""
import announcements
import chunks
import headers
import machine
import paths
import precedence
import trees

initializes: trees
initializes: paths[trees := trees]
initializes: announcements
initializes: precedence

exports: (announcements.announce, announcements.made_at, precedence.first)

interface Inbox:
    def is_posted(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool: view
    def void(header: Bytes[headers.HEADER], data: bytes32, challenger: address): nonpayable
    def extend(batch: uint256, until: uint256): nonpayable
    def times_of(batch: uint256) -> (uint256, uint256): view
    def CHALLENGE_S() -> uint256: view

event Begun:
    subject: indexed(bytes32)
    batch: indexed(uint256)
    chunk: uint256
    challenger: address

event Advanced:
    subject: indexed(bytes32)
    progress: bytes32

event Refuted:
    subject: indexed(bytes32)

event Proven:
    batch: indexed(uint256)
    challenger: indexed(address)
    what: uint256
    code: uint256

# What a dispute is about; its hash names it.
struct Subject:
    challenger: address
    header_hash: bytes32
    data: bytes32
    chunk: uint256
    kind: uint256
    count: uint256
    steps_root: bytes32
    behind: bytes32

# Of the fee account, for what stands behind a chunk's last step.
struct Closing:
    words: uint256[4]
    bitmap: uint256
    siblings: DynArray[bytes32, 96]

# What was proven.
WRONG_STEP: constant(uint256) = 1  # a step is not allowed
WRONG_STATE: constant(uint256) = 2  # the state behind a chunk is another
WRONG_END: constant(uint256) = 3  # the new root is not the one behind the last chunk
WRONG_THROUGH: constant(uint256) = 4  # deposits_through or forced_through are not those of the new state
WRONG_CHUNK: constant(uint256) = 5  # a chunk of no steps or too many, of no kind, or with a step of another kind

ACCOUNT_FEES: constant(uint256) = 1
FILL_CHUNK: constant(uint256) = 0
LAST_FILL_KIND: constant(uint256) = 1
LAST_KIND: constant(uint256) = 32

INBOX: public(immutable(Inbox))
DISPUTE_S: public(immutable(uint256))
DEPLOYER: immutable(address)

is_executor: public(HashMap[address, bool])
is_sealed: public(bool)
runs: public(HashMap[bytes32, bytes32])


@deploy
def __init__(inbox: address, dispute_s: uint256):
    """
    @param inbox The chain of batches, dispute_s for how long a dispute begun keeps its batch open.
    """
    trees.__init__()
    precedence.__init__(dispute_s // 4)
    INBOX = Inbox(inbox)
    DISPUTE_S = dispute_s
    DEPLOYER = msg.sender


@external
def enlist(executors: DynArray[address, 16]):
    """
    @notice Once, by the deployer: the contracts that execute steps.
    @custom:errors SEALED: it was done, or the caller is another.
    """
    assert msg.sender == DEPLOYER and not self.is_sealed, "SEALED"
    self.is_sealed = True
    for executor: address in executors:
        self.is_executor[executor] = True


@internal
@view
def _must_stand(header: Bytes[headers.HEADER], data: bytes32):
    """
    @notice Reverts unless the batch is posted.
    """
    batch: uint256 = headers.batch_id(header)
    hash: bytes32 = keccak256(header)
    assert staticcall INBOX.is_posted(batch, hash, data, headers.new_root(header)), "BATCH"


@external
def begin(header: Bytes[headers.HEADER], data: bytes32, chunk: chunks.Chunk, state: machine.State) -> bytes32:
    """
    @notice Begin a dispute about a chunk.
    @param header The batch's, data what the inbox keeps of its blobs (zero without).
    @param state The roots the state before the chunk is made of; no fees.
    @return The dispute's name.
    @custom:errors BATCH: it does not stand; CHUNK, TRACE: not what the header commits to; STATE: not the roots of
        the state before; FINAL: the batch is final.
    """
    self._must_stand(header, data)
    chunks.must_be_in(header, chunk)
    assert machine.state_root(state) == chunk.before and state.fees == 0, "STATE"
    subject: Subject = Subject(
        challenger=msg.sender,
        header_hash=keccak256(header),
        data=data,
        chunk=chunk.index,
        kind=chunk.kind,
        count=chunk.count,
        steps_root=chunk.steps_root,
        behind=chunk.behind,
    )
    name: bytes32 = keccak256(abi_encode(subject))
    self.runs[name] = machine.progress_hash(
        machine.Progress(done=0, code=0, chain=empty(bytes32), state=state)
    )
    precedence.take(keccak256(abi_encode(subject.header_hash, data, chunk.index)))
    batch: uint256 = headers.batch_id(header)
    self._keep_open(batch)
    log Begun(subject=name, batch=batch, chunk=chunk.index, challenger=msg.sender)
    return name


@internal
def _keep_open(batch: uint256):
    """
    @notice What is begun within the window has time to end; what is begun later has the time that is left.
    """
    posted_at: uint256 = 0
    final_at: uint256 = 0
    posted_at, final_at = staticcall INBOX.times_of(batch)
    if block.timestamp <= posted_at + staticcall INBOX.CHALLENGE_S():
        extcall INBOX.extend(batch, block.timestamp + DISPUTE_S)


@external
def advance(subject: bytes32, before: bytes32, behind: bytes32):
    """
    @notice A contract of steps executed some.
    @custom:errors EXECUTOR: another calls; PROGRESS: the dispute does not stand there.
    """
    assert self.is_executor[msg.sender], "EXECUTOR"
    assert self.runs[subject] == before, "PROGRESS"
    self.runs[subject] = behind
    log Advanced(subject=subject, progress=behind)


@external
def finish(
    header: Bytes[headers.HEADER],
    subject: Subject,
    progress: machine.Progress,
    hashes: DynArray[bytes32, chunks.MOST_STEPS],
    closing: Closing,
) -> bool:
    """
    @notice End a dispute: a step was not allowed, or all are done and the state behind the chunk is compared.
    @param hashes Of all steps of the chunk, in order.
    @param closing The fee account, where fees are booked behind the last step.
    @return Whether the batch was wrong. It is then void.
    @custom:errors PROGRESS: the dispute does not stand there; STEPS: not those of the chunk, or not those executed;
        UNFINISHED: steps are missing; HEADER: of another batch; WITNESS: not the fee account; FIRST: another began about
        this chunk, and it is still his.
    """
    name: bytes32 = keccak256(abi_encode(subject))
    assert self.runs[name] == machine.progress_hash(progress), "PROGRESS"
    assert keccak256(header) == subject.header_hash, "HEADER"
    assert len(hashes) == subject.count, "STEPS"
    assert chunks.root_of(hashes) == subject.steps_root, "STEPS"
    links: bytes32 = empty(bytes32)
    for k: uint256 in range(progress.done, bound=chunks.MOST_STEPS):
        links = keccak256(abi_encode(links, hashes[k]))
    assert links == progress.chain, "STEPS"
    self.runs[name] = empty(bytes32)
    what: bytes32 = keccak256(abi_encode(subject.header_hash, subject.data, subject.chunk))
    if progress.code != machine.ALLOWED:
        precedence.must_have(what, subject.challenger)
        self._prove(header, subject.data, subject.challenger, WRONG_STEP, progress.code)
        return True
    assert progress.done == subject.count, "UNFINISHED"
    if self._close(progress.state, closing) != subject.behind:
        precedence.must_have(what, subject.challenger)
        self._prove(header, subject.data, subject.challenger, WRONG_STATE, 0)
        return True
    log Refuted(subject=name)
    return False


@internal
@view
def _close(state: machine.State, closing: Closing) -> bytes32:
    """
    @notice The state root when the chunk's fees are booked.
    """
    if state.fees == 0:
        return machine.state_root(state)
    words: uint256[4] = closing.words
    blank: bool = words[0] == 0 and words[1] == 0 and words[2] == 0 and words[3] == 0
    before: bytes32 = empty(bytes32)
    if not blank:
        before = keccak256(abi_encode(words))
    words[1] = machine.unsigned(unsafe_add(machine.signed(words[1]), state.fees))
    behind: bytes32 = empty(bytes32)
    if words[0] != 0 or words[1] != 0 or words[2] != 0 or words[3] != 0:
        behind = keccak256(abi_encode(words))
    after: machine.State = state
    used: uint256 = 0
    after.accounts, used = paths.change_one(
        state.accounts, ACCOUNT_FEES, closing.bitmap, before, behind, closing.siblings, 0
    )
    return machine.state_root(after)


@internal
def _prove(header: Bytes[headers.HEADER], data: bytes32, challenger: address, what: uint256, code: uint256):
    log Proven(batch=headers.batch_id(header), challenger=challenger, what=what, code=code)
    extcall INBOX.void(header, data, challenger)


# --- what needs no execution --------------------------------------------------------------------------------


@external
def prove_end(
    salt: bytes32, header: Bytes[headers.HEADER], data: bytes32, last: bytes32, siblings: DynArray[bytes32, 32]
):
    """
    @notice The new root is not the state root behind the last chunk.
    @param salt Of the announcement, here and below.
    @custom:errors ANNOUNCED: it was not, in an earlier block; BATCH; TRACE: the root given is not behind the last chunk; RIGHT: it is the new root.
    """
    announcements.must_be_made(salt, keccak256(abi_encode(header, data, last, siblings)))
    self._must_stand(header, data)
    count: uint256 = headers.chunks(header)
    root: bytes32 = headers.trace_root(header)
    assert count != 0 and trees.is_in_list(root, count, count - 1, last, siblings), "TRACE"
    assert last != headers.new_root(header), "RIGHT"
    self._prove(header, data, msg.sender, WRONG_END, 0)


@external
def prove_through(
    salt: bytes32,
    header: Bytes[headers.HEADER],
    data: bytes32,
    accounts: bytes32,
    instruments: bytes32,
    sections: bytes32[8],
    money: uint256[2],
):
    """
    @notice The header's deposits_through or forced_through are not those of the new state.
    @param money The two words of the parameters' section 0.
    @custom:errors ANNOUNCED, BATCH; STATE: not the new state; RIGHT: they are.
    """
    proof: bytes32 = keccak256(abi_encode(header, data, accounts, instruments, sections, money))
    announcements.must_be_made(salt, proof)
    self._must_stand(header, data)
    parameters: bytes32 = keccak256(abi_encode(sections))
    state: machine.State = machine.State(
        accounts=accounts, instruments=instruments, parameters=parameters, fees=0
    )
    assert machine.state_root(state) == headers.new_root(header), "STATE"
    assert keccak256(abi_encode(money)) == sections[0], "STATE"
    through: uint256 = headers.word(header, 220)
    is_right: bool = (through >> 64) & headers.LOW_64 == money[0] >> 192
    is_right = is_right and through & headers.LOW_64 == (money[0] >> 64) & headers.LOW_64
    assert not is_right, "RIGHT"
    self._prove(header, data, msg.sender, WRONG_THROUGH, 0)


@external
def prove_chunk(
    salt: bytes32,
    header: Bytes[headers.HEADER],
    data: bytes32,
    chunk: chunks.Chunk,
    index: uint256,
    step: uint256,
    more: uint256,
    siblings: DynArray[bytes32, 32],
):
    """
    @notice A chunk of no steps, of too many, or of no kind; or one with a step of no kind, or not of the chunk's.
    @param index Of the step, whose record is step and more. Of no matter where the chunk alone is wrong.
    @custom:errors ANNOUNCED; BATCH, CHUNK, TRACE as in `begin`; STEPS: the step does not stand there; RIGHT: nothing is
        wrong.
    """
    proof: bytes32 = keccak256(abi_encode(header, data, chunk, index, step, more, siblings))
    announcements.must_be_made(salt, proof)
    self._must_stand(header, data)
    chunks.must_be_in(header, chunk)
    if chunk.count != 0 and chunk.count <= chunks.MOST_STEPS and chunk.kind <= 1:
        hash: bytes32 = keccak256(abi_encode(step, more))
        assert trees.is_in_list(chunk.steps_root, chunk.count, index, hash, siblings), "STEPS"
        most: uint256 = LAST_FILL_KIND if chunk.kind == FILL_CHUNK else LAST_KIND
        assert step >> 248 > most, "RIGHT"
    self._prove(header, data, msg.sender, WRONG_CHUNK, 0)
