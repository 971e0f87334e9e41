# pragma version 0.4.3
"""
@title Bridge
@notice Holds the users' tokens: deposits in, withdrawals out by Merkle proof against a final root, and the queue of
    requests that the operator must take in within a bound.
@dev No owner and no upgrade. A guardian may pause deposits and withdrawals, each for a bounded time and with a
    pause between pauses; nobody can pause the queue or the escape.
"""
import accounts
import machine
import trees

initializes: trees

interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def transferFrom(sender: address, receiver: address, amount: uint256) -> bool: nonpayable
    def balanceOf(owner: address) -> uint256: view

interface Inbox:
    def is_final(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool: view

event Deposited:
    deposit_id: indexed(uint256)
    account: indexed(uint256)
    depositor: indexed(address)
    amount: uint256

event Requested:
    request_id: indexed(uint256)
    account: indexed(uint256)
    owner: indexed(address)
    amount: uint256

event Withdrawn:
    slot: indexed(uint256)
    account: indexed(uint256)
    owner: indexed(address)
    withdrawal_id: uint256
    amount: uint256

event Paused:
    what: indexed(uint256)
    until: uint256

event HandedOver:
    amount: uint256

# A batch and the opening of the state behind it.
struct Opening:
    batch: uint256
    header_hash: bytes32
    data: bytes32
    accounts: bytes32
    instruments: bytes32
    sections: bytes32[8]

struct Proof:
    bitmap: uint256
    siblings: DynArray[bytes32, 32]

struct Withdrawal:
    slot: uint256
    withdrawal_id: uint256
    account: uint256
    status: uint256
    amount: uint256
    owner: address

PAID: constant(uint256) = 2
FORCED: constant(uint256) = 3
MOST_AT_ONCE: constant(uint256) = 2 ** 56
MOST_TOTAL: constant(uint256) = 2 ** 58
DEPOSITS: constant(uint256) = 0
WITHDRAWALS: constant(uint256) = 1
PAUSE_S: constant(uint256) = 3 * 86400  # the longest pause
REST_S: constant(uint256) = 30 * 86400  # from one pause's end to the next one's beginning

TOKEN: public(immutable(Token))
GUARDIAN: public(immutable(address))
DEPOSIT_S: public(immutable(uint256))
FORCED_S: public(immutable(uint256))
DEPLOYER: immutable(address)

inbox: public(Inbox)
escape: public(address)
deposit_count: public(uint256)
deposited: public(uint256)
heads: HashMap[uint256, uint256]  # of a deposit: depositor 20 bytes, account u32, made at u64 seconds
sums: HashMap[uint256, uint256]  # of a deposit: amount u128, all deposits up to it u128
request_count: public(uint256)
request_heads: HashMap[uint256, uint256]  # account u32, made at u64, amount u128 (from the left, 32 bits zero)
is_paid: public(HashMap[uint256, bool])
paused_until: public(HashMap[uint256, uint256])


@deploy
def __init__(token: address, guardian: address, deposit_s: uint256, forced_s: uint256):
    """
    @param token What is deposited.
    @param guardian Who may pause.
    @param deposit_s Within so many seconds a deposit must be in a batch; forced_s: a request.
    """
    trees.__init__()
    TOKEN = Token(token)
    GUARDIAN = guardian
    DEPOSIT_S = deposit_s
    FORCED_S = forced_s
    DEPLOYER = msg.sender


@external
def enlist(inbox: address, escape: address):
    """
    @notice Once, by the deployer: the inbox and the contract that may take the funds over.
    @custom:errors SEALED: it was done, or the caller is another.
    """
    assert msg.sender == DEPLOYER and self.inbox.address == empty(address), "SEALED"
    self.inbox = Inbox(inbox)
    self.escape = escape


# --- in -----------------------------------------------------------------------------------------------------


@external
def deposit(account: uint256, amount: uint256) -> uint256:
    """
    @notice Put tokens into an account. One that does not exist gives them back through a batch.
    @return The deposit's id, from 1 without gaps.
    @custom:errors PAUSED; AMOUNT: zero, or more than may be in; ACCOUNT: no such number; TOKEN: not moved.
    """
    assert block.timestamp >= self.paused_until[DEPOSITS], "PAUSED"
    assert amount != 0 and amount <= MOST_AT_ONCE, "AMOUNT"
    assert account < 2 ** 32, "ACCOUNT"
    total: uint256 = self.deposited + amount
    assert total <= MOST_TOTAL, "AMOUNT"
    number: uint256 = self.deposit_count + 1
    self.deposit_count = number
    self.deposited = total
    self.heads[number] = (convert(msg.sender, uint256) << 96) | (account << 64) | block.timestamp
    self.sums[number] = (amount << 128) | total
    assert extcall TOKEN.transferFrom(msg.sender, self, amount), "TOKEN"
    log Deposited(deposit_id=number, account=account, depositor=msg.sender, amount=amount)
    return number


@external
@view
def deposit_of(number: uint256) -> (address, uint256, uint256, uint256, uint256):
    """
    @notice Of a deposit: depositor, account, second, amount, and the sum of all up to it; zeros if there is none.
    """
    head: uint256 = self.heads[number]
    sum: uint256 = self.sums[number]
    depositor: address = convert(convert(head >> 96, uint160), address)
    return depositor, (head >> 64) & machine.LOW_32, head & machine.LOW_64, sum >> 128, sum & machine.LOW_128


# --- out ----------------------------------------------------------------------------------------------------


@internal
@view
def _must_be_final(opening: Opening):
    """
    @notice Reverts unless the state opened is the one behind a final batch.
    """
    parameters: bytes32 = keccak256(abi_encode(opening.sections))
    root: bytes32 = keccak256(abi_encode(machine.TAG, opening.accounts, opening.instruments, parameters))
    assert staticcall self.inbox.is_final(opening.batch, opening.header_hash, opening.data, root), "FINAL"


@external
def withdraw(opening: Opening, withdrawal: Withdrawal, proof: Proof):
    """
    @notice Pay a withdrawal that left the venue, to its owner. Anyone may send it.
    @param opening A final batch and its state, withdrawal what stands at the slot, proof its path.
    @custom:errors PAUSED; STATUS: not one to be paid; PAID: it is; FINAL: the state is of no final batch; PROOF:
        the withdrawal does not stand there; OWNER: the zero address; TOKEN: not moved.
    """
    assert block.timestamp >= self.paused_until[WITHDRAWALS], "PAUSED"
    assert withdrawal.status == PAID or withdrawal.status == FORCED, "STATUS"
    assert not self.is_paid[withdrawal.slot], "PAID"
    assert withdrawal.owner != empty(address), "OWNER"
    self._must_be_final(opening)
    assert withdrawal.slot < 2 ** 32 and withdrawal.withdrawal_id < 2 ** 64, "PROOF"
    assert withdrawal.account < 2 ** 32 and withdrawal.amount < 2 ** 128, "PROOF"
    head: uint256 = (withdrawal.withdrawal_id << 192) | (withdrawal.account << 160) | (withdrawal.status << 128)
    leaf: bytes32 = keccak256(abi_encode(head | withdrawal.amount, convert(withdrawal.owner, uint256) << 96))
    root: bytes32 = trees.sparse_root(withdrawal.slot, leaf, proof.bitmap, proof.siblings)
    assert root == opening.sections[1], "PROOF"
    self.is_paid[withdrawal.slot] = True
    assert extcall TOKEN.transfer(withdrawal.owner, withdrawal.amount), "TOKEN"
    log Withdrawn(
        slot=withdrawal.slot,
        account=withdrawal.account,
        owner=withdrawal.owner,
        withdrawal_id=withdrawal.withdrawal_id,
        amount=withdrawal.amount,
    )


# --- the queue ----------------------------------------------------------------------------------------------


@external
def request(
    account: uint256, amount: uint256, opening: Opening, words: uint256[4], proof: Proof
) -> uint256:
    """
    @notice Ask for a withdrawal past the operator, who must take the request in within the bound or can not post.
    @param words The account's 128 bytes in the state opened: they show that the sender owns it.
    @return The request's id, from 1 without gaps.
    @custom:errors AMOUNT: zero or too much; OWNER: the account is another's; FINAL, PROOF as in `withdraw`.
    """
    assert amount != 0 and amount < 2 ** 63, "AMOUNT"
    assert account >= accounts.FIRST_USER and account < 2 ** 32, "OWNER"
    assert words[0] >> 96 == convert(msg.sender, uint256), "OWNER"
    self._must_be_final(opening)
    leaf: bytes32 = keccak256(abi_encode(words))
    assert trees.sparse_root(account, leaf, proof.bitmap, proof.siblings) == opening.accounts, "PROOF"
    number: uint256 = self.request_count + 1
    self.request_count = number
    self.request_heads[number] = (account << 192) | (block.timestamp << 128) | amount
    log Requested(request_id=number, account=account, owner=msg.sender, amount=amount)
    return number


@external
@view
def request_of(number: uint256) -> (uint256, uint256, uint256):
    """
    @notice Of a request: account, second, amount; zeros if there is none.
    """
    head: uint256 = self.request_heads[number]
    return head >> 192, (head >> 128) & machine.LOW_64, head & machine.LOW_128


@external
@view
def check_through(deposits_through: uint256, forced_through: uint256) -> bool:
    """
    @notice True; reverts if a batch that takes in deposits and requests up to these made one up or left one out for
        longer than its bound.
    @custom:errors DEPOSITS; FORCED.
    """
    assert deposits_through <= self.deposit_count, "DEPOSITS"
    made: uint256 = self.heads[deposits_through + 1] & machine.LOW_64
    assert made == 0 or block.timestamp <= made + DEPOSIT_S, "DEPOSITS"
    assert forced_through <= self.request_count, "FORCED"
    made = (self.request_heads[forced_through + 1] >> 128) & machine.LOW_64
    assert made == 0 or block.timestamp <= made + FORCED_S, "FORCED"
    return True


# --- pauses and the end ---------------------------------------------------------------------------------------


@external
def pause(what: uint256, seconds: uint256):
    """
    @notice The guardian stops deposits (0) or withdrawals (1) for at most three days, and not again within thirty
        days of the end.
    @custom:errors GUARDIAN: another asks; WHAT: neither; LONG: more than three days; SOON: not yet again.
    """
    assert msg.sender == GUARDIAN, "GUARDIAN"
    assert what <= WITHDRAWALS, "WHAT"
    assert seconds <= PAUSE_S, "LONG"
    last: uint256 = self.paused_until[what]
    assert last == 0 or block.timestamp >= last + REST_S, "SOON"
    self.paused_until[what] = block.timestamp + seconds
    log Paused(what=what, until=block.timestamp + seconds)


@external
def hand_over() -> uint256:
    """
    @notice The escape takes the funds over, to pay everybody out.
    @custom:errors ESCAPE: another asks; TOKEN: not moved.
    """
    assert msg.sender == self.escape, "ESCAPE"
    amount: uint256 = staticcall TOKEN.balanceOf(self)
    assert extcall TOKEN.transfer(self.escape, amount), "TOKEN"
    log HandedOver(amount=amount)
    return amount
