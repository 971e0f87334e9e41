"""A small day that has every kind of step, by hand: for unit tests and the golden vectors."""

from __future__ import annotations

import struct

from settlement.hashing import keccak
from settlement.stf import steps as s
from settlement.stf.chunks import Chunk, ChunkBuilder, Executed
from settlement.stf.commitment import Commitment
from settlement.stf.sections import NO_CLASS
from settlement.stf.state import State
from settlement.stf.steps import Step
from settlement.stf.terms import terms_words
from tests.unit.settlement.streams import OPTION, PERPETUAL, TIME_MS

USDC = 1_000_000
ALICE, BOB, CAROL, DORA, EVE = range(64, 69)
FUND = 2
CALL, PUT, SWAP, SPREAD, OTHER = range(5)
INDEX = 100_000 * USDC
_TIER = struct.Struct(">qqqq")


def owner(number: int) -> bytes:
    return number.to_bytes(20, "big")


def account(number: int, flags: int = 0) -> Step:
    return Step(s.ACCOUNT, first=number, ident=flags, word=owner(number).ljust(32, b"\0"))


def deposit(number: int, ident: int, amount: int) -> Step:
    return Step(s.DEPOSIT, first=number, ident=ident, p=amount)


def listing(number: int, words: bytes) -> Step:
    return Step(s.LISTING, instrument=number, word=keccak(words), payload=words)


def fill(instrument: int, maker: int, taker: int, *rest: int) -> Step:
    """`rest` is price, lots, trade id, and flags and classes where they are not 0."""
    price, lots, ident, flags, classes = [*rest, 0, 0][:5]
    return Step(s.FILL, classes, flags, instrument, maker, taker, ident, price, lots)


def spread_terms() -> bytes:
    """A combo of the first two instruments, one bought and one sold."""
    legs = struct.pack(">qq", CALL | 1 << 32, PUT | -1 << 32)
    words = bytearray(terms_words(OPTION._replace(kind=3, option_type=0, strike_micro=0, fee_cap_permille=0)))
    words[160:176] = legs
    return bytes(words)


OPENING = [
    Step(s.UNDERLYING, instrument=0, ident=int.from_bytes(b"BTC", "little")),
    Step(s.INDEX, instrument=0, p=INDEX),
    Step(s.RISK, instrument=0, p=5_000),
    Step(s.FEES, flags=0, word=_TIER.pack(-100, 300, -50, 400)),
    Step(s.FEES, flags=1, word=_TIER.pack(200, 500, 100, 500)),
    Step(s.DISCOUNT, p=250),
    listing(CALL, terms_words(OPTION)),
    listing(PUT, terms_words(OPTION._replace(option_type=2))),
    listing(SWAP, terms_words(PERPETUAL)),
    listing(SPREAD, spread_terms()),
    listing(OTHER, terms_words(OPTION)),
    *(account(number) for number in (ALICE, BOB, CAROL, DORA, EVE)),
    account(EVE, 1),
    Step(s.FAMILY, flags=1, first=EVE, second=ALICE),
    deposit(ALICE, 1, 900_000 * USDC),
    deposit(BOB, 2, 400_000 * USDC),
    deposit(CAROL, 3, 300_000 * USDC),
    deposit(DORA, 4, 24_000 * USDC),
    deposit(FUND, 5, 1_000 * USDC),
    Step(s.DEPOSIT, flags=1, first=999, ident=6, p=7 * USDC, word=owner(0xD0).ljust(32, b"\0")),
    Step(s.RECLASS, flags=1, instrument=NO_CLASS << 8 | 0, first=ALICE),
    Step(s.RECLASS, flags=1, instrument=NO_CLASS << 8 | 0, first=BOB),
    Step(s.RECLASS, flags=1, instrument=0 << 8 | 3, first=ALICE, second=0),
]
TRADING = [
    fill(CALL, ALICE, BOB, 500, 7, 1),
    fill(CALL, BOB, ALICE, 520, 3, 2, s.TAKER_SELLS, 0x21),
    fill(CALL, CAROL, DORA, 510, 9, 3, 0, 0x55),
    fill(PUT, ALICE, DORA, 400, 50, 4, s.TAKER_SELLS, 0x12),
    Step(s.INDEX, instrument=0, p=INDEX + 12_345_678),
    fill(SWAP, ALICE, DORA, 100_000, 40, 5),
    fill(CALL, ALICE, CAROL, 505, 2, 6, s.TAKER_BY_COMBO | s.MAKER_BY_COMBO),
    fill(PUT, BOB, CAROL, 405, 2, 7, s.TAKER_BY_COMBO | s.TAKER_RESTS | s.TAKER_SELLS),
    fill(PUT, ALICE, EVE, 410, 1, 8),
    fill(OTHER, ALICE, BOB, 300, 1, 9),
    fill(OTHER, ALICE, BOB, 310, 1, 10, s.TAKER_SELLS),
]
CASH = [
    Step(s.HELD, first=BOB, ident=11, p=1_000 * USDC),
    Step(s.HELD, first=CAROL, ident=12, p=2_000 * USDC),
    Step(s.RESOLVED, flags=0, first=BOB, second=1, ident=11, p=1_000 * USDC),
    Step(s.RESOLVED, flags=1, first=CAROL, second=2, ident=12, p=2_000 * USDC),
    Step(s.TRANSFER, first=ALICE, second=EVE, ident=1, p=5_000 * USDC),
    Step(s.FORCED, first=BOB, ident=1, p=500 * USDC, q=500 * USDC),
    Step(s.FORCED, first=DORA, ident=2, p=500 * USDC, q=0),
    Step(s.MARK, instrument=PUT, ident=TIME_MS, p=90 * USDC),
    Step(s.MOVING, first=ALICE, second=EVE),
    Step(s.MOVED, instrument=CALL, first=ALICE, second=EVE, p=-2 * 5 * USDC, q=-2),
    Step(s.MOVING_ENDED, first=ALICE, second=EVE),
]
LIQUIDATION = [
    Step(s.SETTLE, flags=2, instrument=SWAP, p=92_000),
    Step(s.HOLDER, instrument=SWAP, first=ALICE),
    Step(s.HOLDER, instrument=SWAP, first=DORA),
    Step(s.SETTLED, instrument=SWAP),
    Step(s.SETTLE, flags=3, instrument=SWAP, p=-55),
    Step(s.HOLDER, instrument=SWAP, first=ALICE),
    Step(s.HOLDER, instrument=SWAP, first=DORA),
    Step(s.SETTLED, instrument=SWAP),
    Step(s.LIQUIDATION, flags=1, first=DORA),
    fill(SWAP, BOB, DORA, 20_000, 25, 11, s.TAKER_SELLS, 0x23),
    fill(SWAP, CAROL, DORA, 19_900, 5, 12, s.TAKER_SELLS, 0x13),
    Step(s.LIQUIDATION_FEE, instrument=SWAP, first=DORA, p=1_000, q=-30),
    Step(s.TAKEOVER, first=BOB, second=DORA, p=100_000),
    Step(s.MOVED, instrument=CALL, first=DORA, second=BOB, p=0, q=0),
    Step(s.MOVED, instrument=PUT, first=DORA, second=BOB, p=-5 * 4 * USDC, q=-5),
    Step(s.MOVED, instrument=SWAP, first=DORA, second=BOB, p=1 * 900 * USDC, q=1),
    Step(s.TAKEN, first=BOB, second=DORA, p=3 * USDC),
    Step(s.TAKEOVER, first=BOB, second=DORA, p=1_000_000),
    Step(s.MOVED, instrument=CALL, first=DORA, second=BOB, p=9 * 6 * USDC, q=9),
    Step(s.MOVED, instrument=PUT, first=DORA, second=BOB, p=-45 * 4 * USDC, q=-45),
    Step(s.MOVED, instrument=SWAP, first=DORA, second=BOB, p=9 * 900 * USDC, q=9),
    Step(s.TOPPED, p=20 * USDC),
    Step(s.TAKEN, first=BOB, second=DORA, p=0),
    Step(s.FUND_COVER, first=DORA),
    Step(s.LOSS, first=DORA),
    Step(s.DEFICIT, first=DORA),
    Step(s.SHARE, first=ALICE, second=DORA, p=40 * USDC),
    Step(s.SHARE, first=BOB, second=DORA, p=1),
    Step(s.LOSS_ENDED, first=DORA),
]
ENDING = [
    Step(s.SETTLE, flags=1, instrument=CALL, p=123_456 * USDC),
    *(Step(s.HOLDER, instrument=CALL, first=number) for number in (ALICE, BOB, CAROL, DORA, EVE)),
    Step(s.SETTLED, instrument=CALL),
    Step(s.STATE, flags=4, instrument=CALL),
    Step(s.STATE, flags=3, instrument=SPREAD),
    Step(s.SETTLE, flags=s.END, instrument=OTHER),
    Step(s.HOLDER, instrument=OTHER, first=ALICE),
    Step(s.HOLDER, instrument=OTHER, first=BOB),
    Step(s.SETTLED, instrument=OTHER),
    Step(s.STATE, flags=3, instrument=OTHER),
]
BATCHES = (OPENING, [*TRADING, *CASH], LIQUIDATION, ENDING)


class Played:
    """The day played into a state; `batches` are its chunks and roots."""

    def __init__(self) -> None:
        self.state = State()
        self.commitment = Commitment(self.state)
        builder = ChunkBuilder(self.state, self.commitment)
        self.batches: list[tuple[list[Chunk], Executed]] = []
        for steps in BATCHES:
            for step in steps:
                builder.add(step)
            executed = builder.close()
            self.batches.append((builder.chunks, executed))
            builder.begin()
