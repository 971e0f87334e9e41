"""`strikebook run`: the whole demonstration in one terminal.

Starts the venue, gives the bots accounts on the first start, starts a market maker and a taker, and
shows a live status line. Ctrl-C stops everything in order; the next start goes on from disk.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from exchange.app.calls import CallError, call
from exchange.app.options import add_venue_arguments, config_of
from exchange.app.ports import SystemClock
from exchange.core import is_compiled
from settlement.node.places import Places, PlacesError

PATIENCE_S: Final = 10.0
STATUS_S: Final = 1.0
QUIET_STATUS_S: Final = 10.0
_BOT_NICE: Final = 5
BOTS: Final = ("maker", "taker")
SECRET_VARIABLE: Final = "STRIKEBOOK_CLIENT_SECRET"

DESCRIPTION: Final = """\
Start the exchange with everything around it: a simulated market, a market maker quoting the whole chain,
a taker, settlement on a development chain of its own (or that of --l1), and a page to watch. Stop with
Ctrl-C; the next start goes on where this one ended (delete the data directory to begin anew).
"""


class NotStarted(Exception):
    """The demonstration is not up; the message says why."""


class Demo:
    """The venue's process, the bots', and what is known of them."""

    def __init__(self, data: Path, venue_arguments: Sequence[str], seed: int) -> None:
        self.data = data
        self.url = ""
        self.keys: dict[str, dict[str, str]] = {}
        self._venue_arguments = list(venue_arguments)
        self._seed = seed
        self._venue: subprocess.Popen[str] | None = None
        self._bots: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()

    # --- start ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the venue, then the bots.

        Raises:
            NotStarted: the venue does not come up.
            CallError: it refuses what the demonstration needs.
        """
        self._venue = subprocess.Popen(
            [sys.executable, "-m", "exchange.app.cli", "serve", *self._venue_arguments],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.url = self._await_address()
        self.keys = self._accounts()
        for number, name in enumerate(BOTS):
            self._start_bot(name, self._seed * 10 + number)

    def _await_address(self) -> str:
        assert self._venue is not None
        assert self._venue.stdout is not None
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=_pump, args=(self._venue.stdout, lines), daemon=True).start()
        clock = SystemClock()
        told_s = clock.monotonic_s()
        # No limit while it lives: replaying a long journal takes what it takes.
        while not self._stopping.is_set():
            try:
                line = lines.get(timeout=0.2)
            except queue.Empty:
                if clock.monotonic_s() - told_s >= PATIENCE_S:
                    told_s = clock.monotonic_s()
                    print("still starting (a long journal, or the first start) …", flush=True)
                continue
            if line.startswith("listening on "):
                return line.split()[2]
            if not line:
                break
        if self._stopping.is_set():
            raise NotStarted("stopped before the venue was up")
        raise NotStarted("the venue did not start; what it said stands above")

    def _accounts(self) -> dict[str, dict[str, str]]:
        """The bots' and your own keys: made on the first start, kept for the next."""
        kept = self.data / "demo-keys.json"
        if kept.exists():
            return _read_keys(kept)
        made: dict[str, dict[str, str]] = {}
        for name in (*BOTS, "you"):
            reply = call(self.url, "public/strikebook_sign_up", {"name": name})
            made[name] = {key: str(reply[key]) for key in ("account", "client_id", "client_secret")}
        temporary = kept.with_suffix(".tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(made, indent=1))
        temporary.replace(kept)
        return made

    def _start_bot(self, name: str, seed: int) -> None:
        module = "clients.market_maker" if name == "maker" else "clients.taker"
        self._bots[name] = subprocess.Popen(
            [
                sys.executable,
                "-m",
                module,
                "--url",
                self.url,
                "--client-id",
                self.keys[name]["client_id"],
                "--seed",
                str(seed),
                "--parent",
                str(os.getpid()),
            ],
            env={**os.environ, SECRET_VARIABLE: self.keys[name]["client_secret"]},
            start_new_session=True,
        )
        # Whoever measures or trades here shares the cores with the bots: the venue goes first.
        os.setpriority(os.PRIO_PROCESS, self._bots[name].pid, _BOT_NICE)

    # --- while it runs -------------------------------------------------------------------------------

    def watch(self) -> int:
        """Show the status until stopped or until the venue ends; the exit status."""
        assert self._venue is not None
        live = sys.stdout.isatty()
        while not self._stopping.wait(STATUS_S if live else QUIET_STATUS_S):
            status = self._venue.poll()
            if status is not None:
                print(f"\nthe venue has ended with status {status}", file=sys.stderr)
                return status or 1
            for name, bot in list(self._bots.items()):
                if bot.poll() is not None:
                    print(f"\nthe {name} bot has ended with status {bot.returncode}", file=sys.stderr)
                    del self._bots[name]
            self._show(live)
        return 0

    def _show(self, live: bool) -> None:
        try:
            text = status_line(call(self.url, "public/strikebook_status", {}))
        except CallError as error:
            text = str(error)
        if live:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[2K{text[:width]}", end="", flush=True)
        else:
            print(text, flush=True)

    # --- stop ----------------------------------------------------------------------------------------

    def ask_to_stop(self) -> None:
        """Make `watch` return."""
        self._stopping.set()

    def stop(self) -> None:
        """End the bots, then the venue, which ends its own children."""
        for bot in self._bots.values():
            bot.terminate()
        for bot in self._bots.values():
            _wait(bot, 5)
        if self._venue is not None:
            self._venue.terminate()
            _wait(self._venue, 30)


def _read_keys(kept: Path) -> dict[str, dict[str, str]]:
    """The keys of an earlier start. Raises NotStarted if the file is not what was written then."""
    try:
        found: dict[str, dict[str, str]] = json.loads(kept.read_text())
        for name in (*BOTS, "you"):
            _ = found[name]["client_id"], found[name]["client_secret"]
    except (OSError, ValueError, KeyError, TypeError):
        raise NotStarted(f"{kept} is damaged; remove it, and new accounts are made") from None
    return found


def _pump(stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def _wait(process: subprocess.Popen[str] | subprocess.Popen[bytes], limit_s: float) -> None:
    try:
        process.wait(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _us(value: object) -> str:
    return f"{value / 1000:.1f} ms" if isinstance(value, int | float) else "–"


def status_line(status: Mapping[str, Any]) -> str:
    """One line for the terminal."""
    return (
        f"{status['mode']}  {status['orders_per_s']} order events/s  {status['fills']} fills"
        f"  ack p50 {_us(status['ack_us_p50'])} p99 {_us(status['ack_us_p99'])}"
        f"  open interest {status['open_interest']}  {settled_text(status)}"
    )


def settled_text(status: Mapping[str, Any]) -> str:
    """The newest batch that is on the L1, or the newest: where its data is, what a fill of it takes."""
    batches = status["batches"]
    if not batches:
        return "no batch yet"
    shown = next((batch for batch in batches if batch["state"] != "built"), batches[0])
    text = f"batch {shown['id']} {shown['state']}"
    if "layer" not in shown:  # the mock L1 knows no gas
        return f"{text} root {str(shown['root'])[:10]}…"
    text += f" {shown['layer']}"
    if shown["fills"]:
        text += f" {shown['fills']} fills"
        text += f" {shown['bytes_per_fill']:.1f} B/fill"
        text += f" {shown['gas_per_fill']:,.0f} gas/fill" if "gas_per_fill" in shown else ""
    else:
        text += f" {shown['bytes']:,} B" + (f" {shown['gas']:,} gas" if "gas" in shown else "")
    if shown.get("blob_gas"):
        text += f" {shown['blob_gas']:,} blob gas"
    text += f"  final to {status['final_batch']}"
    if status["waiting_batches"] > 1:
        text += f"  {status['waiting_batches']} wait"
    return text + (f"  ALARM {status['settlement_alarm']}" if status["settlement_alarm"] else "")


def _l1_text(data: Path) -> str:
    """Where batches go; for `strikebook verify`, `watch` and `exit`."""
    try:
        return f"  L1         {Places(data).address().url}"
    except PlacesError:
        return f"  L1         {data / 'l1.sqlite'} (mock)"


def main(argv: Sequence[str]) -> int:
    """The command; the exit status."""
    parser = argparse.ArgumentParser(
        prog="strikebook run", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_venue_arguments(parser)
    options = parser.parse_args(argv)
    config_of(options)  # says what is wrong before anything starts
    if options.no_sign_up and not (options.data / "demo-keys.json").exists():
        parser.error("the demonstration's accounts are made by sign-up: start once without --no-sign-up")
    demo = Demo(options.data, argv, options.seed)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: demo.ask_to_stop())
    if not is_compiled():
        print("no compiled core: running interpreted, slower but the same exchange")
    print("starting …", flush=True)
    try:
        demo.start()
        you = demo.keys["you"]
        print(f"Strikebook runs at {demo.url}   (Ctrl-C stops everything)")
        print(f"  page       {demo.url}/")
        print(f"  REST       {demo.url}/api/v2/public/get_instruments?currency=BTC")
        print(f"  WebSocket  {demo.url.replace('http', 'ws', 1)}/ws/api/v2")
        print(f"  your key   {you['client_id']}   secret {you['client_secret']}")
        print(_l1_text(options.data), flush=True)
        status = demo.watch()
    except (CallError, NotStarted) as error:
        demo.stop()
        print(f"strikebook: {error}", file=sys.stderr)
        return 1
    print("\nstopping …", flush=True)
    demo.stop()
    print("stopped; start again to go on from here", flush=True)
    return status
