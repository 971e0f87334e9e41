"""What an audit finds."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """Something that should not be, at the command with the counter `seq`. Codes: docs/audit.md."""

    seq: int
    code: str
    text: str
