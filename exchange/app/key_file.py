"""The key that seals credentials: from the environment, or from a file made on the first start."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import Final

from exchange.app.ports import SystemEntropy
from exchange.keys.credential_schema import CredentialsError
from exchange.keys.sealing import KEY_BYTES

KEY_VARIABLE: Final = "STRIKEBOOK_CREDENTIALS_KEY"
_log = logging.getLogger(__name__)


class KeyFile:
    """A `KeySource`: the environment's key if there is one, else the file's.

    Called for a store that has been sealed already it makes no new key: that one could open nothing.
    """

    def __init__(self, path: Path, variable: str | None = None) -> None:
        self._path = path
        self._text = os.environ.get(KEY_VARIABLE, "") if variable is None else variable

    def __call__(self, sealed: bool) -> bytes:
        """The key.

        Raises:
            CredentialsError: it is malformed, unreadable, or gone.
        """
        if self._text:
            return _parsed(self._text, f"${KEY_VARIABLE}")
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            if sealed:
                raise CredentialsError(
                    f"the credentials are sealed and their key is not here: put it back at {self._path}, "
                    f"or give it in ${KEY_VARIABLE}"
                ) from None
            return self._make()
        except (OSError, UnicodeDecodeError) as wrong:
            raise CredentialsError(f"{self._path} cannot be read: {wrong}") from None
        if stat.S_IMODE(self._path.stat().st_mode) & 0o077:
            _log.warning("%s can be read by others than its owner; chmod 600 it", self._path)
        return _parsed(text, str(self._path))

    def _make(self) -> bytes:
        key = SystemEntropy().token_bytes(KEY_BYTES)
        try:
            write_secret(self._path, key.hex() + "\n")
        except OSError as wrong:
            raise CredentialsError(f"{self._path} cannot be written: {wrong.strerror}") from None
        return key


def write_secret(path: Path, text: str) -> None:
    """A new file that its owner alone can read; it and its name are durable on return. Raises OSError."""
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(made, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _parsed(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise CredentialsError(f"{where} is no key: it must be {2 * KEY_BYTES} hexadecimal digits")
    return key
