# pragma version 0.4.3
"""
@title Passage steps
@notice Executes positions passing from one account to another (docs/protocol.md): takeovers (TAKEOVER, MOVED, TOPPED,
    TAKEN) and moves in a family (MOVING, MOVED, MOVING_ENDED).
"""
import accounts
import instruments
import machine
import passages
import paths
import positions
import trees

initializes: trees
initializes: paths[trees := trees]

interface Dispute:
    def advance(subject: bytes32, before: bytes32, behind: bytes32): nonpayable

TAKEOVER: constant(uint256) = 19
MOVED: constant(uint256) = 20
TOPPED: constant(uint256) = 21
TAKEN: constant(uint256) = 22
MOVING: constant(uint256) = 31
MOVING_ENDED: constant(uint256) = 32

INSURANCE: constant(uint256) = 2
SHARING: constant(uint256) = 4
PASSAGE: constant(uint256) = 5
OPTION: constant(uint256) = 1
PERPETUAL: constant(uint256) = 2
PPM: constant(int256) = 1_000_000
LOTS_END: constant(int256) = 2 ** 28

DISPUTE: immutable(Dispute)

struct Work:
    code: uint256
    count: uint256
    numbers: uint256[2]
    before: accounts.Account[2]
    behind: accounts.Account[2]
    roots: bytes32[2]  # of the positions before
    roots_behind: bytes32[2]
    passage: passages.Passage


@deploy
def __init__(dispute: address):
    """
    @param dispute The contract that keeps the progress of disputes.
    """
    trees.__init__()
    DISPUTE = Dispute(dispute)


@external
def step(subject: bytes32, progress: machine.Progress, witness: machine.Witness) -> machine.Progress:
    """
    @notice Execute the next step of a chunk in dispute, as `FillSteps.step` does.
    @custom:errors WITNESS, KIND, OVER: as there.
    """
    record: machine.Record = machine.read(witness.step, witness.more)
    state: machine.State = progress.state
    work: Work = empty(Work)
    work.code = self._shape(record, witness.step, witness.more)
    if work.code != machine.ALLOWED:
        return self._end(subject, progress, witness.step, witness.more, work.code, state)
    work.numbers = [record.first, record.second]
    work.count = 2
    if record.kind == TOPPED:
        work.numbers = [INSURANCE, 0]
        work.count = 1
    at: uint256 = 0
    words: Bytes[machine.WORDS] = b""
    more_words: Bytes[machine.WORDS] = b""
    work.before[0] = accounts.account_at(witness.fields, 0)
    words = positions.words_at(witness.fields, 104, work.before[0].word_count)
    at = 104 + len(words)
    if work.count == 2:
        work.before[1] = accounts.account_at(witness.fields, at)
        more_words = positions.words_at(witness.fields, at + 104, work.before[1].word_count)
        at += 104 + len(more_words)
    work.behind = work.before
    instrument: instruments.Instrument = empty(instruments.Instrument)
    if record.kind == MOVED:
        instrument = instruments.instrument_at(witness.fields, at)
        at += 293
    else:
        work.roots = [
            accounts.positions_root(witness.first_pages), accounts.positions_root(witness.second_pages)
        ]
    sections: bytes32[8] = empty(bytes32[8])
    sections, at = machine.sections_at(witness.fields, at)
    opens: bool = record.kind != TAKEOVER and record.kind != MOVING
    if opens:
        passed: uint256[3] = [
            convert(extract32(witness.fields, at), uint256),
            convert(extract32(witness.fields, at + 32), uint256),
            convert(extract32(witness.fields, at + 64), uint256),
        ]
        work.passage = passages.read(passed)
        sections[PASSAGE] = passages.hash(work.passage)
    assert keccak256(abi_encode(sections)) == state.parameters, "WITNESS"

    changed: instruments.Instrument = instrument
    if record.kind == MOVED:
        mine: positions.Position = positions.move(
            witness.first_pages, work.before[0].page_at, words, record.instrument, -record.q, -record.p
        )
        theirs: positions.Position = positions.move(
            witness.second_pages, work.before[1].page_at, more_words, record.instrument, record.q, record.p
        )
        work.roots = [mine.root_before, theirs.root_before]
        work, changed = self._moved(record, work, instrument, mine, theirs)
    elif not opens:
        work = self._begin(record, work, sections[PASSAGE], sections[SHARING])
    else:
        work = self._close(record, work)
    if work.code != machine.ALLOWED:
        work.behind = work.before
        changed = instrument
    if record.kind != MOVED or work.code != machine.ALLOWED:
        work.roots_behind = work.roots
    used: uint256 = 0
    state.accounts, used = self._change_accounts(state.accounts, work, witness.siblings)
    if record.kind == MOVED:
        state.instruments, used = paths.change_one(
            state.instruments,
            record.instrument,
            instrument.bitmap,
            instruments.instrument_leaf(instrument),
            instruments.instrument_leaf(changed),
            witness.siblings,
            used,
        )
    if work.code != machine.ALLOWED:
        return self._end(subject, progress, witness.step, witness.more, work.code, progress.state)
    sections[PASSAGE] = passages.hash(work.passage)
    state.parameters = keccak256(abi_encode(sections))
    return self._end(subject, progress, witness.step, witness.more, machine.ALLOWED, state)


@internal
@view
def _change_accounts(
    root: bytes32, work: Work, siblings: DynArray[bytes32, machine.SIBLINGS]
) -> (bytes32, uint256):
    """
    @notice The accounts' root behind the step, positions changed too.
    """
    old: bytes32[2] = empty(bytes32[2])
    new: bytes32[2] = empty(bytes32[2])
    for k: uint256 in range(work.count, bound=2):
        old[k] = accounts.account_leaf(work.numbers[k], work.before[k], work.roots[k])
        new[k] = accounts.account_leaf(work.numbers[k], work.behind[k], work.roots_behind[k])
    after: bytes32 = empty(bytes32)
    at: uint256 = 0
    if work.count == 1:
        after, at = paths.change_one(root, work.numbers[0], work.before[0].bitmap, old[0], new[0], siblings, 0)
    else:
        bitmaps: uint256[2] = [work.before[0].bitmap, work.before[1].bitmap]
        after, at = paths.change_two(root, work.numbers, bitmaps, old, new, siblings, 0)
    return after, at


@internal
def _end(
    subject: bytes32,
    progress: machine.Progress,
    step: uint256,
    more: uint256,
    code: uint256,
    state: machine.State,
) -> machine.Progress:
    """
    @notice Tell the dispute how far it is.
    """
    behind: machine.Progress = machine.advance(progress, step, more, code, state)
    if subject != empty(bytes32):
        extcall DISPUTE.advance(subject, machine.progress_hash(progress), machine.progress_hash(behind))
    return behind


@internal
@pure
def _shape(record: machine.Record, step: uint256, more: uint256) -> uint256:
    """
    @notice What is wrong with the record alone.
    """
    kind: uint256 = record.kind
    has: uint256 = machine.HAS_FIRST | machine.HAS_SECOND
    has_more: uint256 = 0
    if kind == TOPPED:
        has = machine.HAS_P
    elif kind == TAKEOVER or kind == TAKEN:
        has |= machine.HAS_P
    elif kind == MOVED:
        has |= machine.HAS_INSTRUMENT | machine.HAS_P
        has_more = machine.HAS_Q
    else:
        assert kind == MOVING or kind == MOVING_ENDED, "KIND"
    if not machine.is_shaped(step, more, has, has_more):
        return machine.FIELD
    if kind == TOPPED:
        if record.p <= 0:
            return machine.AMOUNT
        return machine.ALLOWED
    if record.first < accounts.FIRST_USER or record.second < accounts.FIRST_USER:
        return machine.ACCOUNT
    if record.first == record.second:
        return machine.ACCOUNT
    if kind == TAKEOVER and (record.p < 1 or record.p > PPM):
        return machine.AMOUNT
    if kind == TAKEN and record.p < 0:
        return machine.AMOUNT
    if kind == MOVED:
        if record.q <= -LOTS_END or record.q >= LOTS_END:
            return machine.AMOUNT
        if record.q == 0:
            if record.p != 0:
                return machine.AMOUNT
        elif record.p % record.q != 0 or record.p != 0 and (record.p < 0) != (record.q < 0):
            return machine.AMOUNT
    return machine.ALLOWED


@internal
@pure
def _begin(record: machine.Record, work: Work, passage: bytes32, sharing: bytes32) -> Work:
    """
    @notice TAKEOVER and MOVING.
    """
    made: Work = work
    if passage != empty(bytes32):
        made.code = machine.PASSING
        return made
    if not work.before[0].exists or not work.before[1].exists:
        made.code = machine.ACCOUNT
        return made
    mine: uint256 = accounts.family_of(record.first, work.before[0])
    of_one: bool = mine == accounts.family_of(record.second, work.before[1])
    if record.kind == TAKEOVER:
        if of_one or not accounts.in_liquidation(work.before[1]):
            made.code = machine.ACCOUNT
        made.passage.kind = passages.OF_TAKEOVER
        made.passage.source = record.second
        made.passage.destination = record.first
        made.passage.fraction = convert(record.p, uint256)
        made.passage.left = (work.before[1].family >> positions.OPEN_AT) & machine.LOW_16
        return made
    if not of_one or accounts.in_liquidation(work.before[0]) or accounts.in_liquidation(work.before[1]):
        made.code = machine.ACCOUNT
    elif sharing != empty(bytes32):
        made.code = machine.PASSING
    made.passage.kind = passages.OF_MOVE
    made.passage.source = record.first
    made.passage.destination = record.second
    return made


@internal
@pure
def _moved(
    record: machine.Record,
    work: Work,
    instrument: instruments.Instrument,
    mine: positions.Position,
    theirs: positions.Position,
) -> (Work, instruments.Instrument):
    """
    @notice MOVED: one part.
    """
    made: Work = work
    changed: instruments.Instrument = instrument
    told: passages.Passage = work.passage
    is_option: bool = instruments.kind_of(instrument) == OPTION
    is_perpetual: bool = instruments.kind_of(instrument) == PERPETUAL
    size: int256 = mine.size_before
    if told.kind == 0 or told.source != record.first or told.destination != record.second:
        made.code = machine.PASSING
        return made, changed
    if not work.before[0].exists or not work.before[1].exists:
        made.code = machine.ACCOUNT
        return made, changed
    if not instruments.is_open(instrument):
        made.code = machine.INSTRUMENT
        return made, changed
    if told.kind == passages.OF_TAKEOVER:
        if record.instrument < told.next or told.left == 0:
            made.code = machine.ORDER
            return made, changed
        if size == 0 or record.q != passages.part(size, told.fraction, is_option):
            made.code = machine.AMOUNT
            return made, changed
        made.passage.next = record.instrument + 1
        made.passage.left = told.left - 1
    elif record.q == 0 or (record.q < 0) != (size < 0) or abs(record.q) > abs(size):
        made.code = machine.AMOUNT
        return made, changed
    made.roots_behind = [mine.root_after, theirs.root_after]
    if record.q == 0:
        made.roots_behind = work.roots
        return made, changed
    fine: bool = False
    fits: bool = mine.fits and theirs.fits
    made.behind[0].family, fine = positions.count_position(
        work.before[0], mine, -record.q, -record.p, is_perpetual
    )
    fits = fits and fine
    made.behind[1].family, fine = positions.count_position(
        work.before[1], theirs, record.q, record.p, is_perpetual
    )
    fits = fits and fine
    changed.words[0], fine = instruments.with_holders(instrument, positions.holders(mine) + positions.holders(theirs))
    fits = fits and fine
    made.passage.flags |= passages.PART_MOVED
    if is_option:
        made.passage.worth += record.p
    if is_option and record.q > 0:
        made.passage.most += convert(record.p // 2, uint256)
    else:
        made.passage.flags |= passages.PART_OTHER
    fits = fits and accounts.is_entry(made.passage.worth) and made.passage.most <= machine.LOW_128
    if not fits:
        made.code = machine.OVERFLOW
    return made, changed


@internal
@pure
def _close(record: machine.Record, work: Work) -> Work:
    """
    @notice TOPPED, TAKEN and MOVING_ENDED.
    """
    made: Work = work
    told: passages.Passage = work.passage
    wanted: uint256 = passages.OF_MOVE if record.kind == MOVING_ENDED else passages.OF_TAKEOVER
    if told.kind != wanted:
        made.code = machine.PASSING
        return made
    if record.kind == TOPPED:
        if told.fraction != 1_000_000 or told.topped != 0 or record.p > work.before[0].cash:
            made.code = machine.AMOUNT
        made.behind[0] = accounts.paid(work.before[0], -record.p)
        made.passage.topped = convert(record.p, uint256)
        return made
    ends: uint256[2] = [told.source, told.destination]
    if record.kind == TAKEN:
        ends = [told.destination, told.source]
    if record.first != ends[0] or record.second != ends[1] or told.flags & passages.PART_MOVED == 0:
        made.code = machine.ORDER
        return made
    made.passage = empty(passages.Passage)
    if record.kind == MOVING_ENDED:
        made.behind[0] = accounts.paid(work.before[0], told.worth)
        made.behind[1] = accounts.paid(work.before[1], -told.worth)
        return made
    gain: uint256 = convert(record.p, uint256) + told.topped
    if told.left != 0:
        made.code = machine.ORDER
    elif record.p != 0 and told.topped != 0 or told.flags & passages.PART_OTHER == 0 and gain > told.most:
        made.code = machine.AMOUNT
    made.behind[1] = accounts.paid(work.before[1], told.worth - record.p)
    made.behind[0] = accounts.paid(work.before[0], convert(gain, int256) - told.worth)
    return made
