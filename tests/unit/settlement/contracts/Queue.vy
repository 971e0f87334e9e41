# pragma version 0.4.3
# What the bridge tells of its queue, told by a test.

depositor: address
account: uint256
amount: uint256


@external
def tell(depositor: address, account: uint256, amount: uint256):
    self.depositor = depositor
    self.account = account
    self.amount = amount


@external
@view
def deposit_of(number: uint256) -> (address, uint256, uint256, uint256, uint256):
    return self.depositor, self.account, 1, self.amount, self.amount


@external
@view
def request_of(number: uint256) -> (uint256, uint256, uint256):
    return self.account, 1, self.amount
