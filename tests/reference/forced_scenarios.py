"""Scripted streams of rules 6: withdrawals forced on the L1, deposits refused, the most judgements."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import count

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_bridge import forced_withdrawal
from exchange.domain.commands_orders import Member
from tests.reference.combo_margin_scenarios import BANKER, LATER, ROOM, USDC, usdc_marks
from tests.reference.combo_scenarios import FEED, combo, opening, order
from tests.reference.risk_opening import CAROL, DAVE, Stream
from tests.reference.risk_scenarios import shared_late
from tests.reference.scenarios import ALICE, BOB, OPTION, PERPETUAL
from tests.reference.trigger_scenarios import IOC, SELL, buys, marks, stop, trailing

RULES_6 = c.set_rules(5) + c.set_rules(6)
POOR, NOBODY = DAVE + 1, 9_999
ALL = limits.I64_MAX
JUDGED = limits.LOSING_JUDGED


def forced_refused() -> Iterator[bytes]:
    """Unknown before rules 6; what refuses one, and each byte of it; ids without a gap."""
    good = forced_withdrawal(ALICE, 7, 1, client_order_id=9)
    yield opening(OPTION) + good + c.set_rules(5) + good + c.set_rules(6)
    for at in (1, 4, 7, 24, 48, 56, 63):
        raw = bytearray(good)
        raw[at] ^= 1
        yield bytes(raw)
    for units in (1, 3):
        raw = bytearray(good.ljust(96, b"\0")[: units * 32])
        raw[2] = units
        yield bytes(raw)
    for account in (NOBODY, 0, limits.ACCOUNT_BRIDGE, limits.FIRST_USER_ACCOUNT - 1):
        yield forced_withdrawal(account, 0, 5)
    for asked in (0, -1, -ALL):
        yield forced_withdrawal(ALICE, asked, 5)
    for ident in (0, 2, -1, ALL):
        yield forced_withdrawal(ALICE, 7, ident)
    raw = bytearray(good)
    struct.pack_into("<I", raw, 12, 99)  # an instrument in the header is ignored
    yield bytes(raw) + good + forced_withdrawal(BOB, 7, 2) + forced_withdrawal(BOB, 7, 4)


def forced_paid() -> Iterator[bytes]:
    """Less than there is, all of it, more; whoever is locked and wherever the venue stands; nothing there."""
    yield opening(OPTION, PERPETUAL) + RULES_6
    yield c.deposit(ALICE, 1, 10_000) + forced_withdrawal(ALICE, 5, 1)  # the deposits are at their most
    yield c.deposit(BOB, 5, 10_001) + c.deposit(BOB, 1, 10_002)
    yield c.set_mode(r.MODE_CANCEL_ONLY) + forced_withdrawal(ALICE, limits.MAX_DEPOSIT_MICRO - 5, 2)
    yield forced_withdrawal(ALICE, 1, 3) + c.set_mode(r.MODE_OPEN)
    yield cr.set_lock(BOB, True) + forced_withdrawal(BOB, ALL, 4) + cr.set_lock(BOB, False)
    yield c.create_account(POOR, main=CAROL) + c.deposit(POOR, 100, 10_003)
    yield cr.set_underlying_state(0, 2) + forced_withdrawal(POOR, 99, 5) + forced_withdrawal(POOR, 2, 6)
    yield c.withdraw(CAROL, 50, 1) + forced_withdrawal(CAROL, ALL, 7) + cr.resolve_withdrawal(1, 1)


def forced_orders() -> Iterator[bytes]:
    """Every kind of order goes: in books, quotes, triggers, dormant and due ones; what follows from links."""
    yield opening(PERPETUAL, OPTION, OPTION) + RULES_6 + combo(3, (1, 1), (2, -1)) + marks(50_000, FEED, 0)
    group = co.MmpLimits(1_000, 0, 10**9, 0, 0, 10**10)
    yield co.set_mmp(ALICE, 0, 0, group) + c.mass_quote(ALICE, [c.Quote(1, 900, 5, 1_100, 5)], mmp_group=1)
    yield order(ALICE, 0, 49_000, 9) + order(ALICE, 3, 5, 2) + order(ALICE, 1, 1_200, 3, SELL)
    yield buys(ALICE, 2, stop(60_000)) + buys(ALICE, 2, trailing(5_000))
    members = [Member(SELL, 52_000, 2), Member(SELL, 48_000, 2, trigger=stop(48_000))]
    yield co.extended_order(ALICE, 0, 0, 49_500, 2, link=r.LINK_OTOCO, members=members)
    yield co.extended_order(ALICE, 0, 0, 49_400, 2, link=r.LINK_OCO, members=[members[1]])
    yield order(BOB, 0, 49_500, 1, SELL) + forced_withdrawal(ALICE, 10 * USDC, 1)
    yield order(ALICE, 0, 49_000, 9) + forced_withdrawal(ALICE, 1, 2)  # it goes on as before
    # More become due than fire at once: those that wait go with their account, the others fire behind it.
    yield b"".join(buys(account, 1, stop(50_500)) for _ in range(80) for account in (ALICE, CAROL))
    yield marks(50_600, FEED + 1, 0) + forced_withdrawal(ALICE, 1, 3) + co.fire()
    yield c.cancel_many(ALICE) + c.cancel_many(CAROL)


def forced_positions() -> Iterator[bytes]:
    """What is free beside positions, under both models; nothing of what is needed, of profit or of debt."""
    yield opening(PERPETUAL, OPTION, OPTION) + ROOM + RULES_6
    ids, feeds = count(1), count(FEED)
    for number, model in enumerate((r.MODEL_STANDARD, r.MODEL_PORTFOLIO)):
        account = BANKER + number
        yield c.create_account(account) + c.deposit(account, 10_000 * USDC, 10_000 + number)
        yield cr.set_margin_model(account, model)
        for instrument, side, price in ((0, 0, 50_000), (1, SELL, 1_000), (2, 0, 1_000)):
            yield order(ALICE, instrument, price, 20, SELL - side)
            yield order(account, instrument, price, 20, side) + order(account, instrument, price, 1, side)
        yield forced_withdrawal(account, 100 * USDC, next(ids))
        for price in (51_000, 49_000):  # cash is less than the balance, then more
            yield usdc_marks(next(feeds), price, 1_000, 1_000)
            yield forced_withdrawal(account, 20 * USDC, next(ids))
        yield forced_withdrawal(account, ALL, next(ids)) + forced_withdrawal(account, ALL, next(ids))
        for price in (40_000, 50_000):  # below maintenance, swept or not; without equity
            yield usdc_marks(next(feeds), price, 1_000, 1_000)
            yield forced_withdrawal(account, 1, next(ids)) + order(account, 1, 1, 1)
            yield cr.risk_sweep(account, 1) + forced_withdrawal(account, 1, next(ids))
        yield cr.liquidate(account) * 3 + forced_withdrawal(account, 1, next(ids))


def forced_in_need() -> Iterator[bytes]:
    """A loss is shared: nothing is paid from its first step to its last, in liquidation neither."""
    ids = count(1)
    rules = b"".join(c.set_rules(n) for n in (3, 4, 5, 6))
    for number, batch in enumerate(shared_late()):
        yield batch
        if number == 1:
            yield rules
        if number > 3:
            yield b"".join(forced_withdrawal(account, 1, next(ids)) for account in (CAROL, DAVE + 3))


def deposits_refused() -> Iterator[bytes]:
    """A deposit that is refused has its id under rules 6, and none before."""
    yield opening(OPTION) + c.set_rules(5)
    for account, rules in ((BANKER, 5), (BANKER + 1, 6)):
        first = 1_000 * rules
        yield ROOM if rules == 5 else c.set_rules(rules)
        yield c.deposit(account, 5, first) + c.create_account(account)
        yield c.deposit(account, 5, first) + c.deposit(ALICE, 0, first + 2)
        yield c.deposit(ALICE, 0, first + 1) + c.deposit(limits.ACCOUNT_FEES, 1, first + 3)
        yield c.deposit(ALICE, limits.MAX_DEPOSIT_MICRO, first + 4) + c.deposit(ALICE, 1, first + 3)
        yield c.deposit(NOBODY, 5, first + 2) + c.deposit(ALICE, 1, -1)


def _losers(account: int, instrument: int, price: int, number: int) -> bytes:
    return order(account, instrument, price, 1, SELL) * number


def judged_in_a_book() -> Iterator[bytes]:
    """More losing makers in a combo's book than are judged, of one account and of several, under both rules;
    one that loses nothing is not counted."""
    yield opening(OPTION, LATER) + combo(2, (0, 1), (1, -1)) + ROOM + c.set_rules(5)
    feed = FEED
    for rules in (5, 6):
        yield c.set_rules(rules)
        for makers, number in (((ALICE,), JUDGED), ((ALICE,), JUDGED + 3), ((ALICE, BOB), JUDGED // 2 + 2)):
            yield usdc_marks(feed, 1_000, 1_000)
            yield b"".join(_losers(maker, 2, 20, number) for maker in makers)
            yield order(CAROL, 2, 9_000, 2, SELL) + usdc_marks(feed + 1, 9_000, 1_000)
            yield order(DAVE, 2, 9_000, 2 * JUDGED + 9, IOC) + c.cancel_many(ALICE) + c.cancel_many(CAROL)
            feed += 2


def judged_on_the_way() -> Iterator[bytes]:
    """Losing makers of implied orders, in and out, alone and in pairs, and of the own book behind them."""
    yield opening(OPTION, LATER) + combo(2, (0, 1), (1, 1)) + combo(3, (0, 1), (1, -1)) + ROOM + RULES_6
    # In: the first leg's asks lose, both of one account and of two; the book of the combo between.
    yield _losers(ALICE, 0, 1_000, JUDGED + 4) + order(ALICE, 1, 1_000, 30, SELL)
    yield order(BOB, 1, 1_000, 90, SELL) + _losers(CAROL, 2, 2_001, 3) + usdc_marks(FEED, 9_000, 1_000)
    yield order(DAVE, 2, 2_001, JUDGED + 2, IOC) + order(DAVE, 2, 2_001, 9, IOC)
    yield b"".join(c.cancel_many(account) for account in (ALICE, BOB, CAROL))
    # Pairs of one account that both lose: one judgement each.
    yield _losers(ALICE, 0, 9_000, JUDGED + 2) + _losers(ALICE, 1, 1_000, JUDGED + 2)
    yield usdc_marks(FEED + 1, 9_500, 1_500) + order(DAVE, 2, 10_000, JUDGED + 2, IOC) + c.cancel_many(ALICE)
    # Out: orders of the spread and of the own book take turns; before the first of the spread none counts.
    yield usdc_marks(FEED + 2, 1_000, 1_000) + order(CAROL, 1, 1_000, 200, SELL)
    yield _losers(ALICE, 0, 1_010, 70)
    yield b"".join(_losers(ALICE, 0, 1_020 + n, 1) + _losers(BOB, 3, 20 + n, 1) for n in range(40))
    yield usdc_marks(FEED + 3, 9_000, 1_000)
    yield order(DAVE, 0, 1_100, 200, IOC) + b"".join(c.cancel_many(account) for account in (ALICE, BOB))


FORCED_SCENARIOS: dict[str, Stream] = {
    made.__name__: made
    for made in (
        *(forced_refused, forced_paid, forced_orders, forced_positions, forced_in_need),
        *(deposits_refused, judged_in_a_book, judged_on_the_way),
    )
}
