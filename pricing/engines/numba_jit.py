"""How kernels are compiled: eagerly, once, kept on disk, and thrown away when any of their sources changes.

numba keys its disk cache to the source file of the kernel alone; a change in a helper of another module would
go unnoticed. The cache directory here carries a digest of every source that goes into kernels instead.
"""

from __future__ import annotations

import hashlib
import os
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


def _cache_directory() -> str:
    package = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    for source in [*sorted(package.glob("*.py")), package.parent / "normal.py"]:
        digest.update(source.read_bytes())
    for root in (package / "__pycache__", Path.home() / ".cache" / "strikebook"):
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(root, os.W_OK):
            return str(root / f"numba-{digest.hexdigest()[:16]}")
    return str(Path(tempfile.gettempdir()) / f"strikebook-numba-{digest.hexdigest()[:16]}")


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
