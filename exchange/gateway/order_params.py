"""Reading the parameters of a new order: a fast way for what clients usually send, the exact way for all.

The fast way takes well-typed parameters of the common kinds and looks numbers up (`numbers`); whatever
does not fit, strings in place of numbers and every mistake included, goes through `exchange.wire.params`,
which alone decides what is wrong.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from exchange.domain import records as r
from exchange.gateway.combos.orders import must_suit
from exchange.gateway.registry import Registry
from exchange.wire import errors
from exchange.wire.client_ids import client_order_id
from exchange.wire.errors import error
from exchange.wire.extended import is_extended
from exchange.wire.instruments import InstrumentView
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.names import order_flags
from exchange.wire.params import (
    Params,
    amount_lots,
    has,
    order_lots,
    price_ticks,
    text,
    timestamp_ms,
)

_TYPE_BITS: Final = r.TYPE_MASK << r.TYPE_SHIFT
_SHORT_LABEL: Final = LABEL_CHARS_MAX // 4  # of any characters, within the bound of bytes


class NewOrder(NamedTuple):
    """A new order in the core's units; `flags` without the side."""

    view: InstrumentView
    flags: int
    price_ticks: int
    size_lots: int
    display_lots: int
    valid_until_ms: int
    label: str
    client_order_id: int = 0


class _Usual(msgspec.Struct):
    """The parameters of a usual order. The last group is not usual: it must be absent."""

    instrument_name: str
    amount: object
    price: object = None
    type: str = "limit"
    time_in_force: str = "good_til_cancelled"
    post_only: bool = False
    reject_post_only: bool = False
    reduce_only: bool = False
    label: str = ""
    client_order_id: object = None
    contracts: object = None
    display_amount: object = None
    valid_until: object = None
    advanced: object = None
    mmp: object = None
    linked_order_type: object = None
    otoco_config: object = None
    trigger: object = None
    trigger_price: object = None
    trigger_offset: object = None

    def is_usual(self) -> bool:
        return (
            self.contracts is None
            and self.display_amount is None
            and self.valid_until is None
            and self.advanced is None
            and self.mmp is None
            and self.linked_order_type is None
            and self.otoco_config is None
            and self.trigger is None
            and self.trigger_price is None
            and self.trigger_offset is None
            and len(self.label) <= _SHORT_LABEL
        )


_convert: Final = msgspec.convert
_FlagsKey = tuple[str, str, bool, bool, bool]
_flags_known: Final[dict[_FlagsKey, int]] = {}


def read_new_order(params: Params, registry: Registry) -> NewOrder | None:
    """The order a request describes; None for one with a trigger, linked orders or a volatility
    (`extended_params`).

    Raises:
        RpcError: whatever is wrong with it, as documented for `exchange.wire.params` and `.names`.
    """
    try:
        usual = _convert(params, _Usual)
    except msgspec.ValidationError:
        return _read_exactly(params, registry)
    view = registry.by_name.get(usual.instrument_name)
    if view is None or view.is_combo or not usual.is_usual():
        return _read_exactly(params, registry)
    key = (usual.type, usual.time_in_force, usual.post_only, usual.reject_post_only, usual.reduce_only)
    flags = _flags_known.get(key)
    if flags is None:
        if is_extended(params):
            return None
        flags = _flags_known[key] = order_flags(params, sell=False)  # raises before it is remembered
    numbers = registry.numbers[view.instrument]
    lots = numbers.lots(usual.amount)
    client = client_order_id(params) if usual.client_order_id is not None else 0
    if flags & _TYPE_BITS:
        return NewOrder(view, flags, 0, lots, 0, 0, usual.label, client)
    if usual.price is None:
        return _read_exactly(params, registry)
    return NewOrder(view, flags, numbers.ticks(usual.price), lots, 0, 0, usual.label, client)


def _read_exactly(params: Params, registry: Registry) -> NewOrder | None:
    if is_extended(params):
        return None
    view = instrument_named(params, registry)
    must_suit(view, params)
    flags = order_flags(params, sell=False)
    lots = order_lots(params, view.terms)
    ticks = 0 if flags & _TYPE_BITS else price_ticks(params, view.terms, bounds=view.price_bounds)
    display = display_lots(params, view, lots) or 0
    valid_until = timestamp_ms(params, "valid_until", 0)
    label = text(params, "label", "", LABEL_CHARS_MAX)
    return NewOrder(view, flags, ticks, lots, display, valid_until, label, client_order_id(params))


_DISPLAY_PARTS_MAX: Final = 100


def display_lots(params: Params, view: InstrumentView, total_lots: int) -> int | None:
    """The displayed size in lots, None if not given; 0: all of it.

    At least the instrument's minimum size and 1 % of `total_lots`, rounded up: each part shown is work of
    its own when the order is met, so an order comes in a hundred parts at most.

    Raises:
        RpcError: 10036 a part too small; else as `params.amount_lots`.
    """
    if not has(params, "display_amount"):
        return None
    lots = amount_lots(params, view.terms, "display_amount", zero_allowed=True)
    must_be_shown(lots, total_lots, view)
    return lots


def must_be_shown(lots: int, total_lots: int, view: InstrumentView) -> None:
    """Raises RpcError 10036 where `lots` of `total_lots` are too few to show; 0 (all shown) is not."""
    least = max(view.terms.min_size_lots, -(-total_lots // _DISPLAY_PARTS_MAX))
    if 0 < lots < least:
        raise error(
            errors.INVALID_MAX_SHOW,
            param="display_amount",
            reason=f"must be at least {view.amount(least)}: 1 % of the amount and the minimum size",
        )


def instrument_named(params: Params, registry: Registry, name: str = "instrument_name") -> InstrumentView:
    """The instrument a request names.

    Raises:
        RpcError: -32602 absent or no string; 10020 not listed.
    """
    wanted = params.get(name)
    view = registry.by_name.get(wanted) if type(wanted) is str else None
    if view is None:
        text(params, name, bytes_max=64)
        raise error(errors.INVALID_INSTRUMENT, param=name, reason="no such instrument")
    return view
