"""GRANT: a side record of what authorises commands, without any effect in the core (docs/rules-5.md)."""

from __future__ import annotations

import struct

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects
from tests.unit.core.harness import ALICE, Market, only, under_rules_3

BODY = bytes(range(1, 41))


@pytest.fixture
def market() -> Market:
    market = under_rules_3(Market(Engine()))
    market.send(c.set_rules(4), c.set_rules(5))
    return market


def state(market: Market) -> bytes:
    """All of the engine's state but for the number of the next command."""
    engine: object = market.engine
    assert isinstance(engine, Engine)
    found = engine.state_bytes()
    return found[:24] + found[32:]


def changed(raw: bytes, at: int, layout: str, value: int) -> bytes:
    return raw[:at] + struct.pack(layout, value) + raw[at + struct.calcsize(layout) :]


@pytest.mark.parametrize("kind", [r.GRANT_ACTIVATED, r.GRANT_REVOKED, r.GRANT_SIGNED])
@pytest.mark.parametrize("size", [1, 32, 33, 1_024])
def test_it_is_done_and_changes_nothing(market: Market, kind: int, size: int) -> None:
    before = state(market)
    done = only(market.send(c.grant(ALICE, 1 << 31 | 7, kind, b"x" * size)), e.Done)
    assert (done.command, done.head.account, done.head.instrument) == (r.GRANT, ALICE, 1 << 31 | 7)
    assert done.affected == 0
    assert state(market) == before


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (c.grant(63, 7, 1, BODY), rejects.UNKNOWN_ACCOUNT),
        (c.grant(9_999, 7, 1, BODY), rejects.UNKNOWN_ACCOUNT),
        (changed(c.grant(ALICE, 7, 1, BODY), 24, "<I", 7), rejects.NOT_AUTHORISED),
        (c.grant(ALICE, 7, 0, BODY), rejects.MALFORMED),
        (c.grant(ALICE, 7, 4, BODY), rejects.MALFORMED),
        (c.grant(ALICE, 7, 1, b""), rejects.MALFORMED),
        (c.grant(ALICE, 7, 1, bytes(1_025)), rejects.MALFORMED),
        (changed(c.grant(ALICE, 7, 1, BODY), 28, "<I", 32), rejects.MALFORMED),
        (changed(c.grant(ALICE, 7, 1, BODY), 28, "<I", 65), rejects.MALFORMED),
        (changed(c.grant(ALICE, 7, 1, BODY), 95, "<B", 1), rejects.MALFORMED),
    ],
)
def test_what_is_not_one_is_refused(market: Market, command: bytes, reason: int) -> None:
    assert only(market.send(command), e.Rejected).reason == reason


def test_earlier_rules_do_not_know_it() -> None:
    market = under_rules_3(Market(Engine()))
    market.send(c.set_rules(4))
    assert only(market.send(c.grant(ALICE, 7, 1, BODY)), e.Rejected).reason == rejects.MALFORMED
