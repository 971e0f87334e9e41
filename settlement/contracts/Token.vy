# pragma version 0.4.3
"""
@title Test USDC
@notice An ERC-20 token of six decimals for test chains: anyone may mint up to a limit a call.
"""

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

name: public(constant(String[16])) = "Test USD Coin"
symbol: public(constant(String[8])) = "tUSDC"
decimals: public(constant(uint8)) = 6
MINT_MOST: constant(uint256) = 2 ** 58

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
totalSupply: public(uint256)


@external
def mint(receiver: address, amount: uint256):
    """
    @notice Make tokens out of nothing; a test token's faucet.
    @custom:errors MINT_TOO_MUCH: more than 2**58 at once.
    """
    assert amount <= MINT_MOST, "MINT_TOO_MUCH"
    self.totalSupply += amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=empty(address), receiver=receiver, value=amount)


@internal
def _move(sender: address, receiver: address, amount: uint256):
    assert self.balanceOf[sender] >= amount, "BALANCE"
    assert receiver != empty(address), "RECEIVER"
    self.balanceOf[sender] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=sender, receiver=receiver, value=amount)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    """
    @custom:errors BALANCE: the sender has less; RECEIVER: the zero address.
    """
    self._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    """
    @custom:errors ALLOWANCE: the caller may move less; BALANCE: the sender has less; RECEIVER: the zero address.
    """
    allowed: uint256 = self.allowance[sender][msg.sender]
    assert allowed >= amount, "ALLOWANCE"
    if allowed != max_value(uint256):
        self.allowance[sender][msg.sender] = allowed - amount
    self._move(sender, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Let another move one's tokens.
    """
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, value=amount)
    return True
