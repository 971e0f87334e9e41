# pragma version 0.4.3
"""
@title Paths
@notice Changes of leaves of the sparse trees: the root before is checked, the root behind returned.
"""
import machine
import trees

uses: trees


@internal
@view
def fold(
    path: uint256,
    before: bytes32,
    behind: bytes32,
    bitmap: uint256,
    low: uint256,
    high: uint256,
    siblings: DynArray[bytes32, machine.SIBLINGS],
    start: uint256,
) -> (bytes32, bytes32, uint256):
    """
    @notice Two nodes of one path, before and behind a change, taken from one height of the sparse tree to
        another; and the next sibling.
    """
    old: bytes32 = before
    new: bytes32 = behind
    at: uint256 = start
    bit: uint256 = 1 << low
    sibling: bytes32 = empty(bytes32)
    for h: uint256 in range(low, high, bound=32):
        if bitmap & bit != 0:
            sibling = siblings[at]
            at = unsafe_add(at, 1)
        else:
            sibling = trees.EMPTY[h]
        if path & bit != 0:
            old = keccak256(abi_encode(sibling, old))
            new = keccak256(abi_encode(sibling, new))
        else:
            old = keccak256(abi_encode(old, sibling))
            new = keccak256(abi_encode(new, sibling))
        bit = unsafe_add(bit, bit)
    return old, new, at


@internal
@view
def change_one(
    root: bytes32,
    path: uint256,
    bitmap: uint256,
    before: bytes32,
    behind: bytes32,
    siblings: DynArray[bytes32, machine.SIBLINGS],
    start: uint256,
) -> (bytes32, uint256):
    """
    @notice The root behind a change of one leaf, and the next sibling. Reverts unless the leaf was there.
    """
    old: bytes32 = empty(bytes32)
    new: bytes32 = empty(bytes32)
    at: uint256 = 0
    old, new, at = self.fold(path, before, behind, bitmap, 0, 32, siblings, start)
    assert old == root, "WITNESS"
    return new, at


@internal
@view
def change_two(
    root: bytes32,
    paths: uint256[2],
    bitmaps: uint256[2],
    before: bytes32[2],
    behind: bytes32[2],
    siblings: DynArray[bytes32, machine.SIBLINGS],
    start: uint256,
) -> (bytes32, uint256):
    """
    @notice The root behind a change of two leaves at once: each path to where they meet, then one. The first
        bitmap holds the heights above too.
    """
    difference: uint256 = paths[0] ^ paths[1]
    assert difference != 0, "WITNESS"
    meet: uint256 = 0
    for h: uint256 in range(32):
        if difference >> h == 1:
            meet = h
            break
    left: bytes32[2] = empty(bytes32[2])
    right: bytes32[2] = empty(bytes32[2])
    at: uint256 = start
    first: uint256 = (paths[0] >> meet) & 1
    left[0], left[1], at = self.fold(paths[0], before[0], behind[0], bitmaps[0], 0, meet, siblings, at)
    right[0], right[1], at = self.fold(paths[1], before[1], behind[1], bitmaps[1], 0, meet, siblings, at)
    old: bytes32 = empty(bytes32)
    new: bytes32 = empty(bytes32)
    if first == 1:
        old = keccak256(abi_encode(right[0], left[0]))
        new = keccak256(abi_encode(right[1], left[1]))
    else:
        old = keccak256(abi_encode(left[0], right[0]))
        new = keccak256(abi_encode(left[1], right[1]))
    old, new, at = self.fold(paths[0], old, new, bitmaps[0], unsafe_add(meet, 1), 32, siblings, at)
    assert old == root, "WITNESS"
    return new, at
