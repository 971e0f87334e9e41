"""Client order ids as clients write them: a non-zero unsigned 64-bit number, as a decimal string in JSON.

JSON numbers beyond 2**53 lose digits in many clients, so ids leave as strings; integers are taken as well.
"""

from __future__ import annotations

from exchange.wire.errors import invalid_param
from exchange.wire.params import Params, has, text

_DIGITS_MAX = 20


def client_order_id(params: Params, *, required: bool = False) -> int:
    """The id, 0 if it is not given.

    Raises:
        RpcError: -32602 for anything else than 1 … 2**64 − 1 in plain decimal digits.
    """
    if not has(params, "client_order_id") and not required:
        return 0
    value = text(params, "client_order_id", bytes_max=_DIGITS_MAX)
    plain = value.isascii() and value.isdecimal() and not value.startswith("0")
    if not plain or int(value) >= 1 << 64:
        raise invalid_param("client_order_id", "must be a decimal number from 1 to 18446744073709551615")
    return int(value)
