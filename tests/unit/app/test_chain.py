"""The chain in one message: its inputs give its marks and Greeks back, whatever has happened."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from clients.chain_model import VALUES, column, repriced
from exchange.core import queries
from exchange.domain import commands as c
from exchange.domain import records as r
from exchange.oracle import chain_model
from exchange.wire.accounts import portfolio_data
from exchange.wire.envelope import encode_json
from exchange.wire.instruments import InstrumentView
from pricing.chain import Chain
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface
from tests.unit.app.test_oracle import ALICE, Rig


@pytest.fixture(scope="module")
def rig() -> Rig:
    return Rig()


def chain(rig: Rig, underlying: int = 0) -> dict[str, Any]:
    """What is on the wire."""
    found = rig.venue.chain_feeds.object(underlying)
    assert found is not None
    decoded: dict[str, Any] = msgspec.json.decode(encode_json(found))
    return decoded


def must_reproduce(message: dict[str, Any]) -> None:
    found = repriced(message)
    for name in VALUES:
        told = np.array(column(message, name), dtype=np.float64)
        assert told.tobytes() == found[name].tobytes(), name


def ticks_near_mark(rig: Rig, view: InstrumentView, percent: int) -> int:
    """A valid price at so many percent of the mark."""
    mark = queries.instrument_figures(rig.venue.engine, view.instrument).mark_micro
    ticks = mark * percent // 100 // view.terms.tick_micro
    step = max(step for above, step in view.terms.tick_steps if ticks >= above)
    return max(step, ticks - ticks % step)


def contradict(rig: Rig) -> None:
    """A quote that disagrees with its neighbours, so that a surface is fitted; and pulled marks."""
    rig.run(1.0)
    view = [v for v in rig.venue.registry.members[0] if v.terms.option_type == r.OPTION_CALL][-2]
    rig.send(c.new_order(ALICE, view.instrument, 0, ticks_near_mark(rig, view, 102), 8))
    rig.run(5.0)
    marks = rig.oracle._marks[0]
    marks.set_pull(np.where(np.arange(len(marks.chain)) % 3 == 0, 0.37, -0.11) * marks.chain.vega)


def test_a_message_reproduces_itself_bit_for_bit(rig: Rig) -> None:
    for underlying in (0, 1):
        message = chain(rig, underlying)
        assert len(message["options"]) > 10
        assert all(len(row) == len(message["fields"]) for row in message["options"])
        must_reproduce(message)
    contradict(rig)
    rig.run(0.2)
    pulled = 0
    for _ in range(6):
        message = chain(rig)
        must_reproduce(message)
        pulled += any(column(message, "pull"))
        rig.run(0.7)
    assert pulled > 3
    assert rig.surface()["status"] in ("fresh", "held")
    assert message["model"]["band"] is not None
    assert any(price is not None for price in column(message, "best_bid_price"))


def test_the_marks_are_the_venues(rig: Rig) -> None:
    rig.run(0.5)
    message = chain(rig)
    for name, mark in zip(column(message, "instrument_name"), column(message, "mark_price"), strict=True):
        view = rig.venue.registry.by_name[name]
        micro = queries.instrument_figures(rig.venue.engine, view.instrument).mark_micro
        assert micro == round(mark * 1e6), name


def test_a_wrong_digit_anywhere_in_the_inputs_is_seen(rig: Rig) -> None:
    message = chain(rig)
    model = message["model"]
    first = model["slices"][0]
    for part, name in ((model, "index_price"), (model, "rate"), (first, "rho"), (model, "timestamp")):
        kept = part[name]
        part[name] = kept + 1 if name == "timestamp" else kept * (1 + 1e-12)
        found = repriced(message)
        part[name] = kept
        told = np.array(column(message, "mark_price"))
        assert told.tobytes() != found["mark_price"].tobytes(), name
    must_reproduce(message)


def test_greeks_of_positions_and_portfolio_are_the_chains(rig: Rig) -> None:
    bob = ALICE + 1
    rig.send(c.create_account(bob))
    rig.venue.faucet(bob)
    rig.run(2.0)
    sold = list(rig.venue.registry.select(kind=r.KIND_OPTION))[:3]
    for lots, view in enumerate(sold, 3):
        ticks = ticks_near_mark(rig, view, 100)
        rig.send(c.new_order(bob, view.instrument, r.FLAG_SELL, ticks, lots))
        rig.venue.submit(c.new_order(ALICE, view.instrument, 0, ticks, lots))
        rig.run(0.2)
    message = chain(rig)
    figures = rig.venue.figures
    positions = {p["instrument_name"]: p for p in figures.positions(ALICE).values()}
    portfolio: dict[str, Any] = portfolio_data(figures.account(ALICE))
    names = column(message, "instrument_name")
    assert any(name in positions for name in names)
    for greek in ("delta", "gamma", "vega", "theta", "rho"):
        per_unit = dict(zip(names, column(message, greek), strict=True))
        total: float = 0.0
        for name, position in positions.items():
            if name in per_unit:
                assert position[greek] == per_unit[name] * position["size"]
                total += per_unit[name] * float(str(position["size"]))
        by_index = portfolio[f"options_{greek}_map"]["btc_usdc"]
        assert by_index == pytest.approx(total, rel=1e-12)
        assert portfolio[f"options_{greek}"] == pytest.approx(sum(portfolio[f"options_{greek}_map"].values()))


@pytest.mark.parametrize("left_ms", [10 * 60_000, -5_000], ids=["averaged", "over"])
def test_the_last_half_hour_and_what_is_over_are_reproduced_too(left_ms: int) -> None:
    now_ms, day_ms = 1_798_000_000_000, 86_400_000
    expiries = [now_ms + left_ms] * 4 + [now_ms + 9 * day_ms] * 2
    priced = Chain(
        [90e3, 90e3, 97e3, 104e3, 99e3, 99e3],
        expiries,
        [True, False, True, False, True, False],
        simulated_surface("BTC"),
        FlatCarry(0.05),
    )
    priced.set_pull([0.0, 1.5, 0.0, -2.5, 3.0, 0.0])
    priced.refresh(97_123.456, now_ms, 96_900.1)
    rows = [[*row, "call" if i % 2 == 0 else "put"] for i, row in enumerate(chain_model.rows(priced))]
    message = {
        "fields": [*chain_model.COLUMNS, "option_type"],
        "model": chain_model.model(priced),
        "options": rows,
    }
    must_reproduce(msgspec.json.decode(encode_json(message)))
