"""What rules 2 adds, at its limits and one beyond: compiled integers must not wrap there."""

from __future__ import annotations

import struct

import pytest

from exchange.core.engine import Engine
from exchange.core.layout import A_CASH, ACCOUNT_WORDS
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits as m
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CALL,
    IOC,
    PERP,
    RISK,
    SELL,
    Market,
    of,
    only,
    reason,
    under_rules_2,
)

INDEX_MICRO = 1 << 42
LOT_E8 = 1 << 20  # index · lot is MAX_PRODUCT
PER_LOT_MICRO = -(-(INDEX_MICRO * LOT_E8) // 10**8)
LOTS = m.MAX_VALUE_MICRO // PER_LOT_MICRO


def dearest(engine: Engine | ReferenceEngine) -> Market:
    """One lot is worth as much as it may, and accounts can pay for as many as there may be."""
    small = CALL._replace(tick_micro=10**8, lot_e8=LOT_E8, price_limit_ticks=1, position_limit_lots=LOTS)
    market = Market.__new__(Market)
    market.engine = engine
    market.deposits = market.feed = 0
    market.send(c.set_rules(2), c.list_underlying(0, "BTC"), cr.risk(0, RISK))
    market.send(c.list_instrument(0, small._replace(strike_micro=1)))
    market.send(c.list_instrument(1, PERP._replace(tick_micro=10**8, lot_e8=LOT_E8, price_limit_ticks=1)))
    for account in (ALICE, BOB):
        market.send(c.create_account(account))
        for _ in range(2):
            market.deposit(account, m.MAX_DEPOSIT_MICRO)
    rate = m.MAX_FEE_PPM
    market.send(cr.set_fees([cr.FeeTier(-rate, rate, -rate, rate), cr.FeeTier(rate, rate, rate, rate)]))
    unit = c.Mark(0, 0, INDEX_MICRO - 1, 0, INDEX_MICRO)
    only(market.send(c.marks(0, INDEX_MICRO, 1, [unit])), e.Marked)
    return market


@pytest.mark.parametrize("lots", [1, LOTS - 1, LOTS])
def test_the_largest_fees_and_rebates(engine_class: type[Engine | ReferenceEngine], lots: int) -> None:
    market = dearest(engine_class())
    market.rests(ALICE, 1, lots, SELL)
    done = of(market.order(BOB, 1, lots, IOC), e.Trade)[0]
    up, down = -(-PER_LOT_MICRO * m.MAX_FEE_PPM // 1000), PER_LOT_MICRO * m.MAX_FEE_PPM // 1000
    assert done.taker_fee_micro == -(-up * lots // 1000)
    assert done.maker_fee_micro == -(down * lots // 1000)
    market.send(cr.set_tier(ALICE, 1), cr.set_tier(BOB, 1))
    market.rests(BOB, 1, lots, SELL)
    back = of(market.order(ALICE, 1, lots, IOC), e.Trade)[0]
    assert back.maker_fee_micro == back.taker_fee_micro == done.taker_fee_micro


def test_the_position_limit_itself(engine_class: type[Engine | ReferenceEngine]) -> None:
    market = dearest(engine_class())
    assert reason(market.order(ALICE, 1, LOTS + 1)) == "position_limit"
    market.rests(ALICE, 1, LOTS)


@pytest.mark.parametrize("amount", [1, m.MAX_DEPOSIT_MICRO - 1, m.MAX_DEPOSIT_MICRO])
def test_the_largest_amounts_move(engine_class: type[Engine | ReferenceEngine], amount: int) -> None:
    market = dearest(engine_class())
    market.send(c.create_account(66, bytes(20), ALICE))
    assert len(of(market.send(cr.transfer(ALICE, 66, amount, 1)), e.Cash)) == 2
    assert only(market.send(c.withdraw(66, amount, 1)), e.Cash).balance_micro == 0
    assert only(market.send(cr.resolve_withdrawal(1, 1)), e.Cash).balance_micro == amount
    assert reason(market.send(c.withdraw(66, m.MAX_DEPOSIT_MICRO + 1, 2))) == "bad_value"
    assert reason(market.send(cr.transfer(66, ALICE, m.MAX_DEPOSIT_MICRO + 1, 2))) == "bad_value"


@pytest.mark.parametrize("ident", [1, m.I64_MAX - 1, m.I64_MAX])
def test_the_largest_ids(engine_class: type[Engine | ReferenceEngine], ident: int) -> None:
    market = dearest(engine_class())
    market.send(c.create_account(66, bytes(20), ALICE))
    assert only(market.send(c.withdraw(ALICE, 1, ident)), e.Cash).head.id == ident
    assert only(market.send(cr.resolve_withdrawal(ident, 0)), e.Cash).head.id == ident
    assert {cash.head.id for cash in of(market.send(cr.transfer(ALICE, 66, 1, ident)), e.Cash)} == {ident}
    assert len(of(market.send(cr.transfer(ALICE, 66, 1, -ident)), e.Cash)) == 2, "echoed, not interpreted"


def test_pending_withdrawals_are_bounded() -> None:
    engine = Engine()
    market = under_rules_2(Market(engine))
    world = engine.world
    for ident in range(1, m.MAX_PENDING_WITHDRAWALS):
        world.pending[ident] = (ALICE, 1)
    only(market.send(c.withdraw(ALICE, 1, m.MAX_PENDING_WITHDRAWALS)), e.Cash)
    assert reason(market.send(c.withdraw(ALICE, 1, 1 << 40))) == "limit_reached"
    only(market.send(cr.resolve_withdrawal(m.MAX_PENDING_WITHDRAWALS, 1)), e.Cash)
    only(market.send(c.withdraw(ALICE, 1, 1 << 40)), e.Cash)


@pytest.mark.parametrize("sign", [1, -1])
def test_no_transfer_to_cash_that_has_run_away(sign: int) -> None:
    engine = Engine()
    market = under_rules_2(Market(engine))
    market.send(c.create_account(67, bytes(20), ALICE))
    cash = 67 * ACCOUNT_WORDS + A_CASH
    engine.world.accounts[cash] = sign * m.ACCUMULATION_LIMIT
    assert reason(market.send(cr.transfer(ALICE, 67, 1, 1))) == "limit_reached"
    assert reason(market.send(cr.transfer(ALICE, 67, 10**15, 1))) == "limit_reached", "before the funds"
    engine.world.accounts[cash] = sign * (m.ACCUMULATION_LIMIT - 1)
    assert len(of(market.send(cr.transfer(ALICE, 67, 1, 1)), e.Cash)) == 2


def test_flags_and_words_are_read_whole(market_2: Market) -> None:
    """A value that would be small if cut to 32 bits is not."""
    wide = 1 << 32
    body = struct.pack("<4q", 1, wide + ALICE, 1, 0)
    assert reason(market_2.send(c.header(r.TRANSFER, 2, account=BOB) + body)) == "unknown_account"
    body = struct.pack("<4q", wide, 0, 0, 0)
    assert reason(market_2.send(c.header(r.SET_CAPS, 2, account=BOB) + body)) == "bad_value"
    assert reason(market_2.send(c.header(r.SET_TIER, 1, flags=0xFFFFFFFF, account=BOB))) == "bad_flags"
    assert reason(market_2.send(c.create_account(67, bytes(20), wide + ALICE))) == "unknown_account"
