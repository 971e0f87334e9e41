"""What scripted streams under rules 2 begin with: parameters, accounts, marks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from tests.reference.rates import RATES
from tests.reference.scenarios import BOB

CAROL, DAVE = BOB + 1, BOB + 2
PARAMETERS = RATES._replace(
    shock_threshold_micro=10**12,
    liquidation_fee_ppm=1_000,
    liquidation_slice_micro=10**12,
    auction_ms=10_000,
)


def activation(*underlyings: int) -> bytes:
    """Rules 2, and parameters of these underlyings."""
    return c.set_rules(2) + b"".join(cr.risk(n, PARAMETERS) for n in underlyings or (0,))


def more_accounts(*accounts: int, amount_micro: int = limits.MAX_DEPOSIT_MICRO) -> bytes:
    """Accounts behind those of `opening`, with money."""
    made = [c.create_account(n) + c.deposit(n, amount_micro, 100 + n) for n in accounts]
    return b"".join(made)


def marked(feed_seq: int, index_micro: int, instrument: int = 0) -> bytes:
    """One instrument's mark and forward at a new index."""
    return c.marks(0, index_micro, feed_seq, [c.Mark(instrument, 0, index_micro, 0, index_micro)])


Stream = Callable[[], Iterator[bytes]]
BATCH_BYTES = 64 * 600


def in_few_batches(stream: Stream) -> Stream:
    """The same commands in batches of some hundred, for who looks at every account after each."""

    def few() -> Iterator[bytes]:
        waiting: list[bytes] = []
        for batch in stream():
            waiting.append(batch)
            if sum(map(len, waiting)) >= BATCH_BYTES:
                yield b"".join(waiting)
                waiting.clear()
        yield b"".join(waiting)

    return few
