"""Requests for quotes in time and number: grace, limits, pages, a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.gateway.deals.block_limits import BlockLimits
from exchange.gateway.methods import rfq
from tests.unit.gateway.block_rig import refused, sound, started
from tests.unit.gateway.fakes import ManualLoop
from tests.unit.gateway.rfq_rig import accepted, asked, quoted, seen
from tests.unit.gateway.rig import block_setup
from tests.unit.gateway.risk_rig import RiskRig

FEW = BlockLimits(grace_ms=5_000, rfqs_open_max=2, rfqs_all_max=3, quotes_max=3, quotes_side_max=2)


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    yield from sound()


@pytest.fixture
def strict() -> Iterator[RiskRig]:
    """With a grace period and few of everything."""

    def blocks(loop: ManualLoop) -> Any:
        return block_setup(loop, FEW)

    found = RiskRig(blocks=blocks).open()
    yield found
    found.close()


def test_requests_and_quotes_expire(rig: RiskRig) -> None:
    taker, maker = rig.main(), rig.main(name="bob")
    rfq = asked(taker)
    taker.call("private/subscribe", channels=["block_rfq.taker.BTC"])
    maker.call("private/subscribe", channels=["block_rfq.maker.quotes.BTC"])
    late = rig.clock.ms + 1_000
    assert refused(lambda: quoted(maker, rfq, "sell", 5_000, 5_000, expires_at=rig.clock.ms))[0] == -32602
    quoted(maker, rfq, "sell", 5_000, 5_000, expires_at=late)
    quoted(maker, rfq, "buy", 4_000, 5_000)
    rig.clock.ms = late
    assert refused(lambda: accepted(taker, rfq, "buy", 0))[0] == 13907
    code, data = refused(lambda: maker.call("private/cancel_block_rfq_quote", block_rfq_quote_id=1))
    assert (code, data["reason"]) == (11030, "block_rfq_quote_closed")
    rig.tick()
    (told,) = maker.taken("block_rfq.maker.quotes.BTC")[-1]
    assert (told["quote_state"], told["quote_state_reason"]) == ("expired", "expires_at")
    rig.clock.ms = rfq["expiration_timestamp"]
    assert refused(lambda: accepted(taker, rfq, "sell", -9_000))[1]["reason"] == "block_rfq_closed"
    rig.tick()
    assert taker.taken("block_rfq.taker.BTC")[-1]["state"] == "expired"
    (told,) = maker.taken("block_rfq.maker.quotes.BTC")[-1]
    assert (told["quote_state"], told["quote_state_reason"]) == ("cancelled", "rfq_expired")
    assert refused(lambda: quoted(maker, rfq, "sell", 5_000, 5_000))[1]["reason"] == "block_rfq_closed"
    assert taker.call("private/get_block_rfq_user_info")["users"][0]["taker_rating"] == 0.0
    assert seen(taker, rfq, state="closed")["included_in_taker_rating"] is True
    assert seen(taker, rfq, state="open") is None


def test_makers_have_time_before_their_taker_sees_anything(strict: RiskRig) -> None:
    taker, maker = strict.main(), strict.main(name="bob")
    taker.call("private/subscribe", channels=["block_rfq.taker.BTC"])
    rfq = asked(taker)
    quoted(maker, rfq, "sell", 5_000, 5_000)
    assert seen(taker, rfq)["asks"] == []
    assert len(taker.taken("block_rfq.taker.BTC")) == 1
    code, data = refused(lambda: accepted(taker, rfq, "buy", -5_000))
    assert (code, data["reason"], data["until"]) == (11030, "block_rfq_grace", strict.clock.ms + 5_000)
    strict.tick(5.0)
    (told,) = taker.taken("block_rfq.taker.BTC")
    assert len(told["asks"]) == 1
    assert len(accepted(taker, rfq, "buy", -5_000)["block_trades"]) == 1


def test_there_are_bounds(strict: RiskRig) -> None:
    taker, maker = strict.main(), strict.main(name="bob")
    rfq = asked(taker)
    asked(taker)
    code, data = refused(lambda: asked(taker))
    assert (code, data) == (13907, {"reason": "too_many_open_block_rfqs", "limit": 2})
    other = strict.main(name="dora")
    asked(other)
    assert refused(lambda: asked(other))[0] == 13907
    quoted(maker, rfq, "sell", 5_000, 5_000)
    quoted(maker, rfq, "sell", 5_000, 5_000)
    code, data = refused(lambda: quoted(maker, rfq, "sell", 5_000, 5_000))
    assert (code, data["limit"]) == (13906, 2)
    code, data = refused(lambda: quoted(maker, rfq, "buy", 5_000, 5_000))
    assert code == 13910
    quoted(maker, rfq, "buy", 4_900, 5_000)
    code, data = refused(lambda: quoted(maker, rfq, "buy", 4_900, 5_000))
    assert (code, data["limit"]) == (13905, 3)
    for _ in range(58):
        (made, _) = taker.call("private/get_block_rfqs", state="open", role="taker")["block_rfqs"]
        taker.call("private/cancel_block_rfq", block_rfq_id=made["block_rfq_id"])
        asked(taker)
    taker.call("private/cancel_block_rfq", block_rfq_id=rfq["block_rfq_id"])
    assert refused(lambda: asked(taker))[0] == 10028


def test_pages_follow_each_other(rig: RiskRig) -> None:
    taker, maker = rig.main(50_000_000), rig.main(50_000_000, "bob")
    for _ in range(3):
        rfq = asked(taker)
        quoted(maker, rfq, "sell", 5_000, 5_000)
        accepted(taker, rfq, "buy", -5_000)
    page = taker.call("private/get_block_rfqs", count=2)
    assert [rfq["block_rfq_id"] for rfq in page["block_rfqs"]] == [3, 2]
    rest = taker.call("private/get_block_rfqs", count=2, continuation=page["continuation"])
    assert ([rfq["block_rfq_id"] for rfq in rest["block_rfqs"]], rest["continuation"]) == ([1], None)
    page = rig.connect().call("public/get_block_rfq_trades", currency="BTC", count=2)
    assert [rfq["id"] for rfq in page["block_rfqs"]] == [3, 2]
    rest = taker.call("public/get_block_rfq_trades", currency="any", continuation=page["continuation"])
    assert [rfq["id"] for rfq in rest["block_rfqs"]] == [1]
    assert taker.call("public/get_block_rfq_trades", currency="ETH")["block_rfqs"] == []
    assert [b["id"] for b in maker.call("private/get_block_trades", block_rfq_id=2)] == ["BLOCK-2"]


def test_a_page_that_finds_little_says_how_to_go_on(rig: RiskRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rfq, "LOOKED_AT_MAX", 2)
    taker = rig.main()
    for _ in range(3):
        asked(taker)
    page = taker.call("private/get_block_rfqs", state="filled")
    assert page == {"block_rfqs": [], "continuation": "2"}
    assert taker.call("private/get_block_rfqs", state="filled", continuation="2")["continuation"] is None


def test_a_restart_cancels_what_is_open_and_says_so(tmp_path: Path) -> None:
    first = started(tmp_path / "blocks.sqlite")
    taker, maker = first.main(50_000_000), first.main(50_000_000, "bob")
    done = asked(taker)
    quoted(maker, done, "sell", 5_000, 5_000)
    accepted(taker, done, "buy", -5_000)
    rfq = asked(taker)
    quote = quoted(maker, rfq, "sell", 5_000, 5_000)
    again = started(tmp_path / "blocks.sqlite", first)
    alice, bob = again.connect(taker.account), again.connect(maker.account)
    lost = seen(alice, rfq)
    assert (lost["state"], lost["cancel_reason"]) == ("cancelled", "venue_restart")
    assert seen(bob, rfq)["state"] == "cancelled"
    assert bob.call("private/get_block_rfq_quotes") == []
    assert refused(lambda: accepted(alice, rfq, "buy", 0))[1]["reason"] == "block_rfq_closed"
    (traded,) = alice.call("public/get_block_rfq_trades", currency="BTC")["block_rfqs"]
    assert traded["id"] == done["block_rfq_id"]
    fresh = asked(alice)
    assert fresh["block_rfq_id"] > rfq["block_rfq_id"]
    assert quoted(bob, fresh, "sell", 5_000, 5_000)["block_rfq_quote_id"] > quote["block_rfq_quote_id"]
    assert again.venue.blocks.alias(bob.account or 0) in alice.call("private/get_block_rfq_makers")
    again.venue.blocks.close()
    again.close()
