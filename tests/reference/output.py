"""Packing of events, word by word from docs/formats.md."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from exchange.domain import limits
from exchange.domain import records as r

if TYPE_CHECKING:
    from tests.reference.accounts import Account, Order, Seat
    from tests.reference.booking import Fill
    from tests.reference.groups import Group
    from tests.reference.instruments import Instrument
    from tests.reference.world import Head

_HEADER = struct.Struct("<BBHIQIIq")
_REJECTED = struct.Struct("<IIQqq")
_ORDER = struct.Struct("<BBHIQIIqqqqqIBBHQIIqqqqq")
_WORDS_4 = struct.Struct("<4q")
_WORDS_8 = struct.Struct("<8q")
_TRADE = struct.Struct("<4q2I9q2Iq")
_CASH = struct.Struct("<2q2I5q")
_SETTLED = struct.Struct("<12q")
_DONE = struct.Struct("<2IQ2q")
_ACCOUNT = struct.Struct("<2qI4B2Iq")
_LIQUIDATION = struct.Struct("<12q")
_COMBO_TRADE = struct.Struct("<2q2Q2I3q")
_REPEATED = struct.Struct("<2IQ2q")
_UNITS = r.EVENT_UNITS
VERSION = 1


class Events:
    """Collects the events of a batch; `begin` is called once a command."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._seq = 0
        self._index = 0

    def begin(self, seq: int) -> None:
        self._seq = seq
        self._index = 0

    def told(self) -> int:
        """How much of the command under way is told, for `untell`."""
        return self._index

    def untell(self, told: int) -> None:
        """Take back all TRADEs of the command since `told`."""
        del self._parts[len(self._parts) - 2 * (self._index - told) :]
        self._index = told

    def take(self) -> bytes:
        """All events since the last call."""
        packed = b"".join(self._parts)
        self._parts.clear()
        return packed

    def _add(
        self, kind: int, account: int, instrument: int, event_id: int, body: bytes, units: int = 0
    ) -> None:
        units = units or _UNITS[kind]
        head = _HEADER.pack(kind, VERSION, units, self._index, self._seq, account, instrument, event_id)
        self._parts += (head, body)
        self._index += 1

    def rejected(self, head: Head, instrument: int, order_id: int, reason: int, detail: int, at: int) -> None:
        body = _REJECTED.pack(reason, head.type, head.client_order_id, detail, at)
        self._add(r.EV_REJECTED, head.account, instrument, order_id, body)

    def order(
        self,
        order: Order,
        kind: int,
        reason: int,
        now_ms: int,
        old_price_ticks: int | None = None,
        *,
        spent: bool = False,
        priced: bool = True,
    ) -> None:
        """ORDER after a change; the old level's words if `old_price_ticks` is given.

        An untriggered order stands at no level, nor does one that found no price (not `priced`).
        `spent`: an order filled whole is to be untriggered again.
        """
        if reason:
            state = r.ORDER_STATE_CANCELLED
        elif order.untriggered or spent:
            state = r.ORDER_STATE_UNTRIGGERED
        else:
            state = r.ORDER_STATE_OPEN if order.open_lots else r.ORDER_STATE_FILLED
        side = order.instrument.book.side(order.is_sell)
        self._parts.append(
            _ORDER.pack(
                r.EV_ORDER,
                VERSION,
                4 if old_price_ticks is None else 5,
                self._index,
                self._seq,
                order.account.id,
                order.instrument.id,
                order.id,
                order.price_ticks,
                order.size_lots,
                order.filled_lots,
                order.open_lots,
                order.flags,
                kind,
                state,
                reason,
                order.client_order_id,
                order.label,
                order.grant,
                order.filled_value,
                now_ms,
                order.created_ms,
                order.shown_lots,
                0 if order.untriggered or not priced else side.shown_lots(order.price_ticks),
            )
        )
        if old_price_ticks is not None:
            self._parts.append(_WORDS_4.pack(old_price_ticks, side.shown_lots(old_price_ticks), 0, 0))
        self._index += 1

    def trade(self, fill: Fill, now_ms: int) -> None:
        maker, taker, instrument = fill.maker, fill.taker, fill.instrument
        body = _TRADE.pack(
            maker.order_id,
            taker.order_id,
            fill.price_ticks,
            fill.lots,
            maker.account.id,
            taker.account.id,
            fill.maker_fee,
            fill.taker_fee,
            fill.flags,
            now_ms,
            instrument.index_micro,
            instrument.mark_micro,
            instrument.forward_micro,
            instrument.trade_seq,
            fill.value_micro,
            maker.label,
            taker.label,
            0,
        )
        self._add(r.EV_TRADE, taker.account.id, instrument.id, fill.trade_id, body)

    def combo_trade(
        self,
        combo: Instrument,
        trade_id: int,
        price_ticks: int,
        lots: int,
        *,
        kind: int,
        is_sell: bool,
        taker: Order | None,
        maker: Order | None,
        now_ms: int,
    ) -> None:
        """COMBO_TRADE; the taker, or the maker, where it is an order of the combo."""
        body = _COMBO_TRADE.pack(
            price_ticks,
            lots,
            taker.id if taker else 0,
            maker.id if maker else 0,
            maker.account.id if maker else 0,
            0,
            now_ms,
            int(is_sell) | kind << 8,
            combo.trade_seq,
        )
        self._add(r.EV_COMBO_TRADE, taker.account.id if taker else 0, combo.id, trade_id, body)

    def cash(
        self,
        account: Account,
        cash_id: int,
        delta: int,
        kind: int,
        now_ms: int,
        *,
        counter: int = limits.ACCOUNT_BRIDGE,
        amount: int = 0,
    ) -> None:
        body = _CASH.pack(delta, account.cash_micro, kind, counter, now_ms, amount, 0, 0, 0)
        self._add(r.EV_CASH, account.id, 0, cash_id, body)

    def forced(
        self, account: Account, request_id: int, asked: int, paid: int, cancelled: int, now_ms: int
    ) -> None:
        """FORCED: what a request was answered with."""
        self._add(r.EV_FORCED, account.id, 0, request_id, _WORDS_4.pack(asked, paid, now_ms, cancelled))

    def settled(
        self,
        account: Account,
        seat: Seat,
        kind: int,
        *,
        delta: int,
        fee: int,
        price: int,
        entry_after: int,
        now_ms: int,
    ) -> None:
        """SETTLED; the seat still as it was before, the account's cash as it is after."""
        body = _SETTLED.pack(
            seat.size_lots,
            delta,
            fee,
            price,
            now_ms,
            seat.entry_value_micro,
            entry_after,
            account.cash_micro,
            0,
            0,
            0,
            0,
        )
        self._add(r.EV_SETTLED, account.id, seat.instrument.id, kind, body)

    def account(self, account: Account, now_ms: int) -> None:
        body = account.owner.ljust(24, b"\0") + _ACCOUNT.pack(
            now_ms,
            account.flags,
            account.main,
            account.model,
            account.tier,
            account.liquidation,
            account.locked,
            account.max_orders,
            account.max_positions,
            0,
        )
        self._add(r.EV_ACCOUNT, account.id, 0, 0, body)

    def instrument(self, instrument: Instrument, now_ms: int) -> None:
        body = instrument.units + _WORDS_4.pack(instrument.state, now_ms, 0, 0)
        self._add(r.EV_INSTRUMENT, 0, instrument.id, 0, body)

    def marked(
        self, underlying: int, feed_seq: int, index_micro: int, units: int, now_ms: int, tables: int = 0
    ) -> None:
        self._add(r.EV_MARKED, 0, underlying, feed_seq, _WORDS_4.pack(index_micro, units, now_ms, tables))

    def done(self, head: Head, affected: int, now_ms: int) -> None:
        body = _DONE.pack(head.type, affected, head.client_order_id, now_ms, 0)
        self._add(r.EV_DONE, head.account, head.instrument, 0, body)

    def underlying(self, underlying: int, symbol: int, now_ms: int, state: int = 0) -> None:
        self._add(r.EV_UNDERLYING, 0, underlying, 0, _WORDS_4.pack(symbol, now_ms, state, 0))

    def risk(self, underlying: int, body: bytes) -> None:
        """RISK; the body as the command had it."""
        self._add(r.EV_RISK, 0, underlying, 0, body)

    def fees(self, combo_discount_permille: int, tiers: bytes, now_ms: int) -> None:
        """FEES; the tiers as the command had them."""
        body = _WORDS_4.pack(combo_discount_permille, now_ms, 0, 0) + tiers
        self._add(r.EV_FEES, 0, 0, 0, body, units=1 + len(body) // 32)

    def moved(
        self, source: Account, instrument: int, to: Account, lots: int, value: int, now_ms: int
    ) -> None:
        self._add(r.EV_MOVED, source.id, instrument, 0, _WORDS_4.pack(to.id, lots, value, now_ms))

    def liquidation(
        self,
        account: Account,
        kind: int,
        maintenance: int,
        balance: int,
        now_ms: int,
        *,
        amount: int = 0,
        lots: int = 0,
        counter: int = 0,
        instrument: int = 0,
        order_id: int = 0,
    ) -> None:
        body = _LIQUIDATION.pack(kind, maintenance, balance, amount, lots, counter, now_ms, 0, 0, 0, 0, 0)
        self._add(r.EV_LIQUIDATION, account.id, instrument, order_id, body)

    def repeated(self, head: Head, order_id: int, reason: int, first_seq: int, now_ms: int) -> None:
        """REPEATED: what became of the command that had this client order id before."""
        body = _REPEATED.pack(reason, 0, head.client_order_id, first_seq, now_ms)
        self._add(r.EV_REPEATED, head.account, head.instrument, order_id, body)

    def extended(self, order: Order, now_ms: int, *, other_id: int = 0) -> None:
        """EXTENDED: what an order has beyond its price and size, a trailing trigger as it stands.

        `other_id`: of the other order of a pair that is no pair yet, or never will be.
        """
        extra = order.extra
        assert extra is not None
        other = extra.other or extra.primary
        body = _WORDS_8.pack(
            extra.word,
            extra.stands_at(is_sell=order.is_sell) or 0,
            extra.trigger.offset_micro,
            extra.volatility_e6,
            other.id if other else other_id,
            now_ms,
            0,
            0,
        )
        self._add(r.EV_EXTENDED, order.account.id, order.instrument.id, order.id, body)

    def due(self, waiting: int, now_ms: int) -> None:
        """DUE: so many triggered orders wait."""
        self._add(r.EV_DUE, 0, 0, 0, _WORDS_4.pack(waiting, now_ms, 0, 0))

    def mmp(self, group: Group, kind: int, now_ms: int) -> None:
        """MMP; freeze and sums as the group has them."""
        sums = (group.quantity_e8, group.delta_e8, group.vega_micro)
        body = _WORDS_8.pack(kind, group.frozen_until_ms, *sums, now_ms, 0, 0)
        self._add(r.EV_MMP, group.account, group.underlying, group.number, body)
