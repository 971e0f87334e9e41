"""Runs of words made, read or written at once: straight-line code compiled, one call interpreted.

What these do is a mere copy. The interpreted core has twins of them in `plain`, where a slice or an unpacking
moves all words together.
"""

from __future__ import annotations

from librt.vecs import append, vec
from mypy_extensions import i64


def zeros(count: i64) -> vec[i64]:
    """A new array of `count` zeros."""
    found = vec[i64](capacity=count)
    at: i64 = 0
    while at < count:
        found = append(found, 0)
        at += 1
    return found


def words_to_bytes(words: vec[i64], count: i64) -> bytes:
    """The first `count` words as little-endian bytes."""
    return bytes(memoryview(words)[:count])


def read_14(
    data: vec[i64], at: i64
) -> tuple[i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64]:
    """The first fourteen words of the record at `at`."""
    return (
        data[at],
        data[at + 1],
        data[at + 2],
        data[at + 3],
        data[at + 4],
        data[at + 5],
        data[at + 6],
        data[at + 7],
        data[at + 8],
        data[at + 9],
        data[at + 10],
        data[at + 11],
        data[at + 12],
        data[at + 13],
    )


def put_16(
    data: vec[i64],
    at: i64,
    a: i64,
    b: i64,
    c: i64,
    d: i64,
    e: i64,
    f: i64,
    g: i64,
    h: i64,
    i: i64,
    j: i64,
    k: i64,
    m: i64,
    n: i64,
    o: i64,
    p: i64,
    q: i64,
) -> None:
    """Write sixteen words at `at`, which lie within `data`."""
    data[at] = a
    data[at + 1] = b
    data[at + 2] = c
    data[at + 3] = d
    data[at + 4] = e
    data[at + 5] = f
    data[at + 6] = g
    data[at + 7] = h
    data[at + 8] = i
    data[at + 9] = j
    data[at + 10] = k
    data[at + 11] = m
    data[at + 12] = n
    data[at + 13] = o
    data[at + 14] = p
    data[at + 15] = q
