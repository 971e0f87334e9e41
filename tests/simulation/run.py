"""One seed: a venue, some traders, and a list of misfortunes drawn from it."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from random import Random

from exchange.core.engine import Engine
from exchange.domain import commands
from exchange.domain.limits import FIRST_USER_ACCOUNT
from exchange.journal.memory import PowerLoss
from exchange.wire.session import RpcError
from pricing import engines
from tests.simulation.audit import Audit, must
from tests.simulation.client import Client
from tests.simulation.ledger import ACKNOWLEDGED, LOST, REFUSED, Ledger
from tests.simulation.loop import World
from tests.simulation.node import Node

CLIENTS = 4
SPAN_US = 4_000_000
"""How long traders trade."""
MISFORTUNES = 6
QUIET_US = 30_000_000
SETTLE_US = 300_000
"""Within this every frame and conflated push has arrived."""
RESTART_US = 400_000
HOUR_US = 3_600_000_000
KINDS = ("kill", "power", "torn", "sync", "append", "drop", "clock", "snapshot", "day")


def misfortunes(seed: int) -> list[tuple[int, str]]:
    """What will happen to the run of a seed: virtual microseconds, kind."""
    random = Random(f"{seed} misfortunes")
    times_us = [random.randrange(SPAN_US // 10, SPAN_US) for _ in range(MISFORTUNES)]
    return [(at_us, random.choice(KINDS)) for at_us in times_us]


@dataclass
class Outcome:
    """What a run came to."""

    seed: int
    trace: str = ""
    digest: str = ""
    commands: int = 0
    acknowledged: int = 0
    lost: int = 0
    refused: int = 0
    trades: int = 0
    books: int = 0
    snapshots: int = 0
    events: int = 0
    faults: dict[str, int] = field(default_factory=dict)


class Run:
    """One simulation. `go` raises `audit.Broken`, or whatever breaks inside the venue."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.world = World(Random(f"{seed} world"))
        self.ledger = Ledger()
        self.audit = Audit(self.ledger)
        self.faults: dict[str, int] = dict.fromkeys(KINDS, 0)
        self._random = Random(f"{seed} details")
        self._hash = sha256()
        self._halting = False
        self.node = Node(self.world, seed, self._on_recovered, self._trace)
        self.clients: list[Client] = []

    def _trace(self, what: str, data: bytes) -> None:
        self._hash.update(b"%d %b %b\n" % (self.world.now_us, what.encode(), data))

    def _on_recovered(self, engine: Engine) -> None:
        self.audit.follow(self.node.storage, engine)
        self._trace("recovered", engine.state_hash())

    # --- misfortunes -------------------------------------------------------------------------------

    def _strike(self, kind: str) -> None:
        self.faults[kind] += 1
        self._trace("fault", kind.encode())
        if kind == "drop":
            chosen = self._random.sample(self.clients, self._random.randrange(1, CLIENTS))
            for client in chosen:
                client.drop(half_open=bool(self._random.randrange(2)))
        elif kind == "clock":
            self.node.clock.offset_us += self._random.randrange(-20_000_000, 20_000_000)
        elif kind == "day":
            self.node.clock.offset_us += self._random.randrange(HOUR_US // 4, 26 * HOUR_US)
        elif self.node.process is not None:
            self._strike_process(kind)

    def _strike_process(self, kind: str) -> None:
        if kind in ("kill", "power"):
            self._crash(power=kind == "power")
        elif kind == "torn":  # the power goes in the middle of a write
            self.node.storage.power_loss_in(self._random.randrange(6))
        elif kind == "snapshot":
            self.node.snapshot()
        else:
            operation, code = ("fdatasync", errno.EIO) if kind == "sync" else ("append", errno.ENOSPC)
            self.node.storage.fail_next(operation, code)

    def _crash(self, *, power: bool) -> None:
        self._trace("crash", b"power" if power else b"kill")
        self.audit.crashes += 1
        self.node.die(power=power)
        self.world.after(self._random.randrange(RESTART_US), self._boot)

    def _boot(self) -> None:
        if self.node.process is None:
            self.node.boot()

    def _watch(self) -> None:
        """The operator: a venue that has halted is looked at, then restarted."""
        process = self.node.process
        if process is not None and process.venue.halted and not self._halting:
            self._halting = True
            self.world.after(self._random.randrange(RESTART_US), self._restart)
        self.world.after(100_000, self._watch)

    def _restart(self) -> None:
        self._halting = False
        process = self.node.process
        if process is not None and process.venue.halted:
            self._check_halted()
            # A failed sync must not be believed by the next process either, power or not.
            self._crash(power=bool(self._random.randrange(2)))

    def _check_halted(self) -> None:
        process = self.node.process
        assert process is not None
        read: list[object] = []
        process.venue.read(lambda: process.venue.engine.account_count, read.append)
        must(read == [process.venue.engine.account_count], "a halted venue does not answer reads")
        try:
            process.venue.submit(commands.cancel_many(FIRST_USER_ACCOUNT))
        except RpcError:
            return
        must(False, "a halted venue takes commands")

    # --- the run -----------------------------------------------------------------------------------

    def go(self) -> Outcome:
        """Run to the end and check everything."""
        self.node.boot()
        self._watch()
        for number in range(CLIENTS):
            random = Random(f"{self.seed} client {number}")
            self.clients.append(Client(self.world, self.node, self.ledger, f"c{number}", random))
        for at_us, kind in misfortunes(self.seed):
            self.world.after(at_us, partial(self._strike, kind))
        self._pass(SPAN_US)
        for client in self.clients:
            client.finish()
        self._rest()
        for client in self.clients:
            client.close_books()
        self._check_reads()
        self._crash(power=True)
        self._until(lambda: self.node.process is not None, QUIET_US)
        return self._outcome(self.audit.check_acknowledged())

    def _until(self, reached: Callable[[], bool], limit_us: int) -> None:
        end_us = self.world.now_us + limit_us
        while not reached():
            must(self.world.now_us < end_us, "the venue does not come to rest")
            try:
                self.world.step()
            except PowerLoss:
                self._crash(power=True)

    def _pass(self, span_us: int) -> None:
        end_us = self.world.now_us + span_us
        self._until(lambda: self.world.now_us >= end_us, span_us * 2)

    def _rest(self) -> None:
        """Run until nothing is asked and nothing is on its way."""
        while True:
            self._until(self._is_quiet, QUIET_US)
            self._pass(SETTLE_US)
            if self._is_quiet():
                return

    def _is_quiet(self) -> bool:
        process = self.node.process
        return (
            process is not None
            and not process.venue.halted
            and all(client.resting() for client in self.clients)
        )

    def _check_reads(self) -> None:
        """What the API says of every account is what the reference says."""
        self.audit.follow(self.node.storage, None)
        self.audit.check_streams()
        for client in self.clients:
            replies = self._ask(client)
            if not self.audit.agrees(client.account, replies):  # an hour or a day may have ended meanwhile
                replies = self._ask(client)
            must(self.audit.agrees(client.account, replies), "told otherwise:", client.account, replies)

    def _ask(self, client: Client) -> dict[str, object]:
        replies: dict[str, object] = {}
        while len(replies) < 2:  # a misfortune that was still to come may take the connection
            client.ask(replies)
            self._rest()
        self.audit.follow(self.node.storage, None)
        return replies

    def _outcome(self, acknowledged: int) -> Outcome:
        assert acknowledged == sum(bool(s.seq) and s.outcome == ACKNOWLEDGED for s in self.ledger.sent)
        return Outcome(
            self.seed,
            self._hash.hexdigest(),
            self.audit.digest(),
            len(self.audit.commands),
            acknowledged,
            self.ledger.count(LOST),
            self.ledger.count(REFUSED),
            self.audit.reference.world.next_trade - 1,
            len(self.ledger.books),
            self.node.snapshots,
            self.world.events_run,
            self.faults,
        )


def simulate(seed: int) -> Outcome:
    """One run; deterministic in its seed, whatever pricing engine the process has selected."""
    level, engine = logging.root.manager.disable, engines.current()
    logging.disable(logging.CRITICAL)  # halts and cut tails are the point here
    engines.select("numpy")  # a mark near a tie may round otherwise with another
    try:
        return Run(seed).go()
    finally:
        engines.select(engine)
        logging.disable(level)
