# pragma version 0.4.3
"""
@title Trees
@notice Hashing of settlement's trees: binary trees over a counted list and the sparse tree of depth 32.
@dev node = keccak(left, right). A binary tree's leaves are padded at the end with zero words to the next
    power of two. An absent leaf of the sparse tree is the zero word.
"""

DEPTH: constant(uint256) = 32
EMPTY: immutable(bytes32[DEPTH])  # EMPTY[h]: root of an empty subtree of height h


@deploy
def __init__():
    roots: bytes32[DEPTH] = empty(bytes32[DEPTH])
    for h: uint256 in range(1, DEPTH):
        roots[h] = keccak256(abi_encode(roots[h - 1], roots[h - 1]))
    EMPTY = roots


@internal
@pure
def depth_of(count: uint256) -> uint256:
    """
    @notice The depth of a binary tree over so many leaves.
    """
    depth: uint256 = 0
    for h: uint256 in range(DEPTH):
        if unsafe_sub(count, 1) >> h == 0:
            break
        depth = h + 1
    return depth


@internal
@pure
def binary_root(index: uint256, leaf: bytes32, siblings: DynArray[bytes32, 32]) -> bytes32:
    """
    @notice The root that siblings, from the leaf up, lead to. The index must be below 2 ** their number.
    """
    node: bytes32 = leaf
    path: uint256 = index
    for sibling: bytes32 in siblings:
        if path & 1 == 1:
            node = keccak256(abi_encode(sibling, node))
        else:
            node = keccak256(abi_encode(node, sibling))
        path >>= 1
    return node


@internal
@pure
def is_in_list(
    root: bytes32, count: uint256, index: uint256, leaf: bytes32, siblings: DynArray[bytes32, 32]
) -> bool:
    """
    @notice Whether the leaf stands at the index of the binary tree over count leaves.
    """
    if index >= count or len(siblings) != self.depth_of(count):
        return False
    return self.binary_root(index, leaf, siblings) == root


@internal
@view
def sparse_root(index: uint256, leaf: bytes32, bitmap: uint256, siblings: DynArray[bytes32, 32]) -> bytes32:
    """
    @notice The root of the sparse tree with the leaf at the index. Bit h of the bitmap: the sibling at
        height h is given, the next of the siblings; else it is an empty subtree.
    """
    node: bytes32 = leaf
    at: uint256 = 0
    bit: uint256 = 1
    for h: uint256 in range(DEPTH):
        sibling: bytes32 = empty(bytes32)
        if bitmap & bit != 0:
            sibling = siblings[at]
            at = unsafe_add(at, 1)
        else:
            sibling = EMPTY[h]
        if index & bit != 0:
            node = keccak256(abi_encode(sibling, node))
        else:
            node = keccak256(abi_encode(node, sibling))
        bit = unsafe_add(bit, bit)
    return node
