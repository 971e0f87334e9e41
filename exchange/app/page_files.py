"""The files of the venue's page, read once at the start."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Final

from exchange.gateway.sockets.http import StaticFile

_PAGE: Final = Path(__file__).parent / "page"


def static_files() -> dict[str, StaticFile]:
    """The page at `/` and its parts."""
    files = {}
    for path in sorted(_PAGE.iterdir()):
        if path.suffix in (".html", ".js", ".css", ".svg"):
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            files[f"/{path.name}"] = StaticFile(f"{kind}; charset=utf-8", path.read_bytes())
    if "/index.html" in files:
        files["/"] = files["/index.html"]
    return files
