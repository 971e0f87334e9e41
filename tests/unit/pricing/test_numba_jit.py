"""Where compiled kernels are kept, and when they are no longer good."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pricing import engines

if not engines.numba_installed():
    pytest.skip("the extra `fast` is not installed", allow_module_level=True)

from pricing.engines import numba_jit


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the folder of kernels."""
    folder = tmp_path / "pricing" / "engines"
    folder.mkdir(parents=True)
    (folder / "kernels.py").write_text("one = 1\n")
    (folder.parent / "normal.py").write_text("two = 2\n")
    monkeypatch.setattr(numba_jit, "__file__", str(folder / "numba_jit.py"))
    return folder


def test_any_change_of_a_source_leads_to_another_directory(package: Path) -> None:
    first = numba_jit._cache_directory()
    assert numba_jit._cache_directory() == first
    assert Path(first).parent == package / "__pycache__"
    (package.parent / "normal.py").write_text("two = 3\n")
    second = numba_jit._cache_directory()
    (package / "helpers.py").write_text("three = 3\n")
    assert len({first, second, numba_jit._cache_directory()}) == 3


def test_only_a_few_directories_of_earlier_sources_stay(package: Path) -> None:
    root = package / "__pycache__"
    for number in range(7):
        old = root / f"strikebook-numba-{number:016d}"
        old.mkdir(parents=True)
        os.utime(old, (1_000 + number, 1_000 + number))
    chosen = Path(numba_jit._cache_directory())
    chosen.mkdir()
    left = sorted(path.name for path in root.iterdir() if path != chosen)
    assert left == [f"strikebook-numba-{number:016d}" for number in (3, 4, 5, 6)]


def test_a_package_that_cannot_be_written_keeps_them_elsewhere(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "__pycache__").write_text("not a folder")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Path(numba_jit._cache_directory()).parent == tmp_path / "home" / ".cache" / "strikebook"
    shutil.rmtree(tmp_path / "home")
    (tmp_path / "home").write_text("not a folder either")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert Path(numba_jit._cache_directory()).parent == tmp_path


def test_a_second_start_loads_what_the_first_has_compiled() -> None:
    code = (
        "import numba.core.event as event, pricing.engines as engines\n"
        "class Count(event.Listener):\n"
        "    compiled = 0\n"
        "    def on_start(self, event): Count.compiled += 1\n"
        "    def on_end(self, event): pass\n"
        "event.register('numba:compile', Count())\n"
        "engines.select('numba'); print(Count.compiled)\n"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert int(second) == 0, (first, second)
