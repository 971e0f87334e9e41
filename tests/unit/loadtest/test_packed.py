from __future__ import annotations

import struct

import pytest

from exchange.domain import commands, limits
from exchange.domain import records as r
from loadtest import packed
from loadtest.workload import OP_AMEND, OP_CANCEL, OP_NEW_IOC, generate


def test_batches_hold_the_commands_of_the_domain_in_order() -> None:
    workload = generate(1_050)
    batches = packed.command_batches(workload, 100)
    found = [command for batch in batches for command in commands.split(batch)]
    wanted = []
    for number, row in enumerate(workload.rows(), start=1):
        op, instrument, side, price, size, order_id, account = row
        if op == OP_CANCEL:
            wanted.append(commands.cancel(account, order_id, client_order_id=number))
        elif op == OP_AMEND:
            wanted.append(
                commands.amend(account, order_id, price_ticks=price, size_lots=size, client_order_id=number)
            )
        else:
            flags = side * r.FLAG_SELL | (r.TIF_IOC << r.TIF_SHIFT if op == OP_NEW_IOC else 0)
            wanted.append(
                commands.new_order(account, instrument, flags, price, size, client_order_id=number)
            )
    assert found == wanted
    assert [len(commands.split(batch)) for batch in batches] == [100] * 10 + [50]
    assert b"".join(packed.command_batches(workload, 1)) == b"".join(batches)


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one command"):
        packed.command_batches(generate(1), 0)


def test_listings_stay_inside_the_limits() -> None:
    for instrument in range(200):
        terms = packed.instrument_terms(instrument)
        assert terms.tick_micro * terms.lot_e8 % 10**8 == 0
        value = terms.position_limit_lots * terms.price_limit_ticks * terms.multiplier_micro
        assert value <= limits.MAX_VALUE_MICRO
        strike_per_lot = terms.strike_micro * terms.lot_e8 // 10**8
        assert terms.position_limit_lots * strike_per_lot <= limits.MAX_VALUE_MICRO


def test_the_setup_lists_200_instruments_and_funds_every_account() -> None:
    types = [command[0] for command in packed.setup_commands()]
    assert types.count(r.LIST_INSTRUMENT) == 200
    assert types.count(r.CREATE_ACCOUNT) == types.count(r.DEPOSIT) == 100
    assert types.count(r.MARKS) == 2


def event(kind: int, units: int, words: dict[int, int]) -> bytes:
    body = [words.get(word, 0) for word in range(units * 4)]
    body[0] |= kind | 1 << 8 | units << 16
    return struct.pack(f"<{len(body)}q", *body)


ORDER = {3: 7, 4: 100, 5: 9, 6: 4, 7: 5, 8: 1 | 4 << 32 | 1 << 40}
TRADE = {3: 2, 4: 5, 5: 7, 6: 101, 7: 3}


def test_events_read_back_as_six_integers() -> None:
    chunks = [
        event(r.EV_ORDER, 4, ORDER) + event(r.EV_TRADE, 5, TRADE),
        event(r.EV_DONE, 2, {4: 6}),
        event(r.EV_ORDER, 5, ORDER) + event(r.EV_REJECTED, 2, {3: 11}),
    ]
    assert packed.canonical_events(chunks).tolist() == [
        [4, 7, 100, 9, 4, 5],
        [16, 2, 5, 7, 101, 3],
        [4, 7, 100, 9, 4, 5],
        [17, 11, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize("broken", [event(r.EV_ORDER, 4, ORDER)[:-32], bytes(32)])
def test_events_whose_lengths_do_not_add_up_are_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="event"):
        packed.canonical_events([broken])
