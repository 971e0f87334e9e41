"""Build hook: compiles the matching core and, as groups of their own, the edge's hot modules and settlement's
state transition with mypyc. Everything else is in pyproject.toml.

With gcc core and edge are compiled twice: once to watch them work on `loadtest.training`, once with what was
seen there (about a fifth faster; `STRIKEBOOK_PROFILE=0` leaves it out). `STRIKEBOOK_OPTIMIZE=1` asks the
compiler for less: minutes sooner done, for continuous integration. Without a working C compiler the build
goes on and the core runs interpreted, with a notice.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext

NOT_COMPILED = ("__init__.py", "plain.py")
GROUPS = {
    "strikebook_core": Path("exchange/core"),
    "strikebook_edge": Path("exchange/edge"),
    "strikebook_settlement": Path("settlement/stf"),
}
UNTRAINED = ("strikebook_settlement", "settlement.")
"""Names of extensions that `loadtest.training` does not run: they are compiled once."""
METADATA_ONLY = {"egg_info", "dist_info"}
"""What an installer asks before it builds: nothing need be translated for the answer."""
TRAINING_SECONDS_MAX = 300


class OptionalBuild(build_ext):
    """Builds the extensions; where that fails, says so and leaves the interpreted core in place."""

    def run(self) -> None:
        self.parallel = len(GROUPS)
        try:
            self.profile_flags = self.trained()
            super().run()
        except Exception as error:  # any compiler failure at all: the interpreted core still works
            if os.environ.get("STRIKEBOOK_REQUIRE_COMPILED"):
                raise
            print(f"strikebook: no compiled core ({error}); it will run interpreted", file=sys.stderr)

    def build_extension(self, ext: Any) -> None:
        if is_trained(ext):
            ext.extra_compile_args = [*ext.extra_compile_args, *self.profile_flags]
            ext.extra_link_args = [*ext.extra_link_args, *self.profile_flags]
        super().build_extension(ext)

    def trained(self) -> list[str]:
        """The flags that make gcc use a profile of the core at work; none where there is no profile."""
        if not self.extensions or os.environ.get("STRIKEBOOK_PROFILE") == "0" or not is_gcc():
            return []
        profile = Path(self.build_temp, "profile").absolute()
        shutil.rmtree(profile, ignore_errors=True)
        try:
            with tempfile.TemporaryDirectory() as folder:
                self.watched(Path(folder), profile)
        except Exception as error:  # the plain build is as correct, only slower
            print(f"strikebook: no profile of the core ({error}); compiling without", file=sys.stderr)
            return []
        return [f"-fprofile-use={profile}", "-fprofile-partial-training", "-Wno-missing-profile"]

    def watched(self, folder: Path, profile: Path) -> None:
        """Build the core so that it counts what it does, and let it work."""
        shutil.copytree("exchange", folder / "exchange", ignore=shutil.ignore_patterns("*.so"))
        (folder / "loadtest").mkdir()
        for name in ("__init__.py", "training.py"):
            shutil.copy(Path("loadtest", name), folder / "loadtest")
        kept = self.inplace, self.build_lib, self.compiler, self.extensions
        self.extensions = [ext for ext in self.extensions if is_trained(ext)]
        plain = [(ext.extra_compile_args, ext.extra_link_args) for ext in self.extensions]
        self.profile_flags = [f"-fprofile-generate={profile}", "-Wno-missing-profile"]
        self.inplace, self.force, self.build_lib = False, True, str(folder)
        try:
            super().run()
        finally:
            for ext, (compile_args, link_args) in zip(self.extensions, plain, strict=True):
                ext.extra_compile_args, ext.extra_link_args = compile_args, link_args
            self.inplace, self.build_lib, self.compiler, self.extensions = kept
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        environment.pop("STRIKEBOOK_INTERPRETED", None)
        subprocess.run(
            [sys.executable, "-P", "-W", "error", "-m", "loadtest.training"],
            check=True, cwd=folder, env=environment, timeout=TRAINING_SECONDS_MAX,
        )  # fmt: skip


def is_trained(ext: Any) -> bool:
    """Whether the profile is of this extension."""
    return not ext.name.startswith(UNTRAINED)


def is_gcc() -> bool:
    """Whether the compiler the extensions are built with is gcc."""
    command = os.environ.get("CC", "cc").split()
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    return said.returncode == 0 and "Free Software Foundation" in said.stdout


def extensions() -> list[Any]:
    """The extension modules of all groups, or none when it is switched off or mypyc is missing."""
    if os.environ.get("STRIKEBOOK_INTERPRETED") or METADATA_ONLY & set(sys.argv[1:]):
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        print("strikebook: mypyc is not installed; the core will run interpreted", file=sys.stderr)
        return []
    modules: list[Any] = []
    for group, folder in GROUPS.items():
        sources = sorted(str(path) for path in folder.glob("*.py") if path.name not in NOT_COMPILED)
        modules += mypycify(
            ["--config-file", "mypyc.ini", *sources],
            opt_level=os.environ.get("STRIKEBOOK_OPTIMIZE", "3"),
            debug_level="0",
            group_name=group,
        )
    for module in modules:
        # mypyc's functions are global symbols: without these the compiler may not inline any of them.
        # (A new list: mypyc gives all modules the same one.)
        # The last one is a warning about indentation: on files of this size gcc spends two thirds of its
        # time on looking for it.
        flags = ["-fno-semantic-interposition", "-fvisibility=hidden", "-Wno-misleading-indentation"]
        module.extra_compile_args = [*module.extra_compile_args, *flags]
    return modules


setup(ext_modules=extensions(), cmdclass={"build_ext": OptionalBuild})
