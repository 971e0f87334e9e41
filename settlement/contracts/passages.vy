# pragma version 0.4.3
"""
@title Passages
@notice Positions that pass from one account to another, step by step: what is under way (docs/protocol.md, Parameters,
    section 5), and the part of a position a takeover moves.
"""
import instruments
import machine

OF_TAKEOVER: constant(uint256) = 1
OF_MOVE: constant(uint256) = 2
PART_MOVED: constant(uint256) = 1
PART_OTHER: constant(uint256) = 2

struct Passage:
    kind: uint256
    source: uint256
    destination: uint256
    fraction: uint256
    left: uint256
    next: uint256
    flags: uint256
    worth: int256
    most: uint256
    topped: uint256


@internal
@pure
def read(words: uint256[3]) -> Passage:
    return Passage(
        kind=words[0] >> 224,
        source=(words[0] >> 192) & machine.LOW_32,
        destination=(words[0] >> 160) & machine.LOW_32,
        fraction=(words[0] >> 128) & machine.LOW_32,
        left=(words[0] >> 96) & machine.LOW_32,
        next=(words[0] >> 32) & machine.LOW_64,
        flags=words[0] & machine.LOW_32,
        worth=machine.signed(words[1]) >> 128,
        most=words[1] & machine.LOW_128,
        topped=words[2],
    )


@internal
@pure
def hash(passage: Passage) -> bytes32:
    """
    @notice Of the section: zero while nothing passes.
    """
    if passage.kind == 0:
        return empty(bytes32)
    head: uint256 = (passage.kind << 224) | (passage.source << 192) | (passage.destination << 160)
    head |= (passage.fraction << 128) | (passage.left << 96) | (passage.next << 32) | passage.flags
    sums: uint256 = (machine.unsigned(passage.worth) << 128) | passage.most
    return keccak256(abi_encode(head, sums, passage.topped))


@internal
@pure
def part(size: int256, fraction: uint256, is_option: bool) -> int256:
    """
    @notice The part of a position a takeover moves: of an option held long rounded down, else away from zero.
    """
    lots: uint256 = convert(abs(size), uint256) * fraction
    if size > 0 and is_option:
        return convert(lots // 1_000_000, int256)
    part: int256 = convert(instruments.ceil_div(lots, 1_000_000), int256)
    return part if size > 0 else -part
