"""What settlement and the venue need of an L1: an inbox for batches and a bridge for deposits."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol


class L1Error(Exception):
    """An L1 call that did not succeed; `severity` is temporary (retry) or critical (halt)."""

    severity: ClassVar[str] = "temporary"


class L1Unavailable(L1Error):
    """No answer, or an answer that does not say whether the call took effect. Ask again later."""


class L1Rejected(L1Error):
    """The contract refused; nothing happened. `code` is stable."""

    severity = "critical"

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code


class InboxHead(NamedTuple):
    """The inbox after a batch: its id (0: none yet), the root, and each shard's last sequence number."""

    batch_id: int
    root: bytes
    last_seqs: tuple[tuple[int, int], ...] = ()


class Progress(NamedTuple):
    """How far the L1 is: blocks, and the inbox with waiting posts counted, in blocks, and confirmed."""

    height: int
    pending: InboxHead
    included: InboxHead
    confirmed: InboxHead


class Deposit(NamedTuple):
    """A deposit in a block; `deposit_id` grows strictly with the chain, from 1, without gaps."""

    deposit_id: int
    account: int
    owner: bytes
    amount_micro: int
    block: int


class Request(NamedTuple):
    """A withdrawal forced on the L1, in a block; `request_id` grows as a deposit's."""

    request_id: int
    account: int
    amount_micro: int


class Payout(NamedTuple):
    """A withdrawal paid, or about to be: `block` is None while the payment waits for one."""

    withdrawal_id: int
    account: int
    owner: bytes
    amount_micro: int
    block: int | None


class Inbox(Protocol):
    """Where batches are posted."""

    def progress(self) -> Progress:
        """Raises L1Unavailable."""

    def post_batch(self, header: bytes, body: bytes) -> bytes:
        """Hand in a batch; returns the transaction's hash.

        Raises:
            L1Unavailable: it may or may not have been taken.
            L1Rejected: code `malformed`, `duplicate`, `wrong_batch_id`, `wrong_previous_root`,
                `wrong_batch_hash` or `wrong_sequence`.
        """


class Bridge(Protocol):
    """Where cash comes from."""

    def faucet(self, account: int, amount_micro: int, owner: bytes = ...) -> bytes:
        """Ask for test money for an account; it becomes a deposit with the next block.

        Returns the transaction's hash. Raises L1Unavailable, or L1Rejected (`bad_account`, `bad_amount`).
        """

    def deposits(self, after_id: int, limit: int = ..., confirmations: int = ...) -> list[Deposit]:
        """Deposits with a greater id in order, at least `confirmations` blocks deep (1: in a block).

        Raises L1Unavailable.
        """

    def pay(self, withdrawal_id: int) -> bytes:
        """Pay a withdrawal that a batch in a block holds, to its account's owner, once.

        Returns the transaction's hash.

        Raises:
            L1Unavailable: it may or may not have been taken.
            L1Rejected: code `not_posted` (no batch in a block holds it: later perhaps), `bridge_short` (the
                bridge holds less), `paid` (it is, or is about to be), `no_owner` (the account has no address
                to pay to: never).
        """

    def payout_of(self, withdrawal_id: int) -> Payout | None:
        """A withdrawal's payment, waiting ones included; None if there is none. Raises L1Unavailable."""
