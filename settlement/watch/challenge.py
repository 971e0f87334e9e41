"""The driver of challenges: at every block it asks the chain where a case stands, and what comes next.

Nothing is remembered but the case: a restart, an L1 that was away, a reorganisation or somebody else who was
faster only change the answer. What is to be called is given; `settlement.l1.sender` sends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from settlement.contracts import abi
from settlement.contracts.decoding import Unproven
from settlement.contracts.packing import Progress
from settlement.contracts.planning import Suspect
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1.ethereum import Head
from settlement.l1.judging import (
    ANNOUNCE,
    DATA,
    ChunkOpening,
    Demand,
    Judges,
    Proof,
    Subject,
    Target,
    progress_hash,
)
from settlement.l1.keys import Key
from settlement.l1.sender import Call
from settlement.rollup.derive import Wrong
from settlement.stf.errors import TransitionError
from settlement.stf.header import EXTERNAL, NETTED, Header
from settlement.watch.cases import Case, ChunkProof, is_of_decoding
from settlement.watch.undecodable import Plans, Stray, to_demand

STEPS_AT_ONCE: Final = 24
"""Of 64 fills about 8 million gas; a transaction may have 16."""


class Move(NamedTuple):
    """What comes next: calls in order (none: wait), and in words."""

    calls: tuple[Call, ...]
    text: str


class Challenger:
    """Drives cases for one account, which pays stakes and is paid. `secret` hides what it announces."""

    def __init__(self, judges: Judges, address: bytes, secret: bytes) -> None:
        self._judges = judges
        self._address = address
        self._secret = secret
        self._plans = Plans(judges.rollup, address)
        self._progress: dict[bytes, list[Progress]] = {}

    def next(self, case: Case, at: Head) -> Move:
        """The next move in a case whose batch stands. Raises L1Error."""
        wrong = case.finding.wrong
        if is_of_decoding(case):
            return self._decoding(case, at)
        if case.is_by_trace:
            malformed = case.malformed()
            if malformed is not None:
                return self._chunk(case, at, *malformed)
            return self._by_trace(case, at)
        if wrong is Wrong.NEW_ROOT:
            return self.proving(self._judges.prove_end(case.target, case.own), at)
        if wrong is Wrong.COUNTS:
            return self._counts(case, at)
        return Move((), "nothing on the L1 proves this")

    # --- what needs no execution -------------------------------------------------------------------

    def proving(self, proof: Proof, at: Head) -> Move:
        """Announce a proof, then prove it."""
        call = self._judges.proving(proof, self._address, self._secret, at)
        verb = "announcing a proof" if call.data[:4] == abi.selector(ANNOUNCE) else "proving"
        return Move((call,), f"{verb} {proof.text}")

    def _counts(self, case: Case, at: Head) -> Move:
        trees = case.behind()
        header, money = case.target.header, trees.state.parameters.money
        if (header.deposits_through, header.forced_through) == (money.last_deposit_id, money.forced_through):
            return Move((), "the counts of steps and fills bind nobody")
        roots = (trees.accounts.root, trees.instruments.root, trees.sections())
        return self.proving(self._judges.prove_through(case.target, *roots, money.words()), at)

    def _chunk(self, case: Case, at: Head, number: int, step: int) -> Move:
        trace = case.committed()
        if trace is None:
            return Move((), "the states around a chunk that is none are not known")
        opening = case.opened(trace, number)
        proof = self._judges.prove_chunk(case.target, opening, step, case.chunks[number].steps)
        return self.proving(proof, at)

    # --- executing a chunk -------------------------------------------------------------------------

    def _by_trace(self, case: Case, at: Head) -> Move:
        opening = case.opening()
        if opening is not None:
            return self._dispute(case, opening, at)
        wanted = case.wanted()
        if wanted is None:
            return Move((), "no chunk shown begins right and ends wrong")
        return self._demanded(case, wanted, at)

    def _dispute(self, case: Case, opening: ChunkOpening, at: Head) -> Move:
        subject = Subject.of(self._address, case.target, opening)
        try:
            proof = case.proof(opening.chunk)
        except TransitionError as error:
            return Move((), f"a chunk before is wrong: {error}")
        where = f"chunk {opening.chunk} of batch {case.target.header.batch_id}"
        run = self._judges.run(subject, at)
        if run == ZERO_HASH:
            call = self._judges.begin(case.target, opening, proof.before)
            return Move((call,), f"beginning the dispute of {where}")
        stages = self._stages(subject, proof, at)
        done = next((n for n, stage in enumerate(stages) if progress_hash(stage) == run), None)
        if done is None:
            return Move((), f"the dispute of {where} stands somewhere else")
        if done == len(stages) - 1:
            call = self._judges.finish(case.target, subject, stages[-1], proof.steps, proof.closing)
            return Move((call,), f"ending the dispute of {where}")
        part = slice(done, min(done + STEPS_AT_ONCE, len(stages) - 1))
        kinds = [step.kind for step in proof.steps[part]]
        call = self._judges.steps(subject, stages[done], kinds, proof.witnesses[part])
        return Move((call,), f"executing steps {part.start} to {part.stop - 1} of {where}")

    def _stages(self, subject: Subject, proof: ChunkProof, at: Head) -> list[Progress]:
        """Where the dispute stands behind each step, as the contracts of steps say; up to one they refuse."""
        known = self._progress.get(subject.name)
        if known is None:
            known = [Progress(0, 0, ZERO_HASH, proof.before)]
            for step, witness in zip(proof.steps, proof.witnesses, strict=False):
                known.append(self._judges.looked(step.kind, known[-1], witness, at))
                if known[-1].code:
                    break
            self._progress[subject.name] = known
        return known

    # --- decoding ----------------------------------------------------------------------------------

    def _decoding(self, case: Case, at: Head) -> Move:
        header = case.target.header
        if case.decoding is None:
            return Move((), "the bytes are not at hand")
        try:
            call = self._plans.next(case.decoding, case.shown, at)
        except Unproven as error:
            wanted = to_demand(case.chunks, header.chunks, case.shown)
            if wanted is None:
                return Move((), f"nothing the decoders could prove: {error}")
            return self._demanded(case, wanted, at)
        if call is None:
            return Move((), "every proof of the decoding is made")
        return Move((call,), f"proving that the payload of batch {header.batch_id} decodes to something else")

    # --- demanding ---------------------------------------------------------------------------------

    def padding(self, suspect: Suspect, stray: Stray, at: Head) -> Move:
        """The next move where blobs hold what no payload has."""
        call = self._plans.padding(suspect, stray, at)
        text = f"proving that element {stray.element} of the blobs is of no payload"
        return Move((call,) if call else (), text)

    def data_demanded(self, target: Target, at: Head) -> Move:
        """The next move where the data of a batch is missing."""
        if target.header.layer & ~NETTED != EXTERNAL and not target.header.layer & NETTED:
            return Move((), "the data is on the L1; what is missing is a source of it")
        return self._asked(target, DATA, at)

    def _demanded(self, case: Case, chunk: int, at: Head) -> Move:
        return self._asked(case.target, chunk, at)

    def _asked(self, target: Target, what: int, at: Head) -> Move:
        named = "the data" if what == DATA else f"chunk {what}"
        where = f"{named} of batch {target.header.batch_id}"
        for demand in demands_of(self._judges.demands(at), target.header):
            if demand.what == what and at.time_s > demand.until_s:
                return Move((self._judges.expire(demand.number, target.header),), f"nobody has shown {where}")
            if demand.what == what:
                return Move((), f"waiting for the answer: {where}")
        return Move(tuple(self._judges.demand(target, what)), f"demanding {where}")


def demands_of(demands: Sequence[Demand], header: Header) -> list[Demand]:
    """Those of one batch."""
    return [demand for demand in demands if demand.header_hash == header.hash]


def secret_of(key: Key) -> bytes:
    """What hides a key's announcements: the same after a restart, known to nobody without the key."""
    parity, r, s = key.sign(keccak(b"strikebook.watch.announcements"))
    return keccak(r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([parity]))
