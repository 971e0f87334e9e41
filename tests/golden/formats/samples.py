"""One or more of every command and event, with telling values: the bytes stand in the .json files.

`python -m tests.golden.formats.samples` prints what the code makes of them now. A byte that changes is a
change of format: it needs a new record version, not a new vector.
"""

from __future__ import annotations

import json
import struct
import sys

from exchange.domain import commands as c
from exchange.domain import records as r

OPTION = c.InstrumentTerms(
    kind=r.KIND_OPTION,
    option_type=r.OPTION_PUT,
    underlying=3,
    expiry_ms=1_798_358_400_000,
    strike_micro=100_000_000_000,
    tick_micro=5_000_000,
    lot_e8=1_000_000,
    min_size_lots=1,
    price_limit_ticks=200_000,
    position_limit_lots=10_000,
    maker_fee_ppm=300,
    taker_fee_ppm=400,
    fee_cap_permille=125,
    delivery_fee_ppm=150,
    band_ppm=20_000,
    tick_steps=((0, 1), (100, 4)),
)
PERPETUAL = OPTION._replace(
    kind=r.KIND_PERPETUAL,
    option_type=r.OPTION_NONE,
    expiry_ms=0,
    strike_micro=0,
    fee_cap_permille=0,
    delivery_fee_ppm=0,
    tick_steps=((0, 1), (10, 2), (100, 5), (1_000, 20)),
)


def commands() -> dict[str, bytes]:
    """Every command type by name, built as the venue builds it."""
    return {
        "new_order": c.new_order(
            64,
            7,
            r.FLAG_SELL | r.TIF_GTD << r.TIF_SHIFT | r.FLAG_POST_ONLY | r.FLAG_REDUCE_ONLY,
            2_015,
            40,
            display_lots=5,
            valid_until_ms=1_700_000_000_123,
            client_order_id=0xFEDCBA9876543210,
            label=9,
            grant=2,
        ),
        "new_order_negative_price": c.new_order(65, 0, r.TYPE_MARKET << r.TYPE_SHIFT, -1, (1 << 63) - 1),
        "amend": c.amend(
            64, 5 << 56 | 77, price_ticks=2_020, size_lots=41, display_lots=6, post_only=True,
            reject_post_only=True, reduce_only=False, valid_until_ms=5, client_order_id=3, grant=1,
        ),
        "amend_size_only": c.amend(64, 77, size_lots=2),
        "cancel": c.cancel(64, 78, client_order_id=4, grant=3),
        "cancel_many": c.cancel_many(
            64, r.SCOPE_LABEL_UNDERLYING, target=1, kind=2, which=r.WHICH_ORDERS, label=8, client_order_id=5
        ),
        "mass_quote": c.mass_quote(
            66,
            [
                c.Quote(7, 2_000, 10, 2_030, 12, set_label=4),
                c.Quote(8, ask_price_ticks=9, ask_lots=0, post_only=True, reject_post_only=True),
            ],
            quote_label=6,
            valid_until_ms=1_700_000_000_456,
            client_order_id=6,
            grant=4,
        ),
        "label": c.label(64, 9, "Grüße an die Börse, 32+ bytes long"),
        "create_account": c.create_account(67, bytes(range(1, 21))),
        "configure_account": c.configure_account(67, cancel_maker=True),
        "deposit": c.deposit(67, 1 << 56, 12),
        "withdraw": c.withdraw(67, 250_000_000, 13),
        "time": c.time(1_700_000_000_789),
        "list_underlying": c.list_underlying(3, "SOLANA88"),
        "list_option": c.list_instrument(9, OPTION),
        "list_perpetual": c.list_instrument(10, PERPETUAL),
        "set_instrument_state": c.set_instrument_state(9, r.STATE_HALTED),
        "marks": c.marks(
            3,
            50_000_123_456,
            99,
            [c.Mark(9, -450_000_000, 2_500_000_000, 61_000_000, 50_100_000_000), c.Mark(10, 10**9, 1, 0, 1)],
        ),
        "settle_perpetual": c.settle_perpetual(10, 50_001),
        "funding": c.funding(10, -17),
        "deliver": c.deliver(9, 49_876_543_210),
        "expire_day": c.expire_day(9),
        "set_rules": c.set_rules(1),
        "set_mode": c.set_mode(r.MODE_CANCEL_ONLY),
    }


def _event(
    kind: int, units: int, index: int, account: int, instrument: int, event_id: int, body: bytes
) -> bytes:
    head = struct.pack("<BBHIQIIq", kind, 1, units, index, 2 << 56 | 1_234, account, instrument, event_id)
    return (head + body).ljust(units * 32, b"\0")


def events() -> dict[str, bytes]:
    """Every event type by name, laid out word by word from docs/formats.md."""
    order = struct.pack(
        "<4q2I5q",
        2_015, 40, 15, 25,  # price, size, filled, open
        r.FLAG_SELL | r.FLAG_POST_ONLY, r.ORDER_FILLED | r.ORDER_STATE_OPEN << 8,
        3, 9 | 2 << 32, 30_300, 1_700_000_000_789, 1_700_000_000_123,  # client, label|grant, value, times
    ) + struct.pack("<2q", 5, 30)
    cancelled = struct.pack(
        "<4q2I5q2q",
        2_015, 40, 0, 0, 0, r.ORDER_AMENDED | r.ORDER_STATE_CANCELLED << 8 | r.CANCEL_SELF_TRADE << 16,
        3, 9, 0, 8, 7, 0, 0,
    ) + struct.pack("<4q", 2_010, 11, 0, 0)
    trade = struct.pack(
        "<4q2I9q2Iq",
        5, 6, 2_015, 15, 66, 64, 45_000, 60_000, 1, 1_700_000_000_789,
        50_000_123_456, 2_500_000_000, 50_100_000_000, 3, 1_511_250_000, 6, 9, 0,
    )
    settled = struct.pack("<8q", -15, -9_000, 45, 49_876_543_210, 99, -1_511_250_000, 0, 4_242)
    return {
        "rejected": _event(1, 2, 0, 64, 7, 77, struct.pack("<2IQ2q", 16, 2, (1 << 64) - 1, 2_100, -1)),
        "rejected_quote": _event(1, 2, 1, 66, 7, 0, struct.pack("<2IQ2q", 29, 5, 6, 0, 3)),
        "order": _event(2, 4, 2, 64, 7, 77, order),
        "order_moved": _event(2, 5, 0, 64, 7, 77, cancelled),
        "trade": _event(3, 5, 1, 64, 7, 4, trade),
        "cash": _event(4, 3, 0, 67, 0, 13, struct.pack("<2q2Iq", -250_000_000, 750_000_000, 2, 3, 99)),
        "settled": _event(5, 4, 0, 64, 9, 1, settled),
        "account": _event(6, 3, 0, 67, 0, 0, bytes(range(1, 21)) + bytes(4) + struct.pack("<2q", 99, 1)),
        "instrument": _event(7, 8, 0, 0, 9, 0, c.pack_terms(OPTION) + struct.pack("<2q", 2, 99)),
        "marked": _event(8, 2, 0, 0, 3, 99, struct.pack("<3q", 50_000_123_456, 2, 98)),
        "done": _event(9, 2, 3, 66, 0, 0, struct.pack("<2IQq", 5, 2, 6, 99)),
        "underlying": _event(
            10, 2, 0, 0, 3, 0, struct.pack("<2q", int.from_bytes(b"SOLANA88", "little"), 99)
        ),
    }


def as_json(made: dict[str, bytes]) -> str:
    """Names to hex, one a line."""
    return json.dumps({name: data.hex() for name, data in made.items()}, indent=1) + "\n"


def main() -> int:
    """Print both sets."""
    sys.stdout.write(as_json(commands()) + as_json(events()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
