"""The test token: six decimals, minted by anyone, moved by its owner or who he lets."""

from __future__ import annotations

import pytest

from settlement.contracts.compiler import compiled
from settlement.contracts.evm import Contract, Reverted, deploy
from settlement.contracts.revm import Revm

ALICE, BOB, CAROL = (bytes([n]) * 20 for n in (1, 2, 3))


@pytest.fixture
def token() -> Contract:
    return deploy(Revm(), ALICE, compiled("Token"))


def test_what_is_minted_is_there(token: Contract) -> None:
    receipt = token.transact(CAROL, "mint", ALICE, 7)
    (event,) = token.events(receipt)
    assert (event.name, event.fields) == ("Transfer", {"sender": bytes(20), "receiver": ALICE, "value": 7})
    assert (token.call("balanceOf", ALICE), token.call("totalSupply"), token.call("decimals")) == (7, 7, 6)
    with pytest.raises(Reverted, match="MINT_TOO_MUCH"):
        token.transact(CAROL, "mint", ALICE, 2**58 + 1)


def test_it_moves_and_no_more_than_there_is(token: Contract) -> None:
    token.transact(CAROL, "mint", ALICE, 7)
    token.transact(ALICE, "transfer", BOB, 5)
    assert [token.call("balanceOf", who) for who in (ALICE, BOB)] == [2, 5]
    for amount, receiver, code in ((3, BOB, "BALANCE"), (1, bytes(20), "RECEIVER")):
        with pytest.raises(Reverted, match=code):
            token.transact(ALICE, "transfer", receiver, amount)


def test_another_moves_what_he_may(token: Contract) -> None:
    token.transact(CAROL, "mint", ALICE, 7)
    (event,) = token.events(token.transact(ALICE, "approve", BOB, 5))
    assert (event.name, event.fields["value"]) == ("Approval", 5)
    token.transact(BOB, "transferFrom", ALICE, CAROL, 4)
    assert (token.call("balanceOf", CAROL), token.call("allowance", ALICE, BOB)) == (4, 1)
    with pytest.raises(Reverted, match="ALLOWANCE"):
        token.transact(BOB, "transferFrom", ALICE, CAROL, 2)
    token.transact(ALICE, "approve", BOB, 9)
    with pytest.raises(Reverted, match="BALANCE"):
        token.transact(BOB, "transferFrom", ALICE, CAROL, 4)
