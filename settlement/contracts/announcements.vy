# pragma version 0.4.3
"""
@title Announcements
@notice Keeps a proof from being copied: who proves something in one transaction announces its hash, with his own address
    and a salt in it, at least a block before.
"""

event Announced:
    hash: indexed(bytes32)

made_at: public(HashMap[bytes32, uint256])  # hash: block number


@external
def announce(hash: bytes32):
    """
    @notice Announce a proof: keccak(abi_encode(sender, salt, the proof's hash)).
    @custom:errors ANNOUNCED: it was.
    """
    assert self.made_at[hash] == 0, "ANNOUNCED"
    self.made_at[hash] = block.number
    log Announced(hash=hash)


@internal
@view
def must_be_made(salt: bytes32, proof: bytes32):
    """
    @notice Reverts with ANNOUNCED unless the caller announced the proof in an earlier block.
    """
    made: uint256 = self.made_at[keccak256(abi_encode(msg.sender, salt, proof))]
    assert made != 0 and made < block.number, "ANNOUNCED"
