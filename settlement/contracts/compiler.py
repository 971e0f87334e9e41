"""Compiling the contracts: at first use, kept under the hash of all sources and the compiler's version.

Compiling takes a second or two a contract, and vyper half a second to import; what is kept is read in a
millisecond. A kept artifact is one JSON file, written whole.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import tempfile
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

from settlement.hashing import keccak

SOURCES: Final = Path(__file__).parent
COMPILER: Final = "0.4.3"
EVM_VERSION: Final = "cancun"
CACHE_VARIABLE: Final = "STRIKEBOOK_CONTRACTS_CACHE"
WIDE: Final = "Wide"
"""What a name begins with that means a contract compiled with larger bounds (WideBounds.vy for bounds.vy)."""
_IMPORT: Final = re.compile(rb"^import (\w+)$", re.MULTILINE)
_BOUNDS: Final = "bounds.vy"
_WIDE_BOUNDS: Final = "WideBounds.vy"
_OUTPUTS: Final = ["abi", "bytecode", "bytecode_runtime"]


class CompilerMissing(RuntimeError):
    """The contracts are not compiled yet and the compiler they need is not installed."""


class Artifact(NamedTuple):
    """A compiled contract. `bytecode` deploys it (constructor arguments follow it)."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes
    runtime_bytes: int
    """Size of what stands on the chain, without immutables (the chain's limit is 24,576)."""


def cache_directory() -> Path:
    """Where artifacts are kept: $STRIKEBOOK_CONTRACTS_CACHE, else beside the sources where this process may
    write there, else among the temporary files."""
    told = os.environ.get(CACHE_VARIABLE)
    if told:
        return Path(told)
    if os.access(SOURCES, os.W_OK):
        return SOURCES / "compiled"
    return Path(tempfile.gettempdir()) / f"strikebook-contracts-{os.getuid()}"


@cache
def sources_hash(name: str, directory: Path = SOURCES) -> str:
    """Of a contract's source and of all modules it imports, the compiler's version and the machine; hex."""
    parts = [COMPILER.encode(), EVM_VERSION.encode()]
    source = _source(name, directory)
    if source != name:
        parts.append(keccak((SOURCES / _WIDE_BOUNDS).read_bytes()))
    seen, waiting = {source}, [source]
    while waiting:
        found = waiting.pop()
        path = directory / f"{found}.vy"
        text = (path if path.exists() else SOURCES / path.name).read_bytes()
        parts += [found.encode(), keccak(text)]
        new = sorted({each.decode() for each in _IMPORT.findall(text)} - seen)
        seen.update(new)
        waiting += new
    return keccak(b"\0".join(parts)).hex()


def _source(name: str, directory: Path) -> str:
    """The contract whose source it is: `WideFillSteps` is FillSteps with larger bounds."""
    is_wide = name.startswith(WIDE) and not (directory / f"{name}.vy").exists()
    return name.removeprefix(WIDE) if is_wide else name


def _kept(name: str, cache: Path | None, directory: Path) -> Path:
    return (cache or cache_directory()) / f"{name}-{sources_hash(name, directory)[:16]}.json"


def is_compiled(name: str) -> bool:
    """Whether one of our contracts need not be compiled any more."""
    return _kept(name, None, SOURCES).exists()


@cache
def compiled(name: str, cache: Path | None = None, directory: Path = SOURCES) -> Artifact:
    """The contract of that name (`Inbox` is Inbox.vy), from `cache` or compiled into it.

    `directory` holds the source where it is none of ours; modules are looked for there and here.

    Raises:
        CompilerMissing: it is not there and vyper is not installed in the version needed.
        FileNotFoundError: there is no such contract.
    """
    kept = _kept(name, cache, directory)
    try:
        found = json.loads(kept.read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):
        found = _compile(directory, name)
        _write(kept, json.dumps(found))
    size = len(found["bytecode_runtime"]) // 2 - 1
    return Artifact(name, found["abi"], bytes.fromhex(found["bytecode"][2:]), size)


def _compile(directory: Path, name: str) -> dict[str, Any]:
    source_name = _source(name, directory)
    path = directory / f"{source_name}.vy"
    text = path.read_text()
    try:
        version = metadata.version("vyper")
    except metadata.PackageNotFoundError:
        version = "none"
    if version != COMPILER:
        text = f"{name}.vy needs vyper {COMPILER}, found {version}"
        raise CompilerMissing(f"{text}: pip install vyper=={COMPILER}")
    from vyper.compiler import compile_from_file_input
    from vyper.compiler.input_bundle import FileInput, FilesystemInputBundle
    from vyper.compiler.settings import Settings

    source = FileInput(0, Path(path.name), path, text)
    overlay = tempfile.TemporaryDirectory()
    places = [SOURCES, directory]
    if source_name != name:
        places = [_widened(Path(overlay.name))]
        path = places[0] / path.name
        source = FileInput(0, Path(path.name), path, text)
    bundle = FilesystemInputBundle(places)
    settings = Settings(evm_version=EVM_VERSION)
    collects = gc.isenabled()
    gc.disable()  # millions of objects that all live until the end: a third of the time
    try:
        return dict(
            compile_from_file_input(
                source,
                input_bundle=bundle,
                settings=settings,
                output_formats=_OUTPUTS,
                no_bytecode_metadata=True,
            )
        )
    finally:
        overlay.cleanup()
        if collects:
            gc.enable()


def _widened(place: Path) -> Path:
    """A directory with all sources, the larger bounds in place of the usual.

    What a module imports is looked for beside it first, so a single file to be preferred would not do.
    """
    for each in SOURCES.glob("*.vy"):
        shutil.copy(each, place / each.name)
    shutil.copy(SOURCES / _WIDE_BOUNDS, place / _BOUNDS)
    return place


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    os.replace(file.name, path)
