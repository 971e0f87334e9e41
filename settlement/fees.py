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


def _discounted(fee: int, discount_permille: int) -> int:
    """What is left of a fee, rounded up, or of a rebate (negative), rounded down."""
    kept = 1_000 - discount_permille
    return ceil_div(fee * kept, 1_000) if fee >= 0 else -floor_div(-fee * kept, 1_000)


def combo_fees_micro(
    state: State,
    terms: InstrumentTerms,
    maker: tuple[Account, bool],
    taker: tuple[Account, bool],
    index_micro: int,
    lots: int,
    value: int,
    *,
    rests: bool,
) -> tuple[int, int]:
    """(maker's fee, taker's fee) of a leg's fill (rules-4.md, Matching in a combo's book, Implied orders).

    Each side is an account and whether it trades by a combo's order, which has the discount. A taker that
    `rests` pays as the maker it is, without a rebate.
    """
    whose, by_combo = taker
    rate = max(0, rates_ppm(state, whose, terms)[0]) if rests else rates_ppm(state, whose, terms)[1]
    full = trade_fee_micro(terms, rate, index_micro, lots, value)
    taker_fee = _discounted(full, state.combo_discount_permille) if by_combo else full
    whose, by_combo = maker
    rate = rates_ppm(state, whose, terms)[0]
    if rate < 0:
        maker_fee = -rebate_micro(terms, rate, index_micro, lots, full)
    else:
        maker_fee = trade_fee_micro(terms, rate, index_micro, lots, value)
    if by_combo:
        maker_fee = _discounted(maker_fee, state.combo_discount_permille)
    return max(maker_fee, -taker_fee), taker_fee


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
