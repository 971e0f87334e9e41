"""Random traffic aimed at an engine without a second one: a market whose feeds the traffic itself keeps.

What it must know to be lively (marks, ids of open orders, who is in liquidation) it keeps from what it sent
and from the events, so that millions of commands take minutes. The same seed gives the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from exchange.core import risk_queries
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.risk_opening import PARAMETERS
from tests.reference.scenarios import PERPETUAL

USDC: Final = 1_000_000
FIRST: Final = limits.FIRST_USER_ACCOUNT
MAINS, SUBACCOUNTS = 8, 2
DAY_MS: Final = 86_400_000
TIERS: Final = (cr.FeeTier(300, 300, 0, 500), cr.FeeTier(-100, 280, -20, 450), cr.FeeTier(0, 200, -100, 300))
RISK: Final = PARAMETERS._replace(
    scenarios=5, extended_from=4, liquidation_slice_micro=50_000 * USDC, auction_ms=60_000, short_ppm=10_000
)
MOVES_PPM: Final = (-160_000, -80_000, 80_000, 160_000, -600_000)
TERMS: Final = PERPETUAL._replace(
    tick_micro=100_000, price_limit_ticks=10_000_000, band_ppm=50_000, fee_cap_permille=0
)
KEPT_IDS: Final = 512


class ConservationTraffic:
    """Batches of 50 commands, every command of rules 2 among them."""

    def __init__(self, seed: int, engine: Engine) -> None:
        self.rng = random.Random(seed)
        self.engine = engine
        self.index_micro = [50_000 * USDC, 3_000 * USDC]
        self.feed_seq = [0, 0]
        self.now_ms = DAY_MS
        self.terms: list[c.InstrumentTerms] = []
        self.alive: list[int] = []
        self.marks: dict[int, int] = {}
        self.open_ids: list[tuple[int, int, int]] = []  # account, order_id, price_ticks
        self.pending: list[int] = []
        self.next_deposit = self.next_withdrawal = self.next_account = 0
        self._made: list[tuple[int, Callable[[], bytes]]] = [
            (300, self._new_order),
            (90, self._cancel),
            (60, self._amend),
            (40, self._mass_quote),
            (18, self._sweep),
            (60, self._liquidate),
            (25, self._takeover),
            (20, self._share_loss),
            (25, self._transfer),
            (15, self._withdraw),
            (12, self._resolve),
            (10, self._deposit),
            (8, self._settle),
            (8, self._funding),
            (8, self._model),
            (6, self._account_setting),
            (4, self._cancel_many),
            (3, self._state),
            (3, self._expire_day),
        ]
        self._weights = [weight for weight, _ in self._made]
        self._makers = [maker for _, maker in self._made]

    # --- what the market begins with ---------------------------------------------------------------------

    def opening(self) -> bytes:
        """Rules 2, two underlyings, families with little and with much, a fund of 2,000 USDC."""
        made = [c.time(self.now_ms), c.set_rules(2), cr.set_fees(TIERS)]
        for underlying, symbol in enumerate(("BTC", "ETH")):
            made += [c.list_underlying(underlying, symbol), cr.risk(underlying, RISK)]
        self.next_account = FIRST
        for _ in range(MAINS):
            main = self.next_account
            for member in range(1 + SUBACCOUNTS):
                made.append(c.create_account(self.next_account, bytes(20), main if member else 0))
                wealth = self.rng.choice((300, 3_000, 30_000, 300_000))
                made.append(self._deposited(self.next_account, wealth * USDC))
                self.next_account += 1
        made.append(self._deposited(limits.ACCOUNT_INSURANCE, 2_000 * USDC))
        for underlying in (0, 1):
            made.append(self._listed(TERMS._replace(underlying=underlying)))
            made += self._chain(underlying)
        return b"".join([*made, self._block(0), self._block(1)])

    def _deposited(self, account: int, amount_micro: int) -> bytes:
        self.next_deposit += 1
        return c.deposit(account, amount_micro, self.next_deposit)

    def _listed(self, terms: c.InstrumentTerms) -> bytes:
        instrument = len(self.terms)
        self.terms.append(terms)
        self.alive.append(instrument)
        return c.list_instrument(instrument, terms)

    def _chain(self, underlying: int) -> list[bytes]:
        """Three strikes, calls and puts, of a new expiry one to three days away."""
        expiry_ms = self.now_ms + self.rng.randint(1, 3) * DAY_MS
        around = self.index_micro[underlying] // (500 * USDC) or 1
        return [
            self._listed(
                TERMS._replace(
                    kind=r.KIND_OPTION, option_type=side, underlying=underlying, expiry_ms=expiry_ms,
                    strike_micro=strike * 500 * USDC, fee_cap_permille=125, delivery_fee_ppm=150,
                )
            )
            for strike in {max(1, around * factor // 20) for factor in (18, 20, 22)}
            for side in (r.OPTION_CALL, r.OPTION_PUT)
        ]  # fmt: skip

    # --- feeds ---------------------------------------------------------------------------------------------

    def _worth(self, instrument: int, index_micro: int) -> int:
        """A mark that behaves: inner value and a hump of time value, in micro-USDC."""
        terms = self.terms[instrument]
        if terms.kind == r.KIND_PERPETUAL:
            return index_micro
        inner = index_micro - terms.strike_micro
        hump = max(0, index_micro // 50 - abs(inner) // 8)
        if terms.option_type == r.OPTION_PUT:
            inner = -inner
        return max(0, inner) + hump

    def _block(self, underlying: int) -> bytes:
        """Marks of an underlying, half of the time with tables of everything alive."""
        index = self.index_micro[underlying]
        mine = [n for n in self.alive if self.terms[n].underlying == underlying]
        units = []
        for n in mine:
            mark = self._worth(n, index)
            self.marks[n] = mark
            moved = self._worth(n, index + index // 100) - mark
            delta_e9 = max(-(10**9), min(10**9, moved * 10**9 // (index // 100)))
            units.append(c.Mark(n, delta_e9, mark, index // 1_000, index))
        self.feed_seq[underlying] += 1
        if self.rng.random() < 0.5:
            return c.marks(underlying, index, self.feed_seq[underlying], units)
        tables = [(n, self._differences(n, index)) for n in mine]
        stream = cr.table_stream(tables)
        return cr.risk_snapshot(underlying, index, self.feed_seq[underlying], units, len(tables), stream)

    def _differences(self, instrument: int, index_micro: int) -> list[int]:
        found = []
        held = None
        if instrument < self.engine.instrument_count:
            held = risk_queries.table(self.engine, instrument)
        for k, move in enumerate(MOVES_PPM):
            gain = self._worth(instrument, index_micro + index_micro * move // 10**6) - self.marks[instrument]
            quanta = gain * TERMS.lot_e8 // 10**8 // RISK.quantum_micro
            found.append(quanta - (held[k] if held else 0))
        return found

    def _move(self) -> list[bytes]:
        """Time goes on, an index moves, sometimes it jumps; what has expired is delivered and replaced."""
        self.now_ms += self.rng.choice((1_000, 60_000, self.rng.randint(1, 3 * 3_600_000)))
        underlying = self.rng.getrandbits(1)
        step = self.rng.choice((0.002, 0.01, 0.03, 0.15, 0.5))
        index = int(self.index_micro[underlying] * (1 + self.rng.uniform(-step, step)))
        self.index_micro[underlying] = min(max(index, 500 * USDC), 400_000 * USDC)
        made = [c.time(self.now_ms)]
        if self.rng.random() < 0.5:
            made += [c.set_mode(r.MODE_OPEN), *(cr.set_underlying_state(n, r.STATE_OPEN) for n in (0, 1))]
        over = [n for n in self.alive if 0 < self.terms[n].expiry_ms <= self.now_ms]
        for n in over:
            self.alive.remove(n)
            made.append(c.deliver(n, self.index_micro[self.terms[n].underlying]))
        for ended in {self.terms[n].underlying for n in over}:
            made += self._chain(ended)
            made.append(self._block(ended))
        return [*made, self._block(underlying)]

    # --- commands -----------------------------------------------------------------------------------------

    def batch(self, commands_count: int = 50) -> bytes:
        """The next commands; most batches begin with a move of the market."""
        made = self._move() if self.rng.random() < 0.6 else []
        for maker in self.rng.choices(self._makers, self._weights, k=commands_count):
            made.append(maker())
        return b"".join(made)

    def see(self, event: e.Event) -> None:
        """Learn from what the engine tells: open orders, withdrawals that wait."""
        if isinstance(event, e.Order):
            if event.state == r.ORDER_STATE_OPEN:
                self.open_ids.append((event.head.account, event.order_id, event.price_ticks))
                if len(self.open_ids) > KEPT_IDS:
                    del self.open_ids[: KEPT_IDS // 2]
        elif isinstance(event, e.Cash) and event.kind == r.CASH_WITHDRAWAL:
            self.pending.append(event.head.id)

    def _account(self) -> int:
        return self.rng.randrange(FIRST, self.next_account)

    def _price(self, instrument: int) -> int:
        """On tick, mostly within the band, sometimes far out."""
        spread = self.rng.choice((0.001, 0.005, 0.03, 0.06))
        around = self.marks[instrument] + int(
            self.index_micro[self.terms[instrument].underlying] * self.rng.uniform(-spread, spread)
        )
        return max(1, around // TERMS.tick_micro)

    def _new_order(self) -> bytes:
        rng, instrument = self.rng, self.rng.choice(self.alive)
        flags = rng.getrandbits(1)
        kind = rng.random()
        price = self._price(instrument)
        if kind < 0.15:
            flags |= r.TYPE_MARKET << r.TYPE_SHIFT
            price = 0
        elif kind < 0.35:
            flags |= rng.choice((r.TIF_IOC, r.TIF_FOK)) << r.TIF_SHIFT
        elif kind < 0.5:
            flags |= r.FLAG_POST_ONLY | rng.getrandbits(1) * r.FLAG_REJECT_POST_ONLY
        elif kind < 0.6:
            flags |= r.TIF_GTD << r.TIF_SHIFT
        if rng.random() < 0.25:
            flags |= r.FLAG_REDUCE_ONLY
        lots = rng.choice((1, rng.randint(1, 60), rng.randint(1, 600), rng.randint(1, 6_000)))
        return c.new_order(self._account(), instrument, flags, price, lots, grant=rng.getrandbits(2))

    def _any_order(self) -> tuple[int, int, int]:
        return self.rng.choice(self.open_ids) if self.open_ids else (self._account(), 1, 1)

    def _cancel(self) -> bytes:
        account, order_id, _ = self._any_order()
        return c.cancel(account, order_id)

    def _amend(self) -> bytes:
        account, order_id, price = self._any_order()
        moved = max(1, int(price * self.rng.uniform(0.97, 1.03)))
        return c.amend(account, order_id, price_ticks=moved, size_lots=self.rng.choice((None, 5, 200)))

    def _mass_quote(self) -> bytes:
        quotes = []
        for instrument in self.rng.sample(self.alive, min(4, len(self.alive))):
            bid = self._price(instrument)
            lots = self.rng.randint(0, 40)
            quotes.append(c.Quote(instrument, bid, lots, bid + self.rng.randint(1, 400), lots))
        return c.mass_quote(self._account(), quotes)

    def _cancel_many(self) -> bytes:
        return c.cancel_many(self._account())

    def _sweep(self) -> bytes:
        return cr.risk_sweep(FIRST, limits.MAX_SWEEP)

    def _troubled(self) -> int:
        found = risk_queries.in_liquidation(self.engine)
        return self.rng.choice(found) if found else self._account()

    def _idle(self) -> bool:
        """Whether commands for accounts in trouble would find none; a few are sent all the same."""
        return self.rng.random() < 0.95 and not risk_queries.in_liquidation(self.engine)

    def _liquidate(self) -> bytes:
        return self._new_order() if self._idle() else cr.liquidate(self._troubled()) * self.rng.randint(1, 4)

    def _takeover(self) -> bytes:
        if self._idle():
            return self._new_order()
        fraction = self.rng.choice((10**6, 10**6, self.rng.randint(1, 10**6), 0))
        return cr.takeover(self._account(), self._troubled(), fraction, self.rng.choice((1 << 50, 0)))

    def _share_loss(self) -> bytes:
        if self._idle():
            return self._new_order()
        account = risk_queries.sharing(self.engine) or self._troubled()
        return cr.share_loss(account, self.rng.randint(1, 40))

    def _transfer(self) -> bytes:
        account = self._account()
        family = (account - FIRST) // (1 + SUBACCOUNTS)
        other = FIRST + family * (1 + SUBACCOUNTS) + self.rng.randint(0, SUBACCOUNTS)
        amount = self.rng.choice((1, self.rng.randint(1, 2_000) * USDC, self.rng.randint(1, 10**12)))
        return cr.transfer(account, other, amount, self.rng.getrandbits(40))

    def _withdraw(self) -> bytes:
        self.next_withdrawal += 1
        return c.withdraw(self._account(), self.rng.randint(1, 3_000) * USDC, self.next_withdrawal)

    def _resolve(self) -> bytes:
        ident = self.pending.pop(0) if self.pending else 0
        return cr.resolve_withdrawal(ident, self.rng.getrandbits(1))

    def _deposit(self) -> bytes:
        to = limits.ACCOUNT_INSURANCE if self.rng.random() < 0.02 else self._account()
        return self._deposited(to, self.rng.choice((1, self.rng.randint(1, 30_000) * USDC)))

    def _perpetual(self) -> int:
        return self.rng.choice([n for n in self.alive if self.terms[n].kind == r.KIND_PERPETUAL])

    def _settle(self) -> bytes:
        perpetual = self._perpetual()
        return c.settle_perpetual(perpetual, max(1, self.marks[perpetual] // TERMS.tick_micro))

    def _funding(self) -> bytes:
        perpetual = self._perpetual()
        most = self.marks[perpetual] // 10_000 // 100 or 1
        return c.funding(perpetual, self.rng.randint(-most, most))

    def _model(self) -> bytes:
        return cr.set_margin_model(self._account(), self.rng.getrandbits(1))

    def _account_setting(self) -> bytes:
        account = self._account()
        return self.rng.choice(
            (
                cr.set_tier(account, self.rng.randrange(3)),
                cr.set_lock(account, self.rng.random() < 0.2),
                cr.set_caps(account, self.rng.choice((0, 50)), 0),
                c.configure_account(account, cancel_maker=self.rng.random() < 0.5),
            )
        )

    def _state(self) -> bytes:
        return self.rng.choice(
            (
                cr.set_underlying_state(self.rng.getrandbits(1), self.rng.choice((0, 0, 0, 1))),
                c.set_mode(self.rng.choice((0, 0, 0, 1))),
                c.set_rules(2),
            )
        )

    def _expire_day(self) -> bytes:
        return c.expire_day(self.rng.choice(self.alive))
