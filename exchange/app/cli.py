"""The `strikebook` command."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Final

from exchange.app.calls import CallError, call
from exchange.app.options import add_venue_arguments, config_of, port_default

COMMANDS_GROUP: Final = "strikebook.commands"
HELP: Final = """\
Strikebook, an options exchange on your machine.

  strikebook run              the whole demonstration: venue, settlement, bots, a live status line
  strikebook serve            the venue alone
  strikebook account create   an account with an API key, on a running venue
  strikebook surface          draw the volatility surface of a running venue, or of a file
  strikebook verify           rebuild every balance from the L1's data and compare roots
  strikebook watch            follow the L1, raise alarms, challenge what is wrong
  strikebook exit             withdraw, force a withdrawal or escape, with a node and your key alone
  strikebook proof            prove a fill of yours, offline: soft, posted, final
  strikebook evidence         hold a receipt against what was posted, and take the bond for a lie
  strikebook settlement       what a fill costs on each data layer

Every command explains itself with --help.
"""


def _serve(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="strikebook serve", description="Run the venue until Ctrl-C.")
    add_venue_arguments(parser)
    options = parser.parse_args(argv)
    logging.basicConfig(level=options.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    config = config_of(options)
    # Late: --help and wrong arguments should not wait for the engine to load.
    import uvloop

    from exchange.app.serve import serve
    from exchange.app.stores import StartError

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
    create.add_argument("--url", default=f"http://127.0.0.1:{port_default()}", help="the venue (%(default)s)")
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
        if f"  strikebook {name} " in HELP:
            again = "install the package again (make setup, or pip install -e .)"
            print(f"strikebook: {name!r} came with a newer version: {again}", file=sys.stderr)
        else:
            print(f"strikebook: there is no command {name!r}\n\n{HELP}", end="", file=sys.stderr)
        return 2
    try:
        return command(rest)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
