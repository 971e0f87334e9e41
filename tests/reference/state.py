"""The canonical state, written from the description at the head of `exchange/core/state.py`."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from exchange.domain import limits
from tests.reference.accounts import Account, Order
from tests.reference.instruments import Instrument
from tests.reference.world import World

FORMAT = 1


def pack(world: World, next_seq: int) -> bytes:
    """All sections, in id order."""
    orders = [order for _, order in sorted(world.orders.items())]
    seats = [
        (account.id, instrument_id, seat.size_lots, seat.entry_value_micro)
        for _, account in sorted(world.accounts.items())
        for instrument_id, seat in sorted(account.seats.items())
    ]
    parts = [_words(_scalars(world, next_seq))]
    parts += [_words((u.symbol, u.feed_seq, u.index_micro)) for u in world.underlyings]
    parts += [_instrument(instrument) for instrument in world.instruments]
    absent = Account(0)
    parts += [_account(world.accounts.get(n, absent)) for n in range(world.next_account)]
    parts.append(_words((len(seats),)))
    parts += [_words(seat) for seat in seats]
    parts.append(_words((len(orders),)))
    parts += [_order(order) for order in orders]
    return b"".join(parts)


def _words(values: Iterable[int]) -> bytes:
    return b"".join(_word(value) for value in values)


def _word(value: int) -> bytes:
    return struct.pack("<q", value) if value <= limits.I64_MAX else struct.pack("<Q", value)


def _scalars(world: World, next_seq: int) -> tuple[int, ...]:
    return (
        FORMAT,
        world.shard,
        world.rules_version,
        next_seq,
        world.next_order,
        world.next_trade,
        world.next_priority,
        world.now_ms,
        world.mode,
        world.last_deposit_id,
        -world.accounts[limits.ACCOUNT_BRIDGE].cash_micro,
        len(world.underlyings),
        len(world.instruments),
        world.next_account,
    )


def _instrument(instrument: Instrument) -> bytes:
    return instrument.units + _words(
        (
            instrument.state,
            int(instrument.marked),
            instrument.index_micro,
            instrument.mark_micro,
            instrument.forward_micro,
            instrument.delta_e9,
            instrument.vega_micro,
            instrument.trade_seq,
        )
    )


def _account(account: Account) -> bytes:
    head = _words((account.cash_micro, account.flags))
    return head + account.owner.ljust(24, b"\0") + _words((account.created_ms,))


def _order(order: Order) -> bytes:
    return _words(
        (
            order.id,
            order.account.id,
            order.instrument.id,
            order.price_ticks,
            order.open_lots,
            order.shown_lots,
            order.size_lots,
            order.display_lots,
            order.filled_value,
            order.flags,
            order.client_order_id,
            order.label,
            order.grant,
            order.created_ms,
            order.updated_ms,
            order.priority,
            order.hold_per_lot,
        )
    )
