"""The real process: what it refuses to start on, what it cuts, how it ends, and that it goes on after."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGKILL
from typing import Any

import pytest

from exchange.journal import DiskStorage, Kind, scan
from tests.e2e.venue import Forks, StartFailed, Venue, wait_until

PERPETUAL = "BTC_USDC-PERPETUAL"


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as starter:
        yield starter


@pytest.fixture
def venue(tmp_path: Path, forks: Forks) -> Iterator[Venue]:
    """Not started yet."""
    made = Venue(tmp_path / "data", "--no-children", forks=forks)
    yield made
    made.__exit__()


class User:
    """An account and its key, over HTTP."""

    def __init__(self, venue: Venue, name: str = "somebody") -> None:
        self.venue = venue
        self.key = venue.call("public/strikebook_sign_up", name=name)
        self.account: int = self.key["account"]
        wait_until(lambda: self.summary()["balance"], "the faucet's deposit")

    def call(self, method: str, **params: object) -> Any:
        key = {name: self.key[name] for name in ("client_id", "client_secret")}
        token = self.venue.call("public/auth", grant_type="client_credentials", **key)["access_token"]
        return self.venue.call(method, access_token=token, **params)

    def summary(self) -> Any:
        return self.call("private/get_account_summary", currency="USDC")

    def buy(self, price: float, label: str) -> Any:
        params = {"instrument_name": PERPETUAL, "amount": 0.01, "price": price, "label": label}
        return self.call("private/buy", **params)["order"]

    def sell(self, price: float, label: str) -> Any:
        params = {"instrument_name": PERPETUAL, "amount": 0.01, "price": price, "label": label}
        return self.call("private/sell", **params)["order"]

    def standing(self) -> dict[str, Any]:
        """What must be the same after a restart."""
        fields = ("order_id", "label", "price", "amount", "filled_amount", "creation_timestamp")
        orders = self.call("private/get_open_orders")
        positions = self.call("private/get_positions", currency="any")
        return {
            "orders": [{name: order[name] for name in fields} for order in orders],
            "positions": [(p["instrument_name"], p["size"], p["direction"]) for p in positions],
            "balance": self.summary()["balance"],
            "trades": self.call("private/get_user_trades_by_currency", currency="BTC")["trades"],
        }


def traded(venue: Venue) -> tuple[User, User]:
    """Two accounts with orders, a match, and positions."""
    venue.start()
    venue.wait_open()
    one, two = User(venue, "one"), User(venue, "two")
    mark = venue.call("public/ticker", instrument_name=PERPETUAL)["mark_price"]
    level = float(round(mark))
    one.sell(level, "offer")
    two.buy(level, "taken")
    one.buy(level - 1_000, "low")
    two.sell(level + 1_000, "high")
    return one, two


def newest(venue: Venue, pattern: str) -> Path:
    return venue.journal(pattern)[-1]


def last_frame(venue: Venue) -> int:
    """The offset of the last command frame."""
    with DiskStorage(venue.data / "journal") as storage:
        return [frame.offset for frame in scan(storage, Kind.COMMANDS, 0)][-1]


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_second_start_goes_on_where_the_first_ended(venue: Venue) -> None:
    one, two = traded(venue)
    before = one.standing(), two.standing()
    assert venue.interrupt() == 0
    venue.start()
    assert (one.standing(), two.standing()) == before
    assert before[0]["positions"]
    venue.wait_open()
    assert User(venue, "three").account == two.account + 1
    order_id = before[0]["orders"][0]["order_id"]
    assert one.call("private/cancel", order_id=order_id)["order_state"] == "cancelled"
    assert int(two.buy(1_000.0, "another")["order_id"]) > int(order_id)


def test_a_damaged_journal_is_refused_with_file_and_offset(venue: Venue) -> None:
    traded(venue)
    venue.interrupt()
    segment = newest(venue, "commands-*.log")
    whole = segment.read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 0x10
    segment.write_bytes(damaged)
    with DiskStorage(venue.data / "journal") as storage:
        stands = bytes(damaged) == storage.read(segment.name, 0, len(whole))
    assert stands
    with pytest.raises(StartFailed) as refused:
        venue.start()
    said = str(refused.value)
    assert said.startswith("status 1: strikebook: the venue does not start: corrupt_record")
    name, _, offset = said.partition(" at byte ")
    assert name.endswith(segment.name)
    assert 0 < int(offset.split(":")[0]) <= len(whole) // 2
    assert segment.read_bytes() == damaged, "a refused journal must stay as it is"
    segment.write_bytes(whole)
    venue.start()


def test_a_torn_tail_is_cut(venue: Venue) -> None:
    one, _ = traded(venue)
    before = one.standing()
    venue.interrupt()
    segment = newest(venue, "commands-*.log")
    whole = segment.read_bytes()
    last = last_frame(venue)
    segment.write_bytes(whole + whole[last : last + 80])  # a frame that was being written
    venue.start()
    assert "a torn tail was cut" in venue.output()
    assert segment.name in venue.output()
    assert one.standing() == before


def test_a_durable_frame_that_is_gone_is_refused(venue: Venue) -> None:
    traded(venue)
    venue.interrupt()
    segment = newest(venue, "commands-*.log")
    segment.write_bytes(segment.read_bytes()[: last_frame(venue)])
    with pytest.raises(StartFailed, match=segment.name):
        venue.start()


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    with Venue(tmp_path / "data") as venue:
        started = wait_until(lambda: len(found := children(venue.pid)) == 5 and found, "five children")
        venue.wait_open()
        assert venue.interrupt() == 0
        assert [pid for pid in started if is_running(pid)] == []
        assert "Traceback" not in venue.output()


@pytest.mark.parametrize("up", [True, False], ids=["that run", "that are still starting"])
def test_children_do_not_outlive_a_killed_venue(tmp_path: Path, up: bool) -> None:
    with Venue(tmp_path / "data") as venue:
        started = wait_until(lambda: len(found := children(venue.pid)) == 5 and found, "five children")
        if up:
            wait_until((venue.data / "history.sqlite").exists, "the history process to be up")
            wait_until((venue.data / "settlement-status.json").exists, "the settlement process to be up")
        venue.kill()
        wait_until(lambda: not [pid for pid in started if is_running(pid)], "the children to end", 15)


def test_an_interrupt_while_starting_ends_too(venue: Venue) -> None:
    traded(venue)
    venue.interrupt()
    venue.begin()
    while not venue.is_over():  # an impatient user
        venue.send(SIGINT)
        time.sleep(0.05)
    assert venue.wait() in (0, 70, 130, -SIGINT)  # 70: the starter had not become a venue yet
    venue.start()
    venue.send(SIGKILL)
    venue.wait()
    venue.start()


def test_one_directory_has_one_venue(venue: Venue, forks: Forks) -> None:
    venue.start()
    other = Venue(venue.data, "--no-children", forks=forks, output=venue.data.parent / "other.out")
    with pytest.raises(StartFailed, match="another venue runs on"):
        other.start()
    assert venue.call("public/test")


def test_a_port_that_is_taken_is_told(tmp_path: Path, forks: Forks) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        venue = Venue(tmp_path / "data", "--no-children", "--port", str(port), forks=forks)
        with pytest.raises(StartFailed, match=f"cannot listen on 127.0.0.1:{port}"):
            venue.start()
    venue.start()
    venue.kill()
