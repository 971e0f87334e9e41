"""The client's codec of `strikebook.v1`: what it sends the venue takes, what the venue says it reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import fast_lane
from clients.fast_lane import Acks, Fills, LaneError, Refused, Welcome
from exchange.domain import lane
from exchange.domain import records as r
from exchange.domain.commands import Quote
from exchange.edge import lane as venue_side
from exchange.wire import packed

UNIT = r.UNIT_BYTES


def test_a_hello_carries_token_and_flags() -> None:
    for fills, cancel, flags in ((True, False, 1), (False, False, 0), (False, True, 2), (True, True, 3)):
        message = fast_lane.hello("a.token", fills=fills, cancel_on_disconnect=cancel)
        head = packed.header(message)
        assert (head.type, head.flags, head.sequence) == (lane.HELLO, flags, 0)
        assert packed.token_of(message, head) == "a.token"
        assert len(message) == 2 * UNIT


def test_what_the_codec_writes_the_venue_takes() -> None:
    records = [
        fast_lane.new_order(1, sell=True, price_ticks=-5, size_lots=2, display_lots=1, client_order_id=9),
        fast_lane.amend(7, price_ticks=3, size_lots=4),
        fast_lane.cancel(7),
        fast_lane.cancel_all(),
        fast_lane.mass_quote([Quote(1, bid_price_ticks=1, bid_lots=1), Quote(2, ask_price_ticks=2)]),
    ]
    message = fast_lane.Lane().commands(records)
    head = packed.header(message)
    assert (head.type, head.records, head.sequence, head.flags) == (lane.COMMANDS, 5, 1, 0)
    fault, others, _, commands = venue_side.owned(message, UNIT, head.records, 64)
    assert (fault, others, len(commands)) == (0, 3, len(message) - UNIT)
    assert commands[4] & 1  # sells


def test_runs_are_numbered_and_a_refused_one_gives_its_number_back() -> None:
    mine = fast_lane.Lane()
    cancel = [fast_lane.cancel(1)]
    assert [packed.header(mine.commands(cancel)).sequence for _ in range(4)] == [1, 2, 3, 4]
    mine.refused(Refused(2, 10028, ""))  # 3 and 4, sent behind it, are refused as well
    mine.refused(Refused(3, 11050, ""))
    assert packed.header(mine.commands(cancel)).sequence == 2
    mine.refused(Refused(0, 13009, ""))  # a refused HELLO has no number
    assert packed.header(mine.commands(cancel)).sequence == 3


@pytest.mark.parametrize("count", [0, lane.COMMANDS_MAX + 1])
def test_a_run_has_one_to_a_hundred_commands(count: int) -> None:
    mine = fast_lane.Lane()
    with pytest.raises(LaneError):
        mine.commands([fast_lane.cancel(1)] * count)
    assert packed.header(mine.commands([fast_lane.cancel(1)])).sequence == 1


def test_a_welcome_is_read() -> None:
    assert fast_lane.read(packed.welcome(64, 1_234, 3)) == Welcome(64, lane.COMMANDS_MAX, 3, 1_234)


def test_acknowledgements_are_read() -> None:
    words = (5, 1 << 40, 11, 12, -13, 14, 15, 16)
    head = (r.NEW_ORDER | 1 << 8 | lane.REJECTED << 16 | 2 << 24 | 77 << 32 | 3 << 48).to_bytes(8, "little")
    record = head + b"".join(word.to_bytes(8, "little", signed=True) for word in words[1:])
    answer = fast_lane.read(packed.acks(9, 2, record * 2, 1 << 40, (100, 200)))
    assert isinstance(answer, Acks)
    assert (answer.sequence, answer.budget, answer.received_us, answer.sent_us) == (9, 0xFFFFFFFF, 100, 200)
    ack, again = answer.acks
    assert ack == again
    assert (ack.command, ack.status, ack.order_state, ack.reason, ack.number) == (1, 1, 2, 77, 3)
    assert (ack.seq, ack.client_order_id, ack.order_id, ack.price_ticks) == (1 << 40, 11, 12, -13)
    assert (ack.filled_lots, ack.open_lots, ack.filled_value, ack.accepted) == (14, 15, 16, False)


def trade(maker: int, taker: int, *, taker_sells: bool) -> bytes:
    """A TRADE record (docs/formats.md)."""
    words = [
        r.EV_TRADE | 1 << 8 | 5 << 16, 21, maker | 4 << 32, 22, 23, 24, 25, 26, maker | taker << 32,
        -27, 28, int(taker_sells), 29, 30, 31, 0, 32, 33, 0, 0,
    ]  # fmt: skip
    return b"".join(word.to_bytes(8, "little", signed=True) for word in words)


def test_both_sides_of_a_match_are_read() -> None:
    record = trade(64, 65, taker_sells=True)
    answer = fast_lane.read(packed.fills([packed.fill(record, 64), packed.fill(record, 65)], 500))
    assert isinstance(answer, Fills)
    maker, taker = answer.fills
    assert answer.sent_us == 500
    assert (maker.sells, maker.is_taker, maker.order_id, maker.fee_micro) == (False, False, 23, -27)
    assert (taker.sells, taker.is_taker, taker.order_id, taker.fee_micro) == (True, True, 24, 28)
    for each in (maker, taker):
        assert (each.instrument, each.seq, each.trade_id) == (4, 21, 22)
        assert (each.price_ticks, each.size_lots) == (25, 26)
        assert (each.time_ms, each.index_micro, each.mark_micro, each.trade_seq) == (29, 30, 31, 32)


def test_a_refusal_is_read_and_its_text_cut_to_what_fits() -> None:
    answer = fast_lane.read(packed.error(10028, "too many " * 30, 4, 600))
    assert isinstance(answer, Refused)
    assert (answer.sequence, answer.code, len(answer.reason)) == (4, 10028, packed.REASON_BYTES)


GOOD = (
    packed.welcome(64, 1, 0),
    packed.acks(1, 2, bytes(2 * lane.ACK_BYTES), 5, (1, 2)),
    packed.fills([bytes(lane.FILL_BYTES)], 3),
    packed.error(11050, "why", 1, 2),
)


@pytest.mark.parametrize("message", GOOD)
def test_another_version_type_or_length_is_refused(message: bytes) -> None:
    wrong = [b"", message[:-1], message + b"\x00", message[:1] + b"\x02" + message[2:], b"\x63" + message[1:]]
    if message[0] != lane.WELCOME:  # has nothing behind its header
        wrong += [message[:-UNIT], message + bytes(UNIT)]
    for each in wrong:
        with pytest.raises(LaneError):
            fast_lane.read(each)


@given(st.sampled_from(GOOD), st.integers(0, 255), st.binary(max_size=3), st.integers(0, 6))
def test_bytes_of_strangers_are_read_or_refused(message: bytes, at: int, new: bytes, units: int) -> None:
    broken = (message[:at] + new + message[at + len(new) :])[: units * UNIT]
    try:
        answer = fast_lane.read(broken)
    except LaneError:
        return
    assert isinstance(answer, Welcome | Acks | Fills | Refused)
