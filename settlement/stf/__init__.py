"""The state transition of settlement format 2 (docs/protocol.md): pure, integers only, no I/O.

`rules.apply` does one step, `chunks` executes chunks and commits to the trace, `lowering` makes steps of the
ledger's operations, `witness` and `onestep` prove and execute one step without the state.

The modules of this package are compiled by mypyc where a compiler is at hand, in a group of their own; the
same source runs interpreted, and both come to the same roots. No integer here is of a machine's width.
`STRIKEBOOK_INTERPRETED=1` forces the interpreted form, as it does the core's.
"""

from __future__ import annotations

from pathlib import Path

from exchange import sources


def is_compiled() -> bool:
    """Whether the modules in use are the compiled ones."""
    return sources.is_compiled(__name__, "errors")


sources.choose(__name__, Path(__file__).resolve().parent, "errors", "state transition")
