"""Fill-or-kill is all or nothing whatever marks have done to whom it meets (docs/rules-2.md, Losing makers).

Accounts with positions on little more than their margin leave orders, icebergs and reduce-only ones too, in
books of both models; marks, fees and the index move; then fill-or-kill orders of any size come. What a look
finds must be filled.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from tests.unit.core.harness import FOK, REDUCE, SELL, USDC, last, of
from tests.unit.core.margins import ALICE, BOB, DORA, MARKS, PERPETUAL, MarginMarket, figures

WORLDS = 150
MAKERS = (ALICE, BOB)
CANCELLED, WHOLE, KILLED = "cancelled makers", "filled whole", "killed"


def positions(random: Random, market: MarginMarket) -> None:
    market.tables()
    rate = random.choice((-400, 0, 300, 1_000))
    market.must(cr.set_fees([cr.FeeTier(rate, 1_000, rate, 1_000)]), e.Fees)
    for maker in MAKERS:
        if random.random() < 0.5:
            market.portfolio(maker)
        for at in random.sample(sorted(MARKS), random.randint(1, 4)):
            market.hold(maker, at, random.choice((-1, 1)) * random.randint(1, 20))


def leave_orders(random: Random, market: MarginMarket, at: int, side: int) -> None:
    """Some a little apart, some in one level; and cash goes down to what they need."""
    price = MARKS[at][0]
    for _ in range(random.randint(3, 9)):
        maker = random.choice(MAKERS)
        lots = random.randint(1, 15)
        display = random.choice((0, 0, 1, 2, 4))
        flags = side | (REDUCE if random.random() < 0.2 else 0)
        ticks = price - random.randint(0, 3) * (-1 if side else 1)
        market.send(c.new_order(maker, at, flags, ticks, lots, display_lots=min(display, lots)))
    for maker in MAKERS:
        initial, _, balance, _ = figures(market, maker)
        free = balance - initial - random.choice((0, 0, 50, 400)) * USDC
        market.send(c.withdraw(maker, max(1, free), 1_000 + maker))


def move(random: Random, market: MarginMarket, at: int, side: int) -> None:
    """The mark beyond the orders, most times a little; sometimes the index, which fees follow."""
    price = MARKS[at][0]
    beyond = random.choice((0, 2, 3, price // 200, price // 50, price // 10))
    marks = {at: price + beyond if side else max(1, price - beyond)}
    market.mark(random.choice((50_000, 50_000, 55_000, 100_000)), marks)


def world(seed: int) -> Counter[str]:
    """What became of fill-or-kill orders after one move."""
    random = Random(seed)
    market = MarginMarket(Engine())
    positions(random, market)
    at = random.choice((PERPETUAL, random.choice(sorted(MARKS))))
    side = random.choice((0, SELL))
    leave_orders(random, market, at, side)
    move(random, market, at, side)
    found: Counter[str] = Counter()
    for lots in range(60, 0, -random.randint(1, 3)):
        events = market.order(DORA, at, 1 if side == 0 else 400_000, lots, FOK | (SELL - side))
        done = last(events, e.Order)
        assert (done.filled_lots, done.state) in (
            (lots, r.ORDER_STATE_FILLED), (0, r.ORDER_STATE_CANCELLED),
        ), (seed, done)  # fmt: skip
        found[WHOLE if done.filled_lots else KILLED] += 1
        found[CANCELLED] += any(order.reason == r.CANCEL_MARGIN for order in of(events, e.Order))
    return found


def test_fill_or_kill_is_all_or_nothing_after_any_move() -> None:
    found: Counter[str] = Counter()
    for seed in range(WORLDS):
        found += world(seed)
    assert found[WHOLE] > 100
    assert found[KILLED] > 100
