"""Witnesses: what of a state one step needs, with proofs against the roots before it (docs/protocol.md).

Whoever replays a batch makes them; a contract, or `settlement.stf.onestep`, executes the step from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from settlement.stf import leaves
from settlement.stf.chunks import Chunk
from settlement.stf.commitment import Commitment
from settlement.stf.rules import apply
from settlement.stf.state import State
from settlement.stf.steps import Step
from settlement.stf.touches import AT_END, Touches, touches
from settlement.trees import sparse
from settlement.trees.sparse import Proof


class Running(NamedTuple):
    """What a chunk under way comes to: the roots, the sections' hashes and the fees so far."""

    accounts_root: bytes
    instruments_root: bytes
    sections: tuple[bytes, ...]
    fees_micro: int = 0

    @property
    def root(self) -> bytes:
        """The state root (of a chunk that has ended)."""
        return leaves.state_root(self.accounts_root, self.instruments_root, list(self.sections))


class AccountOpening(NamedTuple):
    """An account: its 128 bytes (none: the leaf is zero), and where a step moves positions the page list
    (64 bytes a page, as the positions root hashes it) and the words of the one page."""

    number: int
    preimage: bytes
    proof: Proof
    page_list: bytes = b""
    page: bytes = b""


class LeafOpening(NamedTuple):
    """An instrument, a withdrawal or a dictionary entry by its place: its preimage, none if the leaf is zero.
    Of an entry it is the leaf itself."""

    place: int
    preimage: bytes
    proof: Proof


class Witness(NamedTuple):
    """Everything one step needs. All proofs are against the roots before the step.

    `sections` has the words of the opened sections by number, empty ones left out; of the dictionaries the
    packed sizes and the entries' root.
    """

    before: Running
    accounts: tuple[AccountOpening, ...] = ()
    instrument: LeafOpening | None = None
    withdrawal: LeafOpening | None = None
    entries: tuple[LeafOpening, ...] = ()
    sections: tuple[tuple[int, bytes], ...] = ()


class Witnessing:
    """Opens steps of one state, whose trees it brings up to date step by step: for disputes, not speed."""

    def __init__(self, state: State, commitment: Commitment) -> None:
        self._state = state
        self._commitment = commitment

    def running(self) -> Running:
        """The roots of now."""
        self._commitment.update()
        trees = self._commitment
        sections = tuple(trees.sections())
        return Running(trees.accounts.root, trees.instruments.root, sections, self._state.fees_micro)

    def of(self, step: Step) -> Witness:
        """The witness of a step that comes next, allowed or not."""
        return self._open(touches(self._state, step), step.instrument)

    def of_end(self) -> Witness:
        """The witness of the chunk's end: the fee account, if there are fees to book."""
        return self._open(AT_END if self._state.fees_micro else Touches(), 0)

    def chunk(self, chunk: Chunk) -> Iterator[tuple[Step, Witness]]:
        """Every step of a chunk with its witness; each is applied before the next, the end is not.

        Raises:
            TransitionError: a step is not allowed; its witness was the last given out.
        """
        for step in chunk.steps:
            yield step, self.of(step)
            apply(self._state, step)

    def _open(self, what: Touches, instrument: int) -> Witness:
        before, entries = self.running(), self._commitment.entries
        slot = what.slot
        return Witness(
            before,
            tuple(self._account(number, instrument, with_page=what.with_page) for number in what.accounts),
            None if what.instrument is None else self._instrument(what.instrument),
            None if slot is None else self._withdrawal(slot),
            tuple(LeafOpening(at, entries.leaf(at), sparse.prove(entries, at)) for at in what.places),
            tuple(self._sections(what.sections)),
        )

    def _account(self, number: int, instrument: int, *, with_page: bool) -> AccountOpening:
        trees = self._commitment
        proof = sparse.prove(trees.accounts, number)
        known = self._state.accounts.get(number)
        if known is None or not any(trees.accounts.leaf(number)):
            return AccountOpening(number, b"", proof)
        preimage, positions = trees.account_preimage(number), trees.positions
        if not with_page:
            return AccountOpening(number, preimage, proof)
        page_list, page = positions.page_list(number), positions.page(number, instrument)
        return AccountOpening(number, preimage, proof, page_list, page)

    def _instrument(self, number: int) -> LeafOpening:
        known = self._state.instruments.get(number)
        preimage = b"" if known is None else leaves.instrument_preimage(known)
        return LeafOpening(number, preimage, sparse.prove(self._commitment.instruments, number))

    def _withdrawal(self, slot: int) -> LeafOpening:
        known = self._state.withdrawals.get(slot)
        preimage = b"" if known is None else leaves.withdrawal_preimage(known)
        return LeafOpening(slot, preimage, sparse.prove(self._commitment.withdrawals, slot))

    def _sections(self, wanted: frozenset[int]) -> Iterator[tuple[int, bytes]]:
        parameters, entries_root = self._state.parameters, self._commitment.entries.root
        words = leaves.section_words(parameters, entries_root)
        words[leaves.DICTIONARIES] = parameters.dictionaries.packed() + entries_root
        for section in sorted(wanted):
            if words[section]:
                yield section, words[section]
