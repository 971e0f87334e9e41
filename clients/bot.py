"""What every bot's command line shares: arguments, logging, signals, exit codes."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final
from urllib.parse import urlsplit

from clients.instruments import to_micro
from clients.rpc import RpcError
from clients.session import CallTimeout, ConnectionLost, Session, SessionEnded

log = logging.getLogger("clients.bot")

EXIT_OK: Final = 0
EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2

COD_NOT_ENABLED: Final = 13042
MMP_REQUIRED: Final = 13040
TOKEN_CODES: Final = frozenset({10000, 13009, 13010})
"""Refusals that say the session is no longer authorised: only a new connection helps."""

SECRET_VARIABLE: Final = "STRIKEBOOK_CLIENT_SECRET"
WS_PATH: Final = "/ws/api/v2"
_PARENT_POLL_S: Final = 1.0


def websocket_url(text: str) -> str:
    """``host:port``, ``http://…`` or ``ws://…`` as the WebSocket address; ValueError if none of them."""
    parts = urlsplit(text if "://" in text else f"http://{text}")
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ValueError(f"not an address of a venue: {text!r}")
    path = parts.path if parts.path not in ("", "/") else WS_PATH
    return f"{scheme}://{parts.netloc}{path}"


def _url_argument(text: str) -> str:
    try:
        return websocket_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments every bot takes."""
    parser.add_argument(
        "--url",
        type=_url_argument,
        default="ws://127.0.0.1:8080" + WS_PATH,
        help="the venue, as http://host:port or ws://host:port/ws/api/v2 (default: %(default)s)",
    )
    parser.add_argument(
        "--client-id", required=True, help="API key id, printed by `strikebook account create`"
    )
    parser.add_argument(
        "--client-secret",
        default=os.environ.get(SECRET_VARIABLE, ""),
        help=f"the key's secret; better given in the environment as {SECRET_VARIABLE}, "
        "where other users of the machine cannot see it",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of every random choice (default: %(default)s)"
    )
    parser.add_argument(
        "--parent", type=int, default=0, metavar="PID", help="stop when this is not the parent any more"
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="warning",
        help="info adds one status line a minute (default: %(default)s)",
    )


def parse(parser: argparse.ArgumentParser, argv: list[str] | None) -> argparse.Namespace:
    """Parse and check the common arguments; exits with 2 and a hint on bad ones."""
    arguments = parser.parse_args(argv)
    if not arguments.client_secret:
        parser.error(f"a secret is needed: --client-secret, or {SECRET_VARIABLE} in the environment")
    return arguments


def run_bot(main: Callable[[], Coroutine[Any, Any, None]], log_level: str, parent: int = 0) -> int:
    """Run `main` until it returns or SIGINT or SIGTERM asks it to stop; the exit code.

    With `parent`, a process id, it also stops when that process is no longer its parent.

    The bot is stopped by cancellation and withdraws its orders on the way out; a second signal does not
    wait for that.
    """
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    logging.getLogger("websockets").setLevel(logging.WARNING)
    try:
        return asyncio.run(_until_signalled(main, parent))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


async def _until_signalled(main: Callable[[], Coroutine[Any, Any, None]], parent: int) -> int:
    loop = asyncio.get_running_loop()
    bot = asyncio.create_task(main(), name="bot")

    def stop(number: int) -> None:
        loop.remove_signal_handler(number)
        bot.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    watch = loop.create_task(_until_orphaned(parent, bot.cancel)) if parent else None
    try:
        await bot
    except asyncio.CancelledError:
        return EXIT_OK
    except SessionEnded as error:
        print(f"stopped: {error}", file=sys.stderr)
        return EXIT_REFUSED
    finally:
        if watch is not None:
            watch.cancel()
    return EXIT_OK


async def _until_orphaned(parent: int, stop: Callable[[], object]) -> None:
    """Call `stop` once the process `parent` has ended: whoever started the bot can no longer end it."""
    while os.getppid() == parent:
        await asyncio.sleep(_PARENT_POLL_S)
    stop()


async def keep_trading(
    session: Session, trade: Callable[[int], Awaitable[None]], retry_s: float = 1.0
) -> None:
    """Run `trade(generation)` under every connection the session makes; returns only by an exception.

    `trade` ends with ConnectionLost when its connection is gone. A request that times out or that the venue
    refuses where no refusal was foreseen is answered by a pause and a new connection: starting over from
    what the venue says is the one state we can be sure of. SessionEnded comes through.
    """
    while True:
        generation = await session.wait_ready()
        start_over = False
        try:
            await trade(generation)
        except* (ConnectionLost, SessionEnded) as group:
            log.info("waiting for a connection: %s", first_cause(group))
        except* (RpcError, CallTimeout) as group:
            log.warning("starting over: %s", first_cause(group))
            start_over = True
        if start_over:
            await asyncio.sleep(retry_s)
            await session.reconnect()


def first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first plain exception inside nested groups."""
    cause: BaseException = group
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    return cause


def read_positions(raw: list[dict[str, Any]]) -> dict[str, int]:
    """Signed positions by instrument, in millionths of the underlying, from ``private/get_positions``."""
    return {
        position["instrument_name"]: to_micro(abs(position["size"]))
        * (-1 if position["direction"] == "sell" else 1)
        for position in raw
    }


async def watch(session: Session, generation: int) -> None:
    """Raise ConnectionLost as soon as the connection of `generation` is gone."""
    await session.wait_lost(generation)
    raise ConnectionLost("the connection is gone")


async def every(interval_s: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` every `interval_s`, the first time after one interval; for ever."""
    while True:
        await asyncio.sleep(interval_s)
        await work()


@contextlib.asynccontextmanager
async def at_most(limit_s: float) -> Any:
    """A last service on the way out: cut short after `limit_s`, without complaint."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            yield
