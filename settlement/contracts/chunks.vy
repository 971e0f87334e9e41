# pragma version 0.4.3
"""
@title Chunks
@notice A chunk of a batch as its header commits to it: the decoded steps, and the states around them.
"""
import headers
import trees

LOW_32: constant(uint256) = 2 ** 32 - 1

struct Chunk:
    index: uint256
    kind: uint256
    count: uint256
    steps_root: bytes32
    leaf_siblings: DynArray[bytes32, 32]
    before: bytes32  # state root before it: of the chunk before, or the header's previous root
    before_siblings: DynArray[bytes32, 32]
    behind: bytes32  # the root the header claims behind it
    behind_siblings: DynArray[bytes32, 32]

MOST_STEPS: constant(uint256) = 64


@internal
@view
def must_be_in(header: Bytes[headers.HEADER], chunk: Chunk):
    """
    @notice Reverts with CHUNK or TRACE unless the header commits to the chunk and to the states around it.
    """
    count: uint256 = headers.chunks(header)
    assert chunk.kind <= LOW_32 and chunk.count <= LOW_32, "CHUNK"
    leaf: bytes32 = keccak256(abi_encode((chunk.kind << 32) | chunk.count, chunk.steps_root))
    root: bytes32 = headers.chunk_root(header)
    assert trees.is_in_list(root, count, chunk.index, leaf, chunk.leaf_siblings), "CHUNK"
    root = headers.trace_root(header)
    assert trees.is_in_list(root, count, chunk.index, chunk.behind, chunk.behind_siblings), "TRACE"
    if chunk.index == 0:
        assert chunk.before == headers.previous_root(header), "TRACE"
    else:
        assert trees.is_in_list(root, count, chunk.index - 1, chunk.before, chunk.before_siblings), "TRACE"


@internal
@pure
def root_of(hashes: DynArray[bytes32, MOST_STEPS]) -> bytes32:
    """
    @notice The binary root over a chunk's step hashes.
    """
    nodes: bytes32[MOST_STEPS] = empty(bytes32[MOST_STEPS])
    for k: uint256 in range(len(hashes), bound=MOST_STEPS):
        nodes[k] = hashes[k]
    width: uint256 = 1 << trees.depth_of(max(len(hashes), 1))
    for h: uint256 in range(6):
        if width == 1:
            break
        width //= 2
        for k: uint256 in range(width, bound=32):
            nodes[k] = keccak256(abi_encode(nodes[2 * k], nodes[2 * k + 1]))
    return nodes[0]
