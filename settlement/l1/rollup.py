"""The contracts of settlement as typed questions and calls, as of one block of an Ethereum chain.

Questions name the block they are asked of; calls are only made here (`Call`), to be sent by a `Sender`. What
was posted is read back from the transactions that posted it: header and payload (calldata), or the hashes of
the blobs that hold it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Self

import msgspec

from settlement.contracts import abi
from settlement.contracts.deployment import Contracts
from settlement.hashing import keccak
from settlement.l1.ethereum import Ethereum, Head, LogEntry
from settlement.l1.hexes import HexError, data, read_data
from settlement.l1.port import L1Unavailable
from settlement.l1.sender import Call
from settlement.l1.transactions import Sidecar, calldata_tokens
from settlement.rollup.derive import QueuedDeposit, QueuedRequest

POST: Final = "post(bytes,bytes)"
_POSTED: Final = keccak(b"Posted(uint256,bytes32,bytes32,bytes32,uint256)")
_VOIDED: Final = keccak(b"Voided(uint256,address)")
_FINALISED: Final = keccak(b"Finalised(uint256)")
_POST_GAS: Final = 400_000  # above what its calldata costs
_WORD_GAS: Final = 24  # a payload's word: copied, hashed, and the memory it takes
_TRANSFER_GAS: Final = 300_000
_NAMED: Final = ("inbox", "bridge", "token", "dispute", "demands", "evidence", "escape", "runner")


class ContractsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """DATA/settlement-contracts.json: where the contracts are. Addresses are 0x and 40 digits."""

    chain_id: int
    inbox: str
    bridge: str
    token: str
    dispute: str = ""
    first_block: int = 0
    demands: str = ""
    evidence: str = ""
    escape: str = ""
    runner: str = ""
    others: dict[str, str] = {}


class Addresses(NamedTuple):
    """Where the contracts are, and the block they were deployed in. What is not known is empty.

    `others`: the contracts of steps and of decoding, by the names of their sources.
    """

    chain_id: int
    inbox: bytes
    bridge: bytes
    token: bytes
    dispute: bytes = b""
    first_block: int = 0
    demands: bytes = b""
    evidence: bytes = b""
    escape: bytes = b""
    runner: bytes = b""
    others: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def of(cls, contracts: Contracts, chain_id: int, first_block: int) -> Self:
        """Those of contracts that were just deployed."""
        found = dict(contracts.addresses())
        single = [found.pop(name.capitalize()) for name in _NAMED]
        inbox, bridge, token, dispute, demands, evidence, escape, runner = single
        return cls(
            chain_id, inbox, bridge, token, dispute, first_block, demands, evidence, escape, runner,
            tuple(found.items()),
        )  # fmt: skip

    def packed(self) -> bytes:
        """As the file holds it."""
        told = {name: data(getattr(self, name)) for name in _NAMED if getattr(self, name)}
        others = {name: data(address) for name, address in self.others}
        return msgspec.json.encode(
            {"chain_id": self.chain_id, "first_block": self.first_block, **told, "others": others}
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Read the file. Raises ValueError."""
        try:
            found = msgspec.json.decode(packed, type=ContractsFile)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a file of contracts: {error}") from error
        inbox, bridge, token = (read_data(text, 20) for text in (found.inbox, found.bridge, found.token))
        judges = (found.dispute, found.demands, found.evidence, found.escape, found.runner)
        dispute, demands, evidence, escape, runner = (
            read_data(text, 20) if text else b"" for text in judges
        )
        others = tuple((name, read_data(text, 20)) for name, text in found.others.items())
        return cls(
            found.chain_id, inbox, bridge, token, dispute, found.first_block, demands, evidence, escape,
            runner, others,
        )  # fmt: skip


class InboxState(NamedTuple):
    """The inbox as of a block. `batch_id` is the newest batch (0: none), `final_id` the newest final one."""

    batch_id: int
    final_id: int
    root: bytes
    bond_micro: int
    is_frozen: bool


class Posted(NamedTuple):
    """A batch's event. `data` is the chained commitment to its blobs, zero without."""

    batch_id: int
    header_hash: bytes
    new_root: bytes
    data: bytes
    final_at_s: int
    block: int
    block_hash: bytes
    transaction: bytes


class Voided(NamedTuple):
    """A batch and all behind it are no more."""

    batch_id: int
    challenger: bytes
    block: int


class Published(NamedTuple):
    """What a post carried: the header's bytes, and the payload or the versioned hashes of its blobs."""

    header: bytes
    payload: bytes
    blob_hashes: tuple[bytes, ...]


class Rollup:
    """Settlement's contracts on a chain."""

    def __init__(self, ethereum: Ethereum, addresses: Addresses) -> None:
        self.ethereum = ethereum
        self.addresses = addresses

    def ask(self, to: bytes, at: Head | None, signature: str, returns: str, *values: Any) -> tuple[Any, ...]:
        """What a function answers, by its signature and its types. Raises Reverted, L1Unavailable."""
        output = self.ethereum.call(to, abi.encode_call(signature, values), at)
        try:
            return abi.decode(abi.split_types(returns), output)
        except abi.AbiError as error:
            raise L1Unavailable(f"{signature} answers {len(output)} bytes: no such contract?") from error

    # --- the inbox ---------------------------------------------------------------------------------

    def inbox(self, at: Head) -> InboxState:
        """Raises L1Unavailable."""
        inbox = self.addresses.inbox
        asked = (("head()", "uint256"), ("final_head()", "uint256"), ("head_root()", "bytes32"),
                 ("bond()", "uint256"), ("is_frozen()", "bool"))  # fmt: skip
        return InboxState(*(self.ask(inbox, at, name, kind)[0] for name, kind in asked))

    def post(self, header: bytes, payload: bytes = b"", sidecar: Sidecar | None = None) -> Call:
        """Post a batch: `header` without verifier and proof; its payload in calldata, blobs or neither."""
        calldata = abi.encode_call(POST, (header, payload))
        gas = 21_000 + 10 * calldata_tokens(calldata) + _POST_GAS + len(payload) // 32 * _WORD_GAS
        return Call(self.addresses.inbox, calldata, gas=min(gas, 1 << 24), sidecar=sidecar)

    def finalise(self) -> Call:
        """Call final what has passed its window."""
        return Call(self.addresses.inbox, abi.encode_call("finalise()"))

    def add_bond(self, amount_micro: int) -> list[Call]:
        """Add to the operator's bond: the token is told first."""
        calldata = abi.encode_call("add_bond(uint256)", (amount_micro,))
        call = Call(self.addresses.inbox, calldata, gas=_TRANSFER_GAS)
        return [self.approve(self.addresses.inbox, amount_micro), call]

    def published(self, posted: Posted) -> Published:
        """What a post carried. Raises L1Unavailable; LookupError where its transaction does not show it."""
        shown = self._shown(posted.transaction)
        try:
            calldata = read_data(shown.get("input"))
            hashes = tuple(read_data(one, 32) for one in shown.get("blobVersionedHashes") or ())
            if calldata[:4] != abi.selector(POST):
                raise LookupError(f"batch {posted.batch_id} was not posted by its transaction alone")
            header, payload = abi.decode(["bytes", "bytes"], calldata[4:])
        except (HexError, abi.AbiError, TypeError) as error:
            raise LookupError(f"batch {posted.batch_id}: {error}") from error
        if keccak(header) != posted.header_hash:
            raise LookupError(f"batch {posted.batch_id}: its transaction carries another header")
        return Published(header, payload, hashes)

    def calldata(self, transaction: bytes) -> bytes:
        """What a transaction called with. Raises L1Unavailable."""
        try:
            return read_data(self._shown(transaction).get("input"))
        except HexError as error:
            raise L1Unavailable(f"transaction {transaction.hex()}: {error}") from error

    def _shown(self, transaction: bytes) -> dict[str, Any]:
        shown = self.ethereum.transaction(transaction)
        if shown is None:
            raise L1Unavailable(f"the node does not show transaction {transaction.hex()}")
        return shown

    # --- money -------------------------------------------------------------------------------------

    def mint(self, to: bytes, amount_micro: int) -> Call:
        """Test tokens."""
        calldata = abi.encode_call("mint(address,uint256)", (to, amount_micro))
        return Call(self.addresses.token, calldata, gas=_TRANSFER_GAS)

    def approve(self, spender: bytes, amount_micro: int) -> Call:
        """Let a contract take tokens."""
        calldata = abi.encode_call("approve(address,uint256)", (spender, amount_micro))
        return Call(self.addresses.token, calldata, gas=_TRANSFER_GAS)

    def deposit(self, account: int, amount_micro: int) -> list[Call]:
        """Put the sender's tokens into an account: the token is told first."""
        calldata = abi.encode_call("deposit(uint256,uint256)", (account, amount_micro))
        call = Call(self.addresses.bridge, calldata, gas=_TRANSFER_GAS)
        return [self.approve(self.addresses.bridge, amount_micro), call]

    def counts(self, at: Head) -> tuple[int, int]:
        """How many deposits and forced requests were made."""
        bridge = self.addresses.bridge
        deposits = self.ask(bridge, at, "deposit_count()", "uint256")[0]
        return int(deposits), int(self.ask(bridge, at, "request_count()", "uint256")[0])

    # --- what happened -----------------------------------------------------------------------------

    def watched(self) -> tuple[bytes, ...]:
        """The addresses whose logs tell what happened."""
        where = self.addresses
        found = (where.inbox, where.bridge, where.dispute, where.demands)
        return tuple(address for address in found if address)

    def event(self, log: LogEntry) -> Posted | Voided | int | None:
        """An event of the inbox: a post, a voiding, or the newest final batch's id; None for others."""
        if log.address != self.addresses.inbox or not log.topics:
            return None
        if log.topics[0] == _FINALISED:
            return int.from_bytes(log.data[:32], "big")
        if log.topics[0] == _VOIDED:
            return Voided(int.from_bytes(log.topics[1], "big"), log.topics[2][12:], log.block)
        if log.topics[0] != _POSTED:
            return None
        header_hash, root, kept, final_at_s = abi.decode(["bytes32"] * 3 + ["uint256"], log.data)
        batch_id = int.from_bytes(log.topics[1], "big")
        return Posted(
            batch_id, header_hash, root, kept, final_at_s, log.block, log.block_hash, log.transaction
        )


class Queues:
    """The bridge's queues as of a block: `settlement.rollup.derive.Bridge`."""

    def __init__(self, rollup: Rollup, at: Head) -> None:
        self._rollup = rollup
        self._at = at

    def _ask(self, signature: str, returns: str, ident: int) -> tuple[Any, ...]:
        return self._rollup.ask(self._rollup.addresses.bridge, self._at, signature, returns, ident)

    def deposit(self, deposit_id: int) -> QueuedDeposit | None:
        """See `Bridge`."""
        kinds = "address,uint256,uint256,uint256,uint256"
        depositor, account, _, amount, _ = self._ask("deposit_of(uint256)", kinds, deposit_id)
        return QueuedDeposit(account, amount, depositor) if amount else None

    def request(self, request_id: int) -> QueuedRequest | None:
        """See `Bridge`."""
        account, _, amount = self._ask("request_of(uint256)", "uint256,uint256,uint256", request_id)
        return QueuedRequest(account, amount) if amount else None
