from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest

from loadtest.canonical import checksum, table

EVENTS = [1, 1, 100, 5, 0, 5, 16, 1, 1, 2, 100, 5]


def test_the_checksum_of_a_list_and_of_an_array_is_the_same() -> None:
    assert checksum(EVENTS) == checksum(np.array(EVENTS, dtype=np.int64).reshape(2, 6))


def test_the_checksum_depends_on_every_field_and_on_the_order() -> None:
    seen = {checksum(EVENTS), checksum(EVENTS[6:] + EVENTS[:6])}
    for position in range(len(EVENTS)):
        changed = list(EVENTS)
        changed[position] += 1
        seen.add(checksum(changed))
    assert len(seen) == len(EVENTS) + 2


def test_the_checksum_is_the_head_of_a_sha256_over_little_endian_words() -> None:
    digest = hashlib.sha256(struct.pack("<12q", *EVENTS)).digest()
    assert checksum(EVENTS) == struct.unpack_from("<Q", digest)[0]


def test_a_broken_event_is_refused() -> None:
    with pytest.raises(ValueError, match="no whole number of events"):
        table(EVENTS[:-1])
