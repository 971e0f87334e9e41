"""Combos in settlement (docs/rules-4.md): what a COMBO_TRADE says of the fills behind it, checked leg by leg.

A combo moves nothing itself: its match is booked as one fill a leg. What it decides is who trades by a
combo's order, and so has the discount, and that the legs' prices add up to the combo's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.events_combos import ComboTrade
from settlement import operations as op
from settlement.fees import combo_fees_micro
from settlement.guards import need, open_instrument
from settlement.mismatch import LedgerMismatch, must_agree
from settlement.state import Instrument, State

Book = Callable[[State, Any, tuple[int, int]], None]

# Sides of a ComboFill.
TAKER_SELLS: Final = 1
MAKER_BY_COMBO: Final = 2
TAKER_BY_COMBO: Final = 4
TAKER_RESTS: Final = 8
_PERMILLE: Final = 1_000


class ComboMatches:
    """The COMBO_TRADE under way, and the TRADEs of its legs that have come."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._told: ComboTrade | None = None
        self._legs: dict[int, int] = {}  # ratios of the legs still to come
        self._rest = 0  # what is left of the combo's price

    def must_be_done(self, seq: int) -> None:
        """Called before whatever is no TRADE of a leg. Raises LedgerMismatch for legs that are missing."""
        told, self._told = self._told, None
        if told is None:
            return
        if self._legs:
            raise LedgerMismatch(f"seq {seq}: combo trade {told.trade_id} lacks legs {sorted(self._legs)}")
        must_agree(told.head.seq, f"price of combo trade {told.trade_id} less its legs'", 0, self._rest)

    def begin(self, told: ComboTrade) -> None:
        """A COMBO_TRADE."""
        self.must_be_done(told.head.seq)
        legs = open_instrument(self._state, told.head.instrument).terms.legs
        need(bool(legs), f"instrument {told.head.instrument} is no combo")
        need(told.kind in (r.COMBO_BOOK, r.COMBO_IN, r.COMBO_OUT), f"a combo trade of kind {told.kind}")
        self._told = told
        self._legs = {leg.instrument: leg.ratio for leg in legs}
        self._rest = told.price_ticks

    def leg(self, trade: ev.Trade) -> int:
        """The sides of a leg's TRADE. Raises LedgerMismatch where it is not the combo's."""
        told, number, seq = self._told, trade.head.instrument, trade.head.seq
        if told is None or told.head.seq != seq or number not in self._legs:
            raise LedgerMismatch(f"seq {seq}: trade {trade.trade_id} is of no combo trade before it")
        ratio = self._legs.pop(number)
        self._rest -= ratio * trade.price_ticks
        rests = bool(trade.flags & r.TRADE_RESTS)
        must_agree(seq, f"lots of trade {trade.trade_id}", abs(ratio) * told.lots, trade.size_lots)
        must_agree(seq, f"who trades in {trade.trade_id}", *self._parties(told, trade, rests=rests))
        # A resting taker is on the other side of the combo than the one it is told with.
        sells = ((told.side == 1) != (ratio < 0)) != rests
        must_agree(seq, f"side of trade {trade.trade_id}", sells, trade.taker_sells)
        sides = TAKER_SELLS if sells else 0
        if told.kind != r.COMBO_OUT:
            return sides | TAKER_BY_COMBO | (MAKER_BY_COMBO if told.kind == r.COMBO_BOOK else 0)
        return sides | (TAKER_BY_COMBO | TAKER_RESTS if rests else MAKER_BY_COMBO)

    @staticmethod
    def _parties(told: ComboTrade, trade: ev.Trade, *, rests: bool) -> tuple[object, object]:
        """Of the combo's own sides: as the COMBO_TRADE tells them, and as the TRADE does."""
        taker = (trade.taker_account, trade.taker_order_id)
        maker = (trade.maker_account, trade.maker_order_id)
        if told.kind == r.COMBO_OUT:
            by_combo = taker if rests else maker
            return (told.maker_account, told.maker_order_id), by_combo
        ours = (told.head.account, told.taker_order_id)
        if told.kind == r.COMBO_IN:
            return (ours, False), (taker, rests)
        return (ours, (told.maker_account, told.maker_order_id), False), (taker, maker, rests)


# --- the transition -----------------------------------------------------------------------------------


def combo_fill(state: State, fill: op.ComboFill, book: Book) -> None:
    """Book one leg's fill: as any, with the fees of who trades by a combo's order."""
    instrument = open_instrument(state, fill.instrument)
    need(0 <= fill.sides < 16, f"fill {fill.trade_id}: sides {fill.sides}")
    need(bool(fill.sides & (MAKER_BY_COMBO | TAKER_BY_COMBO)), f"fill {fill.trade_id} is of no combo")
    rests = fill.sides & TAKER_RESTS != 0
    need(not rests or fill.sides & TAKER_BY_COMBO != 0, f"fill {fill.trade_id}: who rests")
    fees = combo_fill_fees(state, instrument, fill)
    plain = op.Fill(*fill[:3], bool(fill.sides & TAKER_SELLS), *fill[4:])
    book(state, plain, fees)


def combo_fill_fees(state: State, instrument: Instrument, fill: op.ComboFill) -> tuple[int, int]:
    """(maker's fee, taker's fee) of a leg's fill, by the state's index of now."""
    terms = instrument.terms
    index = state.index_micro.get(terms.underlying)
    need(index is not None, f"fill {fill.trade_id}: no index for underlying {terms.underlying}")
    return combo_fees_micro(
        state,
        terms,
        (state.accounts[fill.maker], bool(fill.sides & MAKER_BY_COMBO)),
        (state.accounts[fill.taker], bool(fill.sides & TAKER_BY_COMBO)),
        index or 0,
        fill.size_lots,
        fill.price_ticks * fill.size_lots * terms.multiplier_micro,
        rests=bool(fill.sides & TAKER_RESTS),
    )


def discount_set(state: State, change: op.DiscountSet) -> None:
    """The discount on the fees of who trades by a combo's order, from now on."""
    need(0 <= change.permille <= _PERMILLE, f"a discount of {change.permille} permille")
    state.combo_discount_permille = change.permille


def combo_listing(state: State, listing: op.ComboListing) -> None:
    """A combo listed: its legs are options that have not ended."""
    need(listing.instrument not in state.instruments, f"instrument {listing.instrument} is listed already")
    terms = listing.terms
    need(terms.kind == r.KIND_COMBO and len(terms.legs) >= 2, f"instrument {listing.instrument} is no combo")
    for leg in terms.legs:
        of_leg = open_instrument(state, leg.instrument).terms
        same = (of_leg.underlying, of_leg.tick_micro, of_leg.lot_e8)
        fits = same == (terms.underlying, terms.tick_micro, terms.lot_e8) and of_leg.kind == r.KIND_OPTION
        need(fits and leg.ratio != 0, f"combo {listing.instrument}: leg {leg.instrument}")
    state.instruments[listing.instrument] = Instrument(terms, listing.state)
    state.touched_instruments.add(listing.instrument)
