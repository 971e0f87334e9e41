"""Reading request parameters: typed, lenient about how a value is written, exact about what it is.

A GET carries numbers and booleans as strings, a POST as JSON; both are read alike. What cannot be read
raises `RpcError` with -32602 and `data.{param, reason}`; a price or an amount that is a number but not
an acceptable one has its own code (10023, 10043, 10021, 10002).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from exchange.domain.commands import InstrumentTerms
from exchange.domain.limits import MAX_DEPOSIT_MICRO, MAX_ORDER_LOTS, MAX_TIME_MS
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.limits import NUMBER_CHARS_MAX, TEXT_BYTES_MAX
from exchange.wire.session import RpcError

Params = Mapping[str, object]

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_NOT_FINITE: Final = frozenset({"nan", "inf", "infinity", "snan"})
# Powers of ten beyond which a number can only be wrong; keeps the exact integers below small.
_ADJUSTED_MAX: Final = 24
_EXPONENT_MIN: Final = -40
_MICRO: Final = 1_000_000
_E8: Final = 100_000_000


def has(params: Params, name: str) -> bool:
    """Whether a parameter was given; null and the empty string count as absent."""
    value = params.get(name)
    return value is not None and value != ""


def text(params: Params, name: str, default: str | None = None, bytes_max: int = TEXT_BYTES_MAX) -> str:
    """A string. A number is taken as it is written (order ids). Required if `default` is None."""
    value = params.get(name)
    if value is None:
        if default is None:
            raise invalid_param(name, "value required")
        return default
    if type(value) is int:
        value = str(value) if -(1 << 64) < value < 1 << 64 else ""
    if not isinstance(value, str):
        raise invalid_param(name, "must be a string")
    if default is None and not value:
        raise invalid_param(name, "value required")
    if len(value) > bytes_max or len(value.encode("utf-8", "replace")) > bytes_max:
        raise invalid_param(name, f"must be at most {bytes_max} bytes")
    return value


def choice(params: Params, name: str, options: Collection[str], default: str | None = None) -> str:
    """One of `options`. Required if `default` is None."""
    value = text(params, name, default) if has(params, name) else default
    if value is None:
        raise invalid_param(name, "value required")
    if value not in options:
        raise invalid_param(name, "must be one of: " + ", ".join(sorted(options)))
    return value


def boolean(params: Params, name: str, default: bool = False) -> bool:
    """true or false, also as a string of any case."""
    if not has(params, name):
        return default
    value = params[name]
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise invalid_param(name, "must be true or false")


def _decimal(value: object, name: str) -> Decimal:
    """The exact number; raises -32602 for what is none. NaN and infinities pass as such."""
    if isinstance(value, bool):
        raise invalid_param(name, "must be a number")
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int):
        if -(10**_ADJUSTED_MAX) < value < 10**_ADJUSTED_MAX:
            return Decimal(value)
        return Decimal("Infinity") if value > 0 else Decimal("-Infinity")
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, str) and len(value) <= NUMBER_CHARS_MAX:
        if _NUMBER.fullmatch(value):
            return Decimal(value)
        if value.lstrip("+-").lower() in _NOT_FINITE:
            return Decimal(value)
    raise invalid_param(name, "must be a number")


def _ratio(number: Decimal) -> tuple[int, int] | None:
    """The number as an exact fraction; None for NaN, infinities and what is far out of any range."""
    if not number.is_finite():
        return None
    if not number:
        return (0, 1)
    # `adjusted` is the exponent of the leading digit; with a bound below, it bounds the digits too.
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or number.adjusted() > _ADJUSTED_MAX or exponent < _EXPONENT_MIN:
        return None
    return number.as_integer_ratio()


def number(params: Params, name: str, default: Decimal | None = None) -> Decimal:
    """A finite number within ±1e24, exactly. Required if `default` is None."""
    if not has(params, name):
        if default is None:
            raise invalid_param(name, "value required")
        return default
    value = _decimal(params[name], name)
    if _ratio(value) is None:
        raise invalid_param(name, "must be a finite number in range")
    return value


def integer(
    params: Params,
    name: str,
    default: int | None = None,
    *,
    minimum: int = 0,
    maximum: int = (1 << 63) - 1,
) -> int:
    """An integer, also written as `100.0` or `"100"`. Required if `default` is None."""
    if default is not None and not has(params, name):
        return default
    numerator, denominator = number(params, name).as_integer_ratio()
    if denominator != 1:
        raise invalid_param(name, "must be an integer")
    if not minimum <= numerator <= maximum:
        raise invalid_param(name, f"must be between {minimum} and {maximum}")
    return numerator


def timestamp_ms(params: Params, name: str, default: int | None = None) -> int:
    """A time in milliseconds since the epoch."""
    return integer(params, name, default, maximum=MAX_TIME_MS)


def order_id(params: Params, name: str = "order_id") -> int:
    """An order id: the decimal number the venue printed. Anything else is 10025."""
    value = text(params, name)
    if not (value.isascii() and value.isdigit() and len(value) <= 20) or int(value) >= 1 << 63:
        raise error(errors.INVALID_ORDER_ID, param=name, reason="not an order id of this venue")
    return int(value)


def text_list(params: Params, name: str, count_max: int, bytes_max: int = TEXT_BYTES_MAX) -> list[str]:
    """A list of strings, in a GET also one string holding a JSON list, or a single string."""
    value = _unwrapped(params, name)
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise invalid_param(name, "must be a list of strings")
    if len(value) > count_max:
        raise invalid_param(name, f"must hold at most {count_max} entries")
    for entry in value:
        if not isinstance(entry, str):
            raise invalid_param(name, "must be a list of strings")
        if len(entry) > bytes_max:
            raise invalid_param(name, f"entries must be at most {bytes_max} characters")
    return value


def integer_list(params: Params, name: str, count_max: int, maximum: int) -> list[int]:
    """A list of integers of 0 … `maximum`, in a GET also as a string holding JSON; empty if absent."""
    value = _unwrapped(params, name) if has(params, name) else []
    if not isinstance(value, list):
        raise invalid_param(name, "must be a list of integers")
    if len(value) > count_max:
        raise invalid_param(name, f"must hold at most {count_max} entries")
    for entry in value:
        if type(entry) is not int or not 0 <= entry <= maximum:
            raise invalid_param(name, f"must be a list of integers of 0 to {maximum}")
    return value


def object_list(params: Params, name: str, count_max: int) -> list[dict[str, object]]:
    """A list of objects (the quotes of a mass quote), in a GET as a string holding JSON."""
    value = _unwrapped(params, name)
    if not isinstance(value, list):
        raise invalid_param(name, "must be a list of objects")
    if len(value) > count_max:
        raise invalid_param(name, f"must hold at most {count_max} entries")
    for entry in value:
        if not isinstance(entry, dict):
            raise invalid_param(name, "must be a list of objects")
    return value


def optional_object(params: Params, name: str) -> dict[str, object] | None:
    """An object, or None if it is absent."""
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid_param(name, "must be an object")
    return value


def sizes(params: Params, name: str, count_max: int) -> dict[str, Decimal]:
    """An object of signed numbers by instrument name, also as a string holding JSON; empty if absent.

    Raises:
        RpcError: -32602 for anything else (a size that is a string too), or more than `count_max` entries.
    """
    if not has(params, name):
        return {}
    value = params[name]
    if isinstance(value, str):
        value = _unwrapped({name: value}, name, "{")
    if not isinstance(value, dict):
        raise invalid_param(name, "must be an object of sizes by instrument name")
    if len(value) > count_max:
        raise invalid_param(name, f"must hold at most {count_max} entries")
    if any(isinstance(size, str) for size in value.values()):
        raise invalid_param(name, "sizes must be numbers")
    return {str(key): number({name: size}, name) for key, size in value.items()}


_untyped: Final = msgspec.json.Decoder(float_hook=Decimal)


def _unwrapped(params: Params, name: str, opening: str = "[") -> object:
    if not has(params, name):
        raise invalid_param(name, "value required")
    value = params[name]
    if isinstance(value, str) and value.startswith(opening):
        try:
            return _untyped.decode(value)
        except (msgspec.MsgspecError, RecursionError) as wrong:
            raise invalid_param(name, "must be JSON") from wrong
    return value


def scaled(params: Params, name: str, scale: int, code: int, *, minimum: int = 1, maximum: int) -> int:
    """A number as a whole count of 1/`scale`.

    Raises:
        RpcError: -32602 not a number or absent; `code` not finite, no whole count, or out of range.
    """
    if not has(params, name):
        raise invalid_param(name, "value required")
    fraction = _ratio(_decimal(params[name], name))
    if fraction is None:
        raise error(code, param=name, reason="must be a finite number in range")
    value, rest = divmod(fraction[0] * scale, fraction[1])
    if rest:
        raise error(code, param=name, reason=f"must be a multiple of {1 / scale:g}")
    if not minimum <= value <= maximum:
        raise error(
            code, param=name, reason=f"must be between {minimum / scale:g} and {maximum / scale:g}"
        )
    return value


# --- prices and amounts ----------------------------------------------------------------------------


def _price_error(name: str, reason: str) -> RpcError:
    return error(errors.INVALID_PRICE, param=name, reason=reason)


def _amount_error(name: str, reason: str) -> RpcError:
    return error(errors.INVALID_AMOUNT, param=name, reason=reason)


def price_ticks(
    params: Params, terms: InstrumentTerms, name: str = "price", bounds: tuple[int, int] | None = None
) -> int:
    """A price as a count of the instrument's finest ticks; `bounds` are the lowest and highest of a combo,
    whose price may be zero or negative.

    Raises:
        RpcError: -32602 not a number or absent; 10023 not finite, not positive (no combo's) or beyond the
            instrument's bounds; 10043 between two ticks.
    """
    if not has(params, name):
        raise invalid_param(name, "value required")
    fraction = _ratio(_decimal(params[name], name))
    if fraction is None:
        raise _price_error(name, "must be a finite price in range")
    ticks, rest = divmod(fraction[0] * _MICRO, fraction[1] * terms.tick_micro)
    if bounds is None and (ticks < 0 or (ticks == 0 and rest == 0)):
        raise _price_error(name, "must be positive")
    if rest and (bounds is None or bounds[0] <= ticks < bounds[1]):
        raise error(errors.PRICE_WRONG_TICK, param=name, reason="must be a multiple of tick_size")
    if bounds is not None and not bounds[0] <= ticks <= bounds[1]:
        lowest, highest = (edge * terms.tick_micro / _MICRO for edge in bounds)
        raise _price_error(name, f"must be between {lowest:g} and {highest:g}")
    if ticks > terms.price_limit_ticks:
        raise _price_error(name, "is beyond the instrument's price limit")
    step = terms.tick_steps[0][1] if bounds is not None else step_ticks(terms, ticks)
    if ticks % step:
        raise error(
            errors.PRICE_WRONG_TICK,
            param=name,
            reason="must be a multiple of tick_size",
            tick_size=step * terms.tick_micro / _MICRO,
        )
    return ticks


def step_ticks(terms: InstrumentTerms, ticks: int) -> int:
    """The distance of prices at `ticks`, in the instrument's finest ticks."""
    step = 1
    for above_ticks, step_ticks in terms.tick_steps:
        if ticks >= above_ticks:
            step = step_ticks
    return step


def amount_lots(
    params: Params, terms: InstrumentTerms, name: str = "amount", *, zero_allowed: bool = False
) -> int:
    """An amount of the underlying as a count of lots.

    Raises:
        RpcError: -32602 not a number or absent; 10021 not finite, negative, zero (unless allowed),
            not a multiple of the lot, or too large; 10002 below the instrument's smallest order.
    """
    if not has(params, name):
        raise invalid_param(name, "value required")
    fraction = _ratio(_decimal(params[name], name))
    if fraction is None:
        raise _amount_error(name, "must be a finite amount in range")
    lots, rest = divmod(fraction[0] * _E8, fraction[1] * terms.lot_e8)
    if lots < 0 or (lots == 0 and rest == 0 and not zero_allowed):
        raise _amount_error(name, "must be positive")
    if rest:
        raise _amount_error(name, "must be a multiple of the lot")
    if lots > MAX_ORDER_LOTS:
        raise _amount_error(name, "is too large")
    if 0 < lots < terms.min_size_lots:
        raise error(
            errors.QTY_TOO_LOW,
            param=name,
            reason="is below min_trade_amount",
            min_trade_amount=terms.min_size_lots * terms.lot_e8 / _E8,
        )
    return lots


def order_lots(params: Params, terms: InstrumentTerms) -> int:
    """The size of an order from `amount` or `contracts` (one contract is one underlying here)."""
    if not has(params, "contracts"):
        return amount_lots(params, terms)
    lots = amount_lots(params, terms, "contracts")
    if has(params, "amount") and amount_lots(params, terms) != lots:
        raise _amount_error("contracts", "amount and contracts must agree")
    return lots


def micro_usdc(params: Params, name: str = "amount") -> int:
    """An amount of USDC in micro-USDC.

    Raises:
        RpcError: -32602 not a number or absent; 10021 not positive, finite, in range or a whole number of
            micro-USDC.
    """
    if not has(params, name):
        raise invalid_param(name, "value required")
    fraction = _ratio(_decimal(params[name], name))
    if fraction is None:
        raise _amount_error(name, "must be a finite amount in range")
    micro, rest = divmod(fraction[0] * _MICRO, fraction[1])
    if micro < 0 or (micro == 0 and rest == 0):
        raise _amount_error(name, "must be positive")
    if rest:
        raise _amount_error(name, "must be a multiple of 0.000001")
    if micro > MAX_DEPOSIT_MICRO:
        raise _amount_error(name, "is too large")
    return micro
