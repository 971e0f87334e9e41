"""A compiled edge that cannot be loaded is replaced by the interpreted one, with a notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ASK = """
import exchange.edge as edge
from exchange.edge.frames import join_frames
print(edge.is_compiled(), join_frames([b"x"], 0x81))
"""


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k != "STRIKEBOOK_INTERPRETED"}
    return subprocess.run(
        [sys.executable, "-W", "default", "-c", ASK],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_broken_compiled_module_falls_back_with_a_notice(tmp_path: Path) -> None:
    for part in ("edge", "domain"):
        ignore = shutil.ignore_patterns("*.so", "__pycache__")
        shutil.copytree(ROOT / "exchange" / part, tmp_path / "exchange" / part, ignore=ignore)
    for name in ("__init__.py", "sources.py"):
        if (ROOT / "exchange" / name).exists():
            shutil.copy(ROOT / "exchange" / name, tmp_path / "exchange")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    (tmp_path / "exchange" / "edge" / f"text{suffix}").write_bytes(b"this is no shared library")
    done = run(tmp_path)
    assert done.stdout.split() == ["False", "b'\\x81\\x01x'"], done.stderr
    assert "CompiledCodeWarning" in done.stderr


def test_it_can_be_asked_for() -> None:
    done = run(ROOT, STRIKEBOOK_INTERPRETED="1")
    assert done.stdout.split() == ["False", "b'\\x81\\x01x'"], done.stderr
