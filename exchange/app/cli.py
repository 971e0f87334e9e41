"""The `strikebook` command."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import http.client
import json
import logging
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from exchange.app.config import PORT_DEFAULT, PORT_VARIABLE, Config

COMMANDS_GROUP: Final = "strikebook.commands"
PORT_MAX: Final = 65_535
REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")
HELP: Final = """\
Strikebook, an options exchange on your machine.

  strikebook run              the whole demonstration: venue, settlement, bots, a live status line
  strikebook serve            the venue alone
  strikebook account create   an account with an API key, on a running venue
  strikebook verify           rebuild every balance from the L1's data and compare roots

Every command explains itself with --help.
"""


def _port_default() -> int:
    text = os.environ.get(PORT_VARIABLE, "")
    if not text:
        return PORT_DEFAULT
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= PORT_MAX:
        raise SystemExit(f"strikebook: {PORT_VARIABLE} is {text!r}, not a port (0 to {PORT_MAX})")
    return port


def add_venue_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `serve` and `run`."""
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="where everything is kept (%(default)s)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port",
        type=int,
        default=_port_default(),
        help=f"port; 0: any free one (${PORT_VARIABLE} or %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the simulated market (%(default)s)")
    parser.add_argument(
        "--redis", default="", metavar="URL", help="publish to Redis Streams at redis://host:port"
    )
    parser.add_argument("--no-sign-up", action="store_true", help="refuse public/strikebook_sign_up")
    parser.add_argument(
        "--batch-seconds", type=float, default=2.0, help="settle at least this often when there are fills"
    )
    parser.add_argument("--batch-fills", type=int, default=1_000, help="or after this many fills")
    parser.add_argument(
        "--snapshot-commands", type=int, default=200_000, help="commands between snapshots (%(default)s)"
    )
    parser.add_argument("--no-children", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--log-level", default="warning", choices=("debug", "info", "warning", "error"))


def config_of(options: argparse.Namespace) -> Config:
    """The configuration of parsed `add_venue_arguments`. SystemExit with a hint for wrong values."""
    if not 0 <= options.port <= PORT_MAX:
        raise SystemExit(f"strikebook: --port {options.port} is not a port (0 to {PORT_MAX})")
    if options.redis and not options.redis.startswith(REDIS_SCHEMES):
        raise SystemExit(f"strikebook: --redis {options.redis} is no address; write redis://host:port")
    if options.batch_seconds <= 0 or options.batch_fills < 1 or options.snapshot_commands < 1:
        raise SystemExit(
            "strikebook: --batch-seconds, --batch-fills and --snapshot-commands must be positive"
        )
    return dataclasses.replace(
        Config(options.data),
        host=options.host,
        port=options.port,
        seed=options.seed,
        redis_url=options.redis,
        sign_up=not options.no_sign_up,
        batch_seconds=options.batch_seconds,
        batch_fills=options.batch_fills,
        snapshot_commands=options.snapshot_commands,
        children=not options.no_children,
    )


def _serve(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="strikebook serve", description="Run the venue until Ctrl-C.")
    add_venue_arguments(parser)
    options = parser.parse_args(argv)
    logging.basicConfig(level=options.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    config = config_of(options)
    # Late: --help and wrong arguments should not wait for the engine to load.
    import uvloop

    from exchange.app.serve import StartError, serve

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(config))
    except StartError as error:
        print(f"strikebook: the venue does not start: {error}", file=sys.stderr)
        return 1


def _run(argv: Sequence[str]) -> int:
    from exchange.app.run import main as run

    return run(argv)


def _account(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="strikebook account", description="Accounts of a running venue.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="create")
    create = actions.add_parser("create", help="a new account, its API key and a faucet deposit")
    create.add_argument(
        "--url", default=f"http://127.0.0.1:{_port_default()}", help="the venue (%(default)s)"
    )
    create.add_argument("--name", default="", help="a name to show beside the account")
    create.add_argument("--owner", default="", help="owner's L1 address, 0x and 40 hexadecimal digits")
    create.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    params = {key: value for key, value in (("name", options.name), ("owner", options.owner)) if value}
    try:
        made = call(options.url, "public/strikebook_sign_up", params)
    except CallError as error:
        print(f"strikebook account: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(made))
        return 0
    print(f"account        {made['account']}")
    print(f"client id      {made['client_id']}")
    print(f"client secret  {made['client_secret']}   (shown this once)")
    print(f"owner          {made['owner']}")
    print("A deposit from the faucet arrives within seconds.")
    return 0


class CallError(Exception):
    """A call to the venue failed; the message says why."""


def call(url: str, method: str, params: dict[str, object]) -> dict[str, object]:
    """One JSON-RPC call over HTTP. Raises CallError."""
    if not url.startswith(("http://", "https://")):
        raise CallError(f"{url} is no address of a venue; write http://host:port")
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url.rstrip('/')}/api/v2", body, headers)
    try:
        reply = json.loads(_post(request))
    except OSError as error:
        why = getattr(error, "reason", error)
        raise CallError(f"no venue answers at {url} ({why}); start one with: strikebook serve") from None
    except (ValueError, http.client.HTTPException):
        reply = None
    if not isinstance(reply, dict) or not ("error" in reply or "result" in reply):
        raise CallError(f"what answers at {url} is no venue; write http://host:port of one, without a path")
    if "error" in reply:
        raise CallError(f"{reply['error']['message']} {reply['error'].get('data', '')}".strip())
    found: dict[str, object] = reply["result"]
    return found


def _post(request: urllib.request.Request) -> bytes:
    """The body of the response, whatever its status: the venue says in it what is wrong."""
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        return bytes(error.read())


def _joined() -> dict[str, Callable[[Sequence[str]], int]]:
    """Sub-commands of other packages, by entry point."""
    return {point.name: point.load() for point in entry_points(group=COMMANDS_GROUP)}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    own: dict[str, Callable[[Sequence[str]], int]] = {"serve": _serve, "run": _run, "account": _account}
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    command = own.get(name) or _joined().get(name)
    if command is None:
        print(f"strikebook: there is no command {name!r}\n\n{HELP}", end="", file=sys.stderr)
        return 2
    try:
        return command(rest)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
