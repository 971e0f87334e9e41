"""Accounts, their seats (one per instrument they touched) and their orders."""

from __future__ import annotations

from dataclasses import dataclass, field

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.extras import Extra, Place
from tests.reference.groups import Group
from tests.reference.instruments import Instrument


@dataclass(slots=True, eq=False)
class Seat:
    """One account's position and open orders in one instrument. `hold_micro` = Σ open · hold per lot.

    `quotes` are its resting quotes by side (is it a sale?) and protection group (number + 1, 0: none).
    An account's orders of a combo have a seat too, `Account.desks`: it counts their open lots and nothing
    else; positions, open lots as margin counts them and holds are in the seats of the legs.
    """

    instrument: Instrument
    size_lots: int = 0
    entry_value_micro: int = 0
    open_buy_lots: int = 0
    open_sell_lots: int = 0
    hold_micro: int = 0
    quotes: dict[tuple[bool, int], Order] = field(default_factory=dict)

    def quote(self, is_sell: bool, group_word: int = 0) -> Order | None:
        return self.quotes.get((is_sell, group_word))

    def count(self, lots: int, *, is_sell: bool) -> None:
        """Add open lots (negative: fewer) to a side."""
        if is_sell:
            self.open_sell_lots += lots
        else:
            self.open_buy_lots += lots

    def open_lots(self, is_sell: bool) -> int:
        return self.open_sell_lots if is_sell else self.open_buy_lots

    def opposite_lots(self, is_sell: bool) -> int:
        """Lots of the position an order of this side would reduce."""
        return max(0, self.size_lots if is_sell else -self.size_lots)


@dataclass(slots=True, eq=False)
class Account:
    """A system or user account; `flags` bit 0: self-trade prevention cancels the maker.

    From `main` on: rules version 2. `volume_micro` is traded index notional, `basis_micro` what a loss is
    shared by, `pending_withdrawals` how many of `World.withdrawals` are its own. `quotes_frozen_until_ms`:
    rules version 3.
    """

    id: int
    owner: bytes = bytes(20)
    flags: int = 0
    cash_micro: int = 0
    created_ms: int = 0
    seats: dict[int, Seat] = field(default_factory=dict)
    desks: dict[int, Seat] = field(default_factory=dict)  # by combo (rules 4)
    orders: dict[int, Order] = field(default_factory=dict)
    main: int = 0
    model: int = r.MODEL_STANDARD
    tier: int = 0
    max_orders: int = 0
    max_positions: int = 0
    locked: int = 0
    liquidation: int = r.LIQUIDATION_NONE
    cursor: int = 0
    auction_start_ms: int = 0
    volume_micro: int = 0
    basis_micro: int = 0
    pending_withdrawals: int = 0
    quotes_frozen_until_ms: int = 0

    @property
    def family(self) -> int:
        """The main account of this one's family; a main account is its own."""
        return self.main or self.id

    @property
    def order_cap(self) -> int:
        """Open orders it may have."""
        return self.max_orders or limits.MAX_OPEN_ORDERS_PER_ACCOUNT

    @property
    def seat_cap(self) -> int:
        """Seats it may have."""
        return self.max_positions or limits.MAX_SEATS

    def seat_of(self, instrument: Instrument) -> Seat | None:
        """Where its orders of an instrument are counted, if it had any."""
        return (self.desks if instrument.is_combo else self.seats).get(instrument.id)

    def take_seat(self, instrument: Instrument) -> Seat:
        """The same, made now where it is not there; of a combo, those of its legs too."""
        for leg in instrument.legs:
            self.seats.setdefault(leg.instrument.id, Seat(leg.instrument))
        if not instrument.is_combo:
            return self.seats[instrument.id]
        return self.desks.setdefault(instrument.id, Seat(instrument))

    @property
    def cancels_maker(self) -> bool:
        return self.flags == r.STP_CANCEL_MAKER


@dataclass(slots=True, eq=False)
class Order:
    """An accepted order. open = size − filled while it lives; shown ≤ open is what the book displays."""

    id: int
    account: Account
    seat: Seat
    flags: int
    price_ticks: int
    size_lots: int
    open_lots: int
    display_lots: int
    hold_per_lot: int
    client_order_id: int
    label: int
    grant: int
    created_ms: int
    filled_lots: int = 0
    filled_value: int = 0
    shown_lots: int = 0
    priority: int = 0  # numbers every joining of a queue, over the whole shard
    updated_ms: int = 0
    group: Group | None = None  # rules 3, from here on: protects it
    place: Place = Place.BOOK
    extra: Extra | None = None

    @property
    def group_word(self) -> int:
        """The number of its protection group + 1, or 0."""
        return self.group.number + 1 if self.group else 0

    @property
    def untriggered(self) -> bool:
        """Not in the book; its seat counts for nothing and is none of its account's."""
        return self.place is not Place.BOOK

    @property
    def instrument(self) -> Instrument:
        return self.seat.instrument

    @property
    def is_sell(self) -> bool:
        return bool(self.flags & r.FLAG_SELL)

    @property
    def is_quote(self) -> bool:
        return bool(self.flags & r.FLAG_QUOTE)

    @property
    def reduce_only(self) -> bool:
        return bool(self.flags & r.FLAG_REDUCE_ONLY)

    @property
    def type(self) -> int:
        return self.flags >> r.TYPE_SHIFT & r.TYPE_MASK

    @property
    def time_in_force(self) -> int:
        return self.flags >> r.TIF_SHIFT & r.TIF_MASK

    def to_show(self) -> int:
        """Lots shown when (re)joining a queue: all, or at most the display size."""
        return min(self.display_lots, self.open_lots) if self.display_lots else self.open_lots
