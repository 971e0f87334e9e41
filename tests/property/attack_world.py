"""A venue with nobody in it but accounts of one attacker, and what a liquidation there may never do.

Two families and a friend under a third name, both margin models, a book that holds their orders alone, an
insurance fund; what is listed, and how it is marked, is in `attack_market`. The same world under rules 2 and
under rules 3.

Every step of a liquidation and every takeover is held against docs/rules-2.md as it happens:

- a step never makes balance less maintenance of its account worse;
- a takeover does not either, takes no more than restores maintenance, leaves no spread torn, and gives the
  bidder no more than the bounded discount;
- the fund pays for an account what it owes and its family has not, and tops up at most as much again.

And every command:

- fill-or-kill and a liquidation's slices fill whole or not at all: what a look finds is filled;
- what is due when one that applied ends has been told.
"""

from __future__ import annotations

from exchange.core import margin_queries
from exchange.core.engine import Engine
from exchange.core.layout import A_CASH, A_LIQUIDATION, ACCOUNT_WORDS, S_SIZE, SEAT_WORDS
from exchange.core.ledger import find_seat
from exchange.core.margin_queries import MarginFigures
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import events_orders as eo
from exchange.domain import records as r
from tests.property.attack_market import (
    ATTACKERS,
    CALL_50,
    FAMILIES,
    FEES,
    FEES_EARNED,
    FRIEND,
    FUND,
    FUND_MICRO,
    HELD,
    INDEX,
    INSTRUMENTS,
    LOT_E8,
    MAIN,
    PERPETUAL,
    PPM,
    RICH_MICRO,
    RISK,
    STRIKES,
    SUB,
    SYBIL,
    TERMS,
    UNTABLED,
    option_ticks,
    table,
)
from tests.property.attack_told import SLICES, Told, filled_as_found, names, of_others
from tests.unit.core.harness import FOK, IOC, MICRO, SELL, of

STEPS_MOST = 2_000


class AttackWorld:
    """The engine, the attacker's accounts and what was seen of them."""

    def __init__(
        self,
        models: tuple[int, ...] = (0, 0, 0, 0),
        fund_micro: int = FUND_MICRO,
        fee_cap_permille: int = 125,
        rules: int = 2,
    ) -> None:
        self.engine = self.make_engine()
        self.numbers = self.withdrawals = self.feed = self.now_ms = 0
        self.index, self.spread = INDEX, 4_000
        self.tables: dict[int, list[int]] = {}
        self.marks: dict[int, int] = {}
        self.deltas: dict[int, int] = {}
        self.told: list[Told] = []
        self.live: dict[int, e.Order] = {}  # orders that have not ended, as they were told last
        self.seen: set[str] = set()  # of `attack_told.names`
        self.closed: list[int] = []  # lots of slices
        self.placed: dict[int, list[tuple[int, int]]] = {account: [] for account in ATTACKERS}
        self.send(c.set_rules(rules), c.time(1), c.list_underlying(0, "BTC"))
        capped = {PERPETUAL: TERMS[PERPETUAL]}
        capped.update((n, TERMS[n]._replace(fee_cap_permille=fee_cap_permille)) for n in STRIKES)
        self.send(*(c.list_instrument(n, capped[n]) for n in INSTRUMENTS))
        self.send(cr.risk(0, RISK), cr.set_fees(FEES), c.deposit(FUND, fund_micro, 1))
        self.numbers = 1
        for account in ATTACKERS:
            self.send(c.create_account(account, bytes(20), MAIN if account == SUB else 0))
        self.deposit(FRIEND, RICH_MICRO)
        self.send(c.configure_account(FRIEND, cancel_maker=True))
        self.mark()
        for account, model in zip(ATTACKERS, models, strict=True):
            if model != r.MODEL_STANDARD:
                self.send(cr.set_margin_model(account, model))

    # --- the engine --------------------------------------------------------------------------------

    def make_engine(self) -> Engine:
        """The production engine."""
        return Engine()

    def margins(self, account: int) -> MarginFigures:
        """Margins, balance and equity."""
        return margin_queries.margins(self.engine, account)

    def cash(self, account: int) -> int:
        """Cash in micro-USDC."""
        cash: int = self.engine.world.accounts[account * ACCOUNT_WORDS + A_CASH]
        return cash

    def liquidation(self, account: int) -> int:
        """0 none, 1 closing, 2 auction, 3 deficit."""
        found: int = self.engine.world.accounts[account * ACCOUNT_WORDS + A_LIQUIDATION]
        return found

    def size(self, account: int, instrument: int) -> int:
        """The position in lots."""
        w = self.engine.world
        seat = find_seat(w, account, instrument)
        size: int = w.seats.data[seat * SEAT_WORDS + S_SIZE] if seat else 0
        return size

    def send(self, *commands: bytes) -> list[e.Event]:
        """Apply commands as one batch; their events. Remembers whose orders were placed."""
        events = list(e.read_events(self.engine.apply(b"".join(commands))))
        for order in of(events, e.Order):
            if order.state in (r.ORDER_STATE_OPEN, r.ORDER_STATE_UNTRIGGERED):
                self.placed[order.head.account].append((order.order_id, order.head.instrument))
                self.live[order.order_id] = order
            else:
                self.live.pop(order.order_id, None)
            filled_as_found(order)
        self.seen.update(names(events))
        if events and not isinstance(events[-1], e.Rejected):  # what was refused fires nothing behind it
            told = events[-1].waiting if isinstance(events[-1], eo.Due) else 0
            assert self.engine.world.due_count == told, "what is due was not told"
        return events

    def deposit(self, account: int, amount_micro: int) -> None:
        self.numbers += 1
        self.send(c.deposit(account, amount_micro, self.numbers))

    def wait(self, span_ms: int) -> None:
        """Time passes."""
        self.now_ms += span_ms
        self.send(c.time(1 + self.now_ms))

    def mark(self, index: int | None = None, spread: int | None = None) -> None:
        """A risk snapshot at another index or with dearer options."""
        self.index, self.spread = index or self.index, spread or self.spread
        self.feed += 1
        units, rows = [], []
        for n in INSTRUMENTS:
            ticks = self.index if n == PERPETUAL else option_ticks(n, self.index, self.spread)
            self.marks[n] = ticks
            self.deltas[n] = 10**9 if n == PERPETUAL else self._delta(n)
            units.append(c.Mark(n, self.deltas[n], ticks * MICRO, 0, self.index * MICRO))
            if n != UNTABLED:
                new = table(n, self.index, self.spread)
                old = self.tables.get(n, [0] * len(new))
                rows.append((n, [a - b for a, b in zip(new, old, strict=True)]))
                self.tables[n] = new
        stream = cr.table_stream(rows)
        told = self.send(cr.risk_snapshot(0, self.index * MICRO, self.feed, units, len(rows), stream))[0]
        assert isinstance(told, e.Marked), told

    def _delta(self, instrument: int) -> int:
        step = self.index // 100
        up = option_ticks(instrument, self.index + step, self.spread)
        return (up - option_ticks(instrument, self.index, self.spread)) * 10**9 // step

    def prices(self, instrument: int) -> tuple[int, int]:
        """The band: the lowest price a seller and the highest a buyer may name."""
        width = self.index * TERMS[instrument].band_ppm // PPM
        mark = self.marks[instrument]
        return max(1, mark - width), min(mark + width, TERMS[instrument].price_limit_ticks)

    # --- wealth ------------------------------------------------------------------------------------

    @property
    def fund(self) -> int:
        """What the insurance fund has."""
        return self.cash(FUND)

    @property
    def fees(self) -> int:
        """What the venue has earned in fees."""
        return self.cash(FEES_EARNED)

    @property
    def wealth(self) -> int:
        """The attacker's equity at marks, with what was asked to be withdrawn."""
        return sum(self.margins(account).equity_micro for account in ATTACKERS) + self.cash(HELD)

    def room(self, account: int) -> int:
        """Balance less maintenance margin."""
        figures = self.margins(account)
        return figures.balance_micro - figures.maintenance_micro

    def delivery(self, account: int) -> int:
        """What delivering the options will cost at most: under the standard model options bought add that to
        what a spread needs, and no check looks ahead to it."""
        lots = sum(abs(self.size(account, n)) for n in STRIKES)
        return lots * (self.index * TERMS[CALL_50].delivery_fee_ppm * LOT_E8 // 10**8 + 1)

    # --- trading -----------------------------------------------------------------------------------

    def order(self, account: int, at: int, price: int, lots: int, flags: int = 0) -> list[e.Event]:
        return self.send(c.new_order(account, at, flags, price, lots))

    def fill_or_kill(self, account: int, at: int, price: int, lots: int, flags: int) -> None:
        """Fill-or-kill: where its look finds too little the book is as it was."""
        due = self.engine.world.due_count
        events = self.order(account, at, price, lots, flags | FOK)
        killed = [told for told in of(events, e.Order) if told.reason == r.CANCEL_FOK]
        killed = [told for told in killed if told.kind == r.ORDER_PLACED]
        if due == 0 and killed:
            assert events[0] == killed[0], "an order that was killed has touched the book"

    def trade(self, seller: int, buyer: int, at: int, price: int, lots: int, *, maker: int) -> int:
        """A trade between two accounts at a price; what the maker had left is cancelled. Lots filled."""
        sides = ((seller, SELL), (buyer, 0))
        (first, first_flag), (second, second_flag) = sides if maker == seller else sides[::-1]
        placed = self.order(first, at, price, lots, first_flag)
        if not isinstance(placed[-1], e.Order):
            return 0
        taken = self.order(second, at, price, lots, second_flag | IOC)
        self.send(c.cancel(first, placed[-1].order_id))
        return sum(trade.size_lots for trade in of(placed + taken, e.Trade))

    def fitting(self, seller: int, buyer: int, at: int, price: int, lots: int, *, maker: int) -> int:
        """As `trade`, as many lots of it as margin allows, by halves."""
        while lots:
            done = self.trade(seller, buyer, at, price, lots, maker=maker)
            if done:
                return done
            lots //= 2
        return 0

    def holdings(self) -> list[int]:
        """Cash and positions of everybody."""
        cash = [self.cash(account) for account in (*ATTACKERS, FEES_EARNED, FUND, HELD)]
        return cash + [self.size(account, n) for account in ATTACKERS for n in INSTRUMENTS]

    def withdraw_all(self, account: int, to: int = 0) -> None:
        """Withdraw what may be withdrawn, or transfer it to an account of the family."""
        figures = self.margins(account)
        free = min(self.cash(account), figures.balance_micro) - figures.initial_micro
        if free <= 0 or figures.equity_micro < 0:
            return
        self.withdrawals += 1
        number = self.withdrawals
        self.send(cr.transfer(account, to, free, number) if to else c.withdraw(account, free, number))

    # --- liquidation -------------------------------------------------------------------------------

    def sweep(self) -> list[int]:
        """A sweep over all; who is in liquidation."""
        self.send(cr.risk_sweep(MAIN, len(ATTACKERS)))
        return [account for account in ATTACKERS if self.liquidation(account)]

    def step(self, account: int) -> int:
        """One step; the kind of its LIQUIDATION, 0 where nothing came of it: a DONE, a refusal, a slice that
        neither filled nor had another order cancelled."""
        room, fund, equity = self.room(account), self.fund, self.margins(account).equity_micro
        owed = max(0, -equity)
        could = sum(self.gives(other) for other in FAMILIES[account])
        events = self.send(cr.liquidate(account))
        told = of(events, e.Liquidation)
        for each in told:
            if each.head.account == account:
                self.told.append(Told(account, each.kind, each.amount_micro))
            if each.kind in SLICES:
                self.closed.append(abs(each.lots))
                lost = equity - self.margins(account).equity_micro
                assert lost <= max(0, equity) + self.slice_most(abs(each.lots)), "a slice lost too much"
            if each.kind == r.LIQ_FUND:
                assert each.amount_micro <= max(0, owed - could), "the fund paid what the family had"
                assert fund - self.fund == each.amount_micro
        assert self.room(account) >= room, "a step made things worse"
        if not told or (told[-1].kind in SLICES and not told[-1].lots and not of_others(events, account)):
            return 0
        return told[-1].kind

    def slice_most(self, lots: int) -> int:
        """What a slice may lose beyond the account's equity: a tenth of the band, its fees, rounding."""
        fees_ppm = FEES[0].perp_taker_ppm + RISK.liquidation_fee_ppm
        return lots * (self.index * 10_000 * (RISK.liquidation_band_ppm // 10 + fees_ppm) // PPM + 3) + 3

    def gives(self, account: int) -> int:
        """What the account gives for its family: cash down to maintenance margin, if it is sound itself."""
        figures = self.margins(account)
        if self.liquidation(account) or figures.equity_micro < 0:
            return 0
        return max(0, min(self.cash(account), figures.balance_micro) - figures.maintenance_micro)

    def take(self, bidder: int, target: int, fraction_ppm: int) -> e.Rejected | None:
        """A takeover at any price, held against its bounds; what it was refused for."""
        before, fund = self.margins(target), self.fund
        own = self.margins(bidder).equity_micro
        sizes = {n: self.size(target, n) for n in INSTRUMENTS}
        events = self.send(cr.takeover(bidder, target, fraction_ppm, 1 << 60))
        if isinstance(events[0], e.Rejected):
            return events[0]
        after, topped = self.margins(target), fund - self.fund
        gained = self.margins(bidder).equity_micro - own
        owed = max(0, -before.equity_micro)
        assert 0 <= topped <= (owed if fraction_ppm == PPM else 0), "the fund topped up more than is owed"
        assert gained <= self._discount_most(before, sizes, fraction_ppm), "more than the discount"
        assert gained <= topped + max(0, before.equity_micro) * fraction_ppm // PPM
        if fraction_ppm < PPM:
            room = before.balance_micro - before.maintenance_micro
            assert after.balance_micro - after.maintenance_micro >= room, "a takeover made things worse"
        left = -(-before.maintenance_micro * (PPM - fraction_ppm) // PPM)
        assert after.maintenance_micro <= left + self._lots_worth(sizes), "a takeover tore a spread"
        taken = sum(abs(sizes[n] - self.size(target, n)) for n in INSTRUMENTS)
        self.told.append(Told(target, r.LIQ_TAKEOVER, topped))
        self._enough(target, taken, sum(map(abs, sizes.values())))
        return None

    def _discount_most(self, before: MarginFigures, sizes: dict[int, int], fraction_ppm: int) -> int:
        """5 % of the index of what is taken; of longs half their value, of all else what they free."""
        longs = others = 0
        for n, size in sizes.items():
            part = -(-abs(size) * fraction_ppm // PPM)
            notional = part * self.index * 10_000 * RISK.auction_discount_ppm // PPM
            if n != PERPETUAL and size > 0:
                longs += min(notional, part * self.marks[n] * 10_000 // 2)
            else:
                others += notional
        return longs + min(others, before.maintenance_micro * fraction_ppm // PPM)

    def _lots_worth(self, sizes: dict[int, int]) -> int:
        """The most that one lot of every position adds to maintenance margin."""
        return sum((self.index * 2 + self.marks[n]) * 10_000 for n, size in sizes.items() if size)

    def _enough(self, target: int, taken: int, held: int) -> None:
        """Maintenance is not exceeded by more than one lot of every position restores."""
        if taken == held:
            return
        sizes = {n: self.size(target, n) for n in INSTRUMENTS}
        assert self.room(target) <= self._lots_worth(sizes) * 2, "a takeover took more than it needs"

    # --- the end -----------------------------------------------------------------------------------

    def settle(self, bidders: tuple[int, ...] = (FRIEND, SYBIL), fractions: tuple[int, ...] = (PPM,)) -> None:
        """Liquidate to the end; the friend stands ready at the worst prices slices may have."""
        for _ in range(6):
            waiting = self.sweep()
            if not waiting:
                return
            self._offer()
            for account in waiting:
                self.close_out(account)
            self.wait(RISK.auction_ms)
            for target in waiting:
                self._auction(target, bidders, fractions)

    def _offer(self) -> None:
        """The friend's orders where slices end."""
        if self.liquidation(FRIEND):
            return
        width = self.index * RISK.liquidation_band_ppm // PPM
        self.send(c.cancel_many(FRIEND))
        for n in INSTRUMENTS:
            self.order(FRIEND, n, max(1, self.marks[n] - width), 4_000)
            self.order(FRIEND, n, self.marks[n] + width, 4_000, SELL)

    def close_out(self, account: int) -> None:
        """Steps until the liquidation ends, waits for bidders or leaves a deficit.

        A round in which nothing comes of any step makes it an auction.
        """
        idle = 0
        for _ in range(STEPS_MOST):
            state = self.liquidation(account)
            if state == r.LIQUIDATION_NONE:
                return
            kind = self.step(account)
            if kind in (r.LIQ_AUCTION, r.LIQ_DEFICIT):
                return
            idle = 0 if kind else idle + 1
            if idle > sum(self.size(account, n) != 0 for n in INSTRUMENTS):
                assert state == r.LIQUIDATION_AUCTION, "a round without progress, and no auction"
                return
        raise AssertionError("a liquidation goes on and on")

    def _auction(self, target: int, bidders: tuple[int, ...], fractions: tuple[int, ...]) -> None:
        for fraction in fractions:
            for bidder in bidders:
                if self.liquidation(target) == r.LIQUIDATION_AUCTION and bidder != target:
                    refused = self.take(bidder, target, fraction)
                    if refused is not None and refused.detail > 0:
                        self.take(bidder, target, refused.detail)
