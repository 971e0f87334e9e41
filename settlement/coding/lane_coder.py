"""The range coder of `coder` over many chunks at once: a chunk is a lane, a column's row a step of all lanes.

Lanes that have no symbol in a step take the null row's, or one of one: neither moves a state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from settlement.coding.coder import MASK, TOTAL, TOTAL_BITS, head_bytes
from settlement.coding.limits import DecodeError
from settlement.coding.tables import Flat

Ints = NDArray[np.int64]
_SHIFT: Final = np.int64(TOTAL_BITS)
_MASK: Final = np.int64(MASK)
_TOTAL: Final = np.int64(TOTAL)


class LaneTaker:
    """Takes symbols from all lanes. Steps are the first axis of every matrix, lanes the second."""

    def __init__(self, chunks: Sequence[bytes], flat: Flat) -> None:
        heads = [head_bytes(len(data)) for data in chunks]
        if any(data and data[0] == 0 for data in chunks):
            raise DecodeError("a chunk's first state is not shortest")
        firsts = [int.from_bytes(data[:head], "big") for data, head in zip(chunks, heads, strict=True)]
        self.x = np.array(firsts, np.int64)
        rest = b"".join(data[head:] for data, head in zip(chunks, heads, strict=True))
        self.words = np.frombuffer(rest + b"\0\0", ">u2").astype(np.int64)
        counts = [(len(data) - head) // 2 for data, head in zip(chunks, heads, strict=True)]
        self.end = np.cumsum(np.array(counts, np.int64))
        self.at = self.end - counts
        self.starts = flat.starts
        self.edges = flat.edges
        # One place on, so that what searchsorted finds needs no correction.
        self.edge = np.concatenate(([0], flat.edges))
        self.frequency = np.concatenate(([0], flat.frequency))

    def tables(self, rows: Ints) -> Ints:
        """A symbol of each row of a matrix of row numbers."""
        bases = rows << _SHIFT
        places = np.empty_like(rows)
        edges, edge, frequency = self.edges, self.edge, self.frequency
        x = self.x
        for step, base in enumerate(bases):
            key = base + (x & _MASK)
            place = edges.searchsorted(key, "right")
            places[step] = place
            x >>= _SHIFT
            x *= frequency[place]
            x += key
            x -= edge[place]
            x = self._refilled(x)
        self.x = x
        return places - 1 - self.starts[rows]

    def uniforms(self, counts: Ints) -> Ints:
        """One of as many symbols, for a matrix of counts (1 … 65,536)."""
        found = np.zeros_like(counts)
        for step in np.flatnonzero((counts > 1).any(axis=1)).tolist():
            found[step] = self._uniform(counts[step])
        return found

    def bits(self, counts: Ints) -> Ints:
        """Numbers of 0 … 64 bits (two's complement), step after step, as `coder.Taker.bits` reads them."""
        found = np.zeros_like(counts)
        for step in np.flatnonzero(counts.any(axis=1)).tolist():
            left = counts[step].copy()
            value = found[step]
            while left.any():
                width = np.where(left > 0, (left - 1) % TOTAL_BITS + 1, 0)
                value = value << width | self._uniform(np.int64(1) << width)
                left -= width
            found[step] = value
        return found

    def remainders(self, counts: Ints) -> Ints:
        """One of as many out of what the states are at the end: the last step's first."""
        found = np.zeros_like(counts)
        for step in range(len(counts) - 1, -1, -1):
            if (counts[step] > 1).any():
                self.x, found[step] = np.divmod(self.x, counts[step])
        return found

    def must_be_finished(self) -> None:
        """Everything must have been read, in every lane."""
        if self.x.any() or (self.at != self.end).any():
            raise DecodeError("a chunk does not end where its steps do")

    def _uniform(self, count: Ints) -> Ints:
        slot = self.x & _MASK
        index = ((slot + 1) * count - 1) >> _SHIFT
        cumulative = (index << _SHIFT) // count
        frequency = ((index + 1) << _SHIFT) // count - cumulative
        self.x = self._refilled(frequency * (self.x >> _SHIFT) + slot - cumulative)
        return index

    def _refilled(self, x: Ints) -> Ints:
        short = (x < _TOTAL) & (self.at < self.end)
        x = np.where(short, x << _SHIFT | self.words[self.at], x)
        self.at += short
        return x


class LanePutter:
    """Gathers (cumulative, frequency) of all lanes' symbols, step by step, then writes every lane's bytes."""

    def __init__(self, flat: Flat) -> None:
        self.flat = flat
        self.cumulative: list[Ints] = []
        self.frequency: list[Ints] = []

    def tables(self, rows: Ints, symbols: Ints) -> None:
        """Symbols of rows. Raises ValueError where a row has no slot for its symbol."""
        places = self.flat.starts[rows] + symbols
        frequency = self.flat.frequency[places]
        if (frequency == 0).any():
            raise ValueError("a symbol has no slots in these tables")
        self.cumulative.extend(self.flat.edges[places] & _MASK)
        self.frequency.extend(frequency)

    def uniforms(self, counts: Ints, indexes: Ints) -> None:
        """One of as many, for matrices of counts and indexes."""
        cumulative = (indexes << _SHIFT) // counts
        frequency = ((indexes + 1) << _SHIFT) // counts - cumulative
        steps = np.flatnonzero((counts > 1).any(axis=1))
        self.cumulative.extend(cumulative[steps])
        self.frequency.extend(frequency[steps])

    def bits(self, counts: Ints, values: Ints) -> None:
        """Numbers of 0 … 64 bits."""
        for step in np.flatnonzero(counts.any(axis=1)).tolist():
            left = counts[step].copy()
            while left.any():
                width = np.where(left > 0, (left - 1) % TOTAL_BITS + 1, 0)
                left -= width
                part = values[step] >> left & (np.int64(1) << width) - 1
                self.uniforms((np.int64(1) << width)[None], part[None])

    def finish(self, remainders: Ints) -> list[bytes]:
        """Every lane's bytes, given what its state is at the end."""
        lanes = len(remainders)
        x = remainders.copy()
        steps = len(self.cumulative)
        words = np.empty((steps, lanes), ">u2")
        written = np.empty((steps, lanes), np.bool_)
        for step in range(steps - 1, -1, -1):
            cumulative, frequency = self.cumulative[step], self.frequency[step]
            words[step] = x & _MASK
            full = x >= frequency << _SHIFT
            written[step] = full
            x = np.where(full, x >> _SHIFT, x)
            high = x // frequency
            x += (high << _SHIFT) - high * frequency + cumulative
        return [
            head.to_bytes((head.bit_length() + 7) // 8, "big") + words[:, lane][written[:, lane]].tobytes()
            for lane, head in enumerate(x.tolist())
        ]
