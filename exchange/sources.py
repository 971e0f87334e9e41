"""Loads a compiled package's modules from their sources: where a compiler was missing, or is not wanted."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType


class CompiledCodeWarning(RuntimeWarning):
    """A compiled package could not be loaded; the interpreted one runs instead."""


class SourceFinder(importlib.abc.MetaPathFinder):
    """Finds the modules of one package as sources, past any compiled twin."""

    def __init__(self, package: str, folder: Path) -> None:
        self._package = package
        self._folder = folder

    def find_spec(
        self,
        fullname: str,
        _path: Sequence[str] | None,
        _target: ModuleType | None = None,
        /,
    ) -> importlib.machinery.ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        source = self._folder / f"{name}.py"
        if package != self._package or not source.exists():
            return None
        return importlib.util.spec_from_file_location(fullname, source)


def is_compiled(package: str, probe: str) -> bool:
    """Whether a package's modules in use are the compiled ones; `probe` names one that leans on no other.

    Raises:
        ImportError: it is compiled and can not be loaded.
    """
    file = getattr(importlib.import_module(f"{package}.{probe}"), "__file__", "") or ""
    return not file.endswith(".py")


def use_sources(package: str, folder: Path) -> None:
    """Load a package's modules from their sources from now on, whatever was loaded before."""
    known = vars(sys.modules[package])
    for name in [m for m in sys.modules if m.startswith(f"{package}.")]:
        del sys.modules[name]
        known.pop(name.rpartition(".")[2], None)
    sys.meta_path.insert(0, SourceFinder(package, folder))


def choose(package: str, folder: Path, probe: str, what: str) -> None:
    """Compiled modules where there are some that load, sources elsewhere and where STRIKEBOOK_INTERPRETED is
    set; a notice that names `what` where they do not load."""
    if os.environ.get("STRIKEBOOK_INTERPRETED"):
        use_sources(package, folder)
        return
    try:
        is_compiled(package, probe)
    except ImportError as error:
        use_sources(package, folder)
        text = f"the compiled {what} does not load ({error}); running interpreted, several times slower"
        warnings.warn(text, CompiledCodeWarning, stacklevel=3)
