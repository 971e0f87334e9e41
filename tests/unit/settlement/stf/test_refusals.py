"""What each rule refuses: steps that are not allowed where they stand in the day."""

from __future__ import annotations

import pytest

from settlement.stf import steps as s
from settlement.stf.errors import TransitionError
from settlement.stf.rules import apply
from settlement.stf.sections import NO_CLASS
from settlement.stf.state import State
from settlement.stf.steps import Step
from tests.unit.settlement.stf import every_kind as day
from tests.unit.settlement.stf.every_kind import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    DORA,
    EVE,
    PUT,
    SPREAD,
    SWAP,
    USDC,
    fill,
)

TRADED = 2  # batches


def state_after(batches: int, *more: Step) -> State:
    state = State()
    for step in [*(step for batch in day.BATCHES[:batches] for step in batch), *more]:
        apply(state, step)
    return state


CASES = {
    "a fill of a combo": fill(SPREAD, ALICE, BOB, 5, 1, 900),
    "a fill of an unlisted instrument": fill(9, ALICE, BOB, 5, 1, 900),
    "a fill with oneself": fill(CALL, BOB, BOB, 5, 1, 900),
    "a fill of no lots": fill(CALL, ALICE, BOB, 5, 0, 900),
    "a fill of too many lots": fill(CALL, ALICE, BOB, 5, 1 << 28, 900),
    "a fill for nothing": fill(CALL, ALICE, BOB, 0, 1, 900),
    "a fill beyond the price limit": fill(CALL, ALICE, BOB, 100_001, 1, 900),
    "a fill of a system account": fill(CALL, 2, BOB, 5, 1, 900),
    "a fill again": fill(CALL, ALICE, BOB, 5, 1, 1),
    "a fill of nobody": fill(CALL, 999, BOB, 5, 1, 900),
    "unknown flags": fill(CALL, ALICE, BOB, 5, 1, 900, 16),
    "a taker that rests by its own order": fill(CALL, ALICE, BOB, 5, 1, 90, s.TAKER_RESTS | s.MAKER_BY_COMBO),
    "an unknown class": fill(CALL, ALICE, BOB, 5, 1, 900, 0, 0x04),
    "a maker that is liquidated": fill(CALL, ALICE, BOB, 5, 1, 900, 0, 0x31),
    "half a block": fill(CALL, ALICE, BOB, 5, 1, 900, 0, 0x51),
    "a block in a family": fill(CALL, ALICE, EVE, 5, 1, 900, 0, 0x55),
    "a liquidation of who is not": fill(CALL, ALICE, BOB, 5, 1, 900, 0, 0x13),
    "a deposit of nothing": day.deposit(ALICE, 7, 0),
    "a deposit again": day.deposit(ALICE, 6, 1),
    "a deposit for nobody": day.deposit(999, 7, 1),
    "a deposit for the bridge": day.deposit(3, 7, 1),
    "a deposit given back to who is there": Step(s.DEPOSIT, flags=1, first=ALICE, ident=7, p=1),
    "another owner": Step(s.ACCOUNT, first=ALICE, word=day.owner(BOB).ljust(32, b"\0")),
    "a system account": Step(s.ACCOUNT, first=63, word=bytes(32)),
    "a family of oneself": Step(s.FAMILY, first=BOB, second=BOB),
    "a family of a sub-account": Step(s.FAMILY, first=BOB, second=EVE),
    "a main account that joins": Step(s.FAMILY, first=EVE, second=BOB),
    "a ninth tier": Step(s.FAMILY, flags=8, first=BOB),
    "an instrument again": day.listing(CALL, day.OPENING[6].payload),
    "terms of another underlying": day.listing(9, b"\0\0\0\1" + day.OPENING[6].payload[4:]),
    "an underlying out of order": Step(s.UNDERLYING, instrument=2_000, ident=1),
    "an underlying without a name": Step(s.UNDERLYING, instrument=1),
    "no index": Step(s.INDEX, instrument=0),
    "an index of an unknown underlying": Step(s.INDEX, instrument=1, p=1),
    "a tier that leaves a gap": Step(s.FEES, flags=3, word=bytes(32)),
    "a taker that is paid": Step(s.FEES, flags=0, word=b"\xff" * 32),
    "a negative liquidation fee": Step(s.RISK, instrument=0, p=-1),
    "a discount beyond the whole": Step(s.DISCOUNT, p=1_001),
    "a withdrawal beyond the cash": Step(s.HELD, first=BOB, ident=99, p=10**14),
    "a withdrawal again": Step(s.HELD, first=BOB, ident=11, p=1),
    "a withdrawal resolved twice": day.CASH[2],
    "a withdrawal of another amount": Step(s.RESOLVED, first=BOB, second=1, ident=11, p=1),
    "a transfer to a stranger": Step(s.TRANSFER, first=ALICE, second=BOB, ident=1, p=1),
    "a transfer of what is not there": Step(s.TRANSFER, first=EVE, second=ALICE, ident=1, p=10**14),
    "a forced request out of turn": Step(s.FORCED, first=BOB, ident=5, p=1, q=0),
    "a forced request paid beyond what was asked": Step(s.FORCED, first=BOB, ident=3, p=1, q=2),
    "a state that there is not": Step(s.STATE, flags=5, instrument=PUT),
    "an end while it is held": Step(s.STATE, flags=4, instrument=PUT),
    "a mark of before": Step(s.MARK, instrument=PUT, ident=1, p=1),
    "a negative mark": Step(s.MARK, instrument=CALL, ident=1, p=-1),
    "a delivery of a perpetual": Step(s.SETTLE, flags=1, instrument=SWAP, p=1),
    "funding of an option": Step(s.SETTLE, flags=3, instrument=CALL, p=1),
    "a holder of nothing under way": Step(s.HOLDER, instrument=CALL, first=ALICE),
    "the end of nothing under way": Step(s.SETTLED, instrument=CALL),
    "a part of nothing under way": Step(s.MOVED, instrument=CALL, first=ALICE, second=EVE, p=1, q=1),
    "a takeover of who is sound": Step(s.TAKEOVER, first=BOB, second=CAROL, p=1),
    "positions that move to a stranger": Step(s.MOVING, first=ALICE, second=BOB),
    "a fee without fills": Step(s.LIQUIDATION_FEE, instrument=CALL, first=BOB, q=-1),
    "cover of who holds positions": Step(s.FUND_COVER, first=BOB),
    "a loss of who is sound": Step(s.LOSS, first=BOB),
    "a share in no loss": Step(s.SHARE, first=BOB, second=CAROL, p=1),
    "an entry that is not there": Step(s.RECLASS, flags=1, instrument=5 << 8 | 6, first=BOB),
    "an entry that is another": Step(s.RECLASS, flags=1, instrument=0 << 8 | 6, first=999),
    "a fourth dictionary": Step(s.RECLASS, flags=3, instrument=NO_CLASS << 8, first=1),
    "from a class to itself": Step(s.RECLASS, flags=1, instrument=0, first=BOB),
}


@pytest.mark.parametrize("name", CASES)
def test_refused_in_a_trading_day(name: str) -> None:
    with pytest.raises(TransitionError):
        apply(state_after(TRADED), CASES[name])


UNDER_WAY = {
    "a fill while it is settled": (
        [Step(s.SETTLE, flags=3, instrument=SWAP, p=1)],
        fill(SWAP, ALICE, BOB, 5, 1, 900),
    ),
    "a holder left out": (
        [Step(s.SETTLE, flags=3, instrument=SWAP, p=1), Step(s.HOLDER, instrument=SWAP, first=DORA)],
        Step(s.SETTLED, instrument=SWAP),
    ),
    "a holder twice": (
        [Step(s.SETTLE, flags=3, instrument=SWAP, p=1), Step(s.HOLDER, instrument=SWAP, first=ALICE)],
        Step(s.HOLDER, instrument=SWAP, first=ALICE),
    ),
    "holders out of order": (
        [Step(s.SETTLE, flags=3, instrument=SWAP, p=1), Step(s.HOLDER, instrument=SWAP, first=DORA)],
        Step(s.HOLDER, instrument=SWAP, first=ALICE),
    ),
    "the end of an option that is held": (
        [Step(s.SETTLE, flags=4, instrument=PUT)],
        Step(s.HOLDER, instrument=PUT, first=ALICE),
    ),
    "anything else while positions pass": (day.CASH[8:10], Step(s.DISCOUNT, p=1)),
    "a move without parts": (day.CASH[8:9], day.CASH[10]),
    "more than is there": (
        day.CASH[8:9],
        Step(s.MOVED, instrument=CALL, first=ALICE, second=EVE, p=-99, q=-99),
    ),
    "the wrong way round": (
        day.CASH[8:9],
        Step(s.MOVED, instrument=CALL, first=ALICE, second=EVE, p=1, q=1),
    ),
    "a takeover that leaves a part out": (
        [*day.LIQUIDATION[:9], day.LIQUIDATION[12], *day.LIQUIDATION[13:15]],
        day.LIQUIDATION[16],
    ),
    "parts out of order": (
        [*day.LIQUIDATION[:9], day.LIQUIDATION[12], day.LIQUIDATION[14]],
        day.LIQUIDATION[13],
    ),
    "a part of another size": (
        [*day.LIQUIDATION[:9], *day.LIQUIDATION[12:14]],
        Step(s.MOVED, instrument=PUT, first=DORA, second=BOB, p=-4, q=-4),
    ),
    "the fund's part of less than all": (
        [*day.LIQUIDATION[:9], *day.LIQUIDATION[12:15]],
        Step(s.TOPPED, p=1),
    ),
    "a fee above what is due": (day.LIQUIDATION[:11], day.LIQUIDATION[11]._replace(p=10**9)),
    "a fee on other lots": (day.LIQUIDATION[:11], day.LIQUIDATION[11]._replace(q=-29)),
    "a share beyond what is missing": (day.LIQUIDATION[:26], day.LIQUIDATION[26]._replace(p=10**12)),
    "payers out of order": ([*day.LIQUIDATION[:26], day.LIQUIDATION[27]], day.LIQUIDATION[26]),
    "a withdrawal while a loss is shared": (day.LIQUIDATION[:26], Step(s.HELD, first=BOB, ident=99, p=1)),
    "two losses at once": (day.LIQUIDATION[:26], Step(s.LOSS, first=DORA)),
}


@pytest.mark.parametrize("name", UNDER_WAY)
def test_refused_while_something_is_under_way(name: str) -> None:
    before, step = UNDER_WAY[name]
    state = state_after(TRADED, *before)
    with pytest.raises(TransitionError):
        apply(state, step)


def test_who_has_no_positions_is_paid_what_a_forced_request_asks() -> None:
    flat = day.account(EVE + 1)
    rich = day.deposit(EVE + 1, 7, 5 * USDC)
    for paid, allowed in ((0, False), (3 * USDC, False), (5 * USDC, True)):
        state = state_after(TRADED, flat, rich)
        request = Step(s.FORCED, first=EVE + 1, ident=3, p=9 * USDC, q=paid)
        if allowed:
            apply(state, request)
            assert state.account(EVE + 1).cash_micro == 0
        else:
            with pytest.raises(TransitionError):
                apply(state, request)
