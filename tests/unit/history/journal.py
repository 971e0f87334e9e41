"""A journal of a small market on real segments: two accounts that trade with labels."""

from __future__ import annotations

from exchange.core.engine import Engine
from exchange.domain import commands
from exchange.domain import records as r
from exchange.journal import JournalWriter, Storage, count_records
from tests.unit.gateway.rig import listings

MAKER, TAKER = 64, 65


class Market:
    """Applies commands, writes them and their events as frames."""

    def __init__(self, storage: Storage, segment_bytes: int = 1 << 20) -> None:
        self.engine = Engine()
        self.storage = storage
        self.writer = JournalWriter(storage, segment_bytes=segment_bytes)
        self.labels = 0
        self.run(*listings(), commands.create_account(MAKER), commands.create_account(TAKER))
        self.run(commands.deposit(MAKER, 10**13, 1), commands.deposit(TAKER, 10**13, 2))

    def run(self, *packed: bytes) -> bytes:
        first = self.engine.next_seq
        batch = b"".join(packed)
        events = self.engine.apply(batch)
        self.writer.append_commands(first, batch, len(packed))
        self.writer.sync()
        self.writer.append_events(first, len(packed), count_records(events), events)
        return events

    def trade(self, instrument: int = 0, price_ticks: int = 1000) -> None:
        """The maker sells one lot under a label, the taker buys it."""
        self.labels += 1
        text = f"ask {self.labels}"
        self.run(
            commands.label(MAKER, self.labels, text),
            commands.new_order(MAKER, instrument, r.FLAG_SELL, price_ticks, 2, label=self.labels),
        )
        self.run(commands.new_order(TAKER, instrument, 0, price_ticks, 2))
