"""Compiled contracts are kept by the hash of their sources, and all fit on the chain."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from settlement.contracts import compiler
from settlement.contracts.deployment import EXECUTORS

NAMES = ["Token", "Inbox", "Bridge", "Dispute", "Demands", "Evidence", "Escape", *EXECUTORS]


@pytest.mark.parametrize("name", NAMES)
def test_every_contract_fits_on_the_chain(name: str) -> None:
    assert compiler.compiled(name).runtime_bytes < 24_000


def test_what_is_kept_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compiler.compiled("Token", tmp_path)
    (kept,) = tmp_path.iterdir()
    compiler.compiled.cache_clear()
    monkeypatch.setattr(metadata, "version", lambda name: "0.0.0")
    assert compiler.compiled("Token", tmp_path) == first
    compiler.compiled.cache_clear()
    kept.unlink()
    with pytest.raises(compiler.CompilerMissing, match=r"vyper 0\.4\.3"):
        compiler.compiled("Token", tmp_path)


def test_a_module_s_change_is_its_users_change(tmp_path: Path) -> None:
    (tmp_path / "one.vy").write_text("import two\n")
    (tmp_path / "two.vy").write_text("# nothing\n")
    (tmp_path / "three.vy").write_text("# else\n")
    hashes = [compiler.sources_hash(name, tmp_path) for name in ("one", "three")]
    compiler.sources_hash.cache_clear()
    (tmp_path / "two.vy").write_text("# something\n")
    assert compiler.sources_hash("one", tmp_path) != hashes[0]
    assert compiler.sources_hash("three", tmp_path) == hashes[1]
