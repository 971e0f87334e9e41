"""The JSON objects of money that moves: transfers, withdrawals, deposits, settlements, fundings.

Amounts are given in micro-USDC, times in milliseconds. `seq` is our extra field: the sequence number of
the command behind the movement.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.wire import names
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.objects import JsonObject

SETTLEMENT: Final = "settlement"
DELIVERY: Final = "delivery"
BANKRUPTCY: Final = "bankruptcy"
SETTLEMENT_TYPES: Final = (SETTLEMENT, DELIVERY, BANKRUPTCY)

WITHDRAWAL_HELD: Final = "unconfirmed"
WITHDRAWAL_PAID: Final = "completed"
WITHDRAWAL_CANCELLED: Final = "cancelled"


class Settlement(NamedTuple):
    """One settlement of an account, or of the whole market of an instrument.

    `view` is None for a bankruptcy, which concerns an account. `position_lots` is signed for an account
    and the open interest for a market. `profit_micro` is what was realised (of a market: by those who
    gained), `funding_micro` what was received as funding (of a market: by all who received it),
    `covered_micro` what the insurance fund paid, `shared_micro` what other accounts paid.
    """

    kind: str
    seq: int
    time_ms: int
    view: InstrumentView | None
    position_lots: int = 0
    index_micro: int = 0
    mark_micro: int = 0
    profit_micro: int = 0
    funding_micro: int = 0
    covered_micro: int = 0
    shared_micro: int = 0


def settlement_object(row: Settlement) -> JsonObject:
    """`<settlement>`. A bankruptcy has no instrument: its name is empty and its prices are zero."""
    view = row.view
    found: JsonObject = {
        "type": row.kind,
        "timestamp": row.time_ms,
        "instrument_name": view.name if view is not None else "",
        "position": view.amount(row.position_lots) if view is not None else 0.0,
        "index_price": usdc(row.index_micro),
        "session_profit_loss": usdc(row.profit_micro),
        "profit_loss": usdc(row.profit_micro),
        "funding": usdc(row.funding_micro),
        "seq": row.seq,
    }
    if row.kind == BANKRUPTCY:
        found["session_bankruptcy"] = usdc(row.covered_micro + row.shared_micro)
        found["funded"] = usdc(row.covered_micro)
        found["socialized"] = usdc(row.shared_micro)
        found["session_tax"] = 0.0
        found["session_tax_rate"] = 0.0
    else:
        found["mark_price"] = usdc(row.mark_micro)
    return found


def transfer_object(
    ident: int, amount_micro: int, other_side: str, time_ms: int, *, incoming: bool, seq: int
) -> JsonObject:
    """`<transfer_item>` between accounts of one family; it takes effect at once, hence `confirmed`."""
    return {
        "id": ident,
        "type": "subaccount",
        "state": "confirmed",
        "direction": "income" if incoming else "payment",
        "currency": names.QUOTE_CURRENCY,
        "amount": usdc(amount_micro),
        "other_side": other_side,
        "created_timestamp": time_ms,
        "updated_timestamp": time_ms,
        "seq": seq,
    }


def withdrawal_object(
    ident: int, amount_micro: int, address: str, state: str, created_ms: int, updated_ms: int, seq: int
) -> JsonObject:
    """`<withdrawal>`: `unconfirmed` while it is held, then `completed` or `cancelled`.

    Coins are paid by a proof on the L1, not by a transaction of the venue: `transaction_id` is empty.
    """
    found: JsonObject = {
        "id": ident,
        "currency": names.QUOTE_CURRENCY,
        "address": address,
        "amount": usdc(amount_micro),
        "fee": 0.0,
        "priority": 0.0,
        "state": state,
        "transaction_id": "",
        "created_timestamp": created_ms,
        "updated_timestamp": updated_ms,
        "seq": seq,
    }
    if state == WITHDRAWAL_PAID:
        found["confirmed_timestamp"] = updated_ms
    return found


def deposit_object(ident: int, amount_micro: int, address: str, time_ms: int, seq: int) -> JsonObject:
    """`<deposit>`; `transaction_id` is the deposit's number on the L1."""
    return {
        "currency": names.QUOTE_CURRENCY,
        "address": address,
        "amount": usdc(amount_micro),
        "state": "completed",
        "transaction_id": str(ident),
        "received_timestamp": time_ms,
        "updated_timestamp": time_ms,
        "seq": seq,
    }


class Funding(NamedTuple):
    """One funding of a perpetual: the rate, and the index it was taken on."""

    time_ms: int
    index_micro: int
    rate_micro_per_lot: int
    lot_e8: int

    @property
    def interest(self) -> float:
        """What one unit of value paid, as a fraction: the rate over the index value of a lot."""
        value = self.index_micro * self.lot_e8
        return self.rate_micro_per_lot * 100_000_000 / value if value else 0.0
