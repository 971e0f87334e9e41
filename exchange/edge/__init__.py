"""What the edge does for every request and every event of the order path: bytes in, bytes out, no I/O.

The modules of this package are compiled by mypyc where a compiler is at hand, in a group of their own; the
same source runs interpreted. `STRIKEBOOK_INTERPRETED=1` forces the interpreted form, as it does the core's.
Both give the same bytes.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from pathlib import Path

from exchange.sources import CompiledCodeWarning, SourceFinder


def is_compiled() -> bool:
    """Whether the modules in use are the compiled ones."""
    file = getattr(importlib.import_module(f"{__name__}.text"), "__file__", "") or ""
    return not file.endswith(".py")


def _use_sources() -> None:
    for name in [m for m in sys.modules if m.startswith(f"{__name__}.")]:
        del sys.modules[name]
        globals().pop(name.rpartition(".")[2], None)
    sys.meta_path.insert(0, SourceFinder(__name__, Path(__file__).resolve().parent))


def _choose() -> None:
    if os.environ.get("STRIKEBOOK_INTERPRETED"):
        _use_sources()
        return
    try:
        is_compiled()
    except ImportError as error:
        _use_sources()
        warnings.warn(
            f"the compiled edge does not load ({error}); running interpreted, several times slower",
            CompiledCodeWarning,
            stacklevel=2,
        )


_choose()
