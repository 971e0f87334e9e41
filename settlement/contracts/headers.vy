# pragma version 0.4.3
"""
@title Headers
@notice Where the fields of a batch's header stand (docs/protocol.md, Header, version 2).
"""

HEADER: constant(uint256) = 1212  # bytes: eight shards, no proof
FIXED: constant(uint256) = 252
SHARD: constant(uint256) = 120
MOST_SHARDS: constant(uint256) = 8
MAGIC: constant(uint256) = 91544043520002  # "SBB2" and version 2, as 48 bits
LOW_64: constant(uint256) = 2 ** 64 - 1
LOW_32: constant(uint256) = 2 ** 32 - 1


@internal
@pure
def word(header: Bytes[HEADER], at: uint256) -> uint256:
    return convert(extract32(header, at), uint256)


@internal
@pure
def batch_id(header: Bytes[HEADER]) -> uint256:
    return (self.word(header, 0) >> 128) & LOW_64


@internal
@pure
def closed_ms(header: Bytes[HEADER]) -> uint256:
    return (self.word(header, 0) >> 64) & LOW_64


@internal
@pure
def previous_root(header: Bytes[HEADER]) -> bytes32:
    return extract32(header, 24)


@internal
@pure
def new_root(header: Bytes[HEADER]) -> bytes32:
    return extract32(header, 56)


@internal
@pure
def chunk_root(header: Bytes[HEADER]) -> bytes32:
    return extract32(header, 88)


@internal
@pure
def trace_root(header: Bytes[HEADER]) -> bytes32:
    return extract32(header, 120)


@internal
@pure
def tables_hash(header: Bytes[HEADER]) -> bytes32:
    return extract32(header, 152)


@internal
@pure
def data_hash(header: Bytes[HEADER]) -> bytes32:
    return extract32(header, 184)


@internal
@pure
def chunks(header: Bytes[HEADER]) -> uint256:
    return (self.word(header, 216) >> 192) & LOW_32


@internal
@pure
def steps(header: Bytes[HEADER]) -> uint256:
    return (self.word(header, 216) >> 160) & LOW_32


@internal
@pure
def payload_bytes(header: Bytes[HEADER]) -> uint256:
    return self.word(header, 216) >> 224


@internal
@pure
def layer(header: Bytes[HEADER]) -> uint256:
    """
    @notice Where the data is: 0 calldata, 1 blobs, 2 outside; 16 more if it is netted.
    """
    return (self.word(header, 216) >> 120) & 255


@internal
@pure
def codec(header: Bytes[HEADER]) -> uint256:
    return (self.word(header, 0) >> 192) & (2 ** 16 - 1)
