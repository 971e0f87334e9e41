"""The state that contracts live in: accounts and storage, in an EVM (revm, by pyrevm) with its changes told.

pyrevm keeps one journal for ever, in which everything once touched stays warm, and tells no state changes.
So each run stands between a snapshot and its reversal: gas is counted as on a chain, a failed or a mere
asking run leaves nothing behind, and what a run changed is read from the journal before it is reversed and
written to the EVM's database by `apply`, whose opposite is `undo`. Which storage slots a run touched stands
only in the journal's printed form; values are read by pyrevm's own calls, and the version is pinned.

What contracts see that differs from Ethereum: BASEFEE, GASPRICE and BLOBBASEFEE are not the block's (0, 0
and 1), BLOCKHASH is not the chain's, and of Prague and later there are no new opcodes and precompiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pyrevm import EVM, AccountInfo, BlockEnv, CfgEnv, Env, TxEnv

from settlement.hashing import keccak

NO_CODE_HASH: Final = keccak(b"")
EVM_VERSION: Final = "Cancun"
_ACCOUNT_INFO: Final[Any] = AccountInfo  # its published type leaves the balance out
_ACCOUNT: Final = ": Account { info: "
_STORAGE: Final = "storage: {"
_STATUS: Final = "}, status: AccountStatus("
_SLOT: Final = re.compile(r"(\d+): StorageSlot \{ previous_or_original_value: (\d+), present_value: (\d+) \}")
_FAILURE: Final = re.compile(r"(?:Revert|Halt) \{.*?gas_used: (\d+)")
_OUTPUT: Final = re.compile(r"output: 0x([0-9a-f]*)")
_REASON: Final = re.compile(r"reason: (\w+)")


class ExecutionError(Exception):
    """The EVM refused to begin: a transaction that a node would not have let in."""


class Account(NamedTuple):
    """An account without its storage."""

    nonce: int = 0
    balance_wei: int = 0
    code_hash: bytes = NO_CODE_HASH


class Log(NamedTuple):
    """What a contract logged: 20 bytes, words, bytes."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


class Changes(NamedTuple):
    """(before, after) of every account and slot that is not as it was; None: no such account."""

    accounts: dict[bytes, tuple[Account | None, Account | None]]
    slots: dict[tuple[bytes, int], tuple[int, int]]
    codes: dict[bytes, bytes]


NO_CHANGES: Final = Changes({}, {}, {})


class Message(NamedTuple):
    """What to run; `to` is empty where a contract is created."""

    sender: bytes
    to: bytes
    data: bytes
    value_wei: int
    gas: int
    blob_hashes: tuple[bytes, ...] = ()
    access_list: Sequence[tuple[bytes, Sequence[bytes]]] = ()


class Surroundings(NamedTuple):
    """The block that a contract sees."""

    number: int
    time_s: int
    coinbase: bytes
    randomness: bytes


class Outcome(NamedTuple):
    """What a run came to. `gas_used` has refunds taken off; `reason` is empty if it succeeded."""

    success: bool
    gas_used: int
    gas_refunded: int
    output: bytes
    reason: str
    logs: tuple[Log, ...]
    created: bytes
    changes: Changes


def hex_of(address: bytes) -> str:
    """0x and the digits."""
    return "0x" + address.hex()


class World:
    """Accounts and storage at one block, and runs on top of it."""

    def __init__(self, chain_id: int) -> None:
        self._chain_id = chain_id
        self._evm = EVM(env=Env(cfg=CfgEnv(chain_id=chain_id)), spec_id=EVM_VERSION)
        self.accounts: dict[bytes, Account] = {}
        self.codes: dict[bytes, bytes] = {}

    def account(self, address: bytes) -> Account:
        """An account, empty if there is none."""
        return self.accounts.get(address, Account())

    def code(self, address: bytes) -> bytes:
        """A contract's code, empty for others."""
        return self.codes.get(self.account(address).code_hash, b"")

    def slot(self, address: bytes, key: int) -> int:
        """A word of a contract's storage."""
        mark = self._evm.snapshot()
        try:
            return self._evm.storage(hex_of(address), key)
        finally:
            self._evm.revert(mark)

    # --- changing ----------------------------------------------------------------------------------

    def load(
        self,
        accounts: Mapping[bytes, Account],
        codes: Mapping[bytes, bytes],
        slots: Iterable[tuple[bytes, int, int]],
    ) -> None:
        """Take over a stored state."""
        self.codes.update(codes)
        for address, account in accounts.items():
            self._put_account(address, account)
        self._put_slots(slots)

    def apply(self, changes: Changes) -> None:
        """Make a run's changes part of the state."""
        self.codes.update(changes.codes)
        for address, (_, after) in changes.accounts.items():
            self._put_account(address, after)
        self._put_slots((address, key, after) for (address, key), (_, after) in changes.slots.items())

    def undo(self, changes: Changes) -> None:
        """Take changes back; the newest first."""
        for address, (before, _) in changes.accounts.items():
            self._put_account(address, before)
        self._put_slots((address, key, before) for (address, key), (before, _) in changes.slots.items())

    def _put_account(self, address: bytes, account: Account | None) -> None:
        if account is None:
            self.accounts.pop(address, None)
            account = Account()
        else:
            self.accounts[address] = account
        self._show(address, account)

    def _show(self, address: bytes, account: Account) -> None:
        """Let the EVM see an account so."""
        code = self.codes.get(account.code_hash)
        info = _ACCOUNT_INFO(
            nonce=account.nonce, balance=account.balance_wei, code_hash=account.code_hash, code=code
        )
        self._evm.insert_account_info(hex_of(address), info)

    def _put_slots(self, slots: Iterable[tuple[bytes, int, int]]) -> None:
        for address, key, value in slots:
            # Inserting loads the account into the journal, and what is inserted next would go there and not
            # into the database: unsay the loading each time.
            mark = self._evm.snapshot()
            self._evm.insert_account_storage(hex_of(address), key, value)
            self._evm.revert(mark)

    # --- running -----------------------------------------------------------------------------------

    def run(
        self, message: Message, block: Surroundings, sender: Account, *, keep: bool = True
    ) -> Outcome:
        """Run a message on this state, with the sender's account as given; the state stays as it is.

        Without `keep` its changes are not told: for questions.

        Raises ExecutionError.
        """
        evm = self._evm
        evm.set_block_env(
            BlockEnv(
                number=block.number, coinbase=hex_of(block.coinbase), timestamp=block.time_s,
                prevrandao=block.randomness, excess_blob_gas=0,
            )
        )  # fmt: skip
        evm.set_tx_env(_transaction_env(message, self._chain_id))
        self._show(message.sender, sender)
        mark = evm.snapshot()
        try:
            return self._outcome(message, sender, keep=keep)
        finally:
            evm.revert(mark)
            evm.reset_transient_storage()
            self._show(message.sender, self.account(message.sender))

    def _outcome(self, message: Message, sender: Account, *, keep: bool) -> Outcome:
        evm, created, output = self._evm, b"", b""
        who = hex_of(message.sender)
        try:
            if message.to:
                output = evm.message_call(
                    who, hex_of(message.to), calldata=message.data, value=message.value_wei, gas=message.gas
                )
            else:
                where = evm.deploy(who, message.data, value=message.value_wei, gas=message.gas)
                created = bytes.fromhex(where[2:])
        except RuntimeError as error:
            return self._failure(str(error), message, sender)
        result = evm.result
        if result is None:
            raise ExecutionError("the EVM told no result")
        logs = tuple(_log(log.address, log.data) for log in result.logs)
        changes = self._changes() if keep else NO_CHANGES
        return Outcome(True, result.gas_used, result.gas_refunded, output, "", logs, created, changes)

    def _failure(self, text: str, message: Message, sender: Account) -> Outcome:
        found = _FAILURE.search(text)
        if found is None:
            raise ExecutionError(text)
        output = _OUTPUT.search(text)
        reason = "revert" if text.startswith("Revert") else _halt(text)
        after = sender if message.to else sender._replace(nonce=sender.nonce + 1)
        before = self.accounts.get(message.sender)
        changes = Changes({message.sender: (before, after)}, {}, {})
        returned = bytes.fromhex(output[1]) if output else b""
        return Outcome(False, int(found[1]), 0, returned, reason, (), b"", changes)

    def _changes(self) -> Changes:
        """What the journal holds that the state does not, in a fixed order."""
        slots: dict[tuple[bytes, int], tuple[int, int]] = {}
        gone: set[bytes] = set()
        touched = self._evm.journal_state
        printed = list(_printed(self._evm.journal_str))
        if {raw for raw, _, _ in printed} != {bytes.fromhex(address[2:]) for address in touched}:
            raise ExecutionError("the EVM's journal is printed in a form that is not known")
        for raw, storage, status in printed:
            if "SelfDestructed" in status:
                gone.add(raw)
                continue
            for key, before, after in _SLOT.findall(storage):
                if before != after:
                    slots[raw, int(key)] = (int(before), int(after))
        accounts: dict[bytes, tuple[Account | None, Account | None]] = {}
        codes: dict[bytes, bytes] = {}
        for address, info in sorted(touched.items()):
            raw = bytes.fromhex(address[2:])
            before_account = self.accounts.get(raw)
            after_account = Account(info.nonce, info.balance, info.code_hash or NO_CODE_HASH)
            if raw in gone or after_account == before_account:
                continue
            if after_account == Account() and before_account is None:
                continue
            accounts[raw] = (before_account, after_account)
            if after_account.code_hash not in self.codes and after_account.code_hash != NO_CODE_HASH:
                codes[after_account.code_hash] = self._evm.get_code(address) or b""
        return Changes(accounts, dict(sorted(slots.items())), codes)


def _printed(journal: str) -> Iterator[tuple[bytes, str, str]]:
    """(address, storage, status) of each account in a journal's printed form.

    By searching for fixed words: most of the text is code, which an expression would read byte by byte.
    """
    before, *parts = journal.split(_ACCOUNT)
    for part in parts:
        storage_at = part.index(_STORAGE) + len(_STORAGE)
        status_at = part.index(_STATUS, storage_at)
        begins = status_at + len(_STATUS)
        yield bytes.fromhex(before[-40:]), part[storage_at:status_at], part[begins : part.index(")", begins)]
        before = part


def _halt(text: str) -> str:
    found = _REASON.search(text)
    return found[1] if found else "halt"


def _log(address: str, data: tuple[list[bytes], bytes]) -> Log:
    return Log(bytes.fromhex(address[2:]), tuple(map(bytes, data[0])), bytes(data[1]))


def _transaction_env(message: Message, chain_id: int) -> TxEnv:
    entries = [
        (hex_of(address), [int.from_bytes(slot, "big") for slot in slots])
        for address, slots in message.access_list
    ]
    return TxEnv(
        caller=hex_of(message.sender), chain_id=chain_id, access_list=entries,
        blob_hashes=list(message.blob_hashes), max_fee_per_blob_gas=1 if message.blob_hashes else None,
    )  # fmt: skip


def merge(first: Changes, then: Changes) -> Changes:
    """Two changes as one: before the first, after the second."""
    accounts = dict(first.accounts)
    for address, (before, after) in then.accounts.items():
        accounts[address] = (accounts[address][0] if address in accounts else before, after)
    slots = dict(first.slots)
    for place, (old, new) in then.slots.items():
        slots[place] = (slots[place][0] if place in slots else old, new)
    return Changes(accounts, slots, first.codes | then.codes)
