"""Clocks, randomness, sockets, floats, `await` and set order stay out of domain, core, attest and edge;
clocks and randomness are read in exchange/app alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = ("exchange/domain", "exchange/core", "exchange/attest", "exchange/edge")
FORBIDDEN_IMPORTS = {
    "asyncio", "datetime", "multiprocessing", "numpy", "os", "random", "scipy", "secrets", "select",
    "selectors", "signal", "socket", "ssl", "subprocess", "threading", "time", "uuid", "uvloop",
}  # fmt: skip
CLOCKS = {"time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
          "datetime.now", "datetime.utcnow", "secrets.token_bytes", "os.urandom", "time.sleep"}  # fmt: skip
ROOMS = ("exchange", "pricing", "settlement")
# These processes may not import exchange/app: their `main` reads the clock it hands to all below it.
CLOCK_OWNERS = {
    "exchange/app/ports.py", "settlement/running.py",
    "settlement/devnet/__main__.py", "settlement/watch/patience.py",
}  # fmt: skip
# How a package finds its compiled form is not part of the state machine.
LOADER = {"exchange/core/__init__.py", "exchange/edge/__init__.py"}


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


PURE_FILES = [path for path in sources(*PURE) if name(path) not in LOADER]


@pytest.mark.parametrize("path", PURE_FILES, ids=name)
def test_pure_rooms_import_nothing_impure(path: Path) -> None:
    assert not imported(ast.parse(path.read_text())) & FORBIDDEN_IMPORTS


@pytest.mark.parametrize("path", PURE_FILES, ids=name)
def test_pure_rooms_hold_no_float_no_await_and_no_set_order(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        where = f"{name(path)}:{getattr(node, 'lineno', 0)}"
        assert not isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor), f"{where}: await"
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{where}: float"
        assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)), f"{where}: true division"
        assert not (isinstance(node, ast.Name) and node.id == "float"), f"{where}: float"
        assert not isinstance(node, ast.Set | ast.SetComp), f"{where}: a set, whose order is not defined"
        assert not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("open", "input")
        ), f"{where}: input or output"


@pytest.mark.parametrize("path", list(sources(*ROOMS)), ids=name)
def test_only_the_app_reads_clocks_and_randomness(path: Path) -> None:
    if name(path) in CLOCK_OWNERS:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert f"{node.value.id}.{node.attr}" not in CLOCKS, f"{name(path)}:{node.lineno}"


def test_the_root_holds_no_more_than_its_known_files() -> None:
    known = {"README.md", "Makefile", "pyproject.toml", "setup.py", "mypyc.ini", "requirements.lock",
             "requirements-peers.lock", "requirements-pricing-peers.lock", ".gitignore", ".ci"}  # fmt: skip
    rooms = {"exchange", "pricing", "settlement", "clients", "tests", "loadtest", "docs"}
    tracked = {line.split("/")[0] for line in _tracked()}
    assert tracked <= known | rooms


def _tracked() -> list[str]:
    import subprocess

    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    return listed.stdout.splitlines()
