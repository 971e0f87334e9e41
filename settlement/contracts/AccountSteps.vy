# pragma version 0.4.3
"""
@title Account steps
@notice Executes steps about accounts as wholes (docs/protocol.md): ACCOUNT, FAMILY, LIQUIDATION, FUND_COVER, and the
    sharing of a loss: LOSS, DEFICIT, SHARE, LOSS_ENDED.
"""
import accounts
import machine
import paths
import positions
import trees

initializes: trees
initializes: paths[trees := trees]
initializes: accounts[paths := paths]

interface Dispute:
    def advance(subject: bytes32, before: bytes32, behind: bytes32): nonpayable

ACCOUNT: constant(uint256) = 3
FAMILY: constant(uint256) = 4
LIQUIDATION: constant(uint256) = 14
FUND_COVER: constant(uint256) = 23
LOSS: constant(uint256) = 24
DEFICIT: constant(uint256) = 25
SHARE: constant(uint256) = 26
LOSS_ENDED: constant(uint256) = 27

INSURANCE: constant(uint256) = 2
SHARING: constant(uint256) = 4
PASSAGE: constant(uint256) = 5
BEGUN: constant(uint256) = 1
COLLECTING: constant(uint256) = 2
OWNER_BITS: constant(uint256) = max_value(uint256) - (2 ** 96 - 1)
LIQUIDATION_AT: constant(uint256) = 208

DISPUTE: immutable(Dispute)

struct Work:
    code: uint256
    count: uint256
    numbers: uint256[2]
    before: accounts.Account[2]
    behind: accounts.Account[2]
    positions: bytes32[2]
    sharing: uint256  # the section's word


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
    code: uint256 = self._shape(record, witness.step, witness.more)
    if code != machine.ALLOWED:
        return self._end(subject, progress, witness.step, witness.more, code, state)
    work: Work = empty(Work)
    work.before[0] = accounts.account_at(witness.fields, 0)
    work.count, work.numbers = self._accounts(record, work.before[0])
    at: uint256 = 104
    if work.count == 2:
        work.before[1] = accounts.account_at(witness.fields, 104)
        at = 208
    assert work.before[0].word_count == 0 and work.before[1].word_count == 0, "WITNESS"
    work.positions[0] = accounts.positions_root(witness.first_pages)
    work.positions[1] = accounts.positions_root(witness.second_pages)
    work.behind = work.before
    sections: bytes32[8] = empty(bytes32[8])
    sections, at = machine.sections_at(witness.fields, at)
    opens_sharing: bool = record.kind in [DEFICIT, SHARE, LOSS_ENDED]
    if opens_sharing:
        work.sharing = convert(extract32(witness.fields, at), uint256)
        sections[SHARING] = machine.word_hash(work.sharing)
    assert keccak256(abi_encode(sections)) == state.parameters, "WITNESS"
    if sections[PASSAGE] != empty(bytes32):
        work.code = machine.PASSING
    elif record.kind == ACCOUNT:
        work = self._account(record, work, witness.more)
    elif not work.before[0].exists:
        work.code = machine.ACCOUNT
    elif record.kind == FAMILY:
        work = self._family(record, work)
    elif record.kind == LIQUIDATION:
        work.behind[0] = self._with_liquidation(work.before[0], record.flags)
    elif record.kind == LOSS and sections[SHARING] != empty(bytes32):
        work.code = machine.PASSING
    elif record.kind == SHARE:
        work = self._share(record, work)
    else:
        work = self._deficit(record, work)
    if work.code != machine.ALLOWED:
        work.behind = work.before
    used: uint256 = 0
    state.accounts, used = accounts.change_accounts(
        state.accounts, work.count, work.numbers, work.before, work.behind, work.positions, witness.siblings
    )
    if work.code != machine.ALLOWED:
        return self._end(subject, progress, witness.step, witness.more, work.code, progress.state)
    if opens_sharing or record.kind == LOSS:
        sections[SHARING] = machine.word_hash(work.sharing)
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
    has: uint256 = machine.HAS_FIRST
    has_more: uint256 = 0
    if kind == ACCOUNT:
        has |= machine.HAS_IDENT
        has_more = OWNER_BITS
    elif kind == FAMILY:
        has |= machine.HAS_FLAGS | machine.HAS_SECOND
    elif kind == LIQUIDATION:
        has |= machine.HAS_FLAGS
    elif kind == SHARE:
        has |= machine.HAS_SECOND | machine.HAS_P
    else:
        assert kind in [FUND_COVER, LOSS, DEFICIT, LOSS_ENDED], "KIND"
    if not machine.is_shaped(step, more, has, has_more):
        return machine.FIELD
    if record.first < accounts.FIRST_USER:
        return machine.ACCOUNT
    if kind == ACCOUNT and record.ident >= 2 ** 32 or kind == FAMILY and record.flags > 7:
        return machine.FIELD
    if kind == LIQUIDATION and record.flags > 1:
        return machine.FIELD
    if kind == SHARE and (record.second < accounts.FIRST_USER or record.second == record.first):
        return machine.ACCOUNT
    if kind == FAMILY and record.second == record.first:
        return machine.ACCOUNT
    if kind == SHARE and record.p <= 0:
        return machine.AMOUNT
    return machine.ALLOWED


@internal
@pure
def _accounts(record: machine.Record, first: accounts.Account) -> (uint256, uint256[2]):
    """
    @notice The accounts a step opens. A FAMILY that stays what it is opens one.
    """
    if record.kind == FAMILY:
        joins: bool = first.exists and first.family >> 224 != record.second
        return 2 if joins and record.second >= accounts.FIRST_USER else 1, [record.first, record.second]
    if record.kind == SHARE:
        return 2, [record.first, record.second]
    if record.kind == FUND_COVER:
        return 2, [record.first, INSURANCE]
    return 1, [record.first, 0]


@internal
@pure
def _with_liquidation(account: accounts.Account, under: uint256) -> accounts.Account:
    changed: accounts.Account = account
    kept: uint256 = account.family & (max_value(uint256) - (255 << LIQUIDATION_AT))
    changed.family = kept | (under << LIQUIDATION_AT)
    return changed


@internal
@pure
def _account(record: machine.Record, work: Work, owner: uint256) -> Work:
    made: Work = work
    before: accounts.Account = work.before[0]
    if before.exists and (before.head >> 96) << 96 != owner:
        made.code = machine.ACCOUNT
        return made
    made.behind[0].exists = True
    made.behind[0].head = owner | (record.ident << 64) | (before.head & machine.LOW_64)
    return made


@internal
@pure
def _family(record: machine.Record, work: Work) -> Work:
    made: Work = work
    main: uint256 = work.before[0].family >> 224
    if record.second != main:
        is_alone: bool = main == 0 and work.count == 2 and work.before[1].exists
        if not is_alone or work.before[1].family >> 224 != 0:
            made.code = machine.ACCOUNT
            return made
    kept: uint256 = work.before[0].family & (2 ** 216 - 1)
    made.behind[0].family = (record.second << 224) | (record.flags << 216) | kept
    return made


@internal
@pure
def _missing(account: accounts.Account) -> (int256, bool):
    """
    @notice What an account without lots is missing, and whether it is one.
    """
    has_lots: bool = (account.family >> positions.OPEN_AT) & machine.LOW_16 != 0
    return max(0, unsafe_sub(accounts.perpetual_entry(account), account.cash)), not has_lots


@internal
@pure
def _deficit(record: machine.Record, work: Work) -> Work:
    """
    @notice FUND_COVER, LOSS, DEFICIT and LOSS_ENDED.
    """
    made: Work = work
    account: accounts.Account = work.before[0]
    missing: int256 = 0
    is_flat: bool = False
    missing, is_flat = self._missing(account)
    phase: uint256 = (work.sharing >> 192) & machine.LOW_32
    is_of: bool = work.sharing >> 224 == record.first
    if record.kind == FUND_COVER:
        paid: int256 = min(missing, max(0, work.before[1].cash))
        made.behind[0] = accounts.paid(account, paid)
        made.behind[1] = accounts.paid(work.before[1], -paid)
        if not is_flat:
            made.code = machine.AMOUNT
    elif record.kind == LOSS:
        made.sharing = (record.first << 224) | (BEGUN << 192)
        if not accounts.in_liquidation(account):
            made.code = machine.ACCOUNT
    elif record.kind == DEFICIT:
        if not is_of or phase != BEGUN:
            made.code = machine.ORDER
        elif not is_flat:
            made.code = machine.AMOUNT
        elif missing >= 2 ** 64:
            made.code = machine.OVERFLOW
        else:
            amount: uint256 = convert(missing, uint256)
            made.sharing = (record.first << 224) | (COLLECTING << 192) | (amount << 64) | amount
    else:
        if not is_of or phase != COLLECTING:
            made.code = machine.ORDER
        elif work.sharing & machine.LOW_64 == 0:
            made.behind[0] = self._with_liquidation(account, 0)
        made.sharing = 0
    return made


@internal
@pure
def _share(record: machine.Record, work: Work) -> Work:
    made: Work = work
    payer: accounts.Account = work.before[0]
    phase: uint256 = (work.sharing >> 192) & machine.LOW_32
    last: uint256 = (work.sharing >> 160) & machine.LOW_32
    left: uint256 = work.sharing & machine.LOW_64
    if work.sharing >> 224 != record.second or phase != COLLECTING or record.first <= last:
        made.code = machine.ORDER
        return made
    if accounts.in_liquidation(payer) or not work.before[1].exists:
        made.code = machine.ACCOUNT
        return made
    if record.p > payer.cash or convert(record.p, uint256) > left:
        made.code = machine.AMOUNT
        return made
    kept: uint256 = work.sharing & ~((machine.LOW_32 << 160) | machine.LOW_64)
    made.sharing = kept | (record.first << 160) | (left - convert(record.p, uint256))
    made.behind[0] = accounts.paid(payer, -record.p)
    made.behind[1] = accounts.paid(work.before[1], record.p)
    return made
