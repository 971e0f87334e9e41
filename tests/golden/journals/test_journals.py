"""Journals of every released rules version replay to the same events and the same state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exchange.core.engine import Engine
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.reference.replay import Outcome, load, replay

HERE = Path(__file__).parent
EXPECTED = {
    name: Outcome(**outcome)
    for path in sorted(HERE.glob("rules-*.json"))
    for name, outcome in json.loads(path.read_text()).items()
}


def test_every_released_rules_version_has_journals() -> None:
    for version in range(1, limits.RELEASED_RULES + 1):
        assert any(name.startswith(f"rules-{version}-") for name in EXPECTED)
    assert {path.name for path in HERE.glob("*.xz")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_engine_replays_it_to_the_same_bytes(name: str) -> None:
    assert replay(load(HERE / name), Engine()) == EXPECTED[name]


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("rules-1-")])
def test_the_reference_replays_it_to_the_same_bytes(name: str) -> None:
    assert replay(load(HERE / name), ReferenceEngine()) == EXPECTED[name]


def test_the_journals_show_every_command_and_event() -> None:
    commands: set[int] = set()
    events: set[int] = set()
    for name in EXPECTED:
        stream = load(HERE / name)
        engine = Engine()
        events |= {event.head.type for event in e.read_events(engine.apply(stream))}
        at = 0
        while at < len(stream):
            commands.add(stream[at])
            at += int.from_bytes(stream[at + 2 : at + 4], "little") * r.UNIT_BYTES
    assert commands >= set(r.COMMAND_NAMES)
    assert events == set(r.EVENT_NAMES)


def test_the_journals_show_every_step_of_a_liquidation() -> None:
    kinds: set[int] = set()
    for name in EXPECTED:
        if name.startswith("rules-2-"):
            events = e.read_events(Engine().apply(load(HERE / name)))
            kinds |= {event.kind for event in events if isinstance(event, e.Liquidation)}
    assert kinds == set(r.LIQUIDATION_NAMES)


def test_the_journals_show_makers_cancelled_for_their_margin() -> None:
    reasons: set[int] = set()
    for name in EXPECTED:
        events = e.read_events(Engine().apply(load(HERE / name)))
        reasons |= {event.reason for event in events if isinstance(event, e.Order)}
    assert r.CANCEL_MARGIN in reasons
