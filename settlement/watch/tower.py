"""The watchtower: follows the L1, says what is wrong, and challenges it (docs/watchtower.md).

`turn` does what can be done now and never waits. All that it knows can be had again from the L1: after a
restart it comes to the same moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from settlement.contracts.decoding import Before
from settlement.contracts.planning import Suspect
from settlement.l1.ethereum import Head, Reverted
from settlement.l1.judging import Answer, Judges, Target
from settlement.l1.port import L1Rejected, L1Unavailable
from settlement.l1.sender import Call, Sender
from settlement.rollup.coding import Undecodable
from settlement.stf.chunks import Chunk
from settlement.stf.header import BLOBS, Header, unpack_header
from settlement.stf.state import State
from settlement.watch.alarms import Alarms
from settlement.watch.cases import Case, is_of_decoding
from settlement.watch.challenge import Challenger, Move, demands_of
from settlement.watch.lateness import Lateness
from settlement.watch.replica import (
    Happening,
    MissingData,
    NowFinal,
    Replica,
    Taken,
    TakenBack,
    WrongBatch,
)
from settlement.watch.snapshots import Following
from settlement.watch.undecodable import Decoding, Stray, stray_in

REFUSALS_BELIEVED: Final = 3


class Rule(Protocol):
    """Something that looks at right batches, or at anything else, and may want to call."""

    @property
    def is_busy(self) -> bool:
        """Whether there is more to be looked at, at once."""

    def taken(self, batch: Taken) -> None:
        """A batch was right."""

    def look(self, at: Head) -> Sequence[Call]:
        """What is to be called now; alarms are raised on the way. Raises L1Error."""


class Means(NamedTuple):
    """What a challenge is sent with; without it the watchtower only says what is wrong."""

    sender: Sender
    challenger: Challenger


@dataclass
class _Refusals:
    text: str = ""
    count: int = 0


class Watchtower:
    """See the module."""

    def __init__(
        self, replica: Replica, judges: Judges, alarms: Alarms, lateness: Lateness,
        means: Means | None = None, rules: Sequence[Rule] = (),
    ) -> None:  # fmt: skip
        self.replica = replica
        self.alarms = alarms
        self._judges = judges
        self._lateness = lateness
        self._means = means
        self._rules = rules
        self._case: Case | None = None
        self._refusals = _Refusals()
        self._stray: tuple[Suspect, Stray] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether another turn should follow at once."""
        return any(rule.is_busy for rule in self._rules)

    def turn(self) -> bool:
        """Read what is new and make the next move; False if the L1 did not answer."""
        try:
            head = self.replica.rollup.ethereum.head()
            self.alarms.block = head.number
            for happened in self.replica.poll():
                self._learn(happened)
            self._lateness.look(head)
            self._act(head)
        except L1Unavailable as error:
            self.alarms.raise_("l1_unavailable", str(error))
            return False
        self.alarms.over("l1_unavailable")
        return True

    # --- what happened -----------------------------------------------------------------------------

    def _learn(self, happened: Happening) -> None:
        if isinstance(happened, Taken):
            self.alarms.over("data_unavailable", happened.posted.batch_id)
            self.alarms.over("data_withheld", happened.posted.batch_id)
            for rule in self._rules:
                rule.taken(happened)
        elif isinstance(happened, WrongBatch):
            self._opened(happened)
        elif isinstance(happened, MissingData):
            self.alarms.raise_("data_unavailable", happened.why, happened.posted.batch_id)
        elif isinstance(happened, NowFinal):
            self.alarms.raise_("final", "batches up to here are final", happened.batch_id)
        else:
            self._closed(happened)

    def _opened(self, wrong: WrongBatch) -> None:
        finding = wrong.finding
        place = "" if finding.chunk is None else f"chunk {finding.chunk}, step {finding.step or 0}: "
        self.alarms.raise_(finding.wrong.name.lower(), f"{place}{finding.text}", finding.batch_id)
        self._case, self._refusals = None, _Refusals()
        if wrong.header is not None:
            target = Target(wrong.header, wrong.posted.data)
            front = StateInFront(self.replica.following.pack())
            self._case = Case(target, finding, self._chunks(wrong), front)
            if is_of_decoding(self._case):
                self._case.decoding = self._decoding(wrong, wrong.header, front())

    def _chunks(self, wrong: WrongBatch) -> Sequence[Chunk]:
        """The batch's chunks, as far as its data can be decoded."""
        kept, header = self.replica.kept(wrong.posted.batch_id), wrong.header
        if kept is None or kept.payload is None or header is None:
            return ()
        following = Following.unpack(self.replica.following.pack())
        coding = following.codings.codec_5
        coding.begin(following.derivation.state)
        try:
            return coding.decode(header, kept.payload)
        except Undecodable:
            return ()

    def _decoding(self, wrong: WrongBatch, header: Header, state: State) -> Decoding | None:
        """What the decoders are told; None without the batch's bytes."""
        kept, last = self.replica.kept(header.batch_id), self.replica.kept(header.batch_id - 1)
        if kept is None or kept.payload is None:
            return None
        tables = self.replica.following.codings.codec_5.tables_data
        before = Before(state, tables)
        if last is not None and last.header is not None:
            before = Before(state, tables, unpack_header(last.header + bytes(6)), last.posted.data)
        openings = self.replica.openings(wrong.posted, header)
        return Decoding(Suspect(header, kept.payload, wrong.posted.data, openings), before)

    def _closed(self, back: TakenBack) -> None:
        code = "reorganised" if "reorganised" in back.why else "batch_voided"
        self.alarms.raise_(code, back.why, back.batch_id + 1)
        if self._case is not None and self._case.finding.batch_id > back.batch_id:
            self._case = None
        for code, batch in self.alarms.standing:
            if batch > back.batch_id:
                self.alarms.over(code, batch)

    # --- what to do --------------------------------------------------------------------------------

    def _act(self, head: Head) -> None:
        for calls in (rule.look(head) for rule in self._rules):
            if calls and self._send(calls, head):
                return
        move = self._move(head)
        if move is None:
            return
        batch = self.replica.batch_id + 1
        if not move.calls:
            self.alarms.raise_("challenge_waits", move.text, batch)
            return
        self.alarms.over("challenge_waits", batch)
        self.alarms.raise_("challenge", move.text, batch)
        self._send(move.calls, head)

    def _move(self, head: Head) -> Move | None:
        """The next move; None: there is nothing to challenge, or nothing to do it with."""
        missing = self.replica.missing
        if self._case is None and (missing is None or missing.header is None):
            return None
        if self._case is not None and not self._stands(head):
            return None
        if self._means is None:
            self.alarms.raise_("no_key", "nothing is challenged without a key", self.replica.batch_id + 1)
            return None
        if self._case is not None:
            self._learn_answers(self._case.target, head)
            return self._means.challenger.next(self._case, head)
        assert missing is not None
        assert missing.header is not None
        target = Target(missing.header, missing.posted.data)
        padded = self._padded(missing, missing.header)
        if padded is not None:
            return self._means.challenger.padding(*padded, head)
        move = self._means.challenger.data_demanded(target, head)
        if demands_of(self._judges.demands(head), missing.header):
            self.alarms.raise_("data_withheld", "its data was demanded", missing.posted.batch_id)
        self._learn_answers(target, head)
        return move

    def _padded(self, missing: MissingData, header: Header) -> tuple[Suspect, Stray] | None:
        """What keeps blobs that are there from being a payload."""
        if header.layer != BLOBS:
            return None
        if self._stray is None or self._stray[0].header != header:
            blobs = self.replica.blobs(missing.posted)
            stray = None if blobs is None else stray_in(blobs, header.payload_bytes)
            if stray is None:
                return None
            openings = self.replica.openings(missing.posted, header)
            self._stray = Suspect(header, b"", missing.posted.data, openings), stray
        return self._stray

    def _stands(self, head: Head) -> bool:
        """Whether the case's batch is still the chain's, and not final."""
        inbox = self.replica.rollup.inbox(head)
        assert self._case is not None
        batch = self._case.finding.batch_id
        if batch <= inbox.final_id:
            self.alarms.raise_("challenge_refused", "it is final and can not be voided", batch)
            return False
        return batch <= inbox.batch_id

    def _learn_answers(self, target: Target, head: Head) -> None:
        """What was shown on demand: chunks for the case, data for the replica."""
        kept = self.replica.kept(target.header.batch_id)
        demands = self.replica.rollup.addresses.demands
        if kept is None or not demands:
            return
        for log in self.replica.rollup.ethereum.logs(kept.posted.block, head.number, [demands]):
            try:
                answer = self._judges.answer(log)
            except LookupError:
                continue
            if answer is not None:
                self._take_answer(target, answer)

    def _take_answer(self, target: Target, answer: Answer) -> None:
        if answer.header_hash != target.header.hash:
            return
        if answer.payload is not None:
            self.replica.supply(target.header.batch_id, answer.payload)
        elif answer.opening is not None and self._case is not None:
            self._case.shown[answer.opening.chunk] = answer.opening

    def _send(self, calls: Sequence[Call], head: Head) -> bool:
        """Hand calls to the sender. False: there is none, or it was refused."""
        if self._means is None:
            return False
        batch = self.replica.batch_id + 1
        try:
            sent = self._means.sender.step(calls, head)
        except Reverted as error:
            # The chain may have moved between the question and the trial; not three times.
            same = self._refusals.text == str(error)
            self._refusals = _Refusals(str(error), self._refusals.count + 1 if same else 1)
            if self._refusals.count >= REFUSALS_BELIEVED:
                self.alarms.raise_("challenge_refused", str(error), batch)
            return False
        except L1Rejected as error:
            self.alarms.raise_("challenge_refused", str(error), batch)
            return False
        if sent.waiting_for:
            self.alarms.raise_("challenge_waits", f"for {sent.waiting_for}", batch)
        return True


class StateInFront:
    """The state in front of a wrong batch, made anew each time it is asked for."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def __call__(self) -> State:
        return Following.unpack(self._packed).derivation.state
