"""What-ifs show what the core would enforce, and leave no trace."""

from __future__ import annotations

import pytest

from exchange.core import account_queries, margin_queries, queries
from exchange.core.engine import Engine
from exchange.domain import commands, commands_risk, events
from exchange.domain import records as r
from tests.unit.gateway.rig import listings
from tests.unit.gateway.risk_rig import INDEX_MICRO, PARAMETERS, TABLES, marks

CALL, PUT, PERPETUAL, ETH_PERPETUAL = range(4)
LONG, SHORT = 64, 65
USDC = 1_000_000


def engine(funds: int = 100_000) -> Engine:
    """Two accounts; the second has sold the first a call and a perpetual, and has a put on offer."""
    core = Engine()
    core.apply(b"".join([*listings(), commands.set_rules(2)]))
    for underlying in (0, 1):
        core.apply(commands_risk.risk(underlying, PARAMETERS))
    stream = commands_risk.table_stream(TABLES.items())
    core.apply(commands_risk.risk_snapshot(0, INDEX_MICRO, 100, marks(), len(TABLES), stream))
    for number, account in enumerate((LONG, SHORT)):
        core.apply(commands.create_account(account))
        core.apply(commands.deposit(account, funds * USDC, number + 1))
    for instrument, ticks, lots in ((CALL, 1_000, 100), (PERPETUAL, 200_000, 500)):
        must(core, commands.new_order(SHORT, instrument, r.FLAG_SELL, ticks, lots))
        must(core, commands.new_order(LONG, instrument, 0, ticks, lots))
    must(core, commands.new_order(SHORT, PUT, r.FLAG_SELL, 1_100, 50))
    return core


def must(core: Engine, command: bytes) -> None:
    found = list(events.read_events(core.apply(command)))
    assert not isinstance(found[-1], events.Rejected), found


@pytest.mark.parametrize("model", [r.MODEL_STANDARD, r.MODEL_PORTFOLIO])
def test_a_what_if_is_what_the_account_would_have_after_trading(model: int) -> None:
    core = engine()
    core.apply(commands.cancel_many(SHORT))
    must(core, commands_risk.set_margin_model(SHORT, model))
    supposed = margin_queries.simulated(core, SHORT, [(PUT, -50), (PERPETUAL, 100)], True)
    must(core, commands.new_order(LONG, PUT, 0, 1_000, 50))
    must(core, commands.new_order(SHORT, PUT, r.FLAG_SELL, 1_000, 50))
    must(core, commands.new_order(LONG, PERPETUAL, r.FLAG_SELL, 200_000, 100))
    must(core, commands.new_order(SHORT, PERPETUAL, 0, 200_000, 100))
    real = margin_queries.margins(core, SHORT)
    assert (supposed.initial_micro, supposed.maintenance_micro) == real[:2]
    assert real.initial_micro > 0
    alone = margin_queries.simulated(core, LONG, [(CALL, -100), (PUT, -50), (PERPETUAL, -400)], False, model)
    assert alone[:2] == real[:2]


@pytest.mark.parametrize("model", [r.MODEL_STANDARD, r.MODEL_PORTFOLIO])
def test_an_order_that_needs_more_than_is_free_is_refused_and_one_that_just_fits_is_not(model: int) -> None:
    core = engine(funds=30_000)
    core.apply(commands.cancel_many(SHORT))
    must(core, commands_risk.set_margin_model(SHORT, model))
    found = margin_queries.margins(core, SHORT)
    free = found.balance_micro - found.initial_micro
    fits = 0
    while margin_queries.order_initial(core, SHORT, PUT, 1, 1_000, fits + 1) <= free:
        fits += 1
    assert fits
    state = core.state_hash()
    refused = events.read_event(core.apply(commands.new_order(SHORT, PUT, r.FLAG_SELL, 1_000, fits + 1)))
    assert isinstance(refused, events.Rejected)
    assert core.state_hash() != state  # its number was used up, and nothing else
    must(core, commands.new_order(SHORT, PUT, r.FLAG_SELL, 1_000, fits))


def test_the_parts_of_portfolio_margin_add_up_and_are_those_of_the_tables() -> None:
    core = engine()
    found = margin_queries.scenarios(core, SHORT, 0, [], True)
    entries = zip(TABLES[CALL], TABLES[PERPETUAL], strict=True)
    assert found.gains == [(-100 * call - 500 * perp) * PARAMETERS.quantum_micro for call, perp in entries]
    offered = [50 * max(0, v + 1) * PARAMETERS.quantum_micro for v in TABLES[PUT]]
    assert found.losses == [max(0, o - g) for o, g in zip(offered, found.gains, strict=True)]
    assert found.worst_micro == max(found.losses)
    parts = found.worst_micro + found.roll_micro + found.shock_micro + found.charges_micro
    assert parts == found.initial_micro
    assert found.delta_micro == -100 * 500 * USDC - 500 * 100 * USDC
    both = [margin_queries.scenarios(core, SHORT, underlying, [], True) for underlying in (0, 1)]
    whole = margin_queries.under_model(core, SHORT, r.MODEL_PORTFOLIO)
    assert sum(each.initial_micro for each in both) == whole.initial_micro
    assert sum(each.maintenance_micro for each in both) == whole.maintenance_micro


def test_a_seat_has_its_own_part() -> None:
    core = engine()
    by_position = {i: (initial, kept) for i, initial, kept in margin_queries.seat_margins(core, SHORT)}
    whole = margin_queries.margins(core, SHORT)
    assert sum(initial for initial, _ in by_position.values()) >= whole.initial_micro
    assert by_position[PERPETUAL] == (1_000 * USDC, 500 * USDC)  # 2 % and 1 % of 50,000
    core.apply(commands.cancel_many(SHORT))
    must(core, commands_risk.set_margin_model(SHORT, r.MODEL_PORTFOLIO))
    alone = {i: initial for i, initial, _ in margin_queries.seat_margins(core, SHORT)}
    assert alone[PERPETUAL] == margin_queries.simulated(core, LONG, [(PERPETUAL, -500)], False, 1)[0]


def test_nothing_is_left_behind() -> None:
    core = engine()
    state, nobody = core.state_hash(), queries.account_figures(core, 0)
    margin_queries.simulated(core, SHORT, [(PUT, -50), (ETH_PERPETUAL, 7)], True, r.MODEL_PORTFOLIO)
    margin_queries.scenarios(core, SHORT, 0, [(PUT, -50)], False)
    margin_queries.without_orders(core, SHORT)
    margin_queries.seat_margins(core, SHORT)
    margin_queries.order_initial(core, SHORT, PUT, 0, 1_000, 10)
    assert core.state_hash() == state
    assert queries.account_figures(core, 0) == nobody
    assert queries.positions(core, 0) == []


def test_what_cannot_be_held_is_not_supposed() -> None:
    core = engine()
    for sizes in ([(PUT, 100_001)], [(CALL, -100_000)], [(PUT, 1 << 40)]):
        with pytest.raises(ValueError, match="the limit is 100000"):
            margin_queries.simulated(core, SHORT, sizes, True)
    for sizes in ([(99, 1)], [(-1, 1)]):
        with pytest.raises(KeyError):
            margin_queries.simulated(core, SHORT, sizes, True)
    with pytest.raises(ValueError, match="position limit"):
        margin_queries.order_initial(core, SHORT, PUT, 0, 1_000, 100_001)
    with pytest.raises(KeyError):
        margin_queries.order_initial(core, SHORT, 99, 0, 1_000, 1)
    with pytest.raises(KeyError):
        margin_queries.margins(core, 66)
    with pytest.raises(KeyError):
        margin_queries.scenarios(core, SHORT, 2, [], True)
    assert queries.positions(core, 0) == []


def test_under_rules_1_there_is_one_requirement() -> None:
    core = Engine()
    core.apply(b"".join([*listings(), commands.create_account(LONG)]))
    must(core, commands.deposit(LONG, USDC * 9_000, 1))
    needed = margin_queries.order_initial(core, LONG, CALL, 0, 1_000, 10)
    must(core, commands.new_order(LONG, CALL, 0, 1_000, 10))
    found = margin_queries.margins(core, LONG)
    assert found.initial_micro == found.maintenance_micro == needed > 0
    more = margin_queries.order_initial(core, LONG, CALL, 0, 1_000, 10)
    assert more == needed
    assert margin_queries.seat_margins(core, LONG) == [(CALL, needed, needed)]


def test_families_and_withdrawals() -> None:
    core = engine()
    must(core, commands.create_account(66, main=LONG))
    assert account_queries.main_accounts(core)[LONG:] == [0, 0, LONG]
    assert account_queries.created_ms(core, LONG) == core.now_ms
    must(core, commands.withdraw(LONG, 5 * USDC, 7))
    must(core, commands.withdraw(LONG, 2 * USDC, 9))
    assert account_queries.held_micro(core, LONG) == 7 * USDC
    assert account_queries.last_withdrawal_id(core) == 9
    assert account_queries.pending_withdrawal(core, 7) == (LONG, 5 * USDC)
    must(core, commands_risk.resolve_withdrawal(7, r.WITHDRAWAL_PAID))
    assert account_queries.pending_withdrawal(core, 7) == (0, 0)
    assert account_queries.held_micro(core, SHORT) == 0
    with pytest.raises(KeyError):
        account_queries.created_ms(core, 99)
