# pragma version 0.4.3
"""
@title Accounts
@notice Accounts as a witness holds them, their leaves, and changes of up to two of them (docs/protocol.md, Account leaf).
"""
import machine
import paths

uses: paths

FIRST_USER: constant(uint256) = 64

struct Account:
    exists: bool
    page_at: uint256
    word_count: uint256
    bitmap: uint256
    head: uint256  # owner 20 bytes, flags u32, nonce u64
    cash: int256
    family: uint256  # main u32, tier u8, in liquidation u8, open positions u16, zero u64, perpetual entry i128


@internal
@pure
def account_at(fields: Bytes[machine.FIELDS], at: uint256) -> Account:
    """
    @notice An account: exists u8, page index u16, words of the page u8, bitmap u32, then three of its words.
    """
    head: uint256 = convert(extract32(fields, at), uint256)
    return Account(
        exists=head >> 248 != 0,
        page_at=(head >> 232) & machine.LOW_16,
        word_count=(head >> 224) & 255,
        bitmap=(head >> 192) & machine.LOW_32,
        head=convert(extract32(fields, at + 8), uint256),
        cash=convert(extract32(fields, at + 40), int256),
        family=convert(extract32(fields, at + 72), uint256),
    )


@internal
@pure
def account_leaf(number: uint256, account: Account, positions: bytes32) -> bytes32:
    """
    @notice The leaf of an account; a system account of zeros and an account that is not there have the zero word.
    """
    blank: bool = account.head == 0 and account.cash == 0 and account.family == 0 and positions == empty(bytes32)
    if number < FIRST_USER:
        if blank:
            return empty(bytes32)
    elif not account.exists:
        assert blank, "WITNESS"
        return empty(bytes32)
    return keccak256(abi_encode(account.head, account.cash, positions, account.family))


@internal
@pure
def positions_root(pages: Bytes[machine.PAGES]) -> bytes32:
    """
    @notice Of an account whose positions a step leaves alone: its root as a word, nothing if it is zero.
    """
    if len(pages) == 0:
        return empty(bytes32)
    assert len(pages) == 32, "WITNESS"
    return extract32(pages, 0)


@internal
@pure
def perpetual_entry(account: Account) -> int256:
    return machine.signed(account.family << 128) >> 128


@internal
@pure
def family_of(number: uint256, account: Account) -> uint256:
    """
    @notice The main account of a family, which is the account itself where it has none.
    """
    main: uint256 = account.family >> 224
    return number if main == 0 else main


@internal
@pure
def is_user(number: uint256, account: Account) -> bool:
    return number >= FIRST_USER and account.exists


@internal
@pure
def in_liquidation(account: Account) -> bool:
    return (account.family >> 208) & 255 != 0


@internal
@pure
def is_cash(figure: int256) -> bool:
    """
    @notice Far within the field of cash: what no venue reaches.
    """
    return -(2 ** 250) < figure and figure < 2 ** 250


@internal
@pure
def is_entry(figure: int256) -> bool:
    return -(2 ** 127) <= figure and figure < 2 ** 127


@internal
@pure
def paid(account: Account, amount: int256) -> Account:
    """
    @notice An account with its cash changed.
    """
    changed: Account = account
    changed.cash = unsafe_add(account.cash, amount)
    return changed


@internal
@view
def change_accounts(
    root: bytes32,
    count: uint256,
    numbers: uint256[2],
    before: Account[2],
    behind: Account[2],
    positions: bytes32[2],
    siblings: DynArray[bytes32, machine.SIBLINGS],
) -> (bytes32, uint256):
    """
    @notice The accounts' root behind a change of up to two accounts that leaves their positions alone, and the next
        sibling. Reverts unless they are what the root says.
    """
    old: bytes32[2] = empty(bytes32[2])
    new: bytes32[2] = empty(bytes32[2])
    for k: uint256 in range(count, bound=2):
        old[k] = self.account_leaf(numbers[k], before[k], positions[k])
        new[k] = self.account_leaf(numbers[k], behind[k], positions[k])
    if count == 0:
        return root, 0
    after: bytes32 = empty(bytes32)
    at: uint256 = 0
    if count == 1:
        after, at = paths.change_one(root, numbers[0], before[0].bitmap, old[0], new[0], siblings, 0)
    else:
        bitmaps: uint256[2] = [before[0].bitmap, before[1].bitmap]
        after, at = paths.change_two(root, numbers, bitmaps, old, new, siblings, 0)
    return after, at
