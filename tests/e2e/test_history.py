"""History and receipts outlive kills: of their own processes while the venue runs, and of everything."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from exchange.app.calls import CallError
from exchange.domain import records as r
from exchange.history.reader import HistoryReader
from tests.e2e import proofs
from tests.e2e.test_restart import PERPETUAL, User, children, traded
from tests.e2e.venue import Venue, wait_until


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    """With all its processes; not started yet."""
    made = Venue(tmp_path / "data")
    yield made
    made.__exit__()


def history_process(venue: Venue) -> int:
    """The process id of the history process, once it runs."""

    def found() -> int:
        for pid in children(venue.pid):
            with contextlib.suppress(OSError):  # one that has just ended
                if b"exchange.history" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return 0

    pid: int = wait_until(found, "the history process")
    return pid


def told(venue: Venue, users: tuple[User, User]) -> list[Any]:
    """What must not change: a venue's and two accounts' past."""
    span = {"start_timestamp": 0, "end_timestamp": 4_000_000_000_000}
    of_perpetual = {"instrument_name": PERPETUAL}
    found: list[Any] = [
        venue.call("public/get_last_trades_by_currency", currency="BTC", count=100),
        venue.call("public/get_last_trades_by_instrument", **of_perpetual, sorting="asc", count=100),
    ]
    day = venue.call("public/get_tradingview_chart_data", **of_perpetual, **span, resolution="1D")
    found.append(day)
    for user in users:
        found += [
            user.call("private/get_order_history_by_currency", currency="BTC", include_unfilled=True),
            user.call("private/get_user_trades_by_currency", currency="BTC", count=100),
            user.call("private/get_transaction_log", currency="USDC", **span),
            user.call("private/get_order_state_by_label", currency="BTC", label="gone"),
        ]
    for page in found:
        for trade in page.get("trades", ()) if isinstance(page, dict) else ():
            del trade["finality"]  # settlement goes on
    return found


def trade_and_cancel(venue: Venue, users: tuple[User, User]) -> None:
    one, two = users
    level = float(round(venue.call("public/ticker", instrument_name=PERPETUAL)["mark_price"]))
    one.sell(level, "offer")
    two.buy(level, "taken")
    one.call("private/cancel", order_id=one.buy(level - 2_000, "gone")["order_id"])


def test_the_past_outlives_kills(venue: Venue) -> None:
    users = traded(venue)
    trade_and_cancel(venue, users)
    one, two = users
    early = one.buy(1_000.0, "early")["seq"]
    assert proofs.proven(one, early) == r.NEW_ORDER
    with pytest.raises(CallError, match="another account's command"):
        two.call("private/strikebook_get_receipt", seq=early)
    proofs.signs(venue)
    first = history_process(venue)
    os.kill(first, SIGKILL)
    os.kill(proofs.attestor(venue), SIGKILL)
    trade_and_cancel(venue, users)
    before = told(venue, users)
    labels = [order["label"] for order in before[3]]
    assert labels.count("gone") == 2
    log = before[5]["logs"]
    assert sum(round(row["change"] * 1_000_000) for row in log) == round(log[0]["balance"] * 1_000_000)
    wait_until(lambda: history_process(venue) != first, "another history process")
    assert told(venue, users) == before

    said = wait_until(lambda: venue.call("public/strikebook_get_signed_heads", count=100), "signed heads")
    venue.kill()
    venue.start()
    assert told(venue, users) == before
    reader = HistoryReader(venue.data / "history.sqlite")
    newest = max(order["seq"] for order in before[3])
    wait_until(lambda: reader.next_seq() > newest, "the store to have it all")
    assert told(venue, users) == before
    index = venue.call("public/get_index_chart_data", index_name="btc_usdc", range="1h")
    assert index
    reader.close()
    venue.wait_open()
    late = two.buy(1_001.0, "late")["seq"]
    assert proofs.proven(one, early) == proofs.proven(two, late) == r.NEW_ORDER
    venue.kill()
    proofs.must_be_one_chain(venue.data, said)
