"""Asks a package how it was loaded, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def ask(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script on the sources below `folder`, warnings shown."""
    clean = {k: v for k, v in os.environ.items() if k != "STRIKEBOOK_INTERPRETED"}
    return subprocess.run(
        [sys.executable, "-W", "default", "-c", script],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
