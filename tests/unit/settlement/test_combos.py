"""Combos in settlement: what the core traded is booked again, leg by leg, and nothing else is believed."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands, commands_risk
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.commands_combos import list_combo
from exchange.domain.commands_risk import FeeTier
from exchange.domain.legs import ComboLeg
from settlement import codec
from settlement import operations as op
from settlement import transition as tr
from settlement.columns import BodyError
from settlement.commitment import Commitment
from settlement.ledger import Ledger, LedgerMismatch
from settlement.state import State
from tests.unit.gateway.combo_rig import all_marks, prepared_for_combos

ALICE, BOB, CAROL = 64, 65, 66
LOW, HIGH, FAR = 0, 4, 6
SPREAD, RATIO, THREE = 7, 8, 9
INDEX_MICRO = 99_999_123_457
TIERS = (FeeTier(-100, 400, 0, 500), FeeTier(200, 250, -100, 400))
"""The first tier's makers of options have a rebate."""


def story() -> list[bytes]:
    """Matches of all three kinds, with a discount and a rebate, as the core tells them."""
    engine, found = prepared_for_combos()

    def do(*packed: bytes) -> None:
        for command in packed:
            found.append(engine.apply(command))
            assert not isinstance(ev.read_event(found[-1]), ev.Rejected), ev.read_event(found[-1])

    def order(account: int, instrument: int, price: int, lots: int, *, sell: bool = False) -> None:
        do(commands.new_order(account, instrument, r.FLAG_SELL if sell else 0, price, lots))

    # An index at which the fees of a lot are no whole number, nor what the discount leaves of them.
    do(commands.marks(0, INDEX_MICRO, 102, all_marks()))
    do(commands_risk.set_fees(TIERS, 375))
    for number, account in enumerate((ALICE, BOB, CAROL), 1):
        do(commands.create_account(account), commands.deposit(account, 10**13, number))
    do(commands_risk.set_tier(CAROL, 1))
    do(list_combo(SPREAD, [ComboLeg(LOW, 1), ComboLeg(HIGH, -1)]))
    do(list_combo(RATIO, [ComboLeg(LOW, 1), ComboLeg(HIGH, -2)]))
    do(list_combo(THREE, [ComboLeg(LOW, 1), ComboLeg(HIGH, 1), ComboLeg(FAR, -1)]))
    order(ALICE, SPREAD, 400, 7, sell=True)
    order(BOB, SPREAD, 410, 3)  # the book
    order(CAROL, RATIO, -203, 5)
    order(BOB, RATIO, -203, 4, sell=True)  # the book, below zero
    order(ALICE, THREE, 411, 2)
    order(CAROL, THREE, 405, 2, sell=True)
    order(CAROL, HIGH, 600, 4, sell=True)
    order(BOB, LOW, 1_001, 4)  # implied out: Alice's spread and Carol's call
    order(CAROL, LOW, 990, 3, sell=True)
    order(ALICE, HIGH, 600, 2)
    order(BOB, SPREAD, 395, 2)  # implied in
    return found


@pytest.fixture(scope="module")
def told() -> bytes:
    return b"".join(story())


def kinds(events: bytes) -> list[int]:
    return [event.kind for event in ev.read_events(events) if isinstance(event, ev.ComboTrade)]


def test_all_kinds_of_matches_are_booked_as_the_core_booked_them(told: bytes) -> None:
    assert {r.COMBO_BOOK, r.COMBO_IN, r.COMBO_OUT} == set(kinds(told))
    state = State()
    done = Ledger(state).read(told)
    fills = [each for each in done if isinstance(each, op.ComboFill)]
    trades = [event for event in ev.read_events(told) if isinstance(event, ev.Trade)]
    assert len(fills) == sum(bool(trade.flags & r.TRADE_COMBO) for trade in trades) > 10
    assert any(trade.maker_fee_micro < 0 for trade in trades)
    assert list(state.conservation_faults()) == []
    assert state.combo_discount_permille == 375


def test_what_a_batch_carries_leads_to_the_same_state(told: bytes) -> None:
    state = State()
    done = Ledger(state).read(told)
    again = State()
    for operation in codec.decode(codec.encode(done)):
        tr.apply(again, operation)
    assert Commitment(again).root == Commitment(state).root
    assert [each for each in done if isinstance(each, op.ComboListing)][1].terms.legs[1] == (HIGH, -2)
    with pytest.raises(ValueError, match="codec 3 has no operations"):
        codec.encode(done, codec=3)


def test_the_discount_is_part_of_the_root(told: bytes) -> None:
    state = State()
    Ledger(state).read(told)
    root = Commitment(state).root
    state.combo_discount_permille += 1
    assert Commitment(state).root != root


def tampered(told: bytes, kind: int, nth: int, word: int, change: int) -> bytes:
    """The events with `change` added to a word of the nth event of a kind."""
    at = 0
    while True:
        if told[at] == kind:
            if nth == 0:
                break
            nth -= 1
        at += int.from_bytes(told[at + 2 : at + 4], "little") * r.UNIT_BYTES
    place = at + word * r.WORD_BYTES
    value = int.from_bytes(told[place : place + 8], "little", signed=True) + change
    return told[:place] + value.to_bytes(8, "little", signed=True) + told[place + 8 :]


COMBO, TRADE = r.EV_COMBO_TRADE, r.EV_TRADE
LIES = {
    "the combo's price": (COMBO, 0, 4, 1),
    "its lots": (COMBO, 0, 5, 1),
    "its taker's order": (COMBO, 0, 6, 1),
    "its maker's order": (COMBO, 0, 7, 1),
    "its maker": (COMBO, 0, 8, 1),
    "its side": (COMBO, 0, 10, 1),
    "its kind": (COMBO, 0, 10, 1 << 8),
    "an unknown kind": (COMBO, 0, 10, 7 << 8),
    "a leg's price": (TRADE, 0, 6, 1),
    "a leg's lots": (TRADE, 0, 7, 1),
    "a leg's side": (TRADE, 0, 11, 1),
    "that a leg is one": (TRADE, 0, 11, -r.TRADE_COMBO),
    "who rests": (TRADE, 0, 11, r.TRADE_RESTS),
    "a maker's fee": (TRADE, 1, 9, 1),
    "a taker's fee": (TRADE, 1, 10, -1),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_told_wrongly_is_not_believed(told: bytes, lie: str) -> None:
    with pytest.raises(LedgerMismatch):
        Ledger(State()).read(tampered(told, *LIES[lie]))


def test_every_figure_of_every_combo_trade_counts(told: bytes) -> None:
    for number in range(len(kinds(told))):
        for word in (4, 5):
            with pytest.raises(LedgerMismatch):
                Ledger(State()).read(tampered(told, COMBO, number, word, 1))


def test_a_leg_that_is_missing_is_missed(told: bytes) -> None:
    at = told.index(bytes((COMBO, 1, 3, 0)))
    trade = at + 3 * r.UNIT_BYTES
    without = told[:trade] + told[trade + 5 * r.UNIT_BYTES :]
    with pytest.raises(LedgerMismatch, match="lacks legs"):
        Ledger(State()).read(without)


def fill(**changes: int) -> op.ComboFill:
    usual = op.ComboFill(LOW, ALICE, BOB, 4, 1_000, 1, 900)
    return usual._replace(**changes)


@pytest.mark.parametrize(
    "wrong",
    [
        fill(sides=0),
        fill(sides=16 + 4),
        fill(sides=8),
        fill(sides=-1),
        fill(maker=BOB),
        fill(size_lots=0),
        fill(instrument=99),
        fill(taker=9_999),
        op.DiscountSet(1_001),
        op.DiscountSet(-1),
    ],
)
def test_operations_that_cannot_be_are_refused(told: bytes, wrong: op.Operation) -> None:
    state = State()
    Ledger(state).read(told)
    with pytest.raises(tr.TransitionError):
        tr.apply(state, wrong)


def test_a_combo_of_what_is_no_option_or_not_listed_is_refused(told: bytes) -> None:
    state = State()
    Ledger(state).read(told)
    terms = state.instruments[SPREAD].terms
    for other in (2, 99, SPREAD):
        wrong = terms._replace(legs=(ComboLeg(LOW, 1), ComboLeg(other, -1)))
        with pytest.raises(tr.TransitionError):
            tr.apply(state, op.ComboListing(50, 0, wrong))
    with pytest.raises(tr.TransitionError, match="is listed already"):
        tr.apply(state, op.ComboListing(SPREAD, 0, terms))


def test_a_body_with_combos_of_too_many_or_few_legs_is_refused(told: bytes) -> None:
    state = State()
    Ledger(state).read(told)
    terms = state.instruments[SPREAD].terms
    for legs in ((), (ComboLeg(1, 1),), tuple(ComboLeg(n, 1) for n in range(5))):
        body = codec.encode([op.ComboListing(50, 0, terms._replace(legs=legs))])
        with pytest.raises(BodyError):
            codec.decode(body)


def test_an_engine_of_the_rules_before_tells_nothing_new() -> None:
    engine = Engine()
    assert Ledger(State()).read(engine.apply(commands.time(1_750_000_000_000))) == []
