"""Read-only views of the takeover auctions, for the edge. Nothing here changes what `apply` would do."""

from __future__ import annotations

from typing import NamedTuple

from mypy_extensions import i64

from exchange.core import margin
from exchange.core.engine import Engine
from exchange.core.layout import A_AUCTION, A_LIQUIDATION, ACCOUNT_WORDS, I_UNDERLYING, INSTRUMENT_WORDS
from exchange.core.takeover import Lot, discount_rate_ppm, divide, most_ppm, price
from exchange.domain import limits
from exchange.domain import records as r


class Auction(NamedTuple):
    """What taking a part of a portfolio over would move and cost now, micro-USDC.

    `positions` are (instrument, lots, discount in ppm of index notional, before its bounds). The bidder pays
    `pay_micro` (negative: receives): what the options are worth, less what the target and the insurance fund
    give. No more than `most_ppm` of the portfolio may be taken.
    """

    account: int
    start_ms: int
    most_ppm: int
    positions: list[tuple[int, int, int]]
    worth_micro: int
    discount_micro: int
    given_micro: int
    topped_micro: int
    pay_micro: int


def open_auctions(engine: Engine) -> list[int]:
    """The accounts whose portfolios may be taken over, in id order. Looks at every account.

    One whose maintenance is met again is none: its next step ends the liquidation.
    """
    w = engine.world
    found: list[int] = []
    account: i64 = limits.FIRST_USER_ACCOUNT
    while account < w.account_count:
        if w.accounts[account * ACCOUNT_WORDS + A_LIQUIDATION] == r.LIQUIDATION_AUCTION:
            margin.figures(w, account)
            if w.m_maintenance > w.m_balance:
                found.append(account)
        account += 1
    return found


def auction(engine: Engine, account: i64, fraction_ppm: i64 = limits.PPM) -> Auction:
    """The terms of one auction at the marks and the time in force, for a part of the portfolio.

    Raises:
        KeyError: the account is not in auction, or needs none any more.
        ValueError: the fraction is not 1…1,000,000.
    """
    w = engine.world
    if account < limits.FIRST_USER_ACCOUNT or account >= w.account_count:
        raise KeyError(account)
    a = account * ACCOUNT_WORDS
    if w.accounts[a + A_LIQUIDATION] != r.LIQUIDATION_AUCTION:
        raise KeyError(account)
    if fraction_ppm < 1 or fraction_ppm > limits.PPM:
        raise ValueError(f"a fraction of {fraction_ppm} ppm")
    margin.figures(w, account)
    if w.m_maintenance <= w.m_balance:
        raise KeyError(account)
    most = most_ppm(w, account)
    lot = Lot(0, account)
    divide(w, lot, fraction_ppm)
    price(w, lot, fraction_ppm)
    positions: list[tuple[int, int, int]] = []
    number: i64 = 0
    while number < i64(len(lot.parts)):
        instrument = lot.instruments[number]
        underlying = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING]
        positions.append((instrument, lot.parts[number], discount_rate_ppm(w, account, underlying)))
        number += 1
    return Auction(
        account,
        w.accounts[a + A_AUCTION],
        most,
        positions,
        lot.worth,
        lot.discount,
        lot.given,
        lot.topped,
        lot.worth - lot.given - lot.topped,
    )
