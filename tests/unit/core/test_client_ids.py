"""Client order ids that are never executed twice (docs/rules-3.md)."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits, rejects
from tests.unit.core.harness import ALICE, BOB, IOC, OPTION, SELL, Market, last, only, reason, under_rules_3

LARGEST = (1 << 64) - 1


def order(
    client: int, account: int = ALICE, *, price: int = 100, lots: int = 1, flags: int = 0, grant: int = 0
) -> bytes:
    return c.new_order(account, OPTION, flags, price, lots, client_order_id=client, grant=grant)


def placed(market: Market, command: bytes) -> e.Order:
    return last(market.send(command), e.Order)


def test_a_repeat_tells_what_became_of_the_first(market_3: Market) -> None:
    market_3.send(c.time(9))
    first = placed(market_3, order(5))
    market_3.send(c.time(11))
    again = only(market_3.send(order(5)), e.Repeated)
    assert (again.head.id, again.reason, again.client_order_id) == (first.order_id, 0, 5)
    assert (again.first_seq, again.time_ms) == (first.head.seq, 11)
    assert (again.head.account, again.head.instrument, again.head.event_index) == (ALICE, OPTION, 0)
    assert again.head.seq == first.head.seq + 2
    assert len(list(e.read_events(market_3.engine.apply(c.cancel_many(ALICE))))) == 2  # one order, one DONE


def test_a_repeat_is_told_by_its_id_alone(market_3: Market) -> None:
    first = placed(market_3, order(5))
    other = c.new_order(ALICE, 1, SELL, 7, 9, client_order_id=5)
    again = only(market_3.send(other), e.Repeated)
    assert (again.head.id, again.head.instrument) == (first.order_id, 1)


def test_a_reject_is_remembered_too(market_3: Market) -> None:
    refused = only(market_3.send(order(5, price=0)), e.Rejected)
    again = only(market_3.send(order(5)), e.Repeated)
    assert (again.head.id, again.reason, again.first_seq) == (0, refused.reason, refused.head.seq)


def test_an_order_that_ended_at_once_was_accepted(market_3: Market) -> None:
    first = placed(market_3, order(5, flags=IOC))
    again = only(market_3.send(order(5)), e.Repeated)
    assert (first.state, again.head.id, again.reason) == (3, first.order_id, 0)


def test_an_id_between_is_expired(market_3: Market) -> None:
    market_3.send(order(5), order(9))
    for between in (1, 4, 6, 8):
        refused = only(market_3.send(order(between)), e.Rejected)
        assert (rejects.REJECT_NAMES[refused.reason], refused.detail) == ("id_expired", 9)
    assert only(market_3.send(order(10)), e.Order).kind == 1


def test_what_is_expired_is_not_remembered(market_3: Market) -> None:
    market_3.send(order(9))
    assert reason(market_3.send(order(5))) == "id_expired"
    assert reason(market_3.send(order(5))) == "id_expired"


def test_ids_are_unsigned(market_3: Market) -> None:
    first = placed(market_3, order((1 << 63) - 1))
    second = placed(market_3, order(1 << 63))
    third = placed(market_3, order(LARGEST))
    for client, found in (((1 << 63) - 1, first), (1 << 63, second), (LARGEST, third)):
        assert only(market_3.send(order(client)), e.Repeated).head.id == found.order_id
    refused = only(market_3.send(order(LARGEST - 1)), e.Rejected)
    assert refused.detail == -1  # the same 64 bits


def test_each_account_and_grant_has_its_own(market_3: Market) -> None:
    for account, grant in ((ALICE, 0), (ALICE, 7), (BOB, 0), (BOB, 0xFFFFFFFF)):
        assert isinstance(market_3.send(order(5, account, grant=grant))[0], e.Order)
        assert only(market_3.send(order(5, account, grant=grant)), e.Repeated).head.account == account


def test_an_order_without_an_id_is_new_whenever_it_comes(market_3: Market) -> None:
    assert [type(event) for event in market_3.send(order(0), order(5), order(0))] == [e.Order] * 3


def test_the_id_comes_before_the_lock_and_behind_the_account(market_3: Market) -> None:
    market_3.send(cr.set_lock(ALICE, True))
    assert reason(market_3.send(order(5))) == "account_locked"
    assert only(market_3.send(order(5)), e.Repeated).reason == rejects.ACCOUNT_LOCKED
    assert [reason(market_3.send(order(5, 99))) for _ in range(2)] == ["unknown_account"] * 2


def test_a_malformed_order_is_not_remembered(market_3: Market) -> None:
    late = c.new_order(ALICE, OPTION, 0, 100, 1, client_order_id=5, valid_until_ms=limits.MAX_TIME_MS + 1)
    assert reason(market_3.send(late)) == "malformed"
    assert isinstance(market_3.send(order(5))[0], e.Order)


@pytest.mark.parametrize("window", [1, 2, 5])
def test_the_window_holds_the_newest(market_3: Market, window: int) -> None:
    market_3.send(co.set_id_window(window))
    market_3.send(*(order(client, grant=client % 2) for client in range(1, 9)))
    kept = [c for c in range(1, 9) if isinstance(market_3.send(order(c, grant=c % 2))[0], e.Repeated)]
    assert kept == list(range(9 - window, 9))


def test_a_smaller_window_forgets_with_the_next_id_and_64_at_most(market_3: Market) -> None:
    market_3.send(*(order(client, price=0) for client in range(1, 101)))
    market_3.send(co.set_id_window(10))
    assert only(market_3.send(order(1)), e.Repeated).client_order_id == 1
    market_3.send(order(101, price=0))  # of 101, 64 go
    assert reason(market_3.send(order(64))) == "id_expired"
    assert only(market_3.send(order(65)), e.Repeated).client_order_id == 65
    market_3.send(order(102, price=0))
    assert reason(market_3.send(order(92))) == "id_expired"
    assert only(market_3.send(order(93)), e.Repeated).client_order_id == 93


def test_another_account_s_ids_push_none_out_of_the_window(market_3: Market) -> None:
    market_3.send(co.set_id_window(1), order(1), *(order(client, BOB) for client in range(1, 5)))
    assert only(market_3.send(order(1)), e.Repeated).client_order_id == 1


@pytest.mark.interpreted
def test_the_shard_forgets_what_came_first(market_3: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_REMEMBERED", 4)
    market_3.send(order(1), order(1, BOB), order(2), order(2, BOB), order(3, BOB))
    assert reason(market_3.send(order(1))) == "id_expired"
    for client, account in ((1, BOB), (2, ALICE), (2, BOB), (3, BOB)):
        assert only(market_3.send(order(client, account)), e.Repeated).head.account == account
    if isinstance(market_3.engine, Engine):
        check(market_3.engine)


@pytest.mark.interpreted
def test_there_are_so_many_streams(market_3: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ID_STREAMS", 2)
    market_3.send(order(1), order(1, grant=1))
    for _ in range(2):
        assert reason(market_3.send(order(1, grant=2))) == "limit_reached"
    assert isinstance(market_3.send(order(2))[0], e.Order)


def test_many_in_a_batch_and_one_by_one_are_remembered_alike() -> None:
    """Long batches take the straight road where they can."""
    commands = [order(client, lots=0 if client % 5 == 0 else 1) for client in range(1, 40)]
    commands += [order(client) for client in (3, 5, 40, 39, 41)]
    one, other = under_rules_3(Market(Engine())), under_rules_3(Market(Engine()))
    batch = one.engine.apply(b"".join(commands))
    assert batch == b"".join(other.engine.apply(command) for command in commands)
    assert isinstance(one.engine, Engine)
    assert isinstance(other.engine, Engine)
    assert one.engine.state_bytes() == other.engine.state_bytes()
    repeated = [event for event in e.read_events(batch) if isinstance(event, e.Repeated)]
    assert [event.client_order_id for event in repeated] == [3, 5, 39]


def test_they_outlive_a_restart() -> None:
    market = under_rules_3(Market(engine := Engine(shard=5)))
    market.send(co.set_id_window(3))
    market.send(order(7), order(8, price=0), order(1 << 63, BOB, grant=9), order(9), order(11), order(12))
    restored = Engine.restore(engine.state_bytes())
    check(engine)
    check(restored)
    assert restored.state_bytes() == engine.state_bytes()
    for command in (order(9), order(8), order(12), order(1 << 63, BOB, grant=9), order(13), order(9)):
        assert restored.apply(command) == engine.apply(command)
        assert restored.state_bytes() == engine.state_bytes()
