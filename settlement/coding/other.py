"""Chunks of other steps: plain, a field is a difference to that of the chunk's last step of its kind.

    runs: kind u8 · varint of how many steps of this kind follow (a run's kind is not its predecessor's)
    step: mask u8 of the fields that differ, in the kind's order (bit 0 first) · these, zigzag varints ·
          of a kind with a word but LISTING: length u8 of the word without zeros at its end, and these bytes ·
          of LISTING: its terms as 24 numbers of eight bytes, each a difference likewise

The word of a LISTING is the hash of its terms and not written.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from settlement.coding.limits import CHUNK_STEPS_MAX, DecodeError
from settlement.columns import BodyError, read_varint, unzigzag, varint, zigzag
from settlement.hashing import keccak
from settlement.stf.steps import KINDS, LISTING, SHAPES, TERMS_BYTES, Step, unpack

_FIELDS: Final = 8
"""classes, flags, instrument, first, second, ident, p, q: the bits of SHAPES; behind them the word."""
_WORD: Final = 1 << _FIELDS
_FORMATS: Final = (">B", ">H", ">I", ">I", ">I", ">Q", ">q", ">q")
_PLACES: Final = (1, 2, 4, 8, 12, 16, 24, 32)
_TERMS: Final = struct.Struct(">24Q")
_WORD_BYTES: Final = 32


def encode_steps(steps: Sequence[Step]) -> bytes:
    """A chunk's bytes. Raises ValueError for a step with fields its kind does not have, or wrong terms."""
    last = _Last()
    out: list[bytes] = []
    for kind, run in groupby(steps, key=lambda step: step.kind):
        of_run = list(run)
        out += [bytes((kind,)), varint(len(of_run))]
        for step in of_run:
            data = last.write(step)
            out.append(data)
    return b"".join(out)


def decode_steps(data: bytes, count: int) -> list[Step]:
    """The `count` steps of a chunk.

    Raises:
        DecodeError: not the bytes of so many steps.
    """
    if not 1 <= count <= CHUNK_STEPS_MAX:
        raise DecodeError(f"a chunk of {count} steps")
    last = _Last()
    steps: list[Step] = []
    at, before = 0, -1
    try:
        while len(steps) < count:
            kind = data[at]
            length, at = read_varint(data, at + 1)
            if not 1 <= length <= count - len(steps) or kind == before or kind >= KINDS:
                raise DecodeError(f"{length} steps of kind {kind}")
            for _ in range(length):
                step, at = last.read(kind, data, at)
                steps.append(step)
            before = kind
    except (BodyError, IndexError, struct.error) as error:
        raise DecodeError(f"a chunk's steps: {error}") from error
    if at != len(data):
        raise DecodeError("bytes behind a chunk's steps")
    return steps


def _fields(kind: int) -> list[int]:
    return [field for field in range(_FIELDS) if SHAPES[kind] >> field & 1]


class _Last:
    """The last step of every kind in this chunk."""

    def __init__(self) -> None:
        self.values: dict[int, list[int]] = {}
        self.terms: tuple[int, ...] = (0,) * 24

    def write(self, step: Step) -> bytes:
        """One step's bytes."""
        known = self.values.setdefault(step.kind, [0] * _FIELDS)
        changes = [zigzag(int(step[1 + field]) - known[field]) for field in _fields(step.kind)]
        has = SHAPES[step.kind]
        self.values[step.kind] = [int(step[1 + field]) if has >> field & 1 else 0 for field in range(_FIELDS)]
        mask = sum((change != 0) << place for place, change in enumerate(changes))
        out = bytes((mask,)) + b"".join(varint(change) for change in changes if change)
        if step.kind == LISTING:
            out += self._write_terms(step.payload)
        elif SHAPES[step.kind] & _WORD:
            stripped = step.word.rstrip(b"\0")
            out += bytes((len(stripped),)) + stripped
        if self.read(step.kind, out, 0, again=True)[0].pack() != step.pack():
            raise ValueError(f"a step that is not of its kind's shape: {step}")
        return out

    def read(self, kind: int, data: bytes, at: int, *, again: bool = False) -> tuple[Step, int]:
        """A step and the place behind it; `again`: only what `write` has just written."""
        known = list(self.values.get(kind, [0] * _FIELDS))
        fields, mask = _fields(kind), data[at]
        at += 1
        if mask >> len(fields):
            raise DecodeError(f"a step of kind {kind} with fields {mask:#x}")
        for place, field in enumerate(fields):
            if mask >> place & 1:
                change, at = read_varint(data, at)
                if change == 0:
                    raise DecodeError("a difference that is none")
                known[field] += 0 if again else unzigzag(change)
        self.values[kind] = known
        record = bytearray(64)
        record[0] = kind
        for field, value in enumerate(known):
            struct.pack_into(_FORMATS[field], record, _PLACES[field], value)
        if kind == LISTING:
            terms, at = self._read_terms(data, at, again)
            record[_WORD_BYTES:] = keccak(terms)
            return unpack(bytes(record), terms), at
        if SHAPES[kind] & _WORD:
            end = at + 1 + data[at]
            word = data[at + 1 : end]
            if end > len(data) or len(word) > _WORD_BYTES or word[-1:] == b"\0":
                raise DecodeError("a word that is not written like that")
            record[_WORD_BYTES : _WORD_BYTES + len(word)] = word
            at = end
        return unpack(bytes(record)), at

    def _write_terms(self, payload: bytes) -> bytes:
        if len(payload) != TERMS_BYTES:
            raise ValueError(f"terms of {len(payload)} bytes")
        before, self.terms = self.terms, _TERMS.unpack(payload)
        return b"".join(varint(zigzag(now - then)) for now, then in zip(self.terms, before, strict=True))

    def _read_terms(self, data: bytes, at: int, again: bool) -> tuple[bytes, int]:
        values = list(self.terms)
        for place in range(len(values)):
            change, at = read_varint(data, at)
            values[place] += 0 if again else unzigzag(change)
        self.terms = tuple(values)
        return _TERMS.pack(*values), at
