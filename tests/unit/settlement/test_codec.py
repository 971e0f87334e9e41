"""Operations to a batch body and back."""

from __future__ import annotations

import random

import pytest

from exchange.domain.commands_risk import FeeTier
from settlement import codec
from settlement import columns as col
from settlement import operations as op
from settlement.columns import BodyError
from settlement.ledger import Ledger
from settlement.state import State
from tests.unit.settlement.streams import OPTION, PERPETUAL, Venue

ALL_KINDS: list[op.Operation] = [
    op.UnderlyingSet(0, 0x435442),
    op.Listing(0, 0, OPTION),
    op.Listing(1, 0, PERPETUAL),
    op.AccountSet(64, 0, bytes(range(20))),
    op.AccountSet(65, 1, bytes(20)),
    op.Deposit(64, 1 << 56, 1),
    op.Deposit(65, 1, 7),
    op.IndexSet(0, 100_000_000_000),
    op.Fill(0, 64, 65, False, 105, 3, 1),
    op.Fill(1, 65, 64, True, -7, 1 << 27, 2),
    op.IndexSet(0, 100_000_010_000),
    op.Fill(0, 65, 64, True, 100, 6, 9),
    op.Settlement(1, 3, -12),
    op.StateSet(0, 1),
    op.Withdrawal(64, 5, 0),
]


# A body as version 1 wrote it: whatever the codec becomes, this must stay readable.
GOLDEN = bytes.fromhex(
    "0b1608060502000100010407031601020202010201010101010400000e904e80dac40902040202068001020400020600"
    "0100060001010601000002060a01d2010d0910010680808080010c0600000c0680010224808080808080808002fdffff"
    "ffffffffff0104020c048001020a02000202020602170680010204000251210000e50000b0000102030405060708090a"
    "0b0c0d0e0f10111213000001003cd0040400020400000402020402010400001880a0b6979968ff9fb69799681880a0b7"
    "87e905ff9fb787e9050880897a000880897a000402000cc09a0cc0ee6d0880897a0006d8040006e8070008fa01f90108"
    "ac02ab0208a08d0600040401040000040a0708d00fcf0f0414130400000400000400000400000200020202000884d19a"
    "04"
)


def operations(seed: int, commands: int = 200) -> list[op.Operation]:
    ledger, found = Ledger(State()), list[op.Operation]()
    for frame in Venue(seed).frames(commands):
        found.extend(ledger.read(frame.events))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_real_operations_read_back(seed: int) -> None:
    found = operations(seed)
    assert codec.decode(codec.encode(found)) == found


@pytest.mark.parametrize("end", range(len(ALL_KINDS) + 1))
def test_every_kind_reads_back(end: int) -> None:
    assert codec.decode(codec.encode(ALL_KINDS[:end])) == ALL_KINDS[:end]
    assert codec.decode(codec.encode(ALL_KINDS[end:])) == ALL_KINDS[end:]


RULES_2: list[op.Operation] = [
    op.FeesSet((FeeTier(-100, 300, 0, 500), FeeTier(0, 1, 2, 3))),
    op.FeesSet((FeeTier(1, 1, 1, 1),)),
    op.FamilySet(66, 64, 3),
    op.RiskSet(0, 1_000),
    op.WithdrawalHeld(64, 1 << 56, 9),
    op.WithdrawalResolved(9, 1),
    op.Transfer(64, 66, 5, 77),
    op.LiquidationSet(64, 1),
    op.Fill(0, 64, 65, False, 105, 3, 1),
    op.LiquidationFee(65, 0, 3, 123),
    op.FundCover(65),
    op.Moved(0, 65, 64, -3, -500),
    op.Takeover(64, 65, 1_000_000, -0, 7),
    op.LossStep(65, 1_024, ()),
    op.LossStep(65, 7, ((64, 5), (67, 1 << 55))),
    op.LossStep(65, 1, ((70, 1),)),
]


# Bodies of codec 2, which carried no shares in a loss, stay readable too.
CODEC_2: list[op.Operation] = [*RULES_2[:13], op.LossShare(65, 1_024)]
GOLDEN_2 = bytes.fromhex(
    "0d1a090a0b0c0d0e0f0110111213141a0201010101010101010101010104020106800102020002000200020102000469"
    "0204030202000402010ac701c801020ad804d50400060004010ae807e107030484010480010206020004d00f04800112"
    "808080808080808002021202120202048001048401020a049a0104800102020482010200020604f60104820102000482"
    "01048001020504e7070480010482010680897a0200020e048201048010"
)


def test_the_golden_body_of_codec_2_reads_back() -> None:
    assert codec.decode(GOLDEN_2, codec=2) == CODEC_2
    assert codec.encode(CODEC_2, codec=2) == GOLDEN_2
    with pytest.raises(BodyError, match="of kind 20"):
        codec.decode(GOLDEN_2)
    with pytest.raises(ValueError, match="of kind 20"):
        codec.encode(CODEC_2)


def test_shares_are_none_of_codec_2() -> None:
    body = codec.encode([op.LossStep(65, 1, ((64, 1),))])
    with pytest.raises(BodyError, match="of kind 21"):
        codec.decode(body, codec=2)


def test_more_shares_than_the_body_has_are_refused() -> None:
    head = col.varint(1) + col.block(col.varint(21)) + col.block(col.varint(1))
    numbers = col.block(col.signed([65])) * 2
    for count in (2, 1 << 69):
        with pytest.raises(BodyError):
            codec.decode(head + numbers + col.block(col.varint(count)) + col.block(col.signed([64])) * 2)


def test_the_golden_body_reads_back() -> None:
    assert codec.decode(GOLDEN) == ALL_KINDS
    assert codec.decode(GOLDEN, codec=1) == ALL_KINDS


def test_the_kinds_of_rules_2_read_back_and_are_none_of_codec_1() -> None:
    for end in range(1, len(RULES_2) + 1):
        assert codec.decode(codec.encode(RULES_2[:end])) == RULES_2[:end]
    body = codec.encode([*ALL_KINDS, *RULES_2])
    assert codec.decode(body) == [*ALL_KINDS, *RULES_2]
    with pytest.raises(BodyError, match="of kind"):
        codec.decode(body, codec=1)


def test_positions_moved_are_none_of_codec_4() -> None:
    found: list[op.Operation] = [op.Moved(0, 64, 66, -2, -8), op.PositionsMoved(64, 66)]
    body = codec.encode(found)
    assert codec.decode(body) == found
    with pytest.raises(BodyError, match="of kind 25"):
        codec.decode(body, codec=4)


def test_a_schedule_without_tiers_or_with_too_many_is_refused() -> None:
    for tiers in ((), (FeeTier(1, 1, 1, 1),) * 9):
        with pytest.raises(BodyError, match="schedules"):
            codec.decode(codec.encode([op.FeesSet(tiers)]))


def test_kind_numbers_are_the_formats() -> None:
    names = [kind.__name__ for kind in codec.KINDS]
    assert names == [
        "IndexSet", "Fill", "Deposit", "Withdrawal", "Settlement",
        "AccountSet", "Listing", "StateSet", "UnderlyingSet",
        "FeesSet", "FamilySet", "RiskSet", "WithdrawalHeld", "WithdrawalResolved", "Transfer",
        "LiquidationSet", "LiquidationFee", "FundCover", "Moved", "Takeover", "LossShare",
        "LossStep", "ComboListing", "ComboFill", "DiscountSet", "PositionsMoved",
    ]  # fmt: skip


def test_a_cut_body_is_refused_at_every_byte() -> None:
    body = codec.encode(ALL_KINDS)
    for end in range(len(body)):
        with pytest.raises(BodyError):
            codec.decode(body[:end])
    with pytest.raises(BodyError):
        codec.decode(body + b"\0")


def test_mutated_bodies_are_refused_or_other_operations() -> None:
    rng = random.Random(11)
    bodies = [codec.encode(ALL_KINDS), codec.encode(operations(3, 60))]
    for _ in range(1_500):
        body = bytearray(rng.choice(bodies))
        for _ in range(rng.randint(1, 4)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        try:
            found = codec.decode(bytes(body))
        except BodyError:
            continue
        assert len(found) <= col.MAX_OPERATIONS


def test_unknown_kinds_and_empty_runs_are_refused() -> None:
    for kind, length in ((len(codec.KINDS), 1), (1, 0), (4, col.MAX_OPERATIONS + 1)):
        head = col.varint(1) + col.block(col.varint(kind)) + col.block(col.varint(length))
        with pytest.raises(BodyError):
            codec.decode(head)


def test_a_dictionary_larger_than_its_column_is_refused() -> None:
    head = col.varint(1) + col.block(col.varint(1)) + col.block(col.varint(1))
    with pytest.raises(BodyError, match="dictionary"):
        codec.decode(head + col.block(col.varints([1 << 30, 1])))
