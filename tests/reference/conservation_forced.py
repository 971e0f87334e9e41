"""Conservation's traffic under rules 6: positions that move within families, withdrawals forced on the L1."""

from __future__ import annotations

from collections.abc import Callable

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import limits
from exchange.domain.commands_blocks import BlockTrade, PositionMove, block_trade, move_positions
from exchange.domain.commands_bridge import forced_withdrawal
from tests.reference.conservation_combos import ConservationCombos
from tests.reference.conservation_traffic import FIRST, SUBACCOUNTS, USDC

FAMILY = 1 + SUBACCOUNTS


class ConservationForced(ConservationCombos):
    """`ConservationCombos` after the switch to rules 6. Who was paid out is given money again."""

    def __init__(self, seed: int, engine: Engine) -> None:
        super().__init__(seed, engine)
        self.next_request = 0
        made: list[tuple[int, Callable[[], bytes]]] = [
            (45, self._moves),
            (20, self._family_block),
            (20, self._forced),
            (6, self._refused_deposit),
        ]
        self._weights += [weight for weight, _ in made]
        self._makers += [maker for _, maker in made]

    def opening(self) -> bytes:
        """As under rules 4, and both switches."""
        return super().opening() + c.set_rules(5) + c.set_rules(6)

    def batch(self, commands_count: int = 50) -> bytes:
        """As under rules 4; requests go on behind the last that was answered."""
        self.next_request = self.engine.forced_through
        return super().batch(commands_count)

    def _pair(self) -> tuple[int, int]:
        """Two accounts of a family."""
        main = FIRST + self.rng.randrange((self.next_account - FIRST) // FAMILY) * FAMILY
        source, destination = self.rng.sample(range(main, main + FAMILY), 2)
        return source, destination

    def _moves(self) -> bytes:
        """MOVE_POSITIONS of one or two that are held, whole or in part, near what they were bought at."""
        rng, (source, destination) = self.rng, self._pair()
        held = [seat for seat in queries.positions(self.engine, source) if seat.size_lots]
        moves = []
        for seat in rng.sample(held, min(len(held), rng.choice((1, 1, 2)))):
            size = seat.size_lots
            lots = rng.choice((size, size // 2 or size, 1 if size > 0 else -1))
            average = abs(seat.entry_value_micro) // abs(size)
            moves.append(PositionMove(seat.instrument, lots, rng.choice((average, average, 0))))
        return move_positions(source, destination, moves) if moves else self._new_order()

    def _family_block(self) -> bytes:
        """BLOCK_TRADE of two accounts of a family with somebody else, at the mark."""
        rng, (taker, other) = self.rng, self._pair()
        trades = []
        for account in (taker, other):
            number = rng.choice(self.alive)
            price = max(1, self.marks[number] // self.terms[number].tick_micro)
            price -= price % self.terms[number].tick_steps[-1][1]
            lots = rng.choice((-1, 1)) * rng.randint(1, 60)
            trades.append(BlockTrade(self._account(), number, lots, price, account))
        self.next_block += 1
        return block_trade(taker, self.next_block, trades)

    def _forced(self) -> bytes:
        """FORCED_WITHDRAWAL of a part or of all there is; then a deposit mostly, so that trading goes on."""
        rng, account = self.rng, self._account()
        cash = max(1, queries.account_figures(self.engine, account).cash_micro)
        asked = rng.choice((1, cash // 10 + 1, cash // 2 + 1, limits.I64_MAX))
        self.next_request += 1
        made = forced_withdrawal(account, asked, self.next_request)
        if rng.random() < 0.7:
            made += self._deposited(account, rng.choice((300, 3_000, 30_000)) * USDC)
        return made

    def _refused_deposit(self) -> bytes:
        """DEPOSIT to nobody, or of nothing."""
        return self._deposited(self.rng.choice((0, self.next_account)), self.rng.choice((0, USDC)))
