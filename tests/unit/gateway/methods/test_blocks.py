"""Block trades by the word of both sides, as clients make, refuse and read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchange.domain import commands
from exchange.gateway.bus import TRADES as TRADES_STREAM
from exchange.gateway.bus import QueuedBus
from exchange.gateway.deals.block_signatures import BlockSealer
from tests.unit.gateway.block_rig import blocks_done, refused, sizes, sound, started
from tests.unit.gateway.rig import OPTION, PERPETUAL, BlockNonces, Client
from tests.unit.gateway.risk_rig import RiskRig

TRADES: list[dict[str, Any]] = [
    {"instrument_name": OPTION, "price": 5_000, "amount": 1, "direction": "buy"},
    {"instrument_name": PERPETUAL, "price": 100_000, "amount": 0.5, "direction": "sell"},
]
"""As the maker trades them."""


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    yield from sound()


def terms(rig: RiskRig, role: str = "maker", **more: Any) -> dict[str, Any]:
    return {"timestamp": rig.clock.ms, "nonce": "n1", "role": role, "trades": TRADES, **more}


def signed(rig: RiskRig, client: Client, role: str = "maker", **more: Any) -> str:
    found: str = client.call("private/verify_block_trade", **terms(rig, role, **more))["signature"]
    return found


def executed(rig: RiskRig, client: Client, signature: str, role: str = "taker", **more: Any) -> Any:
    return client.call(
        "private/execute_block_trade", **terms(rig, role, **more), counterparty_signature=signature
    )


def test_a_signed_block_is_executed_whole(rig: RiskRig) -> None:
    maker, taker, other = rig.main(), rig.main(name="bob"), rig.main(name="carol")
    channels = [f"trades.{OPTION}.raw", "trades.any.any.100ms", "user.trades.any.any.raw"]
    taker.call("private/subscribe", channels=[*channels, "user.stream"])
    block = executed(rig, taker, signed(rig, maker))
    assert block["id"] == "BLOCK-1"
    first, second = block["trades"]
    assert (first["instrument_name"], first["direction"], first["amount"]) == (OPTION, "sell", 1.0)
    assert (second["instrument_name"], second["direction"], second["liquidity"]) == (PERPETUAL, "buy", "T")
    told = {"block_trade_id": "BLOCK-1", "block_trade_leg_count": 2}
    for trade in (first, second):
        assert trade.items() >= told.items()
        assert "block_rfq_id" not in trade
    assert sizes(maker) == {OPTION: 1.0, PERPETUAL: -0.5}
    assert sizes(taker) == {OPTION: -1.0, PERPETUAL: 0.5}
    rig.tick()
    for channel in channels:
        found = [trade for data in taker.taken(channel) for trade in data]
        assert found, channel
        assert all(trade.items() >= told.items() for trade in found), channel
    pushed = [e for data in taker.taken("user.stream") for e in data.get("events", ())]
    assert [e["trade"]["block_trade_id"] for e in pushed if e["type"] == "trade"] == ["BLOCK-1"] * 2
    for method, asked in (
        ("public/get_last_trades_by_instrument", {"instrument_name": OPTION}),
        ("public/get_last_trades_by_currency", {"currency": "BTC"}),
        ("private/get_user_trades_by_instrument", {"instrument_name": OPTION}),
    ):
        assert maker.call(method, **asked)["trades"][0].items() >= told.items(), method
    theirs = maker.call("private/get_block_trade", id="BLOCK-1")
    assert [trade["direction"] for trade in theirs["trades"]] == ["buy", "sell"]
    assert {trade["liquidity"] for trade in theirs["trades"]} == {"M"}
    assert taker.call("private/get_block_trades", currency="BTC") == [block]
    assert taker.call("private/get_block_trades", currency="ETH") == []
    assert other.call("private/get_block_trades") == []
    assert refused(lambda: other.call("private/get_block_trade", id="BLOCK-1"))[0] == 13020


def test_either_side_may_sign(rig: RiskRig) -> None:
    maker, taker = rig.main(), rig.main(name="bob")
    executed(rig, maker, signed(rig, taker, "taker"), "maker")
    assert sizes(maker) == {OPTION: 1.0, PERPETUAL: -0.5}


def test_a_signature_is_good_once(rig: RiskRig) -> None:
    maker, taker = rig.main(), rig.main(name="bob")
    one, again = signed(rig, maker), signed(rig, maker)
    executed(rig, taker, one)
    for signature in (one, again):
        code, data = refused(executed, rig, taker, signature)
        assert (code, data["reason"]) == (11030, "block_signature_used")
    assert refused(lambda: signed(rig, maker))[1]["reason"] == "block_signature_used"
    assert blocks_done(rig) == 1


def test_both_sides_execute_at_once_and_it_happens_once(rig: RiskRig) -> None:
    maker, taker = rig.main(), rig.main(name="bob")
    ours, theirs = signed(rig, maker), signed(rig, taker, "taker")
    method = "private/execute_block_trade"
    sent = [
        (taker, taker.send(method, **terms(rig, "taker"), counterparty_signature=ours)),
        (maker, maker.send(method, **terms(rig, "maker"), counterparty_signature=theirs)),
    ]
    rig.loop.run()
    assert sent[0][0].reply(sent[0][1])["id"]
    assert refused(lambda: sent[1][0].reply(sent[1][1]))[1]["reason"] == "block_signature_used"
    assert blocks_done(rig) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"nonce": "n2"}, "block_terms_differ"),
        ({"trades": TRADES[:1]}, "block_terms_differ"),
        ({"trades": TRADES[::-1]}, "block_terms_differ"),
        ({"trades": [{**TRADES[0], "price": 5_005}, TRADES[1]]}, "block_terms_differ"),
        ({"trades": [{**TRADES[0], "direction": "sell"}, TRADES[1]]}, "block_terms_differ"),
        ({"role": "maker"}, "block_role"),
        ({"counterparty_signature": "1.abc"}, "block_signature_invalid"),
        ({"counterparty_signature": "nonsense"}, "block_signature_invalid"),
    ],
)
def test_what_was_not_signed_does_not_happen(rig: RiskRig, change: dict[str, Any], reason: str) -> None:
    maker, taker = rig.main(), rig.main(name="bob")
    given = {**terms(rig, "taker"), "counterparty_signature": signed(rig, maker), **change}
    code, data = refused(lambda: taker.call("private/execute_block_trade", **given))
    assert (code, data["reason"]) == (11030, reason)
    assert blocks_done(rig) == 0


def test_every_byte_of_a_signature_counts(rig: RiskRig) -> None:
    maker, taker = rig.main(), rig.main(name="bob")
    signature = signed(rig, maker)
    for at in range(0, len(signature), 7):
        other = "A" if signature[at] != "A" else "B"
        forged = signature[:at] + other + signature[at + 1 :]
        assert refused(executed, rig, taker, forged)[0] == 11030
    foreign = BlockSealer(b"x" * 32, BlockNonces())
    text = foreign.seal(rig.venue.blocks.sealer.open(signature))
    assert refused(lambda: executed(rig, taker, text))[1]["reason"] == "block_signature_invalid"
    assert blocks_done(rig) == 0
    assert str(maker.account) not in signature.partition(".")[2]


def test_a_signature_expires_and_may_not_be_early(rig: RiskRig) -> None:
    maker, taker = rig.main(), rig.main(name="bob")
    given = terms(rig, "taker")
    given["counterparty_signature"] = signed(rig, maker)
    rig.clock.ms += 300_001
    code, data = refused(lambda: taker.call("private/execute_block_trade", **given))
    assert (code, data["reason"], data["window_ms"]) == (11030, "block_signature_expired", 300_000)
    later = rig.clock.ms + 300_001
    assert refused(lambda: signed(rig, maker, timestamp=later))[1]["reason"] == "block_signature_expired"


def test_a_signature_may_be_for_one_account_alone(rig: RiskRig) -> None:
    maker, taker, other = rig.main(), rig.main(name="bob"), rig.main(name="carol")
    signature = signed(rig, maker, counterparty=taker.account)
    assert refused(lambda: executed(rig, other, signature))[1]["reason"] == "block_counterparty"
    assert executed(rig, taker, signature)["id"] == "BLOCK-1"


def test_a_family_does_not_trade_with_itself(rig: RiskRig) -> None:
    maker = rig.main()
    sub, _ = rig.sub(maker)
    signature = signed(rig, maker)
    for client in (maker, sub):
        assert refused(executed, rig, client, signature)[1]["reason"] == "block_own_family"


def test_a_signature_is_invalidated_by_its_account_alone(rig: RiskRig) -> None:
    maker, taker = rig.main(), rig.main(name="bob")
    signature = signed(rig, maker)
    method = "private/invalidate_block_trade_signature"
    assert refused(lambda: taker.call(method, signature=signature))[1]["reason"] == "block_signature_invalid"
    assert maker.call(method, signature=signature) == "ok"
    assert refused(lambda: executed(rig, taker, signature))[1]["reason"] == "block_signature_used"
    assert refused(lambda: maker.call(method, signature=signature))[1]["reason"] == "block_signature_used"


def test_who_cannot_bear_it_is_named_and_the_signature_stays_good(rig: RiskRig) -> None:
    maker, taker = rig.main(), rig.main(100, "bob")
    signature = signed(rig, maker)
    code, data = refused(lambda: executed(rig, taker, signature))
    assert (code, data) == (10009, {"reason": data["reason"], "party": "taker"})
    assert data["reason"] in ("insufficient_funds", "negative_equity")
    assert sizes(maker) == {}
    assert rig.venue.blocks.store.pending() == []
    rig._deposits += 1
    rig.order(commands.deposit(taker.account or 0, 10**12, rig._deposits))
    assert executed(rig, taker, signature)["id"] == "BLOCK-2"
    poor = rig.main(100, "dora")
    signature = signed(rig, maker, nonce="n3", role="taker")
    code, data = refused(lambda: executed(rig, poor, signature, "maker", nonce="n3"))
    assert (code, data["party"]) == (10009, "maker")


@pytest.mark.parametrize(("at", "price", "code"), [(0, 16_000, 10007), (1, 90_000, 10005)])
def test_a_price_outside_the_band_names_its_trade(rig: RiskRig, at: int, price: float, code: int) -> None:
    maker, taker = rig.main(), rig.main(name="bob")
    trades = [{**trade, "price": price} if number == at else trade for number, trade in enumerate(TRADES)]
    signature = signed(rig, maker, trades=trades)
    found, data = refused(lambda: executed(rig, taker, signature, trades=trades))
    assert found == code
    assert (data["trade"], data["instrument_name"]) == (at, TRADES[at]["instrument_name"])
    assert data["limit"] > 0
    assert "party" not in data
    assert sizes(maker) == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": 0.09}, 10002),
        ({"amount": 0.005}, 10021),
        ({"amount": -1}, 10021),
        ({"price": 5_001}, 10043),
        ({"price": 0}, 10023),
        ({"direction": "up"}, -32602),
        ({"instrument_name": "BTC_USDC-1JAN30-1-C"}, 10020),
    ],
)
def test_trades_that_are_none(rig: RiskRig, change: dict[str, Any], code: int) -> None:
    maker = rig.main()
    trades = [{**TRADES[0], **change}]
    for method in ("verify_block_trade", "simulate_block_trade"):
        assert refused(maker.call, f"private/{method}", **terms(rig, trades=trades))[0] == code


def test_a_block_is_simulated_for_either_side(rig: RiskRig) -> None:
    rich, poor = rig.main(), rig.main(100, "bob")
    method = "private/simulate_block_trade"
    assert rich.call(method, trades=TRADES) is True
    assert rich.call(method, trades=TRADES, role="taker") is True
    assert poor.call(method, trades=TRADES) is False
    assert rich.call(method, trades=[{**TRADES[0], "price": 16_000}]) is False
    assert rich.call(method, trades=[{**TRADES[0], "amount": 5_000}]) is False
    assert blocks_done(rig) == 0


def keyed(rig: RiskRig, client: Client, *features: str) -> Client:
    """Another session of the account, by a key of its own."""
    made = client.call(
        "private/create_api_key", max_scope=["block_trade:read_write"], enabled_features=list(features),
        name="desk",
    )
    again = rig.connect(client.account)
    again.session.client_id = made["client_id"]
    return again


def test_a_key_that_needs_approval_waits_for_another(rig: RiskRig) -> None:
    maker, taker = rig.main(), rig.main(name="bob")
    desk = keyed(rig, maker, "block_trade_approval")
    maker.call("private/subscribe", channels=["block_trade_confirmations", "block_trade_confirmations.ETH"])
    signature = signed(rig, desk)
    code, data = refused(lambda: executed(rig, taker, signature))
    assert (code, data) == (11030, {"reason": "block_approval_required", "role": "maker"})
    (asked,) = maker.call("private/get_block_trade_requests")
    assert asked["state"] == {"value": "initial", "timestamp": rig.clock.ms}
    assert (asked["app_name"], asked["username"], asked["role"]) == ("desk", "alice", "maker")
    assert taker.call("private/get_block_trade_requests") == []
    named = {name: asked[name] for name in ("timestamp", "nonce", "role")}
    assert refused(lambda: desk.call("private/approve_block_trade", **named))[0] == 13021
    assert refused(lambda: taker.call("private/approve_block_trade", **named))[0] == 13020
    assert maker.call("private/approve_block_trade", **named) == "ok"
    assert executed(rig, taker, signature)["id"] == "BLOCK-1"
    told = [data["state"]["value"] for data in maker.taken("block_trade_confirmations")]
    assert told == ["initial", "accepted", "executed"]
    assert maker.taken("block_trade_confirmations.ETH") == []


def test_what_was_rejected_never_happens(rig: RiskRig) -> None:
    maker, taker = rig.main(), rig.main(name="bob")
    desk = keyed(rig, taker, "block_trade_approval")
    signature = signed(rig, maker)
    assert refused(lambda: executed(rig, desk, signature))[1]["role"] == "taker"
    (asked,) = taker.call("private/get_block_trade_requests")
    named = {name: asked[name] for name in ("timestamp", "nonce", "role")}
    assert taker.call("private/reject_block_trade", **named) == "ok"
    assert refused(lambda: executed(rig, desk, signature))[1]["reason"] == "block_signature_used"
    assert refused(lambda: taker.call("private/approve_block_trade", **named))[0] == 11030
    (asked,) = taker.call("private/get_block_trade_requests")
    assert asked["state"]["value"] == "rejected"


def test_a_restricted_key_sees_its_own_blocks_alone(rig: RiskRig) -> None:
    maker, taker = rig.main(), rig.main(name="bob")
    desk = keyed(rig, maker, "restricted_block_trades")
    executed(rig, taker, signed(rig, maker))
    executed(rig, taker, signed(rig, desk, nonce="n2"), nonce="n2")
    assert [block["id"] for block in maker.call("private/get_block_trades")] == ["BLOCK-2", "BLOCK-1"]
    assert [block["id"] for block in desk.call("private/get_block_trades")] == ["BLOCK-2"]
    assert refused(lambda: desk.call("private/get_block_trade", id="BLOCK-1"))[0] == 13020
    older = maker.call("private/get_block_trades", count=1, start_id="BLOCK-2")
    newer = maker.call("private/get_block_trades", end_id="BLOCK-2")
    assert [block["id"] for block in (*older, *newer)] == ["BLOCK-1", "BLOCK-2"]


def test_too_many_refusals_wait(rig: RiskRig) -> None:
    maker, taker = rig.main(), rig.main(100, "bob")
    codes = set()
    for number in range(61):
        nonce = f"m{number}"
        codes.add(refused(executed, rig, taker, signed(rig, maker, nonce=nonce), nonce=nonce)[0])
    assert codes == {10009, 10028}
    rig.clock.ms += 60_000
    assert refused(lambda: executed(rig, taker, signed(rig, maker, nonce="z"), nonce="z"))[0] == 10009


def test_after_a_restart_blocks_are_known_and_signatures_used(tmp_path: Path) -> None:
    first = started(tmp_path / "blocks.sqlite")
    maker, taker = first.main(), first.main(name="bob")
    signature, unused = signed(first, maker), signed(first, maker, nonce="n2")
    block = executed(first, taker, signature)
    again = started(tmp_path / "blocks.sqlite", first)
    bob = again.connect(taker.account)
    assert bob.call("private/get_block_trades") == [block]
    (trade, _) = bob.call("private/get_user_trades_by_currency", currency="BTC")["trades"]
    assert trade["block_trade_id"] == block["id"]
    assert refused(lambda: executed(again, bob, signature))[1]["reason"] == "block_signature_used"
    later = executed(again, bob, unused, nonce="n2")
    assert int(later["id"].removeprefix("BLOCK-")) > 1
    again.venue.blocks.close()
    again.close()


@pytest.mark.parametrize("happened", [True, False])
def test_what_a_crash_left_undecided_the_journal_decides(
    tmp_path: Path, happened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = started(tmp_path / "blocks.sqlite")
    maker, taker = first.main(), first.main(name="bob")
    signature = signed(first, maker)
    desk = first.venue.blocks.desk
    if happened:  # its events came, and were not written down
        monkeypatch.setattr(desk.store, "finish", lambda parts: None)
        executed(first, taker, signature)
    else:  # it was written down, and not sequenced
        monkeypatch.setattr(desk, "_submit", lambda command, on_events: None)
        given = terms(first, "taker", counterparty_signature=signature)
        taker.send("private/execute_block_trade", **given)
        first.loop.run()
    assert len(desk.store.pending()) == 1
    again = started(tmp_path / "blocks.sqlite", first)
    bob = again.connect(taker.account)
    assert again.venue.blocks.store.pending() == []
    assert [block["id"] for block in bob.call("private/get_block_trades")] == ["BLOCK-1"] * happened
    if happened:
        (trade, _) = bob.call("private/get_block_trade", id="BLOCK-1")["trades"]
        assert trade["price"] == 5_000
        assert refused(lambda: executed(again, bob, signature))[1]["reason"] == "block_signature_used"
    else:
        assert executed(again, bob, signature)["id"] != "BLOCK-1"
    assert blocks_done(first) + blocks_done(again) == 1
    again.venue.blocks.close()
    again.close()


def test_a_block_that_the_core_refused_is_forgotten_over_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = started(tmp_path / "blocks.sqlite")
    maker, taker = first.main(), first.main(100, "bob")
    signature = signed(first, maker)
    monkeypatch.setattr(first.venue.blocks.store, "drop", lambda command, digests: None)
    assert refused(lambda: executed(first, taker, signature))[0] == 10009
    again = started(tmp_path / "blocks.sqlite", first)
    assert again.venue.blocks.store.pending() == []
    bob = again.connect(taker.account)
    assert refused(lambda: executed(again, bob, signature))[0] == 10009
    again.venue.blocks.close()
    again.close()


def test_the_bus_tells_of_blocks_too() -> None:
    bus = QueuedBus()
    rig = RiskRig(bus=bus).open()
    maker, taker = rig.main(), rig.main(name="bob")
    executed(rig, taker, signed(rig, maker))
    entries = [entry["data"] for stream, entry in bus.take(1_000) if stream == TRADES_STREAM]
    told = [msgspec.json.decode(data) for data in entries]
    assert [trade["block_trade_id"] for trade in told] == ["BLOCK-1"] * 2
    rig.close()
