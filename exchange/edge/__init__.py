"""What the edge does for every request and every event of the order path: bytes in, bytes out, no I/O.

The modules of this package are compiled by mypyc where a compiler is at hand, in a group of their own; the
same source runs interpreted. `STRIKEBOOK_INTERPRETED=1` forces the interpreted form, as it does the core's.
Both give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from exchange import sources


def is_compiled() -> bool:
    """Whether the modules in use are the compiled ones."""
    return sources.is_compiled(__name__, "text")


sources.choose(__name__, Path(__file__).resolve().parent, "text", "edge")
