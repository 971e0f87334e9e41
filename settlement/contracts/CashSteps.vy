# pragma version 0.4.3
"""
@title Cash steps
@notice Executes steps that move cash alone (docs/protocol.md, Cash): DEPOSIT, HELD, RESOLVED, TRANSFER and FORCED.
@dev What a DEPOSIT or FORCED says must be what the bridge's queue says.
"""
import accounts
import machine
import paths
import trees

initializes: trees
initializes: paths[trees := trees]
initializes: accounts[paths := paths]

interface Dispute:
    def advance(subject: bytes32, before: bytes32, behind: bytes32): nonpayable

interface Bridge:
    def deposit_of(number: uint256) -> (address, uint256, uint256, uint256, uint256): view
    def request_of(number: uint256) -> (uint256, uint256, uint256): view

DEPOSIT: constant(uint256) = 2
HELD: constant(uint256) = 11
RESOLVED: constant(uint256) = 12
TRANSFER: constant(uint256) = 13
FORCED: constant(uint256) = 30

INSURANCE: constant(uint256) = 2
BRIDGE_ACCOUNT: constant(uint256) = 3
WITHDRAWALS: constant(uint256) = 4
IS_HELD: constant(uint256) = 1
IS_PAID: constant(uint256) = 2
IS_FORCED: constant(uint256) = 3
WITHDRAWN: constant(uint256) = 32
SHARING: constant(uint256) = 4
PASSAGE: constant(uint256) = 5
OWNER_BITS: constant(uint256) = max_value(uint256) - (2 ** 96 - 1)

DISPUTE: immutable(Dispute)
BRIDGE: immutable(Bridge)

# What a step opens and what it makes of it.
struct Work:
    code: uint256
    count: uint256
    numbers: uint256[2]
    before: accounts.Account[2]
    behind: accounts.Account[2]
    positions: bytes32[2]
    money: uint256[2]
    new_leaf: bytes32  # of a withdrawal that is made, zero: none is


@deploy
def __init__(dispute: address, bridge: address):
    """
    @param dispute The contract that keeps the progress of disputes, bridge the one with deposits and requests.
    """
    trees.__init__()
    DISPUTE = Dispute(dispute)
    BRIDGE = Bridge(bridge)


@external
def step(subject: bytes32, progress: machine.Progress, witness: machine.Witness) -> machine.Progress:
    """
    @notice Execute the next step of a chunk in dispute, as `FillSteps.step` does.
    @custom:errors WITNESS, KIND, OVER: as there.
    """
    record: machine.Record = machine.read(witness.step, witness.more)
    state: machine.State = progress.state
    code: uint256 = self._shape(record, witness.step, witness.more)
    if code != machine.ALLOWED:
        return self._end(subject, progress, witness.step, witness.more, code, state)
    work: Work = empty(Work)
    work.count, work.numbers = self._accounts(record)
    at: uint256 = 0
    for k: uint256 in range(work.count, bound=2):
        work.before[k] = accounts.account_at(witness.fields, at)
        assert work.before[k].word_count == 0, "WITNESS"
        at = unsafe_add(at, 104)
    work.positions[0] = accounts.positions_root(witness.first_pages)
    work.positions[1] = accounts.positions_root(witness.second_pages)
    work.behind = work.before
    sections: bytes32[8] = empty(bytes32[8])
    sections, at = machine.sections_at(witness.fields, at)
    opens_money: bool = record.kind != TRANSFER and (record.kind != RESOLVED or record.flags == 0)
    if opens_money:
        work.money[0] = convert(extract32(witness.fields, at), uint256)
        work.money[1] = convert(extract32(witness.fields, at + 32), uint256)
        sections[0] = keccak256(abi_encode(work.money))
        at = unsafe_add(at, 64)
    assert keccak256(abi_encode(sections)) == state.parameters, "WITNESS"
    slot: uint256 = work.money[0] & machine.LOW_64
    leaf: uint256[3] = empty(uint256[3])  # bitmap, and the two words of the withdrawal at the slot
    old_leaf: bytes32 = empty(bytes32)
    has_slot: bool = self._has_slot(record)
    if has_slot:
        head: uint256 = convert(extract32(witness.fields, at), uint256)
        leaf[0] = (head >> 216) & machine.LOW_32
        leaf[1] = convert(extract32(witness.fields, at + 5), uint256)
        leaf[2] = convert(extract32(witness.fields, at + 37), uint256)
        if head >> 248 != 0:
            old_leaf = keccak256(abi_encode(leaf[1], leaf[2]))
    if record.kind == RESOLVED:
        slot = record.second
    if sections[PASSAGE] != empty(bytes32):
        work.code = machine.PASSING
    elif record.kind == DEPOSIT:
        work = self._deposit(record, work, witness.more)
    elif record.kind == HELD:
        work = self._held(record, work, sections[SHARING] != empty(bytes32))
    elif record.kind == RESOLVED:
        work = self._resolved(record, work, leaf, old_leaf)
    elif record.kind == TRANSFER:
        work = self._transfer(record, work, sections[SHARING] != empty(bytes32))
    else:
        work = self._forced(record, work, sections[SHARING] != empty(bytes32))
    if work.code == machine.ALLOWED and has_slot and slot >= 2 ** 32:
        work.code = machine.OVERFLOW
    if work.code != machine.ALLOWED:
        work.behind = work.before
    used: uint256 = 0
    state.accounts, used = accounts.change_accounts(
        state.accounts, work.count, work.numbers, work.before, work.behind, work.positions, witness.siblings
    )
    if has_slot and slot < 2 ** 32:
        new_leaf: bytes32 = work.new_leaf if work.code == machine.ALLOWED else old_leaf
        sections[1], used = paths.change_one(
            sections[1], slot, leaf[0], old_leaf, new_leaf, witness.siblings, used
        )
    if work.code != machine.ALLOWED:
        return self._end(subject, progress, witness.step, witness.more, work.code, progress.state)
    if opens_money:
        sections[0] = keccak256(abi_encode(work.money))
    state.parameters = keccak256(abi_encode(sections))
    return self._end(subject, progress, witness.step, witness.more, machine.ALLOWED, state)


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
    assert kind in [DEPOSIT, HELD, RESOLVED, TRANSFER, FORCED], "KIND"
    has: uint256 = machine.HAS_FIRST | machine.HAS_IDENT | machine.HAS_P
    has_more: uint256 = 0
    if kind == DEPOSIT:
        has |= machine.HAS_FLAGS
        if record.flags == 1:
            has_more = OWNER_BITS
    elif kind == RESOLVED:
        has |= machine.HAS_FLAGS | machine.HAS_SECOND
    elif kind == TRANSFER:
        has |= machine.HAS_SECOND
    elif kind == FORCED:
        has_more = machine.HAS_Q
    if not machine.is_shaped(step, more, has, has_more) or record.flags > 1:
        return machine.FIELD
    if kind == DEPOSIT:
        is_one: bool = record.first == INSURANCE or record.first >= accounts.FIRST_USER
        if record.flags == 0 and not is_one:
            return machine.ACCOUNT
    elif kind == RESOLVED:
        if record.flags == 1 and record.first < accounts.FIRST_USER:
            return machine.ACCOUNT
    elif record.first < accounts.FIRST_USER:
        return machine.ACCOUNT
    if kind == TRANSFER and (record.second < accounts.FIRST_USER or record.second == record.first):
        return machine.ACCOUNT
    if kind != RESOLVED and record.p <= 0 or record.q < 0 and kind == FORCED:
        return machine.AMOUNT
    return machine.ALLOWED


@internal
@pure
def _accounts(record: machine.Record) -> (uint256, uint256[2]):
    """
    @notice The accounts a step opens.
    """
    if record.kind == DEPOSIT:
        if record.flags == 0:
            return 2, [record.first, BRIDGE_ACCOUNT]
        may_be: bool = record.first == INSURANCE or record.first >= accounts.FIRST_USER
        return 1 if may_be else 0, [record.first, 0]
    if record.kind == HELD:
        return 2, [record.first, WITHDRAWALS]
    if record.kind == TRANSFER:
        return 2, [record.first, record.second]
    if record.kind == RESOLVED:
        return 2, [WITHDRAWALS, BRIDGE_ACCOUNT if record.flags == 0 else record.first]
    return 2 if record.q != 0 else 1, [record.first, BRIDGE_ACCOUNT]


@internal
@pure
def _has_slot(record: machine.Record) -> bool:
    if record.kind == DEPOSIT:
        return record.flags == 1
    return record.kind == HELD or record.kind == RESOLVED or (record.kind == FORCED and record.q != 0)


@internal
@pure
def _made(work: Work, record: machine.Record, status: uint256, amount: int256, owner: uint256) -> Work:
    """
    @notice A withdrawal at the next slot. The owner stands in the first 20 bytes of its word.
    """
    made: Work = work
    head: uint256 = (record.ident << 192) | (record.first << 160) | (status << 128) | convert(amount, uint256)
    made.new_leaf = keccak256(abi_encode(head, owner))
    if made.money[0] & machine.LOW_64 == machine.LOW_64:
        made.code = machine.OVERFLOW
    else:
        made.money[0] = made.money[0] + 1
    return made


@internal
@pure
def _withdrawn(work: Work, amount: int256) -> Work:
    made: Work = work
    if (work.money[1] & machine.LOW_128) + convert(amount, uint256) > machine.LOW_128:
        made.code = machine.OVERFLOW
    else:
        made.money[1] += convert(amount, uint256)
    return made


@internal
@pure
def _with_nonce(account: accounts.Account) -> (accounts.Account, bool):
    changed: accounts.Account = account
    changed.head = unsafe_add(account.head, 1)
    return changed, account.head & machine.LOW_64 != machine.LOW_64


@internal
@view
def _deposit(record: machine.Record, work: Work, more: uint256) -> Work:
    """
    @notice DEPOSIT, or one given back because nobody is there to have it.
    """
    made: Work = work
    amount: uint256 = convert(record.p, uint256)
    if record.ident != (work.money[0] >> 192) + 1:
        made.code = machine.ORDER
        return made
    depositor: address = empty(address)
    account: uint256 = 0
    second: uint256 = 0
    told: uint256 = 0
    sum: uint256 = 0
    depositor, account, second, told, sum = staticcall BRIDGE.deposit_of(record.ident)
    if account != record.first or told != amount:
        made.code = machine.QUEUE
        return made
    if (work.money[1] >> 128) + amount > machine.LOW_128:
        made.code = machine.OVERFLOW
        return made
    made.money[0] += 1 << 192
    made.money[1] += amount << 128
    is_there: bool = record.first == INSURANCE or work.before[0].exists
    if record.flags == 1:
        if is_there and work.count == 1:
            made.code = machine.ACCOUNT
            return made
        if more >> 96 != convert(depositor, uint256):
            made.code = machine.QUEUE
            return made
        made = self._withdrawn(made, record.p)
        return self._made(made, record, IS_FORCED, record.p, more)
    if not is_there:
        made.code = machine.ACCOUNT
        return made
    made.behind[0] = accounts.paid(work.before[0], record.p)
    made.behind[1] = accounts.paid(work.before[1], -record.p)
    return made


@internal
@pure
def _held(record: machine.Record, work: Work, is_shared: bool) -> Work:
    made: Work = work
    fits: bool = False
    if not work.before[0].exists:
        made.code = machine.ACCOUNT
        return made
    if is_shared:
        made.code = machine.PASSING
        return made
    last: uint256 = (work.money[0] >> 128) & machine.LOW_64
    if record.ident != 0 and record.ident <= last:
        made.code = machine.ORDER
        return made
    if record.p > work.before[0].cash:
        made.code = machine.AMOUNT
        return made
    made.money[0] = (work.money[0] & ~(machine.LOW_64 << 128)) | (max(record.ident, last) << 128)
    made.behind[0], fits = self._with_nonce(accounts.paid(work.before[0], -record.p))
    made.behind[1] = accounts.paid(work.before[1], record.p)
    owner: uint256 = (work.before[0].head >> 96) << 96
    made = self._made(made, record, IS_HELD, record.p, owner)
    if not fits:
        made.code = machine.OVERFLOW
    return made


@internal
@pure
def _resolved(record: machine.Record, work: Work, leaf: uint256[3], old_leaf: bytes32) -> Work:
    made: Work = work
    head: uint256 = (record.ident << 192) | (record.first << 160) | (IS_HELD << 128)
    if old_leaf == empty(bytes32) or record.p < 0 or leaf[1] != head | convert(record.p, uint256):
        made.code = machine.AMOUNT
        return made
    made.behind[0] = accounts.paid(work.before[0], -record.p)
    made.behind[1] = accounts.paid(work.before[1], record.p)
    if record.flags == 0:
        made = self._withdrawn(made, record.p)
        paid: uint256 = (leaf[1] & ~(machine.LOW_32 << 128)) | (IS_PAID << 128)
        made.new_leaf = keccak256(abi_encode(paid, leaf[2]))
    elif not work.before[1].exists:
        made.code = machine.ACCOUNT
    return made


@internal
@pure
def _transfer(record: machine.Record, work: Work, is_shared: bool) -> Work:
    made: Work = work
    source: accounts.Account = work.before[0]
    target: accounts.Account = work.before[1]
    if not source.exists or not target.exists:
        made.code = machine.ACCOUNT
    elif accounts.family_of(record.first, source) != accounts.family_of(record.second, target):
        made.code = machine.ACCOUNT
    elif record.p > source.cash:
        made.code = machine.AMOUNT
    elif is_shared and (record.ident != 0 or not accounts.in_liquidation(target)):
        made.code = machine.PASSING
    made.behind[0] = accounts.paid(source, -record.p)
    made.behind[1] = accounts.paid(target, record.p)
    return made


@internal
@view
def _forced(record: machine.Record, work: Work, is_shared: bool) -> Work:
    made: Work = work
    fits: bool = False
    if not work.before[0].exists:
        made.code = machine.ACCOUNT
        return made
    if record.ident != ((work.money[0] >> 64) & machine.LOW_64) + 1:
        made.code = machine.ORDER
        return made
    account: uint256 = 0
    second: uint256 = 0
    asked: uint256 = 0
    account, second, asked = staticcall BRIDGE.request_of(record.ident)
    if account != record.first or asked != convert(record.p, uint256):
        made.code = machine.QUEUE
        return made
    most: int256 = min(record.p, max(work.before[0].cash, 0))
    is_free: bool = work.positions[0] == empty(bytes32) and not is_shared
    is_free = is_free and not accounts.in_liquidation(work.before[0])
    if record.q > most or (is_free and record.q != most):
        made.code = machine.AMOUNT
        return made
    made.money[0] += 1 << 64
    made.behind[0], fits = self._with_nonce(accounts.paid(work.before[0], -record.q))
    if record.q != 0:
        made.behind[1] = accounts.paid(work.before[1], record.q)
        made = self._withdrawn(made, record.q)
        owner: uint256 = (work.before[0].head >> 96) << 96
        made = self._made(made, record, IS_FORCED, record.q, owner)
    if not fits:
        made.code = machine.OVERFLOW
    return made
