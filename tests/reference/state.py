"""The canonical state: formats 1 and 3 as at the head of `exchange/core/state.py`, 2 and 4 in their rules."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import state_orders
from tests.reference.accounts import Account, Order
from tests.reference.instruments import Instrument, Underlying
from tests.reference.world import World

FORMATS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 4, 6: 5}  # by rules version


def pack(world: World, next_seq: int) -> bytes:
    """All sections, in id order."""
    orders = [order for _, order in sorted(world.orders.items()) if not order.untriggered]
    seats = [
        (account.id, instrument_id, seat.size_lots, seat.entry_value_micro)
        for _, account in sorted(world.accounts.items())
        for instrument_id, seat in sorted(account.seats.items())
    ]
    risk, kept = world.has_risk_rules, world.has_order_rules
    parts = [_words(_scalars(world, next_seq))]
    if risk:
        parts.append(_words(_risk_scalars(world)))
    if kept:
        parts.append(_words((world.ids.window,)))
    parts += [_underlying(underlying, risk=risk) for underlying in world.underlyings]
    parts += [_instrument(instrument, risk=risk) for instrument in world.instruments]
    absent = Account(0)
    for n in range(world.next_account):
        account = world.accounts.get(n, absent)
        parts.append(_account(account, risk=risk))
        if kept:
            parts.append(_words((account.quotes_frozen_until_ms,)))
    parts.append(_words((len(seats),)))
    parts += [_words(seat) for seat in seats]
    parts.append(_words((len(orders),)))
    for order in orders:
        parts.append(_order(order))
        if kept:
            parts.append(_words((order.group_word,)))
    if risk:
        parts.append(_words((len(world.withdrawals),)))
        for withdrawal_id, (account, amount) in sorted(world.withdrawals.items()):
            parts.append(_words((withdrawal_id, account.id, amount)))
    if kept:
        parts.append(_words(state_orders.words(world)))
    if world.has_combo_rules:
        parts.append(_words(_combos(world)))
    if world.has_forced_rules:
        parts.append(_words((world.forced_through,)))
    return b"".join(parts)


def _combos(world: World) -> Iterator[int]:
    """Every combo that was ever listed: its id and its legs."""
    listed = [instrument for instrument in world.instruments if instrument.is_combo]
    yield len(listed)
    for combo in listed:
        yield from (combo.id, len(combo.parts))
        for part in combo.parts:
            yield from (part.instrument.id, part.ratio)


def _words(values: Iterable[int]) -> bytes:
    return b"".join(_word(value) for value in values)


def _word(value: int) -> bytes:
    return struct.pack("<q", value) if value <= limits.I64_MAX else struct.pack("<Q", value)


def _scalars(world: World, next_seq: int) -> tuple[int, ...]:
    return (
        FORMATS[world.rules_version],
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


def _risk_scalars(world: World) -> list[int]:
    sharing = world.sharing
    rates = [rate for tier in world.tiers for rate in tier]
    return [
        world.last_withdrawal_id,
        sharing.account,
        sharing.phase,
        sharing.at,
        sharing.total_micro,
        sharing.deficit_micro,
        sharing.remaining_micro,
        len(world.tiers),
        world.combo_discount_permille,
        *rates,
        *[0] * (4 * limits.MAX_TIERS - len(rates)),
    ]


def _underlying(underlying: Underlying, *, risk: bool) -> bytes:
    packed = _words((underlying.symbol, underlying.feed_seq, underlying.index_micro))
    if risk:
        parameters = underlying.risk or ()
        packed += _words((underlying.state, *parameters, *[0] * (r.RISK_WORDS - len(parameters))))
    return packed


def _instrument(instrument: Instrument, *, risk: bool) -> bytes:
    packed = instrument.units + _words((instrument.state, *_marks(instrument), instrument.trade_seq))
    if risk:
        table = instrument.table
        packed += _words((0,) if table is None else (1, *table))
    return packed


def _marks(instrument: Instrument) -> tuple[int, ...]:
    """What the newest mark unit brought; a combo gets none."""
    if instrument.is_combo:
        return (0,) * 6
    return (
        int(instrument.marked),
        instrument.index_micro,
        instrument.mark_micro,
        instrument.forward_micro,
        instrument.delta_e9,
        instrument.vega_micro,
    )


def _account(account: Account, *, risk: bool) -> bytes:
    head = _words((account.cash_micro, account.flags))
    packed = head + account.owner.ljust(24, b"\0") + _words((account.created_ms,))
    if risk:
        packed += _words(
            (
                account.main,
                account.model,
                account.tier,
                account.max_orders,
                account.max_positions,
                account.locked,
                account.liquidation,
                account.cursor,
                account.auction_start_ms,
                account.volume_micro,
                account.basis_micro,
            )
        )
    return packed


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
