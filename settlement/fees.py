"""What a fill costs its two sides: rates of the listing or of a tier, caps and rebates (docs/rules-2.md)."""

from __future__ import annotations

from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms
from settlement.state import Account, State


def ceil_div(a: int, b: int) -> int:
    """⌈a/b⌉."""
    return -(-a // b)


def floor_div(a: int, b: int) -> int:
    """⌊a/b⌋."""
    return a // b


def index_per_lot(terms: InstrumentTerms, index_micro: int) -> int:
    """The index in micro-USDC a lot, rounded up."""
    return ceil_div(index_micro * terms.lot_e8, 100_000_000)


def trade_fee_micro(terms: InstrumentTerms, fee_ppm: int, index_micro: int, lots: int, value: int) -> int:
    """The fee of one side: rounded up at each step, an option's cap rounded down (rules: Booking)."""
    nano = ceil_div(index_per_lot(terms, index_micro) * fee_ppm, 1000)
    return capped(terms, ceil_div(nano * lots, 1000), value)


def capped(terms: InstrumentTerms, fee: int, value: int) -> int:
    """At most an option's share of the fills' value, rounded down."""
    if terms.kind == r.KIND_OPTION and terms.fee_cap_permille > 0:
        return min(fee, floor_div(value * terms.fee_cap_permille, 1000))
    return fee


def rebate_micro(
    terms: InstrumentTerms, rate_ppm: int, index_micro: int, lots: int, taker_fee: int
) -> int:
    """What a maker with a rate below zero gets: rounded down, never more than the taker pays."""
    nano = floor_div(index_per_lot(terms, index_micro) * -rate_ppm, 1000)
    return min(floor_div(nano * lots, 1000), taker_fee)


def rates_ppm(state: State, account: Account, terms: InstrumentTerms) -> tuple[int, int]:
    """(maker, taker) rates of an account: its tier's, the last one's beyond the schedule's end, or the
    listing's while there is no schedule."""
    if not state.tiers:
        return terms.maker_fee_ppm, terms.taker_fee_ppm
    tier = state.tiers[min(account.tier, len(state.tiers) - 1)]
    if terms.kind == r.KIND_OPTION:
        return tier.option_maker_ppm, tier.option_taker_ppm
    return tier.perp_maker_ppm, tier.perp_taker_ppm


def fill_fees_micro(
    state: State,
    terms: InstrumentTerms,
    maker: Account,
    taker: Account,
    index_micro: int,
    lots: int,
    value: int,
) -> tuple[int, int]:
    """(maker's fee, taker's fee) of a match; the maker's is negative for a rebate."""
    taker_fee = trade_fee_micro(terms, rates_ppm(state, taker, terms)[1], index_micro, lots, value)
    rate = rates_ppm(state, maker, terms)[0]
    if rate < 0:
        return -rebate_micro(terms, rate, index_micro, lots, taker_fee), taker_fee
    return trade_fee_micro(terms, rate, index_micro, lots, value), taker_fee
