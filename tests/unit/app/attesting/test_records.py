"""Files of equal records: found by number, cut where they are torn, trimmed."""

from __future__ import annotations

import pytest

from exchange.app.attesting.files import block_log, pack_block, signed_log, unpack_block
from exchange.attest.heads import HeadBlock
from exchange.journal import CorruptRecord, MemoryStorage
from tests.unit.attest.worlds import signed


def test_they_are_found_by_number() -> None:
    log = signed_log(MemoryStorage())
    heads = [signed(seq, b"h" * 32) for seq in (3, 5, 9)]
    for head in heads:
        log.append(head)
    assert [log[each] for each in range(3)] == heads
    assert [log.position_from(seq) for seq in (1, 3, 4, 5, 6, 9, 10)] == [0, 0, 1, 1, 2, 2, 3]


def test_a_torn_end_is_cut_and_written_anew() -> None:
    storage = MemoryStorage()
    log = signed_log(storage)
    heads = [signed(seq, b"h" * 32) for seq in (3, 5)]
    for head in heads:
        log.append(head)
    storage.append(log.name, b"torn")
    again = signed_log(storage)
    assert len(again) == 2
    again.append(signed(7, b"h" * 32))
    assert [again[each].last_seq for each in range(3)] == [3, 5, 7]
    storage.truncate(log.name, 3 * 224 - 1)
    assert len(signed_log(storage)) == 2


def test_a_damaged_one_is_told() -> None:
    storage = MemoryStorage()
    log = signed_log(storage)
    for seq in (3, 5):
        log.append(signed(seq, b"h" * 32))
    raw = storage.read(log.name, 0, 448)
    storage.replace(log.name, b"x" + raw[1:])
    with pytest.raises(CorruptRecord):
        signed_log(storage)[0]


def test_trimming_keeps_the_last_below() -> None:
    storage = MemoryStorage()
    log = block_log(storage)
    blocks = [HeadBlock(each, each, 1, b"r" * 32, signed(each, b"h" * 32)) for each in range(1, 6)]
    for block in blocks:
        log.append(block)
    log.trim(4)
    assert [log[each].number for each in range(len(log))] == [3, 4, 5]
    assert len(block_log(storage)) == 3
    assert unpack_block(pack_block(blocks[0])) == blocks[0]
