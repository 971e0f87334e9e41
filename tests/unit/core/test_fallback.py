"""A compiled core that cannot be loaded is replaced by the interpreted one, with a notice."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.unit.loading import ROOT, ask

ASK = """
import exchange.core as core
from exchange.core.engine import Engine
print(core.is_compiled(), Engine().next_seq)
"""


def copied(tmp_path: Path) -> Path:
    """The package's sources alone, without any compiled module."""
    ignore = shutil.ignore_patterns("*.so", "__pycache__", "gateway", "page", "journal", "wire")
    shutil.copytree(ROOT / "exchange", tmp_path / "exchange", ignore=ignore)
    return tmp_path


def test_sources_alone_run_interpreted(tmp_path: Path) -> None:
    done = ask(ASK, copied(tmp_path))
    assert done.stdout.split() == ["False", "1"], done.stderr
    assert "Warning" not in done.stderr


def test_a_broken_compiled_module_falls_back_with_a_notice(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    suffix = f"cpython-{sys.version_info[0]}{sys.version_info[1]}-x86_64-linux-gnu.so"
    (folder / "exchange" / "core" / f"engine.{suffix}").write_bytes(b"this is no shared library")
    done = ask(ASK, folder)
    assert done.stdout.split() == ["False", "1"], done.stderr
    assert "CompiledCoreWarning" in done.stderr


def test_it_can_be_asked_for() -> None:
    done = ask(ASK, ROOT, STRIKEBOOK_INTERPRETED="1")
    assert done.stdout.split() == ["False", "1"], done.stderr
