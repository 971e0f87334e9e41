"""Witnesses as the contracts take them: what each part of one is, and when it is wide."""

from __future__ import annotations

from settlement.contracts import packing
from settlement.hashing import ZERO_HASH, keccak
from settlement.stf import leaves
from settlement.stf import steps as s
from settlement.stf.commitment import Commitment
from settlement.stf.state import State
from settlement.stf.steps import Step
from settlement.stf.witness import Witness, Witnessing
from tests.unit.settlement.contracts.worlds import FULL, fill, full_venue, hold, venue

MAKER, TAKER = 70, 75


def witness_of(state: State, step: Step) -> Witness:
    return Witnessing(state, Commitment(state)).of(step)


def held() -> State:
    state = venue()
    hold(state, MAKER, 1, 30, 400)
    hold(state, MAKER, 18, -3, 40)
    return state


def test_a_fill_s_witness_holds_accounts_pages_instrument_and_sections() -> None:
    state, step = held(), fill(MAKER, TAKER)
    witness = witness_of(state, step)
    packed = packing.pack(step, witness)
    record = step.pack()
    assert (packed.step, packed.more) == tuple(int.from_bytes(record[at : at + 32], "big") for at in (0, 32))
    fields = packed.fields
    assert (fields[0], fields[1:3], fields[3]) == (1, b"\0\0", 1)  # there, on the first page, one word
    maker = Commitment(state).account_preimage(MAKER)
    assert fields[8:72] + fields[72:104] == maker[:64] + maker[96:]
    assert fields[104:136] == leaves.position_word(1, 30, 400)
    assert len(packed.first_pages) == 128
    assert packed.second_pages == b""
    assert not packed.is_wide


def test_pages_that_do_not_move_are_their_root() -> None:
    state = held()
    step = Step(s.LIQUIDATION, flags=1, first=MAKER)
    packed = packing.pack(step, witness_of(state, step))
    assert packed.first_pages == Commitment(state).account_preimage(MAKER)[64:96]
    step = step._replace(first=TAKER)
    assert packing.pack(step, witness_of(state, step)).first_pages == b""


def test_sections_that_are_not_opened_are_told_by_their_hash() -> None:
    state = venue()
    step = Step(s.INDEX, p=5)
    witness = witness_of(state, step)
    fields = packing.pack(step, witness).fields
    sections = witness.before.sections
    told = [n for n in range(8) if sections[n] != ZERO_HASH and n != leaves.UNDERLYINGS]
    assert fields[0] == sum(1 << n for n in told)
    behind = 1 + 32 * len(told)
    assert fields[behind : behind + 2] == b"\0\x02"
    assert keccak(fields[behind + 2 :]) == sections[leaves.UNDERLYINGS]


def test_the_fee_account_is_opened_where_fees_are_booked() -> None:
    state = held()
    witnessing = Witnessing(state, Commitment(state))
    assert packing.fee_account(witnessing.of_end()) == ((0, 0, 0, 0), 0, ())
    state.fees_micro = 5
    words, _, siblings = packing.fee_account(Witnessing(state, Commitment(state)).of_end())
    assert words == (0, 0, 0, 0)
    assert len(siblings) > 0


def test_long_page_lists_and_long_lists_of_underlyings_are_wide() -> None:
    state = full_venue(33, 4)
    step = fill(*FULL, 16)
    assert packing.pack(step, witness_of(state, step)).is_wide
    step = Step(s.RISK, instrument=3, p=7)
    assert not packing.pack(step, witness_of(state, step)).is_wide
    assert packing.pack(step, witness_of(full_venue(1, 90), step)).is_wide
