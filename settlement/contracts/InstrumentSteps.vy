# pragma version 0.4.3
"""
@title Instrument steps
@notice Executes steps about one instrument (docs/protocol.md): LISTING, STATE, MARK, and the settlement of all who
    hold it: SETTLE, HOLDER one by one, SETTLED.
"""
import accounts
import instruments
import machine
import paths
import positions
import trees

initializes: trees
initializes: paths[trees := trees]

interface Dispute:
    def advance(subject: bytes32, before: bytes32, behind: bytes32): nonpayable

LISTING: constant(uint256) = 5
STATE: constant(uint256) = 6
SETTLE: constant(uint256) = 16
HOLDER: constant(uint256) = 17
SETTLED: constant(uint256) = 18
MARK: constant(uint256) = 28

DELIVERY: constant(uint256) = 1
PERPETUAL_SETTLEMENT: constant(uint256) = 2
FUNDING: constant(uint256) = 3
ENDING: constant(uint256) = 4
OPTION: constant(uint256) = 1
PERPETUAL: constant(uint256) = 2
COMBO: constant(uint256) = 3
PUT: constant(uint256) = 2
DELISTED: constant(uint256) = 3
PASSAGE: constant(uint256) = 5
MOST_PRICE: constant(int256) = 2 ** 42
MOST_FUNDING: constant(int256) = 2 ** 48
MOST_FEE: constant(uint256) = 100_000
E8: constant(uint256) = 10 ** 8

DISPUTE: immutable(Dispute)

struct Holding:
    code: uint256
    cash: int256
    fees: int256
    size: int256  # by how much the position changes
    entry: int256


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
    at: uint256 = 0
    account: accounts.Account = empty(accounts.Account)
    words: Bytes[machine.WORDS] = b""
    if record.kind == HOLDER:
        account = accounts.account_at(witness.fields, 0)
        words = positions.words_at(witness.fields, 104, account.word_count)
        at = 104 + 32 * account.word_count
    instrument: instruments.Instrument = instruments.instrument_at(witness.fields, at)
    at += 293
    sections: bytes32[8] = empty(bytes32[8])
    sections, at = machine.sections_at(witness.fields, at)
    changed: instruments.Instrument = instrument
    account_after: accounts.Account = account
    position: positions.Position = empty(positions.Position)
    if record.kind == LISTING:
        code, changed, sections[3] = self._listing(record, instrument, witness.fields, at, witness.more)
    elif record.kind == HOLDER:
        holding: Holding = empty(Holding)
        position = positions.move(
            witness.first_pages, account.page_at, words, record.instrument, 0, 0
        )
        holding, changed = self._holder(record, account, instrument, position)
        code = holding.code
        if code == machine.ALLOWED:
            fits: bool = False
            is_perpetual: bool = instruments.kind_of(instrument) == PERPETUAL
            position = positions.move(
                witness.first_pages,
                account.page_at,
                words,
                record.instrument,
                holding.size,
                holding.entry,
            )
            account_after = accounts.paid(account, holding.cash)
            account_after.family, fits = positions.count_position(
                account, position, holding.size, holding.entry, is_perpetual
            )
            fits = fits and position.fits
            changed.words[0] = instrument.words[0]
            fine: bool = False
            changed.words[0], fine = instruments.with_holders(changed, positions.holders(position))
            state.fees = unsafe_add(state.fees, holding.fees)
            if not fits or not fine:
                code = machine.OVERFLOW
    else:
        code, changed = self._change(record, instrument)
    assert keccak256(abi_encode(sections)) == state.parameters, "WITNESS"
    if sections[PASSAGE] != empty(bytes32):
        code = machine.PASSING
    if code != machine.ALLOWED:
        changed = instrument
        account_after = account
        position.root_after = position.root_before
    used: uint256 = 0
    if record.kind == HOLDER:
        state.accounts, used = paths.change_one(
            state.accounts,
            record.first,
            account.bitmap,
            accounts.account_leaf(record.first, account, position.root_before),
            accounts.account_leaf(record.first, account_after, position.root_after),
            witness.siblings,
            0,
        )
    state.instruments, used = paths.change_one(
        state.instruments,
        record.instrument,
        instrument.bitmap,
        instruments.instrument_leaf(instrument),
        instruments.instrument_leaf(changed),
        witness.siblings,
        used,
    )
    if code != machine.ALLOWED:
        state = progress.state
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
    if kind == LISTING:
        has |= machine.HAS_FLAGS
        has_more = max_value(uint256)
    elif kind == STATE:
        has |= machine.HAS_FLAGS
    elif kind == SETTLE:
        has |= machine.HAS_FLAGS | machine.HAS_P
    elif kind == HOLDER:
        has |= machine.HAS_FIRST
    elif kind == MARK:
        has |= machine.HAS_IDENT | machine.HAS_P
    else:
        assert kind == SETTLED, "KIND"
    if not machine.is_shaped(step, more, has, has_more):
        return machine.FIELD
    if kind == LISTING and record.flags > 2 or kind == STATE and record.flags > 4:
        return machine.FIELD
    if kind == SETTLE and (record.flags == 0 or record.flags > ENDING) or kind == MARK and record.p < 0:
        return machine.FIELD
    if kind == HOLDER and record.first == 0:
        return machine.ACCOUNT
    return machine.ALLOWED


@internal
@pure
def _listing(
    record: machine.Record,
    instrument: instruments.Instrument,
    fields: Bytes[machine.FIELDS],
    at: uint256,
    hash: uint256,
) -> (uint256, instruments.Instrument, bytes32):
    """
    @notice LISTING: the instrument, and the hash of the underlyings.
    """
    listed: instruments.Instrument = empty(instruments.Instrument)
    listed.exists = True
    listed.bitmap = instrument.bitmap
    listed.words[0] = record.flags << 192
    section: bytes32 = empty(bytes32)
    count: uint256 = 0
    start: uint256 = 0
    section, count, start = machine.list_at(fields, at)
    terms: uint256[6] = empty(uint256[6])
    for k: uint256 in range(6):
        terms[k] = convert(extract32(fields, start + 32 * (count + k)), uint256)
        listed.words[3 + k] = terms[k]
    assert keccak256(abi_encode(terms)) == convert(hash, bytes32), "WITNESS"
    place: uint256 = 0
    underlying: uint256 = 0
    place, underlying = machine.find_underlying(
        fields, start, count, (listed.words[3] >> 224) & machine.LOW_32
    )
    if instrument.exists:
        return machine.INSTRUMENT, listed, section
    if underlying == 0:
        return machine.NO_INDEX, listed, section
    if not self._are_terms(listed):
        return machine.FIELD, listed, section
    return machine.ALLOWED, listed, section


@internal
@pure
def _are_terms(listed: instruments.Instrument) -> bool:
    """
    @notice Whether terms are such that no later product leaves its field.
    """
    kind: uint256 = instruments.kind_of(listed)
    option_type: uint256 = (listed.words[3] >> 200) & 255
    tick: uint256 = listed.words[3] & machine.LOW_64
    lot: uint256 = listed.words[4] >> 192
    limit: uint256 = (listed.words[4] >> 64) & machine.LOW_64
    fees: uint256 = listed.words[5] >> 192
    caps: uint256 = (listed.words[5] >> 128) & machine.LOW_64
    if kind < OPTION or kind > COMBO or option_type > PUT or (kind == OPTION) != (option_type != 0):
        return False
    if tick < 1 or tick > 2 ** 40 or lot < 1 or lot > 10 ** 10 or tick * lot % E8 != 0:
        return False
    if instruments.term(listed, 2) > 2 ** 42 or limit < 1 or limit > 2 ** 40:
        return False
    if limit * instruments.multiplier(listed) > 2 ** 45:
        return False
    if fees & machine.LOW_32 > MOST_FEE or fees >> 32 > MOST_FEE:
        return False
    return caps & machine.LOW_32 <= 1000 and caps >> 32 <= MOST_FEE


@internal
@pure
def _change(record: machine.Record, instrument: instruments.Instrument) -> (uint256, instruments.Instrument):
    """
    @notice STATE, MARK, SETTLE and SETTLED.
    """
    changed: instruments.Instrument = instrument
    kind: uint256 = instruments.kind_of(instrument)
    holders: uint256 = (instrument.words[0] >> 64) & machine.LOW_64
    if record.kind == SETTLED:
        under_way: bool = instrument.exists and instrument.words[2] >> 192 != 0
        if not under_way or (instrument.words[2] >> 128) & machine.LOW_64 != 0:
            return machine.ORDER, changed
        changed.words[2] = 0
        return machine.ALLOWED, changed
    if not instruments.is_open(instrument):
        return machine.INSTRUMENT, changed
    if record.kind == STATE:
        if record.flags >= DELISTED and holders != 0:
            return machine.AMOUNT, changed
        changed.words[0] = (instrument.words[0] & (2 ** 192 - 1)) | (record.flags << 192)
        return machine.ALLOWED, changed
    price: uint256 = machine.unsigned(record.p) & machine.LOW_64
    if record.kind == MARK:
        if record.ident < (instrument.words[1] >> 128) & machine.LOW_64:
            return machine.ORDER, changed
        changed.words[1] = (price << 192) | (record.ident << 128) | (instrument.words[1] & machine.LOW_128)
        return machine.ALLOWED, changed
    wanted: uint256 = OPTION if record.flags == DELIVERY or record.flags == ENDING else PERPETUAL
    if kind != wanted:
        return machine.INSTRUMENT, changed
    least: int256 = -MOST_FUNDING if record.flags == FUNDING else 0
    most: int256 = 0
    if record.flags == DELIVERY:
        most = MOST_PRICE
    elif record.flags == FUNDING:
        most = MOST_FUNDING
    elif record.flags == PERPETUAL_SETTLEMENT:
        most = convert((instrument.words[4] >> 64) & machine.LOW_64, int256)
    if record.p < least or record.p > most:
        return machine.AMOUNT, changed
    changed.words[2] = (record.flags << 192) | (holders << 128) | price
    return machine.ALLOWED, changed


@internal
@pure
def _holder(
    record: machine.Record,
    account: accounts.Account,
    instrument: instruments.Instrument,
    position: positions.Position,
) -> (Holding, instruments.Instrument):
    """
    @notice HOLDER: what a settlement does to one who holds the instrument, whose place in line is taken.
    """
    made: Holding = empty(Holding)
    changed: instruments.Instrument = instrument
    told: uint256 = instrument.words[2]
    kind: uint256 = told >> 192
    left: uint256 = (told >> 128) & machine.LOW_64
    last: uint256 = (told >> 64) & machine.LOW_64
    price: int256 = machine.signed(told << 192) >> 192
    size: int256 = position.size_before
    entry: int256 = position.entry_before
    if not instrument.exists or kind == 0:
        made.code = machine.INSTRUMENT
        return made, changed
    if not position.existed or (record.first >= accounts.FIRST_USER and not account.exists):
        made.code = machine.ACCOUNT
        return made, changed
    if record.first <= last or left == 0:
        made.code = machine.ORDER
        return made, changed
    changed.words[2] = (kind << 192) | (unsafe_sub(left, 1) << 128) | (record.first << 64)
    changed.words[2] |= told & machine.LOW_64
    if kind == DELIVERY:
        payoff: int256 = 0
        payoff, made.fees = self._delivery(instrument, price, size)
        made.cash = payoff - made.fees
        made.size = -size
        made.entry = -entry
    elif kind == PERPETUAL_SETTLEMENT:
        after: int256 = price * size * convert(instruments.multiplier(instrument), int256)
        made.cash = after - entry
        made.entry = after - entry
    elif kind == FUNDING:
        made.cash = -(price * size)
    else:
        if size != 0:
            made.code = machine.AMOUNT
        made.entry = -entry
    return made, changed


@internal
@pure
def _delivery(instrument: instruments.Instrument, price: int256, size: int256) -> (int256, int256):
    """
    @notice (payoff, fee) of a position at delivery.
    """
    inside: int256 = price - convert(instruments.term(instrument, 2), int256)
    if (instrument.words[3] >> 200) & 255 == PUT:
        inside = -inside
    lot: uint256 = instrument.words[4] >> 192
    lots: uint256 = convert(abs(size), uint256)
    payoff: uint256 = lots * (convert(max(inside, 0), uint256) * lot // E8)
    per_lot: uint256 = instruments.ceil_div(convert(price, uint256) * lot, E8)
    rate: uint256 = (instrument.words[5] >> 160) & machine.LOW_32
    fee: uint256 = instruments.fee(instrument, rate, per_lot, lots, payoff)
    if size < 0:
        return -convert(payoff, int256), convert(fee, int256)
    return convert(payoff, int256), convert(fee, int256)
