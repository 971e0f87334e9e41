"""The venue of the gateway's benchmark: 1,000 instruments, 1,000 funded accounts, standard margin, books.

Everything is sequenced into a journal before the venue starts on it. Even accounts only buy, odd ones only
sell, so that no order can meet one of its own account.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from exchange.attest import chain
from exchange.core.engine import Engine
from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT
from exchange.gateway.handing_out import count_events
from exchange.journal import ChainLog, DiskStorage, JournalWriter
from loadtest import packed
from loadtest.risk_market import RISK, scenario_table
from loadtest.workload import anchor_price_ticks

SYMBOLS: Final = ("BTC", "ETH")
DEPTH: Final = 20
"""Orders resting on each side of each book at the start."""
DEPOSIT_MICRO: Final = 200_000_000_000_000
RESERVE_ORDERS: Final = 1 << 20
_DAY_MS: Final = 86_400_000
_BATCH: Final = 500


class WorldRefused(Exception):
    """The engine refused a command of the set-up: the benchmark would measure nothing."""


class World(NamedTuple):
    """What is listed and who trades."""

    accounts: int
    instruments: int
    now_ms: int
    banded: bool = True
    """Whether prices are held in a band around the mark; not where marks are a model's and the orders' prices
    are not."""

    def terms(self) -> list[commands.InstrumentTerms]:
        """The listings; options expire at 08:00 UTC some ninety days from now."""
        expiry_ms = (self.now_ms // _DAY_MS + 90) * _DAY_MS + 8 * 3_600_000
        found = []
        for number in range(self.instruments):
            term = packed.instrument_terms(number)
            expires = 0 if term.kind == r.KIND_PERPETUAL else expiry_ms
            term = term._replace(expiry_ms=expires)
            found.append(term if self.banded else term._replace(band_ppm=0))
        return found


def anchor_ticks(instrument: int) -> int:
    """The price around which an instrument trades: the same for every two hundred of them."""
    return anchor_price_ticks(instrument % 200)


def setup_commands(world: World) -> list[bytes]:
    """Time, rules, listings, accounts, deposits, marks, resting orders, in this order."""
    terms = world.terms()
    found = [commands.set_rules(2), commands.time(world.now_ms)]
    found += [commands.list_underlying(number, symbol) for number, symbol in enumerate(SYMBOLS)]
    found += [commands_risk.risk(number, each) for number, each in enumerate(RISK)]
    found += [commands.list_instrument(number, term) for number, term in enumerate(terms)]
    for index in range(world.accounts):
        account = FIRST_USER_ACCOUNT + index
        found.append(commands.create_account(account))
        found.append(commands.deposit(account, DEPOSIT_MICRO, index + 1))
    for underlying, index_micro in enumerate(packed.INDEX_MICRO):
        found.append(_snapshot(world, terms, underlying, index_micro))
    for number in range(world.instruments):
        anchor = anchor_ticks(number)
        for depth in range(DEPTH):
            pair = FIRST_USER_ACCOUNT + (number * DEPTH + depth) * 2 % (world.accounts & ~1)
            found.append(commands.new_order(pair, number, 0, anchor - 1 - depth, 4))
            found.append(commands.new_order(pair + 1, number, r.FLAG_SELL, anchor + 1 + depth, 4))
    return found


def _snapshot(
    world: World, terms: list[commands.InstrumentTerms], underlying: int, index_micro: int
) -> bytes:
    listed = [number for number, term in enumerate(terms) if term.underlying == underlying]
    units = [
        commands.Mark(
            number, 500_000_000, anchor_ticks(number) * terms[number].tick_micro, 1_000_000, index_micro
        )
        for number in listed
    ]
    rows = scenario_table([terms[number] for number in listed], index_micro, world.now_ms)
    stream = commands_risk.table_stream(zip(listed, rows.tolist(), strict=True))
    return commands_risk.risk_snapshot(underlying, index_micro, 1, units, len(listed), stream)


def write_journal(world: World, folder: Path) -> None:
    """Sequence the set-up into an empty journal directory.

    Raises:
        WorldRefused: the engine refused one of the commands.
    """
    setup = setup_commands(world)
    engine = Engine(reserve_orders=RESERVE_ORDERS)
    folder.mkdir(parents=True, exist_ok=True)
    with DiskStorage(folder, writer=True) as storage:
        writer = JournalWriter(storage, rules_version=2)
        heads = ChainLog(storage, chain, 0)
        for start in range(0, len(setup), _BATCH):
            taken = setup[start : start + _BATCH]
            batch = b"".join(taken)
            first = engine.next_seq
            packed_events = engine.apply(batch)
            _must_be_taken(packed_events)
            writer.append_commands(first, batch, len(taken))
            writer.sync()
            writer.append_events(first, len(taken), count_events(packed_events), packed_events)
            heads.append(first, len(taken), chain.batch_root(0, first, batch, packed_events))
        writer.sync_events()
        heads.sync()


def _must_be_taken(events: bytes) -> None:
    at = 0
    while at < len(events):
        if events[at] == r.EV_REJECTED:
            kind, reason = events[at + 36], int.from_bytes(events[at + 32 : at + 36], "little")
            raise WorldRefused(f"command type {kind} was refused, reason {reason}")
        at += (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES
