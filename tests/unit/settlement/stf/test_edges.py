"""Figures fit their fields to the last, one more is not allowed, and compiled or not it comes to the same."""

from __future__ import annotations

import json
import shutil
import sysconfig
from pathlib import Path

from tests.unit.loading import ROOT, ask
from tests.unit.settlement.stf.edges import told

TOLD = told()
ASK = """
import settlement.stf as stf
from settlement.stf.state import State
print(stf.is_compiled(), len(State().accounts))
"""


def test_the_last_figure_fits_and_the_next_does_not() -> None:
    fits, beyond = TOLD["fits"], TOLD["beyond"]
    assert isinstance(fits, dict)
    assert isinstance(beyond, dict)
    assert [name for name, said in fits.items() if said == "not allowed"] == []
    assert [name for name, said in beyond.items() if said != "not allowed"] == []
    assert len(set(fits.values())) == len(fits)


def test_interpreted_it_comes_to_the_same() -> None:
    script = "import runpy; runpy.run_module('tests.unit.settlement.stf.edges', run_name='__main__')"
    done = ask(script, ROOT, STRIKEBOOK_INTERPRETED="1")
    found = json.loads(done.stdout)
    assert found.pop("compiled") is False
    assert found == TOLD


def test_a_broken_compiled_module_falls_back_with_a_notice(tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("*.so", "__pycache__")
    for part in ("exchange/domain", "settlement/stf", "settlement/trees"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=ignore)
    for name in ("exchange/__init__.py", "exchange/sources.py", "settlement/__init__.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("hashing.py", "merkle.py"):
        shutil.copy(ROOT / "settlement" / name, tmp_path / "settlement")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    (tmp_path / "settlement" / "stf" / f"errors{suffix}").write_bytes(b"this is no shared library")
    done = ask(ASK, tmp_path)
    assert done.stdout.split() == ["False", "0"], done.stderr
    assert "CompiledCodeWarning" in done.stderr
