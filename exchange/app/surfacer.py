"""The surface process: `python -m exchange.app.surfacer`. Requests on stdin, replies on stdout.

Frames are a u32 length and as many bytes, little-endian. It ends when its stdin ends, which is when the venue
ends, however that ends; it runs at low priority and holds one request at a time.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO, Final

LENGTH: Final = struct.Struct("<I")
FRAME_BYTES_MAX: Final = 1 << 20
"""A block of 4,000 options takes a third of it."""


def serve(requests: BinaryIO, replies: BinaryIO, handle: Callable[[bytes], bytes]) -> int:
    """Answer until the requests end; the exit status, 1 for a frame that is none."""
    while head := requests.read(LENGTH.size):
        size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else FRAME_BYTES_MAX + 1
        if size > FRAME_BYTES_MAX:
            return 1
        request = requests.read(size)
        if len(request) < size:
            return 1
        reply = handle(request)
        replies.write(LENGTH.pack(len(reply)) + reply)
        replies.flush()
    return 0


def main() -> int:
    """Work at low priority for whoever holds the other ends of the pipes."""
    os.nice(10)
    from exchange.oracle.refit_worker import SurfaceWorker

    try:
        return serve(sys.stdin.buffer, sys.stdout.buffer, SurfaceWorker().handle)
    except (BrokenPipeError, KeyboardInterrupt):
        # Nobody listens any more; leave no traceback from flushing on the way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
