"""What a hostile or broken client sends: good commands spoiled, bad marks, bytes at random."""

from __future__ import annotations

import random
import struct

from exchange.domain import commands as c
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands import Mark
from tests.reference.world import World

# A flipped bit in these would end the stream's story (time, feed and deposit numbers never fall; a
# settlement price moves all the money): their reserved parts only are spoiled.
FRAGILE = frozenset((r.TIME, r.MARKS, r.DEPOSIT, r.FUNDING, r.SETTLE_PERPETUAL, r.DELIVER))
EXTREMES = (0, 1, -1, limits.I64_MAX, -(1 << 63), 1 << 40, 1 << 62, limits.MAX_ORDER_LOTS)


class Hostile:
    """Spoils commands without breaking the batch's framing."""

    def __init__(self, rng: random.Random, fragile: frozenset[int] = FRAGILE) -> None:
        self.rng = rng
        self.fragile = fragile

    def spoil(self, command: bytes) -> bytes:
        """A damaged copy of a command, its unit count still true."""
        rng = self.rng
        kind = rng.random()
        raw = bytearray(command)
        if kind < 0.15:
            return self.noise()
        if kind < 0.3:
            return self._resized(command)
        if kind < 0.4:
            raw[1] = rng.choice((0, 2, 255))
        elif raw[0] in self.fragile:
            self._spoil_reserved(raw)
        elif kind < 0.75:
            at = rng.choice((0, *range(4, len(raw))))
            raw[at] ^= 1 << rng.getrandbits(3)
            if raw[0] in self.fragile:
                raw[0] = command[0]
        elif len(raw) > 32:
            struct.pack_into("<q", raw, 32 + 8 * rng.randrange(len(raw) // 8 - 4), rng.choice(EXTREMES))
        return bytes(raw)

    def noise(self) -> bytes:
        """One to four units of noise under a likely type."""
        rng = self.rng
        units = rng.randrange(1, 5)
        raw = bytearray(rng.randbytes(units * 32))
        raw[0] = rng.choice((rng.getrandbits(8), r.NEW_ORDER, r.AMEND, r.CANCEL, r.MASS_QUOTE, r.LABEL))
        if raw[0] in self.fragile:
            raw[0] = 0
        raw[1] = 1
        raw[2:4] = units.to_bytes(2, "little")
        if rng.random() < 0.7:
            raw[4:16] = struct.pack("<III", rng.getrandbits(2), limits.FIRST_USER_ACCOUNT, 0)
        return bytes(raw)

    def _resized(self, command: bytes) -> bytes:
        units = max(1, len(command) // 32 + self.rng.choice((-1, 1)))
        raw = bytearray(command.ljust(units * 32, b"\0")[: units * 32])
        raw[2:4] = units.to_bytes(2, "little")
        return bytes(raw)

    def _spoil_reserved(self, raw: bytearray) -> None:
        at = self.rng.choice((4, 5, 6, 7, 48, 55, 56, 63)[: 8 if len(raw) >= 64 else 4])
        raw[at] |= 1 << self.rng.getrandbits(3)

    def bad_marks(self, index: int, units: list[Mark], world: World) -> tuple[int, list[Mark]]:
        """A marks block with something wrong in it."""
        rng = self.rng
        if not units or rng.random() < 0.2:
            return rng.choice((0, -1, limits.MAX_PRICE_MICRO + 1)), units
        n = rng.randrange(len(units))
        ended = [i.id for i in world.instruments if i.state >= r.STATE_DELISTED]
        change: dict[str, int] = rng.choice(
            (
                {"instrument": 9_999},
                {"instrument": rng.randrange(len(world.instruments))},
                {"instrument": rng.choice(ended) if ended else 9_999},
                {"mark_micro": -1},
                {"mark_micro": limits.MAX_PRICE_MICRO},
                {"forward_micro": 0},
                {"forward_micro": limits.I64_MAX},
                {"delta_e9": 10**9 + 1},
                {"delta_e9": -(1 << 31)},
                {"vega_micro": -1},
                {"vega_micro": limits.MAX_VEGA_MICRO + 1},
            )
        )
        return index, [*units[:n], c.Mark(**{**units[n]._asdict(), **change}), *units[n + 1 :]]
