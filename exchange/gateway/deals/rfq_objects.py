"""Requests and quotes as the objects clients read: its taker sees all of a request but who has quoted, a
maker nothing of other quotes, everybody else what was traded in the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain.commands import InstrumentTerms
from exchange.gateway.combos.legs import book_of
from exchange.gateway.deals.rfq import OPEN, Fill, Quote, Rfq, Trigger
from exchange.gateway.deals.rfq_matching import Want, offered
from exchange.gateway.registry import Registry
from exchange.wire.instruments import usdc
from exchange.wire.names import direction
from exchange.wire.objects import JsonObject
from exchange.wire.packages import price_micro

E8: Final = 100_000_000
ANONYMOUS: Final = "ANONYMOUS"
_ANY_PRICE: Final = 1 << 62


def instruction(quote: Quote) -> str:
    """The dialect's word for how a quote may be taken."""
    return "all_or_none" if quote.all_or_none else "any_part_of"


class RfqWriter:
    """Writes requests. `alias(account)` names an account."""

    def __init__(self, engine: Engine, registry: Registry, alias: Callable[[int], str]) -> None:
        self._engine = engine
        self._registry = registry
        self._alias = alias

    def terms(self, rfq: Rfq) -> list[InstrumentTerms]:
        """The terms of its legs."""
        return [self._registry.instruments[leg.instrument].terms for leg in rfq.legs]

    # --- a request ---------------------------------------------------------------------------------------

    def of_taker(self, rfq: Rfq, now_ms: int, grace_ms: int) -> JsonObject:
        """As its taker reads it."""
        found = self._common(rfq, "taker")
        found["makers"] = [self._alias(account) for account in rfq.makers]
        found["label"] = rfq.label
        found["taker"] = self._alias(rfq.taker)
        mark = self.mark_micro(rfq)
        if mark is not None:
            found["mark_price"] = usdc(mark)
        shows = rfq.state == OPEN and now_ms >= rfq.created_ms + grace_ms
        for name, sells in (("asks", False), ("bids", True)):
            found[name] = self._quoted(rfq, sells, now_ms) if shows else []
        if rfq.trigger is not None:
            found["trade_trigger"] = trigger_object(rfq.trigger)
        if rfq.state != OPEN:
            found["included_in_taker_rating"] = rfq.included
        if rfq.fills:
            found["trades"] = [self._fill(rfq, fill, shown=rfq.disclosed) for fill in rfq.fills]
        if rfq.allocations:
            found["trade_allocations"] = [
                {"user_id": each.account, "amount": each.amount_e8 / E8} for each in rfq.allocations
            ]
        return found

    def of_maker(self, rfq: Rfq, account: int) -> JsonObject:
        """As one of those who were asked reads it: nobody's quotes, and its taker only where that is
        disclosed."""
        found = self._common(rfq, "maker")
        if rfq.disclosed:
            found["taker"] = self._alias(rfq.taker)
        if rfq.fills:
            found["trades"] = [
                self._fill(rfq, fill, shown=rfq.disclosed or fill.maker == account) for fill in rfq.fills
            ]
        return found

    def _common(self, rfq: Rfq, role: str) -> JsonObject:
        found: JsonObject = {
            "creation_timestamp": rfq.created_ms,
            "expiration_timestamp": rfq.expires_ms,
            "block_rfq_id": rfq.id,
            "role": role,
            "state": rfq.state,
            "taker_rating": rfq.rating,
            "amount": rfq.amount_e8 / E8,
            "min_trade_amount": rfq.least_e8 / E8,
            "legs": [
                {
                    "ratio": leg.ratio,
                    "instrument_name": self._registry.instruments[leg.instrument].name,
                    "direction": direction(leg.sign < 0),
                }
                for leg in rfq.legs
            ],
            "disclosed": rfq.disclosed,
            "index_prices": {name: usdc(micro) for name, micro in rfq.index_micro.items()},
        }
        self._name_book(found, rfq)
        if rfq.hedge is not None:
            found["hedge"] = self.hedge(rfq)
        if rfq.reason:
            found["cancel_reason"] = rfq.reason
        return found

    def hedge(self, rfq: Rfq) -> JsonObject | None:
        """`<block_rfq_hedge_leg>`, directions of who buys the structure."""
        if rfq.hedge is None:
            return None
        view = self._registry.instruments[rfq.hedge.instrument]
        return {
            "instrument_name": view.name,
            "direction": direction(rfq.hedge.lots < 0),
            "price": view.price(rfq.hedge.price_ticks),
            "amount": view.amount(abs(rfq.hedge.lots)),
        }

    def _quoted(self, rfq: Rfq, sells: bool, now_ms: int) -> list[JsonObject]:
        """What the taker may sell to (or buy from), the best first."""
        want = Want(sells, 0, -_ANY_PRICE if sells else _ANY_PRICE, 0, 0)
        found: list[JsonObject] = []
        for quote in offered(rfq.quotes.values(), want, now_ms):
            shown: JsonObject = {
                "makers": [self._alias(quote.maker) if rfq.disclosed else ANONYMOUS],
                "price": usdc(quote.price_micro),
                "last_update_timestamp": quote.updated_ms,
                "execution_instruction": instruction(quote),
                "amount": quote.amount_e8 / E8,
            }
            if quote.expires_ms:
                shown["expires_at"] = quote.expires_ms
            found.append(shown)
        return found

    def _fill(self, rfq: Rfq, fill: Fill, *, shown: bool) -> JsonObject:
        found: JsonObject = {
            "direction": direction(fill.sells),
            "price": usdc(fill.price_micro),
            "amount": fill.amount_e8 / E8,
        }
        if shown:
            found["maker"] = self._alias(fill.maker)
        if rfq.hedge is not None:
            view = self._registry.instruments[rfq.hedge.instrument]
            found["hedge_amount"] = view.amount(fill.hedge_lots)
        return found

    def mark_micro(self, rfq: Rfq) -> int | None:
        """The structure at the marks of its legs: now, or when it ended. None without marks."""
        if rfq.state != OPEN:
            return rfq.mark_micro
        total = 0
        for leg in rfq.legs:
            figures = queries.instrument_figures(self._engine, leg.instrument)
            if not figures.marked:
                return None
            total += leg.sign * leg.ratio * figures.mark_micro
        return total

    # --- a trade -------------------------------------------------------------------------------------------

    def public(self, rfq: Rfq) -> JsonObject:
        """What everybody is told of a request that was traded: no names, prices of the legs averaged over
        its trades."""
        amount = sum(fill.amount_e8 for fill in rfq.fills)
        terms = self.terms(rfq)
        legs: list[JsonObject] = []
        for at, leg in enumerate(rfq.legs):
            view = self._registry.instruments[leg.instrument]
            value = sum(fill.leg_ticks[at] * fill.amount_e8 for fill in rfq.fills)
            legs.append(
                {
                    "ratio": leg.ratio,
                    "instrument_name": view.name,
                    "direction": direction(leg.sign < 0),
                    "price": value * terms[at].tick_micro / (amount * 1_000_000),
                }
            )
        found: JsonObject = {
            "id": rfq.id,
            "timestamp": rfq.ended_ms,
            "direction": direction(rfq.fills[0].sells),
            "amount": amount / E8,
            "legs": legs,
            "index_prices": {name: usdc(micro) for name, micro in rfq.index_micro.items()},
            "trades": [self._fill(rfq, fill, shown=False) for fill in rfq.fills],
        }
        self._name_book(found, rfq)
        if rfq.mark_micro is not None:
            found["mark_price"] = usdc(rfq.mark_micro)
        if rfq.hedge is not None:
            found["hedge"] = self.hedge(rfq)
        return found

    def _name_book(self, found: JsonObject, rfq: Rfq) -> None:
        name = book_of(rfq.legs, self._registry)
        if name is not None:
            found["combo_id"] = name

    # --- a quote -------------------------------------------------------------------------------------------

    def quote(self, rfq: Rfq, quote: Quote) -> JsonObject:
        """`<block_rfq_quote>`, as its maker reads it."""
        legs: list[JsonObject] = []
        for leg, ticks in zip(rfq.legs, quote.leg_ticks, strict=True):
            view = self._registry.instruments[leg.instrument]
            legs.append(
                {
                    "ratio": leg.ratio,
                    "instrument_name": view.name,
                    "direction": direction(leg.sign < 0),
                    "price": view.price(ticks),
                }
            )
        found: JsonObject = {
            "creation_timestamp": quote.created_ms,
            "last_update_timestamp": quote.updated_ms,
            "block_rfq_id": quote.rfq,
            "block_rfq_quote_id": quote.id,
            "quote_state": quote.state,
            "execution_instruction": instruction(quote),
            "price": usdc(quote.price_micro),
            "amount": quote.amount_e8 / E8,
            "direction": direction(quote.sells),
            "filled_amount": quote.filled_e8 / E8,
            "legs": legs,
            "replaced": quote.replaced,
            "label": quote.label,
        }
        if rfq.hedge is not None:
            found["hedge"] = self.hedge(rfq)
        if quote.reason:
            found["quote_state_reason"] = quote.reason
        return found

    def package_micro(self, rfq: Rfq, ticks: Sequence[int]) -> int:
        """The price of the structure at prices of its legs."""
        return price_micro(rfq.legs, self.terms(rfq), ticks)


def trigger_object(trigger: Trigger) -> JsonObject:
    """`<trade_trigger>`."""
    found: JsonObject = {
        "state": trigger.state,
        "price": usdc(trigger.price_micro),
        "direction": direction(trigger.sells),
    }
    if trigger.reason:
        found["cancel_reason"] = trigger.reason
    return found


def as_reply(found: JsonObject) -> JsonObject:
    """A request as replies carry it."""
    prices = found["index_prices"]
    if isinstance(prices, dict):
        found["index_prices"] = list(prices.values())
    return found
