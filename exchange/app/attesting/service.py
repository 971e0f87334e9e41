"""The attestor's turns: what came from the segments, what was asked, what is due. No process, no socket."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from exchange.app.attesting.attestor import Attestor
from exchange.app.attesting.batches import Batch
from exchange.app.attesting.files import pack_block
from exchange.app.attesting.finding import Finder
from exchange.app.attesting.talk import Answer, Ask, Block, Durable, Hello, Look, Message

SYNC_MS: Final = 5_000
HELLO_BLOCKS: Final = 1_000
MUCH_BYTES: Final = 1 << 18
"""So many bytes of events in one step: there may be more at once."""
WAITING_MAX: Final = 65_536


class Background(Protocol):
    """One piece of work at a time, away from the turns."""

    def start(self, work: Callable[[], None]) -> None:
        """Begin it."""

    def over(self, *, wait: bool = False) -> bool:
        """Whether none is under way. Raises what the last one raised."""


class Service:
    """`send` is told what the venue is to hear; `now_us` is the clock of `talk.Durable`."""

    def __init__(
        self,
        attestor: Attestor,
        finder: Finder,
        now_us: Callable[[], int],
        send: Callable[[Message], None],
        background: Background,
    ) -> None:
        self._attestor = attestor
        self._finder = finder
        self._now_us = now_us
        self._send = send
        self._background = background
        self._waiting: list[tuple[int, int]] = []  # (seq, number), a heap
        self._released: deque[tuple[int, int]] = deque()  # last sequence, when: handed over, not signed
        self._delays_us: list[int] = []  # since the last block
        self._synced_ms = 0
        self._trimmed = True

    def greet(self, signer: bytes) -> None:
        """Say who signs, and what was published last."""
        domain, blocks = self._attestor.domain, self._attestor.blocks
        newest = [blocks[at] for at in range(max(0, len(blocks) - HELLO_BLOCKS), len(blocks))]
        self._send(Hello(signer, domain.chain_id, domain.contract, [pack_block(block) for block in newest]))

    def hear(self, message: Message) -> None:
        """What the venue says; a receipt that is wanted is answered in the turn in which it is there."""
        match message:
            case Durable(first_seq, count, commands, events, released_us):
                self._attestor.source.offer(Batch(first_seq, count, commands, events))
                self._released.append((first_seq + count - 1, released_us))
            case Look():
                self._attestor.source.look()
            case Ask(number, seq) if len(self._waiting) < WAITING_MAX:
                heapq.heappush(self._waiting, (seq, number))
            case Ask(number):
                self._send(Answer(number))

    def turn(self) -> None:
        """One turn. Raises as `Attestor.step`, `Finder.find`."""
        taken = 0
        while (step := self._attestor.step()) > 0:
            taken += step
            self._finder.keep(self._attestor.recent, self._attestor.recent_signed)
            if step < MUCH_BYTES:
                break
        now_us = self._now_us()
        self._answer()
        self._measure(now_us)
        now_ms = now_us // 1_000
        block = self._attestor.close_block(now_ms)
        if block is not None:
            self._send(Block(pack_block(block), self._delays_us))
            self._delays_us = []
        self._keep(now_ms)

    def finish(self) -> None:
        """Take what is still there and make all of it durable. Raises as `turn`."""
        self._attestor.source.look()  # the end of what was handed over may not have come
        while self._attestor.step():
            pass
        self._background.over(wait=True)
        self._attestor.sync()

    def _answer(self) -> None:
        signed_seq = self._attestor.signed_seq
        while self._waiting and self._waiting[0][0] <= signed_seq:
            seq, number = heapq.heappop(self._waiting)
            found = self._finder.find(seq)
            self._send(Answer(number) if found is None else Answer(number, *found))

    def _measure(self, now_us: int) -> None:
        signed_seq = self._attestor.signed_seq
        while self._released and self._released[0][0] <= signed_seq:
            self._delays_us.append(now_us - self._released.popleft()[1])

    def _keep(self, now_ms: int) -> None:
        """Now and then make the files durable, beside the turns, and then forget what is old."""
        if not self._background.over():
            return
        if not self._trimmed:
            self._trimmed = True
            self._attestor.trim()
        if now_ms - self._synced_ms >= SYNC_MS:
            self._synced_ms, self._trimmed = now_ms, False
            self._background.start(self._attestor.durable())
