"""Requests for quotes whose amount their taker divides among the accounts of its family."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exchange.core import invariants
from exchange.domain import commands_risk
from tests.unit.gateway.block_rig import refused, sizes
from tests.unit.gateway.combo_rig import ComboRig
from tests.unit.gateway.rfq_rig import HEDGE, accepted, asked, quoted, seen
from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT, CallFailed, Client


@pytest.fixture
def rig() -> Iterator[ComboRig]:
    found = ComboRig(rules=5).open()
    yield found
    invariants.check(found.engine)
    found.close()


def family(rig: ComboRig, money: int = 1_000_000) -> tuple[Client, Client]:
    main = rig.main()
    sub, _ = rig.sub(main)
    if money:
        main.call(
            "private/submit_transfer_between_subaccounts",
            currency="USDC", amount=money, destination=sub.account,
        )
    return main, sub


def split(main: Client, sub: Client, first: float = 0.75, second: float = 1.25) -> list[dict[str, Any]]:
    return [{"user_id": sub.account, "amount": first}, {"user_id": main.account, "amount": second}]


def test_each_account_trades_its_part_of_every_quote(rig: ComboRig) -> None:
    main, sub = family(rig)
    one, two = rig.main(name="bob"), rig.main(name="carol")
    one.call("private/subscribe", channels=["block_rfq.maker.any"])
    sub.call("private/subscribe", channels=["user.trades.any.any.raw", "block_rfq.taker.any"])
    given = split(main, sub)
    rfq = asked(main, hedge=HEDGE, trade_allocations=given)
    assert rfq["trade_allocations"] == given
    assert "trade_allocations" not in one.taken("block_rfq.maker.any")[0]
    quoted(one, rfq, "sell", 5_000, 5_000, amount=1.5)
    quoted(two, rfq, "sell", 5_010, 5_000, amount=1.5)
    blocks = accepted(main, rfq, "buy", -4_990)["block_trades"]
    assert [[trade["amount"] for trade in block["trades"]] for block in blocks] == [
        [0.75, 1.5, 0.375], [0.75, 1.5, 0.375], [0.5, 1.0, 0.25],
    ]  # fmt: skip
    assert {trade["seq"] for block in blocks for trade in block["trades"]} == {rig.engine.next_seq - 1}
    assert {trade["liquidity"] for block in blocks for trade in block["trades"]} == {"T"}
    assert sizes(sub) == {OPTION: 0.75, PUT: -1.5, PERPETUAL: -0.375}
    assert sizes(main) == {OPTION: 1.25, PUT: -2.5, PERPETUAL: -0.625}
    assert sizes(one) == {OPTION: -1.5, PUT: 3.0, PERPETUAL: 0.75}
    assert sizes(two) == {OPTION: -0.5, PUT: 1.0, PERPETUAL: 0.25}
    ids = [block["id"] for block in blocks]
    assert [block["id"] for block in main.call("private/get_block_trades")] == [ids[2], ids[1]]
    (theirs,) = sub.call("private/get_block_trades")
    assert theirs == blocks[0]
    told = [trade for frame in sub.taken("user.trades.any.any.raw") for trade in frame]
    assert {trade["block_trade_id"] for trade in told} == {ids[0]}
    assert sub.taken("block_rfq.taker.any") == []
    assert [block["id"] for block in one.call("private/get_block_trades")] == [ids[1], ids[0]]
    filled = seen(main, rfq)
    assert [(t["amount"], t["hedge_amount"]) for t in filled["trades"]] == [(1.5, 0.75), (0.5, 0.25)]
    assert rig.connect().call("public/get_block_rfq_trades", currency="BTC")["block_rfqs"][0]["amount"] == 2.0


def test_of_less_the_first_are_served(rig: ComboRig) -> None:
    main, sub = family(rig)
    maker = rig.main(name="bob")
    rfq = asked(main, trade_allocations=split(main, sub, 1.5, 0.5))
    quoted(maker, rfq, "buy", 5_000, 5_000)
    (block,) = accepted(main, rfq, "sell", -5_000, amount=1)["block_trades"]
    assert [trade["amount"] for trade in block["trades"]] == [1.0, 2.0]
    assert sizes(sub) == {OPTION: -1.0, PUT: 2.0}
    assert sizes(main) == {}


def test_all_of_it_may_be_of_one_account(rig: ComboRig) -> None:
    main, sub = family(rig)
    maker = rig.main(name="bob")
    for owner in (sub, main):
        rfq = asked(main, trade_allocations=[{"user_id": owner.account, "amount": 2}])
        quoted(maker, rfq, "sell", 5_000, 5_000)
        accepted(main, rfq, "buy", -5_000)
    assert sizes(sub) == sizes(main) == {OPTION: 2.0, PUT: -4.0}
    rfq = asked(sub, trade_allocations=[{"user_id": sub.account, "amount": 2}])
    assert rfq["trade_allocations"] == [{"user_id": sub.account, "amount": 2.0}]


def test_an_account_that_cannot_bear_it_is_the_taker_s_fault(rig: ComboRig) -> None:
    main, sub = family(rig, money=0)
    maker = rig.main(name="bob")
    rfq = asked(main, trade_allocations=split(main, sub))
    quote = quoted(maker, rfq, "sell", 5_000, 5_000)
    code, data = refused(lambda: accepted(main, rfq, "buy", -5_000))
    assert (code, data["party"]) == (10009, "taker")
    main.call(
        "private/submit_transfer_to_subaccount", currency="USDC", amount=500_000, destination=sub.account
    )
    rig.order(commands_risk.set_lock(sub.account or 0, True))
    assert refused(lambda: accepted(main, rfq, "buy", -5_000))[0] == 11098
    (left,) = maker.call("private/get_block_rfq_quotes")
    assert left["block_rfq_quote_id"] == quote["block_rfq_quote_id"]
    rig.order(commands_risk.set_lock(sub.account or 0, False))
    rig.order(commands_risk.set_lock(maker.account or 0, True))
    assert refused(lambda: accepted(main, rfq, "buy", -5_000))[0] == 13907
    assert maker.call("private/get_block_rfq_quotes") == []  # its own fault
    rig.order(commands_risk.set_lock(maker.account or 0, False))
    quoted(maker, rfq, "sell", 5_000, 5_000)
    assert len(accepted(main, rfq, "buy", -5_000)["block_trades"]) == 2


def test_a_quote_counts_once_for_its_maker_s_protection(rig: ComboRig) -> None:
    main, sub = family(rig)
    maker = rig.main(name="bob")
    maker.call(
        "private/set_mmp_config",
        block_rfq=True, index_name="all", interval=60, frozen_time=0, trade_count_limit=2,
    )
    rfq = asked(main, trade_allocations=split(main, sub))
    quoted(maker, rfq, "sell", 5_000, 5_000)
    assert len(accepted(main, rfq, "buy", -5_000)["block_trades"]) == 2
    assert maker.call("private/get_mmp_status", block_rfq=True) == []


def test_what_is_no_division(rig: ComboRig) -> None:
    main, sub = family(rig)
    other = rig.main(name="bob")
    whole = {"user_id": main.account, "amount": 2}
    for given, code in (
        ([], 10021),
        ("x", -32602),
        ([{"user_id": main.account}], -32602),
        ([{"amount": 2}], -32602),
        ([{**whole, "amount": 1}], 10021),
        ([{**whole, "amount": 3}], 10021),
        (split(main, sub, 0.005, 1.995), 10021),
        (split(main, sub, -1, 3), 10021),
        ([whole, whole], -32602),
        (split(main, other), 12100),
        ([{**whole, "user_id": 10**9}], 12100),
        ([{**whole, "user_id": 1}], 12100),
        ([{"client_info": {"client_id": 1}, "amount": 2}], 10033),
        ([{"user_id": n, "amount": 0.1} for n in range(40)], -32602),
    ):
        with pytest.raises(CallFailed) as wrong:
            asked(main, trade_allocations=given)
        assert wrong.value.code == code, given
    with pytest.raises(CallFailed) as wrong:
        asked(sub, trade_allocations=split(main, sub))
    assert wrong.value.code == 13012
    assert main.call("private/get_block_rfqs")["block_rfqs"] == []


def test_before_rules_5_a_block_has_one_taker() -> None:
    rig = ComboRig(rules=4).open()
    main, sub = family(rig)
    assert refused(lambda: asked(main, trade_allocations=split(main, sub)))[0] == 13028
    assert asked(main, trade_allocations=[{"user_id": main.account, "amount": 2}])["trade_allocations"]
    rig.close()
