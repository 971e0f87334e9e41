"""Labels: strings the core knows only as numbers.

A string (order label, quote id, quote-set id) becomes an id per account. The LABEL side record that
names it is sequenced before the first command that uses it, so replay meets it first; the snapshot
carries the table of what is still in use.

Ids of an account grow and are never reused: the highest one stays in the table even when nothing
refers to it any more, and so survives the snapshot as the counter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain import commands
from exchange.domain import records as r
from exchange.domain.limits import MAX_LABEL_BYTES

# An account with more labels than this is swept before it gets another.
SWEEP_AT: Final = 8_192
RECENT: Final = 2_048

_section: Final = msgspec.msgpack.Decoder(dict[int, dict[int, str]])
_LABEL_HEAD: Final = struct.Struct("<BBHIIIQII")


class LabelError(ValueError):
    """A label of no or too many bytes."""


class _Table:
    """The labels of one account."""

    __slots__ = ("highest", "ids", "sweep_at", "texts")

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.texts: dict[int, str] = {}
        self.highest = 0
        self.sweep_at = SWEEP_AT

    def put(self, label: int, text: str) -> None:
        self.ids[text] = label
        self.texts[label] = text
        self.highest = max(self.highest, label)


class Labels:
    """All accounts' label tables."""

    def __init__(self) -> None:
        self._tables: dict[int, _Table] = {}

    def intern(self, account: int, text: str) -> tuple[int, bytes | None]:
        """(id, LABEL command to sequence first, or None if the label is known).

        Raises:
            LabelError: empty, or more than `MAX_LABEL_BYTES` bytes of UTF-8.
        """
        table = self._tables.get(account)
        if table is None:
            table = self._tables[account] = _Table()
        known = table.ids.get(text)
        if known is not None:
            return known, None
        if not 1 <= len(text.encode(errors="replace")) <= MAX_LABEL_BYTES:
            raise LabelError(f"a label has 1 to {MAX_LABEL_BYTES} bytes")
        label = table.highest + 1
        try:
            command = commands.label(account, label, text)
        except UnicodeEncodeError as error:
            raise LabelError("a label is valid UTF-8") from error
        table.put(label, text)
        return label, command

    def forget(self, account: int, label: int) -> None:
        """Take back an `intern` whose command was not sequenced after all."""
        table = self._tables[account]
        del table.ids[table.texts.pop(label)]

    def find(self, account: int, text: str) -> int:
        """The id of a label the account has used, or 0."""
        table = self._tables.get(account)
        return table.ids.get(text, 0) if table is not None else 0

    def text(self, account: int, label: int) -> str:
        """The string behind an id; empty for 0 and for a label that was dropped."""
        if label == 0:
            return ""
        table = self._tables.get(account)
        return table.texts.get(label, "") if table is not None else ""

    def needs_sweep(self, account: int) -> bool:
        """Whether the account has so many labels that unused ones should go."""
        table = self._tables.get(account)
        return table is not None and len(table.texts) >= table.sweep_at

    def keep_only(self, account: int, used: Iterable[int]) -> int:
        """Drop the account's labels outside `used`. Returns how many went.

        The highest id stays, and so do the last `RECENT`: commands on their way may use them.
        """
        table = self._tables.get(account)
        if table is None:
            return 0
        kept = set(used)
        oldest = table.highest - RECENT
        gone = [label for label in table.texts if label <= oldest and label not in kept]
        for label in gone:
            del table.ids[table.texts.pop(label)]
        # Where most are in use, a sweep at every further label would be quadratic.
        table.sweep_at = max(SWEEP_AT, 2 * len(table.texts))
        return len(gone)

    def replay(self, batch: bytes) -> None:
        """Take the LABEL records out of a batch of packed commands (recovery)."""
        at = 0
        end = len(batch)
        while at < end:
            kind, _, units, _, account, _, length, _, label = _LABEL_HEAD.unpack_from(batch, at)
            if units == 0:
                raise ValueError(f"record at byte {at} has no units")
            if kind == r.LABEL:
                start = at + r.UNIT_BYTES
                self.put(account, label, batch[start : start + length].decode())
            at += units * r.UNIT_BYTES

    @classmethod
    def from_journal(cls, section: bytes, records: Iterable[tuple[int, int, str]]) -> Labels:
        """The tables of a snapshot's section (b"" without one) and the records behind it.

        Raises:
            msgspec.MsgspecError: the section is none.
        """
        labels = cls()
        if section:
            labels.restore(_section.decode(section))
        for account, label, text in records:
            labels.put(account, label, text)
        return labels

    def pack(self) -> bytes:
        """The snapshot's label section as bytes."""
        return msgspec.msgpack.encode(self.section())

    @property
    def accounts(self) -> list[int]:
        """Accounts with labels."""
        return list(self._tables)

    def section(self) -> dict[int, dict[int, str]]:
        """The snapshot's label section: account, label id, text."""
        return {account: dict(table.texts) for account, table in self._tables.items() if table.texts}

    def restore(self, section: Mapping[int, Mapping[int, str]]) -> None:
        """Load a snapshot's label section into empty tables."""
        for account, texts in section.items():
            for label, text in texts.items():
                self.put(account, label, text)

    def put(self, account: int, label: int, text: str) -> None:
        """Take a label from a snapshot or the journal."""
        table = self._tables.get(account)
        if table is None:
            table = self._tables[account] = _Table()
        table.put(label, text)


def open_labels(engine: Engine, account: int) -> set[int]:
    """Label ids that the account's open orders refer to."""
    packed = queries.open_orders(engine, account)
    found: set[int] = set()
    at = 0
    while at < len(packed):
        found.add(int.from_bytes(packed[at + 80 : at + 84], "little"))
        at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
    return found


def label_section(section: bytes, records: Iterable[tuple[int, int, str]], engine: Engine) -> bytes:
    """The label section of a snapshot of `engine`: what was known before and came since, without what
    no open order refers to (recent labels stay, see `Labels.keep_only`)."""
    labels = Labels.from_journal(section, records)
    for account in labels.accounts:
        labels.keep_only(account, open_labels(engine, account))
    return labels.pack()
