# pragma version 0.4.3
"""
@title Instruments
@notice Instruments as a witness holds them, their leaves, terms and fees (docs/protocol.md, Instrument leaf).
"""
import machine

struct Instrument:
    exists: bool
    bitmap: uint256
    words: uint256[9]


@internal
@pure
def instrument_at(fields: Bytes[machine.FIELDS], at: uint256) -> Instrument:
    """
    @notice An instrument: exists u8, bitmap u32, then its nine words.
    """
    head: uint256 = convert(extract32(fields, at), uint256)
    found: Instrument = empty(Instrument)
    found.exists = head >> 248 != 0
    found.bitmap = (head >> 216) & machine.LOW_32
    for k: uint256 in range(9):
        found.words[k] = convert(extract32(fields, unsafe_add(at + 5, 32 * k)), uint256)
    return found


@internal
@pure
def instrument_leaf(instrument: Instrument) -> bytes32:
    if not instrument.exists:
        return empty(bytes32)
    return keccak256(abi_encode(instrument.words))


@internal
@pure
def term(instrument: Instrument, k: uint256) -> uint256:
    """
    @notice The 64-bit word number k of an instrument's terms.
    """
    return (instrument.words[3 + k // 4] >> (192 - 64 * (k % 4))) & machine.LOW_64


@internal
@pure
def multiplier(instrument: Instrument) -> uint256:
    return (instrument.words[3] & machine.LOW_64) * (instrument.words[4] >> 192) // 10 ** 8


@internal
@pure
def ceil_div(a: uint256, b: uint256) -> uint256:
    return (a + b - 1) // b


@internal
@pure
def fee(instrument: Instrument, rate: uint256, per_lot: uint256, size: uint256, worth: uint256) -> uint256:
    """
    @notice The fee on so many lots, rounded up at each step; an option's cap rounded down.
    """
    due: uint256 = self.ceil_div(self.ceil_div(per_lot * rate, 1000) * size, 1000)
    cap: uint256 = (instrument.words[5] >> 128) & machine.LOW_32
    if cap != 0 and (instrument.words[3] >> 192) & 255 == 1:
        return min(due, worth * cap // 1000)
    return due


@internal
@pure
def is_open(instrument: Instrument) -> bool:
    """
    @notice Listed, not ended, and no settlement of it under way.
    """
    return instrument.exists and instrument.words[0] >> 192 < 3 and instrument.words[2] == 0


@internal
@pure
def with_holders(instrument: Instrument, change: int256) -> (uint256, bool):
    """
    @notice The first word of an instrument behind a change of the number of its holders, and whether it fits.
    """
    holders: int256 = convert((instrument.words[0] >> 64) & machine.LOW_64, int256) + change
    if holders < 0 or holders >= 2 ** 64:
        return instrument.words[0], False
    kept: uint256 = instrument.words[0] & ~(machine.LOW_64 << 64)
    return kept | (convert(holders, uint256) << 64), True


@internal
@pure
def kind_of(instrument: Instrument) -> uint256:
    """
    @notice 1 option, 2 perpetual, 3 combo.
    """
    return (instrument.words[3] >> 192) & 255
