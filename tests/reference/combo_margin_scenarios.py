"""Scripted streams of combos (rules 4): makers that lose, what was reduced before, fill-or-kill."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.combo_scenarios import COMBO_SCENARIOS, FEED, FOK, REDUCE, combo, opening, order
from tests.reference.risk_opening import CAROL, DAVE, PARAMETERS, Stream
from tests.reference.scenarios import ALICE, BOB, INDEX_MICRO, OPTION
from tests.reference.trigger_scenarios import IOC, SELL

LATER = OPTION._replace(expiry_ms=2_000_000)  # no relief between expiries
USDC = 1_000_000
MARK_MICRO = 1_000 * USDC
BANKER = DAVE + 1  # rich, under the portfolio model where that is tried
FIRST_POOR = BANKER + 1
# Those of the opening have as much as there may be: somebody takes some of it out.
ROOM = c.withdraw(ALICE, 10**16, 1) + cr.resolve_withdrawal(1, r.WITHDRAWAL_PAID)


def signs() -> Iterator[bytes]:
    """A combo of every pattern of signs, of two to four legs, and a trade in its book."""
    yield opening(*[OPTION] * 4)
    number = 4
    for count in (1, 2, 3):
        for pattern in product((1, -1), repeat=count):
            legs = [(0, 1), *((n + 1, sign * (n + 1)) for n, sign in enumerate(pattern))]
            yield combo(number, *legs)
            price = 1_000 * sum(ratio for _, ratio in legs)
            yield order(ALICE, number, price, 2, SELL) + order(BOB, number, price + 7, 1)
            number += 1


def reduced() -> Iterator[bytes]:
    """A reduce-only order of a leg has nothing to reduce any more when what it implies is taken."""
    yield opening(OPTION, OPTION) + combo(2, (0, 1), (1, -1))
    # In: the ask of the first leg, then the bid of the second; out: the ask of the second.
    for leg, side, price in ((0, SELL, 1_010), (1, 0, 990), (1, SELL, 990)):
        back = 0 if side else SELL
        yield order(ALICE, leg, 1_000, 2, side) + order(CAROL, leg, 1_000, 2, back | IOC)
        yield order(CAROL, leg, price, 2, side | REDUCE)
        better = price - 1 if side else price + 1
        yield order(BOB, leg, better, 2, back) + order(CAROL, leg, better, 2, side | IOC)
        if side and leg == 1:
            yield order(ALICE, 2, 20, 2, SELL) + order(DAVE, 0, 1_015, 2, IOC)
        elif leg == 0:
            yield order(ALICE, 1, 990, 2) + order(DAVE, 2, 25, 2, IOC)
        else:
            yield order(ALICE, 0, 1_010, 2, SELL) + order(DAVE, 2, 25, 2, IOC)
        yield b"".join(c.cancel_many(account) for account in (ALICE, BOB, CAROL, DAVE))


def usdc_marks(feed: int, *marks_usdc: int) -> bytes:
    units = [c.Mark(n, 0, mark * USDC, 0, INDEX_MICRO) for n, mark in enumerate(marks_usdc)]
    return c.marks(0, INDEX_MICRO, feed, units)


# Who loses where: the combo, on the side given; a leg's ask, the first or the second of what is implied.
PLACES = (
    ("combo", 2, 0, (1_000, 9_000)),
    ("combo", 2, SELL, (9_000, 1_000)),
    ("in", 0, SELL, (9_000, 1_000)),
    ("in", 1, SELL, (1_000, 9_000)),
    ("out", 2, SELL, (9_000, 1_000)),
    ("out", 1, SELL, (1_000, 9_000)),
)


def _losing(model: int) -> Iterator[bytes]:
    """A maker with little more than its initial margin is met when the marks have moved; a rich one too."""
    yield opening(OPTION, LATER) + combo(2, (0, 1), (1, -1)) + combo(3, (0, 1), (1, 1))
    yield ROOM + c.create_account(BANKER) + c.deposit(BANKER, 10**15, 10_000)
    yield cr.set_margin_model(BANKER, model)
    feed, account = FEED, FIRST_POOR
    for (place, number, side, moved), rich in product(PLACES, (False, True)):
        maker = BANKER if rich else account
        if not rich:
            yield c.create_account(account) + c.deposit(account, 100 * USDC, 20_000 + account)
            yield cr.set_margin_model(account, model)
            account += 1
        feed += 2
        yield usdc_marks(feed, 1_000, 1_000)
        price = 20 if number == 2 else 1_000
        yield order(maker, number, price, 1, side)
        if place == "in":
            yield order(ALICE, 1 - number, 1_000, 1, SELL)
        elif place == "out" and number == 2:
            yield order(ALICE, 1, 1_000, 1, SELL)
        elif place == "out":
            yield order(ALICE, 2, 20, 1, SELL)
        yield usdc_marks(feed + 1, *moved)
        if place == "combo":
            yield order(DAVE, 2, 20, 1, FOK | SELL - side) + order(DAVE, 2, 20, 1, IOC | SELL - side)
        elif place == "in":
            yield order(DAVE, 3, 2_000, 1, IOC)
        else:
            yield order(DAVE, 0, 1_020, 1, IOC)
        yield c.cancel_many(ALICE) + c.cancel_many(maker)


def losing_standard() -> Iterator[bytes]:
    yield from _losing(r.MODEL_STANDARD)


def losing_portfolio() -> Iterator[bytes]:
    yield from _losing(r.MODEL_PORTFOLIO)


def losing_twice() -> Iterator[bytes]:
    """Both makers of an implied order are of one account, and lose: they are judged together."""
    yield opening(OPTION, LATER) + combo(2, (0, 1), (1, 1))
    poor = FIRST_POOR
    yield ROOM + c.create_account(BANKER) + c.create_account(poor) + c.deposit(poor, 600 * USDC, 20_000)
    yield order(poor, 0, 1_000, 1, SELL) + order(poor, 1, 1_000, 1, SELL) + usdc_marks(FEED, 9_000, 9_000)
    yield order(DAVE, 2, 2_000, 1, IOC)
    yield usdc_marks(FEED + 1, 1_000, 1_000)
    yield order(poor, 0, 1_000, 2, SELL) + order(poor, 1, 1_000, 2, SELL)
    yield usdc_marks(FEED + 2, 20_000, 20_000)
    yield order(DAVE, 2, 2_000, 2, IOC)


def filled_or_killed() -> Iterator[bytes]:
    """A fill-or-kill of a spread is judged as filled; the same as any other order is refused."""
    yield opening(OPTION, OPTION) + combo(2, (0, 1), (1, -1))
    table = cr.table_stream([(0, [50_000, -50_000]), (1, [50_000, -50_000])])
    units = [c.Mark(n, 0, MARK_MICRO, 0, INDEX_MICRO) for n in (0, 1)]
    assert PARAMETERS.scenarios == 2
    yield ROOM + cr.risk_snapshot(0, INDEX_MICRO, FEED, units, 2, table)
    for n, model in enumerate((r.MODEL_STANDARD, r.MODEL_PORTFOLIO)):
        account = BANKER + n
        yield c.create_account(account) + c.deposit(account, 30 * USDC, 20_000 + n)
        yield cr.set_margin_model(account, model) + order(ALICE, 2, 20, 2, SELL)
        yield order(account, 2, 20, 1) + order(account, 2, 20, 1, IOC) + order(account, 2, 20, 1, FOK)
        yield c.cancel_many(ALICE) + order(account, 2, 20, limits.MAX_ORDER_LOTS, FOK)


COMBO_MARGIN_SCENARIOS: dict[str, Stream] = {
    made.__name__: made
    for made in (signs, reduced, losing_standard, losing_portfolio, losing_twice, filled_or_killed)
}
ALL_COMBO_SCENARIOS = COMBO_SCENARIOS | COMBO_MARGIN_SCENARIOS
