"""Every code, reason and close code that the venue can answer is in the one table."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from exchange.domain import rejects as rej
from exchange.wire import error_registry, errors
from exchange.wire.error_registry import CLOSE_CODES, EDGE_REASONS, ENTRIES, REASONS

EXCHANGE: Final = Path(__file__).parents[3] / "exchange"
SOURCES: Final = sorted(
    path for room in ("wire", "keys", "gateway", "app", "history") for path in (EXCHANGE / room).rglob("*.py")
)
_MADE_BY: Final = frozenset({"error", "RpcError", "BadRequest"})
# As the dialect's documentation says of the codes that this venue uses.
RETRYABLE: Final = {10028, 10040, 10047, 10066, 11035, 11051, 11094, 13028, 13030, 13043, 13780, 13888}


def _codes_in(tree: ast.AST) -> Iterator[ast.expr]:
    """The first argument of every call that makes an error."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        if getattr(node.func, "id", "") in _MADE_BY:
            yield node.args[0]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_code_answered_anywhere_is_in_the_registry(path: Path) -> None:
    if path.name in ("errors.py", "session.py", "unavailable.py"):
        return  # these make errors of codes given to them, each looked up in the table
    for first in _codes_in(ast.parse(path.read_text())):
        if isinstance(first, ast.IfExp):
            continue
        name = first.attr if isinstance(first, ast.Attribute) else getattr(first, "id", None)
        where = f"{path.name}:{first.lineno}"
        if name is None or name.islower():
            assert isinstance(first, ast.Name), f"{where}: a code is named, not written out"
            continue
        assert getattr(errors, name) in errors.MESSAGES, f"{where}: {name}"


def test_names_of_codes_are_constants_of_the_wire() -> None:
    constants = {
        value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)
    }
    assert constants == {entry.code for entry in ENTRIES}
    assert len(constants) == len(ENTRIES)


def test_every_entry_says_what_it_is() -> None:
    for entry in ENTRIES:
        assert entry.name
        assert entry.meaning, entry.code
        assert error_registry.entry_of(entry.code) is entry
    assert {entry.code for entry in ENTRIES if entry.retryable} - {10012, 10013} == RETRYABLE


def test_every_reason_of_the_core_and_of_the_edge_has_a_meaning() -> None:
    assert set(REASONS) == set(rej.REJECT_NAMES)
    for number, reason in REASONS.items():
        assert reason.name == rej.REJECT_NAMES[number]
        assert reason.meaning
        if errors.REJECT_CODES[number] != errors.OTHER_REJECT:
            entry = error_registry.entry_of(errors.REJECT_CODES[number])
            assert entry.retryable >= reason.retryable, reason.name
    named = {reason.name for reason in EDGE_REASONS}
    told: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "other_reject" and node.args:
                word = node.args[0]
                assert isinstance(word, ast.Constant), f"{path.name}:{node.lineno}: write the reason out"
                told.add(str(word.value))
    assert told == named


def test_every_close_code_of_the_venue_has_a_meaning() -> None:
    known = {code.code for code in CLOSE_CODES}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                is_code = node.target.id.startswith("CLOSE_") and isinstance(node.value, ast.Constant)
                if is_code and isinstance(node.value, ast.Constant):
                    assert node.value.value in known, f"{path.name}: {node.target.id}"
