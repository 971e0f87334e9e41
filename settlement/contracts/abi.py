"""The contract ABI of Ethereum, as far as our contracts use it: words, bytes, strings, arrays and tuples.

Types are their names: `uint256`, `int128`, `bytes32`, `address`, `bool`, `bytes`, `string`, `T[]`, `T[3]`,
`(T,U)`. Values are Python's: integers, bool, bytes (an address is 20 of them), str, sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from settlement.hashing import keccak

WORD: Final = 32


class AbiError(ValueError):
    """A value that is not of its type, or bytes that are no encoding."""


class Type(NamedTuple):
    """A parsed type: `name` of an elementary one, `[]` of an array, `()` of a tuple."""

    name: str
    bits: int = 0
    parts: tuple[Type, ...] = ()
    length: int | None = None
    """Of an array, None where it varies."""

    @property
    def is_dynamic(self) -> bool:
        """Whether an encoding holds an offset to it instead of itself."""
        if self.name in ("bytes", "string"):
            return self.bits == 0
        if self.name == "[]":
            return self.length is None or self.parts[0].is_dynamic
        return any(part.is_dynamic for part in self.parts)

    @property
    def head_bytes(self) -> int:
        """What it takes of the head of what it stands in."""
        if self.is_dynamic:
            return WORD
        if self.name == "[]":
            return (self.length or 0) * self.parts[0].head_bytes
        return sum(part.head_bytes for part in self.parts) if self.name == "()" else WORD


def split_types(text: str) -> list[str]:
    """The comma-separated types of a list, brackets respected."""
    found: list[str] = []
    depth = start = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append(text[start:at])
            start = at + 1
    return [*found, text[start:]] if text else []


@cache
def parse(text: str) -> Type:
    """The type of that name. Raises AbiError for one that is none."""
    if text.endswith("]"):
        inner, _, length = text[:-1].rpartition("[")
        return Type("[]", parts=(parse(inner),), length=int(length) if length else None)
    if text.startswith("(") and text.endswith(")"):
        return Type("()", parts=tuple(parse(part) for part in split_types(text[1:-1])))
    name = text.rstrip("0123456789")
    bits = int(text[len(name) :] or 0)
    wanted = {"uint": bits % 8 == 0 and 8 <= bits <= 256, "bytes": 0 <= bits <= 32}
    wanted |= {"int": wanted["uint"], "string": bits == 0, "address": bits == 0, "bool": bits == 0}
    if not wanted.get(name, False):
        raise AbiError(f"no type {text!r}")
    return Type(name, bits)


def selector(signature: str) -> bytes:
    """The four bytes a call of `name(types)` begins with."""
    return keccak(signature.encode())[:4]


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """The values, as arguments are encoded. Raises AbiError."""
    return _encode_parts([parse(each) for each in types], values)


def encode_call(signature: str, values: Sequence[Any] = ()) -> bytes:
    """The data of a call of `name(types)`. Raises AbiError."""
    types = split_types(signature[signature.index("(") + 1 : -1])
    return selector(signature) + encode(types, values)


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """The inverse of `encode`; bytes behind what is read are not looked at. Raises AbiError."""
    return tuple(_decode_parts([parse(each) for each in types], data, 0))


def _encode_parts(types: Sequence[Type], values: Sequence[Any]) -> bytes:
    if len(types) != len(values):
        raise AbiError(f"{len(values)} values for {len(types)} types")
    heads: list[bytes] = []
    tails: list[bytes] = []
    at = sum(each.head_bytes for each in types)
    for each, value in zip(types, values, strict=True):
        encoded = _encode_one(each, value)
        if each.is_dynamic:
            heads.append(at.to_bytes(WORD, "big"))
            tails.append(encoded)
            at += len(encoded)
        else:
            heads.append(encoded)
    return b"".join(heads + tails)


def _encode_one(kind: Type, value: Any) -> bytes:
    if kind.name == "[]":
        if kind.length is not None and len(value) != kind.length:
            raise AbiError(f"{len(value)} elements for {kind.length}")
        length = b"" if kind.length is not None else len(value).to_bytes(WORD, "big")
        return length + _encode_parts([kind.parts[0]] * len(value), value)
    if kind.name == "()":
        return _encode_parts(kind.parts, value)
    if kind.name in ("bytes", "string", "address"):
        return _encode_bytes(kind, value.encode() if isinstance(value, str) else bytes(value))
    bits = 1 if kind.name == "bool" else kind.bits - (kind.name == "int")
    low = -(1 << bits) if kind.name == "int" else 0
    if not low <= int(value) < 1 << bits:
        raise AbiError(f"{value} is no {kind.name}{kind.bits or ''}")
    return int(value).to_bytes(WORD, "big", signed=kind.name == "int")


def _encode_bytes(kind: Type, raw: bytes) -> bytes:
    if kind.name == "address":
        if len(raw) != 20:
            raise AbiError(f"an address of {len(raw)} bytes")
        return raw.rjust(WORD, b"\0")
    if kind.bits:
        if len(raw) != kind.bits:
            raise AbiError(f"{len(raw)} bytes for bytes{kind.bits}")
        return raw.ljust(WORD, b"\0")
    return len(raw).to_bytes(WORD, "big") + raw + bytes(-len(raw) % WORD)


def _word(data: bytes, at: int) -> bytes:
    if at + WORD > len(data):
        raise AbiError(f"no word at byte {at} of {len(data)}")
    return data[at : at + WORD]


def _decode_parts(types: Sequence[Type], data: bytes, base: int) -> list[Any]:
    found: list[Any] = []
    at = base
    for each in types:
        where = base + int.from_bytes(_word(data, at), "big") if each.is_dynamic else at
        found.append(_decode_one(each, data, where))
        at += each.head_bytes
    return found


def _decode_one(kind: Type, data: bytes, at: int) -> Any:
    if kind.name == "[]":
        count = kind.length
        if count is None:
            count = int.from_bytes(_word(data, at), "big")
            at += WORD
        if count * max(kind.parts[0].head_bytes, 1) > len(data):
            raise AbiError(f"{count} elements in {len(data)} bytes")
        return _decode_parts([kind.parts[0]] * count, data, at)
    if kind.name == "()":
        return tuple(_decode_parts(kind.parts, data, at))
    word = _word(data, at)
    if kind.is_dynamic:
        length, start = int.from_bytes(word, "big"), at + WORD
        if start + length > len(data):
            raise AbiError(f"{length} bytes at {start} of {len(data)}")
        raw = data[start : start + length]
        return raw.decode() if kind.name == "string" else raw
    if kind.name == "address":
        return word[-20:]
    if kind.name == "bytes":
        return word[: kind.bits]
    if kind.name == "bool":
        return word[-1] != 0
    return int.from_bytes(word, "big", signed=kind.name == "int")
