"""Settlement under rules 3: orders that fire, linked orders, protection and blocks move what their trades
move, whatever commands those trades stand behind."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

import pytest

from exchange.core import queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, block_trade
from exchange.domain.commands_orders import Trigger
from exchange.domain.commands_risk import FeeTier
from exchange.domain.limits import BLOCK_MOST, FIRST_USER_ACCOUNT
from settlement import codec
from settlement.commitment import Commitment
from settlement.ledger import Ledger
from settlement.state import State
from settlement.transition import apply
from tests.reference.engine import ReferenceEngine
from tests.reference.order_scenarios import activation
from tests.reference.orders_generator import OrderTraffic
from tests.reference.scenarios import OPTION as OPTION_TERMS
from tests.reference.scenarios import PERPETUAL as PERPETUAL_TERMS
from tests.reference.trigger_scenarios import TRIGGER_SCENARIOS
from tests.reference.triggers_generator import TriggerTraffic
from tests.unit.core.harness import IOC, SELL, USDC, of
from tests.unit.core.liquidations import ALICE, BOB, CALL_60, CAROL, DORA, PERPETUAL, PUT_50, RiskMarket
from tests.unit.core.test_losses import ruin

COMMANDS = 1_000
ERIN = DORA + 1
Batches = Callable[[], Iterable[bytes]]


def drawn(traffic_of: type[OrderTraffic], seed: int) -> Batches:
    """A random stream, aimed at the state the reference has."""

    def batches() -> Iterator[bytes]:
        reference = ReferenceEngine()
        traffic = traffic_of(seed, reference)
        batch = traffic.opening()
        while reference.next_seq <= COMMANDS:
            yield batch
            reference.apply(batch)
            batch = traffic.batch(60)

    return batches


def blocks() -> Iterator[bytes]:
    """Blocks of one trade to the most, with several makers and instruments, some refused, among fills."""
    rng = random.Random(1)
    yield activation(OPTION_TERMS, PERPETUAL_TERMS)
    yield cr.set_fees([FeeTier(-50, 300, 100, 500), FeeTier(200, 400, -70, 300)]) + cr.set_tier(BOB, 1)
    for ident in range(1, 40):
        taker, *makers = rng.sample((ALICE, BOB, CAROL, DORA), rng.randint(2, 4))
        trades = [
            BlockTrade(rng.choice(makers), n, rng.choice((-1, 1)) * rng.randint(1, 9), (2_000, 50_000)[n])
            for n in rng.choices((0, 1), k=rng.choice((1, 2, 5, BLOCK_MOST)))
        ]
        wrong = trades if rng.random() < 0.8 else [*trades[1:], trades[0]._replace(maker_account=taker)]
        quoted = c.new_order(ALICE, 1, SELL, 50_000, 3) + c.new_order(BOB, 1, IOC, 50_000, rng.randint(1, 5))
        yield block_trade(taker, ident, wrong) + quoted + c.settle_perpetual(1, 49_990 + ident)


STREAMS: dict[str, Batches] = {
    "blocks": blocks,
    **{f"orders {seed}": drawn(OrderTraffic, seed) for seed in (0, 3)},
    **{f"triggers {seed}": drawn(TriggerTraffic, seed) for seed in (0, 3, 4, 6, 7)},
    **{name: TRIGGER_SCENARIOS[name] for name in ("queue", "orders_come", "incremental", "ends")},
}


class Told(NamedTuple):
    """What the core told of a stream, a run of commands after another, and the core behind it."""

    core: Engine
    runs: list[bytes]


@cache
def told(name: str) -> Told:
    core = Engine()
    return Told(core, [core.apply(batch) for batch in STREAMS[name]()])


@pytest.mark.parametrize("name", STREAMS)
def test_the_ledger_agrees_with_the_core(name: str) -> None:
    """Every balance and position the core has, from its events alone and again from the batches' bodies."""
    core, runs = told(name)
    ledger, encoded = Ledger(State()), State()
    for run in runs:
        operations = ledger.read(run)
        ledger.state.begin_batch()
        encoded.begin_batch()
        for operation in codec.decode(codec.encode(operations)):
            apply(encoded, operation)
        assert not list(encoded.conservation_faults())
    assert Commitment(encoded).root == Commitment(ledger.state).root
    must_agree(ledger.state, core)


def must_agree(state: State, core: Engine) -> None:
    """Cash, positions and liquidations are the core's."""
    ours = {n: account for n, account in state.accounts.items() if n >= FIRST_USER_ACCOUNT}
    assert ours
    for number, account in ours.items():
        assert account.cash_micro == queries.account_figures(core, number).cash_micro
        positions = {n: at for n, at in account.positions.items() if any(at)}
        held = {p.instrument: (p.size_lots, p.entry_value_micro) for p in queries.positions(core, number)}
        assert positions == {n: at for n, at in held.items() if any(at)}
        liquidation = risk_queries.account_state(core, number).liquidation
        assert account.in_liquidation == int(liquidation != r.LIQUIDATION_NONE)
    assert state.sharing.account == risk_queries.sharing(core)


class Recorder:
    """A core, and the events of each batch it was given."""

    def __init__(self) -> None:
        self.core = Engine()
        self.runs = list[bytes]()

    def apply(self, batch: bytes) -> bytes:
        self.runs.append(self.core.apply(batch))
        return self.runs[-1]


def test_orders_that_fire_trade_behind_whatever_command_comes_next() -> None:
    """More than a command fires are due: each of these is followed by 64 that trade."""
    recorder = Recorder()
    market = RiskMarket(recorder)
    ruin(market, ALICE)
    market.deposit(BOB, 10_000_000 * USDC)
    market.send(c.set_rules(3), c.create_account(ERIN, bytes(20), BOB))
    stop = Trigger(r.TRIGGER_STOP, r.SOURCE_INDEX, 50_001 * USDC)
    price = 50_100
    commands = [
        c.deposit(CAROL, 5, 1_000),
        c.withdraw(CAROL, 7, 1),
        c.withdraw(CAROL, 8, 2),
        cr.resolve_withdrawal(1, r.WITHDRAWAL_PAID),
        cr.resolve_withdrawal(2, r.WITHDRAWAL_CANCELLED),
        cr.transfer(BOB, ERIN, 9, 3),
        c.create_account(ERIN + 1),
        cr.set_tier(CAROL, 1),
        c.settle_perpetual(PERPETUAL, 50_050),
        c.funding(PERPETUAL, 3),
        cr.liquidate(ALICE),
        cr.share_loss(ALICE, 3),
        cr.share_loss(ALICE, 9),
        cr.share_loss(ALICE, 1),
        cr.share_loss(ALICE, 9),
        c.time(10**9 + 1),
        c.deliver(CALL_60, 60_001 * USDC),
        c.set_instrument_state(PUT_50, r.STATE_HALTED),
    ]
    market.rests(DORA, PERPETUAL, price, 64 * len(commands) + 64, SELL)
    waiting = co.extended_order(BOB, PERPETUAL, IOC, price, 1, trigger=stop)
    market.send(waiting * (64 * len(commands) + 64))
    units = [c.Mark(PERPETUAL, 0, price * USDC, 0, price * USDC)]
    for command in (c.marks(0, price * USDC, market.feed + 1, units), *commands):
        events = market.send(command)
        assert not of(events, ev.Rejected)
        assert len(of(events, ev.Trade)) == 64
    assert risk_queries.account_state(recorder.core, ALICE).liquidation == r.LIQUIDATION_NONE
    ledger = Ledger(State())
    for run in recorder.runs:
        ledger.read(run)
    assert not list(ledger.state.conservation_faults())
    must_agree(ledger.state, recorder.core)


def test_blocks_are_booked_leg_by_leg() -> None:
    core, runs = told("blocks")
    events = list(ev.read_events(b"".join(runs)))
    legs = [trade for trade in of(events, ev.Trade) if trade.flags & r.TRADE_BLOCK]
    assert len(legs) > 100
    assert min(leg.maker_fee_micro for leg in legs) < 0
    assert len({(leg.maker_account, leg.taker_account, leg.head.instrument) for leg in legs}) == 24
    assert any(refusal.command == r.BLOCK_TRADE for refusal in of(events, ev.Rejected))
    assert any(queries.positions(core, account) for account in (ALICE, BOB))


def test_the_streams_tell_all_of_rules_3() -> None:
    """Each new event and cancel reason, orders that fired and traded, and trades behind other commands."""
    kinds, ends, behind = Counter[int](), Counter[int](), Counter[int]()
    fired = 0
    for name in STREAMS:
        for _, command in ev.split_by_seq(b"".join(told(name).runs)):
            traded, last = set[int](), 0
            for event in ev.read_events(command):
                kinds[event.head.type] += 1
                if isinstance(event, ev.Trade):
                    traded.add(event.taker_order_id)
                    behind[last] += 1
                elif isinstance(event, ev.Order):
                    ends[event.reason] += event.kind == r.ORDER_CANCELLED
                    fired += event.kind == r.ORDER_TRIGGERED and event.order_id in traded
                else:
                    last = event.head.type
    assert min(kinds[kind] for kind in (r.EV_REPEATED, r.EV_MMP, r.EV_EXTENDED, r.EV_DUE)) > 0
    assert min(ends[reason] for reason in (12, 13, 14, 15, 16, 17, 19)) > 0
    assert fired > 20
    assert min(behind[kind] for kind in (r.EV_MARKED, r.EV_EXTENDED)) > 0
