# pragma version 0.4.3
"""
@title Fill steps
@notice Executes what a fill chunk is made of (docs/protocol.md), FILL and INDEX, against a witness.
@dev Whatever the rules forbid ends the dispute with a code; a witness that does not lead to the state's roots
    reverts.
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

KIND_INDEX: constant(uint256) = 0
KIND_FILL: constant(uint256) = 1
TAKER_SELLS: constant(uint256) = 1
MAKER_BY_COMBO: constant(uint256) = 2
TAKER_BY_COMBO: constant(uint256) = 4
TAKER_RESTS: constant(uint256) = 8
CLASS_LIQUIDATION: constant(uint256) = 3
CLASS_BLOCK: constant(uint256) = 5
IS_OPTION: constant(uint256) = 1
E8: constant(uint256) = 10 ** 8

struct Fill:
    instrument: uint256
    maker: uint256
    taker: uint256
    flags: uint256
    ident: uint256
    maker_class: uint256
    taker_class: uint256
    price: uint256
    size: uint256

struct Fees:
    discount: uint256
    maker_rate: int256  # of the maker as maker
    taker_rate: int256  # of the taker as what it is charged as
    index: uint256


MOST_STEPS: constant(uint256) = 64
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
    @notice Execute the next step of a chunk in dispute, a FILL or an INDEX.
    @param subject The dispute, as its contract names it; zero: only look.
    @param progress Where it stands.
    @param witness The step and what it touches: see docs/contracts.md.
    @return Where it stands behind the step.
    @custom:errors WITNESS: the witness does not lead to the state's roots; KIND: a step of another kind; OVER: a step before was not allowed already.
    """
    state: machine.State = progress.state
    code: uint256 = machine.ALLOWED
    kind: uint256 = witness.step >> 248
    assert kind == KIND_FILL or kind == KIND_INDEX, "KIND"
    if kind == KIND_INDEX:
        code, state = self._index(state, witness.step, witness.more, witness.fields)
        return self._end(subject, progress, witness.step, witness.more, code, state)
    fill: Fill = empty(Fill)
    fill, code = self._parse(witness.step, witness.more)
    if code != machine.ALLOWED:
        return self._end(subject, progress, witness.step, witness.more, code, state)

    maker: accounts.Account = accounts.account_at(witness.fields, 0)
    at: uint256 = 104
    maker_words: Bytes[machine.WORDS] = positions.words_at(witness.fields, at, maker.word_count)
    at = unsafe_add(at, 32 * maker.word_count)
    taker: accounts.Account = accounts.account_at(witness.fields, at)
    at = unsafe_add(at, 104)
    taker_words: Bytes[machine.WORDS] = positions.words_at(witness.fields, at, taker.word_count)
    at = unsafe_add(at, 32 * taker.word_count)
    instrument: instruments.Instrument = instruments.instrument_at(witness.fields, at)
    at = unsafe_add(at, 293)

    # Parameters: fees, underlyings, and the fills that await a liquidation fee.
    sections: bytes32[8] = empty(bytes32[8])
    sections, at = machine.sections_at(witness.fields, at)
    count: uint256 = 0
    fees: Fees = empty(Fees)
    is_option: bool = (instrument.words[3] >> 192) & 255 == IS_OPTION
    column: uint256 = 0 if is_option else 2
    terms: uint256 = instrument.words[5] >> 192
    sections[2], count, at = machine.list_at(witness.fields, at)
    if count != 0:
        fees.discount = convert(extract32(witness.fields, at), uint256)
    fees.maker_rate = self._rate(witness.fields, at, count, terms, (maker.family >> 216) & 255, column)
    if fill.flags & TAKER_RESTS == 0:
        column += 1
    fees.taker_rate = self._rate(witness.fields, at, count, terms, (taker.family >> 216) & 255, column)
    at = unsafe_add(at, 32 * count)
    sections[3], count, at = machine.list_at(witness.fields, at)
    place: uint256 = 0
    place, fees.index = machine.find_underlying(witness.fields, at, count, (instrument.words[3] >> 224) & machine.LOW_32)
    fees.index = (fees.index >> 64) & machine.LOW_64
    at = unsafe_add(at, 32 * count)

    # What it comes to.
    worth: uint256 = fill.price * fill.size * instruments.multiplier(instrument)
    size: int256 = convert(fill.size, int256)
    entry: int256 = convert(worth, int256)
    if fill.flags & TAKER_SELLS != 0:
        size = -size
        entry = -entry
    after: machine.State = state
    mine: positions.Position = positions.move(
        witness.first_pages, maker.page_at, maker_words, fill.instrument, -size, -entry
    )
    theirs: positions.Position = positions.move(
        witness.second_pages, taker.page_at, taker_words, fill.instrument, size, entry
    )
    code = self._judge(fill, maker, taker, instrument, fees.index)
    if sections[5] != empty(bytes32):
        code = machine.PASSING
    changed: instruments.Instrument = instrument
    maker_after: accounts.Account = maker
    taker_after: accounts.Account = taker
    if code == machine.ALLOWED:
        maker_fee: int256 = 0
        taker_fee: int256 = 0
        maker_fee, taker_fee = self._charge(fill, fees, instrument, worth)
        premium: int256 = entry if is_option else 0
        fits: bool = mine.fits and theirs.fits
        fine: bool = False
        family: uint256 = 0
        family, fine = positions.count_position(maker, mine, -size, -entry, not is_option)
        fits = fits and fine
        maker_after = self._book(maker, premium - maker_fee, family)
        family, fine = positions.count_position(taker, theirs, size, entry, not is_option)
        fits = fits and fine
        taker_after = self._book(taker, -premium - taker_fee, family)
        after.fees = unsafe_add(state.fees, maker_fee + taker_fee)
        changed.words[0], fine = instruments.with_holders(instrument, positions.holders(mine) + positions.holders(theirs))
        fits = fits and fine
        changed.words[0] &= ~((machine.LOW_64 << 128) | machine.LOW_64)
        changed.words[0] |= (fill.price << 128) | (fill.flags & TAKER_SELLS)
        changed.words[1] = (instrument.words[1] & ~(machine.LOW_64 << 64)) | (fill.ident << 64)
        if not fits:
            code = machine.OVERFLOW

    if fill.taker_class == CLASS_LIQUIDATION:
        before: uint256 = convert(extract32(witness.fields, at), uint256)
        word: uint256 = 0
        fine: bool = False
        word, fine = self._slice(fill, before, worth)
        if not fine and code == machine.ALLOWED:
            code = machine.OVERFLOW
        sections[6] = machine.word_hash(before)
        assert keccak256(abi_encode(sections)) == state.parameters, "WITNESS"
        sections[6] = machine.word_hash(word)
        after.parameters = keccak256(abi_encode(sections))
    else:
        assert keccak256(abi_encode(sections)) == state.parameters, "WITNESS"

    if code != machine.ALLOWED:
        # Nothing changes, but the witness must still be the state's.
        maker_after = maker
        taker_after = taker
        mine.root_after = mine.root_before
        theirs.root_after = theirs.root_before
        changed = instrument
    used: uint256 = 0
    after.accounts, used = paths.change_two(
        state.accounts,
        [fill.maker, fill.taker],
        [maker.bitmap, taker.bitmap],
        [
            accounts.account_leaf(fill.maker, maker, mine.root_before),
            accounts.account_leaf(fill.taker, taker, theirs.root_before),
        ],
        [
            accounts.account_leaf(fill.maker, maker_after, mine.root_after),
            accounts.account_leaf(fill.taker, taker_after, theirs.root_after),
        ],
        witness.siblings,
        0,
    )
    after.instruments, used = paths.change_one(
        state.instruments,
        fill.instrument,
        instrument.bitmap,
        instruments.instrument_leaf(instrument),
        instruments.instrument_leaf(changed),
        witness.siblings,
        used,
    )
    if code != machine.ALLOWED:
        after = state
    return self._end(subject, progress, witness.step, witness.more, code, after)


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
def _index(
    state: machine.State, step: uint256, more: uint256, fields: Bytes[machine.FIELDS]
) -> (uint256, machine.State):
    """
    @notice INDEX: an underlying's index.
    """
    price: int256 = machine.signed(step << 192) >> 192
    mask: uint256 = (machine.LOW_32 << 192) | machine.LOW_64
    if step & ~mask != 0 or more != 0 or price < 1 or price > 2 ** 42:
        return machine.FIELD, state
    sections: bytes32[8] = empty(bytes32[8])
    at: uint256 = 0
    count: uint256 = 0
    sections, at = machine.sections_at(fields, 0)
    sections[3], count, at = machine.list_at(fields, at)
    assert keccak256(abi_encode(sections)) == state.parameters, "WITNESS"
    place: uint256 = 0
    word: uint256 = 0
    place, word = machine.find_underlying(
        fields, at, count, (step >> 192) & machine.LOW_32
    )
    if word == 0:
        return machine.NO_INDEX, state
    if sections[5] != empty(bytes32):
        return machine.PASSING, state
    word = (word & ~(machine.LOW_64 << 64)) | (convert(price, uint256) << 64)
    after: machine.State = state
    sections[3] = machine.with_entry(fields, at, count, place, word)
    after.parameters = keccak256(abi_encode(sections))
    return machine.ALLOWED, after


@internal
@pure
def _parse(step: uint256, more: uint256) -> (Fill, uint256):
    """
    @notice The fields of the step and what is wrong with them alone.
    """
    price: int256 = machine.signed(step << 192) >> 192
    size: int256 = machine.signed(more) >> 192
    fill: Fill = Fill(
        instrument=(step >> 192) & machine.LOW_32,
        maker=(step >> 160) & machine.LOW_32,
        taker=(step >> 128) & machine.LOW_32,
        flags=(step >> 224) & machine.LOW_16,
        ident=(step >> 64) & machine.LOW_64,
        maker_class=(step >> 244) & 15,
        taker_class=(step >> 240) & 15,
        price=convert(max(price, 0), uint256),
        size=convert(max(size, 0), uint256),
    )
    if more << 64 != 0 or fill.flags > 15 or price <= 0:
        return fill, machine.FIELD
    if fill.flags & TAKER_RESTS != 0 and fill.flags & TAKER_BY_COMBO == 0:
        return fill, machine.FIELD
    if size <= 0 or size >= 2 ** 28:
        return fill, machine.FIELD
    if fill.maker == fill.taker or fill.maker < accounts.FIRST_USER or fill.taker < accounts.FIRST_USER:
        return fill, machine.ACCOUNT
    if fill.maker_class > 5 or fill.maker_class in [3, 4] or fill.taker_class > 5 or fill.taker_class == 4:
        return fill, machine.AUTHORISATION
    if (fill.maker_class == CLASS_BLOCK) != (fill.taker_class == CLASS_BLOCK):
        return fill, machine.AUTHORISATION
    if fill.maker_class == CLASS_BLOCK and fill.flags > 1:
        return fill, machine.AUTHORISATION
    return fill, machine.ALLOWED


@internal
@pure
def _rate(fields: Bytes[machine.FIELDS], at: uint256, count: uint256, terms: uint256, tier: uint256, column: uint256) -> int256:
    """
    @notice The rate in a column of the fee schedule (0 and 1 options', 2 and 3 perpetuals'; maker, taker), of the
        terms where there is no schedule.
    """
    if count < 2:
        if column & 1 == 0:
            return convert(terms & machine.LOW_32, int256)
        return convert(terms >> 32, int256)
    word: uint256 = convert(extract32(fields, at + 32 * (1 + min(tier, count - 2))), uint256)
    return machine.signed(word << (64 * column)) >> 192


@internal
@pure
def _charge(fill: Fill, fees: Fees, instrument: instruments.Instrument, worth: uint256) -> (int256, int256):
    """
    @notice (maker's fee, taker's fee); the maker's is negative for a rebate.
    """
    per_lot: uint256 = instruments.ceil_div(fees.index * (instrument.words[4] >> 192), E8)
    kept: uint256 = 1000 - fees.discount
    full: uint256 = instruments.fee(instrument, convert(max(fees.taker_rate, 0), uint256), per_lot, fill.size, worth)
    taker_fee: uint256 = full
    if fill.flags & TAKER_BY_COMBO != 0:
        taker_fee = instruments.ceil_div(full * kept, 1000)
    if fees.maker_rate < 0:
        nano: uint256 = per_lot * convert(-fees.maker_rate, uint256) // 1000
        rebate: uint256 = min(nano * fill.size // 1000, full)
        if fill.flags & MAKER_BY_COMBO != 0:
            rebate = rebate * kept // 1000
        return -convert(min(rebate, taker_fee), int256), convert(taker_fee, int256)
    maker_fee: uint256 = instruments.fee(instrument, convert(fees.maker_rate, uint256), per_lot, fill.size, worth)
    if fill.flags & MAKER_BY_COMBO != 0:
        maker_fee = instruments.ceil_div(maker_fee * kept, 1000)
    return convert(maker_fee, int256), convert(taker_fee, int256)


@internal
@pure
def _slice(fill: Fill, before: uint256, worth: uint256) -> (uint256, bool):
    """
    @notice The word of fills that await a liquidation fee, behind this one, and whether it fits.
    """
    lots: int256 = convert(fill.size, int256)
    if fill.flags & TAKER_SELLS != 0:
        lots = -lots
    owner: uint256 = (fill.taker << 224) | (fill.instrument << 192)
    sum: uint256 = worth
    earlier: int256 = machine.signed(before << 64) >> 192
    if before >> 192 == owner >> 192 and (earlier < 0) == (lots < 0) and before != 0:
        lots += earlier
        sum += before & machine.LOW_128
    fits: bool = positions.is_size(lots) and sum <= machine.LOW_128
    return owner | ((machine.unsigned(lots) & machine.LOW_64) << 128) | (sum & machine.LOW_128), fits


@internal
@pure
def _book(account: accounts.Account, cash: int256, family: uint256) -> accounts.Account:
    changed: accounts.Account = account
    changed.cash = unsafe_add(account.cash, cash)
    changed.family = family
    return changed


@internal
@pure
def _judge(
    fill: Fill,
    maker: accounts.Account,
    taker: accounts.Account,
    instrument: instruments.Instrument,
    index: uint256,
) -> uint256:
    """
    @notice Why the state does not allow the fill.
    """
    if not maker.exists or not taker.exists:
        return machine.ACCOUNT
    kind: uint256 = (instrument.words[3] >> 192) & 255
    if not instruments.is_open(instrument) or kind < 1 or kind > 2:
        return machine.INSTRUMENT
    if fill.price > (instrument.words[4] >> 64) & machine.LOW_64:
        return machine.FIELD
    if index == 0:
        return machine.NO_INDEX
    if fill.ident <= (instrument.words[1] >> 64) & machine.LOW_64:
        return machine.ORDER
    if fill.maker_class == CLASS_BLOCK:
        if accounts.family_of(fill.maker, maker) == accounts.family_of(fill.taker, taker):
            return machine.AUTHORISATION
    if fill.taker_class == CLASS_LIQUIDATION and (taker.family >> 208) & 255 == 0:
        return machine.AUTHORISATION
    return machine.ALLOWED
