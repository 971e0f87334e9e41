"""Shared losses in the transition: what shares can be is accepted, and nothing beyond it."""

from __future__ import annotations

import copy
import itertools
import random

import pytest

from exchange.domain.limits import MAX_SWEEP
from settlement import losses
from settlement import operations as op
from settlement import transition as tr
from settlement.guards import TransitionError
from settlement.state import Account, Instrument, Range, Share, Sharing, State
from tests.unit.settlement.streams import OPTION, PERPETUAL

ANN, BOB, CEM, OWES = 64, 65, 66, 67
CALL, FUTURE = 0, 1
Shares = tuple[tuple[int, int], ...]


def state_of(*accounts: Account, owed: int = 100) -> State:
    """The accounts from 64 on, and behind them one that owes and is in liquidation."""
    state = State()
    state.instruments = {CALL: Instrument(OPTION, 0), FUTURE: Instrument(PERPETUAL, 0)}
    for number, account in enumerate((*accounts, Account(cash_micro=-owed, in_liquidation=1)), 64):
        state.adopt(number, account)
    return state


def flat(*cash: int, owed: int = 100) -> State:
    return state_of(*(Account(cash_micro=amount) for amount in cash), owed=owed)


def short(cash: int) -> Account:
    """Worth anything up to its cash: a mark may be anything."""
    return Account(cash_micro=cash, positions={CALL: (-1, -5)})


def step(state: State, looked_at: int, *shares: tuple[int, int], account: int = 0) -> State:
    """A step in the loss of that account, else of the last one."""
    tr.apply(state, op.LossStep(account or state.account_count - 1, looked_at, shares))
    return state


def measured(state: State) -> State:
    return step(state, state.account_count - 64)


def cash(state: State, *numbers: int) -> list[int]:
    return [state.accounts[number].cash_micro for number in numbers]


def refused(state: State, looked_at: int, *shares: tuple[int, int]) -> bool:
    try:
        step(copy.deepcopy(state), looked_at, *shares)
    except TransitionError:
        return True
    return False


# --- what an account is worth ---------------------------------------------------------------------------

WORTHS: dict[str, tuple[int, dict[int, tuple[int, int]], Range]] = {
    "flat": (300, {}, Range(300, 300)),
    "nothing": (-5, {}, Range(0, 0)),
    "options long": (300, {CALL: (2, 900)}, Range(300, 300)),
    "options long, owing": (-5, {CALL: (2, 900)}, Range(0, 0)),
    "an option closed": (300, {CALL: (0, 80)}, Range(300, 300)),
    "options short": (300, {CALL: (-2, -900)}, Range(0, 300)),
    "a perpetual closed at a loss": (300, {FUTURE: (0, 80)}, Range(220, 220)),
    "a perpetual closed at a gain": (300, {FUTURE: (0, -80)}, Range(300, 300)),
    "a perpetual long": (300, {FUTURE: (1, 80)}, Range(220, 300)),
    "a perpetual long, all of it lost": (300, {FUTURE: (1, 500)}, Range(0, 300)),
    "a perpetual short": (300, {FUTURE: (-1, -80)}, Range(0, 300)),
    "a perpetual short, sold for less than nothing": (300, {FUTURE: (-1, 80)}, Range(0, 220)),
    "long and short": (300, {FUTURE: (-1, 80), CALL: (1, 9)}, Range(0, 300)),
}


@pytest.mark.parametrize("name", WORTHS)
def test_worth_is_bounded_by_marks_that_are_not_negative(name: str) -> None:
    amount, positions, expected = WORTHS[name]
    state = state_of()
    assert losses.worth(state, Account(cash_micro=amount, positions=positions)) == expected


# --- shares of payers whose worth needs no mark ---------------------------------------------------------


def test_a_loss_is_shared_by_worth_rounded_up_until_it_is_covered() -> None:
    state = measured(flat(300, 100, 0))
    exact = {ANN: Range(300, 300), BOB: Range(100, 100)}
    assert state.sharing == Sharing(OWES, losses.COLLECTING, 64, Range(400, 400), 100, 100, exact)
    step(state, 2, (ANN, 75), (BOB, 25))
    assert cash(state, ANN, BOB, OWES) == [225, 75, 0]
    assert (state.sharing, state.accounts[OWES].in_liquidation) == (Sharing(), 0)


def test_where_every_worth_is_known_one_pair_of_shares_is_accepted_of_all() -> None:
    state = measured(flat(30, 10, 0, owed=10))
    for ann, bob in itertools.product(range(-1, 13), range(-1, 13)):
        shares = [share for share in ((ANN, ann), (BOB, bob)) if share[1]]
        assert refused(state, 2, *shares) == ((ann, bob) != (8, 2)), (ann, bob)


def test_a_step_of_one_account_at_a_time_comes_to_the_same() -> None:
    state = flat(300, 100, 0)
    for _ in range(4):
        step(state, 1)
    step(state, 1, (ANN, 75))
    assert (state.sharing.remaining_micro, state.sharing.shares) == (25, {ANN: Share(75, True)})
    step(state, 1, (BOB, 25))
    assert (cash(state, ANN, BOB, OWES), state.sharing) == ([225, 75, 0], Sharing())


def test_who_has_less_cash_than_its_share_pays_all_of_it() -> None:
    state = measured(flat(300, 100, 0))
    state.accounts[ANN].cash_micro = 40
    step(state, 4, (ANN, 40), (BOB, 25))
    # Not all is covered: the account stays as it is, and another pass may begin.
    assert (cash(state, ANN, OWES), state.accounts[OWES].in_liquidation) == ([0, -35], 1)
    assert state.sharing == Sharing()
    assert measured(state).sharing.deficit_micro == 35


def test_a_payer_that_came_into_liquidation_since_still_pays_its_part() -> None:
    state = measured(flat(300, 100, 0))
    state.accounts[ANN].in_liquidation = 1
    assert cash(step(state, 2, (ANN, 75), (BOB, 25)), OWES) == [0]


def test_a_sharing_with_nobody_to_pay_ends_uncovered() -> None:
    state = step(measured(flat(0, -9, 0)), 4)
    assert (cash(state, OWES), state.accounts[OWES].in_liquidation, state.sharing) == ([-100], 1, Sharing())


def test_a_deficit_that_is_gone_is_shared_by_nobody() -> None:
    state = measured(flat(300, 100, 0, owed=0))
    assert refused(state, 1)
    assert refused(state, 1, (ANN, 1))
    assert step(state, 0).accounts[OWES].in_liquidation == 0


# --- shares that no rule makes --------------------------------------------------------------------------

LIES: dict[str, tuple[int, Shares]] = {
    "nobody pays": (4, ()),
    "no account looked at": (0, ()),
    "more than its part": (2, ((ANN, 76), (BOB, 24))),
    "less than its part": (2, ((ANN, 74), (BOB, 26))),
    "a sum beyond the deficit": (2, ((ANN, 75), (BOB, 26))),
    "a sum short of the deficit": (4, ((ANN, 75), (BOB, 24))),
    "one is left out": (4, ((ANN, 75),)),
    "one pays all": (1, ((ANN, 100),)),
    "nothing": (2, ((ANN, 75), (BOB, 0))),
    "a gift": (2, ((ANN, -75), (BOB, 25))),
    "the same twice": (2, ((ANN, 75), (ANN, 25))),
    "out of order": (2, ((BOB, 25), (ANN, 75))),
    "one without cash": (3, ((ANN, 75), (BOB, 24), (CEM, 1))),
    "the account that owes": (4, ((ANN, 75), (BOB, 24), (OWES, 1))),
    "the fees": (2, ((1, 1), (ANN, 75), (BOB, 24))),
    "the insurance fund": (2, ((2, 100),)),
    "one that was not looked at": (1, ((ANN, 75), (BOB, 25))),
    "one there is not": (5, ((ANN, 75), (BOB, 25))),
    "one more is looked at": (3, ((ANN, 75), (BOB, 25))),
}


@pytest.mark.parametrize("name", LIES)
def test_shares_that_the_rules_do_not_make_are_refused(name: str) -> None:
    looked_at, shares = LIES[name]
    assert refused(measured(flat(300, 100, 0)), looked_at, *shares)


def test_nobody_pays_twice_in_a_pass() -> None:
    state = step(measured(flat(300, 100, 0)), 1, (ANN, 75))
    assert refused(state, 1, (ANN, 25))
    assert refused(state, 2, (ANN, 1), (BOB, 24))
    assert not refused(state, 1, (BOB, 25))


def test_nobody_pays_more_than_its_cash() -> None:
    state = measured(state_of(short(300), short(100), Account()))
    state.accounts[ANN].cash_micro = 40
    assert refused(state, 1, (ANN, 41))
    assert not refused(state, 1, (ANN, 40))


def test_who_was_in_liquidation_or_had_no_cash_pays_nothing() -> None:
    state = flat(300, 100, 0)
    state.accounts[BOB].in_liquidation = 1
    measured(state)
    state.accounts[CEM].cash_micro = 50  # came in since
    assert refused(state, 2, (ANN, 75), (BOB, 25))
    assert refused(state, 3, (ANN, 75), (CEM, 25))
    assert not refused(state, 1, (ANN, 100))


def test_accounts_are_measured_before_anybody_pays() -> None:
    state = flat(300, 100, 0)
    assert refused(state, 4, (ANN, 75))
    assert refused(state, 0)
    assert refused(state, 5)
    assert not refused(state, 4)


def test_a_step_looks_at_no_more_accounts_than_a_command_may() -> None:
    state = state_of(*[Account()] * (MAX_SWEEP + 1))
    with pytest.raises(TransitionError, match="looked at"):
        step(state, MAX_SWEEP + 1)
    step(state, MAX_SWEEP)


def test_only_one_loss_is_shared_at_a_time_and_only_of_accounts_in_liquidation() -> None:
    state = step(flat(300, 100, 0), 1)
    state.accounts[CEM].in_liquidation = 1
    with pytest.raises(TransitionError, match="is being shared"):
        step(state, 1, account=CEM)
    with pytest.raises(TransitionError, match="not in liquidation"):
        step(flat(300, 100, 0), 1, account=ANN)


def test_an_account_that_holds_lots_has_no_loss_to_share() -> None:
    state = flat(300, 100, 0)
    state.accounts[OWES].positions[CALL] = (1, 0)
    with pytest.raises(TransitionError, match="still holds"):
        measured(state)


def test_no_cash_leaves_while_a_loss_is_shared() -> None:
    state = step(flat(300, 100, 0), 1)
    state.accounts[BOB].main = state.accounts[OWES].main = ANN
    transfers = op.Transfer(ANN, BOB, 1, 0), op.Transfer(ANN, OWES, 1, 3)
    for operation in (op.WithdrawalHeld(ANN, 1, 9), *transfers):
        with pytest.raises(TransitionError, match="being shared"):
            tr.apply(copy.deepcopy(state), operation)
    tr.apply(state, op.Transfer(ANN, OWES, 1, 0))  # what a family pays of a deficit
    tr.apply(step(measured(flat(300)), 1, (ANN, 100)), op.WithdrawalHeld(ANN, 1, 9))


# --- shares of payers whose worth depends on marks ------------------------------------------------------


def test_what_marks_decide_is_accepted_within_its_bounds() -> None:
    """ANN may be worth 0 to 300, BOB is worth 100: BOB pays 25 to 100, ANN the rest."""
    state = measured(state_of(short(300), Account(cash_micro=100), Account()))
    assert state.sharing.total == Range(100, 400)
    for ann in range(1, 100):
        assert refused(state, 2, (ANN, ann), (BOB, 100 - ann)) == (ann > 75), ann
    assert not refused(state, 2, (BOB, 100))  # ANN's cash is worth nothing
    assert refused(state, 1, (ANN, 100))


def test_a_pass_covers_the_loss_unless_somebody_ran_out_of_cash() -> None:
    state = measured(state_of(short(300), short(200), Account()))
    assert refused(state, 4, (ANN, 1), (BOB, 1))
    assert not refused(state, 2, (ANN, 1), (BOB, 99))
    state.accounts[BOB].cash_micro = 1
    assert not refused(state, 4, (ANN, 1), (BOB, 1))


def test_many_do_not_pay_for_one_who_is_known_to_be_worth_as_much() -> None:
    """Fifty who may be worth 20 each, then one who is worth 800: the fifty pay at most 1,000 of 1,800."""
    state = measured(state_of(*[short(20)] * 50, Account(cash_micro=800), owed=100_000))
    for account in state.accounts.values():
        account.cash_micro += 1_000_000 * (account.in_liquidation == 0)
    most = -(-100_000 * 20 // 1_800)
    for each, is_refused in ((most, False), (most + 2, True), (1_900, True)):
        shares = [(64 + n, each) for n in range(50)]
        assert refused(state, 51, *shares, (114, 100_000 - 50 * each)) == is_refused
    assert refused(state, 50, *[(64 + n, 2_000) for n in range(50)])


def worths(rng: random.Random, state: State) -> dict[int, int]:
    """Random worths within the bounds."""
    found = {}
    for number, account in state.accounts.items():
        least, most = losses.worth(state, account)
        found[number] = 0 if account.in_liquidation else rng.choice((least, most, rng.randint(least, most)))
    return found


def payer(rng: random.Random, least: int, most: int) -> Account:
    """Flat, or with something short."""
    amount = rng.randint(least, most)
    return short(amount) if rng.random() < 0.5 else Account(cash_micro=amount)


def random_state(rng: random.Random) -> State:
    scale = 10 ** rng.randint(0, 12)
    return state_of(*(payer(rng, 0, scale) for _ in range(5)), owed=rng.randint(1, 10 ** rng.randint(1, 12)))


def law(rng: random.Random, state: State, basis: dict[int, int]) -> list[tuple[int, Shares]]:
    """Steps as docs/rules-2.md has them, worked out from worths that settlement does not know."""
    owes = state.account_count - 1
    deficit = remaining = -state.accounts[owes].cash_micro
    total, at, steps = sum(basis.values()), 64, list[tuple[int, Shares]]()
    while remaining and at < state.account_count:
        count, looked_at, shares = rng.randint(1, 4), 0, list[tuple[int, int]]()
        while looked_at < count and remaining and at < state.account_count:
            share = min(-(-deficit * basis[at] // total) if basis[at] else 0, remaining)
            share = min(share, max(0, state.accounts[at].cash_micro))
            if share > 0:
                shares.append((at, share))
                remaining -= share
            at, looked_at = at + 1, looked_at + 1
        steps.append((looked_at, tuple(shares)))
    return steps


@pytest.mark.parametrize("seed", range(200))
def test_what_the_rules_make_of_any_worths_is_accepted(seed: int) -> None:
    rng = random.Random(seed)
    state = random_state(rng)
    basis = worths(rng, state)
    measured(state)
    for account in state.accounts.values():
        if not account.in_liquidation and rng.random() < 0.3:
            account.cash_micro = rng.randint(-3, 2 * account.cash_micro + 9)
    for looked_at, shares in law(rng, state, basis):
        step(state, looked_at, *shares)
    assert state.sharing == Sharing()


def possible(state: State, owed: int, parts: int) -> set[tuple[int, ...]]:
    """The shares that any worths make, by account; worths in steps of a part of a micro-USDC."""
    payers = [account for account in state.accounts.values() if not account.in_liquidation]
    bounds = [losses.worth(state, account) for account in payers]
    found = set[tuple[int, ...]]()
    for drawn in itertools.product(*(range(parts * least, parts * most + 1) for least, most in bounds)):
        remaining, total, shares = owed, sum(drawn), list[int]()
        for account, basis in zip(payers, drawn, strict=True):
            share = min(-(-owed * basis // total), remaining, account.cash_micro) if basis else 0
            shares.append(share)
            remaining -= share
        found.add(tuple(shares))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_what_is_accepted_is_what_follows_from_some_worths(seed: int) -> None:
    """Tried one by one. With amounts this small a worth of whole micro-USDC is coarse, and settlement takes
    shares that only parts of one explain; none that nothing explains, and it misses none."""
    rng = random.Random(seed)
    owed = rng.randint(1, 9)
    state = measured(state_of(*(payer(rng, 1, 4) for _ in range(3)), owed=owed))
    accepted = set[tuple[int, ...]]()
    for told in itertools.product(range(5), repeat=3):
        shares = [(64 + n, share) for n, share in enumerate(told) if share]
        covered = sum(told) == owed
        if not refused(state, shares[-1][0] - 63 if covered and shares else 4, *shares):
            accepted.add(told)
    assert possible(state, owed, 1) <= accepted <= possible(state, owed, 6)
