"""Nothing makes value: whatever a family does with itself, it comes out with no more than it had.

A main account, a subaccount and a second one trade, amend, move cash and withdraw among themselves, in one
lot and one micro-unit as in many, at marks that do not move, under fees with the largest rebates; under rules
4 in a combo too, at a discount, and in its legs by implied orders. Positions and entry values cancel out
within the family, so its wealth is its cash with what it has asked to withdraw.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.core.layout import A_CASH, ACCOUNT_WORDS
from exchange.core.risk_queries import total_cash
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain.commands_combos import list_combo
from exchange.domain.legs import ComboLeg
from exchange.domain.limits import ACCOUNT_FEES, ACCOUNT_WITHDRAWALS, MAX_FEE_PPM
from tests.unit.core.harness import CALL, EXPIRY_MS, IOC, PERP, PERPETUAL, RISK, only

FAMILY = (64, 65, 66)
CALLS, PUTS, COMBO = 0, 2, 3
WEALTH_MICRO = 10**12
# Lots whose index is worth 3 micro-USDC, 0.7 of one (rounded up) and 500 USDC.
TINY, SMALLEST, USUAL = 300, 70, 50_000_000_000
TERMS = {
    TINY: CALL._replace(lot_e8=100, fee_cap_permille=125, delivery_fee_ppm=150, strike_micro=2 * 10**6),
    SMALLEST: CALL._replace(lot_e8=100, fee_cap_permille=1, delivery_fee_ppm=100_000, strike_micro=10**6),
    USUAL: CALL._replace(fee_cap_permille=125, delivery_fee_ppm=150),
}
INDEX_MICRO = {TINY: 3 * 10**6, SMALLEST: 700_000, USUAL: USUAL}
SCHEDULES = (
    (cr.FeeTier(-MAX_FEE_PPM, MAX_FEE_PPM, -MAX_FEE_PPM, MAX_FEE_PPM),),
    (cr.FeeTier(-1, 1, -1, 1), cr.FeeTier(0, 7, -1, 1)),
    (cr.FeeTier(300, 400, 100, 500), cr.FeeTier(-350, 350, -400, 450)),
)


class Household:
    """An engine with nobody in it but one family of three accounts."""

    def __init__(
        self, size: int, schedule: tuple[cr.FeeTier, ...], rules: int = 2, discount_permille: int = 0
    ) -> None:
        self.engine = Engine()
        self.size = size
        self.index_micro = INDEX_MICRO[size]
        self.withdrawals = 0
        terms = TERMS[size]
        put = terms._replace(option_type=r.OPTION_PUT)
        perp = PERP._replace(lot_e8=terms.lot_e8)
        self.send(c.set_rules(rules), c.list_underlying(0, "BTC"), c.create_account(64))
        self.send(c.create_account(65, bytes(20), 64), c.create_account(66, bytes(20), 64))
        self.send(cr.risk(0, RISK), cr.set_fees(schedule, discount_permille), cr.set_tier(65, 1))
        for number, listed in enumerate((terms, perp, put)):
            only(self.send(c.list_instrument(number, listed)), e.Instrument)
        marks = [c.Mark(n, 0, self.index_micro if n == 1 else 0, 0, self.index_micro) for n in range(3)]
        only(self.send(c.marks(0, self.index_micro, 1, marks)), e.Marked)
        if rules >= 4:
            only(self.send(list_combo(COMBO, [ComboLeg(CALLS, 1), ComboLeg(PUTS, -1)])), e.Instrument)
        for number, account in enumerate(FAMILY):
            self.send(c.deposit(account, WEALTH_MICRO, number + 1))

    def send(self, *commands: bytes) -> list[e.Event]:
        return list(e.read_events(self.engine.apply(b"".join(commands))))

    def cash(self, account: int) -> int:
        cash: int = self.engine.world.accounts[account * ACCOUNT_WORDS + A_CASH]
        return cash

    @property
    def wealth(self) -> int:
        """Cash of the family and what it has asked to withdraw."""
        return sum(map(self.cash, FAMILY)) + self.cash(ACCOUNT_WITHDRAWALS)


LOTS = st.one_of(st.just(1), st.integers(1, 400))
WHO = st.sampled_from(FAMILY)
WHAT = st.sampled_from((CALLS, PERPETUAL, PUTS, COMBO))
FLAGS = st.sampled_from((0, 0, 0, IOC, r.FLAG_POST_ONLY, r.TYPE_MARKET << r.TYPE_SHIFT | IOC))
TICKS = st.integers(1, 4)


def price(house: Household, at: int, ticks: int) -> int:
    """One of four prices, near the index for a perpetual, about nothing for a combo."""
    if at == COMBO:
        return ticks - 2
    return ticks + (house.index_micro // 10**6 - 2 if at == PERPETUAL and house.size == USUAL else 0)


def order(house: Household, who: int, at: int, ticks: int, lots: int, flags: int, sell: int) -> bytes:
    market = flags & (r.TYPE_MASK << r.TYPE_SHIFT)
    ticks = 0 if market else price(house, at, ticks)
    display = 0 if flags or at == COMBO else lots // 3
    return c.new_order(who, at, flags | sell, ticks, lots, display_lots=display)


def amend(house: Household, who: int, ident: int, ticks: int, lots: int) -> bytes:
    return c.amend(who, ident, price_ticks=price(house, ident % 4, ticks), size_lots=lots)


def quote(house: Household, who: int, at: int, ticks: int, lots: int) -> bytes:
    bid = price(house, at, ticks)
    return c.mass_quote(who, [c.Quote(at, bid, lots, bid + 1, lots)])


def withdraw(house: Household, who: int, amount: int) -> bytes:
    house.withdrawals += 1
    return c.withdraw(who, amount, house.withdrawals)


def deliver(house: Household, at: int) -> bytes:
    return c.time(EXPIRY_MS) + c.deliver(at, house.index_micro + house.index_micro // 7)


ACTIONS: dict[Callable[..., bytes], tuple[st.SearchStrategy[object], ...]] = {
    order: (WHO, WHAT, TICKS, LOTS, FLAGS, st.sampled_from((0, r.FLAG_SELL))),
    amend: (WHO, st.integers(1, 20), TICKS, LOTS),
    quote: (WHO, WHAT, TICKS, LOTS),
    withdraw: (WHO, st.integers(1, 9)),
    (lambda _, who, to, amount: cr.transfer(who, to, amount, 0)): (WHO, WHO, st.integers(1, 10**7)),
    (lambda _, ident: cr.resolve_withdrawal(ident, r.WITHDRAWAL_CANCELLED)): (st.integers(1, 4),),
    (lambda _, rate: c.funding(PERPETUAL, rate)): (st.integers(-3, 3),),
    (lambda house, ticks: c.settle_perpetual(PERPETUAL, price(house, PERPETUAL, ticks))): (TICKS,),
    (lambda _, who, tier: cr.set_tier(who, tier)): (WHO, st.integers(0, 7)),
    (lambda _, who, ident: c.cancel(who, ident)): (WHO, st.integers(1, 20)),
    (lambda _, who, cancels: c.configure_account(who, cancel_maker=cancels)): (WHO, st.booleans()),
}
ORDERS = st.tuples(st.just(order), st.tuples(*ACTIONS[order]))
OTHERS = st.one_of([st.tuples(st.just(action), st.tuples(*given)) for action, given in ACTIONS.items()])
STEPS = st.lists(st.one_of(ORDERS, ORDERS, OTHERS), min_size=25, max_size=50)


@pytest.mark.parametrize("size", TERMS)
@settings(max_examples=60)
@given(
    schedule=st.sampled_from(SCHEDULES),
    steps=STEPS,
    rules=st.sampled_from((2, 3, 4, 4)),
    discount_permille=st.sampled_from((0, 333, 1_000)),
)
def test_a_family_never_gains_from_itself(
    size: int,
    schedule: tuple[cr.FeeTier, ...],
    steps: list[tuple[Callable[..., bytes], tuple[object, ...]]],
    rules: int,
    discount_permille: int,
) -> None:
    house = Household(size, schedule, rules, discount_permille)
    wealth, fees = house.wealth, 0
    for action, given_to in steps:
        house.send(action(house, *given_to))
        assert house.wealth <= wealth, action
        assert house.cash(ACCOUNT_FEES) >= fees, "a rebate was more than the fee beside it"
        wealth, fees = house.wealth, house.cash(ACCOUNT_FEES)
        assert total_cash(house.engine) == 0
    event(f"rules {rules}, matches: {min(house.engine.world.next_trade - 1, 8)}")
    check(house.engine)
    house.send(deliver(house, CALLS), deliver(house, PUTS))
    assert house.wealth <= wealth
    assert house.wealth + house.cash(ACCOUNT_FEES) == len(FAMILY) * WEALTH_MICRO
    check(house.engine)
