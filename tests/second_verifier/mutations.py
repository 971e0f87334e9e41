"""Steps that are not what a day holds: other fields, other bytes, steps of another hour."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.second_verifier.hashing import keccak
from tests.second_verifier.state import fits
from tests.second_verifier.step import FIELDS, LISTING, WITH_WORD, Step

BITS = {"classes": 8, "flags": 16, "instrument": 32, "first": 32, "second": 32, "ident": 64, "p": 64, "q": 64}
EXTREMES = (0, 1, 2, 3, 63, 64, 255, 1 << 28, (1 << 32) - 1, 1 << 42, (1 << 63) - 1, -1, -(1 << 63))

Raw = tuple[bytes, bytes]
"""A step's 64 bytes, and a listing's terms."""


class Mutations:
    """Seeded: the same seed and day make the same."""

    def __init__(self, seed: int, day: Sequence[Raw]) -> None:
        self.rng = random.Random(seed)
        self.day = day
        self.seen = {name: sorted({getattr(Step.read(*raw), name) for raw in day}) for name in FIELDS}

    def of(self, raw: Raw) -> Raw:
        """Something like a step of the day, or another one of it."""
        kind = self.rng.random()
        if kind < 0.15:
            raw = self.rng.choice(self.day)
            return raw if self.rng.random() < 0.5 else self._other_field(raw)
        if kind < 0.25:
            return self._other_bytes(raw)
        if raw[1] and kind < 0.7:
            return self._other_terms(raw)
        return self._other_field(raw)

    def _other_bytes(self, raw: Raw) -> Raw:
        data = bytearray(raw[0])
        data[self.rng.randrange(64)] ^= 1 << self.rng.randrange(8)
        return bytes(data), raw[1]

    def _other_terms(self, raw: Raw) -> Raw:
        terms, at = bytearray(raw[1]), self.rng.randrange(24) * 8
        if self.rng.random() < 0.5:
            terms[at + self.rng.randrange(8)] ^= 1 << self.rng.randrange(8)
        else:
            terms[at : at + 8] = self.rng.choice((0, 1, 2, 1 << 40, (1 << 40) + 1)).to_bytes(8, "big")
        return raw[0][:32] + keccak(bytes(terms)), bytes(terms)

    def _other_field(self, raw: Raw) -> Raw:
        step = Step.read(*raw)
        name = self.rng.choice([name for name in FIELDS if name != "q" or step.kind not in WITH_WORD])
        value = getattr(step, name)
        near = (value + 1, value - 1, -value, 2 * value)
        value = self.rng.choice(
            (*near, *near, *self.rng.sample(EXTREMES, 3), self.rng.choice(self.seen[name]))
        )
        if not fits(value, BITS[name], signed=name in "pq"):
            value = 0
        setattr(step, name, value)
        return step.pack(), raw[1] if step.kind == LISTING else b""
