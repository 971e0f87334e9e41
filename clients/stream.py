"""Following `user.stream`: what to ask for when (re)connecting, and the check that nothing is missing.

Sans-I/O: the caller sends :meth:`StreamFollower.subscription` with ``private/subscribe`` on each connection
and hands every notification to :meth:`StreamFollower.take`.
"""

from __future__ import annotations

from typing import Any, Final

CHANNEL: Final = "user.stream"
TOO_OLD_CODE: Final = 11052
"""What the venue answers where it no longer has what was missed: forget the place, and take a snapshot."""


class StreamBroken(Exception):
    """A frame that does not go on where the last one ended."""


class StreamFollower:
    """One account's place in its stream.

    `last` is the number of the last event it has; None before the first snapshot. Start with `last` 0 for
    everything the venue still has.
    """

    def __init__(self, last: int | None = None) -> None:
        self.last = last
        self.snapshot: dict[str, Any] | None = None
        """The last one received; events since then are the caller's to apply to it."""

    def subscription(self) -> dict[str, Any]:
        """The parameters of ``private/subscribe``."""
        wanted: dict[str, Any] = {"channels": [CHANNEL]}
        if self.last is not None:
            wanted["resume_from"] = self.last
        return wanted

    def forget(self) -> None:
        """Begin again with a snapshot."""
        self.last = None

    def take(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        """The new events of a notification, in order; none of a snapshot.

        Raises:
            StreamBroken: an event is missing or comes twice.
        """
        if data["type"] == "snapshot":
            self.snapshot = data
            self.last = data["account_seq"]
            return []
        if self.last is None or data["prev_account_seq"] != self.last:
            raise StreamBroken(f"events follow {data['prev_account_seq']}, we have {self.last}")
        events: list[dict[str, Any]] = data["events"]
        for number, event in enumerate(events, self.last + 1):
            if event["account_seq"] != number:
                raise StreamBroken(f"event {event['account_seq']} stands where {number} belongs")
        if data["account_seq"] != self.last + len(events):
            raise StreamBroken(f"{len(events)} events from {self.last} end at {data['account_seq']}")
        self.last = data["account_seq"]
        return events
