"""Settlement against the reference exchange and over random days: books, codec, roots, crashes."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.domain import records as r
from settlement import codec
from settlement import columns as col
from settlement import operations as op
from settlement.batch import BatchBuilder, Frame, Limits
from settlement.columns import BodyError
from settlement.commitment import Commitment
from settlement.ledger import Ledger
from settlement.state import Account, Sharing, State
from settlement.store import Store
from settlement.transition import apply
from tests.reference.engine import ReferenceEngine
from tests.reference.generator import Traffic
from tests.reference.profiles import PROFILES
from tests.reference.risk_generator import RISK_PROFILES, RiskTraffic
from tests.unit.settlement.rig import Crash, Rig
from tests.unit.settlement.streams import Venue
from tests.unit.settlement.test_service import boundaries, check_end

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
INTEGERS = st.integers(-(1 << 64), 1 << 64)


@given(st.lists(INTEGERS, max_size=200))
def test_columns_read_back(values: list[int]) -> None:
    assert col.Reader(col.block(col.signed(values))).signed(len(values)) == values
    assert col.Reader(col.block(col.scaled(values))).scaled(len(values)) == values


@given(st.binary(max_size=300))
def test_any_bytes_are_a_body_or_refused(data: bytes) -> None:
    with contextlib.suppress(BodyError):
        codec.decode(data)


@st.composite
def fills(draw: st.DrawFn) -> list[op.Operation]:
    ids = st.integers(0, (1 << 32) - 1)
    wide = st.integers(-(1 << 62), 1 << 62)
    one = st.builds(op.Fill, ids, ids, ids, st.booleans(), wide, wide, wide)
    other = st.one_of(
        st.builds(op.IndexSet, ids, wide),
        st.builds(op.Settlement, ids, ids, wide),
        st.builds(op.StateSet, ids, ids),
    )
    return draw(st.lists(st.one_of(one, one, one, other), max_size=60))


@QUICK
@given(fills())
def test_any_operations_read_back(operations: list[op.Operation]) -> None:
    assert codec.decode(codec.encode(operations)) == operations


@QUICK
@given(st.integers(0, 1 << 32), st.integers(1, 60), st.integers(1, 12))
def test_batches_alone_rebuild_books_and_roots(seed: int, size: int, per_frame: int) -> None:
    venue = Venue(seed)
    builder = BatchBuilder(State(), Limits(size, 1 << 60))
    rebuilt = State()
    commitment = Commitment(rebuilt)
    frames = venue.frames(80, per_frame)
    for frame in frames:
        builder.add(frame, 0)
        if builder.due(0) or frame is frames[-1]:
            batch = builder.close(bytes(32), 0)
            builder.begin()
            rebuilt.begin_batch()
            for operation in codec.decode(batch.body):
                apply(rebuilt, operation)
            assert commitment.update() == batch.header.new_root == Commitment(rebuilt).root
    assert books_of(rebuilt) == venue.books()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1 << 32), st.lists(st.integers(1, 40), max_size=4))
def test_crashes_anywhere_in_a_random_day_post_everything_once(seed: int, crashes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        venue = Venue(seed)
        rig = Rig(Path(directory), venue.frames(60))
        rig.fund(venue)
        for crash_at in crashes:
            with contextlib.suppress(Crash), rig.opened(boundaries(crash_at, [0])) as service:
                rig.run_to_end(service)
        with rig.opened() as service:
            rig.run_to_end(service)
        check_end(rig, venue)


@pytest.mark.parametrize("seed", range(len(PROFILES)))
def test_the_ledger_agrees_with_the_reference_exchange(seed: int) -> None:
    """Every balance the reference tells is worked out again, and its final accounts are ours."""
    reference = ReferenceEngine()
    traffic = Traffic(seed, reference)
    ledger, encoded = Ledger(State()), State()
    batch = traffic.opening()
    for _ in range(25):
        operations = ledger.read(reference.apply(batch))
        ledger.state.begin_batch()
        encoded.begin_batch()
        for operation in codec.decode(codec.encode(operations)):
            apply(encoded, operation)
        batch = traffic.batch(60)
    assert not list(ledger.state.conservation_faults())
    assert encoded.accounts == ledger.state.accounts
    assert Commitment(encoded).root == Commitment(ledger.state).root
    ours = books_of(ledger.state)
    for number, account in reference.world.accounts.items():
        seats = {n: (s.size_lots, s.entry_value_micro) for n, s in sorted(account.seats.items())}
        expected = (account.cash_micro, {n: seat for n, seat in seats.items() if any(seat)})
        assert ours.pop(number, (0, {})) == expected
    assert not ours


@pytest.mark.parametrize("seed", range(len(RISK_PROFILES)))
def test_the_ledger_agrees_with_the_reference_exchange_under_rules_2(seed: int) -> None:
    """Withdrawals, families, tiers, liquidations, takeovers and shared losses, from events alone; and what
    the batches carry is enough to come to the same accounts."""
    reference = ReferenceEngine()
    traffic = RiskTraffic(seed, reference)
    ledger, encoded = Ledger(State()), State()
    batch = traffic.opening()
    for _ in range(25):
        operations = ledger.read(reference.apply(batch))
        ledger.state.begin_batch()
        encoded.begin_batch()
        for operation in codec.decode(codec.encode(operations)):
            apply(encoded, operation)
        assert not list(encoded.conservation_faults())
        batch = traffic.batch(60)
    assert encoded.accounts == ledger.state.accounts
    assert Commitment(encoded).root == Commitment(ledger.state).root
    ours = books_of(ledger.state)
    for number, account in reference.world.accounts.items():
        seats = {n: (s.size_lots, s.entry_value_micro) for n, s in sorted(account.seats.items())}
        expected = (account.cash_micro, {n: seat for n, seat in seats.items() if any(seat)})
        assert ours.pop(number, (0, {})) == expected
        found = ledger.state.accounts.get(number)
        if found is not None:
            theirs = (account.main, account.tier, int(account.liquidation != r.LIQUIDATION_NONE))
            assert (found.main, found.tier, found.in_liquidation) == theirs
    assert not ours
    must_bound(ledger.state.sharing, reference)


@pytest.mark.parametrize("seed", [1, 4])
def test_restarts_anywhere_under_rules_2_change_nothing(tmp_path: Path, seed: int) -> None:
    """A loss half shared, a withdrawal held, tiers and liquidations survive in the database."""
    reference = ReferenceEngine()
    traffic = RiskTraffic(seed, reference)
    frames: list[Frame] = []
    for n in range(60):
        first = reference.next_seq
        told = reference.apply(traffic.batch(20) if n else traffic.opening())
        frames.append(Frame(first, reference.next_seq - 1, told))
    rig = Rig(tmp_path, frames, Limits(5, 100))
    for lifetime in range(1, 9):
        with rig.opened() as service:
            rig.steps(service, lifetime)
            assert service.alarm == ("", "")
    with rig.opened() as service:
        rig.run_to_end(service)
    whole = Ledger(State())
    whole.read(b"".join(frame.events for frame in frames))
    store = Store(tmp_path / "settlement.sqlite")
    loaded = store.load().state
    store.close()
    for state in (loaded, whole.state):  # a system account that was looked at, or is back at nothing
        state.accounts = {n: account for n, account in state.accounts.items() if account != Account()}
    assert loaded.accounts == whole.state.accounts
    assert (loaded.withdrawals, loaded.tiers) == (whole.state.withdrawals, whole.state.tiers)
    assert loaded.sharing == whole.state.sharing


def must_bound(ours: Sharing, reference: ReferenceEngine) -> None:
    """What the reference knows of the loss under way lies within what settlement does."""
    theirs = reference.world.sharing
    figures = (theirs.account, theirs.at, theirs.deficit_micro, theirs.remaining_micro)
    assert (ours.account, ours.at, ours.deficit_micro, ours.remaining_micro) == figures
    assert ours.total.least <= theirs.total_micro <= ours.total.most or not theirs.account
    assert ours.phase == (theirs.phase + 2 if theirs.account else 0)
    for number, basis in ours.basis.items():
        measured = reference.world.accounts[number].basis_micro
        assert basis.least <= measured <= basis.most


def books_of(state: State) -> dict[int, tuple[int, dict[int, tuple[int, int]]]]:
    return {n: (a.cash_micro, dict(sorted(a.positions.items()))) for n, a in state.accounts.items()}
