"""Random traffic of rules 3: the core's invariants hold, its state comes back, and batches do not matter."""

from __future__ import annotations

import random

import pytest

from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CAROL,
    FOK,
    IOC,
    MICRO,
    OPTION,
    PERPETUAL,
    REDUCE,
    Market,
    under_rules_3,
)

ACCOUNTS = (ALICE, BOB, CAROL)
LOT = 1_000_000
STEPS = 40


class Traffic:
    """Commands of a seed: three market makers with three groups each, who trade with each other."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 0
        self.ids = dict.fromkeys(ACCOUNTS, 0)
        self.feed = 1

    def batch(self, open_orders: int) -> list[bytes]:
        return [self.command(open_orders) for _ in range(self.rng.randrange(1, 30))]

    def command(self, newest_order: int) -> bytes:
        rng = self.rng
        account = rng.choice(ACCOUNTS)
        makers = (
            (self.order, 30), (self.quote, 25), (self.amend, 12), (self.cancel, 8), (self.group, 4),
            (self.reset, 5), (self.clock, 5), (self.marks, 2), (self.many, 2), (self.window, 1),
        )  # fmt: skip
        (make,) = rng.choices([m for m, _ in makers], [n for _, n in makers])
        return make(account, newest_order)

    def price(self, instrument: int) -> int:
        return self.rng.randrange(95, 106) + (49_900 if instrument == PERPETUAL else 0)

    def order(self, account: int, _newest: int) -> bytes:
        rng = self.rng
        at = rng.choice((OPTION, OPTION, PERPETUAL))
        flags = rng.choice((0, r.FLAG_MMP)) | rng.choice((0, r.FLAG_SELL))
        flags |= rng.choice((0, 0, 0, IOC, FOK, r.FLAG_POST_ONLY, REDUCE))
        client = 0
        if rng.random() < 0.6:
            self.ids[account] += rng.randrange(1, 3)
            client = max(1, self.ids[account] - rng.choice((0, 0, 0, 1, 2, 9)))
        return c.new_order(
            account, at, flags, self.price(at), rng.randrange(1, 8),
            display_lots=rng.choice((0, 0, 0, 1)), client_order_id=client, grant=rng.randrange(2),
        )  # fmt: skip

    def quote(self, account: int, _newest: int) -> bytes:
        rng = self.rng
        quotes = []
        for _ in range(rng.randrange(1, 3)):
            at = rng.choice((OPTION, PERPETUAL))
            bid = self.price(at)
            sizes = [rng.choice((None, 0, 1, 2, 3, 5, 9)) for _ in range(2)]
            quotes.append(c.Quote(at, bid, sizes[0], bid + rng.randrange(-1, 5), sizes[1]))
        return c.mass_quote(account, quotes, mmp_group=rng.randrange(4))

    def amend(self, account: int, newest: int) -> bytes:
        rng = self.rng
        remaining = rng.choice((None, 1, 2, 3, 5, 8))
        price = rng.choice((None, self.price(OPTION)))
        order_id = newest - rng.randrange(30)
        if remaining is None and price is None:
            remaining = 1
        expected = rng.choice((None, None, 0, 1))
        return co.amend(
            account, max(1, order_id),
            price_ticks=price, remaining_lots=remaining, expected_filled_lots=expected,
        )  # fmt: skip

    def cancel(self, account: int, newest: int) -> bytes:
        return c.cancel(account, max(1, newest - self.rng.randrange(30)))

    def group(self, account: int, _newest: int) -> bytes:
        rng = self.rng
        quantity = rng.choice((0, 4, 9)) * LOT
        wanted = co.MmpLimits(
            rng.choice((0, 10, 1_000)), rng.choice((0, 5, 50)), quantity,
            rng.choice((0, 3 * LOT)), rng.choice((0, 10**7)), rng.choice((3, 6, 20)) * LOT,
        )  # fmt: skip
        return co.set_mmp(account, 0, rng.randrange(3), wanted)

    def reset(self, account: int, _newest: int) -> bytes:
        return co.reset_mmp(account, 0, self.rng.randrange(3))

    def clock(self, _account: int, _newest: int) -> bytes:
        self.now += self.rng.randrange(20)
        return c.time(self.now)

    def marks(self, _account: int, _newest: int) -> bytes:
        rng = self.rng
        self.feed += 1
        delta, vega = rng.randrange(-(10**9), 10**9), rng.randrange(10**8)
        units = [
            c.Mark(OPTION, delta, 12_000 * MICRO, vega, 50_000 * MICRO),
            c.Mark(PERPETUAL, 10**9, 50_000 * MICRO, 0, 50_000 * MICRO),
        ]
        return c.marks(0, 50_000 * MICRO, self.feed, units)

    def many(self, account: int, _newest: int) -> bytes:
        flags = self.rng.choice((0, r.FREEZE_QUOTES, r.MANY_DISCONNECTED)) | self.rng.choice((0, 64, 128))
        return c.header(r.CANCEL_MANY, 1, flags=flags, account=account)

    def window(self, _account: int, _newest: int) -> bytes:
        return co.set_id_window(self.rng.choice((1, 3, 20, 1 << 16)))


def opening(engine: Engine) -> None:
    market = under_rules_3(Market(engine))
    for account in ACCOUNTS:
        for number in range(3):
            market.send(co.set_mmp(account, 0, number, co.MmpLimits(1_000, 20, 6 * LOT, 0, 0, 12 * LOT)))


@pytest.mark.parametrize("seed", range(6))
def test_any_traffic_keeps_the_engine_whole(seed: int) -> None:
    engine, single = Engine(), Engine()
    opening(engine)
    opening(single)
    traffic = Traffic(seed)
    seen: set[int] = set()
    for _ in range(STEPS):
        commands = traffic.batch(engine.world.next_order)
        events = engine.apply(b"".join(commands))
        assert events == b"".join(single.apply(command) for command in commands)
        check(engine)
        data = engine.state_bytes()
        assert data == single.state_bytes()
        seen |= {events[at] for at in starts(events)}
        engine = Engine.restore(data)
        check(engine)
        assert engine.state_bytes() == data
    assert {r.EV_MMP, r.EV_REPEATED, r.EV_TRADE, r.EV_REJECTED} <= seen


def starts(events: bytes) -> list[int]:
    found = []
    at = 0
    while at < len(events):
        found.append(at)
        at += int.from_bytes(events[at + 2 : at + 4], "little") * r.UNIT_BYTES
    return found
