"""What the faucet has given so far, in a file beside the journal."""

from __future__ import annotations

import os
from pathlib import Path


class GivenFileError(Exception):
    """The file is not what was written; the message says which it is."""


class FileGiven:
    """One number of micro-USDC, as text; a `keys.sign_ups.Given`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> int:
        """What was saved, 0 where nothing was. Raises GivenFileError if it cannot be read."""
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            raise GivenFileError(f"{self._path} cannot be read: {error}") from None
        if not text.strip().isascii() or not text.strip().isdigit():
            raise GivenFileError(f"{self._path} is damaged")
        return int(text)

    def save(self, given_micro: int) -> None:
        """Replace what was saved, whole or not at all, on disk before it returns. Raises OSError."""
        temporary = self._path.with_suffix(".tmp")
        with temporary.open("w") as file:
            file.write(f"{given_micro}\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
