"""Grants at the edge: verified, recorded in the command log, then good for frames of commands.

A grant or a revocation is taken only when its signature has been recovered, to the address of the account's
owner. A grant holds once its GRANT record is durable; a revocation holds at once, and its record follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from exchange.attest import grants as g
from exchange.attest.eip712 import DEVELOPMENT, Domain
from exchange.domain import commands
from exchange.domain import records as r
from exchange.edge.pending import OnEvents
from exchange.keys.grant_store import ACTIVE as HOLDS
from exchange.keys.grant_store import PENDING, REVOKED, REVOKING, GrantStore, GrantStoreError, Row
from exchange.keys.replays import ReplayLog
from exchange.keys.verifier import InlineVerifier, Verifier, VerifierBusy
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param, other_reject
from exchange.wire.session import RpcError
from exchange.wire.session_methods import Clock

GRANTS_MAX: Final = 256
"""Of one account, also those that are over."""
RULES: Final = 5
"""From these rules on the command log has records of what authorises."""

Outcome = Callable[[RpcError | None], None]
"""Told why it was not done; None: it was."""


class GrantSetup(NamedTuple):
    """What grants need of the application."""

    store: GrantStore
    verifier: Verifier
    domain: Domain = DEVELOPMENT
    replays: ReplayLog | None = None

    @classmethod
    def in_memory(cls) -> GrantSetup:
        """Nothing outlives the process."""
        return cls(GrantStore(), InlineVerifier())


class Host(Protocol):
    """What of the venue grants use."""

    clock: Clock

    def rules(self) -> int: ...

    def account_exists(self, account: int) -> bool: ...

    def is_removed(self, account: int) -> bool: ...

    def owner_of(self, account: int) -> bytes: ...

    def submit(self, command: bytes, on_events: OnEvents | None = None) -> None: ...


class Held(NamedTuple):
    """A grant, what has become of it, and its record's bytes."""

    grant: g.Grant
    state: int
    body: bytes

    @property
    def is_good(self) -> bool:
        """Whether commands are taken under it, as long as it is not over."""
        return self.state == HOLDS


class Grants:
    """The grants of all accounts. All methods run on the loop, and answer there, at once or later."""

    def __init__(self, host: Host, setup: GrantSetup) -> None:
        self._host = host
        self._store = setup.store
        self._verifier = setup.verifier
        self.domain = setup.domain
        self._held: dict[tuple[int, int], Held] = {}
        self._unrecorded: list[Row] = []
        self.revoked: list[Callable[[int, int], None]] = []
        """Told account and number of each grant that is taken back, at once."""
        for row in setup.store.rows:
            _, message, _ = g.unpack_signed(r.GRANT_ACTIVATED, row.body)
            assert isinstance(message, g.Grant)
            self._held[row.account, row.number] = Held(message, row.state, row.body)
            if row.state in (PENDING, REVOKING):
                self._unrecorded.append(row)

    def resume(self) -> None:
        """Sequence again what a crash may have left out of the log. Raises RpcError."""
        rows, self._unrecorded = self._unrecorded, []
        for row in rows:
            self._record(row, lambda _: None)

    def of(self, account: int) -> list[Held]:
        """The account's grants, by number."""
        return [held for (owner, _), held in sorted(self._held.items()) if owner == account]

    def get(self, account: int, number: int) -> Held:
        """One of them. Raises RpcError 13020: there is none."""
        held = self._held.get((account, number))
        if held is None:
            raise error(errors.NOT_FOUND, param="grant", reason="no such grant")
        return held

    def activate(self, grant: g.Grant, signature: bytes, done: Outcome) -> None:
        """Take a grant that the account's owner has signed; it holds once `done` says so.

        Raises:
            RpcError: -32602 fields out of range, or no such account; 11030 `grant_expired`,
                `grant_number_used`; 10028 too many; 13503 nobody can verify now, or these rules have no
                records.
        """
        self.must_have_rules()
        self.must_have_account(grant.account)
        if grant.expiry_ms <= self._host.clock.now_ms():
            raise other_reject("grant_expired", param="expires_at")
        self._must_be_new(grant)

        def judge(signer: bytes | None) -> None:
            self._must_own(grant.account, signer)
            self._must_be_new(grant)
            body = g.pack_signed(self.domain, grant, signature)
            self._keep(Row(grant.account, grant.number, PENDING, body, b""), grant, done)

        self.verify(grant, signature, judge, done)

    def revoke(self, revocation: g.Revocation, signature: bytes, done: Outcome) -> None:
        """Take a grant back by its owner's signature. Raises RpcError as `activate`; 13020 no such grant."""
        self.must_have_rules()
        self.get(revocation.account, revocation.number)

        def judge(signer: bytes | None) -> None:
            self._must_own(revocation.account, signer)
            self._take_back(revocation, signature, done)

        self.verify(revocation, signature, judge, done)

    def revoke_by_session(self, account: int, number: int, done: Outcome) -> None:
        """Take a grant back at the word of an API session: the venue answers for it. Raises RpcError."""
        self.must_have_rules()
        self._take_back(g.Revocation(account, number, 0), b"", done)

    def good(self, account: int, number: int) -> g.Grant:
        """A grant that commands are taken under now. Raises RpcError 13020 no such grant; 11030
        `grant_revoked`, `grant_expired`."""
        held = self.get(account, number)
        if not held.is_good:
            raise other_reject("grant_revoked", param="grant")
        if held.grant.expiry_ms <= self._host.clock.now_ms():
            raise other_reject("grant_expired", param="grant")
        return held.grant

    def verify(
        self,
        message: g.Message | g.Entry,
        signature: bytes,
        judge: Callable[[bytes | None], None],
        done: Outcome,
    ) -> None:
        """Have the signature recovered, then `judge(signer)`; what that raises `done` is told.

        Raises:
            RpcError: -32602 fields out of range; 13503 nobody can verify now.
        """
        try:
            digest = g.message_digest(self.domain, message)
        except g.GrantFormatError as wrong:
            raise invalid_param("signature", str(wrong)) from None

        def recovered(signer: bytes | None) -> None:
            try:
                judge(signer)
            except RpcError as refused:
                done(refused)

        try:
            self._verifier.ask(digest, signature, recovered)
        except VerifierBusy:
            raise error(errors.UNAVAILABLE, reason="nobody verifies signatures now") from None

    def must_have_rules(self) -> None:
        """Raises RpcError 13503: these rules have no records of what authorises."""
        if self._host.rules() < RULES:
            raise error(errors.UNAVAILABLE, reason=f"the venue is not under rules {RULES} yet")

    def must_have_account(self, account: int) -> None:
        """Raises RpcError -32602: no account of a user, or a removed one."""
        if not self._host.account_exists(account) or self._host.is_removed(account):
            raise invalid_param("account", "no such account")

    def owner_of(self, account: int) -> bytes:
        """The account's owner."""
        return self._host.owner_of(account)

    def _must_own(self, account: int, signer: bytes | None) -> None:
        if signer is None or signer != self._host.owner_of(account):
            raise other_reject("not_the_owners_signature", param="signature")

    def _must_be_new(self, grant: g.Grant) -> None:
        if (grant.account, grant.number) in self._held:
            raise other_reject("grant_number_used", param="grant")
        if len(self.of(grant.account)) >= GRANTS_MAX:
            raise error(errors.TOO_MANY_REQUESTS, reason=f"{GRANTS_MAX} grants of an account at most")

    def _take_back(self, revocation: g.Revocation, signature: bytes, done: Outcome) -> None:
        account, number = revocation.account, revocation.number
        held = self.get(account, number)
        if held.state == REVOKED:
            done(None)
            return
        record = g.pack_signed(self.domain, revocation, signature)
        self._keep(Row(account, number, REVOKING, held.body, record), held.grant, done)
        for told in self.revoked:
            told(account, number)

    def _keep(self, row: Row, grant: g.Grant, done: Outcome) -> None:
        """Make a row durable, then record it."""
        try:
            self._store.keep(row)
        except GrantStoreError as broken:
            raise error(errors.TEMPORARILY_UNAVAILABLE, reason=str(broken)) from None
        self._held[row.account, row.number] = Held(grant, row.state, row.body)
        self._record(row, done)

    def _record(self, row: Row, done: Outcome) -> None:
        """Sequence a row's GRANT record; when that is durable the row has its final state."""
        is_over = row.state == REVOKING
        kind = r.GRANT_REVOKED if is_over else r.GRANT_ACTIVATED
        body = row.revocation if is_over else row.body

        def recorded(events: bytes) -> None:
            if not events or events[0] != r.EV_DONE:
                self._unrecorded.append(row)
                done(error(errors.TEMPORARILY_UNAVAILABLE, reason="it could not be recorded"))
                return
            self._settle(row._replace(state=REVOKED if is_over else HOLDS))
            done(None)

        self._host.submit(commands.grant(row.account, row.number, kind, body), recorded)

    def _settle(self, row: Row) -> None:
        held = self._held[row.account, row.number]
        if row.state < held.state:  # it was revoked while its activation was under way
            return
        self._held[row.account, row.number] = held._replace(state=row.state)
        try:
            self._store.keep(row)
        except GrantStoreError:  # the next start records it once more
            return
