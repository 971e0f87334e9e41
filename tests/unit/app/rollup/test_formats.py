"""Which settlement a data directory has, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from exchange.app.config import Config
from exchange.app.rollup.formats import MOCK, ROLLUP, format_of
from exchange.app.stores import StartError


@pytest.mark.parametrize("default", [MOCK, ROLLUP])
def test_a_new_directory_has_what_was_asked_for_or_the_usual(tmp_path: Path, default: int) -> None:
    config = Config(tmp_path, settlement_default=default)
    assert format_of(config) == default
    assert format_of(replace(config, settlement=ROLLUP)) == ROLLUP
    assert format_of(replace(config, settlement=MOCK)) == MOCK


@pytest.mark.parametrize(
    ("name", "found"), [("l1.sqlite", MOCK), ("settlement.sqlite", MOCK), ("rollup.sqlite", ROLLUP),
                        ("settlement-contracts.json", ROLLUP)],
)  # fmt: skip
def test_a_directory_goes_on_with_what_it_has(tmp_path: Path, name: str, found: int) -> None:
    (tmp_path / name).touch()
    config = Config(tmp_path, settlement_default=MOCK + ROLLUP - found)
    assert format_of(config) == found
    with pytest.raises(StartError, match=f"has settlement of format {found}"):
        format_of(replace(config, settlement=MOCK + ROLLUP - found))


def test_a_mixture_is_refused(tmp_path: Path) -> None:
    for name in ("l1.sqlite", "rollup.sqlite"):
        (tmp_path / name).touch()
    with pytest.raises(StartError, match=r"format 1 \(l1\.sqlite\) and of format 2 \(rollup\.sqlite\)"):
        format_of(Config(tmp_path))


def test_a_node_is_nothing_for_the_mock(tmp_path: Path) -> None:
    (tmp_path / "l1.sqlite").touch()
    with pytest.raises(StartError, match="--l1 is of settlement of format 2"):
        format_of(Config(tmp_path, l1_url="http://127.0.0.1:1"))


def test_a_venue_without_children_has_the_mock(tmp_path: Path) -> None:
    config = Config(tmp_path, children=False, settlement_default=ROLLUP)
    assert format_of(config) == MOCK
    (tmp_path / "rollup.sqlite").touch()
    with pytest.raises(StartError, match="needs the venue's child processes"):
        format_of(config)
