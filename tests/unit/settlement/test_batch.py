"""The header's bytes, and when and what the builder closes."""

from __future__ import annotations

import pytest

from settlement import codec
from settlement import operations as op
from settlement.batch import (
    BatchBuilder,
    Frame,
    Header,
    HeaderError,
    Limits,
    ShardRange,
    counter,
    unpack_header,
)
from settlement.commitment import GENESIS_ROOT, Commitment
from settlement.hashing import keccak
from settlement.ledger import LedgerMismatch
from settlement.state import State
from tests.unit.settlement import streams
from tests.unit.settlement.streams import Venue

HEADER = Header(
    7, 1_790_000_000_123, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32, 500, 60, 50,
    (ShardRange(0, 11, 40, b"\x04" * 32), ShardRange(2, 2 << 56 | 1, 2 << 56 | 9, b"\x05" * 32)),
)  # fmt: skip


def test_a_header_reads_back() -> None:
    proven = HEADER._replace(verifier_version=3, proof=b"proof")
    assert unpack_header(HEADER.pack()) == HEADER
    assert unpack_header(proven.pack()) == proven
    assert proven.hash == HEADER.hash == keccak(HEADER.pack()[:-6])


def test_headers_of_the_first_codecs_still_read() -> None:
    for number in (1, 2, 3, 4):
        old = HEADER._replace(codec=number)
        assert unpack_header(old.pack()) == old
        assert old.pack()[6:8] == bytes([0, number])


def test_a_header_starts_with_its_format() -> None:
    assert HEADER.pack()[:24].hex() == "53424231" "0001" "0005" "0000000000000007" f"{HEADER.closed_ms:016x}"
    assert len(HEADER._replace(ranges=HEADER.ranges[:1]).pack()) == 198


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SBB2" + HEADER.pack()[4:],
        HEADER.pack()[:4] + b"\x00\x02" + HEADER.pack()[6:],
        HEADER.pack()[:6] + b"\x00\x06" + HEADER.pack()[8:],
        HEADER.pack() + b"\0",
        HEADER._replace(proof=bytes(70_000)).pack(),
        *(HEADER.pack()[:end] for end in range(0, len(HEADER.pack()), 9)),
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(HeaderError):
        unpack_header(data)


def builder(fills: int = 10, interval_ms: int = 1_000) -> BatchBuilder:
    return BatchBuilder(State(), Limits(fills, interval_ms))


def test_a_batch_is_due_when_full_or_old_and_never_empty() -> None:
    venue, built = Venue(1), builder(3)
    opening = b"".join(venue.opening)
    assert not built.due(10**9)
    built.add(Frame(1, venue.seq, opening), 5_000)
    assert not built.due(5_999)
    assert built.due(6_000)
    told = [venue.match(0) for _ in range(3)]
    built.add(Frame(venue.seq - 2, venue.seq, b"".join(told)), 5_001)
    assert built.due(5_001)


def test_frames_that_move_nothing_widen_the_range_of_the_next_batch() -> None:
    venue, built = Venue(1), builder()
    opening = b"".join(venue.opening)
    built.add(Frame(1, venue.seq, opening), 0)
    first = built.close(b"\x07" * 32, 9)
    built.begin()
    built.add(Frame(venue.seq + 1, venue.seq + 2, streams.rejected(venue.seq + 1)), 10)
    assert not built.due(10**9)
    venue.seq += 2
    built.add(Frame(venue.seq + 1, venue.seq + 1, venue.match(0)), 20)
    second = built.close(b"\x08" * 32, 30)
    assert first.header.ranges == (ShardRange(0, 1, venue.seq - 3, b"\x07" * 32),)
    assert second.header.ranges == (ShardRange(0, venue.seq - 2, venue.seq, b"\x08" * 32),)
    assert first.header.previous_root == GENESIS_ROOT
    assert second.header.previous_root == first.header.new_root == unpack_header(first.header.pack()).new_root
    assert second.header.new_root == Commitment(built.state).root == built.root
    assert (second.header.batch_id, second.header.fills, second.header.operations) == (2, 1, 2)
    assert second.header.batch_hash == keccak(second.body)
    assert len(codec.decode(second.body)) == 2


def test_a_frame_out_of_order_is_refused() -> None:
    built = builder()
    for frame in (Frame(2, 2, b""), Frame(1, 0, b"")):
        with pytest.raises(LedgerMismatch, match="does not follow"):
            built.add(frame, 0)


def test_a_batch_that_does_not_conserve_is_not_closed() -> None:
    venue, built = Venue(1), builder()
    built.add(Frame(1, venue.seq, b"".join(venue.opening)), 0)
    built.state.pay(64, built.state.accounts[64], 1)
    with pytest.raises(LedgerMismatch, match="adds up to 1"):
        built.close(bytes(32), 0)


def test_a_batch_that_can_not_be_encoded_is_not_closed() -> None:
    venue, built = Venue(1), builder()
    built.add(Frame(1, venue.seq, b"".join(venue.opening)), 0)
    built._operations.append(op.Withdrawal(64, 1 << 80, 0))
    with pytest.raises(LedgerMismatch, match="can not be encoded"):
        built.close(bytes(32), 0)


def test_counter_leaves_the_shard_out() -> None:
    assert counter(2 << 56 | 9) == 9
