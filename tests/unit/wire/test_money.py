"""Transfers, withdrawals, deposits and settlements as the dialect's clients read them."""

from __future__ import annotations

import msgspec
import pytest

from exchange.wire import money
from exchange.wire.money import Funding, Settlement
from tests.unit.wire import shapes
from tests.unit.wire.samples import OPTION, PERPETUAL
from tests.unit.wire.shapes import NUM


def checked(found: object, shape: shapes.Shape) -> dict[str, object]:
    decoded: dict[str, object] = msgspec.json.decode(msgspec.json.encode(found))
    shapes.check_shape(decoded, shape)
    return decoded


SETTLEMENT: shapes.Shape = {
    "funding": NUM,
    "index_price": NUM,
    "instrument_name": str,
    "position": NUM,
    "session_profit_loss": NUM,
    "timestamp": int,
    "type": str,
    "seq": int,
}
TRANSFER: shapes.Shape = {
    "id": int,
    "created_timestamp": int,
    "type": str,
    "currency": str,
    "amount": NUM,
    "other_side": str,
    "state": str,
    "direction": str,
    "updated_timestamp": int,
}
WITHDRAWAL: shapes.Shape = {
    "address": str,
    "amount": NUM,
    "currency": str,
    "fee": NUM,
    "id": int,
    "state": str,
    "transaction_id": str,
    "updated_timestamp": int,
}
DEPOSIT: shapes.Shape = {
    "address": str,
    "amount": NUM,
    "currency": str,
    "received_timestamp": int,
    "state": str,
    "transaction_id": str,
    "updated_timestamp": int,
}


def test_a_delivery() -> None:
    row = Settlement(money.DELIVERY, 7, 5, OPTION, -150, 10**11, 10**11, 2_500_000)
    found = checked(money.settlement_object(row), SETTLEMENT)
    assert (found["position"], found["session_profit_loss"], found["mark_price"]) == (-1.5, 2.5, 100_000)
    assert "funded" not in found


def test_a_funding_is_a_settlement_with_funding() -> None:
    row = Settlement(money.SETTLEMENT, 7, 5, PERPETUAL, 5, funding_micro=-1)
    found = checked(money.settlement_object(row), SETTLEMENT)
    assert (found["funding"], found["session_profit_loss"]) == (-0.000001, 0)


def test_a_bankruptcy_has_no_instrument() -> None:
    row = Settlement(money.BANKRUPTCY, 7, 5, None, covered_micro=3_000_000, shared_micro=1_000_000)
    found = checked(money.settlement_object(row), SETTLEMENT)
    assert (found["instrument_name"], found["position"]) == ("", 0)
    assert (found["session_bankruptcy"], found["funded"], found["socialized"]) == (4, 3, 1)
    assert "mark_price" not in found


@pytest.mark.parametrize(("incoming", "direction"), [(True, "income"), (False, "payment")])
def test_a_transfer(incoming: bool, direction: str) -> None:
    found = checked(money.transfer_object(3, 1, "bob", 5, incoming=incoming, seq=9), TRANSFER)
    assert (found["direction"], found["amount"]) == (direction, 0.000001)


def test_a_withdrawal_is_confirmed_when_it_is_paid() -> None:
    held = checked(money.withdrawal_object(1, 5_000_000, "0x1", money.WITHDRAWAL_HELD, 5, 5, 9), WITHDRAWAL)
    assert "confirmed_timestamp" not in held
    paid = checked(money.withdrawal_object(1, 5_000_000, "0x1", money.WITHDRAWAL_PAID, 5, 8, 9), WITHDRAWAL)
    assert (paid["confirmed_timestamp"], paid["created_timestamp"]) == (8, 5)


def test_a_deposit() -> None:
    found = checked(money.deposit_object(12, 7_000_000, "0x1", 5, 9), DEPOSIT)
    assert (found["transaction_id"], found["amount"]) == ("12", 7)


def test_interest_is_the_rate_over_the_value_of_a_lot() -> None:
    # 0.001 USDC of 100 USDC: a lot of 0.001 at 100,000.
    assert Funding(5, 10**11, 1_000, 100_000).interest == pytest.approx(1e-5)
    assert Funding(5, 10**11, -1_000, 100_000).interest == pytest.approx(-1e-5)
    assert Funding(5, 0, 1_000, 100_000).interest == 0
