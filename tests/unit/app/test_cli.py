"""Wrong words on the command line: each says what to do, none shows a traceback."""

from __future__ import annotations

import argparse
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.app import cli
from exchange.app.calls import CallError, call
from exchange.app.cli import main
from exchange.app.options import add_venue_arguments, config_of
from exchange.app.run import NotStarted, _read_keys
from exchange.gateway.deals.block_limits import BLOCK_LIMITS
from exchange.gateway.trigger_caps import TRIGGER_LIMITS, TriggerLimits


class _NoVenue(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"not found\n")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def other_server() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _NoVenue)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _said(arguments: list[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return str(ended.value)


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frobnicate"]) == 2
    assert "there is no command 'frobnicate'" in capsys.readouterr().err


def test_a_command_that_the_installation_does_not_have_yet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "entry_points", lambda group: [])
    assert main(["watch", "--once"]) == 2
    assert "'watch' came with a newer version: install the package again" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "run"])
def test_wrong_values_are_named_before_anything_starts(command: str) -> None:
    assert "99999 is not a port" in _said([command, "--port", "99999"])
    assert "must be positive" in _said([command, "--batch-seconds", "0"])
    assert "write redis://host:port" in _said([command, "--redis", "rubbish"])
    assert "--faucet 0 is not 1 to" in _said([command, "--faucet", "0"])
    assert "must not be negative" in _said([command, "--sign-ups-per-hour", "-1"])
    assert "must not be negative" in _said([command, "--faucet-budget", "-1"])
    assert "at most 65,536" in _said([command, "--account-orders", "65537"])
    assert "--account-positions at most 2,048" in _said([command, "--account-positions", "2049"])
    assert "--account-triggers is at most 65,536" in _said([command, "--account-triggers", "65537"])
    said = _said([command, "--account-trailing", "-1"])
    assert "--account-trailing and --family-trailing at most 256" in said
    assert "--family-triggers at most 262,144" in _said([command, "--family-triggers", "262145"])


def test_limits_of_blocks_are_options() -> None:
    parser = argparse.ArgumentParser()
    add_venue_arguments(parser)
    assert config_of(parser.parse_args([])).blocks == BLOCK_LIMITS
    given = ["--block-orders", "5", "--rfq-seconds", "60", "--rfq-grace", "0", "--account-rfqs", "3"]
    found = BLOCK_LIMITS._replace(smallest_orders=5, rfq_open_ms=60_000, grace_ms=0, rfqs_open_max=3)
    assert config_of(parser.parse_args(given)).blocks == found
    for wrong in (["--block-orders", "0"], ["--rfq-grace", "300"], ["--rfq-seconds", "86401"]):
        assert "--block-orders is at least 1" in _said(["serve", *wrong])


def test_limits_of_orders_that_wait_are_options() -> None:
    parser = argparse.ArgumentParser()
    add_venue_arguments(parser)
    assert config_of(parser.parse_args([])).triggers == TRIGGER_LIMITS
    given = ["--account-triggers", "50", "--account-trailing", "0", "--family-trailing", "9"]
    assert config_of(parser.parse_args(given)).triggers == TriggerLimits(50, 0, 500, 9)


def test_a_wrong_port_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("eighty", "70000", "-1"):
        monkeypatch.setenv("STRIKEBOOK_PORT", text)
        assert f"STRIKEBOOK_PORT is {text!r}" in _said(["account", "create"])


def test_a_wrong_pricing_engine_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--pricing-engine", "abacus"])
    assert "invalid choice: 'abacus'" in capsys.readouterr().err
    monkeypatch.setattr("pricing.engines.numba_installed", lambda: False)
    assert main(["serve", "--pricing-engine", "numba", "--port", "0", "--data", str(tmp_path)]) == 1
    assert "pip install 'strikebook[fast]'" in capsys.readouterr().err
    monkeypatch.setenv("STRIKEBOOK_PRICING_ENGINE", "abacus")
    assert "STRIKEBOOK_PRICING_ENGINE is 'abacus'" in _said(["serve"])


def test_a_data_directory_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    occupied = tmp_path / "file"
    occupied.touch()
    assert main(["serve", "--pricing-engine", "numpy", "--port", "0", "--data", str(occupied)]) == 1
    assert "name another with --data" in capsys.readouterr().err


def test_credentials_that_are_no_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "credentials.sqlite").write_bytes(b"no database at all" * 50)
    assert main(["serve", "--pricing-engine", "numpy", "--port", "0", "--data", str(tmp_path)]) == 1
    assert "is not a credentials database" in capsys.readouterr().err


def test_a_faucet_file_that_is_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "faucet-given.txt").write_text("a lot\n")
    assert main(["serve", "--pricing-engine", "numpy", "--port", "0", "--data", str(tmp_path)]) == 1
    assert "faucet-given.txt is damaged; write what sign-ups drew there" in capsys.readouterr().err


def test_account_create_says_why_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["account", "create", "--url", "rubbish"]) == 1
    assert "write http://host:port" in capsys.readouterr().err
    assert main(["account", "create", "--url", "http://127.0.0.1:1"]) == 1
    assert "start one with: strikebook serve" in capsys.readouterr().err


def test_a_server_that_is_no_venue(other_server: str) -> None:
    with pytest.raises(CallError, match="is no venue"):
        call(other_server, "public/test", {})


def test_damaged_demo_keys(tmp_path: Path) -> None:
    kept = tmp_path / "demo-keys.json"
    for text in ("", "[]", "{}", '{"maker": 1}'):
        kept.write_text(text)
        with pytest.raises(NotStarted, match="remove it"):
            _read_keys(kept)
