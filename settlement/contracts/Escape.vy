# pragma version 0.4.3
"""
@title Escape
@notice The way out when the operator is silent: the venue is frozen at its last final batch, positions are cashed at the
    marks committed there, and everybody is paid from what the bridge holds.
@dev Three times. After the silence anyone opens. While claims are taken, marks are shown, then accounts are counted:
    by owner, losers too, so that what an owner owes in one account is taken off what he has in another. Then the
    funds are taken over and paid out: in full if they suffice (what the venue's own accounts hold, the insurance fund
    first, covers what losers owe and nobody shows), else in proportion. Deposits that no final batch took in go
    back whole.
"""
import accounts
import machine
import trees

initializes: trees

interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable

interface Inbox:
    def finalise() -> uint256: nonpayable
    def freeze() -> uint256: nonpayable
    def last_final_at() -> uint256: view
    def GENESIS_ROOT() -> bytes32: view
    def is_final(batch: uint256, header_hash: bytes32, data: bytes32, new_root: bytes32) -> bool: view

interface Bridge:
    def hand_over() -> uint256: nonpayable
    def deposited() -> uint256: view
    def deposit_of(number: uint256) -> (address, uint256, uint256, uint256, uint256): view

event Opened:
    batch: uint256
    claims_until: uint256

event Marked:
    instrument: indexed(uint256)

event Counted:
    account: indexed(uint256)
    owner: indexed(address)
    equity: int256

event Closed:
    funds: uint256
    claims: uint256

event Paid:
    owner: indexed(address)
    amount: uint256

event Refunded:
    deposit_id: indexed(uint256)
    amount: uint256

struct Opening:
    batch: uint256
    header_hash: bytes32
    data: bytes32
    accounts: bytes32
    instruments: bytes32
    sections: bytes32[8]

struct Tally:
    next: uint256  # pages counted
    sum: int256

PAGES_AT_ONCE: constant(uint256) = 16
PAGE_LIST: constant(uint256) = 131072  # 2,048 pages
PERPETUAL: constant(uint256) = 2
E8: constant(int256) = 10 ** 8
IS_MARKED: constant(uint256) = 2 ** 255
IS_PERPETUAL: constant(uint256) = 2 ** 254

TOKEN: immutable(Token)
INBOX: immutable(Inbox)
BRIDGE: immutable(Bridge)
SILENCE_S: public(immutable(uint256))
CLAIM_S: public(immutable(uint256))

claims_until: public(uint256)
accounts_root: public(bytes32)
instruments_root: public(bytes32)
deposits_through: public(uint256)
marks: HashMap[uint256, uint256]
tallies: HashMap[uint256, Tally]
is_counted: public(HashMap[uint256, bool])
claims: public(HashMap[address, int256])  # by owner, positive and negative
total: public(uint256)  # of what is positive by owner
is_closed: public(bool)
funds: public(uint256)
is_paid: public(HashMap[address, bool])
is_refunded: public(HashMap[uint256, bool])


@deploy
def __init__(token: address, inbox: address, bridge: address, silence_s: uint256, claim_s: uint256):
    """
    @param silence_s Without a batch becoming final for so long the operator is silent; claim_s for how long claims
        are taken.
    """
    trees.__init__()
    TOKEN = Token(token)
    INBOX = Inbox(inbox)
    BRIDGE = Bridge(bridge)
    SILENCE_S = silence_s
    CLAIM_S = claim_s


@external
def open(opening: Opening, money: uint256[2]):
    """
    @notice Freeze the venue and begin to take claims.
    @param opening The last final batch and its state; batch 0: the state of the beginning.
    @param money The two words of the parameters' section 0.
    @custom:errors OPEN: it is; SILENCE: the operator is not silent; FINAL: not the last final batch; MONEY: not its.
    """
    assert self.claims_until == 0, "OPEN"
    extcall INBOX.finalise()
    assert block.timestamp > staticcall INBOX.last_final_at() + SILENCE_S, "SILENCE"
    final: uint256 = extcall INBOX.freeze()
    parameters: bytes32 = keccak256(abi_encode(opening.sections))
    root: bytes32 = keccak256(abi_encode(machine.TAG, opening.accounts, opening.instruments, parameters))
    if final == 0:
        assert root == staticcall INBOX.GENESIS_ROOT(), "FINAL"
    else:
        assert opening.batch == final, "FINAL"
        assert staticcall INBOX.is_final(final, opening.header_hash, opening.data, root), "FINAL"
    assert keccak256(abi_encode(money)) == opening.sections[0], "MONEY"
    self.accounts_root = opening.accounts
    self.instruments_root = opening.instruments
    self.deposits_through = money[0] >> 192
    self.claims_until = block.timestamp + CLAIM_S
    log Opened(batch=final, claims_until=self.claims_until)


@internal
@view
def _must_take_claims():
    assert self.claims_until != 0 and block.timestamp <= self.claims_until, "CLAIMS"


@external
def mark(instrument: uint256, words: uint256[9], bitmap: uint256, siblings: DynArray[bytes32, 32]):
    """
    @notice Show the mark of an instrument, once for all who hold it.
    @custom:errors CLAIMS: none are taken; PROOF: not the instrument of the frozen state.
    """
    self._must_take_claims()
    leaf: bytes32 = keccak256(abi_encode(words))
    assert instrument < 2 ** 32, "PROOF"
    assert trees.sparse_root(instrument, leaf, bitmap, siblings) == self.instruments_root, "PROOF"
    per_lot_e8: uint256 = (words[1] >> 192) * (words[4] >> 192)
    kind: uint256 = IS_PERPETUAL if (words[3] >> 192) & 255 == PERPETUAL else 0
    self.marks[instrument] = IS_MARKED | kind | per_lot_e8
    log Marked(instrument=instrument)


@external
def count(
    account: uint256,
    words: uint256[4],
    bitmap: uint256,
    siblings: DynArray[bytes32, 32],
    pages: DynArray[Bytes[512], PAGES_AT_ONCE],
    page_list: Bytes[PAGE_LIST],
) -> bool:
    """
    @notice Count an account, page by page in order, in as many calls as it takes. Anyone may, for anyone: who
        owes is counted by those who are owed.
    @param words The account's 128 bytes, pages the words of the next pages, page_list 64 bytes a page.
    @return Whether all of it is counted.
    @custom:errors CLAIMS: none are taken; ACCOUNT: not a user's, or without owner; COUNTED: it is; PROOF: not the
        account of the frozen state; PAGE: not the next pages; MARK: an instrument whose mark was not shown.
    """
    self._must_take_claims()
    assert account >= accounts.FIRST_USER and account < 2 ** 32 and words[0] >> 96 != 0, "ACCOUNT"
    assert not self.is_counted[account], "COUNTED"
    leaf: bytes32 = keccak256(abi_encode(words))
    assert trees.sparse_root(account, leaf, bitmap, siblings) == self.accounts_root, "PROOF"
    root: bytes32 = empty(bytes32)
    if len(page_list) != 0:
        root = keccak256(page_list)
    assert convert(root, uint256) == words[2], "PROOF"
    tally: Tally = self.tallies[account]
    for page: Bytes[512] in pages:
        assert (tally.next + 1) * 64 <= len(page_list), "PAGE"
        assert extract32(page_list, tally.next * 64 + 32) == keccak256(page), "PAGE"
        tally.sum += self._worth(page)
        tally.next += 1
    if tally.next * 64 < len(page_list):
        self.tallies[account] = tally
        return False
    self.is_counted[account] = True
    equity: int256 = machine.signed(words[1]) + tally.sum
    owner: address = convert(convert(words[0] >> 96, uint160), address)
    before: int256 = self.claims[owner]
    behind: int256 = before + equity
    self.claims[owner] = behind
    self.total = self.total + convert(max(behind, 0), uint256) - convert(max(before, 0), uint256)
    log Counted(account=account, owner=owner, equity=equity)
    return True


@internal
@view
def _worth(page: Bytes[512]) -> int256:
    """
    @notice What a page's positions are worth at their marks, each rounded down.
    """
    sum: int256 = 0
    for k: uint256 in range(16):
        if k * 32 >= len(page):
            break
        word: uint256 = convert(extract32(page, k * 32), uint256)
        told: uint256 = self.marks[word >> 224]
        assert told & IS_MARKED != 0, "MARK"
        size: int256 = machine.signed(word << 64) >> 192
        worth_e8: int256 = size * convert(told & (2 ** 254 - 1), int256)
        worth: int256 = worth_e8 // E8
        if worth * E8 > worth_e8:
            worth -= 1
        sum += worth
        if told & IS_PERPETUAL != 0:
            sum -= machine.signed(word << 128) >> 128
    return sum


@external
def close() -> uint256:
    """
    @notice Take the funds over when the time for claims is up. What deposits outside the state need is set apart.
    @return The funds that are paid out.
    @custom:errors CLOSED: they are; CLAIMS: they are still taken.
    """
    assert not self.is_closed, "CLOSED"
    assert self.claims_until != 0 and block.timestamp > self.claims_until, "CLAIMS"
    self.is_closed = True
    funds: uint256 = extcall BRIDGE.hand_over()
    depositor: address = empty(address)
    account: uint256 = 0
    second: uint256 = 0
    amount: uint256 = 0
    sum: uint256 = 0
    depositor, account, second, amount, sum = staticcall BRIDGE.deposit_of(self.deposits_through)
    outside: uint256 = staticcall BRIDGE.deposited() - sum
    self.funds = funds - min(outside, funds)
    log Closed(funds=self.funds, claims=self.total)
    return self.funds


@external
def pay(owner: address) -> uint256:
    """
    @notice Pay an owner what is his: all, or his part. Anyone may send it.
    @custom:errors CLOSED: not yet; PAID: he is; TOKEN: not moved.
    """
    assert self.is_closed, "CLOSED"
    assert not self.is_paid[owner], "PAID"
    self.is_paid[owner] = True
    amount: uint256 = convert(max(self.claims[owner], 0), uint256)
    if self.total > self.funds:
        amount = amount * self.funds // self.total
    assert extcall TOKEN.transfer(owner, amount), "TOKEN"
    log Paid(owner=owner, amount=amount)
    return amount


@external
def refund(deposit_id: uint256):
    """
    @notice Give a deposit back that no final batch took in.
    @custom:errors CLOSED: not yet; DEPOSIT: there is none, or it was taken in; PAID: it is back; TOKEN: not moved.
    """
    assert self.is_closed, "CLOSED"
    assert deposit_id > self.deposits_through, "DEPOSIT"
    assert not self.is_refunded[deposit_id], "PAID"
    depositor: address = empty(address)
    account: uint256 = 0
    second: uint256 = 0
    amount: uint256 = 0
    sum: uint256 = 0
    depositor, account, second, amount, sum = staticcall BRIDGE.deposit_of(deposit_id)
    assert amount != 0, "DEPOSIT"
    self.is_refunded[deposit_id] = True
    assert extcall TOKEN.transfer(depositor, amount), "TOKEN"
    log Refunded(deposit_id=deposit_id, amount=amount)
