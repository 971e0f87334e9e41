"""Seeded random command streams under rules 3: `RiskTraffic`, and what rules 3 add to orders and quotes.

A stream goes from rules 1 to 2 and on to 3. A few accounts are makers: they keep protection groups with
tight limits and quote into each other and everybody else; senders repeat their client order ids.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, block_trade
from exchange.domain.commands_orders import MmpLimits
from tests.reference import orders_plays as plays
from tests.reference.engine import ReferenceEngine
from tests.reference.groups import Group
from tests.reference.instruments import Instrument
from tests.reference.risk_generator import RiskProfile, RiskTraffic

LEAST_PLAY = 20  # a batch of fewer commands has no room for one
GROUPS = 3  # numbers that makers use in an underlying
USED_UP = 1 << 62  # a stream of ids that came this far is left alone for another grant


@dataclass(frozen=True)
class OrderProfile(RiskProfile):
    """What a stream under rules 3 is like besides."""

    makers: int = 4
    protected: float = 0.7  # share of a maker's mass quotes that name a group
    patience: float = 6.0  # how many usual orders a group's limits allow
    windows: tuple[int, ...] = (1, 3, 12, 70, limits.MAX_ID_WINDOW)
    ids: float = 0.8  # share of new orders with a client order id


ORDER_PROFILES = (
    OrderProfile("orders_mixed", accounts=9, deposit_micro=2 * 10**12, sizes=8, spread_steps=3.0),
    OrderProfile(
        "orders_makers", accounts=6, options=2, deposit_micro=10**13, sizes=20, spread_steps=1.5, patience=3.0
    ),
    OrderProfile(
        "orders_ids", accounts=4, deposit_micro=10**12, makers=1, windows=(1, 2, 80, limits.MAX_ID_WINDOW)
    ),
    OrderProfile("orders_crash", accounts=12, jumps=0.35, deposit_micro=2 * 10**9, sizes=16, cranks=26.0),
    OrderProfile(
        "orders_huge", accounts=6, huge=True, deposit_micro=1 << 46, sizes=40, jumps=0.1, patience=30.0
    ),
    OrderProfile("orders_hostile", accounts=6, hostility=0.35, deposit_micro=10**12, patience=4.0),
)


def order_profile_for(seed: int) -> OrderProfile:
    return ORDER_PROFILES[seed % len(ORDER_PROFILES)]


class OrderTraffic(RiskTraffic):
    """An endless, seeded stream that ends under rules 3 and uses what they add."""

    profile: OrderProfile
    filters: tuple[int, ...] = (0, 0, 1, 1, 2, 3, 4, 5, 6, 7)  # types of CANCEL_MANY

    def __init__(self, seed: int, engine: ReferenceEngine, profile: OrderProfile | None = None) -> None:
        super().__init__(seed, engine, profile or order_profile_for(seed))
        self.activate_after = self.rng.choice((30, 80, 200))
        self.orders_after = self.activate_after + self.rng.choice((60, 150))
        self.under_orders = False
        self.sent = b""
        self.block_id = 0

    # --- batches -------------------------------------------------------------------------------------

    def batch(self, count: int) -> bytes:
        """`count` commands, aimed at the state as it is now; the first ones of rules 3 when it is time."""
        if self.under_risk and not self.under_orders and self.engine.next_seq > self.orders_after:
            self.under_orders = True
            self._mix_orders()
            return self._activation_of_orders()
        made = b""
        if self.under_orders and count >= LEAST_PLAY and not self._one_in(3):
            made = b"".join(plays.play(self, most=count) for _ in range(1 + count // 40))
        return made + super().batch(count - len(c.split(made)))

    def _mix_orders(self) -> None:
        for weight, make in (
            (4.0, self.set_mmp),
            (4.0, self.reset_mmp),
            (0.5, self.set_id_window),
            (12.0, self.maker_quotes),
            (6.0, self.protected_order),
            (4.0, self.taker),
            (1.5, self.again),
            (2.0, self.cancel_many),
            (1.0, self.not_yet),
            (6.0, self.block_trade),
        ):
            self._makers.append(make)
            self._weights.append(weight)

    def _activation_of_orders(self) -> bytes:
        """What rules 3 add is refused once more, then SET_RULES, windows and groups."""
        made = [self.set_mmp(), self.set_id_window(), c.set_rules(3), self.set_id_window()]
        for maker in range(limits.FIRST_USER_ACCOUNT, limits.FIRST_USER_ACCOUNT + self.profile.makers):
            for underlying in (0, 1):
                numbers = range(GROUPS - 1)
                made += [co.set_mmp(maker, underlying, n, self._limits(underlying)) for n in numbers]
        return b"".join(made)

    # --- client order ids ----------------------------------------------------------------------------

    def new_order(self) -> bytes:
        """NEW_ORDER; under rules 3 mostly with a growing id, sometimes one that came before."""
        made = super().new_order()
        return self.with_id(made) if self.under_orders else made

    def with_id(self, command: bytes) -> bytes:
        rng, raw = self.rng, bytearray(command)
        account = int.from_bytes(raw[8:12], "little")
        grant = rng.choice((0, 0, 1, 7))
        while self.world.ids.last.get((account, grant), 0) > USED_UP:
            grant += 1
        client_id = 0
        if rng.random() < self.profile.ids:
            grant, client_id = self._id_of(account, grant)
        struct.pack_into("<QI", raw, 16, client_id, grant)
        self.sent = bytes(raw)
        return self.sent

    def again(self) -> bytes:
        """The newest order once more: its sender was told nothing."""
        return self.sent or self.new_order()

    def _id_of(self, account: int, grant: int) -> tuple[int, int]:
        """(grant, id): new, or one that was seen, remembered or not."""
        rng, last = self.rng, self.world.ids.last.get((account, grant), 0)
        kind = rng.random()
        if kind < 0.12:
            known = [key for key in self.world.ids.outcomes if key[0] == account]
            if known:
                _, grant, client_id = rng.choice(known)
                return grant, client_id
        if kind < 0.2 and last:
            return grant, rng.randrange(1, last + 1)
        if self._one_in(150):
            return grant, last + rng.choice((1 << 61, 1 << 63)) & limits.I64_MAX | rng.getrandbits(1) << 63
        return grant, last + rng.choice((1, 1, 1, 2, 9))

    def set_id_window(self) -> bytes:
        """SET_ID_WINDOW."""
        window = self.rng.choice(self.profile.windows)
        if self._one_in(5):
            window = self.rng.choice((0, -1, limits.MAX_ID_WINDOW + 1, limits.I64_MAX))
        return co.set_id_window(window)

    # --- orders and quotes ---------------------------------------------------------------------------

    def maker(self) -> int:
        if self._one_in(25):
            return self._account()
        return limits.FIRST_USER_ACCOUNT + int(self.rng.random() * self.profile.makers)

    def maker_quotes(self) -> bytes:
        """A maker's MASS_QUOTE, mostly of a group it has."""
        rng, account, word = self.rng, self.maker(), 0
        mine = [group for group in self.world.groups.values() if group.account == account]
        everything = self.tradable
        if mine and rng.random() < self.profile.protected:
            group = rng.choice(mine)
            word = group.number + 1
            if not self._one_in(8):
                self.tradable = self.open_of(group.underlying) or everything
        raw = bytearray(super().mass_quote())
        self.tradable = everything
        struct.pack_into("<I", raw, 8, account)
        if self._one_in(40):
            word = rng.choice((1, GROUPS, limits.MAX_MMP_GROUPS, limits.MAX_MMP_GROUPS + 1, 1 << 31))
        struct.pack_into("<I", raw, 32, word)
        return bytes(raw)

    def open_of(self, underlying: int) -> list[Instrument]:
        """An underlying's instruments that can be traded now."""
        whole = self.world.underlyings[underlying]
        now = self.world.now_ms
        able = [i for i in self._of_underlying(whole) if i.marked and i.open_for_orders(now)]
        return able if whole.state == r.STATE_OPEN and whole.risk is not None else []

    def protected_order(self) -> bytes:
        """A maker's order with the protection bit, of any kind; rests or takes."""
        raw = bytearray(self.new_order()[:64])
        struct.pack_into("<I", raw, 8, self.maker())
        flags = int.from_bytes(raw[4:8], "little")
        struct.pack_into("<I", raw, 4, flags & 0xFF | r.FLAG_MMP)
        return self.with_id(bytes(raw))

    def taker(self) -> bytes:
        """An order through all that an instrument's book shows on a side, protected or not."""
        rng = self.rng
        shown = [i for i in self.tradable if i.book.bids.levels or i.book.asks.levels]
        if not shown:
            return self.new_order()
        instrument = rng.choice(shown)
        sells = bool(instrument.book.bids.levels) and (not instrument.book.asks.levels or self._one_in(2))
        flags = r.FLAG_SELL if sells else 0
        flags |= rng.choice((0, 0, r.FLAG_MMP))
        edge = instrument.min_price if sells else instrument.max_price
        kind = rng.choice((0, 0, r.TIF_IOC << r.TIF_SHIFT, r.TIF_FOK << r.TIF_SHIFT, 1 << r.TYPE_SHIFT))
        price = 0 if kind == 1 << r.TYPE_SHIFT else edge
        lots = self._fit(self._lots(instrument)) * rng.choice((1, 2, 5))
        account = self.maker() if flags & r.FLAG_MMP else self._account()
        return self.with_id(c.new_order(account, instrument.id, flags | kind, price, self._fit(lots)))

    def block_trade(self) -> bytes:
        """BLOCK_TRADE of a few trades, or the most, near the marks; mostly good, mostly of makers."""
        rng = self.rng
        taker = self._whale() if self._one_in(2) else self._account()
        count = rng.choice((1, 1, 2, 2, 3, 5)) if not self._one_in(60) else limits.BLOCK_MOST
        trades = [self._block_leg(taker) for _ in range(count)]
        grant = rng.getrandbits(2) if self._one_in(30) else 0
        if self._one_in(15):
            known = (self.world.last_block_id, self.world.last_block_id - 1, 0, -1)
            return block_trade(taker, rng.choice(known), trades, grant=grant)
        self.block_id += rng.choices((1, 7, 1 << 40), (20, 10, 0.2))[0]
        return block_trade(taker, self.block_id, trades, grant=grant)

    def _block_leg(self, taker: int) -> BlockTrade:
        """One trade with somebody, mostly rich, of another family and within the band; at its edge too."""
        rng, instrument = self.rng, self._instrument()
        maker = self._whale() if not self._one_in(6) else self._account()
        if maker == taker and not self._one_in(8):
            maker = self.maker()
        if self._one_in(40):
            maker = rng.choice((0, limits.ACCOUNT_BRIDGE, self.world.next_account))
        lots = self._fit(self._lots(instrument) * rng.choice((1, -1)))
        price = self._fit(self._price(instrument))
        if not self._one_in(10):
            price = max(instrument.min_price, min(price, instrument.max_price))
        if self._one_in(12):
            price = rng.choice((instrument.min_price, instrument.max_price))
        return BlockTrade(maker, instrument.id, lots, price)

    def amend(self) -> bytes:
        """AMEND; under rules 3 often with what is expected to be filled, or what is to remain."""
        made = super().amend()
        if not self.under_orders:
            return made
        raw, rng = bytearray(made), self.rng
        flags = int.from_bytes(raw[4:8], "little")
        order = self.world.orders.get(int.from_bytes(raw[32:40], "little"))
        filled = order.filled_lots if order else 0
        if self._one_in(2):
            flags |= r.AMEND_EXPECTED
            struct.pack_into("<q", raw, 72, filled + rng.choice((0, 0, 0, 0, 1, -1)))
        if flags & r.AMEND_SIZE and self._one_in(2):
            flags |= r.AMEND_REMAINING
            total = int.from_bytes(raw[48:56], "little", signed=True)
            struct.pack_into("<q", raw, 48, self._fit(total - filled))
        if self._one_in(25):
            flags ^= 1 << rng.randrange(21, 27)
        if self._one_in(40):
            struct.pack_into("<q", raw, rng.choice((72, 80, 88)), rng.choice((1, -1, limits.I64_MAX)))
        struct.pack_into("<I", raw, 4, flags)
        return bytes(raw)

    def cancel(self) -> bytes:
        """CANCEL; under rules 3 of a lost connection now and then."""
        raw = bytearray(super().cancel())
        if self.under_orders and self._one_in(4):
            raw[4] = self.rng.choice((1, 1, 1, 1, 2, 3))
        return bytes(raw)

    def cancel_many(self) -> bytes:
        """CANCEL_MANY; under rules 3 of every type, with a freeze, of a lost connection."""
        raw, rng = bytearray(super().cancel_many()), self.rng
        if not self.under_orders:
            return bytes(raw)
        flags = int.from_bytes(raw[4:8], "little")
        if self._one_in(2):
            flags |= rng.choice(self.filters) << r.TYPE_FILTER_SHIFT
        if self._one_in(3):
            flags |= r.FREEZE_QUOTES
            struct.pack_into("<I", raw, 8, self.maker())
        if self._one_in(3):
            flags |= r.MANY_DISCONNECTED
        if self._one_in(30):
            flags |= 1 << rng.randrange(13, 32)
        struct.pack_into("<I", raw, 4, flags)
        return bytes(raw)

    # --- protection ----------------------------------------------------------------------------------

    def _limits(self, underlying: int) -> MmpLimits:
        """Limits that some of an underlying's usual fills pass."""
        rng = self.rng
        mine = [i for i in self.tradable if i.terms.underlying == underlying] or self.world.instruments
        instrument: Instrument = rng.choice(mine)
        lot_e8, most = instrument.terms.lot_e8, self.profile.sizes
        if self.profile.huge:
            most = instrument.terms.position_limit_lots // 4
        usual = most * lot_e8
        quantity = int(usual * rng.uniform(0.3, self.profile.patience)) if not self._one_in(3) else 0
        delta = int(usual * rng.uniform(0.1, self.profile.patience / 3)) if self._one_in(2) else 0
        if quantity:
            delta = min(delta, quantity - 1)
        vega = 0
        if self._one_in(3):
            vega = int(instrument.vega_micro * usual // 10**8 * rng.uniform(0.1, self.profile.patience / 2))
        return MmpLimits(
            interval_ms=rng.choice((1, 400, 5_000, 20_000, limits.MAX_MMP_MS)),
            frozen_ms=rng.choice((0, 0, 1, 700, 6_000, limits.MAX_MMP_MS)),
            quantity_limit_e8=min(quantity, limits.MAX_MMP_LIMIT),
            delta_limit_e8=min(delta, limits.MAX_MMP_LIMIT - 1),
            vega_limit_micro=min(vega, limits.MAX_MMP_LIMIT),
            max_quote_e8=max(1, int(usual * rng.uniform(0.4, 6))),
        )

    def set_mmp(self) -> bytes:
        """SET_MMP: a group, a tighter one, none any more, or one out of bounds."""
        rng, underlying = self.rng, self.rng.getrandbits(1)
        number, maker = rng.randrange(GROUPS), self.maker()
        wanted = self._limits(underlying)
        if self._one_in(4):
            grown = [group for group in self.world.groups.values() if group.account == maker]
            if grown:
                old = rng.choice(grown)
                underlying, number = old.underlying, old.number
                most = max(1, old.limits.max_quote_e8 // rng.choice((1, 2, 5)))
                wanted = old.limits._replace(max_quote_e8=most)
        if self._one_in(7):
            wanted = wanted._replace(interval_ms=0, max_quote_e8=rng.choice((0, 0, 5)))
        if self._one_in(6):
            field = rng.choice(wanted._fields)
            amounts = (limits.MAX_MMP_LIMIT, limits.MAX_MMP_LIMIT + 1)
            beyond = rng.choice((-1, 0, limits.MAX_MMP_MS + 1, *amounts))
            wanted = wanted._replace(**{field: beyond})
        if self._one_in(15):
            wanted = wanted._replace(quantity_limit_e8=5, delta_limit_e8=rng.choice((4, 5, 6)))
        if self._one_in(30):
            number = rng.choice((limits.MAX_MMP_GROUPS - 1, limits.MAX_MMP_GROUPS, 0xFFFFFFFF))
        if self._one_in(25):
            maker, underlying = rng.choice(((maker, 99), (9_999, underlying)))
        return co.set_mmp(maker, underlying, number, wanted, grant=rng.getrandbits(1))

    def reset_mmp(self) -> bytes:
        """RESET_MMP, mostly of a frozen group."""
        frozen: list[Group] = [g for g in self.world.groups.values() if g.is_frozen(self.world.now_ms)]
        if frozen and not self._one_in(5):
            group = self.rng.choice(frozen)
            return co.reset_mmp(*group.key, grant=self.rng.getrandbits(1))
        underlying = self.rng.choice((0, 1, 1, 99)) if self._one_in(5) else self.rng.getrandbits(1)
        return co.reset_mmp(self.maker(), underlying, self.rng.randrange(GROUPS + 1))

    def forged(self) -> bytes:
        """A command of the venue's, sent under a grant."""
        if not self.under_orders or not self._one_in(4):
            return super().forged()
        raw = bytearray(self.set_id_window())
        raw[24] = 7
        return bytes(raw)

    def not_yet(self) -> bytes:
        """A command there is none of, or one spoiled."""
        made = self.rng.choice((self.set_mmp, self.reset_mmp, self.set_id_window, self.cancel))()
        return self.hostile.spoil(made)
