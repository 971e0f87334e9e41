"""Scripted moves of positions and blocks with several takers (rules 5): each refusal, and what is undone."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import count

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, PositionMove, block_trade, move_positions
from exchange.domain.commands_combos import list_combo
from exchange.domain.legs import ComboLeg
from tests.reference.block_scenarios import (
    CALL,
    CHILD,
    DRY,
    GOOD,
    NOBODY,
    PERP,
    POOR,
    STEPPED,
    UNMARKED,
    USDC,
    cash_past_its_limit,
    entries_at_their_limit,
    opened,
)
from tests.reference.risk_opening import CAROL, DAVE, Stream, marked
from tests.reference.scenarios import ALICE, BOB, order

SELL = r.FLAG_SELL
CHILD_2 = CHILD + 1
COMBO = UNMARKED + 1
RULES_5 = c.set_rules(5)
PER_LOT = 10**6  # what a lot of the call passes at, in scripts where it does not matter
LONG = PositionMove(CALL, 3, PER_LOT)


def _holding() -> bytes:
    """Alice has bought calls and sold perpetuals; her subaccounts have cash and nothing else. Rules 5."""
    block = [BlockTrade(BOB, CALL, 10, 1_000), BlockTrade(BOB, PERP, -20, 50_000)]
    made = [opened(), RULES_5, c.create_account(CHILD_2, main=ALICE), c.deposit(CHILD_2, 10**12, 901)]
    return b"".join((*made, block_trade(ALICE, 1, block)))


def moves_refused() -> Iterator[bytes]:
    """Everything that refuses a move, by its first unit and behind others."""
    yield opened() + move_positions(ALICE, CHILD, [LONG])
    yield _holding()
    pairs = ((NOBODY, CHILD), (ALICE, NOBODY), (ALICE, ALICE), (ALICE, BOB), (limits.ACCOUNT_FEES, CHILD))
    yield b"".join(move_positions(*pair, [LONG]) for pair in pairs)
    for locked in (ALICE, CHILD):
        yield cr.set_lock(locked, locked=True) + move_positions(ALICE, CHILD, [LONG])
        yield cr.set_lock(locked, locked=False)
    yield c.set_mode(r.MODE_CANCEL_ONLY) + move_positions(ALICE, CHILD, [LONG]) + c.set_mode(r.MODE_OPEN)
    yield list_combo(COMBO, [ComboLeg(CALL, 1), ComboLeg(STEPPED, -1)])
    bad = [
        *(LONG._replace(instrument=n) for n in (COMBO, COMBO + 1, 1 << 31, DRY, STEPPED, UNMARKED)),
        *(LONG._replace(size_lots=n) for n in (0, -1, 11, limits.I64_MAX, -limits.I64_MAX)),
        *(PositionMove(PERP, n, PER_LOT) for n in (1, -21, 0)),
        *(LONG._replace(per_lot_micro=n) for n in (-1, limits.I64_MAX, -limits.I64_MAX)),
    ]
    for move in bad:
        yield move_positions(ALICE, CHILD, [move]) + move_positions(ALICE, CHILD, [LONG, LONG, move])
    closed = c.set_instrument_state(CALL, r.STATE_HALTED)
    yield closed + move_positions(ALICE, CHILD, [LONG]) + c.set_instrument_state(CALL, r.STATE_OPEN)


def shapes() -> Iterator[bytes]:
    """Counts, halves and words that are not zero, flags and grants; the newest rules alone know moves."""
    yield _holding()
    good = move_positions(ALICE, CHILD, [LONG, LONG])
    most = [LONG._replace(size_lots=1)] * limits.BLOCK_MOST
    yield move_positions(ALICE, CHILD, []) + move_positions(ALICE, CHILD, [*most, LONG])
    yield move_positions(ALICE, CHILD, [LONG], grant=1)
    for at in (4, 36, 40, 48, 56, 68, 88, 100, 120):
        raw = bytearray(good)
        struct.pack_into("<I", raw, at, 1)
        yield bytes(raw)
    yield good
    raw = bytearray(block_trade(ALICE, 7, [GOOD]))
    struct.pack_into("<I", raw, 92, 1)
    yield bytes(raw)


def moves_done() -> Iterator[bytes]:
    """All and some of long and short, options and perpetuals, there and back; at nothing and at the most."""
    yield _holding()
    yield move_positions(ALICE, CHILD, [LONG], client_order_id=77) + move_positions(CHILD, ALICE, [LONG])
    yield move_positions(ALICE, CHILD, [PositionMove(PERP, -5, 50_000 * 1_000)])
    yield move_positions(BOB, BOB, [LONG]) + move_positions(BOB, CHILD, [PositionMove(CALL, -1, 0)])
    yield c.create_account(CHILD_2 + 1, main=BOB) + c.deposit(CHILD_2 + 1, 10**12, 902)
    short = PositionMove(CALL, -4, 2 * PER_LOT)
    yield move_positions(BOB, CHILD_2 + 1, [short, PositionMove(PERP, 20, 49_000 * 1_000)])
    yield move_positions(BOB, CHILD_2 + 1, [short._replace(size_lots=-6)])
    yield move_positions(CHILD, CHILD_2, [PositionMove(PERP, -5, 0)])
    yield move_positions(ALICE, CHILD_2, [LONG._replace(per_lot_micro=0), LONG._replace(size_lots=7)])
    # Orders that lean on a position stay and are cut when they are met.
    yield move_positions(CHILD_2, ALICE, [LONG._replace(size_lots=10, per_lot_micro=0)])
    yield order(ALICE, CALL, 1_000, 10, SELL | r.FLAG_REDUCE_ONLY)
    yield move_positions(ALICE, CHILD, [LONG]) + order(CAROL, CALL, 1_000, 10)
    yield marked(3, 48_000 * USDC) + move_positions(CHILD, ALICE, [LONG, LONG])


def moves_uncovered() -> Iterator[bytes]:
    """What a move would leave somebody without: cover, equity, a seat, room under a limit."""
    yield _holding()
    poor = CHILD_2 + 1
    yield c.create_account(poor, main=ALICE) + c.deposit(poor, USDC, 903)
    yield move_positions(ALICE, poor, [PositionMove(PERP, -20, 50_000 * 1_000)])
    yield move_positions(ALICE, poor, [LONG._replace(per_lot_micro=2 * USDC)])
    yield move_positions(ALICE, poor, [PositionMove(CALL, 1, 0), PositionMove(PERP, -20, 0)])
    # Two units that are one seat too many, and a limit that open orders fill.
    yield cr.set_caps(CHILD, 0, 1)
    two = move_positions(ALICE, CHILD, [LONG, PositionMove(PERP, -1, 50_000 * 1_000)])
    yield two + cr.set_caps(CHILD, 0, 0) + two
    yield c.withdraw(POOR, 1, 5) + marked(4, 51_000 * USDC)
    yield move_positions(CHILD, ALICE, [PositionMove(PERP, -1, 0), LONG])


def moves_at_limits() -> Iterator[bytes]:
    """An entry value past ENTRY_LIMIT, cash past ACCUMULATION_LIMIT, open orders that fill a limit."""
    yield from entries_at_their_limit()
    mine = [c.create_account(CAROL + n, main=main) for n, main in ((1, ALICE), (2, CAROL), (3, CAROL))]
    paid = [c.deposit(CAROL + n, 10**15, 990 + n) for n in (1, 2, 3)]
    yield b"".join((RULES_5, *mine, *paid)) + order(ALICE, 0, 50_000, 1) + order(CAROL, 0, 50_000, 1, SELL)
    yield move_positions(ALICE, CAROL + 1, [PositionMove(0, 1, 0)])
    limit = 1 << 10
    yield order(CAROL, 1, 50_000, limit) + order(CAROL + 3, 1, 50_000, limit, SELL)
    yield order(CAROL + 2, 1, 49_000, limit - 5)
    for lots in (6, 5):
        yield move_positions(CAROL, CAROL + 2, [PositionMove(1, lots, 50_000 * 1_000)])
    yield c.cancel_many(CAROL + 2) + move_positions(CAROL + 2, CAROL, [PositionMove(1, 5, 50_000 * 1_000)])
    # Whoever is short and bids for all that may be bought can not be rid of being short.
    yield order(CAROL + 3, 1, 40_000, 2 * limit)
    short = [PositionMove(1, -1, 50_000 * 1_000)]
    yield move_positions(CAROL + 3, CAROL + 2, short) + c.cancel_many(CAROL + 3)
    yield move_positions(CAROL + 3, CAROL + 2, short) + move_positions(CAROL + 2, CAROL + 3, short)
    yield move_positions(CAROL, CAROL + 3, [PositionMove(1, limit, 50_000 * 1_000)])
    yield from cash_past_its_limit()
    yield move_positions(CAROL, CAROL + 2, [PositionMove(1, 1, 0)])
    yield move_positions(CAROL + 3, CAROL, [PositionMove(1, 1, 0), PositionMove(1, -1, 0)])


def several_takers() -> Iterator[bytes]:
    """A block whose trades are of several accounts of a family, and what refuses one of them."""
    yield _holding()
    ids = count(2)
    named = [GOOD._replace(taker_account=n) for n in (ALICE, CHILD, CHILD_2)]
    yield block_trade(ALICE, next(ids), [GOOD, *named]) + block_trade(CHILD, next(ids), named)
    for taker in (NOBODY, limits.ACCOUNT_FEES, DAVE, BOB):
        yield block_trade(ALICE, next(ids), [GOOD, GOOD._replace(taker_account=taker)])
    yield cr.set_lock(CHILD, locked=True) + block_trade(ALICE, next(ids), named)
    yield block_trade(ALICE, next(ids), [named[0], named[2]]) + cr.set_lock(CHILD, locked=False)
    large = GOOD._replace(size_lots=10**6, taker_account=CHILD_2)
    yield block_trade(ALICE, next(ids), [named[1], large])
    yield block_trade(ALICE, next(ids), [named[1], GOOD._replace(maker_account=CHILD, taker_account=CHILD_2)])
    yield block_trade(BOB, next(ids), [BlockTrade(CHILD, CALL, 1, 1_000), BlockTrade(ALICE, CALL, 1, 1_000)])


def grants() -> Iterator[bytes]:
    """Side records of what authorises, of every kind and length; each thing that is wrong with one."""
    good = c.grant(ALICE, 1 << 31 | 7, r.GRANT_SIGNED, b"signed")
    yield opened() + good + RULES_5 + good
    kinds = (r.GRANT_ACTIVATED, r.GRANT_REVOKED, r.GRANT_SIGNED)
    sizes = (1, 32, 33, limits.MAX_GRANT_BYTES)
    yield b"".join(c.grant(ALICE, 7, kind, b"x" * size) for kind in kinds for size in sizes)
    yield b"".join(c.grant(ALICE, 7, kind, b"x") for kind in (0, 4, 1 << 31))
    yield c.grant(ALICE, 7, 1, b"") + c.grant(ALICE, 7, 1, b"x" * (limits.MAX_GRANT_BYTES + 1))
    yield c.grant(NOBODY, 7, 1, b"x") + c.grant(limits.ACCOUNT_FEES, 7, 1, b"x")
    for at, word in ((24, 1), (28, 5), (28, 33), (60, 1)):
        raw = bytearray(good)
        struct.pack_into("<I", raw, at, word)
        yield bytes(raw)


MOVE_SCENARIOS: dict[str, Stream] = {
    made.__name__: made
    for made in (
        *(moves_refused, shapes, moves_done, moves_uncovered, moves_at_limits),
        *(several_takers, grants),
    )
}
