"""Build hook: compiles the matching core with mypyc. Everything else is in pyproject.toml.

Without a working C compiler the build goes on and the core runs interpreted, with a notice.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext

CORE = Path("exchange/core")
COMPILED = sorted(str(p) for p in CORE.glob("*.py") if p.name not in ("__init__.py", "plain.py"))


class OptionalBuild(build_ext):
    """Builds the extensions; where that fails, says so and leaves the interpreted core in place."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:  # any compiler failure at all: the interpreted core still works
            if os.environ.get("STRIKEBOOK_REQUIRE_COMPILED"):
                raise
            print(f"strikebook: no compiled core ({error}); it will run interpreted", file=sys.stderr)


def extensions() -> list[Any]:
    """The compiled core's extension modules, or none when it is switched off or mypyc is missing."""
    if os.environ.get("STRIKEBOOK_INTERPRETED"):
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        print("strikebook: mypyc is not installed; the core will run interpreted", file=sys.stderr)
        return []
    modules = mypycify(
        ["--config-file", "mypyc.ini", *COMPILED],
        opt_level="3",
        debug_level="0",
        group_name="strikebook_core",
    )
    for module in modules:
        # mypyc's functions are global symbols: without these the compiler may not inline any of them.
        # (A new list: mypyc gives all modules the same one.)
        flags = ["-fno-semantic-interposition", "-fvisibility=hidden"]
        module.extra_compile_args = [*module.extra_compile_args, *flags]
    return list(modules)


setup(ext_modules=extensions(), cmdclass={"build_ext": OptionalBuild})
