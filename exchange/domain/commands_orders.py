"""Builders of the commands of rules version 3: triggers, linked orders, protection (docs/rules-3.md).

As in `commands`: integers in, bytes out, `struct.error` where an integer does not fit its field.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.commands import header

_BODY: Final = struct.Struct("<qqqq")
_MEMBER: Final = struct.Struct("<IIqqqqqqq")


class Trigger(NamedTuple):
    """When an order wakes: prices in micro-USDC per 1 underlying, whatever the source."""

    kind: int = r.TRIGGER_NONE
    source: int = r.SOURCE_NONE
    trigger_micro: int = 0
    """Of a stop or take order."""
    offset_micro: int = 0
    """Of a trailing stop: how far behind the best price seen."""

    @property
    def word(self) -> int:
        """Kind and source as a record carries them."""
        return self.kind | self.source << 8


NO_TRIGGER: Final = Trigger()


class Member(NamedTuple):
    """A secondary order of a link, of the primary's instrument and account."""

    flags: int
    price_ticks: int
    size_lots: int
    display_lots: int = 0
    label: int = 0
    trigger: Trigger = NO_TRIGGER


class MmpLimits(NamedTuple):
    """Market-maker protection of a group; 0 is no limit (docs/rules-3.md)."""

    interval_ms: int
    frozen_ms: int
    quantity_limit_e8: int
    delta_limit_e8: int
    vega_limit_micro: int
    max_quote_e8: int


def extended_order(
    account: int,
    instrument: int,
    flags: int,
    price_ticks: int,
    size_lots: int,
    *,
    trigger: Trigger = NO_TRIGGER,
    link: int = r.LINK_NONE,
    condition: int = r.FILL_FIRST_HIT,
    members: Iterable[Member] = (),
    volatility_e6: int = 0,
    display_lots: int = 0,
    valid_until_ms: int = 0,
    client_order_id: int = 0,
    label: int = 0,
    grant: int = 0,
) -> bytes:
    """EXTENDED_ORDER: a trigger, a link to other orders, or a price kept in volatility (1e-6)."""
    units = [_member(member) for member in members]
    head = header(
        r.EXTENDED_ORDER,
        3 + 2 * len(units),
        flags=flags,
        account=account,
        instrument=instrument,
        client_order_id=client_order_id,
        grant=grant,
        aux=label,
    )
    word = trigger.word | link << 16 | condition << 24 | len(units) << 32
    return b"".join(
        [
            head,
            _BODY.pack(price_ticks, size_lots, display_lots, valid_until_ms),
            _BODY.pack(word, trigger.trigger_micro, trigger.offset_micro, volatility_e6),
            *units,
        ]
    )


def _member(member: Member) -> bytes:
    trigger = member.trigger
    return _MEMBER.pack(
        member.flags,
        member.label,
        member.price_ticks,
        member.size_lots,
        member.display_lots,
        trigger.word,
        trigger.trigger_micro,
        trigger.offset_micro,
        0,
    )


def amend(
    account: int,
    order_id: int,
    *,
    price_ticks: int | None = None,
    size_lots: int | None = None,
    remaining_lots: int | None = None,
    display_lots: int | None = None,
    post_only: bool | None = None,
    reject_post_only: bool = False,
    reduce_only: bool | None = None,
    expected_filled_lots: int | None = None,
    trigger_micro: int | None = None,
    offset_micro: int | None = None,
    volatility_e6: int | None = None,
    valid_until_ms: int = 0,
    client_order_id: int = 0,
    grant: int = 0,
) -> bytes:
    """AMEND with what rules 3 add: compare-and-amend, triggers, volatility. What is None stays.

    Raises:
        ValueError: both a total and what remains are given.
    """
    if size_lots is not None and remaining_lots is not None:
        raise ValueError("an amend names the new total or what remains, not both")
    flags = 0
    for value, bit in (
        (price_ticks, r.AMEND_PRICE),
        (size_lots, r.AMEND_SIZE),
        (remaining_lots, r.AMEND_SIZE | r.AMEND_REMAINING),
        (display_lots, r.AMEND_DISPLAY),
        (post_only, r.AMEND_POST | (r.FLAG_POST_ONLY if post_only else 0)),
        (reduce_only, r.AMEND_REDUCE | (r.FLAG_REDUCE_ONLY if reduce_only else 0)),
        (expected_filled_lots, r.AMEND_EXPECTED),
        (trigger_micro, r.AMEND_TRIGGER),
        (offset_micro, r.AMEND_OFFSET),
        (volatility_e6, r.AMEND_VOLATILITY),
    ):
        if value is not None:
            flags |= bit
    if post_only and reject_post_only:
        flags |= r.FLAG_REJECT_POST_ONLY
    lots = size_lots if size_lots is not None else remaining_lots or 0
    moved = trigger_micro if trigger_micro is not None else offset_micro or 0
    return (
        header(r.AMEND, 3, flags=flags, account=account, client_order_id=client_order_id, grant=grant)
        + _BODY.pack(order_id, price_ticks or 0, lots, display_lots or 0)
        + _BODY.pack(valid_until_ms, expected_filled_lots or 0, moved, volatility_e6 or 0)
    )


def set_mmp(account: int, underlying: int, group: int, limits: MmpLimits, *, grant: int = 0) -> bytes:
    """SET_MMP: configure a protection group; an interval of 0 removes it."""
    return (
        header(r.SET_MMP, 3, account=account, instrument=underlying, grant=grant, aux=group)
        + _BODY.pack(*limits[:4])
        + _BODY.pack(*limits[4:], 0, 0)
    )


def reset_mmp(account: int, underlying: int, group: int, *, grant: int = 0) -> bytes:
    """RESET_MMP: end a freeze."""
    return header(r.RESET_MMP, 1, account=account, instrument=underlying, grant=grant, aux=group)


def fire() -> bytes:
    """FIRE: the next due orders, as many as one command may."""
    return header(r.FIRE, 1)


def reprice(prices: Iterable[tuple[int, int]]) -> bytes:
    """REPRICE: new prices (order_id, price_ticks) of orders priced in volatility."""
    body = [_BODY.pack(order_id, price_ticks, 0, 0) for order_id, price_ticks in prices]
    return b"".join([header(r.REPRICE, 2 + len(body)), _BODY.pack(len(body), 0, 0, 0), *body])


def set_id_window(window: int) -> bytes:
    """SET_ID_WINDOW: how many client order ids an account has remembered."""
    return header(r.SET_ID_WINDOW, 2) + _BODY.pack(window, 0, 0, 0)


def with_flags(command: bytes, more: int) -> bytes:
    """A command with more of its flags set."""
    flags = int.from_bytes(command[4:8], "little") | more
    return command[:4] + flags.to_bytes(4, "little") + command[8:]
