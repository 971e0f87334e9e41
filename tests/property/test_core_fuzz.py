"""Arbitrary bytes at the engine: it never raises for what a user sent, and says what the reference says."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.core.engine import BatchError, Engine
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_combos import list_combo
from exchange.domain.commands_orders import MmpLimits
from exchange.domain.legs import ComboLeg
from tests.reference import invariants
from tests.reference import outcome as reference_outcome
from tests.reference.engine import ReferenceEngine
from tests.reference.risk_opening import activation
from tests.reference.scenarios import ALICE, BOB, INDEX_MICRO, OPTION, PERPETUAL, opening, order
from tests.reference.shapes import UNITS

EDGES = (0, 1, -1, 2, 64, 1 << 28, 1 << 40, 1 << 62, limits.I64_MAX, -(1 << 63), 50_000, 1 << 56 | 1)
words = st.one_of(st.sampled_from(EDGES), st.integers(-5, 70_000), st.integers(-(1 << 63), limits.I64_MAX))
small = st.one_of(st.integers(0, 5), st.sampled_from((ALICE, BOB, 66, r.U32)))
bits = (1 << 9, 1 << 12, 1 << 16, 1 << 17, 3 << 17, 1 << 31, 0x21 << 17, 0x23 << 17, 1 << 22 | 1 << 16)
flags = st.one_of(st.integers(0, 0x3FF), st.sampled_from(bits))


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """A record of any type: mostly of its right length, each field an edge or at random."""
    kind = draw(st.one_of(st.sampled_from(sorted(r.COMMAND_NAMES)), st.integers(0, 255)))
    units = draw(st.integers(1, 8)) if draw(st.booleans()) else UNITS.get(kind, 3)
    head = c.header(
        kind,
        units,
        flags=draw(flags),
        account=draw(small),
        instrument=draw(st.integers(0, 3)),
        client_order_id=draw(st.integers(0, 1 << 33)),
        aux=draw(st.integers(0, 3)),
    )
    body = draw(st.lists(words, min_size=4 * (units - 1), max_size=4 * (units - 1)))
    return head + struct.pack(f"<{len(body)}q", *body)


def traded() -> bytes:
    """A small market in which something happened."""
    quotes = [c.Quote(0, 900, 5, 1_100, 5), c.Quote(1, 49_000, 2, 51_000, 2)]
    return b"".join(
        (
            opening(OPTION, PERPETUAL),
            order(ALICE, 0, 1_000, 10),
            order(BOB, 0, 1_000, 4, r.FLAG_SELL),
            order(BOB, 1, 50_000, 10, r.FLAG_SELL),
            order(ALICE, 1, 50_000, 6),
            c.mass_quote(BOB, quotes),
        )
    )


def under_risk() -> bytes:
    """The small market under rules 2: a rebate, tables, a held withdrawal, an account in auction."""
    tables = cr.table_stream([(0, (-5_000, 5_000)), (1, (-9, 9))])
    return b"".join(
        (
            traded(),
            activation(),
            cr.set_fees([cr.FeeTier(-5, 10, -3, 3)]),
            cr.risk_snapshot(0, INDEX_MICRO, 2, [], 2, tables),
            c.create_account(BOB + 1, main=ALICE) + cr.transfer(ALICE, BOB + 1, 2 * 10**7, 1),
            order(BOB + 1, 1, 50_000, 1) + order(ALICE, 1, 50_000, 1, r.FLAG_SELL),
            c.cancel_many(BOB) + c.withdraw(ALICE, 10, 1) + cr.set_margin_model(BOB, 1),
            c.marks(0, INDEX_MICRO, 3, [c.Mark(1, 0, INDEX_MICRO * 5 // 8, 0, INDEX_MICRO)]),
            cr.risk_sweep(64, 5) + cr.liquidate(BOB + 1) * 4,
        )
    )


def under_order_rules() -> bytes:
    """The same under rules 3: ids remembered, groups with quotes and orders, one of them frozen."""
    some = MmpLimits(1_000, 0, 3 * 10**6, 0, 0, 5 * 10**6)
    return b"".join(
        (
            under_risk(),
            c.set_rules(3) + co.set_id_window(3),
            *(co.set_mmp(account, 0, number, some) for account in (ALICE, BOB) for number in (0, 1)),
            *(c.new_order(BOB, 1, r.FLAG_MMP, 49_000 + n, 1, client_order_id=n + 1) for n in range(4)),
            c.mass_quote(ALICE, [c.Quote(1, 48_000, 2, 52_000, 2)], mmp_group=2),
            c.mass_quote(ALICE, [c.Quote(1, 48_000, 2, 53_000, 3)], mmp_group=1),
            order(BOB, 1, 53_000, 5),
        )
    )


def under_combo_rules() -> bytes:
    """The same under rules 4: a combo (3) of two options, orders in its book and in those of its legs."""
    legs = [ComboLeg(0, 1), ComboLeg(2, -1)]
    return b"".join(
        (
            under_order_rules(),
            c.set_rules(4) + c.list_instrument(2, OPTION),
            c.marks(0, INDEX_MICRO, 4, [c.Mark(2, 0, 1_000_000_000, 0, INDEX_MICRO)]),
            list_combo(3, legs) + order(BOB, 2, 990, 4) + order(ALICE, 2, 1_010, 4, r.FLAG_SELL),
            order(ALICE, 3, -10, 3) + order(ALICE, 3, 15, 3, r.FLAG_SELL) + order(BOB, 3, 20, 2),
            order(ALICE, 0, 1_004, 2, r.FLAG_SELL) + order(BOB, 3, 14, 1),
        )
    )


@pytest.mark.parametrize("market", [traded, under_risk, under_order_rules, under_combo_rules])
@settings(max_examples=150, deadline=None)
@given(made=st.lists(records(), min_size=1, max_size=12))
def test_any_records_are_answered_alike(market: Callable[[], bytes], made: list[bytes]) -> None:
    engine, reference = Engine(), ReferenceEngine()
    for batch in (market(), b"".join(made)):
        assert engine.apply(batch) == reference.apply(batch)
        invariants.check(reference.world)
    assert engine.state_bytes() == reference.state_bytes()
    assert Engine.restore(engine.state_bytes()).state_bytes() == engine.state_bytes()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_applied_or_refused_whole(batch: bytes) -> None:
    engine, reference = Engine(), ReferenceEngine()
    try:
        expected = reference.apply(batch)
    except reference_outcome.BatchError:
        before = engine.state_bytes()
        with pytest.raises(BatchError):
            engine.apply(batch)
        assert engine.state_bytes() == before
        return
    assert engine.apply(batch) == expected
