"""Blocks that an account's owner has to approve, because one of its keys may agree to blocks only with that
(feature `block_trade_approval`).

A request begins where such a key signs or executes a block; another key of the account approves or rejects
it. It lasts as long as its timestamp is good, in memory: after a restart it is made and approved anew. What
was rejected cannot come back: its nonce is used up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from exchange.gateway.deals.block_limits import SIGNATURE_WINDOW_MS
from exchange.gateway.deals.block_signatures import Term, digest_of
from exchange.wire import errors
from exchange.wire.errors import error

FEATURE: Final = "block_trade_approval"
RESTRICTED: Final = "restricted_block_trades"
INITIAL: Final = "initial"
ACCEPTED: Final = "accepted"
REJECTED: Final = "rejected"
EXECUTED: Final = "executed"
REQUESTS_MAX: Final = 100


class Side(NamedTuple):
    """One side of one block."""

    account: int
    is_maker: bool
    timestamp_ms: int
    nonce: str


class Approval:
    """A request for approval."""

    def __init__(self, side: Side, terms: tuple[Term, ...], key_name: str, now_ms: int) -> None:
        self.side = side
        self.terms = terms
        self.key_name = key_name
        self.state = INITIAL
        self.state_ms = now_ms

    def matches(self, other: Approval) -> bool:
        """Whether another request is of the other side of the same block."""
        mine, theirs = self.side, other.side
        return (
            (mine.timestamp_ms, mine.nonce) == (theirs.timestamp_ms, theirs.nonce)
            and mine.is_maker != theirs.is_maker
            and digest_of(self.terms) == digest_of(other.terms)
        )


class Approvals:
    """All requests. `changed(request)` is told of every new state."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._of: dict[int, dict[Side, Approval]] = {}
        self._by_nonce: dict[tuple[int, str], list[Approval]] = {}
        self.changed: list[Callable[[Approval], None]] = []

    def ask(self, side: Side, terms: tuple[Term, ...], key_name: str) -> Approval:
        """The request of a side, a new one if there is none.

        Raises:
            RpcError: 10066 the account has as many as it may.
        """
        self._forget(side.account)
        mine = self._of.get(side.account, {})
        found = mine.get(side)
        if found is not None and digest_of(found.terms) == digest_of(terms):
            return found
        if found is not None:
            self._drop(found)
        elif len(mine) >= REQUESTS_MAX:
            raise error(errors.CONCURRENT_REQUESTS, reason="blocks wait for approval", limit=REQUESTS_MAX)
        found = Approval(side, terms, key_name, self._now_ms())
        self._of.setdefault(side.account, {})[side] = found
        self._by_nonce.setdefault((side.timestamp_ms, side.nonce), []).append(found)
        self._tell(found)
        return found

    def find(self, side: Side) -> Approval | None:
        """The request of a side that is still good."""
        self._forget(side.account)
        return self._of.get(side.account, {}).get(side)

    def of(self, account: int) -> list[Approval]:
        """An account's requests, the oldest first."""
        self._forget(account)
        return list(self._of.get(account, {}).values())

    def other_side(self, request: Approval) -> Approval | None:
        """The request of the other side of the same block, where that has one."""
        side = request.side
        known = self._by_nonce.get((side.timestamp_ms, side.nonce), ())
        return next((each for each in known if each.matches(request)), None)

    def set_state(self, request: Approval, state: str) -> None:
        """A request was decided, or its block has happened."""
        request.state, request.state_ms = state, self._now_ms()
        self._tell(request)

    def purge(self) -> None:
        """Forget the requests whose time is over."""
        for account in list(self._of):
            self._forget(account)

    def _drop(self, request: Approval) -> None:
        side = request.side
        known = self._by_nonce[side.timestamp_ms, side.nonce]
        known.remove(request)
        if not known:
            del self._by_nonce[side.timestamp_ms, side.nonce]
        mine = self._of[side.account]
        del mine[side]
        if not mine:
            del self._of[side.account]

    def _tell(self, request: Approval) -> None:
        for told in self.changed:
            told(request)

    def _forget(self, account: int) -> None:
        mine = self._of.get(account)
        if mine is None:
            return
        oldest = self._now_ms() - SIGNATURE_WINDOW_MS
        for request in [request for request in mine.values() if request.side.timestamp_ms < oldest]:
            self._drop(request)
