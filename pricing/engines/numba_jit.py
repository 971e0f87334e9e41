"""How kernels are compiled: eagerly, once, kept on disk, and thrown away when any of their sources changes.

numba keys its disk cache to the source file of the kernel alone; a change in a helper of another module would
go unnoticed. The cache directory here carries a digest of every source that goes into kernels instead.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import types
from numba.core import config

_config: Any = config  # its attributes are made at run time

F = TypeVar("F", bound=Callable[..., Any])

FLOATS_IN: Any = types.Array(types.float64, 1, "C", readonly=True)
BOOLS_IN: Any = types.Array(types.boolean, 1, "C", readonly=True)
"""Contiguous inputs of a kernel: declared read-only, which arrays that can be written satisfy too."""
TABLE_OUT: Any = types.Array(types.float64, 2, "C")


_KEPT_COUNT = 4
"""Directories of earlier sources that stay: a checkout may go back and forth between a few."""


def _cache_directory() -> str:
    package = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    for source in [*sorted(package.glob("*.py")), package.parent / "normal.py"]:
        digest.update(source.read_bytes())
    root = next(filter(_can_hold, (package / "__pycache__", Path.home() / ".cache" / "strikebook")), None)
    chosen = (root or Path(tempfile.gettempdir())) / f"strikebook-numba-{digest.hexdigest()[:16]}"
    others = [other for other in chosen.parent.glob("strikebook-numba-*") if other != chosen]
    for other in sorted(others, key=_written, reverse=True)[_KEPT_COUNT:]:
        shutil.rmtree(other, ignore_errors=True)
    return str(chosen)


def _can_hold(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


def _written(path: Path) -> float:
    """When it was last written to; 0 if another process has just removed it."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


_CACHE_DIRECTORY = _cache_directory()


def inlined(function: F) -> F:
    """A helper that disappears into the kernels that call it."""
    decorate: Any = numba.njit(error_model="numpy", forceinline=True)
    compiled: F = decorate(function)
    return compiled


def kernel(signature: Any) -> Callable[[F], F]:
    """Compiles (or loads) for exactly this numba signature, now. Calls release the global lock."""

    def compile_now(function: F) -> F:
        decorate: Any = numba.njit(signature, cache=True, nogil=True, error_model="numpy")
        before = _config.CACHE_DIR
        _config.CACHE_DIR = _CACHE_DIRECTORY
        try:
            compiled: F = decorate(function)
        finally:
            _config.CACHE_DIR = before
        return compiled

    return compile_now
