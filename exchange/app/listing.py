"""What is listed and alive, and what the plan wants listed besides."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from exchange.app.products import Product
from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms
from exchange.gateway.registry import Registry
from exchange.oracle.chain_spec import ChainPlan, chain_spec
from exchange.wire.instruments import InstrumentView

OPTIONS_MAX: Final = 2_000
"""Alive options of one underlying; a marks block would hold 4,000."""
_Key = tuple[int, int, int, int]
_log = logging.getLogger(__name__)


def _key(terms: InstrumentTerms) -> _Key:
    return terms.kind, terms.option_type, terms.expiry_ms, terms.strike_micro


class Listed:
    """The living instruments of a registry; each is looked at once when it comes, and dropped when it ends.

    A year's listings are tens of thousands, alive are hundreds: nothing here walks over all of them.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._seen = 0
        self._alive: dict[int, InstrumentView] = {}
        self._keys: dict[int, dict[_Key, None]] = defaultdict(dict)
        self._full: dict[int, None] = {}

    def refresh(self) -> None:
        """Take in what was listed, drop what has ended."""
        instruments = self._registry.instruments
        for view in instruments[self._seen :]:
            self._alive[view.instrument] = view
            if view.is_combo:  # no part of the plan
                continue
            self._keys[view.terms.underlying][_key(view.terms)] = None
        self._seen = len(instruments)
        for view in [view for view in self._alive.values() if view.state >= r.STATE_DELISTED]:
            del self._alive[view.instrument]
            # What the operator delisted is not listed again.
            if view.state == r.STATE_DELIVERED and not view.is_combo:
                self._keys[view.terms.underlying].pop(_key(view.terms), None)

    def alive(self) -> list[InstrumentView]:
        """In id order."""
        return list(self._alive.values())

    def perpetuals(self) -> Iterator[InstrumentView]:
        """The living perpetuals."""
        return (view for view in self._alive.values() if view.terms.kind == r.KIND_PERPETUAL)

    def expired(self, now_ms: int) -> list[InstrumentView]:
        """Options that await their delivery."""
        return [v for v in self._alive.values() if v.is_option and v.terms.expiry_ms <= now_ms]

    def missing(
        self, underlying: int, product: Product, now_ms: int, spot: float, plan: ChainPlan
    ) -> Sequence[InstrumentTerms]:
        """What the plan wants of an underlying that is not listed, the perpetual first."""
        keys = self._keys[underlying]
        wanted = [product.perpetual(underlying)]
        wanted += [product.option(underlying, spec) for spec in chain_spec(now_ms, spot, plan)]
        found = [terms for terms in wanted if _key(terms) not in keys]
        room = max(0, OPTIONS_MAX - len(keys))
        if len(found) > room and underlying not in self._full:
            self._full[underlying] = None
            _log.warning("%s: %d options are alive, no more are listed", product.symbol, len(keys))
        return found[:room]
