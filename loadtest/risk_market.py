"""The venues of the risk benchmark: the core benchmark's market under rules 2, and accounts of positions.

Everything here is packed outside the timing. The instruments are those of :mod:`loadtest.packed`, the risk
parameters and the 35 scenarios the venue's defaults; the tables are computed at one volatility.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.app import parameters
from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from loadtest import packed
from loadtest.workload import ACCOUNT_FIRST, ACCOUNTS_COUNT, INSTRUMENTS_COUNT, Workload, anchor_price_ticks
from pricing.european import MS_PER_YEAR
from pricing.scenarios import UNCHANGED, grid_of, scenario_values

RISK: Final = (parameters.BTC, parameters.ETH)
"""The venue's own defaults."""
SCENARIOS: Final = parameters.GRID.scenarios
QUANTUM_MICRO: Final = parameters.GRID.quantum_micro
POSITIONS_COUNT: Final = 20
GROUPS_COUNT: Final = INSTRUMENTS_COUNT // POSITIONS_COUNT
POSITION_LOTS: Final = 20
_VOL: Final = 0.6
_E8: Final = 100_000_000
_STRIDE: Final = 11  # has no divisor in common with the count of instruments
DEPOSIT_MICRO: Final = 20_000_000_000_000
SMALL_DEPOSIT_MICRO: Final = 5_000_000_000_000

Integers = NDArray[np.int64]


def scenario_table(
    terms: Sequence[commands.InstrumentTerms], index_micro: int, now_ms: int = packed.NOW_MS
) -> Integers:
    """What one lot of each instrument gains in each scenario, in quanta, rounded down."""
    moves, rules, weights = grid_of(SCENARIOS)
    forward = index_micro / 1e6
    gains = np.empty((len(terms), len(SCENARIOS)))
    perpetual = np.array([term.kind == r.KIND_PERPETUAL for term in terms])
    gains[perpetual] = forward * moves
    options = [term for term in terms if term.kind == r.KIND_OPTION]
    if options:
        strikes = np.array([term.strike_micro / 1e6 for term in options])
        years = np.array([(term.expiry_ms - now_ms) / MS_PER_YEAR for term in options])
        calls = np.array([term.option_type == r.OPTION_CALL for term in options])
        moved = scenario_values(forward, strikes, years, _VOL, calls, moves, rules)
        still = scenario_values(forward, strikes, years, _VOL, calls, [0.0], [UNCHANGED])
        gains[~perpetual] = (moved - still).T
    lots = np.array([term.lot_e8 / _E8 for term in terms])
    quanta = np.floor(gains * weights * lots[:, np.newaxis] * (1e6 / QUANTUM_MICRO))
    return np.asarray(quanta.astype(np.int64))


class Snapshots:
    """Makes RISK_SNAPSHOT commands of the workload's market; remembers the tables the core then has."""

    def __init__(self) -> None:
        self._terms = [packed.instrument_terms(number) for number in range(INSTRUMENTS_COUNT)]
        self._held: list[Integers] = [np.zeros(0, dtype=np.int64)] * len(packed.INDEX_MICRO)
        self._feed_seq = 0

    def commands(self, move_ppm: int = 0) -> list[bytes]:
        """One snapshot per underlying with the index off its start by `move_ppm`: all marks and tables."""
        self._feed_seq += 1
        return [self._command(number, move_ppm) for number in range(len(self._held))]

    def _command(self, underlying: int, move_ppm: int) -> bytes:
        index_micro = packed.INDEX_MICRO[underlying] * (1_000_000 + move_ppm) // 1_000_000
        listed = [number for number, term in enumerate(self._terms) if term.underlying == underlying]
        terms = [self._terms[number] for number in listed]
        units = [
            commands.Mark(number, 500_000_000, mark_micro(number, move_ppm), 1_000_000, index_micro)
            for number in listed
        ]
        rows = scenario_table(terms, index_micro)
        held = self._held[underlying]
        changes = rows - held if held.size else rows
        self._held[underlying] = rows
        stream = commands_risk.table_stream(zip(listed, changes.tolist(), strict=True))
        feed_seq, count = self._feed_seq, len(listed)
        return commands_risk.risk_snapshot(underlying, index_micro, feed_seq, units, count, stream)


def mark_micro(instrument: int, move_ppm: int) -> int:
    """A mark: where the instrument's prices are anchored, times the move of the index."""
    tick_micro = packed.instrument_terms(instrument).tick_micro
    return anchor_price_ticks(instrument) * tick_micro * (1_000_000 + move_ppm) // 1_000_000


def setup_commands(snapshots: Snapshots) -> list[bytes]:
    """The core benchmark's venue under rules 2: parameters, and snapshots in the place of marks."""
    plain = [command for command in packed.setup_commands() if command[0] != r.MARKS]
    listed = 1 + len(packed.INDEX_MICRO)  # time and the underlyings
    risk = [commands_risk.risk(number, each) for number, each in enumerate(RISK)]
    return [commands.set_rules(2), *plain[:listed], *risk, *plain[listed:], *snapshots.commands()]


# --- accounts with positions -----------------------------------------------------------------------


def grouped(workload: Workload, orders_before: int) -> Workload:
    """The same operations by ten times the accounts, so that each trades in 20 instruments only.

    Instruments 2n and 2n + 1 belong to group n modulo 10; an account of the workload is another one in each
    group, of the same parity. Order ids are shifted by what was placed before.
    """
    group = workload.instrument // 2 % GROUPS_COUNT
    return dataclasses.replace(
        workload,
        account=workload.account + group * ACCOUNTS_COUNT,
        order_id=np.where(workload.order_id > 0, workload.order_id + orders_before, workload.order_id),
    )


def group_instruments(group: int) -> list[int]:
    """The 20 instruments of one group of accounts."""
    return [number for number in range(INSTRUMENTS_COUNT) if number // 2 % GROUPS_COUNT == group]


def portfolio_accounts(count: int, deposit_micro: int = DEPOSIT_MICRO) -> list[bytes]:
    """Accounts with money beyond those of the set-up, and all `count` under the portfolio model."""
    found = []
    for number in range(count):
        account = ACCOUNT_FIRST + number
        if number >= ACCOUNTS_COUNT:
            found.append(commands.create_account(account))
            found.append(commands.deposit(account, deposit_micro, number + 1))
        found.append(commands_risk.set_margin_model(account, r.MODEL_PORTFOLIO))
    return found


def position_trades(buyer: int, seller: int, instruments: Sequence[int]) -> list[bytes]:
    """Two commands per instrument: the seller's offer at the mark, and the buyer who takes it."""
    found = []
    for instrument in instruments:
        price = anchor_price_ticks(instrument)
        found.append(commands.new_order(seller, instrument, r.FLAG_SELL, price, POSITION_LOTS))
        found.append(
            commands.new_order(buyer, instrument, r.TIF_IOC << r.TIF_SHIFT, price, POSITION_LOTS)
        )
    return found


def grouped_positions() -> list[bytes]:
    """Positions for the accounts of :func:`grouped`: the even one of each pair is long, the odd one short."""
    found = []
    for group in range(GROUPS_COUNT):
        instruments = group_instruments(group)
        first = ACCOUNT_FIRST + group * ACCOUNTS_COUNT
        for account in range(first, first + ACCOUNTS_COUNT, 2):
            found += position_trades(account, account + 1, instruments)
    return found


def scattered_positions(accounts_count: int) -> list[bytes]:
    """20 positions for each account, spread over all instruments, long and short in turn."""
    found = []
    for pair in range(accounts_count // 2):
        first, second = ACCOUNT_FIRST + 2 * pair, ACCOUNT_FIRST + 2 * pair + 1
        instruments = [
            (37 * pair + _STRIDE * number) % INSTRUMENTS_COUNT for number in range(POSITIONS_COUNT)
        ]
        found += position_trades(first, second, instruments[::2])
        found += position_trades(second, first, instruments[1::2])
    return found
