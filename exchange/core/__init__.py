"""The deterministic state machine: numbered commands in, events out, integers only.

The modules of this package are compiled by mypyc where a compiler is at hand; the same source runs
interpreted. `STRIKEBOOK_INTERPRETED=1` forces the interpreted form; a compiled module that cannot be
imported falls back to it with a notice. Both give the same bytes and the same state hash.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from pathlib import Path

from exchange.sources import CompiledCodeWarning, SourceFinder

_HERE = Path(__file__).resolve().parent


class CompiledCoreWarning(CompiledCodeWarning):
    """The compiled core could not be loaded; the interpreted one runs instead."""


def _use_sources() -> None:
    """Load the sources, with lists where compiled code has flat arrays."""
    for name in [m for m in sys.modules if m.startswith(f"{__name__}.")]:
        del sys.modules[name]
        # `from exchange.core import x` looks here first, and would find what was loaded before.
        globals().pop(name.rpartition(".")[2], None)
    sys.meta_path.insert(0, SourceFinder(__name__, _HERE))
    arrays = sys.modules.get("librt.vecs")
    plain = importlib.import_module(f"{__name__}.plain")
    for name in ("librt.vecs", f"{__name__}.words", f"{__name__}.ids", f"{__name__}.warm"):
        sys.modules[name] = plain
    try:
        importlib.import_module(f"{__name__}.engine")
        importlib.import_module(f"{__name__}.queries")
    finally:
        if arrays is None:
            del sys.modules["librt.vecs"]
        else:
            sys.modules["librt.vecs"] = arrays


def is_compiled() -> bool:
    """Whether the engine in use is the compiled one."""
    file = getattr(importlib.import_module(f"{__name__}.engine"), "__file__", "") or ""
    return not file.endswith(".py")


def _choose() -> None:
    if os.environ.get("STRIKEBOOK_INTERPRETED"):
        _use_sources()
        return
    try:
        if not is_compiled():  # never compiled: the sources were found, and have a faster way to run
            _use_sources()
    except ImportError as error:
        _use_sources()
        warnings.warn(
            f"the compiled core does not load ({error}); running interpreted, some thirty times slower",
            CompiledCoreWarning,
            stacklevel=2,
        )


_choose()
