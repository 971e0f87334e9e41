"""The attestor's turns: what came from the segments, what was asked, what is due. No process, no socket."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

from exchange.app.attesting.attestor import Attestor
from exchange.app.attesting.files import pack_block
from exchange.app.attesting.finding import Finder
from exchange.app.attesting.talk import Answer, Ask, Block, Hello, Message

SYNC_MS: Final = 5_000
HELLO_BLOCKS: Final = 1_000
MUCH_BYTES: Final = 1 << 18
"""So many bytes of events in one step: there may be more at once."""
WAITING_MAX: Final = 65_536


class Service:
    """`send` is told what the venue is to hear; `now_ms` is a clock that never steps back."""

    def __init__(
        self,
        attestor: Attestor,
        finder: Finder,
        now_ms: Callable[[], int],
        send: Callable[[Message], None],
    ) -> None:
        self._attestor = attestor
        self._finder = finder
        self._now_ms = now_ms
        self._send = send
        self._waiting: list[tuple[int, int]] = []  # (seq, number), a heap
        self._synced_ms = 0

    def greet(self, signer: bytes) -> None:
        """Say who signs, and what was published last."""
        domain, blocks = self._attestor.domain, self._attestor.blocks
        newest = [blocks[at] for at in range(max(0, len(blocks) - HELLO_BLOCKS), len(blocks))]
        self._send(Hello(signer, domain.chain_id, domain.contract, [pack_block(block) for block in newest]))

    def ask(self, ask: Ask) -> None:
        """A receipt is wanted; it is answered in the turn in which it is there."""
        if len(self._waiting) >= WAITING_MAX:
            self._send(Answer(ask.number))
        else:
            heapq.heappush(self._waiting, (ask.seq, ask.number))

    def turn(self) -> bool:
        """One turn; whether anything was there to be signed. Raises as `Attestor.step`, `Finder.find`."""
        taken = 0
        while (step := self._attestor.step()) > 0:
            taken += step
            self._finder.keep(self._attestor.recent, self._attestor.recent_signed)
            if step < MUCH_BYTES:
                break
        self._answer()
        now_ms = self._now_ms()
        block = self._attestor.close_block(now_ms)
        if block is not None:
            self._send(Block(pack_block(block)))
        if now_ms - self._synced_ms >= SYNC_MS:
            self._synced_ms = now_ms
            self._attestor.sync()
        return taken > 0

    def finish(self) -> None:
        """Take what is still there and make all of it durable. Raises as `turn`."""
        while self._attestor.step():
            pass
        self._attestor.sync()

    def _answer(self) -> None:
        signed_seq = self._attestor.signed_seq
        while self._waiting and self._waiting[0][0] <= signed_seq:
            seq, number = heapq.heappop(self._waiting)
            found = self._finder.find(seq)
            self._send(Answer(number) if found is None else Answer(number, *found))
