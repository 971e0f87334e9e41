"""What the watchtower says: alarms with stable codes, each once while it lasts (docs/watchtower.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

CRITICAL: Final = "critical"
WARNING: Final = "warning"
NOTE: Final = "note"

SEVERITY: Final[dict[str, str]] = {
    # A batch is wrong: the names of settlement.rollup.derive.Wrong.
    "sequence": CRITICAL,
    "missing_data": CRITICAL,
    "undecodable": CRITICAL,
    "chunk_root": CRITICAL,
    "not_allowed": CRITICAL,
    "trace": CRITICAL,
    "new_root": CRITICAL,
    "counts": CRITICAL,
    "deposit": CRITICAL,
    "request": CRITICAL,
    "net": CRITICAL,
    # What users must know of at once.
    "data_withheld": CRITICAL,
    "two_heads": CRITICAL,
    "head_contradicts_batch": CRITICAL,
    "unauthorised_fill": CRITICAL,
    "matching_differs": CRITICAL,
    "silence": CRITICAL,
    "frozen": CRITICAL,
    "challenge_refused": CRITICAL,
    # What may mend itself.
    "data_unavailable": WARNING,
    "late_batch": WARNING,
    "deposit_overdue": WARNING,
    "request_overdue": WARNING,
    "l1_unavailable": WARNING,
    "log_unavailable": WARNING,
    "heads_unavailable": WARNING,
    "no_key": WARNING,
    "challenge_waits": WARNING,
    # What happens.
    "reorganised": NOTE,
    "batch_voided": NOTE,
    "final": NOTE,
    "challenge": NOTE,
    "punished": NOTE,
    "settled": NOTE,
}


class Alarm(msgspec.Struct, frozen=True):
    """One thing to be known. `batch` 0: of none; times in milliseconds since 1970."""

    code: str
    severity: str
    text: str
    batch: int
    block: int
    at_ms: int

    def line(self) -> str:
        """For a log."""
        of = f" batch {self.batch}" if self.batch else ""
        head = "" if self.severity == NOTE else f"ALARM ({self.severity}) "
        return f"{head}{self.code}{of}: {self.text}"


class Alarms:
    """Says each thing once while it lasts, and that it is over."""

    def __init__(self, say: Callable[[Alarm], None], now_ms: Callable[[], int]) -> None:
        self._say = say
        self._now_ms = now_ms
        self._standing: dict[tuple[str, int], str] = {}
        self.block = 0
        self.worst = ""

    @property
    def standing(self) -> list[tuple[str, int]]:
        """What has been raised and is not over: (code, batch)."""
        return sorted(self._standing)

    def raise_(self, code: str, text: str, batch: int = 0) -> None:
        """Raise an alarm, unless it stands already with this text. Raises KeyError for an unknown code."""
        if self._standing.get((code, batch)) == text:
            return
        severity = SEVERITY[code]
        if severity != NOTE:
            self._standing[code, batch] = text
            self.worst = CRITICAL if CRITICAL in (severity, self.worst) else WARNING
        self._tell(code, severity, text, batch)

    def over(self, code: str, batch: int = 0) -> None:
        """It is over; nothing happens if it did not stand."""
        if self._standing.pop((code, batch), None) is not None:
            self._tell("settled", NOTE, f"{code} is over", batch)

    def _tell(self, code: str, severity: str, text: str, batch: int) -> None:
        self._say(Alarm(code, severity, text, batch, self.block, self._now_ms()))
