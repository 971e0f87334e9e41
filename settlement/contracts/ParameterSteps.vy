# pragma version 0.4.3
"""
@title Parameter steps
@notice Executes steps that change parameters (docs/protocol.md): UNDERLYING, FEES, RISK and DISCOUNT; and
    LIQUIDATION_FEE, which parameters bound.
"""
import accounts
import instruments
import machine
import paths
import trees

initializes: trees
initializes: paths[trees := trees]
initializes: accounts[paths := paths]

interface Dispute:
    def advance(subject: bytes32, before: bytes32, behind: bytes32): nonpayable

UNDERLYING: constant(uint256) = 7
FEES: constant(uint256) = 8
RISK: constant(uint256) = 9
DISCOUNT: constant(uint256) = 10
LIQUIDATION_FEE: constant(uint256) = 15

INSURANCE: constant(uint256) = 2
FEE_LIST: constant(uint256) = 2
UNDERLYING_LIST: constant(uint256) = 3
PASSAGE: constant(uint256) = 5
SLICE: constant(uint256) = 6
MOST_RATE: constant(int256) = 100_000
MOST_TIERS: constant(uint256) = 8
MOST_UNDERLYINGS: constant(uint256) = 1024
E8: constant(uint256) = 10 ** 8

DISPUTE: immutable(Dispute)


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
    if record.kind == LIQUIDATION_FEE:
        code, state = self._liquidation_fee(
            record, state, witness.fields, witness.first_pages, witness.second_pages, witness.siblings
        )
        return self._end(subject, progress, witness.step, witness.more, code, state)
    sections: bytes32[8] = empty(bytes32[8])
    at: uint256 = 0
    count: uint256 = 0
    changed: bytes32 = empty(bytes32)
    section: uint256 = UNDERLYING_LIST
    if record.kind == FEES or record.kind == DISCOUNT:
        section = FEE_LIST
    sections, at = machine.sections_at(witness.fields, 0)
    sections[section], count, at = machine.list_at(witness.fields, at)
    assert keccak256(abi_encode(sections)) == state.parameters, "WITNESS"
    if sections[PASSAGE] != empty(bytes32):
        code = machine.PASSING
    elif section == FEE_LIST:
        code, changed = self._fees(record, witness.fields, at, count, witness.more)
    else:
        code, changed = self._underlying(record, witness.fields, at, count)
    if code == machine.ALLOWED:
        sections[section] = changed
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
def _shape(record: machine.Record, step: uint256, more: uint256) -> uint256:
    """
    @notice What is wrong with the record alone.
    """
    kind: uint256 = record.kind
    has: uint256 = machine.HAS_INSTRUMENT
    has_more: uint256 = 0
    if kind == UNDERLYING:
        has |= machine.HAS_IDENT
    elif kind == FEES:
        has = machine.HAS_FLAGS
        has_more = max_value(uint256)
    elif kind == RISK:
        has |= machine.HAS_P
    elif kind == DISCOUNT:
        has = machine.HAS_P
    else:
        assert kind == LIQUIDATION_FEE, "KIND"
        has |= machine.HAS_FIRST | machine.HAS_P
        has_more = machine.HAS_Q
    if not machine.is_shaped(step, more, has, has_more):
        return machine.FIELD
    if kind == UNDERLYING and record.ident == 0 or kind == FEES and record.flags >= MOST_TIERS:
        return machine.FIELD
    if kind == RISK and (record.p < 0 or record.p > MOST_RATE):
        return machine.FIELD
    if kind == DISCOUNT and (record.p < 0 or record.p > 1000):
        return machine.FIELD
    if kind == FEES:
        for k: uint256 in range(4):
            rate: int256 = machine.signed(more << (64 * k)) >> 192
            least: int256 = -MOST_RATE if k % 2 == 0 else 0
            if rate < least or rate > MOST_RATE:
                return machine.FIELD
    if kind == LIQUIDATION_FEE:
        if record.first < accounts.FIRST_USER:
            return machine.ACCOUNT
        if record.p < 0:
            return machine.AMOUNT
    return machine.ALLOWED


@internal
@pure
def _underlying(
    record: machine.Record, fields: Bytes[machine.FIELDS], at: uint256, count: uint256
) -> (uint256, bytes32):
    """
    @notice UNDERLYING and RISK: the code, and the list's hash behind it.
    """
    place: uint256 = 0
    word: uint256 = 0
    place, word = machine.find_underlying(fields, at, count, record.instrument)
    is_known: bool = word != 0
    if record.kind == RISK:
        if not is_known:
            return machine.NO_INDEX, empty(bytes32)
        word = (word & ~machine.LOW_64) | convert(record.p, uint256)
    elif is_known:
        word = (word & ~(machine.LOW_64 << 128)) | (record.ident << 128)
    else:
        if place != count or record.instrument >= MOST_UNDERLYINGS:
            return machine.ORDER, empty(bytes32)
        word = (record.instrument << 224) | (record.ident << 128)
    return machine.ALLOWED, machine.with_entry(fields, at, count, place, word)


@internal
@pure
def _fees(
    record: machine.Record, fields: Bytes[machine.FIELDS], at: uint256, count: uint256, tier: uint256
) -> (uint256, bytes32):
    """
    @notice FEES and DISCOUNT: the code, and the list's hash behind it: the discount, then the tiers.
    """
    discount: bytes32 = empty(bytes32)
    tiers: uint256 = 0
    if count != 0:
        discount = extract32(fields, at)
        tiers = count - 1
    start: uint256 = at + 32 if count != 0 else at
    if record.kind == DISCOUNT:
        discount = convert(record.p, bytes32)
        if record.p == 0 and tiers == 0:
            return machine.ALLOWED, empty(bytes32)
        return machine.ALLOWED, keccak256(concat(discount, slice(fields, start, tiers * 32)))
    if record.flags > tiers:
        return machine.ORDER, empty(bytes32)
    kept: Bytes[machine.FIELDS] = slice(fields, start, record.flags * 32)
    return machine.ALLOWED, keccak256(concat(discount, kept, convert(tier, bytes32)))


@internal
@view
def _liquidation_fee(
    record: machine.Record,
    state: machine.State,
    fields: Bytes[machine.FIELDS],
    first_pages: Bytes[machine.PAGES],
    second_pages: Bytes[machine.PAGES],
    siblings: DynArray[bytes32, machine.SIBLINGS],
) -> (uint256, machine.State):
    """
    @notice LIQUIDATION_FEE: of the fills just before it, to the insurance fund.
    """
    account: accounts.Account = accounts.account_at(fields, 0)
    fund: accounts.Account = accounts.account_at(fields, 104)
    assert account.word_count == 0 and fund.word_count == 0, "WITNESS"
    instrument: instruments.Instrument = instruments.instrument_at(fields, 208)
    sections: bytes32[8] = empty(bytes32[8])
    at: uint256 = 0
    count: uint256 = 0
    sections, at = machine.sections_at(fields, 501)
    sections[UNDERLYING_LIST], count, at = machine.list_at(fields, at)
    place: uint256 = 0
    underlying: uint256 = 0
    place, underlying = machine.find_underlying(
        fields, at, count, (instrument.words[3] >> 224) & machine.LOW_32
    )
    told: uint256 = convert(extract32(fields, at + 32 * count), uint256)
    sections[SLICE] = machine.word_hash(told)
    assert keccak256(abi_encode(sections)) == state.parameters, "WITNESS"
    code: uint256 = machine.ALLOWED
    lots: uint256 = machine.unsigned(record.q) & machine.LOW_64
    wanted: uint256 = (record.first << 96) | (record.instrument << 64) | lots
    if sections[PASSAGE] != empty(bytes32):
        code = machine.PASSING
    elif not account.exists:
        code = machine.ACCOUNT
    elif not instrument.exists or underlying == 0:
        code = machine.INSTRUMENT
    elif told >> 128 != wanted:
        code = machine.ORDER
    else:
        price: uint256 = (underlying >> 64) & machine.LOW_64
        per_lot: uint256 = instruments.ceil_div(price * (instrument.words[4] >> 192), E8)
        size: uint256 = convert(abs(record.q), uint256)
        worth: uint256 = told & machine.LOW_128
        most: uint256 = instruments.fee(instrument, underlying & machine.LOW_64, per_lot, size, worth)
        if convert(record.p, uint256) > most:
            code = machine.AMOUNT
    amount: int256 = record.p if code == machine.ALLOWED else 0
    after: machine.State = state
    used: uint256 = 0
    after.accounts, used = accounts.change_accounts(
        state.accounts,
        2,
        [record.first, INSURANCE],
        [account, fund],
        [accounts.paid(account, -amount), accounts.paid(fund, amount)],
        [accounts.positions_root(first_pages), accounts.positions_root(second_pages)],
        siblings,
    )
    leaf: bytes32 = instruments.instrument_leaf(instrument)
    after.instruments, used = paths.change_one(
        state.instruments, record.instrument, instrument.bitmap, leaf, leaf, siblings, used
    )
    if code != machine.ALLOWED:
        return code, state
    sections[SLICE] = empty(bytes32)
    after.parameters = keccak256(abi_encode(sections))
    return machine.ALLOWED, after
