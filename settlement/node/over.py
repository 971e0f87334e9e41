"""Which of the things that are numbered on the L1 need no look any more, whatever blocks are taken back."""

from __future__ import annotations

from collections import deque

from settlement.l1.ethereum import Head
from settlement.l1.follower import MAX_REORG_BLOCKS


class Over:
    """`through`: up to this number everything was over so long ago that no reorganisation brings it back."""

    def __init__(self) -> None:
        self.through = 0
        self._later: deque[tuple[int, int]] = deque()  # (block, up to which number all was over then)

    def look(self, at: Head, through: int) -> None:
        """Up to `through` everything is over as of this block."""
        self._later.append((at.number, through))
        while self._later[0][0] <= at.number - MAX_REORG_BLOCKS:
            self.through = self._later.popleft()[1]
