"""Format 2 against format 1: the same operations, lowered to steps, come to the same accounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exchange.core.engine import Engine
from settlement import operations as op
from settlement.ledger import Ledger
from settlement.state import State as OldState
from settlement.stf import onestep
from settlement.stf import steps as s
from settlement.stf.chunks import Chunk, ChunkBuilder, Executed, execute, replay
from settlement.stf.commitment import Commitment
from settlement.stf.lowering import Lowering, LoweringError
from settlement.stf.rules import apply
from settlement.stf.state import State
from settlement.stf.steps import Step, unpack
from settlement.stf.witness import Witnessing
from tests.property.test_settlement_orders import STREAMS, told
from tests.reference.engine import ReferenceEngine
from tests.reference.forced_scenarios import FORCED_SCENARIOS
from tests.reference.moves_generator import MOVE_PROFILES, MoveTraffic
from tests.reference.risk_generator import RISK_PROFILES, RiskTraffic

Books = dict[int, tuple[int, dict[int, tuple[int, int]]]]


class Day:
    """A venue's events as batches of both formats; `steps` has format 2's, batch by batch."""

    def __init__(self) -> None:
        self.ledger = Ledger(OldState())
        self.state = State()
        self.commitment = Commitment(self.state)
        self.builder = ChunkBuilder(self.state, self.commitment)
        self.lowering = Lowering(self.state)
        self.batches: list[tuple[list[Chunk], Executed]] = []

    def take(self, events: bytes) -> None:
        self.ledger.state.begin_batch()
        for step in self.lowering.steps(self.ledger.read(events)):
            self.builder.add(step)
            if step.kind not in (s.SETTLE, s.HOLDER):
                assert cash_of(self.state) == 0, step
        executed = self.builder.close()
        self.batches.append((self.builder.chunks, executed))
        self.builder.begin()
        must_agree(self.state, self.ledger.state)
        assert not list(unbalanced(self.state))

    def proven(self, every: int = 1) -> Iterator[int]:
        """The kinds of steps whose witness alone leads to the roots the state comes to: all steps of every
        n-th chunk, in another state."""
        state = State()
        witnessing = Witnessing(state, Commitment(state))
        for at, chunk in enumerate(chunk for chunks, _ in self.batches for chunk in chunks):
            if at % every:
                for step in chunk.steps:
                    apply(state, step)
                state.end_chunk()
                continue
            found = witnessing.running()
            for step, witness in witnessing.chunk(chunk):
                assert witness.before == found
                found = onestep.execute(witness, step)
                yield step.kind
            assert found == witnessing.running()
            end = witnessing.of_end()
            state.end_chunk()
            assert onestep.end_chunk(end) == witnessing.running()

    def again(self) -> tuple[State, Commitment]:
        """The steps alone, in another state, come to every root of the trace."""
        state = State()
        commitment = Commitment(state)
        for chunks, executed in self.batches:
            assert execute(state, commitment, chunks) == executed
        return state, commitment


def cash_of(state: State) -> int:
    """All cash there is, wherever a step may have left it."""
    accounts = sum(account.cash_micro for account in state.accounts.values())
    return accounts + state.fees_micro + state.parameters.passage.topped_micro


def unbalanced(state: State) -> Iterator[int]:
    """Instruments whose sizes or entry values do not add up to 0, or whose holders are miscounted."""
    sums: dict[int, list[int]] = {}
    for account in state.accounts.values():
        for page in account.pages.values():
            for number, (size, entry) in page.items():
                total = sums.setdefault(number, [0, 0, 0])
                total[0] += size
                total[1] += entry
                total[2] += 1
    for number, instrument in state.instruments.items():
        if sums.get(number, [0, 0, 0]) != [0, 0, instrument.holders]:
            yield number


def books_of(state: State) -> Books:
    """{account: (cash, positions)} of accounts that have something."""
    found = {
        number: (account.cash_micro, {n: at for page in account.pages.values() for n, at in page.items()})
        for number, account in state.accounts.items()
    }
    return {number: book for number, book in found.items() if book != (0, {})}


def must_agree(state: State, old: OldState) -> None:
    """Every figure both formats have is the same."""
    theirs = {n: (account.cash_micro, account.positions) for n, account in old.accounts.items()}
    assert books_of(state) == {n: book for n, book in theirs.items() if book != (0, {})}
    for number, account in old.accounts.items():
        if number < 64:
            continue
        ours = state.accounts[number]
        identity = (ours.owner, ours.flags, ours.main, ours.tier, ours.in_liquidation)
        assert identity == (account.owner, account.flags, account.main, account.tier, account.in_liquidation)
        assert ours.open_positions == sum(size != 0 for size, _ in account.positions.values())
        assert ours.page_count == len(ours.pages) == len({n >> 4 for n in account.positions})
    states = {number: instrument.state for number, instrument in state.instruments.items()}
    assert states == {number: instrument.state for number, instrument in old.instruments.items()}
    must_agree_on_parameters(state, old)


def must_agree_on_parameters(state: State, old: OldState) -> None:
    parameters, money = state.parameters, state.parameters.money
    totals = (money.last_deposit_id, money.deposited_micro, money.withdrawn_micro, money.last_withdrawal_id)
    assert totals == (old.last_deposit_id, old.deposited_micro, old.withdrawn_micro, old.last_withdrawal_id)
    assert money.forced_through == old.forced_through
    held = {w.ident: (w.account, w.amount_micro) for w in state.withdrawals.values() if w.status == 1}
    assert held == old.withdrawals
    assert tuple(parameters.fees.tiers) == tuple(old.tiers)
    assert parameters.fees.combo_discount_permille == old.combo_discount_permille
    underlyings = parameters.underlyings.by_id
    assert {n: one.symbol for n, one in underlyings.items()} == old.underlyings
    fees = {n: one.liquidation_fee_ppm for n, one in underlyings.items() if one.liquidation_fee_ppm}
    assert fees == {n: ppm for n, ppm in old.liquidation_fee_ppm.items() if ppm}
    sharing = parameters.sharing
    assert (sharing.account, sharing.remaining_micro) == (old.sharing.account, old.sharing.remaining_micro)


@pytest.mark.parametrize("seed", range(len(RISK_PROFILES)))
def test_random_days_of_rules_2_come_to_the_same_accounts(seed: int) -> None:
    """Withdrawals, families, tiers, liquidations, takeovers and shared losses among trades."""
    reference, day = ReferenceEngine(), Day()
    traffic = RiskTraffic(seed, reference)
    batch = traffic.opening()
    for _ in range(25):
        day.take(reference.apply(batch))
        batch = traffic.batch(60)
    day.again()
    assert s.FILL in set(day.proven(every=11))


@pytest.mark.parametrize("seed", range(len(MOVE_PROFILES)))
def test_random_days_with_combos_and_moves_come_to_the_same_accounts(seed: int) -> None:
    """Fills leg by leg, with the discount of who trades by a combo's order; positions within families.
    Every step is proven."""
    reference, day = ReferenceEngine(), Day()
    traffic = MoveTraffic(seed, reference)
    batch = traffic.opening()
    for _ in range(60):
        day.take(reference.apply(batch))
        batch = traffic.batch(60)
    day.again()
    assert {s.FILL, s.MOVING_ENDED} <= set(day.proven())


@pytest.mark.parametrize("name", STREAMS)
def test_days_of_later_rules_come_to_the_same_accounts(name: str) -> None:
    """Blocks, triggers and protection; what is replayed with one root a batch ends the same."""
    day = Day()
    for run in told(name).runs:
        day.take(run)
    state = State()
    commitment = Commitment(state)
    for chunks, executed in day.batches:
        assert replay(state, commitment, chunks) == (executed.new_root, executed.chunk_root)
    assert books_of(state) == books_of(day.state)


@pytest.mark.parametrize("name", ["forced_paid", "forced_positions", "forced_in_need"])
def test_forced_withdrawals_are_one_step_each(name: str) -> None:
    """Paid whole, in part and not at all; what is paid is payable on the L1 at once."""
    engine, day = Engine(), Day()
    for batch in FORCED_SCENARIOS[name]():
        day.take(engine.apply(batch))
    money = day.state.parameters.money
    assert money.forced_through == engine.forced_through > 5
    every = [step for chunks, _ in day.batches for chunk in chunks for step in chunk.steps]
    forced = [step for step in every if step.kind == s.FORCED]
    leaves = [(w.ident, w.account, w.amount_micro) for w in day.state.withdrawals.values() if w.status == 3]
    assert leaves == [(step.ident, step.first, step.q) for step in forced if step.q]
    assert s.FORCED in set(day.proven(every=3))


def test_losses_shared_by_cash_alone_have_no_steps() -> None:
    with pytest.raises(LoweringError, match="no steps"):
        list(Lowering(State()).steps([op.LossShare(64, 1)]))


def test_parts_that_nothing_follows_have_no_steps() -> None:
    part = op.Moved(0, 64, 65, 1, 1)
    cases: list[list[op.Operation]] = [[part], [part, op.DiscountSet(1)]]
    for operations in cases:
        with pytest.raises(LoweringError):
            list(Lowering(State()).steps(operations))


def test_steps_are_what_they_were_packed_as() -> None:
    """Of every kind that a day has."""
    day = Day()
    for run in told("blocks").runs:
        day.take(run)
    every: list[Step] = [step for chunks, _ in day.batches for chunk in chunks for step in chunk.steps]
    for step in every:
        assert unpack(step.pack(), step.payload) == step
