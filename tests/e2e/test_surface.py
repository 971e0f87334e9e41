"""The surface process beside a running venue: killed, missed, replaced; the marks do not mind."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

from tests.e2e.venue import Venue, wait_until


def surface_process(pid: int) -> int:
    """The venue's surface process; 0 if there is none."""
    for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError):
            if b"exchange.app.surfacer" in Path(f"/proc/{text}/cmdline").read_bytes().split(b"\0"):
                return int(text)
    return 0


def oracle(venue: Venue) -> dict[str, Any]:
    found: dict[str, Any] = venue.call("public/strikebook_status")["oracle"]
    return found


def has_surface(venue: Venue) -> bool:
    return all(u["surface"]["expiries"] > 0 for u in oracle(venue)["underlyings"].values())


def test_marks_go_on_while_the_surface_process_is_killed_and_replaced(tmp_path: Path) -> None:
    with Venue(tmp_path / "data") as venue:
        venue.wait_open()
        assert oracle(venue)["pricing_engine"] == "numpy"
        wait_until(lambda: has_surface(venue), "a surface of every underlying")
        first = surface_process(venue.pid)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: oracle(venue)["surface_worker_failures"] > 0, "the death to be noticed")
        seq = venue.call("public/strikebook_status")["seq"]
        wait_until(lambda: venue.call("public/strikebook_status")["seq"] > seq, "more marks")
        assert has_surface(venue)
        second = wait_until(lambda: surface_process(venue.pid), "another surface process")
        assert second != first
        wait_until(
            lambda: all(
                u["surface"]["age_ms"] < 3_000 and u["surface"]["status"] != "late"
                for u in oracle(venue)["underlyings"].values()
            ),
            "fresh surfaces",
        )
        assert venue.interrupt() == 0
