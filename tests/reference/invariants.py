"""What holds after every command (rules: Invariants), checked over the reference's whole state."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import combo_invariants, order_invariants
from tests.reference.accounts import Account, Seat
from tests.reference.instruments import Instrument
from tests.reference.outcome import BrokenInvariant, must
from tests.reference.world import World

__all__ = ["BrokenInvariant", "check", "must"]


def check(world: World) -> None:
    """Check every invariant. Raises BrokenInvariant, naming the first that fails."""
    must(sum(a.cash_micro for a in world.accounts.values()) == 0, "cash is not conserved")
    for instrument in world.instruments:
        _check_positions(world, instrument)
        _check_book(world, instrument)
    order_invariants.check(world)
    listed = sum(len(a.orders) for a in world.accounts.values())
    _check_system_accounts(world)
    must(listed == len(world.orders), "accounts and shard disagree about open orders")
    for account in world.accounts.values():
        must(len(account.seats) <= limits.MAX_SEATS, "too many seats")
        must(abs(account.cash_micro) <= limits.I64_MAX, "cash beyond 64 bits")
        _check_account(world, account)
        for seat in account.seats.values():
            _check_seat(account, seat)
        for desk in account.desks.values():
            combo_invariants.check_desk(account, desk)
    combo_invariants.check(world)


def _check_system_accounts(world: World) -> None:
    """Fees, fund and held withdrawals are never owed; what is held is what is pending."""
    for account_id in (limits.ACCOUNT_FEES, limits.ACCOUNT_INSURANCE, limits.ACCOUNT_WITHDRAWALS):
        must(world.accounts[account_id].cash_micro >= 0, f"system account {account_id} owes")
    pending = sum(amount for _, amount in world.withdrawals.values())
    held = world.accounts[limits.ACCOUNT_WITHDRAWALS].cash_micro
    must(held == pending, "withdrawals held are not those pending")
    sharing = world.sharing
    must(0 <= sharing.remaining_micro <= sharing.deficit_micro, "more is shared than was lost")


def _check_account(world: World, account: Account) -> None:
    if account.liquidation == r.LIQUIDATION_DEFICIT:
        must(not any(s.size_lots for s in account.seats.values()), "a deficit beside positions")
    if account.main:
        must(world.accounts[account.main].main == 0, "a subaccount of a subaccount")
    if world.sharing.account == account.id:
        must(account.liquidation == r.LIQUIDATION_DEFICIT, "a loss shared of an account without one")


def _check_positions(world: World, instrument: Instrument) -> None:
    seats = [a.seats[instrument.id] for a in world.accounts.values() if instrument.id in a.seats]
    must(sum(s.size_lots for s in seats) == 0, f"Σ size of instrument {instrument.id}")
    must(sum(s.entry_value_micro for s in seats) == 0, f"Σ entry_value of instrument {instrument.id}")


def _check_book(world: World, instrument: Instrument) -> None:
    bids, asks = instrument.book.bids, instrument.book.asks
    best_bid, best_ask = bids.best_price(), asks.best_price()
    if best_bid is not None and best_ask is not None:
        must(best_bid < best_ask, f"book {instrument.id} is crossed")
    for side in (bids, asks):
        for price, queue in side.in_order():
            must(bool(queue), "an empty level stands in the book")
            for order in queue.values():
                must(world.orders.get(order.id) is order, f"order {order.id} is not open")
                must(order.price_ticks == price, f"order {order.id} stands at another price")
                must(0 < order.shown_lots <= order.open_lots, f"order {order.id} shows wrong lots")
                must(order.open_lots == order.size_lots - order.filled_lots, f"order {order.id} lots")
                must(instrument.on_tick(price), f"order {order.id} is off tick")


def _check_seat(account: Account, seat: Seat) -> None:
    """Its own orders count in it, and those of combos as many lots as the combo has of its instrument."""
    where = f"seat ({account.id}, {seat.instrument.id})"
    in_book = [o for o in account.orders.values() if not o.untriggered]
    mine = [o for o in in_book if o.seat is seat]
    opened = [
        (leg.sells(is_sell=o.is_sell), o.open_lots * leg.times)
        for o in in_book
        for leg in o.instrument.legs
        if leg.instrument is seat.instrument
    ]
    must(seat.open_buy_lots == sum(lots for sells, lots in opened if not sells), f"{where} open_buy")
    must(seat.open_sell_lots == sum(lots for sells, lots in opened if sells), f"{where} open_sell")
    holding = [o for o in in_book if o.instrument.legs[0].instrument is seat.instrument]
    must(seat.hold_micro == sum(o.open_lots * o.hold_per_lot for o in holding), f"{where} hold")
    limit = seat.instrument.terms.position_limit_lots
    must(seat.size_lots + seat.open_buy_lots <= limit, f"{where} may pass the position limit up")
    must(-seat.size_lots + seat.open_sell_lots <= limit, f"{where} may pass the position limit down")
    quotes = [o for o in mine if o.is_quote]
    must(len(quotes) == len(seat.quotes), f"{where} quotes")
    must(all(seat.quote(o.is_sell, o.group_word) is o for o in quotes), f"{where} quote")
