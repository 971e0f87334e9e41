"""Command lines: addresses, help, bad arguments, signals in a real process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from clients import market_maker, taker
from clients.bot import read_positions, websocket_url
from tests.unit.clients.fake_venue import FakeVenue


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:8080", "ws://127.0.0.1:8080/ws/api/v2"),
        ("http://127.0.0.1:8080/", "ws://127.0.0.1:8080/ws/api/v2"),
        ("https://host", "wss://host/ws/api/v2"),
        ("ws://host:1/ws/api/v2", "ws://host:1/ws/api/v2"),
    ],
)
def test_addresses_are_understood_as_people_write_them(text: str, url: str) -> None:
    assert websocket_url(text) == url


@pytest.mark.parametrize("text", ["ftp://host", "http://", ""])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        websocket_url(text)


@pytest.mark.parametrize("main", [market_maker.main, taker.main])
def test_help_teaches(main: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(main)
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "example:" in text
    assert "STRIKEBOOK_CLIENT_SECRET" in text


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (market_maker.main, []),
        (market_maker.main, ["--client-id", "a"]),
        (market_maker.main, ["--client-id", "a", "--client-secret", "b", "--url", "ftp://x"]),
        (market_maker.main, ["--client-id", "a", "--client-secret", "b", "--size", "0"]),
        (market_maker.main, ["--client-id", "a", "--client-secret", "b", "--frames-per-s", "0"]),
        (taker.main, ["--client-id", "a", "--client-secret", "b", "--rate", "-1"]),
        (taker.main, ["--client-id", "a", "--client-secret", "b", "--seed", "x"]),
    ],
)
def test_bad_arguments_exit_with_2_and_say_why(
    main: object, arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRIKEBOOK_CLIENT_SECRET", raising=False)
    assert callable(main)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_positions_are_signed_by_direction() -> None:
    raw = [
        {"instrument_name": "A", "size": 0.5, "direction": "buy"},
        {"instrument_name": "B", "size": -0.5, "direction": "sell"},
        {"instrument_name": "C", "size": 0.5, "direction": "sell"},
    ]
    assert read_positions(raw) == {"A": 500_000, "B": -500_000, "C": -500_000}


@pytest.mark.parametrize("module", ["clients.market_maker", "clients.taker"])
async def test_a_signal_ends_the_process_cleanly_and_quietly(module: str) -> None:
    async with FakeVenue().running() as venue:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, "--url", venue.url, "--client-id", "id", "--seed", "3",
            env={**os.environ, "STRIKEBOOK_CLIENT_SECRET": venue.secret},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await venue.wait_until(lambda: bool(venue.mass_quotes or venue.calls["private/buy"]))
        process.send_signal(signal.SIGTERM if module.endswith("taker") else signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")
    assert not any(amount for _, amount in venue.quotes.values())
    assert venue.orders == {}


async def test_refused_credentials_exit_with_1_and_a_sentence() -> None:
    async with FakeVenue().running() as venue:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "clients.taker", "--url", venue.url, "--client-id", "id",
            "--client-secret", "wrong", stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, err = await process.communicate()
    assert process.returncode == 1
    assert b"refused the credentials" in err
    assert b"Traceback" not in err


async def test_a_bot_whose_parent_has_ended_withdraws_and_ends() -> None:
    async with FakeVenue().running() as venue:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "clients.market_maker", "--url", venue.url, "--client-id", "id",
            # A parent that is not ours: to the bot it looks as if its own had ended.
            "--parent", str(os.getpid() + 1 if os.getpid() == 1 else 1),
            env={**os.environ, "STRIKEBOOK_CLIENT_SECRET": venue.secret},
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert not any(amount for _, amount in venue.quotes.values())
