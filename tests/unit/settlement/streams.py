"""Event streams for settlement's tests: event packers, and a small random venue with its own arithmetic.

The venue keeps its books the obvious way, with fractions, so that what settlement works out has
something independent to agree with.
"""

from __future__ import annotations

import math
import random
import struct
from dataclasses import dataclass, field
from fractions import Fraction

from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms, pack_terms, symbol_word
from exchange.domain.events import Header, Trade
from settlement.batch import Frame

TIME_MS = 1_790_000_000_000
OPTION = InstrumentTerms(
    kind=r.KIND_OPTION,
    option_type=r.OPTION_CALL,
    underlying=0,
    expiry_ms=TIME_MS + 86_400_000,
    strike_micro=100_000_000_000,
    tick_micro=1_000_000,
    lot_e8=1_000_000,
    min_size_lots=1,
    price_limit_ticks=100_000,
    position_limit_lots=1_000_000,
    maker_fee_ppm=300,
    taker_fee_ppm=500,
    fee_cap_permille=125,
    delivery_fee_ppm=150,
    band_ppm=50_000,
    tick_steps=((0, 5), (1_000, 10)),
)
PERPETUAL = OPTION._replace(
    kind=r.KIND_PERPETUAL,
    option_type=r.OPTION_NONE,
    expiry_ms=0,
    strike_micro=0,
    fee_cap_permille=0,
    delivery_fee_ppm=0,
    price_limit_ticks=1_000_000,
    tick_steps=((0, 1),),
)


def head(kind: int, units: int, index: int, seq: int, who: int = 0, what: int = 0, ident: int = 0) -> bytes:
    return struct.pack("<BBHIQIIq", kind, 1, units, index, seq, who, what, ident)


def body(*words: int) -> bytes:
    padded = [*words, *[0] * (-len(words) % 4)]
    return struct.pack(f"<{len(padded)}q", *padded)


def pair(low: int, high: int) -> int:
    value = low | high << 32
    return value - (1 << 64) if value >> 63 else value


def done(seq: int, index: int = 0, command: int = r.TIME) -> bytes:
    return head(r.EV_DONE, 2, index, seq) + body(pair(command, 0), 0, TIME_MS)


def rejected(seq: int) -> bytes:
    return head(r.EV_REJECTED, 2, 0, seq, 64) + body(pair(5, r.CANCEL), 0, 0, -1)


def order(seq: int, index: int = 0) -> bytes:
    return head(r.EV_ORDER, 5, index, seq, 64, 0, seq) + body(*[1] * 16)


def marked(seq: int) -> bytes:
    return head(r.EV_MARKED, 2, 0, seq) + body(1, 1, TIME_MS)


def underlying(seq: int, number: int, symbol: str) -> bytes:
    return head(r.EV_UNDERLYING, 2, 0, seq, 0, number) + body(symbol_word(symbol), TIME_MS)


def instrument(seq: int, number: int, terms: InstrumentTerms, state: int = 0, index: int = 0) -> bytes:
    return head(r.EV_INSTRUMENT, 8, index, seq, 0, number) + pack_terms(terms) + body(state, TIME_MS)


def account(seq: int, number: int, owner: bytes = bytes(20), flags: int = 0) -> bytes:
    packed = struct.unpack("<3q", owner.ljust(24, b"\0"))
    return head(r.EV_ACCOUNT, 3, 0, seq, number) + body(*packed, TIME_MS, flags)


def cash(seq: int, number: int, delta: int, balance: int, ident: int, kind: int = r.CASH_DEPOSIT) -> bytes:
    return head(r.EV_CASH, 3, 0, seq, number, 0, ident) + body(delta, balance, pair(kind, 3), TIME_MS, 0)


def trade(fields: Trade) -> bytes:
    return struct.pack("<BBHIQIIq", *fields.head) + struct.pack("<qqqqIIqqqqqqqqqIIq", *fields[1:])


@dataclass
class Holder:
    """One account in the venue's books."""

    cash: int = 0
    positions: dict[int, list[int]] = field(default_factory=dict)


class Venue:
    """A venue that takes random, valid decisions and tells them as events, one command after another."""

    def __init__(self, seed: int, accounts: int = 6) -> None:
        self.random = random.Random(seed)
        self.seq = 0
        self.trade_id = 0
        self.deposit_id = 0
        self.index = {0: 100_000_000_000, 1: 4_000_000_000}
        self.holders: dict[int, Holder] = {1: Holder(), 3: Holder()}
        self.terms: dict[int, InstrumentTerms] = {}
        self.states: dict[int, int] = {}
        self.deposits: list[tuple[int, int, int]] = []
        self.opening = self._open(accounts)

    def _open(self, accounts: int) -> list[bytes]:
        commands = [underlying(self.next(), 0, "BTC"), underlying(self.next(), 1, "ETH")]
        ether = OPTION._replace(underlying=1, strike_micro=4_000_000_000, lot_e8=10_000_000)
        put = OPTION._replace(option_type=r.OPTION_PUT)
        commands.extend(self.list_instrument(terms) for terms in (OPTION, put, ether, PERPETUAL))
        for _ in range(accounts):
            number = 64 + sum(n >= 64 for n in self.holders)
            self.holders[number] = Holder()
            commands.append(account(self.next(), number, self.random.randbytes(20)))
            commands.append(self.deposit(number, self.random.randint(1, 10**13)))
        return commands

    def next(self) -> int:
        self.seq += 1
        return self.seq

    def list_instrument(self, terms: InstrumentTerms) -> bytes:
        number = len(self.terms)
        self.terms[number], self.states[number] = terms, r.STATE_OPEN
        return instrument(self.next(), number, terms)

    def deposit(self, number: int, amount: int) -> bytes:
        self.deposit_id += 1
        self.deposits.append((self.deposit_id, number, amount))
        self.holders[number].cash += amount
        self.holders[3].cash -= amount
        return cash(self.next(), number, amount, self.holders[number].cash, self.deposit_id)

    def fee(self, terms: InstrumentTerms, ppm: int, index: int, lots: int, value: int) -> int:
        per_lot = math.ceil(Fraction(index * terms.lot_e8, 10**8))
        nano = math.ceil(Fraction(per_lot * ppm, 1000))
        fee = math.ceil(Fraction(nano * lots, 1000))
        if terms.kind == r.KIND_OPTION and terms.fee_cap_permille:
            fee = min(fee, math.floor(Fraction(value * terms.fee_cap_permille, 1000)))
        return fee

    def match(self, number: int, index: int = 0, seq: int = 0) -> bytes:
        """One random match in an instrument."""
        terms, rng = self.terms[number], self.random
        maker, taker = rng.sample([n for n in self.holders if n >= 64], 2)
        price = rng.randint(1, 200) * 5 if terms.kind == r.KIND_OPTION else rng.randint(90_000, 110_000)
        lots, sells = rng.randint(1, 50), rng.random() < 0.5
        spot = self.index[terms.underlying]
        value = price * lots * terms.tick_micro * terms.lot_e8 // 10**8
        fees = [self.fee(terms, ppm, spot, lots, value) for ppm in (terms.maker_fee_ppm, terms.taker_fee_ppm)]
        side = -1 if sells else 1
        for who, sign, fee in ((maker, -side, fees[0]), (taker, side, fees[1])):
            holder = self.holders[who]
            position = holder.positions.setdefault(number, [0, 0])
            position[0] += sign * lots
            position[1] += sign * value
            holder.cash -= fee + (sign * value if terms.kind == r.KIND_OPTION else 0)
            self.holders[1].cash += fee
        self.trade_id += 1
        named = Header(r.EV_TRADE, 1, 5, index, seq or self.next(), taker, number, self.trade_id)
        figures = (TIME_MS, spot, 1, 1, 1, value, 0, 0, 0)
        return trade(Trade(named, 1, 2, price, lots, maker, taker, fees[0], fees[1], int(sells), *figures))

    def take(self) -> bytes:
        """A taking order: some matches, each with the maker's order, then the taker's."""
        seq, number = self.next(), self.random.choice(self.open_instruments())
        parts: list[bytes] = []
        for _ in range(self.random.randint(1, 3)):
            parts.append(self.match(number, len(parts), seq))
            parts.append(order(seq, len(parts)))
        return b"".join([*parts, order(seq, len(parts))])

    def open_instruments(self) -> list[int]:
        return [n for n, state in self.states.items() if state == r.STATE_OPEN]

    def withdraw(self) -> bytes:
        number = self.random.choice([n for n in self.holders if n >= 64])
        holder = self.holders[number]
        if holder.cash < 1:
            return rejected(self.next())
        amount = self.random.randint(1, holder.cash)
        holder.cash -= amount
        self.holders[3].cash += amount
        return cash(self.next(), number, -amount, holder.cash, 0, r.CASH_WITHDRAWAL)

    def settle(self, number: int, kind: int, price: int) -> bytes:
        """A settlement of every holder, as SETTLED events and what ends the command."""
        terms, seq, parts = self.terms[number], self.next(), list[bytes]()
        for who in sorted(self.holders):
            holder = self.holders[who]
            size, entry = holder.positions.get(number, [0, 0])
            if size == 0 and (entry == 0 or kind == r.SETTLED_FUNDING):
                continue
            delta, fee, after = self._settled(terms, kind, price, size, entry)
            holder.cash += delta
            self.holders[1].cash += fee
            holder.positions[number] = [0, 0] if kind == r.SETTLED_DELIVERY else [size, after]
            parts.append(
                head(r.EV_SETTLED, 4, len(parts), seq, who, number, kind)
                + body(size, delta, fee, price, TIME_MS, entry, after, holder.cash)
                + body(0, 0, 0, 0)
            )
        if kind == r.SETTLED_DELIVERY:
            self.states[number] = r.STATE_DELIVERED
            return b"".join([*parts, instrument(seq, number, terms, r.STATE_DELIVERED, len(parts))])
        return b"".join([*parts, done(seq, len(parts), r.SETTLE_PERPETUAL)])

    def _settled(
        self, terms: InstrumentTerms, kind: int, price: int, size: int, entry: int
    ) -> tuple[int, int, int]:
        if kind == r.SETTLED_FUNDING:
            return -price * size, 0, entry
        if kind == r.SETTLED_PERPETUAL:
            after = price * size * terms.tick_micro * terms.lot_e8 // 10**8
            return after - entry, 0, after
        inside = price - terms.strike_micro
        if terms.option_type == r.OPTION_PUT:
            inside = -inside
        payoff = size * math.floor(Fraction(max(0, inside) * terms.lot_e8, 10**8))
        per_lot = math.ceil(Fraction(price * terms.lot_e8, 10**8))
        nano = math.ceil(Fraction(per_lot * terms.delivery_fee_ppm, 1000))
        fee = math.ceil(Fraction(nano * abs(size), 1000))
        if terms.fee_cap_permille:
            fee = min(fee, math.floor(Fraction(abs(payoff) * terms.fee_cap_permille, 1000)))
        return payoff - fee, fee, 0

    def step(self) -> bytes:
        """One random command's events."""
        rng = self.random
        draw = rng.random()
        if draw < 0.05:
            which = rng.randrange(2)
            self.index[which] += rng.randint(-(10**6), 10**6)
            return marked(self.next())
        if draw < 0.15:
            return rng.choice((rejected, order, done))(self.next())
        if draw < 0.18:
            return self.deposit(rng.choice([n for n in self.holders if n >= 64]), rng.randint(1, 10**12))
        if draw < 0.20:
            return self.withdraw()
        if draw < 0.23:
            return self.settle(3, *rng.choice(((2, rng.randint(90_000, 110_000)), (3, rng.randint(-99, 99)))))
        if draw < 0.24:
            return self.list_instrument(OPTION._replace(strike_micro=rng.randint(80, 120) * 10**9))
        if draw < 0.25:
            number = 64 + sum(n >= 64 for n in self.holders)
            self.holders[number] = Holder()
            return account(self.next(), number, rng.randbytes(20), rng.randrange(2))
        expiring = [n for n in self.open_instruments() if n >= 4]
        if draw < 0.26 and expiring:
            return self.settle(rng.choice(expiring), r.SETTLED_DELIVERY, rng.randint(70, 130) * 10**9 + 1)
        return self.take()

    def frames(self, commands: int, per_frame: int = 7) -> list[Frame]:
        """The opening (once) and that many random commands, in frames of up to `per_frame` commands."""
        told, self.opening = [*self.opening], []
        told += [self.step() for _ in range(commands)]
        first = self.seq - len(told) + 1
        found: list[Frame] = []
        at = 0
        while at < len(told):
            count = self.random.randint(1, per_frame)
            part = told[at : at + count]
            found.append(Frame(first + at, first + at + len(part) - 1, b"".join(part)))
            at += len(part)
        return found

    def books(self) -> dict[int, tuple[int, dict[int, tuple[int, int]]]]:
        """{account: (cash, {instrument: (size, entry)})}, flat positions left out."""
        return {
            number: (
                holder.cash,
                {n: (size, entry) for n, (size, entry) in sorted(holder.positions.items()) if size or entry},
            )
            for number, holder in self.holders.items()
        }
