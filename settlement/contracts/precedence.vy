# pragma version 0.4.3
"""
@title Precedence
@notice Who begins to prove something in several transactions may alone end it for a while, so that nobody who watches
    ends it first. It is given once a thing; who comes later waits, and loses nothing but the first one's reward.
"""

SECONDS: immutable(uint256)

first: public(HashMap[bytes32, uint256])  # what: address 160 bits, until 64 bits


@deploy
def __init__(seconds: uint256):
    """
    @param seconds For how long.
    """
    SECONDS = seconds


@internal
def take(what: bytes32):
    """
    @notice The caller's, if nobody was there before.
    """
    if self.first[what] == 0:
        self.first[what] = (convert(msg.sender, uint256) << 64) | (block.timestamp + SECONDS)


@internal
@view
def must_have(what: bytes32, who: address):
    """
    @notice Reverts with FIRST while another has precedence.
    """
    known: uint256 = self.first[what]
    is_over: bool = block.timestamp > known & (2 ** 64 - 1)
    assert is_over or known >> 64 == convert(who, uint256), "FIRST"
