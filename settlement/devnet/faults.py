"""Switches that make the node misbehave the ways L1s and their nodes do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

MAX_CENSORED: Final = 64
MAX_MS: Final = 86_400_000


@dataclass(slots=True)
class Faults:
    """All off at first. Counts go down with each use; the rest stays until set again."""

    fail: bool = False  # every request is answered with an error
    lose_replies: int = 0  # so many requests take effect and are not answered
    drop: int = 0  # so many transactions are acknowledged and forgotten
    hide_receipts: int = 0  # so many questions for a receipt are answered: none
    duplicate_logs: bool = False  # every log is told twice
    hold: bool = False  # no blocks
    slow_ms: int = 0  # a transaction waits at least so long for its block
    delay_ms: int = 0  # a reply over HTTP comes so much later
    base_fee_floor_wei: int = 0  # blocks are not cheaper
    blob_base_fee_floor_wei: int = 0
    censor: list[str] = field(default_factory=list)  # addresses whose transactions stay out of blocks

    def set(self, given: Mapping[str, Any]) -> None:
        """Set those named, all or none. Raises ValueError for an unknown name or a wrong value."""
        known = {item.name: item.type for item in fields(self)}
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"unknown fault {name!r}; known are {', '.join(known)}")
            _check(name, known[name], value)
        for name, value in given.items():
            setattr(self, name, value)

    def take(self, name: str) -> bool:
        """Use up one of a counted fault; whether there was one."""
        left = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return bool(left > 0)

    def censored(self) -> frozenset[bytes]:
        """The addresses as bytes."""
        return frozenset(bytes.fromhex(address[2:]) for address in self.censor)


def _check(name: str, kind: object, value: object) -> None:
    if kind == "bool":
        good = isinstance(value, bool)
    elif kind == "int":
        most = MAX_MS if name.endswith("_ms") else 1 << 64
        good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
    else:
        good = isinstance(value, list) and len(value) <= MAX_CENSORED and all(map(_is_address, value))
    if not good:
        raise ValueError(f"{name}: {value!r:.100} is not a value for it")


def _is_address(text: object) -> bool:
    if not isinstance(text, str) or len(text) != 42 or not text.startswith("0x"):
        return False
    try:
        return len(bytes.fromhex(text[2:])) == 20
    except ValueError:
        return False
