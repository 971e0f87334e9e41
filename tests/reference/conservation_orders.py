"""Conservation's traffic under rules 3: triggers, links, protection, ids sent twice, volatility, blocks.

Like `conservation_traffic` it is aimed at an engine without a second one, and knows only what it sent and
what the events told. The same seed gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_blocks as cb
from exchange.domain import commands_orders as co
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain.commands_orders import Member, MmpLimits, Trigger
from tests.reference.conservation_traffic import FIRST, KEPT_IDS, SUBACCOUNTS, TERMS, ConservationTraffic

GROUPS: Final = 2
CONDITIONS: Final = (r.FILL_FIRST_HIT, r.FILL_COMPLETE, r.FILL_INCREMENTAL)


class ConservationOrders(ConservationTraffic):
    """`ConservationTraffic` after the switch to rules 3, every command of rules 3 among its own."""

    def __init__(self, seed: int, engine: Engine) -> None:
        super().__init__(seed, engine)
        self.next_block = 0
        self.next_client_id = 0
        self.in_volatility: list[tuple[int, int]] = []  # order_id, instrument
        made: list[tuple[int, Callable[[], bytes]]] = [
            (110, self._extended_order),
            (40, self._linked_order),
            (30, self._volatility_order),
            (20, self._reprice),
            (40, self._protected_quotes),
            (12, self._protect),
            (4, self._unfreeze),
            (25, self._block_trade),
            (40, self._told_apart),
            (20, self._iceberg),
            (20, self._amend_if),
            (10, self._fire),
        ]
        self._weights += [weight for weight, _ in made]
        self._makers += [maker for _, maker in made]

    def opening(self) -> bytes:
        """As under rules 2, then the switch, and groups that some accounts have from the start."""
        before = super().opening()
        return b"".join([before, c.set_rules(3), *(self._protect() for _ in range(100))])

    def see(self, event: e.Event) -> None:
        """Learn which orders are priced in volatility besides what the events of rules 2 tell."""
        super().see(event)
        if isinstance(event, e.Extended) and event.volatility_e6:
            self.in_volatility.append((event.head.id, event.head.instrument))
            if len(self.in_volatility) > KEPT_IDS:
                del self.in_volatility[: KEPT_IDS // 2]

    # --- commands -----------------------------------------------------------------------------------------

    def _lots(self) -> int:
        return self.rng.choice((1, self.rng.randint(1, 60), self.rng.randint(1, 600)))

    def _trigger(self, instrument: int, near: float = 0.01) -> Trigger:
        """A trigger some way from where its price is now, either side."""
        rng = self.rng
        source = rng.choice((r.SOURCE_INDEX, r.SOURCE_MARK, r.SOURCE_LAST))
        index = self.index_micro[self.terms[instrument].underlying]
        around = index if source == r.SOURCE_INDEX else self.marks[instrument]
        if rng.random() < 0.25:
            return Trigger(r.TRIGGER_TRAILING, source, 0, max(1, int(index * rng.uniform(0, near))))
        level = max(1, around + int(index * rng.uniform(-near, near)))
        return Trigger(rng.choice((r.TRIGGER_STOP, r.TRIGGER_TAKE)), source, level, 0)

    def _type(self) -> int:
        """Side and type: mostly limit, some market, some reduce-only."""
        flags = self.rng.getrandbits(1)
        if self.rng.random() < 0.3:
            flags |= r.TYPE_MARKET << r.TYPE_SHIFT
        if self.rng.random() < 0.2:
            flags |= r.FLAG_REDUCE_ONLY
        return flags

    def _price_for(self, instrument: int, flags: int) -> int:
        return 0 if flags >> r.TYPE_SHIFT & 3 == r.TYPE_MARKET else self._price(instrument)

    def _extended_order(self) -> bytes:
        instrument, flags = self.rng.choice(self.alive), self._type()
        return co.extended_order(
            self._account(), instrument, flags, self._price_for(instrument, flags), self._lots(),
            trigger=self._trigger(instrument), grant=self.rng.getrandbits(2),
        )  # fmt: skip

    def _member(self, instrument: int) -> Member:
        flags = self._type()
        trigger = self._trigger(instrument) if self.rng.random() < 0.6 else co.NO_TRIGGER
        return Member(flags, self._price_for(instrument, flags), self._lots(), trigger=trigger)

    def _linked_order(self) -> bytes:
        rng, instrument, flags = self.rng, self.rng.choice(self.alive), self._type()
        link = rng.choice((r.LINK_OCO, r.LINK_OTO, r.LINK_OTOCO))
        condition = r.FILL_FIRST_HIT if link == r.LINK_OCO else rng.choice(CONDITIONS)
        members = [self._member(instrument) for _ in range(2 if link == r.LINK_OTOCO else 1)]
        trigger = self._trigger(instrument) if rng.random() < 0.3 else co.NO_TRIGGER
        return co.extended_order(
            self._account(), instrument, flags, self._price_for(instrument, flags), self._lots(),
            trigger=trigger, link=link, condition=condition, members=members,
        )  # fmt: skip

    def _volatility_order(self) -> bytes:
        options = [n for n in self.alive if self.terms[n].kind == r.KIND_OPTION]
        instrument = self.rng.choice(options)
        return co.extended_order(
            self._account(), instrument, self.rng.getrandbits(1), self._price(instrument), self._lots(),
            volatility_e6=self.rng.randint(1, 10**6),
        )  # fmt: skip

    def _reprice(self) -> bytes:
        if not self.in_volatility:
            return self._volatility_order()
        chosen = self.rng.sample(self.in_volatility, min(8, len(self.in_volatility)))
        return co.reprice([(order_id, self._price(instrument)) for order_id, instrument in chosen])

    def _protect(self) -> bytes:
        rng = self.rng
        quantity = rng.choice((0, rng.randint(1, 600) * TERMS.lot_e8))
        delta = rng.randint(0, quantity - 1) if quantity and rng.random() < 0.5 else 0
        interval_ms = rng.choice((0, 1_000, 60_000, 60_000, 3_600_000))
        frozen_ms = rng.choice((0, 1_000, 60_000))
        made = MmpLimits(interval_ms, frozen_ms, quantity, delta, 0, 1_000 * TERMS.lot_e8)
        if interval_ms == 0:
            made = MmpLimits(0, 0, 0, 0, 0, 0)
        return co.set_mmp(self._account(), rng.getrandbits(1), rng.randrange(GROUPS), made)

    def _unfreeze(self) -> bytes:
        return co.reset_mmp(self._account(), self.rng.getrandbits(1), self.rng.randrange(GROUPS))

    def _protected_quotes(self) -> bytes:
        quotes = []
        for instrument in self.rng.sample(self.alive, min(4, len(self.alive))):
            bid, lots = self._price(instrument), self.rng.randint(0, 40)
            quotes.append(c.Quote(instrument, bid, lots, bid + self.rng.randint(1, 400), lots))
        return c.mass_quote(self._account(), quotes, mmp_group=1 + self.rng.randrange(GROUPS))

    def _block_trade(self) -> bytes:
        """One to four trades near the mark, mostly with members of other families."""
        taker, trades = self._account(), []
        for _ in range(self.rng.randint(1, 4)):
            instrument = self.rng.choice(self.alive)
            lots = self._lots() * self.rng.choice((1, -1))
            trades.append(cb.BlockTrade(self._account(), instrument, lots, self._price(instrument)))
        self.next_block += self.rng.choice((1, 1, 1, 0))
        return cb.block_trade(taker, self.next_block, trades)

    def _told_apart(self) -> bytes:
        """An order with an id of its own, new or sent again."""
        instrument = self.rng.choice(self.alive)
        self.next_client_id += self.rng.choice((1, 1, 0))
        account = FIRST + self.next_client_id % (3 * (1 + SUBACCOUNTS))
        return c.new_order(
            account, instrument, self.rng.getrandbits(1), self._price(instrument), self._lots(),
            client_order_id=max(1, self.next_client_id),
        )  # fmt: skip

    def _iceberg(self) -> bytes:
        instrument = self.rng.choice(self.alive)
        lots = self.rng.randint(20, 600)
        display = self.rng.randint(-(-lots // 100), lots)
        return c.new_order(
            self._account(), instrument, self.rng.getrandbits(1), self._price(instrument), lots,
            display_lots=display,
        )  # fmt: skip

    def _amend_if(self) -> bytes:
        """What is to stay open, if so much is filled; sometimes a new trigger."""
        account, order_id, _ = self._any_order()
        if self.rng.random() < 0.3:
            return co.amend(account, order_id, trigger_micro=self.rng.choice(self.index_micro))
        expected = self.rng.choice((None, 0, 1))
        return co.amend(account, order_id, remaining_lots=self._lots(), expected_filled_lots=expected)

    def _fire(self) -> bytes:
        return co.fire()
