"""Announcements from a file that the operator edits: `announcements.json` in the data directory.

A JSON list of objects: `id`, `title`, `body`, `publication_timestamp` (ms), and `important` and
`confirmation` where they are true. It is read again when it has changed; a file that cannot be read leaves
what was read before, and is complained of once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec

from exchange.gateway.announcements import Announcement

_log = logging.getLogger(__name__)
_Stamp = tuple[int, int]


class FileAnnouncements:
    """An :class:`exchange.gateway.announcements.AnnouncementSource` over one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: _Stamp | None = None
        self._found: tuple[Announcement, ...] = ()

    def read(self) -> Sequence[Announcement]:
        """What the file says; nothing without a file."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._seen, self._found = None, ()
            return self._found
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._seen:
            self._seen = stamp
            self._load()
        return self._found

    def _load(self) -> None:
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=tuple[Announcement, ...])
        except (OSError, msgspec.MsgspecError) as wrong:
            _log.warning("%s cannot be read, announcements stay as they were: %s", self._path, wrong)
            return
        if len({item.id for item in found}) < len(found):
            _log.warning("%s has two announcements of one id, they stay as they were", self._path)
            return
        self._found = found
