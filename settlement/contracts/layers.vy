# pragma version 0.4.3
"""
@title Layers
@notice Where a batch's data is: in the call that posts it, in blobs of its transaction, or outside.
"""

LAYER_CALLDATA: constant(uint256) = 0
LAYER_BLOBS: constant(uint256) = 1
LAYER_EXTERNAL: constant(uint256) = 2
MOST_BLOBS: constant(uint256) = 16
BLOB_BYTES: constant(uint256) = 31 * 4096  # payload bytes of a blob
MOST_BYTES: constant(uint256) = 2 ** 24  # of a payload
MOST_SHOWN: constant(uint256) = 131072  # of one outside, which one call must be able to show


@internal
@view
def kept_of(counts: uint256, data_hash: bytes32, payload_bytes: uint256, payload_hash: bytes32) -> bytes32:
    """
    @notice Reverts unless the data is where the header says. Returns what is kept of blobs: keccak(last, versioned
        hash) over all, from the zero word.
    """
    layer: uint256 = (counts >> 120) & 15
    blobs: uint256 = (counts >> 112) & 255
    size: uint256 = counts >> 224
    assert (counts >> 124) & 15 <= 1 and layer <= LAYER_EXTERNAL, "HEADER"
    assert size <= MOST_BYTES and (layer != LAYER_EXTERNAL or size <= MOST_SHOWN), "SIZE"
    if layer == LAYER_BLOBS:
        assert size != 0 and blobs == (size + BLOB_BYTES - 1) // BLOB_BYTES and blobs <= MOST_BLOBS, "BLOBS"
    else:
        assert blobs == 0, "BLOBS"
    if layer == LAYER_CALLDATA:
        assert payload_bytes == size, "DATA"
        assert payload_hash == data_hash, "DATA"
    else:
        assert payload_bytes == 0, "DATA"
    kept: bytes32 = empty(bytes32)
    if layer == LAYER_BLOBS:
        for k: uint256 in range(blobs, bound=MOST_BLOBS):
            hash: bytes32 = blobhash(k)
            assert hash != empty(bytes32), "BLOBS"
            kept = keccak256(abi_encode(kept, hash))
        assert blobhash(blobs) == empty(bytes32), "BLOBS"
    return kept
