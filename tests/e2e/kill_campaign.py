"""SIGKILL under load, again and again: `python -m tests.e2e.kill_campaign --kills 1000`.

A real venue process, traders on WebSocket connections with many requests in flight, SIGKILL at a random
moment (now and then already while it starts), a restart on the same directory. After each one the
reference engine replays what the journal holds: every acknowledged command must be there once, in its
place, with the effect its reply told; nothing may have been done twice; the events must be the
reference's byte for byte; and open orders and balances must be told by the API as the reference has them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

from exchange.journal import DiskStorage
from tests.e2e.load import Trader, load_until
from tests.e2e.venue import Forks, Venue, wait_until
from tests.simulation.audit import Audit, must
from tests.simulation.ledger import LOST, Ledger

TRADERS = 3
LOAD_S = 0.35
"""At most this long between the first order and the kill."""
FULL_EVERY = 25
"""Restarts after which the whole journal is read again, not only what is new."""


class Campaign:
    """Kills of one data directory."""

    def __init__(self, data: Path, forks: Forks | None, seed: int) -> None:
        self.kills = 0
        self.acknowledged = 0
        self.killed_starting = 0
        self.ledger = Ledger()
        self.audit = Audit(self.ledger)
        self._random = Random(seed)
        self._venue = Venue(data, "--no-children", forks=forks)
        self._storage: DiskStorage | None = None
        self._traders: list[Trader] = []
        self._audited_seq = 0

    def begin(self) -> None:
        """Start the first venue and make the accounts."""
        venue = self._venue.start()
        for number in range(TRADERS):
            key = venue.call("public/strikebook_sign_up", name=f"trader {number}")
            self._traders.append(Trader(key, self.ledger, Random(f"{self._random.random()}")))
        self._storage = DiskStorage(venue.data / "journal")
        for trader in self._traders:
            wait_until(partial(self._balance, trader), "a deposit")
        venue.wait_open()

    def _token(self, trader: Trader) -> str:
        grant = {name: trader.key[name] for name in ("client_id", "client_secret")}
        token: str = self._venue.call("public/auth", grant_type="client_credentials", **grant)["access_token"]
        return token

    def _balance(self, trader: Trader) -> float:
        token = self._token(trader)
        found = self._venue.call("private/get_account_summary", currency="USDC", access_token=token)
        balance: float = found["balance"]
        return balance

    def kill_once(self) -> None:
        """Load, SIGKILL, restart, check. Raises `audit.Broken`."""
        asyncio.run(self._load_and_kill())
        self._venue.begin()
        if self._random.randrange(5) == 0:  # and once more while it recovers
            time.sleep(self._random.uniform(0.0, 0.3))
            self._venue.kill()
            self.kills += 1
            self.killed_starting += 1
            self._venue.begin()
        self._venue.wait_listening()
        self.check()
        self._venue.wait_open()

    async def _load_and_kill(self) -> None:
        over = asyncio.Event()
        load = asyncio.create_task(load_until(self._traders, self._venue.url, over))
        sent = len(self.ledger.sent)
        while len(self.ledger.sent) == sent:  # until the first order has left
            await asyncio.sleep(0.002)
        await asyncio.sleep(self._random.uniform(0.0, LOAD_S))
        await asyncio.get_running_loop().run_in_executor(None, self._venue.kill)
        self.kills += 1
        over.set()
        await load

    def check(self, *, full: bool = False) -> None:
        """Read what is new in the journal and hold it against what the clients know."""
        assert self._storage is not None
        full = full or self.kills % FULL_EVERY == 0
        self.audit.follow(self._storage, None, from_seq=1 if full else max(1, self._audited_seq))
        self._audited_seq = len(self.audit.commands)
        self.acknowledged += self.audit.check_acknowledged()
        trader = self._random.choice(self._traders)
        wait_until(lambda: self._agrees(trader), "the API to tell what the journal holds", 10)

    def _agrees(self, trader: Trader) -> bool:
        """Whether the API tells the reference's orders and balance; not while an hour or a day ends."""
        assert self._storage is not None
        token = self._token(trader)
        replies = {
            "orders": self._venue.call("private/get_open_orders", access_token=token),
            "balance": self._balance(trader),
        }
        self.audit.follow(self._storage, None, from_seq=len(self.audit.commands))
        return self.audit.agrees(trader.account, replies)

    def end(self) -> None:
        """The last check, over everything; then Ctrl-C."""
        self.check(full=True)
        must(self._venue.interrupt() == 0, "the venue does not end well:", self._venue.output())
        assert self._storage is not None
        self._storage.close()

    def abandon(self) -> None:
        """End what runs after a failure."""
        self._venue.__exit__()

    def report(self) -> str:
        """Counts so far."""
        return (
            f"{self.kills} kills ({self.killed_starting} while starting), "
            f"{len(self.audit.commands)} commands, {len(self.ledger.sent)} requests: "
            f"{self.acknowledged} acknowledged and found, {self.ledger.count(LOST)} without an answer, "
            f"{self.audit.reference.world.next_trade - 1} matches"
        )


def run(kills: int, seed: int, data: Path, *, show: bool = False) -> Campaign:
    """A whole campaign. Raises `audit.Broken`, or what else goes wrong."""
    with Forks() as forks:
        campaign = Campaign(data, forks, seed)
        try:
            campaign.begin()
            while campaign.kills < kills:
                campaign.kill_once()
                if show:
                    print(campaign.report(), end="\n" if campaign.kills % 50 == 0 else "\r", flush=True)
            campaign.end()
        except BaseException:
            campaign.abandon()
            raise
    return campaign


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.kill_campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments (the time)")
    parser.add_argument("--data", type=Path, help="an empty directory to keep (a temporary one)")
    options = parser.parse_args(argv)
    print(f"seed {options.seed}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="strikebook-kills-") as folder:
        data = options.data or Path(folder) / "data"
        data.mkdir(parents=True, exist_ok=True)
        campaign = run(options.kills, options.seed, data, show=True)
    print(f"\n{campaign.report()}; {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
