"""The process around settlement: what it refuses, how it ends, and that it does not live on half."""

from __future__ import annotations

from pathlib import Path

import pytest

from settlement.data.costs import Policy
from settlement.node.limits import NodeLimits
from settlement.node.places import NodeAddress, Places
from settlement.node.process import Options, parse, run
from settlement.node.wiring import Wire
from settlement.running import Ports, locked
from settlement.status import read_status
from tests.unit.settlement.node.rig import Rig

NOW_MS = 1_790_000_000_000


def ports(told: list[str], turns: int = 3) -> Ports:
    """That wait until so many turns are over."""
    left = iter(range(turns))
    return Ports(lambda: NOW_MS, lambda _: next(left, None) is None, told.append)


def options(folder: Path) -> Options:
    return parse(["--data", str(folder), "--batch-fills", "7", "--batch-seconds", "0.5"])


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A directory with contracts and an empty journal, whose node does not answer."""
    Rig(tmp_path, [])
    places = Places(tmp_path)
    places.journal.mkdir()
    places.set_address(NodeAddress("http://127.0.0.1:1", True))
    return tmp_path


def test_the_command_line_is_read() -> None:
    layers = ["--layers", "blobs,external", "--least-fill", "40"]
    found = parse(["--data", "d", *layers, "--latency-seconds", "9"])
    assert found.limits == NodeLimits(1_000, 2_000, 9_000)
    assert found.policy == Policy(calldata=False, blobs=True, external=True, least_fill_percent=40)
    assert parse(["--data", "d", "--batch-seconds", "90"]).limits.latency_ms == 90_000
    for wrong in (["--layers", "paper"], ["--batch-fills", "0"], ["--confirmations", "0"]):
        with pytest.raises(SystemExit):
            parse(["--data", "d", *wrong])


def test_it_tells_its_status_while_the_l1_is_away_and_ends_when_told(begun: Path) -> None:
    told: list[str] = []
    assert run(options(begun), ports(told)) == 0
    assert told == []
    status = read_status(Places(begun).status)
    assert status is not None
    assert (status.format, status.batch_id, status.alarm_code) == (2, 0, "")


def test_what_it_can_not_start_on_is_said(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    with locked(Places(begun).database.with_suffix(".lock")):
        assert run(options(begun), ports(told)) == 1
    assert "another process settles" in told.pop()
    Places(begun).contracts.write_text("nothing")
    assert run(options(begun), ports(told)) == 1
    assert "settlement can not start" in told.pop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_without_its_l1_side_it_ends_so_that_it_is_started_again(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Wire) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(Wire, "_parts", broken)
    assert run(options(begun), ports([], turns=10_000_000)) == 1
