"""Scripted blocks (rules 3): each refusal, of the first trade and of a later one, and what is undone then."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import count

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, block_trade
from tests.reference.risk_opening import CAROL, DAVE, PARAMETERS, Stream, marked, more_accounts
from tests.reference.scenarios import ALICE, BOB, INDEX_MICRO, OPTION, PERPETUAL, opening, order

SELL = r.FLAG_SELL
USDC = 10**6
POOR, CHILD, NOBODY = DAVE + 1, DAVE + 2, 9_999
PERP, CALL, DRY, STEPPED, UNMARKED = range(5)
GOOD = BlockTrade(BOB, CALL, 3, 1_000)
TERMS = (
    PERPETUAL._replace(band_ppm=100_000, maker_fee_ppm=200, taker_fee_ppm=500),
    OPTION._replace(maker_fee_ppm=300, taker_fee_ppm=300, fee_cap_permille=125, min_size_lots=2),
    PERPETUAL._replace(underlying=1),
    OPTION._replace(tick_steps=((0, 5),)),
    OPTION,
)


def opened() -> bytes:
    """Two underlyings, one without parameters; an instrument without a mark; somebody poor. Rules 2."""
    made = [opening(*TERMS[:2]), c.list_underlying(1, "DRY")]
    made += [more_accounts(CAROL, DAVE, amount_micro=10**14), more_accounts(POOR, amount_micro=100 * USDC)]
    made += [c.list_instrument(n, TERMS[n]) for n in (DRY, STEPPED, UNMARKED)]
    made.append(c.marks(1, INDEX_MICRO, 1, [c.Mark(DRY, 0, INDEX_MICRO, 0, INDEX_MICRO)]))
    made.append(c.marks(0, INDEX_MICRO, 10, [c.Mark(STEPPED, 0, 1_000 * USDC, 0, INDEX_MICRO)]))
    made += [c.set_rules(2), cr.risk(0, PARAMETERS), c.create_account(CHILD, main=ALICE)]
    made.append(c.deposit(CHILD, 10**12, 900))
    return b"".join(made)


def blocks_refused() -> Iterator[bytes]:
    """Everything that refuses a block, alone and behind trades that had been done."""
    ids = count(5)
    yield opened() + block_trade(ALICE, 1, [GOOD]) + c.set_rules(3)

    def both(*bad: BlockTrade, taker: int = ALICE) -> bytes:
        """By itself and behind two good ones, of which one makes seats."""
        before = [BlockTrade(CAROL, PERP, -2, 50_000), GOOD]
        return block_trade(taker, next(ids), bad) + block_trade(taker, next(ids), [*before, *bad])

    yield c.set_mode(1) + both(GOOD) + c.set_mode(0) + both(GOOD, taker=NOBODY) + both(GOOD, taker=3)
    for account in (ALICE, BOB):
        yield cr.set_lock(account, True) + both(GOOD) + cr.set_lock(account, False)
    for maker in (NOBODY, 2, ALICE, CHILD):
        yield both(GOOD._replace(maker_account=maker))
    yield both(GOOD._replace(instrument=99)) + c.set_instrument_state(CALL, 1)
    yield both(GOOD) + c.set_instrument_state(CALL, 0)
    for state in (1, 2):
        yield cr.set_underlying_state(0, state) + both(GOOD) + cr.set_underlying_state(0, 0)
    for lots in (0, 1, -1, limits.MAX_ORDER_LOTS + 1, -(1 << 63)):
        yield both(GOOD._replace(size_lots=lots))
    for price in (0, -1, TERMS[CALL].price_limit_ticks + 1):
        yield both(GOOD._replace(price_ticks=price))
    yield both(BlockTrade(BOB, STEPPED, 2, 1_001)) + both(BlockTrade(BOB, UNMARKED, 2, 1_000))
    yield both(BlockTrade(BOB, DRY, 2, 50_000))
    for lots in (2, -2):
        yield both(BlockTrade(BOB, PERP, lots, 55_001)) + both(BlockTrade(BOB, PERP, lots, 44_999))
    yield order(ALICE, STEPPED, 5, 2) + cr.set_caps(ALICE, 0, 2)
    yield block_trade(ALICE, next(ids), [BlockTrade(BOB, PERP, 2, 50_000), GOOD])
    for account in (ALICE, BOB):
        yield order(account, STEPPED, 5, 2) + cr.set_caps(account, 0, 1)
        yield both(GOOD) + cr.set_caps(account, 0, 0)
    limit = TERMS[CALL].position_limit_lots
    for lots in (limit + 1, -limit - 1, limit, -2 * limit, -2 * limit + 9):
        yield both(GOOD._replace(size_lots=lots))
    for account, side in ((ALICE, 0), (BOB, SELL)):  # what was done stands; open orders count
        price = 900_000 if side else 10
        yield order(account, STEPPED, price, limit - 6, side)
        stepped = GOOD._replace(instrument=STEPPED)
        yield both(stepped) + both(stepped._replace(size_lots=7)) + c.cancel_many(account)
    # Who cannot bear it, with all of it done: the taker first, then the makers as they come up.
    yield both(BlockTrade(POOR, PERP, -20, 50_000)) + both(BlockTrade(POOR, CALL, 200, 1_000))
    yield both(BlockTrade(BOB, PERP, 20, 50_000), taker=POOR) + both(BlockTrade(POOR, CALL, 20, 1))
    yield both(BlockTrade(POOR, PERP, 5, 45_000), BlockTrade(BOB, PERP, 5, 50_000), taker=DAVE)
    yield both(BlockTrade(POOR, PERP, 9, 45_000), taker=DAVE) + both(BlockTrade(BOB, CALL, -9, 1), taker=POOR)
    for price in (1_000, 900, 500, 10, 2_000):
        yield both(BlockTrade(POOR, CALL, -9, price), taker=DAVE)
        yield both(BlockTrade(BOB, CALL, 9, price), taker=POOR)
    yield block_trade(ALICE, next(ids), [GOOD]) + block_trade(ALICE, 9, [GOOD])


def blocks_done() -> Iterator[bytes]:
    """Blocks of one trade and of the most; ids that grow; rebates; what others see of them."""
    yield opened() + c.set_rules(3)
    yield cr.set_fees([cr.FeeTier(-200, 300, -100, 250), cr.FeeTier(100, 500, 50, 300)]) + cr.set_tier(BOB, 1)
    yield block_trade(ALICE, 0, [GOOD]) + block_trade(ALICE, -5, [GOOD]) + block_trade(ALICE, 7, [GOOD])
    yield block_trade(ALICE, 7, [GOOD]) + block_trade(BOB, 8, [GOOD._replace(maker_account=ALICE)])
    makers, prices = (BOB, CAROL, DAVE), (50_000, 1_000)
    most = [BlockTrade(makers[n % 3], n % 2, 2 + n, prices[n % 2]) for n in range(limits.BLOCK_MOST)]
    back = [each._replace(size_lots=-3) for each in most]
    yield block_trade(ALICE, 20, most) + block_trade(ALICE, 30, back)
    # One side's loss is made good by another trade of the block.
    there = BlockTrade(POOR, PERP, -100, 45_000)
    yield block_trade(DAVE, 31, [there]) + block_trade(DAVE, 31, [there, there._replace(size_lots=100)])
    # Open orders, also reduce-only ones, triggers and groups see nothing of it; what is due fires behind it.
    group = co.MmpLimits(1_000, 0, 1_000_000, 0, 0, 10**9)
    yield co.set_mmp(BOB, 0, 0, group) + order(BOB, PERP, 49_000, 5, r.FLAG_MMP)
    yield order(BOB, CALL, 900, 3, SELL | r.FLAG_REDUCE_ONLY)
    stop = co.Trigger(r.TRIGGER_STOP, r.SOURCE_LAST, 49_000 * USDC, 0)
    yield order(CAROL, PERP, 50_000, 1) + order(DAVE, PERP, 50_000, 1, SELL)
    yield co.extended_order(CAROL, PERP, SELL, 45_000, 2, trigger=stop)
    yield block_trade(ALICE, 40, [BlockTrade(BOB, PERP, 5, 46_000), BlockTrade(CAROL, CALL, -20, 990)])
    by_index = stop._replace(source=r.SOURCE_INDEX)
    yield co.extended_order(CAROL, PERP, SELL, 47_000, 1, trigger=by_index) * (2 * limits.FIRE_MOST + 3)
    yield marked(11, 48_000 * USDC) + block_trade(ALICE, 41, [GOOD._replace(maker_account=ALICE)])
    yield block_trade(ALICE, 42, [GOOD]) + co.fire()
    yield _misshapen()


def _misshapen() -> bytes:
    """Blocks whose records are not well formed, one way each; of another version; under a grant."""
    good = block_trade(ALICE, 50, [GOOD, GOOD])
    too_many = block_trade(ALICE, 50, [GOOD] * (limits.BLOCK_MOST + 1))
    spoiled = [block_trade(ALICE, 50, []), too_many, block_trade(ALICE, 50, [GOOD], grant=3)]
    spoiled.append(c.header(r.BLOCK_TRADE, 1, account=ALICE))
    for word, value in ((5, 1), (5, 3), (5, -1), (6, 1), (7, 1), (11, 1), (15, -1)):
        raw = bytearray(good)
        struct.pack_into("<q", raw, word * 8, value)
        spoiled.append(bytes(raw))
    for at in (1, 4):
        raw = bytearray(good)
        raw[at] = 9
        spoiled.append(bytes(raw))
    return b"".join(spoiled)


def entries_at_their_limit() -> Iterator[bytes]:
    """Alice and Bob have entry values past ENTRY_LIMIT in instrument 0; Carol is rich. Rules 2."""
    terms = PERPETUAL._replace(position_limit_lots=1 << 10)
    yield opening(PERPETUAL, terms) + more_accounts(CAROL) + c.set_rules(2) + cr.risk(0, PARAMETERS)
    top, lots = PERPETUAL.price_limit_ticks, PERPETUAL.position_limit_lots - 10
    for _ in range(limits.ENTRY_LIMIT // (top * lots * PERPETUAL.multiplier_micro) + 2):
        yield order(BOB, 0, top, lots, SELL) + order(ALICE, 0, top, lots)
        yield order(BOB, 0, 1, lots) + order(ALICE, 0, 1, lots, SELL)


def cash_past_its_limit() -> Iterator[bytes]:
    """Alice has lost, and Carol won, so much by funding of instrument 1 that neither may book more."""
    yield order(ALICE, 1, 50_000, 1 << 10, SELL) + order(CAROL, 1, 50_000, 1 << 10)
    rate = limits.MAX_VALUE_MICRO >> 10
    rounds = limits.ACCUMULATION_LIMIT // limits.MAX_VALUE_MICRO + 1
    for first in range(0, rounds, 512):
        yield c.funding(1, -rate) * min(512, rounds - first)


def blocks_at_limits() -> Iterator[bytes]:
    """An entry value past ENTRY_LIMIT, cash past ACCUMULATION_LIMIT: of the taker and of the maker."""
    yield from entries_at_their_limit()
    yield c.set_rules(3)
    for number, (taker, maker) in enumerate(((ALICE, CAROL), (CAROL, BOB))):
        yield block_trade(taker, 1 + number, [BlockTrade(maker, 0, 1, 50_000)])
    yield from cash_past_its_limit()
    for number, (taker, maker) in enumerate(((CAROL, BOB), (BOB, CAROL))):
        yield block_trade(taker, 9 + number, [BlockTrade(maker, 1, -1 if taker == CAROL else 1, 50_000)])


BLOCK_SCENARIOS: dict[str, Stream] = {
    "blocks_refused": blocks_refused,
    "blocks_done": blocks_done,
    "blocks_at_limits": blocks_at_limits,
}
