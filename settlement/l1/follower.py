"""Reads a chain's logs block by block and notices when blocks are taken back.

What was read up to is remembered as marks (number and hash). If a mark is no longer of the chain, the
follower goes back to the newest mark that is (or, if none is, to before the first block) and raises
L1Reorganised with its number: the reader forgets everything behind it and polls again. Nothing is lost or
seen twice by a reader that does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from settlement.l1.ethereum import Ethereum, Head, L1Reorganised, LogEntry
from settlement.l1.port import L1Unavailable

MAX_REORG_BLOCKS: Final = 64
BLOCKS_PER_POLL: Final = 1_000


class Mark(NamedTuple):
    """A block that was read to."""

    number: int
    hash: bytes


class Passage(NamedTuple):
    """What a poll found: logs of blocks first…last. last < first: nothing new."""

    first: int
    last: int
    logs: tuple[LogEntry, ...]


class Follower:
    """Follows the logs of some contracts, `confirmations` blocks behind the head (1: with it)."""

    def __init__(
        self, ethereum: Ethereum, addresses: Sequence[bytes], *, marks: Sequence[Mark] = (),
        first_block: int = 0, confirmations: int = 1,
    ) -> None:  # fmt: skip
        """Begin behind the last of `marks`, kept from before, or with `first_block`."""
        self._ethereum = ethereum
        self._addresses = tuple(addresses)
        self._first_block = first_block
        self._confirmations = max(1, confirmations)
        self._marks: list[Mark] = list(marks)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """How far it has read, the newest last: to be kept with what was read."""
        return tuple(self._marks)

    def poll(self) -> Passage:
        """What is new. Raises L1Reorganised or L1Unavailable."""
        self._check_marks()
        first = self._marks[-1].number + 1 if self._marks else self._first_block
        # A mark must stay near enough to the last for a reorganisation to find it again.
        head = self._ethereum.head().number - self._confirmations + 1
        near_head = head - MAX_REORG_BLOCKS
        last = min(head, first + BLOCKS_PER_POLL - 1 if first <= near_head else head)
        if first <= near_head < last:
            last = near_head
        if last < first:
            return Passage(first, first - 1, ())
        end = self._ethereum.block(last)
        if end is None:
            raise L1Unavailable(f"block {last} is gone")
        logs = self._ethereum.logs(first, last, self._addresses)
        again = self._ethereum.block(last)
        if again is None or again.hash != end.hash or any(_is_stray(entry, end) for entry in logs):
            raise L1Unavailable("the chain moved while it was read")
        self._remember(Mark(last, end.hash))
        return Passage(first, last, tuple(logs))

    def _remember(self, mark: Mark) -> None:
        self._marks.append(mark)
        while len(self._marks) > 2 and self._marks[1].number <= mark.number - MAX_REORG_BLOCKS:
            del self._marks[0]

    def _check_marks(self) -> None:
        reorganised = False
        while self._marks:
            mark = self._marks[-1]
            found = self._ethereum.block(mark.number)
            if found is not None and found.hash == mark.hash:
                break
            reorganised = True
            del self._marks[-1]
        if not reorganised:
            return
        raise L1Reorganised(self._marks[-1].number if self._marks else self._first_block - 1)


def _is_stray(entry: LogEntry, end: Head) -> bool:
    """Whether a log of the passage's last block is one of another branch."""
    return entry.block == end.number and entry.block_hash != end.hash
