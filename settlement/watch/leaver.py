"""The ways out, move by move, from the chain alone: what an owner can do now, and what he waits for.

Every answer is worked out anew from the chain as of a block and the last final state, so that it makes no
difference how often, or in how many runs, the question is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from exchange.domain.limits import FIRST_USER_ACCOUNT
from settlement.hashing import keccak
from settlement.l1.ethereum import Head, Reverted
from settlement.l1.leaving import EscapeState, FinalState, Leaving
from settlement.stf.state import WITHDRAWAL_FORCED, WITHDRAWAL_PAID, State
from settlement.watch.challenge import Move

_MARKED: Final = keccak(b"Marked(uint256)")
_GONE: Final = (WITHDRAWAL_PAID, WITHDRAWAL_FORCED)


class NotPossible(Exception):
    """The contracts would refuse it; the text says why, and what is possible."""


def moment(second: int) -> str:
    """A second of the chain for people."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S} UTC"


def accounts_of(state: State, owner: bytes) -> list[int]:
    """The accounts of an owner."""
    users = (number for number in state.accounts if number >= FIRST_USER_ACCOUNT)
    return sorted(number for number in users if state.accounts[number].owner == owner)


def slots_of(state: State, owner: bytes) -> list[int]:
    """Where the withdrawals of an owner stand that the bridge pays."""
    found = state.withdrawals.items()
    return sorted(slot for slot, one in found if one.owner == owner and one.status in _GONE)


def equity_micro(state: State, number: int) -> int:
    """What the escape counts of an account: cash, options at their mark, perpetuals at theirs less entry,
    each position rounded down."""
    account = state.accounts[number]
    found = account.cash_micro
    for page in account.pages.values():
        for instrument, (size, entry) in page.items():
            one = state.instruments[instrument]
            found += size * one.mark_micro * one.terms.lot_e8 // 10**8
            found -= entry if one.terms.is_perpetual else 0
    return found


class Leaver:
    """One owner's way out of the venue that stands behind a final state."""

    def __init__(self, leaving: Leaving, final: FinalState, owner: bytes) -> None:
        self._leaving = leaving
        self._final = final
        self._state = final.commitment.state
        self._owner = owner

    # --- the bridge --------------------------------------------------------------------------------

    def withdraw(self, at: Head) -> Move:
        """Have the next final withdrawal paid. Raises L1Error."""
        slots = [slot for slot in slots_of(self._state, self._owner) if not self._leaving.is_paid(slot, at)]
        if not slots:
            return Move((), "no withdrawal of yours is final and unpaid")
        until_s = self._leaving.paused_until_s(at)
        if at.time_s < until_s:
            return Move((), f"the guardian has paused withdrawals until {moment(until_s)}")
        found = self._state.withdrawals[slots[0]]
        text = f"paying withdrawal {found.ident} of account {found.account}: {found.amount_micro} micro-USDC"
        return Move((self._leaving.withdraw(self._final, slots[0]),), text)

    def force(self, account: int, amount_micro: int) -> Move:
        """Ask for a withdrawal that the operator can not leave out. Raises NotPossible."""
        known = self._state.accounts.get(account)
        if known is None or account < FIRST_USER_ACCOUNT:
            raise NotPossible(f"the last final state has no account {account}")
        if known.owner != self._owner:
            raise NotPossible(f"account {account} belongs to 0x{known.owner.hex()}")
        if not 0 < amount_micro < 1 << 63:
            raise NotPossible("an amount is above zero")
        call = self._leaving.request(self._final, account, amount_micro)
        return Move((call,), f"requesting {amount_micro} micro-USDC of account {account}")

    # --- the escape --------------------------------------------------------------------------------

    def escape(self, at: Head, *, everybody: bool = False) -> Move:
        """The next move of the escape; `everybody`: accounts of others are counted too, those who owe first.

        Raises L1Error.
        """
        stands = self._leaving.escape(at)
        if not stands.claims_until_s:
            return self._open(stands, at)
        if not stands.is_closed:
            if at.time_s <= stands.claims_until_s:
                return self._claim(stands, at, everybody=everybody)
            return Move((self._leaving.close(),), "taking the funds over: claims are taken no more")
        return self._paid(at)

    def _open(self, stands: EscapeState, at: Head) -> Move:
        silent_s = stands.last_final_s + stands.silence_s
        if at.time_s <= silent_s:
            text = f"the escape opens {moment(silent_s)}, if nothing becomes final until then"
            return Move((), f"the operator is not silent: {text}")
        batch = self._final.header.batch_id if self._final.header else 0
        return Move((self._leaving.open(self._final),), f"opening the escape at batch {batch}")

    def _claim(self, stands: EscapeState, at: Head, *, everybody: bool) -> Move:
        marked = self._marked(at)
        for number in self._to_count(everybody=everybody):
            if self._leaving.is_counted(number, at):
                continue
            pages = self._state.accounts[number].pages.values()
            for instrument in sorted(instrument for page in pages for instrument in page):
                if instrument not in marked:
                    call = self._leaving.mark(self._final, instrument)
                    return Move((call,), f"showing the mark of instrument {instrument}")
            for call in self._leaving.count(self._final, number):
                if not self._is_refused(call.to, call.data, at):
                    equity = equity_micro(self._state, number)
                    return Move((call,), f"counting account {number}: {equity} micro-USDC")
        until = moment(stands.claims_until_s)
        return Move((), f"all that is yours is counted; claims are taken until {until}")

    def _to_count(self, *, everybody: bool) -> Iterator[int]:
        yield from accounts_of(self._state, self._owner)
        if everybody:
            users = (item for item in self._state.accounts.items() if item[0] >= FIRST_USER_ACCOUNT)
            owned = (number for number, one in users if any(one.owner))
            yield from sorted(owned, key=lambda number: (equity_micro(self._state, number), number))

    def _marked(self, at: Head) -> set[int]:
        where = self._leaving.rollup.addresses
        topics = [[_MARKED]]
        logs = self._leaving.rollup.ethereum.logs(where.first_block, at.number, [where.escape], topics)
        return {int.from_bytes(log.topics[1], "big") for log in logs}

    def _is_refused(self, to: bytes, calldata: bytes, at: Head) -> bool:
        try:
            self._leaving.rollup.ethereum.call(to, calldata, at)
        except Reverted:
            return True
        return False

    def _paid(self, at: Head) -> Move:
        claim = self._leaving.claim_micro(self._owner, at)
        if claim > 0 and not self._leaving.is_claim_paid(self._owner, at):
            text = f"taking your part of a claim of {claim} micro-USDC"
            return Move((self._leaving.pay(self._owner),), text)
        for number in self._outside(at):
            if not self._leaving.is_refunded(number, at):
                return Move((self._leaving.refund(number),), f"taking deposit {number} back")
        return Move((), "everything that is yours was paid")

    def _outside(self, at: Head) -> Iterator[int]:
        """Deposits of the owner that no final batch took in."""
        rollup = self._leaving.rollup
        first = self._state.parameters.money.last_deposit_id + 1
        kinds = "address,uint256,uint256,uint256,uint256"
        for number in range(first, rollup.counts(at)[0] + 1):
            told = rollup.ask(rollup.addresses.bridge, at, "deposit_of(uint256)", kinds, number)
            if told[0] == self._owner:
                yield number
