"""The float twins on worked examples: public rules of Deribit and Derive, every figure worked out by hand.

Figures are in USDC. "1 BTC" means a size of one lot of one unit; the integer engines are compared with the
twins elsewhere (tests/property/test_margin_twins.py).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pricing.scenarios import UNCHANGED, DeriveParameters, grid_of, scenario_values
from tests.reference import margin_float as twin
from tests.reference.margin_float import CALL, PERPETUAL, PUT, Holding, Parameters

DERIBIT = Parameters()  # 0.15, 0.10, 0.075; uncovered calls 1.2 and 1.1 as in Derive's SRM
close = pytest.approx


def by_name(_: object) -> Parameters:
    return DERIBIT


def option(kind: str, strike: float, size: float, mark: float, forward: float = 10_000.0) -> Holding:
    return Holding(kind, size, mark, forward, forward, strike=strike, expiry="DEC")


def standard(*holdings: Holding) -> tuple[float, float]:
    return twin.standard(holdings, by_name)


# --- one short option: Deribit's margin page -----------------------------------------------------------


def test_short_call_out_of_the_money() -> None:
    # 500 of 10,000 out of the money: max(0.15 − 0.05, 0.10) = 0.10; IM 1,000 + 200; MM 750 + 200.
    assert standard(option(CALL, 10_500, -1, 200)) == close((1_200, 950))


def test_short_call_a_little_out_of_the_money() -> None:
    # 200 out: max(0.15 − 0.02, 0.10) = 0.13; IM 1,300 + 350.
    assert standard(option(CALL, 10_200, -1, 350)) == close((1_650, 1_100))


def test_short_call_in_the_money_has_no_amount_out_of_it() -> None:
    # 0.15·10,000 + 1,100; MM 750 + 1,100. Two of them: twice that.
    assert standard(option(CALL, 9_000, -1, 1_100)) == close((2_600, 1_850))
    assert standard(option(CALL, 9_000, -2, 1_100)) == close((5_200, 3_700))


def test_short_put_out_of_the_money() -> None:
    # 2,000 out: max(0.15 − 0.2, 0.10) = 0.10; IM 1,000 + 50; MM max(750, 0.075·50) + 50 = 800.
    assert standard(option(PUT, 8_000, -1, 50)) == close((1_050, 800))


def test_short_put_so_deep_in_the_money_that_maintenance_is_the_larger() -> None:
    # Mark 30,000 on a forward of 10,000: MM = max(750, 0.075·30,000 = 2,250) + 30,000 = 32,250, above
    # 0.15·10,000 + 30,000 = 31,500, so it is the initial margin too.
    assert twin.isolated(option(PUT, 40_000, -1, 30_000), DERIBIT) == close((32_250, 32_250))


def test_a_long_option_costs_its_premium_and_nothing_more() -> None:
    assert standard(option(CALL, 10_000, 3, 500)) == (0, 0)
    assert twin.standard_balance(1_000, [option(CALL, 10_000, 3, 500)]) == 1_000
    assert twin.equity(1_000, [option(CALL, 10_000, 3, 500)]) == 2_500


# --- spreads of one expiry: Derive's SRM ----------------------------------------------------------------


def test_bear_call_spread_loses_the_width_at_most() -> None:
    # Short 1,800 call, long 2,000 call: the most it can lose is 200 (the example of Derive's SRM page).
    spread = [option(CALL, 1_800, -1, 210, 1_900), option(CALL, 2_000, 1, 120, 1_900)]
    assert standard(*spread) == close((200, 200))


def test_relief_sets_aside_what_delivery_will_cost() -> None:
    # 0.015 % of 10,000 for each of two lots, on top of the width of 200; a debit spread pays only that.
    credit = [option(CALL, 9_800, -1, 400), option(CALL, 10_000, 1, 300)]
    spread = [replace(leg, delivery=0.00015) for leg in credit]
    assert standard(*spread) == close((203, 203))
    assert standard(*(replace(leg, size=-leg.size) for leg in spread)) == close((3, 3))
    # An offer of the debit spread's long leg leaves both lots to be delivered; now the short one is naked:
    # max(0.15, 0.10)·10,000 + 300 is more than nothing lost below 9,800, 12,000 uncovered and the fees.
    offered = [replace(spread[0], size=1, offers=1), replace(spread[1], size=-1)]
    assert standard(*offered) == close((1_800, 3))
    # Worth less than the fees: as if each stood alone, and nothing is short.
    assert standard(replace(spread[1], size=5)) == (0, 0)


def test_bull_call_spread_cannot_lose_more_than_was_paid() -> None:
    spread = [option(CALL, 1_800, 1, 210, 1_900), option(CALL, 2_000, -1, 120, 1_900)]
    assert standard(*spread) == close((0, 0))


def test_credit_and_debit_put_spreads() -> None:
    # Short 9,000 put, long 8,500 put: 500 at any price up to 8,500. The other way round nothing.
    credit = [option(PUT, 9_000, -1, 300), option(PUT, 8_500, 1, 180)]
    assert standard(*credit) == close((500, 500))
    assert standard(*(replace(leg, size=-leg.size) for leg in credit)) == close((0, 0))


def test_a_wide_spread_takes_the_better_of_both_rules() -> None:
    # Width 6,000, but the short call alone needs 0.10·10,000 + 100 = 1,100 (MM 750 + 100).
    assert standard(option(CALL, 12_000, -1, 100), option(CALL, 18_000, 1, 5)) == close((1_100, 850))


def test_ratio_spread_leaves_one_call_uncovered() -> None:
    # Long one 10,000 call, short two 10,500: worst over strikes is 0 (at 10,500 it wins 500); one net short
    # call: 1.2·10,000 = 12,000. Two shorts alone: 2·(1,000 + 200) = 2,400 and 2·950: the better.
    legs = [option(CALL, 10_000, 1, 400), option(CALL, 10_500, -2, 200)]
    assert standard(*legs) == close((2_400, 1_900))
    # Dear options: alone 2·(1,500 + 14,000); covered: max(0, −500 + …) = 0, then 12,000 and 11,000.
    dear = [option(CALL, 100, 1, 15_000), option(CALL, 600, -2, 14_000)]
    assert standard(*dear) == close((12_000, 11_000))


def test_short_strangle_adds_up() -> None:
    # Call 11,000: 0.10·10,000 + 150; put 9,000: 0.10·10,000 + 120. Relief would be 9,000 + 12,000.
    assert standard(option(CALL, 11_000, -1, 150), option(PUT, 9_000, -1, 120)) == close((2_270, 1_770))


def test_iron_condor_loses_on_one_side_only() -> None:
    # Wings 300 wide on both sides: 300, not 600.
    legs = [option(PUT, 8_700, 1, 60), option(PUT, 9_000, -1, 120), option(CALL, 11_000, -1, 150),
            option(CALL, 11_300, 1, 90)]  # fmt: skip
    assert standard(*legs) == close((300, 300))


def test_expiries_do_not_relieve_each_other() -> None:
    near, far = option(CALL, 10_500, -1, 200), replace(option(CALL, 10_500, 1, 400), expiry="MAR")
    assert standard(near, far) == close((1_200, 950))


def test_offers_count_as_sold_and_bids_are_paid_by_what_they_hold() -> None:
    bid = twin.order_hold(option(CALL, 10_500, 0, 200), 190, sell=False, fee_rate=0.0003, fee_cap=0.125,
                          portfolio_model=False)  # fmt: skip
    assert bid == close(190 + 3)  # 0.03 % of 10,000; the cap of 12.5 % of 190 is far away
    # A sale without a cap on its fee holds what its price leaves unpaid of that.
    for price, held in ((1.0, 2.0), (3.0, 0.0), (190.0, 0.0)):
        sold = twin.order_hold(option(CALL, 10_500, 0, 200), price, sell=True, fee_rate=0.0003, fee_cap=None,
                               portfolio_model=False)  # fmt: skip
        assert sold == close(held)
    offered = replace(option(CALL, 10_500, 0, 200), offers=2.0)
    assert standard(offered) == close((2_400, 0))
    wide = replace(option(CALL, 10_500, 0, 200), bids=1.0, hold=bid)
    assert standard(wide) == close((193, 0))


def test_perpetual_needs_its_share_of_the_larger_way() -> None:
    held = Holding(PERPETUAL, 2, 10_000, 10_000, 10_000, bids=1, offers=5)
    # Filled offers: −3; filled bids: +3. IM 3·500, MM 2·250.
    assert standard(held) == close((1_500, 500))
    assert twin.standard_balance(0, [replace(held, entry=19_000)]) == close(1_000)


# --- portfolio margin ------------------------------------------------------------------------------------

OTM_SPREAD_FORWARD = 2_682.9997436016715
OTM_SPREAD_YEARS = 794_852 / 86_400 / 365
# Published losses of Derive's PMRM 2 for a short 4,000 and a long 4,200 call (ETH, 9.2 days, volatilities
# 87.96 % and 88.33 %): move, volatility, profit. The mark there is discounted by 0.99623, so each is
# 0.000737 below a profit measured from the undiscounted mark, before the weight of the tails.
DISCOUNT = 0.1952069642786456 - 0.1944703408568294
PUBLISHED = (
    (0.18, 0.5, -22.155960343313989), (0.135, -0.275, 0.147992774657461), (0.135, 0.0, -2.612005878134634),
    (0.135, 0.5, -16.586851489650812), (0.09, -0.275, 0.187300853149851), (0.09, 0.0, -1.103923235143908),
    (0.045, 0.5, -8.285380685592353), (0.0, -0.275, 0.194404464035709), (0.0, 0.5, -5.458760994683610),
    (-0.045, 0.0, 0.133015873822556), (-0.09, 0.5, -1.950895298724726), (-0.18, 0.5, -0.431448504800220),
    (0.5, 0.5, -5.945789781026996), (1.0, 0.5, -6.016806447312971), (2.0, 0.5, -3.582818984059084),
    (3.0, 0.5, -2.397534215691246),
)  # fmt: skip


def derive_spread() -> tuple[list[Holding], list[tuple[float, float, float]]]:
    """The two legs with their gains per scenario, and (move, change of volatility, weight) of each."""
    scenarios = DeriveParameters().scenarios()
    moves, rules, weights = grid_of(scenarios)
    legs = []
    for strike, vol, size in ((4_000.0, 0.8795543651099665, -1), (4_200.0, 0.8833255402190362, 1)):
        ours = (OTM_SPREAD_FORWARD, strike, [OTM_SPREAD_YEARS], vol, True)
        mark = float(scenario_values(*ours, [0.0], [UNCHANGED])[0, 0])
        gains = list(map(float, (scenario_values(*ours, moves, rules)[:, 0] - mark) * weights))
        legs.append(
            Holding(CALL, size, mark, OTM_SPREAD_FORWARD, 2_681.6029850999994, strike=strike, gains=gains)
        )
    return legs, [(s.move, s.rule.change, s.weight) for s in scenarios]


def test_pmrm_call_spread_loses_what_derive_publishes() -> None:
    legs, grid = derive_spread()
    losses = twin.losses(legs, Parameters(extended_from=len(grid)), with_orders=False)
    found = {(move, change): n for n, (move, change, _) in enumerate(grid)}
    for move, change, profit in PUBLISHED:
        n = found[move, change]
        loss, weight = losses[n], grid[n][2]
        assert loss == close(-profit - DISCOUNT * weight, abs=1e-9)


def test_pmrm_call_spread_initial_margin() -> None:
    # Published: worst loss 22.155960, contingency 0.005·2,681.603 = 13.408015 for one naked short; together
    # with the mark to market (which is in our balance) 35.758446.
    legs, grid = derive_spread()
    p = Parameters(short=0.005, portfolio_mm=0.8, extended_from=len(grid))
    initial, maintenance = twin.portfolio(legs, lambda _: p)
    assert initial == close(22.15596034331399 - DISCOUNT + 13.4080149255, abs=1e-9)
    assert initial - twin.equity(0.0, legs) == close(35.75844560967082, abs=1e-9)
    assert maintenance == close(0.8 * initial)


def perpetual(size: float, gains: list[float] | None = None, **more: float) -> Holding:
    return Holding(PERPETUAL, size, 2_253.2, 2_253.2, 2_253.2, gains=gains, **more)


def test_a_future_loses_the_move() -> None:
    # 10 ETH at 2,253.2, ±15 %: 3,379.80 (a public venue's table: −3,380 … 3,380 in steps of 676).
    gains = [2_253.2 * move / 100 for move in range(-15, 16, 3)]
    losses = twin.losses([perpetual(10, gains)], Parameters(), with_orders=False)
    assert [round(-loss) for loss in losses] == [
        -3_380, -2_704, -2_028, -1_352, -676, 0, 676, 1_352, 2_028, 2_704, 3_380,
    ]  # fmt: skip
    assert twin.portfolio([perpetual(10, gains)], by_name) == close((3_379.8, 0.8 * 3_379.8))


def test_offsetting_expiries_pay_the_roll() -> None:
    # Deribit's example: long 100 in one future, short 100 in another: 1 % of 100.
    def future(size: float, expiry: str) -> Holding:
        return Holding(CALL, size, 0, 1, 1, expiry=expiry, delta=1.0, gains=[0.0])

    p = Parameters(roll=0.01)
    def roll(a: float, b: float) -> float:
        return twin.portfolio_parts([future(a, "A"), future(b, "B")], p, with_orders=False).roll

    assert roll(100, -100) == close(1.0)
    assert roll(100, -60) == close(0.6)  # 60 are offset
    assert roll(100, 60) == 0


def test_delta_shock_beyond_its_threshold() -> None:
    # 40 calls of delta 0.5 at an index of 10,000: 200,000; beyond 150,000: 50,000 at 2 %.
    held = replace(option(CALL, 10_000, 40, 500), delta=0.5, gains=[0.0])
    p = Parameters(shock=0.02, shock_threshold=150_000)
    assert twin.portfolio_parts([held], p, with_orders=False).shock == close(1_000)
    # A perpetual sold against it takes it away.
    hedge = Holding(PERPETUAL, -20, 10_000, 10_000, 10_000, gains=[0.0])
    assert twin.portfolio_parts([held, hedge], p, with_orders=False).shock == 0


def test_dampener_and_extended_scenarios() -> None:
    # Scenario 0 counts in full, scenario 1 is extended: 900 less 500; a small tail is nothing.
    p = Parameters(extended_from=1, dampener=500)
    short = replace(option(CALL, 10_500, -1, 200), gains=[300.0, 900.0])
    assert twin.losses([short], p, with_orders=False) == [300, 400]
    small = replace(short, gains=[300.0, 450.0])
    assert twin.losses([small], p, with_orders=False) == [300, 0]


def test_naked_shorts_pay_a_contingency_each() -> None:
    # Deribit once: 0.01 of the underlying per net short option: 10 short at an index of 10,000: 1,000.
    short = replace(option(PUT, 9_000, -10, 100), gains=[0.0])
    assert twin.portfolio([short], lambda _: Parameters(short=0.01)) == close((1_000, 800))


def test_open_orders_count_where_they_would_lose() -> None:
    # Long 2 that gain 10 or lose 30 a lot; a bid for 1 loses 30 in the second, an offer of 3 10 in the first.
    held = Holding(CALL, 2, 100, 1_000, 1_000, expiry="DEC", delta=0.0, bids=1, offers=3, gains=[10.0, -30.0])
    assert twin.losses([held], Parameters(), with_orders=True) == [-20 + 30, 60 + 30]
    assert twin.losses([held], Parameters(), with_orders=False) == [-20, 60]


def test_without_a_table_a_position_stands_alone() -> None:
    # As standard margin would: short call 1,200 and 950 (times 0.8).
    assert twin.portfolio([option(CALL, 10_500, -1, 200)], by_name) == close((1_200, 760))
    # A long one counts in equity and may lose all of it: its mark. Two bid for may, too.
    assert twin.portfolio([option(CALL, 10_500, 1, 200)], by_name) == close((200, 160))
    bids = replace(option(CALL, 10_500, 1, 200), delta=0.0, bids=2.0)
    assert twin.portfolio([bids], by_name) == close((600, 160))
    naked = Holding(PERPETUAL, -2, 10_000, 10_000, 10_000)
    assert twin.portfolio([naked], by_name) == close((1_000, 400))


def test_a_hedged_book_needs_less_than_its_parts() -> None:
    # A perpetual short against a long call: the worst of both together.
    call = replace(option(CALL, 10_000, 1, 500), gains=[900.0, -400.0])
    hedge = Holding(PERPETUAL, -1, 10_000, 10_000, 10_000, gains=[1_600.0, -1_600.0])
    assert twin.portfolio([call, hedge], by_name)[0] == close(700)
    assert twin.portfolio([call], by_name)[0] == close(400)
    assert twin.portfolio([hedge], by_name)[0] == close(1_600)
