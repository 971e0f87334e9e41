"""Seeded random command streams under rules 5: `ComboTraffic`, and positions that move within families."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain.commands_blocks import BlockTrade, PositionMove, block_trade, move_positions
from tests.reference.accounts import Account, Seat
from tests.reference.combo_generator import COMBO_PROFILES, ComboProfile, ComboTraffic
from tests.reference.engine import ReferenceEngine

MOVE_PROFILES = COMBO_PROFILES


class MoveTraffic(ComboTraffic):
    """A stream that ends under rules 5, where accounts of a family pass positions to each other."""

    def __init__(self, seed: int, engine: ReferenceEngine, profile: ComboProfile | None = None) -> None:
        super().__init__(seed, engine, profile)
        self.moves_after = self.combos_after + self.rng.choice((30, 60))
        self.under_moves = False

    def batch(self, count: int) -> bytes:
        """As under rules 4, and moves; the first commands of rules 5 when it is time."""
        if self.under_combos and not self.under_moves and self.engine.next_seq > self.moves_after:
            self.under_moves = True
            self._makers += [self.move_positions, self.block_of_a_family, self.grant]
            self._weights += [14.0, 6.0, 3.0]
            too_early = self.move_positions() + self.block_of_a_family() + self.grant()
            return too_early + c.set_rules(5) + self._families()
        if self.under_moves and count > 4 and self._one_in(3):
            return b"".join((self.move_positions(), self.block_of_a_family(), self.move_positions()))
        return super().batch(count)

    def _families(self) -> bytes:
        """A subaccount more for some, with cash."""
        made: list[bytes] = []
        for main in self.rng.sample(self._mains(), k=min(3, len(self._mains()))):
            number = self.world.next_account + len(made) // 2
            made += [c.create_account(number, bytes(20), main=main), self._cash(main, number)]
        return b"".join(made)

    def _cash(self, source: int, destination: int) -> bytes:
        amount = max(1, self.world.accounts[source].cash_micro // self.rng.choice((2, 5, 50)))
        return cr.transfer(source, destination, min(amount, limits.MAX_DEPOSIT_MICRO), 1)

    def _mains(self) -> list[int]:
        users = self.world.users_from(limits.FIRST_USER_ACCOUNT, self.world.next_account)
        return [account.id for account in users if account.main == 0]

    # --- commands ------------------------------------------------------------------------------------

    def move_positions(self) -> bytes:
        """MOVE_POSITIONS, mostly of what is held and within a family; with something wrong now and then."""
        rng = self.rng
        source, destination = self._pair()
        held = [seat for seat in source.seats.values() if seat.size_lots] or list(source.seats.values())
        count = rng.choice((1, 1, 2, 3)) if not self._one_in(60) else limits.BLOCK_MOST
        moves = [self._move(rng.choice(held) if held else None) for _ in range(count)]
        if self._one_in(30):
            moves = moves * (limits.BLOCK_MOST + 1) if self._one_in(2) else []
        made = bytearray(move_positions(source.id, destination, moves, grant=int(self._one_in(40))))
        if self._one_in(40):
            at = rng.choice((4, 36, 48, 56, 68, 88))
            if at < len(made) - 3:
                struct.pack_into("<I", made, at, 1)
        return bytes(made)

    def grant(self) -> bytes:
        """GRANT, of any bytes and now and then with something wrong."""
        rng = self.rng
        size = rng.choice((1, 31, 32, 33, 65, rng.randrange(1, 400)))
        if self._one_in(15):
            size = rng.choice((0, limits.MAX_GRANT_BYTES, limits.MAX_GRANT_BYTES + 1))
        account = self._account() if not self._one_in(12) else rng.choice((0, 63, self.world.next_account))
        kind = rng.choice((1, 2, 3)) if not self._one_in(12) else rng.choice((0, 4, 1 << 31))
        made = bytearray(c.grant(account, rng.choice((0, 7, 1 << 31 | 5)), kind, rng.randbytes(size)))
        if self._one_in(10):
            at = rng.choice((24, 28, len(made) - 4))
            struct.pack_into("<I", made, at, rng.choice((1, 32, 33, 2_000)))
        return bytes(made)

    def _pair(self) -> tuple[Account, int]:
        """Who gives, mostly one that holds something, and who takes."""
        rng, accounts = self.rng, self.world.accounts
        users = self.world.users_from(limits.FIRST_USER_ACCOUNT, self.world.next_account)
        holding = [one for one in users if any(s.size_lots for s in one.seats.values())] or users
        related = [one for one in holding if self.world.family_of(one)]
        source = rng.choice(related if related and not self._one_in(8) else holding)
        family = self.world.family_of(source)
        if self._one_in(25):
            return accounts[limits.ACCOUNT_FEES] if self._one_in(2) else source, source.id
        if not family or self._one_in(15):
            return source, rng.choice((*accounts, self.world.next_account))
        return source, rng.choice(family).id

    def _move(self, seat: Seat | None) -> PositionMove:
        """A part of a position or all of it, at its average price, the mark, nothing or the most."""
        rng = self.rng
        if seat is None or self._one_in(20):
            number = rng.randrange(len(self.world.instruments) + 1)
            return PositionMove(number, rng.choice((1, -1, 0)), rng.choice((0, 1, limits.I64_MAX)))
        instrument, size = seat.instrument, seat.size_lots
        lots = rng.choice((size, size, size // 2 or size, 1 if size > 0 else -1))
        if self._one_in(12):
            lots = rng.choice((0, -size, size + 1, size - 1, 2 * size))
        most = instrument.terms.price_limit_ticks * instrument.multiplier_micro
        average = abs(seat.entry_value_micro) // max(1, abs(size))
        price = rng.choice((average, average, instrument.mark_low, instrument.mark_high))
        if self._one_in(10):
            price = rng.choice((0, most, most + 1, -1))
        return PositionMove(instrument.id, self._fit(lots), self._fit(price))

    def _legs(self, taker: int) -> Iterator[BlockTrade]:
        """Trades of a block, mostly of no combo."""
        known = self.world.instruments
        while True:
            leg = self._block_leg(taker)
            if leg.instrument >= len(known) or not known[leg.instrument].is_combo or self._one_in(20):
                yield leg

    def block_of_a_family(self) -> bytes:
        """BLOCK_TRADE whose trades are of several accounts of a family."""
        rng = self.rng
        owner, _ = self._pair()
        family = [owner, *self.world.family_of(owner)]
        trades = []
        for _ in range(rng.choice((1, 2, 3))):
            taker = rng.choice(family).id if not self._one_in(15) else self._account()
            leg = next(self._legs(taker))
            trades.append(leg._replace(taker_account=rng.choice((0, taker, taker))))
        if self._one_in(20):
            trades = [BlockTrade(*trades[0][:4], self.world.next_account)]
        self.block_id += 1
        made = bytearray(block_trade(owner.id, self.block_id, trades))
        if self._one_in(30):
            struct.pack_into("<I", made, 92, 1)
        return bytes(made) if self.under_orders else co.fire()
