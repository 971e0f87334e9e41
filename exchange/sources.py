"""Loads a compiled package's modules from their sources: where a compiler was missing, or is not wanted."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
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
