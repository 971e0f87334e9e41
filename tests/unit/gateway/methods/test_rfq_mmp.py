"""Protection of quotes for requests: what counts, freezes, and is gone then; what outlives a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.core import invariants
from exchange.gateway.account_settings import FileSettings
from exchange.gateway.deals.rfq_limits import UNTIL_RESET
from tests.unit.gateway.rig import ETH_PERPETUAL, OPTION, PERPETUAL, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig

CALLS = [{"instrument_name": OPTION, "amount": 2, "direction": "buy"}]
"""Two calls: quantity 2, and delta 1 (the call's is 0.5)."""
NAMED = [{"instrument_name": OPTION, "ratio": 1, "direction": "buy"}]
PERPETUALS = [{"instrument_name": PERPETUAL, "amount": 1, "direction": "buy"}]


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    found = RiskRig().open()
    yield found
    invariants.check(found.engine)
    found.close()


def chosen(client: Client, **limits: Any) -> Any:
    given = {"index_name": "btc_usdc", "interval": 10, "frozen_time": 60, "block_rfq": True, **limits}
    (found,) = client.call("private/set_mmp_config", **given)
    return found


def asked(taker: Client, legs: Any = CALLS) -> int:
    return int(taker.call("private/create_block_rfq", legs=legs)["block_rfq_id"])


def quoted(maker: Client, rfq: int, amount: float = 2, side: str = "sell", price: float = 5_000) -> Any:
    legs = [{**NAMED[0], "price": price}]
    return maker.call(
        "private/add_block_rfq_quote", block_rfq_id=rfq, direction=side, amount=amount, legs=legs
    )


def accepted(taker: Client, rfq: int, amount: float = 2, price: float = 5_000, **more: Any) -> Any:
    given = {"legs": NAMED, "direction": "buy", "time_in_force": "fill_or_kill", **more}
    return taker.call("private/accept_block_rfq", block_rfq_id=rfq, price=price, amount=amount, **given)


def refused(call: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call()
    return caught.value


def status(client: Client, **more: Any) -> list[Any]:
    return list(client.call("private/get_mmp_status", block_rfq=True, **more))


def test_limits_are_kept_and_shown_apart_from_those_of_books(rig: RiskRig) -> None:
    maker = rig.main()
    found = chosen(maker, quantity_limit=3, delta_limit=2.5, vega_limit=100, max_quote_quantity=5)
    assert found == {
        "index_name": "btc_usdc", "mmp_group": "", "interval": 10, "frozen_time": 60, "block_rfq": True,
        "quantity_limit": 3.0, "delta_limit": 2.5, "vega_limit": 100.0, "max_quote_quantity": 5.0,
    }  # fmt: skip
    of_all = chosen(maker, index_name="all", trade_count_limit=7)
    assert (of_all["index_name"], of_all["trade_count_limit"]) == ("all", 7)
    assert maker.call("private/get_mmp_config", block_rfq=True) == [of_all, found]
    assert maker.call("private/get_mmp_config", block_rfq=True, index_name="btc_usd") == [found]
    assert maker.call("private/get_mmp_config") == []
    chosen(maker, interval=0)
    assert maker.call("private/get_mmp_config", block_rfq=True) == [of_all]
    assert status(maker) == []


def test_so_many_trades_freeze_all_quotes_until_the_time_is_over(rig: RiskRig) -> None:
    taker, maker, other = rig.main(), rig.main(name="bob"), rig.main(name="carol")
    chosen(maker, index_name="all", trade_count_limit=2)
    maker.call("private/subscribe", channels=["user.mmp_trigger.all", "user.mmp_trigger.eth_usdc"])
    maker.call("private/subscribe", channels=["block_rfq.maker.quotes.any"])
    first, second, third = asked(taker), asked(taker), asked(taker)
    quoted(maker, first)
    accepted(taker, first)
    quoted(maker, second)
    quoted(maker, third)
    quoted(other, third, price=5_010)
    assert maker.taken("user.mmp_trigger.all") == []
    accepted(taker, second)
    until = rig.clock.ms + 60_000
    (told,) = maker.taken("user.mmp_trigger.all")
    assert told == maker.taken("user.mmp_trigger.eth_usdc")[0]
    shown = {"index_name": "all", "mmp_group": "", "frozen_until": until, "block_rfq": True}
    assert told == {**shown, "seq": rig.engine.next_seq - 1}
    assert status(maker) == [shown]
    gone = [each for data in maker.taken("block_rfq.maker.quotes.any") for each in data][-1]
    assert (gone["quote_state"], gone["quote_state_reason"]) == ("cancelled", "mmp_trigger")
    assert maker.call("private/get_block_rfq_quotes") == []
    failed = refused(lambda: quoted(maker, third))
    assert (failed.code, failed.data["frozen_until"]) == (13030, until)
    accepted(taker, third, price=5_010)  # the other maker's quote stands
    rig.tick(60)
    assert status(maker) == []
    fourth = asked(taker)
    quoted(maker, fourth)
    accepted(taker, fourth)  # the count has begun anew
    assert status(maker) == []


@pytest.mark.parametrize(
    ("limits", "trips_at"),
    [
        ({"quantity_limit": 4}, 2),
        ({"quantity_limit": 2}, 1),
        ({"delta_limit": 1.5}, 2),
        ({"vega_limit": 300}, 2),  # 100 a call
        ({"quantity_limit": 100, "max_quote_quantity": 100}, 9),
    ],
)
def test_what_counts_within_an_interval(rig: RiskRig, limits: dict[str, float], trips_at: int) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    chosen(maker, **limits)
    for number in range(1, 4):
        if number > trips_at:
            break
        assert status(maker) == []
        rfq = asked(taker)
        quoted(maker, rfq)
        accepted(taker, rfq)
    assert bool(status(maker)) == (trips_at < 9)


def test_an_interval_that_is_over_forgets_and_opposite_sides_net(rig: RiskRig) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    chosen(maker, quantity_limit=4)
    for _ in range(3):
        rfq = asked(taker)
        quoted(maker, rfq)
        accepted(taker, rfq)
        rig.tick(10)
    assert status(maker) == []
    chosen(maker, delta_limit=1.5)
    for side, other in (("sell", "buy"), ("buy", "sell")) * 2:
        rfq = asked(taker)
        quoted(maker, rfq, side=side)
        accepted(taker, rfq, direction=other)
    assert status(maker) == []


def test_an_index_freezes_only_its_own_requests(rig: RiskRig) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    chosen(maker, quantity_limit=1, frozen_time=0)
    ether = asked(taker, [{"instrument_name": ETH_PERPETUAL, "amount": 10, "direction": "buy"}])
    legs = [{"instrument_name": ETH_PERPETUAL, "ratio": 1, "direction": "buy", "price": 4_000}]
    maker.call("private/add_block_rfq_quote", block_rfq_id=ether, direction="sell", amount=10, legs=legs)
    rfq, waiting = asked(taker), asked(taker)
    quoted(maker, rfq)
    quoted(maker, waiting)
    accepted(taker, rfq)
    (left,) = maker.call("private/get_block_rfq_quotes")
    assert left["block_rfq_id"] == ether
    assert status(maker) == [
        {"index_name": "btc_usdc", "mmp_group": "", "frozen_until": 0, "block_rfq": True}
    ]
    rig.tick(4_000)  # until it is reset
    fresh = asked(taker)
    assert refused(lambda: quoted(maker, fresh)).code == 13030
    maker.call("private/reset_mmp", index_name="btc_usdc", block_rfq=True)
    quoted(maker, fresh)


def test_a_frozen_maker_may_not_change_its_quotes_either(rig: RiskRig) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    ether = asked(taker)
    quote = quoted(maker, ether)
    chosen(maker, quantity_limit=1)
    guard = rig.venue.blocks.protection.guards_of(maker.account or 0)[0]
    guard.frozen_until_ms = UNTIL_RESET
    failed = refused(
        lambda: maker.call(
            "private/edit_block_rfq_quote",
            block_rfq_quote_id=quote["block_rfq_quote_id"], amount=1, legs=[{**NAMED[0], "price": 5_000}],
        )
    )
    assert (failed.code, failed.data["frozen_until"]) == (13030, 0)
    assert refused(lambda: accepted(taker, ether)).code == 13907  # nor is it traded


def test_so_much_stands_on_one_side_of_a_request(rig: RiskRig) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    chosen(maker, max_quote_quantity=2)
    rfq = asked(taker)
    first = quoted(maker, rfq, 1.5)
    failed = refused(lambda: quoted(maker, rfq, 1))
    assert (failed.code, failed.data["reason"]) == (11030, "mmp_quantity")
    quoted(maker, rfq, 1, side="buy", price=4_990)
    quoted(maker, rfq, 0.5)
    change = {"block_rfq_quote_id": first["block_rfq_quote_id"], "legs": [{**NAMED[0], "price": 5_005}]}
    assert refused(lambda: maker.call("private/edit_block_rfq_quote", amount=1.6, **change)).code == 11030
    assert maker.call("private/edit_block_rfq_quote", amount=1.5, **change)["replaced"]


def test_what_is_under_way_counts_before_it_has_happened(rig: RiskRig) -> None:
    """Two acceptances in one instant: the second finds nothing of the maker that the first will freeze."""
    taker, another, maker = rig.main(), rig.main(name="dora"), rig.main(name="bob")
    chosen(maker, index_name="all", trade_count_limit=1)
    one, two = asked(taker), asked(another)
    quoted(maker, one)
    quoted(maker, two)
    given = {"legs": NAMED, "direction": "buy", "price": 5_000, "amount": 2}
    sent = [
        client.send("private/accept_block_rfq", block_rfq_id=rfq, time_in_force="fill_or_kill", **given)
        for client, rfq in ((taker, one), (another, two))
    ]
    rig.loop.run()
    assert taker.reply(sent[0])["block_trades"]
    with pytest.raises(CallFailed) as late:
        another.reply(sent[1])
    assert late.value.code == 13907
    assert status(maker)


def test_a_block_that_does_not_happen_gives_its_quotes_back(rig: RiskRig) -> None:
    """A taker who cannot bear it: what waited for the maker's quotes trades with them."""
    poor, taker, maker = rig.main(1), rig.main(name="dora"), rig.main(name="bob")
    chosen(maker, index_name="all", trade_count_limit=1)
    one, two = asked(poor), asked(taker)
    quoted(maker, one)
    quoted(maker, two)
    given = {"legs": NAMED, "direction": "buy", "price": 5_000, "amount": 2}
    sent = [
        client.send("private/accept_block_rfq", block_rfq_id=rfq, time_in_force=waits, **given)
        for client, rfq, waits in ((poor, one, "fill_or_kill"), (taker, two, "good_til_cancelled"))
    ]
    rig.loop.run()
    with pytest.raises(CallFailed) as late:
        poor.reply(sent[0])
    assert late.value.code == 10009
    assert taker.reply(sent[1])["trade_trigger"]["state"] == "untriggered"
    (filled,) = taker.call("private/get_block_rfqs", block_rfq_id=two)["block_rfqs"]
    assert filled["state"] == "filled"
    assert status(maker)


@pytest.mark.parametrize(
    ("method", "given", "code"),
    [
        ("set_mmp_config", {"index_name": "moon_usdc", "quantity_limit": 1}, 10020),
        ("set_mmp_config", {"trade_count_limit": 5}, -32602),
        ("set_mmp_config", {"index_name": "all", "quantity_limit": 5}, -32602),
        ("set_mmp_config", {"index_name": "all", "trade_count_limit": 0}, -32602),
        ("set_mmp_config", {"index_name": "all", "trade_count_limit": 1_001}, -32602),
        ("set_mmp_config", {}, -32602),
        ("set_mmp_config", {"quantity_limit": 1, "delta_limit": 1}, -32602),
        ("set_mmp_config", {"quantity_limit": 1, "mmp_group": "mm"}, -32602),
        ("set_mmp_config", {"quantity_limit": 1, "interval": 3_601}, -32602),
        ("reset_mmp", {}, 13040),
        ("reset_mmp", {"index_name": "all"}, 13040),
        ("get_mmp_status", {"index_name": "moon_usdc"}, 10020),
    ],
)
def test_what_is_wrong_has_its_code(rig: RiskRig, method: str, given: dict[str, Any], code: int) -> None:
    maker = rig.main()
    params: dict[str, Any] = {"index_name": "btc_usdc", "block_rfq": True}
    if method == "set_mmp_config":
        params |= {"interval": 1, "frozen_time": 1}
    assert refused(lambda: maker.call(f"private/{method}", **{**params, **given})).code == code


def test_limits_and_a_freeze_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "settings.sqlite"
    rig = RiskRig(settings=FileSettings(path)).open()
    taker, maker = rig.main(), rig.main(name="bob")
    found = [chosen(maker, quantity_limit=1, frozen_time=0)]
    found.append(chosen(maker, index_name="eth_usdc", vega_limit=3))
    chosen(maker, index_name="all", trade_count_limit=5)
    chosen(maker, index_name="all", interval=0)
    rfq = asked(taker)
    quoted(maker, rfq)
    accepted(taker, rfq)
    again = RiskRig.over(rig, settings=FileSettings(path)).open()
    maker, taker = again.connect(maker.account), again.connect(taker.account)
    assert maker.call("private/get_mmp_config", block_rfq=True) == found
    assert [each["frozen_until"] for each in status(maker)] == [0]
    fresh = asked(taker)
    assert refused(lambda: quoted(maker, fresh)).code == 13030
    maker.call("private/reset_mmp", index_name="all", block_rfq=True)
    quoted(maker, fresh)
    again.close()
