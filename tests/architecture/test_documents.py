"""Documents stay true: the files, make targets and commands they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BUILT = {"settlement/contracts/compiled"}
"""What a build makes: it need not be there."""
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_exist(document: Path) -> None:
    for target in re.findall(r"`make ([a-z][a-z0-9-]*)", document.read_text()):
        assert target in TARGETS, f"{document.name} names make {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_source_paths_exist(document: Path) -> None:
    rooms = "exchange|pricing|settlement|clients|loadtest|tests|docs"
    named = set(re.findall(rf"`((?:{rooms})/[A-Za-z0-9_/.-]+)`", document.read_text()))
    for path in named - BUILT:
        assert (ROOT / path).exists() or (ROOT / f"{path}.py").exists(), f"{document.name} names {path}"
