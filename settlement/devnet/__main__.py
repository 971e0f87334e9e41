"""`python -m settlement.devnet --data FILE --port PORT`: the development chain as a process.

Tells `listening on http://127.0.0.1:PORT` once it answers. SIGTERM and SIGINT end it; a kill loses nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from settlement.devnet import accounts
from settlement.devnet.chain import DEFAULTS, Chain
from settlement.devnet.server import HOST, Server
from settlement.devnet.store import StoreError
from settlement.l1.blobs import Kzg

TICK_S = 0.05


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; SystemExit with a message for a wrong one."""
    parser = argparse.ArgumentParser(prog="python -m settlement.devnet", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the chain's file")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--chain-id", type=int, default=DEFAULTS.chain_id)
    parser.add_argument(
        "--block-ms", type=int, default=1_000, help="0: a block a transaction; -1: only by devnet_mine"
    )
    parser.add_argument("--idle-block-ms", type=int, default=DEFAULTS.idle_block_ms)
    parser.add_argument("--confirmations", type=int, default=DEFAULTS.confirmations)
    parser.add_argument("--blob-retention-blocks", type=int, default=DEFAULTS.blob_retention_blocks)
    parser.add_argument("--parent", type=int, default=0, help="end when this is not the parent any more")
    parser.add_argument("--nice", type=int, default=0, help="lower this process's priority by so much")
    return parser.parse_args(argv)


async def serve(options: argparse.Namespace, now_ms: Callable[[], int], tell: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT. Raises StoreError and OSError."""
    block_ms = None if options.block_ms < 0 else options.block_ms
    chosen = DEFAULTS._replace(
        chain_id=options.chain_id, block_ms=block_ms, idle_block_ms=options.idle_block_ms,
        confirmations=options.confirmations, blob_retention_blocks=options.blob_retention_blocks,
    )  # fmt: skip
    chain = Chain(options.data, now_ms, Kzg(), chosen, accounts.allocation())
    server, stop = Server(chain), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        tell(f"listening on http://{HOST}:{await server.start(options.port)}")
        while not stop.is_set() and options.parent in (0, os.getppid()):
            chain.tick()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TICK_S)
    finally:
        await server.stop()
        chain.close()


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0 ended, 2 could not begin."""
    options = parse(sys.argv[1:] if argv is None else argv)
    with contextlib.suppress(OSError):
        os.nice(options.nice)
    try:
        asyncio.run(serve(options, lambda: time.time_ns() // 1_000_000, lambda text: print(text, flush=True)))
    except (StoreError, OSError) as error:
        print(f"devnet: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
