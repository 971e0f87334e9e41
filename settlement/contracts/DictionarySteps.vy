# pragma version 0.4.3
"""
@title Dictionary steps
@notice Executes RECLASS (docs/protocol.md): an entry of a dictionary moves to the end of another class, comes or goes.
"""
import machine
import paths
import trees

initializes: trees
initializes: paths[trees := trees]

interface Dispute:
    def advance(subject: bytes32, before: bytes32, behind: bytes32): nonpayable

RECLASS: constant(uint256) = 29
PASSAGE: constant(uint256) = 5
DICTIONARIES: constant(uint256) = 7
NO_CLASS: constant(uint256) = 255
MOST_ENTRIES: constant(uint256) = 2 ** 16 - 1

DISPUTE: immutable(Dispute)

# The sizes of one dictionary's classes, sixteen a word, and where they stand in the packed sizes.
struct Sizes:
    start: uint256
    count: uint256
    words: uint256[16]

struct Entry:
    bitmap: uint256
    leaf: bytes32


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
    assert record.kind == RECLASS, "KIND"
    state: machine.State = progress.state
    code: uint256 = machine.ALLOWED
    source: uint256 = record.instrument >> 8
    target: uint256 = record.instrument & 255
    has: uint256 = machine.HAS_FLAGS | machine.HAS_INSTRUMENT | machine.HAS_FIRST | machine.HAS_SECOND
    is_shaped: bool = machine.is_shaped(witness.step, witness.more, has, 0)
    is_shaped = is_shaped and record.flags <= 2 and source <= NO_CLASS and source != target
    if not is_shaped or (source == NO_CLASS and record.second != 0):
        return self._end(subject, progress, witness.step, witness.more, machine.FIELD, state)
    sections: bytes32[8] = empty(bytes32[8])
    at: uint256 = 0
    sections, at = machine.sections_at(witness.fields, 0)
    length: uint256 = convert(slice(witness.fields, at, 2), uint256)
    start: uint256 = at + 2
    at = start + length
    root: bytes32 = extract32(witness.fields, at)
    at += 32
    sections[DICTIONARIES] = keccak256(abi_encode(keccak256(slice(witness.fields, start, length)), root))
    assert keccak256(abi_encode(sections)) == state.parameters, "WITNESS"
    sizes: Sizes = self._sizes(witness.fields, start, record.flags)
    base: uint256 = record.flags << 24
    used: uint256 = 0
    last: uint256 = 0
    if sections[PASSAGE] != empty(bytes32):
        code = machine.PASSING
    elif source != NO_CLASS:
        size: uint256 = self._size(sizes, source)
        if record.second >= size:
            code = machine.AMOUNT
        else:
            last = size - 1
            code, root, used, at = self._cut(
                root, base | (source << 16), record, last, witness.fields, at, witness.siblings
            )
            sizes = self._with_size(sizes, source, last)
    if code == machine.ALLOWED and target != NO_CLASS:
        size: uint256 = self._size(sizes, target)
        if size >= MOST_ENTRIES:
            code = machine.AMOUNT
        else:
            put: Entry = self._entry(witness.fields, at)
            place: uint256 = base | (target << 16) | size
            leaf: bytes32 = convert(record.first + 1, bytes32)
            root, used = paths.change_one(
                root, place, put.bitmap, empty(bytes32), leaf, witness.siblings, used
            )
            sizes = self._with_size(sizes, target, size + 1)
    if code == machine.ALLOWED:
        packed: bytes32 = self._packed(witness.fields, start, length, sizes)
        sections[DICTIONARIES] = keccak256(abi_encode(packed, root))
        state.parameters = keccak256(abi_encode(sections))
    return self._end(subject, progress, witness.step, witness.more, code, state)


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
def _entry(fields: Bytes[machine.FIELDS], at: uint256) -> Entry:
    return Entry(bitmap=convert(slice(fields, at, 4), uint256), leaf=extract32(fields, at + 4))


@internal
@view
def _cut(
    root: bytes32,
    base: uint256,
    record: machine.Record,
    last: uint256,
    fields: Bytes[machine.FIELDS],
    at: uint256,
    siblings: DynArray[bytes32, machine.SIBLINGS],
) -> (uint256, bytes32, uint256, uint256):
    """
    @notice Take an entry out of its class; the class's last entry takes its place. The code, the entries' root, the
        next sibling and the next byte.
    """
    found: Entry = self._entry(fields, at)
    wanted: bytes32 = convert(record.first + 1, bytes32)
    used: uint256 = 0
    after: bytes32 = empty(bytes32)
    if found.leaf != wanted:
        after, used = paths.change_one(
            root, base | record.second, found.bitmap, found.leaf, found.leaf, siblings, 0
        )
        return machine.AMOUNT, root, 0, at
    if record.second == last:
        after, used = paths.change_one(
            root, base | last, found.bitmap, found.leaf, empty(bytes32), siblings, 0
        )
        return machine.ALLOWED, after, used, at + 36
    moved: Entry = self._entry(fields, at + 36)
    after, used = paths.change_one(
        root, base | record.second, found.bitmap, found.leaf, moved.leaf, siblings, 0
    )
    after, used = paths.change_one(
        after, base | last, moved.bitmap, moved.leaf, empty(bytes32), siblings, used
    )
    return machine.ALLOWED, after, used, at + 72


@internal
@pure
def _sizes(fields: Bytes[machine.FIELDS], start: uint256, dictionary: uint256) -> Sizes:
    """
    @notice The sizes of one dictionary. What is read behind them is cut off.
    """
    found: Sizes = empty(Sizes)
    found.start = start
    for k: uint256 in range(3):
        found.count = convert(slice(fields, found.start, 1), uint256)
        if k == dictionary:
            break
        found.start += 1 + 2 * found.count
    for k: uint256 in range(16):
        if 16 * k >= found.count:
            break
        word: uint256 = convert(extract32(fields, found.start + 1 + 32 * k), uint256)
        left: uint256 = found.count - 16 * k
        if left < 16:
            word = (word >> (256 - 16 * left)) << (256 - 16 * left)
        found.words[k] = word
    return found


@internal
@pure
def _size(sizes: Sizes, which: uint256) -> uint256:
    return (sizes.words[which // 16] >> (240 - 16 * (which % 16))) & machine.LOW_16


@internal
@pure
def _with_size(sizes: Sizes, which: uint256, size: uint256) -> Sizes:
    """
    @notice The sizes with one changed; empty classes at the end are left out.
    """
    changed: Sizes = sizes
    offset: uint256 = 240 - 16 * (which % 16)
    changed.words[which // 16] = (sizes.words[which // 16] & ~(machine.LOW_16 << offset)) | (size << offset)
    changed.count = max(sizes.count, which + 1)
    for k: uint256 in range(256):
        if changed.count == 0 or self._size(changed, changed.count - 1) != 0:
            break
        changed.count -= 1
    return changed


@internal
@pure
def _packed(fields: Bytes[machine.FIELDS], start: uint256, length: uint256, sizes: Sizes) -> bytes32:
    """
    @notice The hash of the packed sizes with one dictionary's changed.
    """
    old: uint256 = convert(slice(fields, sizes.start, 1), uint256)
    behind: uint256 = sizes.start + 1 + 2 * old
    return keccak256(
        concat(
            slice(fields, start, sizes.start - start),
            convert(convert(sizes.count, uint8), bytes1),
            slice(abi_encode(sizes.words), 0, 2 * sizes.count),
            slice(fields, behind, start + length - behind),
        )
    )
