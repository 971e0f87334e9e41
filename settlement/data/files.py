"""Files named by what is in them: written whole or not at all, read within a bound, never believed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class DataMissing(LookupError):
    """What was asked for is not there, or not whole."""


def write(path: Path, data: bytes) -> None:
    """Put a file in its place, durably, in one step. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path, most: int, at: int = 0, length: int | None = None) -> bytes:
    """A file, or `length` bytes of it from `at`. Raises DataMissing, also for one above `most` bytes."""
    try:
        with open(path, "rb") as file:
            if at:
                file.seek(at)
            data = file.read(most + 1 if length is None else length)
    except OSError as error:
        raise DataMissing(f"{path.name}: {type(error).__name__}") from error
    if len(data) > most or (length is not None and len(data) != length):
        raise DataMissing(f"{path.name} has {len(data)} bytes")
    return data


def place(folder: Path, digest: bytes) -> Path:
    """Where a hash's things are: two levels, so that no folder grows too long."""
    text = digest.hex()
    return folder / text[:2] / text
