"""The commands as their users meet them: what they print, what they return, what they say when it fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from settlement.devnet import accounts
from settlement.devnet.chain import DEFAULTS
from settlement.l1.rpc import Rpc
from settlement.stf import steps as s
from settlement.stf.header import EXTERNAL
from settlement.stf.steps import Step
from settlement.watch import connect, costing, exiting, patience, verifying, watching
from tests.e2e.lies.operator import BOB, E6, SETTINGS, Operator, Town
from tests.e2e.lies.test_wrong_batches import wrong_root
from tests.unit.settlement.l1.backends import Devnet
from tests.unit.settlement.stf import every_kind as day
from tests.unit.settlement.streams import TIME_MS

URL = "http://127.0.0.1:1"


class Venue:
    """A town whose node answers at URL, and the file of its contracts. Each transaction has its block."""

    def __init__(self, folder: Path) -> None:
        self.backend = Devnet(DEFAULTS._replace(block_ms=0))
        self.town = Town(self.backend)
        self.operator = Operator(self.town)
        self.operator.open()
        self.operator.post([*day.TRADING[:5], Step(s.MARK, instrument=day.CALL, ident=TIME_MS, p=90 * E6)])
        self.folder = folder
        self.file = folder / "settlement-contracts.json"
        self.file.write_bytes(self.town.rollup.addresses.packed())

    @property
    def where(self) -> list[str]:
        """The options that name it."""
        return ["--l1", URL, "--contracts", str(self.file), "--patience", "0"]

    def make_final(self) -> None:
        """The windows of all batches pass."""
        self.town.later(SETTINGS.challenge_s + 1)
        self.backend.mine()


@pytest.fixture
def venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Venue:
    made = Venue(tmp_path)

    def node(_: str, timeout_s: float = 0) -> Rpc:
        return made.backend.rpc

    monkeypatch.setattr(connect, "HttpRpc", node)
    monkeypatch.setattr(patience.Clock, "sleep", lambda self, seconds: made.backend.mine())
    monkeypatch.delenv("STRIKEBOOK_L1_KEY", raising=False)
    monkeypatch.delenv("STRIKEBOOK_L1_KEY_FILE", raising=False)
    return made


# --- verify ------------------------------------------------------------------------------------------------


def verified(venue: Venue, *more: str) -> int:
    return verifying.main([*venue.where, *more])


def test_verify_rebuilds_every_account(venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(venue, "--json", "--trace") == verifying.VERIFIED
    report = json.loads(capsys.readouterr().out)
    assert (report["batches"], report["fills"], report["problems"]) == (2, 4, [])
    assert report["root"] == venue.operator.root.hex()
    ours = {one["account"]: one["cash_micro"] for one in report["accounts"]}
    assert ours == {number: one.cash_micro for number, one in venue.operator.state.accounts.items()}
    assert verified(venue, "--account", str(day.ALICE)) == verifying.VERIFIED
    told = capsys.readouterr().out
    assert "verified: every root agrees" in told
    assert "lots  entry value" in told


def test_verify_goes_on_where_it_stopped(venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--store", str(venue.folder / "store.sqlite"), "--json")
    assert verified(venue, *more) == verifying.VERIFIED
    venue.operator.post(day.TRADING[5:8])
    assert verified(venue, *more) == verifying.VERIFIED
    second = json.loads(capsys.readouterr().out.split("}\n{")[-1].join(("{", "")))
    assert (second["batches"], second["fills"]) == (3, 7)


def test_verify_names_what_is_wrong(venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    venue.operator.post(day.TRADING[5:8], lie=wrong_root)
    assert verified(venue) == verifying.WRONG
    told = capsys.readouterr().out
    assert "WRONG trace: batch 3" in told
    assert "NOT VERIFIED" in told


def test_verify_says_whose_data_is_missing(venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    venue.operator.post(day.TRADING[5:8], layer=EXTERNAL)
    assert verified(venue) == verifying.DATA_MISSING
    assert "data_unavailable: batch 3: no external store is known" in capsys.readouterr().out


def test_verify_tells_an_l1_that_is_silent(venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    venue.backend.rig.chain.faults.set({"fail": True})
    assert verified(venue) == verifying.L1_SILENT
    assert "does not answer" in capsys.readouterr().err


def said_of(argv: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = verifying.main(argv)
    return status, capsys.readouterr().err


def test_verify_says_what_to_do(
    venue: Venue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = said_of(["--l1", URL, "--contracts", str(tmp_path / "none")], capsys)
    assert (status, "does not name the contracts" in said) == (2, True)
    status, said = said_of(["--contracts", str(venue.file)], capsys)
    assert exiting.main(["status"]) == 2
    assert "Name yourself with --owner" in capsys.readouterr().err
    assert (status, "which node? Name one with --l1 URL" in said) == (2, True)
    status, said = said_of(["--l1", URL, "--inbox", "0x12"], capsys)
    assert (status, "40 hexadecimal digits" in said) == (2, True)
    other = venue.town.rollup.addresses._replace(chain_id=5)
    venue.file.write_bytes(other.packed())
    status, said = said_of(venue.where, capsys)
    assert (status, "name the node of their chain" in said) == (2, True)
    venue.file.write_bytes(other._replace(chain_id=1337, inbox=b"\1" * 20).packed())
    status, said = said_of(venue.where, capsys)
    assert (status, "there is no contract at 0x0101" in said) == (2, True)


def test_the_usual_directory_is_taken_where_none_is_named(
    venue: Venue, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "settlement-contracts.json").write_bytes(venue.file.read_bytes())
    (tmp_path / "data" / "settlement-l1.json").write_text(f'{{"url": "{URL}"}}')
    assert verifying.main([]) == 0
    assert "every root agrees" in capsys.readouterr().out


def test_data_of_format_1_is_verified_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verifying.main(["--data", str(tmp_path)]) == 2
    assert "no L1 can be read" in capsys.readouterr().err


@pytest.mark.parametrize("command", [verifying.main, watching.main, exiting.main])
def test_help_says_what_the_exit_status_means(
    command: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(command)
    with pytest.raises(SystemExit):
        command(["--help"])
    assert "exit status: 0" in capsys.readouterr().out


# --- watch -------------------------------------------------------------------------------------------------


def test_watch_finds_nothing_wrong(venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    assert watching.main([*venue.where, "--once", "--quiet"]) == watching.NOTHING_WRONG
    assert capsys.readouterr().out == ""


def test_watch_alarms_and_challenges_with_a_key(
    venue: Venue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    venue.operator.post(day.TRADING[5:8], lie=wrong_root)
    assert watching.main([*venue.where, "--once", "--json"]) == watching.ALARMED
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["code"], one["batch"]) for one in said] == [("trace", 3), ("no_key", 3)]
    (venue.folder / "key").write_text("0x" + key_text(4))
    (venue.folder / "key").chmod(0o600)
    monkeypatch.setenv("STRIKEBOOK_L1_KEY_FILE", str(venue.folder / "key"))
    store = ["--store", str(venue.folder / "watch.sqlite")]
    for _ in range(5):
        watching.main([*venue.where, *store, "--once"])
    told = capsys.readouterr()
    assert venue.town.head == 2
    assert "batch_voided batch 3" in told.out
    assert key_text(4) not in told.out + told.err


def key_text(number: int) -> str:
    """What the owner of an account of the development chain has in his file."""
    secret: str = accounts.key(number)._key.secret.hex()
    return secret


# --- exit --------------------------------------------------------------------------------------------------


def test_exit_withdraws_what_is_final(
    venue: Venue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    venue.operator.post([
        Step(s.HELD, first=day.BOB, ident=1, p=20 * E6),
        Step(s.RESOLVED, first=day.BOB, second=0, ident=1, p=20 * E6),
    ])  # fmt: skip
    venue.make_final()
    assert exiting.main(["withdraw", *venue.where]) == exiting.NOT_BEGUN
    assert "STRIKEBOOK_L1_KEY_FILE" in capsys.readouterr().err
    monkeypatch.setenv("STRIKEBOOK_L1_KEY", key_text(6))
    assert exiting.main(["withdraw", *venue.where, "--dry-run"]) == exiting.DONE
    assert "would be sent" in capsys.readouterr().out
    before = venue.town.tokens(BOB.address)
    assert exiting.main(["withdraw", *venue.where, "--patience", "30"]) == exiting.DONE
    assert venue.town.tokens(BOB.address) == before + 20 * E6
    assert "paying withdrawal 1" in capsys.readouterr().out
    assert exiting.main(["status", *venue.where]) == exiting.DONE
    told = capsys.readouterr().out
    assert f"account {day.BOB}: cash" in told
    assert "withdrawal 1 of account 65: 20.000000 USDC, paid" in told
    assert key_text(6) not in told


def test_exit_forces_a_withdrawal(
    venue: Venue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    venue.make_final()
    monkeypatch.setenv("STRIKEBOOK_L1_KEY", key_text(6))
    asked = ["force", *venue.where, "--patience", "30", "--amount", "12.5"]
    assert exiting.main([*asked, "--account", str(day.ALICE)]) == exiting.REFUSED
    told = capsys.readouterr()
    assert "calling batches final" in told.out
    assert "belongs to 0x" in told.err
    assert exiting.main([*asked, "--account", str(day.BOB)]) == exiting.DONE
    assert venue.town.rollup.counts(venue.town.rollup.ethereum.head())[1] == 1
    assert "must take it in within 0:08:20" in capsys.readouterr().out


def test_exit_escapes_when_the_operator_is_silent(
    venue: Venue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    venue.make_final()
    monkeypatch.setenv("STRIKEBOOK_L1_KEY", key_text(6))
    asked = ["escape", *venue.where, "--patience", "30"]
    assert exiting.main(asked) == exiting.DONE
    assert "the operator is not silent" in capsys.readouterr().out
    venue.town.later(SETTINGS.silence_s + 1)
    assert exiting.main(asked) == exiting.DONE
    told = capsys.readouterr().out
    assert "opening the escape at batch 2" in told
    assert f"counting account {day.BOB}" in told
    venue.town.later(SETTINGS.claim_s + 1)
    before = venue.town.tokens(BOB.address)
    assert exiting.main(asked) == exiting.DONE
    assert "everything that is yours was paid" in capsys.readouterr().out
    assert venue.town.tokens(BOB.address) > before


@pytest.mark.parametrize("text", ["0", "-1", "1.0000001", "much", "nan", "1e30"])
def test_an_amount_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        exiting.parse(["force", "--l1", URL, "--account", "64", f"--amount={text}"])
    assert "no amount of USDC" in capsys.readouterr().err


# --- costs -------------------------------------------------------------------------------------------------


def test_costs_of_a_fill_on_every_layer(venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    assert costing.main(["costs", *venue.where, "--json", "--token-usd", "3000"]) == 0
    costs = json.loads(capsys.readouterr().out)
    rows = {row["layer"]: row for row in costs["rows"]}
    assert set(rows) == {"calldata", "blobs", "external"}
    assert (rows["calldata"]["posted"], rows["blobs"]["posted"]) == (1, 0)
    assert rows["blobs"]["blob_gas_per_fill"] == 131_072 / 4
    assert rows["calldata"]["micro_usd_per_fill"] > rows["external"]["micro_usd_per_fill"] > 0
    assert 0 < costs["paid"]["gas_per_fill"] < 2 * rows["calldata"]["gas_per_fill"]
    assert costing.main(["costs", *venue.where]) == 0
    assert "calldata" in capsys.readouterr().out
