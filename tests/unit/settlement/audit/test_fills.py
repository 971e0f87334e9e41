"""One rule for each class a fill may be authorised by, and what happens when it is broken."""

from __future__ import annotations

import lzma
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from exchange.attest.authorisation import BLOCK, GRANT, LIQUIDATION, SIGNED_ORDER, fill_classes
from exchange.attest.eip712 import DEVELOPMENT
from exchange.attest.secp256k1 import recover
from exchange.domain import events as ev
from exchange.domain import records as r
from settlement.audit.authority import Authority
from settlement.audit.fills import Booked, FillRules
from settlement.audit.replay import Replay
from settlement.audit.rerun import Batch, paired
from tests.golden import journals
from tests.unit.core.harness import ALICE
from tests.unit.settlement.audit.logs import GRANT as GRANTED
from tests.unit.settlement.audit.logs import THIEF, market, order, record, signed

JOURNALS = Path(journals.__file__).parent
BUSY = "rules-4-combos_portfolio"
"""Liquidations, deliveries and trades of combos."""
SELL = 1


def followed(batches: Iterable[Batch], spoil: bool = False) -> tuple[FillRules, list[Booked]]:
    """Rules that have seen a log, and its trades as they should be booked. `spoil`: margins were kept."""
    replay, rules, fills = Replay(0), FillRules(Authority(DEVELOPMENT, recover)), list[Booked]()
    for first_seq, commands in batches:
        made = replay.take(first_seq, commands)
        for seq, (command, events) in enumerate(paired(commands, made.events), first_seq):
            told = without_breach(events) if spoil else events
            rules.take(seq, command, told)
            fills += booked(told)
    return rules, fills


def booked(events: bytes) -> list[Booked]:
    trades = [event for event in ev.read_events(events) if isinstance(event, ev.Trade)]
    classes = {one.trade_id: (one.maker, one.taker) for one in fill_classes(events)} if trades else {}
    return [
        Booked(
            one.head.id, one.head.instrument, one.maker_account, one.taker_account, bool(one.flags & 1),
            one.price_ticks, one.size_lots, *classes[one.head.id],
        )
        for one in trades
    ]  # fmt: skip


def without_breach(events: bytes) -> bytes:
    """The same events where no maintenance margin was above a balance."""
    parts = bytearray(events)
    at = 0
    while at < len(parts):
        if parts[at] == r.EV_LIQUIDATION:
            parts[at + 40 : at + 48] = bytes(8)
            parts[at + 48 : at + 56] = (1).to_bytes(8, "little")
        at += (int.from_bytes(parts[at + 2 : at + 4], "little") or 1) * r.UNIT_BYTES
    return bytes(parts)


@cache
def journal(name: str) -> bytes:
    return lzma.decompress((JOURNALS / f"{name}.commands.xz").read_bytes())


def taken(*batches: bytes) -> tuple[FillRules, Booked]:
    """Rules over a market where ALICE's order rests and MINE's meets it."""
    log = market()
    log.deposit(ALICE, 10**13)
    log.apply(order(ALICE, 50, SELL))
    for batch in batches:
        log.apply(batch)
    log.apply(order(ALICE, 1))
    rules, fills = followed(log.batches)
    return rules, fills[0]


def code(rules: FillRules, fill: Booked) -> str:
    found = rules.judge(fill)
    return found.code if found else ""


def test_class_1_needs_the_owners_signature_over_the_order() -> None:
    rules, fill = taken(signed(order()))
    assert (fill.maker_class, fill.taker_class, code(rules, fill)) == (GRANT, SIGNED_ORDER, "")
    for wrong in (signed(order(), signer=THIEF), order(grant=1 << 31 | 1)):
        assert code(*taken(wrong)) == "unsigned_order"


def test_class_1_needs_the_very_order_that_was_signed() -> None:
    """The signature is over three lots; four are sequenced behind it."""
    large, small = signed(order(lots=4)), signed(order(lots=3))
    spoiled = small[: -len(order())] + large[-len(order()) :]
    assert code(*taken(spoiled)) == "unsigned_order"


def test_class_2_needs_a_grant_that_allows_it() -> None:
    active = record(r.GRANT_ACTIVATED, GRANTED)
    rules, fill = taken(active, order(grant=7))
    assert (fill.taker_class, code(rules, fill)) == (GRANT, "")
    assert code(*taken(active, order(grant=7, lots=6))) == "beyond_the_grant"
    assert code(*taken(order(grant=7))) == "beyond_the_grant"
    assert code(*taken(record(r.GRANT_ACTIVATED, GRANTED, THIEF), order(grant=7))) == "beyond_the_grant"


def test_class_2_of_an_api_key_is_the_venues_word() -> None:
    assert code(*taken(order())) == ""


def test_class_3_needs_a_margin_breach() -> None:
    rules, fills = followed([(1, journal(BUSY))])
    authorised = [f for f in fills if f.taker_class == LIQUIDATION and code(rules, f) == ""]
    assert authorised
    rules, _ = followed([(1, journal(BUSY))], spoil=True)
    assert {code(rules, fill) for fill in authorised} == {"no_margin_breach"}


def test_class_4_needs_an_expiry_and_its_price() -> None:
    commands = journal(BUSY)
    replay = Replay(0)
    events = replay.take(1, commands).events
    rules, _ = followed([(1, commands)])
    told = [e for e in ev.read_events(events) if isinstance(e, ev.Settled) and e.head.id == 1]
    assert told
    for one in told:
        assert rules.judge_delivery(one.head.instrument, one.price) is None
    found = rules.judge_delivery(told[0].head.instrument, told[0].price + 1)
    assert found is not None
    assert found.code == "another_delivery"
    found = rules.judge_delivery(9_999, 1)
    assert found is not None
    assert found.code == "delivery_not_in_log"


def test_class_5_needs_a_block_of_both() -> None:
    rules, fills = followed([(1, journal("rules-5-scripted_several_takers"))])
    blocks = [fill for fill in fills if fill.taker_class == BLOCK]
    assert blocks
    assert {code(rules, fill) for fill in fills} == {""}
    others = [fill for fill in fills if fill.taker_class != BLOCK]
    for fill in others[:3]:
        assert code(rules, fill._replace(maker_class=BLOCK, taker_class=BLOCK)) == "another_class"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"trade_id": 10**6}, "fill_not_in_log"),
        ({"price_ticks": 1}, "another_fill"),
        ({"maker": 99}, "another_fill"),
        ({"taker_sells": True}, "another_fill"),
        ({"taker_class": LIQUIDATION}, "another_class"),
    ],
)
def test_a_fill_of_which_the_log_tells_another_story(change: dict[str, Any], told: str) -> None:
    rules, fill = taken(order())
    assert code(rules, fill._replace(**change)) == told
    assert code(rules, fill) == ""

