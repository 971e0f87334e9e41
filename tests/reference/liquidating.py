"""LIQUIDATE: one bounded step for an account below maintenance (rules 2: Sweeps and liquidation)."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands_risk import RiskParameters
from tests.reference import fees, following, margin, matching, portfolio, resting
from tests.reference.accounts import Account, Order, Seat
from tests.reference.arithmetic import ceil_div, floor_div, ppm_floor
from tests.reference.branches import MODELS, note
from tests.reference.instruments import Instrument
from tests.reference.lines import line_of, lines_of
from tests.reference.looking import offered_lots
from tests.reference.losing import balance_change, loss_at_mark
from tests.reference.outcome import require
from tests.reference.sweeping import covered, tell
from tests.reference.toward_mark import first_price, last_price
from tests.reference.world import Head, World


class Slice(NamedTuple):
    """What a step is to close: the order, and what the book was found to offer at its price."""

    order: Order
    offered_lots: int


def liquidate(world: World, head: Head) -> None:
    """LIQUIDATE."""
    world.check_venue_open()
    account = world.user(head.account)
    require(account.liquidation != r.LIQUIDATION_NONE, why.NOT_LIQUIDATABLE)
    require(world.sharing.account != account.id, why.NOT_LIQUIDATABLE)
    if covered(world, account):
        end(world, account)
    elif account.orders:
        _cancel_orders(world, account)
    elif not any(seat.size_lots for seat in account.seats.values()):
        _cover(world, account)
    else:
        _close(world, head, account)


def end(world: World, account: Account) -> None:
    """The account is free again."""
    account.liquidation = r.LIQUIDATION_NONE
    tell(world, account, r.LIQ_ENDED)


def _cancel_orders(world: World, account: Account) -> None:
    found = list(islice(sorted(account.orders.items()), limits.LIQUIDATION_CANCELS))
    for _, order in found:
        resting.cancel(world, order, r.CANCEL_LIQUIDATION)
    following.carry_out(world)
    tell(world, account, r.LIQ_ORDERS, lots=len(found))


def _cover(world: World, account: Account) -> None:
    """No position is left: the family pays what is missing, then the insurance fund, as far as they can."""
    missing = -margin.worth(account).funds
    payers = 0
    if not world.family_of(account):
        note(world, "family: nobody else")
    for payer in world.family_of(account):
        given = _from_family(world, account, payer, missing)
        missing -= given
        payers += given > 0
    if payers and not missing:
        note(world, "family: one pays all" if payers == 1 else "family: several pay all")
    paid = min(missing, max(0, world.insurance.cash_micro))
    account.cash_micro += paid
    world.insurance.cash_micro -= paid
    missing -= paid
    if paid > 0:
        tell(world, account, r.LIQ_FUND, amount=paid)
    if not missing:
        if payers and paid:
            note(world, "family: pays, then the fund")
        end(world, account)
    else:
        if payers:
            note(world, "family: pays, and a deficit stays")
        account.liquidation = r.LIQUIDATION_DEFICIT
        tell(world, account, r.LIQ_DEFICIT, amount=missing)


def _from_family(world: World, account: Account, payer: Account, missing: int) -> int:
    """What another account of the family gives; nothing while it is in liquidation itself."""
    if not missing:
        return 0
    if payer.liquidation != r.LIQUIDATION_NONE:
        note(world, "family: passed over in liquidation")
        return 0
    has = margin.worth(payer)
    spare = min(payer.cash_micro, has.balance) - margin.maintenance_now(world, payer)
    if has.equity < 0 or spare <= 0:
        note(world, "family: passed over with nothing to spare")
        return 0
    given = min(missing, spare)
    if given > margin.free_micro(world, payer):
        note(world, "family: gives what its orders or initial margin hold")
    payer.cash_micro -= given
    account.cash_micro += given
    world.events.cash(payer, 0, -given, r.CASH_TRANSFER, world.now_ms, counter=account.id)
    world.events.cash(account, 0, given, r.CASH_TRANSFER, world.now_ms, counter=payer.id)
    tell(world, account, r.LIQ_FAMILY, amount=given, counter=payer.id)
    return given


def _close(world: World, head: Head, account: Account) -> None:
    """Try to close a slice of the position the cursor names; behind the last, an auction."""
    ordered = _in_closing_order(account)
    if account.cursor >= len(ordered):
        account.cursor = 0
        if account.liquidation == r.LIQUIDATION_CLOSING and not _waits(world, ordered):
            account.liquidation = r.LIQUIDATION_AUCTION
            account.auction_start_ms = world.now_ms
            tell(world, account, r.LIQ_AUCTION)
        else:
            world.events.done(head, 0, world.now_ms)
        return
    planned = _plan(world, account, ordered[account.cursor])
    if planned is None:
        account.cursor += 1
        world.events.done(head, 0, world.now_ms)
    else:
        _send(world, account, planned)


def _waits(world: World, held: list[Seat]) -> bool:
    """Is any of it of an underlying that is not open now, so that there is no auction yet?"""
    if all(world.underlying_of(seat.instrument).state == r.STATE_OPEN for seat in held):
        return False
    note(world, "auction: waits for an underlying")
    return True


def _in_closing_order(account: Account) -> list[Seat]:
    """Perpetuals, then options held short, then options held long, each by instrument id."""

    def rank(seat: Seat) -> tuple[int, int]:
        group = 0 if not seat.instrument.is_option else 1 if seat.size_lots < 0 else 2
        return group, seat.instrument.id

    return sorted((seat for seat in account.seats.values() if seat.size_lots), key=rank)


def _plan(world: World, account: Account, seat: Seat) -> Slice | None:
    """The order that closes a slice of a position and does not make things worse, or None."""
    instrument = seat.instrument
    underlying = world.underlying_of(instrument)
    risk = underlying.risk
    if not instrument.open_for_orders(world.now_ms) or underlying.state != r.STATE_OPEN:
        return None
    if risk is None or not instrument.marked:
        return None
    lots = min(abs(seat.size_lots), max(1, floor_div(risk.liquidation_slice_micro, instrument.index_per_lot)))
    if not instrument.is_option:
        delta = _delta_of(account, instrument.terms.underlying)
        if seat.size_lots * delta <= 0:
            note(world, "slice: no perpetual that hedges")
            return None
        lots = min(lots, max(1, ceil_div(abs(delta), instrument.index_per_lot)))
    order = _order(world, account, seat, risk)
    order.open_lots = lots
    price_ticks = _price_that_helps(world, order, risk)
    if price_ticks is None:
        return None
    order.price_ticks = price_ticks
    offered = offered_lots(world, order)
    order.size_lots = order.open_lots = min(lots, max(1, offered))
    if _helps(world, order, risk):
        return Slice(order, offered)
    note(world, "slice: helps whole, not as cut")
    return None


def _price_that_helps(world: World, order: Order, risk: RiskParameters) -> int | None:
    """The first price from the order's own to the mark at which its lots make nothing worse."""
    instrument, own = order.instrument, order.price_ticks

    def will_do(price_ticks: int) -> bool:
        return _helps(world, replace(order, price_ticks=price_ticks), risk)

    found = first_price(instrument, own, is_sell=order.is_sell, will_do=will_do)
    last = last_price(instrument, is_sell=order.is_sell)
    if found is None:
        how = "at no price"
    elif found == own:
        how = "at the band"
    else:
        how = "at the mark" if found == last else "at a price that breaks even"
    note(world, f"slice: {how}, {MODELS[order.account.model]}")
    return found


def _order(world: World, account: Account, seat: Seat, risk: RiskParameters) -> Order:
    """The order of a slice, still without its id and its lots."""
    is_sell = seat.size_lots > 0
    return Order(
        0,
        account,
        seat,
        flags=r.TIF_IOC << r.TIF_SHIFT | r.FLAG_LIQUIDATION | (r.FLAG_SELL if is_sell else 0),
        price_ticks=_price(seat.instrument, risk, is_sell=is_sell),
        size_lots=0,
        open_lots=0,
        display_lots=0,
        hold_per_lot=0,
        client_order_id=0,
        label=0,
        grant=0,
        created_ms=world.now_ms,
    )


def _delta_of(account: Account, underlying_id: int) -> int:
    """ΣD of an underlying."""
    mine = [line for line in lines_of(account) if line.instrument.terms.underlying == underlying_id]
    return sum(portfolio.deltas(mine).values())


def _price(instrument: Instrument, risk: RiskParameters, *, is_sell: bool) -> int:
    """The worst price to close at: the mark and a band, rounded into the band, within valid prices."""
    tick = instrument.terms.tick_micro
    width = ppm_floor(instrument.index_micro, risk.liquidation_band_ppm)
    if is_sell:
        ticks = ceil_div(max(0, instrument.mark_micro - width), tick)
        return instrument.valid_at_least(ticks) or instrument.highest_price
    ticks = floor_div(instrument.mark_micro + width, tick)
    return instrument.valid_at_most(ticks) or instrument.lowest_price


def _liquidation_nano(instrument: Instrument, risk: RiskParameters) -> int:
    return fees.nano_per_lot(instrument, risk.liquidation_fee_ppm)


def _helps(world: World, order: Order, risk: RiskParameters) -> bool:
    """Filled at its price, fees paid: is the balance no less above maintenance than before?

    And it loses against the mark no more than there is, and a tenth of the band.
    """
    account, instrument, lots = order.account, order.instrument, order.open_lots
    price = order.price_ticks * instrument.multiplier_micro
    change = balance_change(account, instrument, order.price_ticks, lots, is_sell=order.is_sell)
    costs = ceil_div(fees.taker_nano(world, account, instrument), 1000) * lots
    costs += ceil_div(_liquidation_nano(instrument, risk) * lots, 1000)
    cap = instrument.terms.fee_cap_permille
    if instrument.is_option and 0 < cap <= limits.DOUBLE_CAP_PERMILLE:
        most = floor_div(price * lots * cap, limits.DOUBLE_CAP_PERMILLE)
        if most < costs:
            note(world, "slice: its fees capped")
        costs = min(costs, most)
    line = line_of(order.seat)
    closed = line._replace(size=line.size + (-lots if order.is_sell else lots))
    freed = margin.maintenance_now(world, account) - margin.maintenance(
        world, account.model, lines_of(account, closed)
    )
    lost = lots * max(0, loss_at_mark(instrument, order.price_ticks, is_sell=order.is_sell))
    tenth = ppm_floor(instrument.index_per_lot * lots, floor_div(risk.liquidation_band_ppm, 10))
    if change - costs + freed >= 0 and lost > max(0, margin.worth(account).equity) + tenth:
        note(world, f"slice: loses more than there is, {MODELS[account.model]}")
        return False
    return change - costs + freed >= 0


def _send(world: World, account: Account, planned: Slice) -> None:
    """Send the slice through the book, take the fee, tell what came of it."""
    order = planned.order
    instrument = order.instrument
    risk = world.underlying_of(instrument).risk
    assert risk is not None
    order.id = world.take_order_id()
    matching.run(world, order, r.ORDER_PLACED, trades=True)
    following.carry_out(world)
    filled, fee = order.filled_lots, 0
    assert filled == order.size_lots or not planned.offered_lots, "a look found what is not filled"
    if filled:
        account.cursor = 0
        value = order.filled_value * instrument.multiplier_micro
        fee = fees.charge(instrument, _liquidation_nano(instrument, risk), filled, value)
        fee = min(fee, max(0, margin.worth(account).funds))
        account.cash_micro -= fee
        world.insurance.cash_micro += fee
    else:
        account.cursor += 1
    tell(
        world,
        account,
        r.LIQ_OPTION if instrument.is_option else r.LIQ_PERPETUAL,
        amount=fee,
        lots=-filled if order.is_sell else filled,
        instrument=instrument.id,
        order_id=order.id,
    )
