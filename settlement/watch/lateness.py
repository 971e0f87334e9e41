"""What should have happened by now: batches, and the queues that the operator must take in."""

from __future__ import annotations

from typing import Final, NamedTuple

from settlement.l1.ethereum import Head
from settlement.l1.leaving import Leaving
from settlement.stf.header import unpack_header
from settlement.watch.alarms import Alarms
from settlement.watch.leaver import moment
from settlement.watch.replica import Replica

LATE_S: Final = 900


class Bounds(NamedTuple):
    """Fixed when the contracts were deployed, seconds."""

    deposit_s: int
    forced_s: int
    silence_s: int


class _Newest(NamedTuple):
    """The newest batch posted."""

    transaction: bytes
    posted_s: int
    deposits_through: int
    forced_through: int


class Lateness:
    """Looks at the clock of the chain. A batch is late when none was posted for `late_s` seconds."""

    def __init__(self, replica: Replica, alarms: Alarms, late_s: int = LATE_S) -> None:
        self._replica = replica
        self._rollup = replica.rollup
        self._alarms = alarms
        self._late_s = late_s
        self._leaving = Leaving(replica.rollup)
        self._bounds: Bounds | None = None
        self._newest = _Newest(b"", 0, 0, 0)

    def look(self, at: Head) -> None:
        """Raise what is due, take back what is not. Raises L1Error."""
        bounds, newest = self._known(), self._last()
        if newest.posted_s and at.time_s - newest.posted_s > self._late_s:
            self._alarms.raise_("late_batch", f"none was posted for more than {self._late_s} s")
        else:
            self._alarms.over("late_batch")
        self._queues(at, bounds, newest)
        escape = self._leaving.escape(at)
        if escape.claims_until_s:
            self._alarms.over("silence")
            self._alarms.raise_("frozen", f"the escape is open until {moment(escape.claims_until_s)}")
        elif at.time_s > escape.last_final_s + escape.silence_s:
            self._alarms.raise_("silence", "nothing has become final for too long: the escape may be opened")
        else:
            self._alarms.over("silence")

    def _known(self) -> Bounds:
        if self._bounds is None:
            bridge, escape = self._rollup.addresses.bridge, self._rollup.addresses.escape
            asked = ((bridge, "DEPOSIT_S()"), (bridge, "FORCED_S()"), (escape, "SILENCE_S()"))
            found = [int(self._rollup.ask(to, None, name, "uint256")[0]) for to, name in asked]
            self._bounds = Bounds(*found)
        return self._bounds

    def _last(self) -> _Newest:
        kept = self._replica.kept(self._replica.last_known)
        if kept is None:
            return _Newest(b"", 0, 0, 0)
        if kept.posted.transaction != self._newest.transaction:
            block = self._rollup.ethereum.block(kept.posted.block)
            through = (0, 0)
            if kept.header is not None:
                header = unpack_header(kept.header + bytes(6))
                through = (header.deposits_through, header.forced_through)
            self._newest = _Newest(kept.posted.transaction, block.time_s if block else 0, *through)
        return self._newest

    def _queues(self, at: Head, bounds: Bounds, newest: _Newest) -> None:
        bridge, deposit, request = self._rollup.addresses.bridge, *newest[2:]
        kinds = "address,uint256,uint256,uint256,uint256"
        made_s = self._rollup.ask(bridge, at, "deposit_of(uint256)", kinds, deposit + 1)[2]
        self._overdue("deposit_overdue", f"deposit {deposit + 1}", made_s, bounds.deposit_s, at)
        kinds = "uint256,uint256,uint256"
        made_s = self._rollup.ask(bridge, at, "request_of(uint256)", kinds, request + 1)[1]
        self._overdue("request_overdue", f"forced request {request + 1}", made_s, bounds.forced_s, at)

    def _overdue(self, code: str, what: str, made_s: int, bound_s: int, at: Head) -> None:
        if made_s and at.time_s > made_s + bound_s:
            self._alarms.raise_(code, f"{what} should be in a batch: no batch without it can be posted")
        else:
            self._alarms.over(code)
