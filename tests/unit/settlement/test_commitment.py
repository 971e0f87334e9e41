"""Leaf encodings and the state root."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest

from exchange.domain.commands_risk import FeeTier
from settlement import operations as op
from settlement import transition as tr
from settlement.commitment import (
    GENESIS_ROOT,
    Commitment,
    account_leaf,
    account_preimage,
    position_words,
    read_position_words,
)
from settlement.hashing import ZERO_HASH, keccak
from settlement.merkle import verify_proof
from settlement.state import Account, Range, Share, Sharing, State
from tests.unit.settlement.streams import OPTION, PERPETUAL


def small_state() -> State:
    state = State()
    for operation in (
        op.UnderlyingSet(0, 0x435442),
        op.Listing(0, 0, OPTION),
        op.Listing(1, 0, PERPETUAL),
        op.AccountSet(64, 0, b"\x11" * 20),
        op.AccountSet(65, 0, b"\x22" * 20),
        op.Deposit(64, 10**9, 1),
        op.Deposit(65, 10**9, 2),
        op.IndexSet(0, 100_000_000_000),
        op.Fill(1, 64, 65, False, 100_000, 2, 1),
    ):
        tr.apply(state, operation)
    return state


def test_the_preimage_is_three_words() -> None:
    account = Account(b"\x11" * 20, 1, -5, {7: (-2, -300)})
    words = bytes.fromhex("00000007" + "00" * 4 + "ff" * 7 + "fe") + (-300).to_bytes(16, "big", signed=True)
    assert position_words(account) == words
    assert account_preimage(account) == (
        b"\x11" * 20 + (1).to_bytes(4, "big") + bytes(8) + b"\xff" * 31 + b"\xfb" + keccak(words)
    )
    assert account_leaf(64, account) == keccak(account_preimage(account))


def test_position_words_read_back_in_instrument_order() -> None:
    account = Account(positions={9: (1, -1), 2: (-(1 << 40), 1 << 62)})
    found = read_position_words(position_words(account))
    assert list(found.items()) == [(2, (-(1 << 40), 1 << 62)), (9, (1, -1))]


def test_a_family_a_tier_or_a_liquidation_adds_a_word() -> None:
    plain = Account(b"\x11" * 20, 1, 7)
    for more in (Account(main=70), Account(tier=1), Account(in_liquidation=1)):
        account = Account(b"\x11" * 20, 1, 7, {}, more.main, more.tier, more.in_liquidation)
        word = more.main.to_bytes(4, "big") + bytes([more.tier, more.in_liquidation]) + bytes(26)
        assert account_preimage(account) == account_preimage(plain) + word


RISK_OPERATIONS: list[op.Operation] = [
    op.WithdrawalHeld(64, 5, 3),
    op.FeesSet((FeeTier(-1, 2, 3, 4),)),
    op.RiskSet(0, 7),
    op.LiquidationSet(65, 1),
    op.FamilySet(65, 64, 2),
    op.FamilySet(65, 0, 2),
]


@pytest.mark.parametrize("operation", RISK_OPERATIONS)
def test_what_rules_2_adds_is_in_the_root(operation: op.Operation) -> None:
    state = small_state()
    commitment = Commitment(state)
    before = commitment.root
    tr.apply(state, operation)
    assert commitment.update() != before
    assert commitment.root == Commitment(state).root


def test_a_loss_being_shared_is_in_the_root() -> None:
    roots = set()
    paying = Sharing(65, 4, 64, Range(7, 9), 5, 5)
    known = replace(paying, basis={64: Range(7, 9)})
    for sharing in (
        Sharing(),
        Sharing(65, 3, 64),
        paying,
        replace(paying, total=Range(8, 9)),
        known,
        replace(paying, basis={64: Range(8, 9)}),
        replace(known, shares={64: Share(3, True)}),
        replace(known, shares={64: Share(3, False)}),
        replace(known, shares={66: Share(3, True)}),
    ):
        state = small_state()
        state.sharing = sharing
        roots.add(Commitment(state).root)
    assert len(roots) == 9


def test_the_root_of_a_loss_shared_by_cash_stays_what_it_was() -> None:
    state = small_state()
    state.sharing = Sharing(65, 2, 64, Range(9, 9), 5, 5, {64: Range(9, 9)})
    root = "6bab33ed10a74b95c51bbe8c904491612e0f62c2147362f8db98ba6f8a693aef"
    assert Commitment(state).root.hex() == root


def test_an_unused_system_account_has_no_leaf_and_a_new_user_has() -> None:
    assert account_leaf(2, Account()) == ZERO_HASH
    assert account_leaf(2, Account(cash_micro=1)) != ZERO_HASH
    assert account_leaf(64, Account()) != ZERO_HASH


def test_update_gives_the_root_of_a_fresh_commitment() -> None:
    state = State()
    commitment = Commitment(state)
    assert commitment.root == GENESIS_ROOT
    built = small_state()
    state.__dict__.update(built.__dict__)
    assert commitment.update() == Commitment(built).root != GENESIS_ROOT


def test_the_roots_are_the_formats() -> None:
    assert GENESIS_ROOT.hex() == "04d48096b9596d9c9746d58c39db98003d86805b6bcf0138dd94a836cd0f8172"
    assert Commitment(small_state()).root.hex() == (
        "4a3767bb53d6a4c411ea6051447c03d1b172f58fb2eda94a82a1f0051c1608d4"
    )


CHANGES: list[Callable[[State], object]] = [
    lambda s: s.accounts[64].positions.update({1: (-2, 1)}),
    lambda s: setattr(s.accounts[64], "cash_micro", 1),
    lambda s: setattr(s.accounts[64], "owner", bytes(20)),
    lambda s: setattr(s.accounts[64], "flags", 1),
    lambda s: setattr(s.instruments[0], "state", 1),
    lambda s: setattr(s.instruments[0], "terms", OPTION._replace(strike_micro=1)),
    lambda s: s.underlyings.update({0: 1}),
    lambda s: setattr(s, "last_deposit_id", 3),
    lambda s: setattr(s, "deposited_micro", 3),
    lambda s: setattr(s, "withdrawn_micro", 3),
    lambda s: s.accounts.update({66: Account()}),
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_root_covers_every_part_of_the_state(change: Callable[[State], object]) -> None:
    state = small_state()
    other = copy.deepcopy(state)
    change(other)
    assert Commitment(other).root != Commitment(state).root


def test_an_account_is_proven_under_its_root() -> None:
    state = small_state()
    tree = Commitment(state).accounts
    assert verify_proof(tree.root, 65, account_leaf(65, state.accounts[65]), tree.prove(65))
    assert verify_proof(tree.root, 66, ZERO_HASH, tree.prove(66))
