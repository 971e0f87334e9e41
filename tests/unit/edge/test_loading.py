"""A compiled edge that cannot be loaded is replaced by the interpreted one, with a notice."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

from tests.unit.loading import ROOT, ask

ASK = """
import exchange.edge as edge
from exchange.edge.frames import join_frames
print(edge.is_compiled(), join_frames([b"x"], 0x81))
"""


def test_a_broken_compiled_module_falls_back_with_a_notice(tmp_path: Path) -> None:
    for part in ("edge", "domain"):
        ignore = shutil.ignore_patterns("*.so", "__pycache__")
        shutil.copytree(ROOT / "exchange" / part, tmp_path / "exchange" / part, ignore=ignore)
    for name in ("__init__.py", "sources.py"):
        if (ROOT / "exchange" / name).exists():
            shutil.copy(ROOT / "exchange" / name, tmp_path / "exchange")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    (tmp_path / "exchange" / "edge" / f"text{suffix}").write_bytes(b"this is no shared library")
    done = ask(ASK, tmp_path)
    assert done.stdout.split() == ["False", "b'\\x81\\x01x'"], done.stderr
    assert "CompiledCodeWarning" in done.stderr


def test_it_can_be_asked_for() -> None:
    done = ask(ASK, ROOT, STRIKEBOOK_INTERPRETED="1")
    assert done.stdout.split() == ["False", "b'\\x81\\x01x'"], done.stderr
