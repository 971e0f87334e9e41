"""Tests that replace what compiled code has as literals run on the interpreted core in any case."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COUNT = 11
MODULES = ("test_client_ids.py", "test_protection.py", "test_remembered.py")


def test_what_needs_an_interpreted_core_passes_on_one() -> None:
    command = (sys.executable, "-m", "pytest", "-q", "-m", "interpreted", "-p", "no:cacheprovider")
    done = subprocess.run(
        [*command, "-p", "no:xdist", *(str(HERE / name) for name in MODULES)],
        cwd=HERE.parents[2],
        env={**os.environ, "STRIKEBOOK_INTERPRETED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert f"\n{COUNT} passed" in done.stdout, done.stdout
