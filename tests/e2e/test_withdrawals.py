"""Money leaves the venue: held, posted, paid on the L1 and resolved, over a kill as well."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from settlement.l1.mock import KIND_PAY, read_blocks
from settlement.verify import verify
from tests.e2e.test_restart import User
from tests.e2e.venue import Venue, wait_until

QUICK = ("--batch-seconds", "0.2")


def state_of(user: User, ident: int) -> str:
    found: Any = user.call("private/get_withdrawals", currency="USDC")["data"]
    return next((item["state"] for item in found if item["id"] == ident), "")


def payments(data: Path) -> int:
    blocks = read_blocks(data / "l1.sqlite")
    return sum(tx.kind == KIND_PAY and not tx.outcome for block in blocks for tx in block.transactions)


def test_withdrawals_are_paid_once_whatever_happens_to_the_venue(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Venue(data, *QUICK) as venue:
        venue.wait_open()
        user = User(venue)
        before = user.summary()["balance"]
        first = user.call("private/withdraw", currency="USDC", amount=100)
        assert user.summary()["balance"] == before - 100, "held at once"
        wait_until(lambda: state_of(user, first["id"]) == "completed", "the payment")
        second = user.call("private/withdraw", currency="USDC", amount=23.5)
        assert second["id"] == first["id"] + 1
        venue.send(signal.SIGKILL)
        venue.wait()
        venue.start()
        venue.wait_open()
        wait_until(lambda: state_of(user, second["id"]) == "completed", "the payment after the kill")
        third = user.call("private/withdraw", currency="USDC", amount=1)
        assert third["id"] > second["id"], "ids grow over restarts"
        wait_until(lambda: state_of(user, third["id"]) == "completed", "the third payment")
        assert user.summary()["balance"] == before - 124.5
        wait_until(lambda: verify(data / "l1.sqlite").withdrawals_paid == 3, "the posted resolutions")
        assert venue.interrupt() == 0
    report = verify(data / "l1.sqlite")
    assert report.ok, report.problems
    assert (report.withdrawals_held, report.paid_micro) == (0, 124_500_000)
    assert report.withdrawn_micro == 124_500_000
    assert payments(data) == 3
