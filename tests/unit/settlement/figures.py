"""The figures in docs/settlement.md: `python -m tests.unit.settlement.figures`.

A seeded stream of fills: 500 options on two underlyings and 5,020 accounts, 20 of them makers. Takers,
makers and instruments are drawn by Zipf's law with exponents 0.9, 0.8 and 1.1; one taking order in five
makes two fills; sizes are round numbers of lots; prices walk by tick steps of 5; the index moves after
every 1 to 24 fills (12 on average).
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms
from exchange.domain.events import Header, Trade
from settlement import transition as tr
from settlement.batch import BatchBuilder, Frame, Limits
from settlement.l1.mock import MockL1
from settlement.state import State
from settlement.store import Store
from settlement.verify import verify
from tests.unit.settlement import streams
from tests.unit.settlement.streams import OPTION, TIME_MS

INSTRUMENTS, TAKERS, MAKERS = 500, 5_000, 20
SIZES = (1, 1, 1, 1, 2, 2, 5, 5, 10, 10, 20, 25, 50, 100)
STEPS = (-10, -5, -5, 0, 0, 0, 5, 5, 10)


def zipf(count: int, exponent: float) -> list[float]:
    return [1 / (rank + 1) ** exponent for rank in range(count)]


class Stream:
    """The opening as one frame, then frames of fills."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.seq = self.trade_id = 0
        self.index = [100_000_000_000, 4_000_000_000]
        self.instruments = self.rng.sample(range(INSTRUMENTS), INSTRUMENTS)
        self.takers = self.rng.sample(range(64 + MAKERS, 64 + MAKERS + TAKERS), TAKERS)
        self.prices = [self.rng.randint(50, 5_000) * 5 for _ in range(INSTRUMENTS)]
        self.weights = zipf(INSTRUMENTS, 1.1), zipf(TAKERS, 0.9), zipf(MAKERS, 0.8)
        self.deposits: list[tuple[int, int]] = []
        self.left = 0

    def next(self) -> int:
        self.seq += 1
        return self.seq

    def terms(self, number: int) -> InstrumentTerms:
        return OPTION._replace(
            underlying=number % 2,
            option_type=r.OPTION_CALL if number % 4 < 2 else r.OPTION_PUT,
            strike_micro=(50 + number // 8) * 10**9,
            expiry_ms=TIME_MS + (1 + number % 8) * 7 * 86_400_000,
        )

    def opening(self) -> Frame:
        told = [streams.underlying(self.next(), n, name) for n, name in enumerate(("BTC", "ETH"))]
        told += [streams.instrument(self.next(), n, self.terms(n)) for n in range(INSTRUMENTS)]
        for number in range(64, 64 + MAKERS + TAKERS):
            told.append(streams.account(self.next(), number, self.rng.randbytes(20)))
            amount = self.rng.choice((10**10, 5 * 10**10, 10**12))
            self.deposits.append((number, amount))
            told.append(streams.cash(self.next(), number, amount, amount, len(self.deposits)))
        return Frame(1, self.seq, b"".join(told))

    def order(self) -> Frame:
        """One taking order."""
        rng, seq = self.rng, self.next()
        (number,) = rng.choices(self.instruments, self.weights[0])
        (taker,) = rng.choices(self.takers, self.weights[1])
        sells, terms = rng.random() < 0.5, self.terms(number)
        if self.left <= 0:
            which = rng.randrange(2)
            self.index[which] += round(self.index[which] * rng.gauss(0, 3e-5)) // 10_000 * 10_000
            self.left = rng.randint(1, 24)
        told: list[bytes] = []
        for _ in range(1 if rng.random() < 0.8 else 2):
            maker = 64 + rng.choices(range(MAKERS), self.weights[2])[0]
            lots, spot = rng.choice(SIZES), self.index[terms.underlying]
            self.prices[number] = price = max(5, self.prices[number] + rng.choice(STEPS))
            value = tr.fill_value_micro(terms, price, lots)
            fees = [tr.trade_fee_micro(terms, ppm, spot, lots, value) for ppm in (300, 500)]
            self.trade_id += 1
            self.left -= 1
            head = Header(r.EV_TRADE, 1, 5, len(told), seq, taker, number, self.trade_id)
            figures = (fees[0], fees[1], int(sells), TIME_MS, spot, 1, 1, 1, value, 0, 0, 0)
            told.append(streams.trade(Trade(head, 1, 2, price, lots, maker, taker, *figures)))
        return Frame(seq, seq, b"".join(told))


def measure(fills: int, batches: int, directory: Path) -> None:
    stream, builder = Stream(), BatchBuilder(State(), Limits(fills, 1 << 60))
    store, clock = Store(directory / "s.sqlite"), [TIME_MS]
    l1 = MockL1(directory / "l1.sqlite", lambda: clock[0], block_ms=1)
    builder.add(stream.opening(), 0)
    for account, amount in stream.deposits:
        l1.faucet(account, amount)
    sizes: list[float] = []
    seconds: list[float] = []
    while len(sizes) <= batches:
        frames: list[Frame] = []
        target = stream.trade_id + fills
        while sizes and stream.trade_id < target:
            frames.append(stream.order())
        started = time.perf_counter()
        for frame in frames:
            builder.add(frame, 0)
        batch = builder.close(bytes(32), 0)
        store.commit(batch, builder.state)
        builder.begin()
        seconds.append(time.perf_counter() - started)
        sizes.append((len(batch.body) + len(batch.header.pack())) / max(1, batch.header.fills))
        l1.post_batch(batch.header.pack(), batch.body)
        clock[0] += 10
        l1.tick()
    store.close()
    l1.close()
    started = time.perf_counter()
    report = verify(directory / "l1.sqlite")
    spent = time.perf_counter() - started
    assert report.ok, report.problems
    mean = sum(sizes[1:]) / batches
    build = sorted(seconds[1:])[batches // 2]
    print(f"{fills:>6} fills a batch: {mean:.2f} bytes a fill, header included;", end=" ")
    print(f"ledger, root, body, commit {build * 1000:.0f} ms; verify {report.fills / spent:,.0f} fills/s")


if __name__ == "__main__":
    for count, rounds in ((1_000, 20), (10_000, 5)):
        with tempfile.TemporaryDirectory() as place:
            measure(count, rounds, Path(place))
