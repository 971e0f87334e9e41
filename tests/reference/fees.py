"""Fees of a match and the rates behind them (rules: Booking a match; rules 2: Fees of a match)."""

from __future__ import annotations

from exchange.domain.commands_risk import FeeTier
from tests.reference.accounts import Account
from tests.reference.arithmetic import ceil_div, floor_div
from tests.reference.instruments import Instrument
from tests.reference.world import World


def nano_per_lot(instrument: Instrument, ppm: int) -> int:
    """⌈index_per_lot · ppm / 1000⌉: nano-USDC a lot costs at a rate."""
    return ceil_div(instrument.index_per_lot * ppm, 1000)


def charge(instrument: Instrument, nano: int, lots: int, value_micro: int) -> int:
    """⌈nano · lots / 1000⌉, capped for options by a share of the fill's value."""
    charged = ceil_div(nano * lots, 1000)
    if instrument.is_option and (cap := instrument.terms.fee_cap_permille):
        charged = min(charged, floor_div(value_micro * cap, 1000))
    return charged


def _of_tier(instrument: Instrument, tier: FeeTier) -> tuple[int, int]:
    if instrument.is_option:
        return tier.option_maker_ppm, tier.option_taker_ppm
    return tier.perp_maker_ppm, tier.perp_taker_ppm


def _rates(world: World, account: Account, instrument: Instrument) -> tuple[int, int]:
    """Maker's and taker's rate: the listing's, or the schedule's of the account's tier, or its last."""
    if not world.tiers:
        return instrument.terms.maker_fee_ppm, instrument.terms.taker_fee_ppm
    return _of_tier(instrument, world.tiers[min(account.tier, len(world.tiers) - 1)])


def taker_nano(world: World, account: Account, instrument: Instrument) -> int:
    """Nano-USDC a lot costs the account as a taker."""
    return nano_per_lot(instrument, _rates(world, account, instrument)[1])


def maker_nano(world: World, account: Account, instrument: Instrument) -> int:
    """Nano-USDC a lot costs the account as a maker; nothing where it gets a rebate."""
    return nano_per_lot(instrument, max(0, _rates(world, account, instrument)[0]))


def taker_fee(world: World, account: Account, instrument: Instrument, lots: int, value_micro: int) -> int:
    """The taker's fee of a match."""
    return charge(instrument, taker_nano(world, account, instrument), lots, value_micro)


def maker_fee(
    world: World, account: Account, instrument: Instrument, lots: int, value_micro: int, taker_fee_micro: int
) -> int:
    """The maker's fee of a match; a rebate is negative and at most the taker's fee."""
    ppm = _rates(world, account, instrument)[0]
    if ppm >= 0:
        return charge(instrument, nano_per_lot(instrument, ppm), lots, value_micro)
    nano = floor_div(instrument.index_per_lot * -ppm, 1000)
    return -min(floor_div(nano * lots, 1000), taker_fee_micro)


def hold_nano(world: World, instrument: Instrument) -> int:
    """The highest rate a fill may cost, as open orders set it aside."""
    if not world.tiers:
        terms = instrument.terms
        return nano_per_lot(instrument, max(terms.maker_fee_ppm, terms.taker_fee_ppm))
    highest = max(rate for tier in world.tiers for rate in _of_tier(instrument, tier))
    return nano_per_lot(instrument, max(0, highest))
