"""Seeded random command streams under rules 6: `MoveTraffic`, forced withdrawals, heaps of losing makers."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_bridge import forced_withdrawal
from tests.reference import margin
from tests.reference.combo_generator import COMBO_PROFILES, ComboProfile
from tests.reference.combo_parts import IOC, at_mark, is_simple, near_mark, order
from tests.reference.combos import is_open_combo
from tests.reference.engine import ReferenceEngine
from tests.reference.instruments import Instrument
from tests.reference.moves_generator import MoveTraffic

FORCED_PROFILES = COMBO_PROFILES
HEAP = limits.LOSING_JUDGED + 12


class ForcedTraffic(MoveTraffic):
    """A stream that ends under rules 6, where accounts ask the L1 for their money."""

    def __init__(self, seed: int, engine: ReferenceEngine, profile: ComboProfile | None = None) -> None:
        super().__init__(seed, engine, profile)
        self.forced_after = self.moves_after + self.rng.choice((30, 60))
        self.under_forced = False
        self._heaping: Iterator[bytes] = iter(())

    def batch(self, count: int) -> bytes:
        """As under rules 5, and what is forced; the first commands of rules 6 when it is time."""
        if self.under_moves and not self.under_forced and self.engine.next_seq > self.forced_after:
            self.under_forced = True
            self._makers += [self.forced_withdrawal, self.deposit_to_nobody]
            self._weights += [20.0, 4.0]
            return self.forced_withdrawal() + c.set_rules(6) + self.forced_withdrawal()
        if not self.under_forced:
            return super().batch(count)
        self._look_around()
        if made := next(self._heaping, b""):
            return made
        if count > 4 and self._one_in(12):
            self._heaping = self._heap()
            if made := next(self._heaping, b""):
                return made
        return super().batch(count)

    # --- commands ------------------------------------------------------------------------------------

    def forced_withdrawal(self) -> bytes:
        """FORCED_WITHDRAWAL of a little, all or too much; with something wrong now and then."""
        rng = self.rng
        users = self.world.users_from(limits.FIRST_USER_ACCOUNT, self.world.next_account)
        odd = [one.id for one in users if one.locked or one.liquidation != r.LIQUIDATION_NONE]
        number = rng.choice(odd) if odd and self._one_in(3) else self._account()
        if self._one_in(12):
            number = rng.choice((0, 63, self.world.next_account))
        account = self.world.accounts.get(number)
        free = margin.free_micro(self.world, account) if account else 1
        asked = rng.choice((1, max(1, free // 3), max(1, free), abs(free) + 1, limits.I64_MAX))
        if self._one_in(20):
            asked = rng.choice((0, -1, -limits.I64_MAX))
        request_id = self.world.forced_through + 1
        if self._one_in(12):
            request_id += rng.choice((-1, 1, -request_id, 1 << 40))
        made = bytearray(forced_withdrawal(number, self._fit(asked), request_id))
        if self._one_in(25):
            struct.pack_into("<I", made, rng.choice((4, 20, 48, 56)), 1)
        return bytes(made)

    def deposit_to_nobody(self) -> bytes:
        """DEPOSIT that is refused, mostly under a new id."""
        rng = self.rng
        self.deposit_id += rng.choice((0, 1, 1, 3))
        number = rng.choice((0, 63, self.world.next_account, self._account()))
        amount = rng.choice((1, 0, limits.MAX_DEPOSIT_MICRO, limits.MAX_DEPOSIT_MICRO + 1))
        return c.deposit(number, amount, self.deposit_id)

    # --- more losing makers than are judged ----------------------------------------------------------

    def _heap(self) -> Iterator[bytes]:
        """Accounts rest lots of a combo or a leg one by one, the marks turn, and all are met at once."""
        rng, known = self.rng, self.world.instruments
        combos = [one for one in known if one.is_combo and is_open_combo(one) and len(one.legs) == 2]
        if not combos:
            return
        combo = rng.choice(combos)
        own, other = combo.legs if rng.getrandbits(1) else combo.legs[::-1]
        where, sells = rng.choice(("combo", "in", "out", "leg")), bool(rng.getrandbits(1))
        if where != "combo" and not is_simple(combo):
            return
        one, two, taker = range(self.world.next_account, self.world.next_account + 3)
        makers = [one, two] if rng.getrandbits(1) else [one]
        yield self._opened(combo) + b"".join(self._funded(account) for account in (one, two, taker))
        rests = [(combo, sells)]
        if where == "in":
            rests = [(leg.instrument, leg.sells(is_sell=sells)) for leg in (own, other)]
        elif where in ("out", "leg"):
            rests.append((other.instrument, not other.sells(is_sell=sells)))
        for instrument, side in rests:
            yield self._rows(makers, instrument, side=side, count=HEAP if where != "leg" else 2)
        if where == "leg":  # behind what is implied
            yield self._rows(makers, own.instrument, side=own.sells(is_sell=sells), count=HEAP)
        yield self._turned(combo)
        if where in ("out", "leg"):
            side = not own.sells(is_sell=sells)
            yield self._met(taker, own.instrument, side=side)
        else:
            yield self._met(taker, combo, side=not sells)

    def _opened(self, combo: Instrument) -> bytes:
        """The venue and all that is in the way of an order of the combo or its legs."""
        listed = (combo, *(leg.instrument for leg in combo.legs))
        underlying = self.world.underlying_of(combo).id
        states = (c.set_instrument_state(each.id, r.STATE_OPEN) for each in listed)
        return c.set_mode(r.MODE_OPEN) + cr.set_underlying_state(underlying, r.STATE_OPEN) + b"".join(states)

    def _funded(self, account: int) -> bytes:
        """A new account with a lot of cash, of either model."""
        made = c.create_account(account, bytes(20)) + self._deposit(account, limits.MAX_DEPOSIT_MICRO >> 8)
        return made + (cr.set_margin_model(account, r.MODEL_PORTFOLIO) if self._one_in(3) else b"")

    def _rows(self, makers: list[int], instrument: Instrument, *, side: bool, count: int) -> bytes:
        lots = max(1, instrument.terms.min_size_lots)
        price = at_mark(instrument) if instrument.is_combo else near_mark(self, instrument)
        return b"".join(
            order(self, makers[n % len(makers)], instrument, sells=side, price=price, lots=lots)
            for n in range(count)
        )

    def _turned(self, combo: Instrument) -> bytes:
        factor = 1 + self.rng.choice((-1, 1)) * self.rng.choice((0.002, 0.02, 0.06))
        underlying = self.world.underlying_of(combo)
        index, units = self.listings.moved_by(factor, underlying, self._of_underlying(underlying))
        return c.marks(underlying.id, index, self._next_feed(underlying), units)

    def _met(self, taker: int, instrument: Instrument, *, side: bool) -> bytes:
        edge = instrument.min_price if side else instrument.max_price
        legs = instrument.legs
        most = min(leg.instrument.terms.position_limit_lots // leg.times for leg in legs)
        lots = min(HEAP * max(1, instrument.terms.min_size_lots), most)
        return order(self, taker, instrument, sells=side, price=edge, lots=lots, flags=IOC)
