# pragma version 0.4.3
"""
@title Buckets
@notice Numbers as a bucket and raw bits, exact to 2^exact (docs/codec-5.md, Buckets), and signs.
"""


@internal
@pure
def raw_bits(bucket: uint256, exact: uint256) -> uint256:
    if bucket < 1 << exact:
        return 0
    return (bucket - (1 << exact)) // 4 + exact - 2


@internal
@pure
def join(bucket: uint256, raw: uint256, exact: uint256) -> uint256:
    """
    @notice The number of a bucket and its raw bits.
    """
    if bucket < 1 << exact:
        return bucket
    above: uint256 = bucket - (1 << exact)
    return ((4 + above % 4) << (above // 4 + exact - 2)) + raw


@internal
@pure
def unzigzag(coded: uint256) -> int256:
    half: int256 = convert(coded >> 1, int256)
    return half if coded & 1 == 0 else -half - 1
