"""Nothing a crash could take back is ever shown: not by replies, reads, or pushes of figures."""

from __future__ import annotations

from typing import Any

from exchange.domain import commands
from tests.unit.gateway.fakes import ManualCommitter
from tests.unit.gateway.rig import OPTION, Client, Rig


class Slow:
    """A venue whose disk works when the test says so, and a trader on it who follows his portfolio."""

    def __init__(self) -> None:
        self.disk = ManualCommitter()
        self.rig = Rig(committer=self.disk)
        self.rig.venue.start()
        self.sync()
        self.rig.tick(0.2)
        self.sync()
        self.trader = self.client()
        self.other = self.client()

    def sync(self) -> None:
        """Everything applied becomes durable."""
        self.rig.loop.run()
        while self.disk.waiting:
            self.disk.finish()
            self.rig.loop.run()

    def client(self) -> Client:
        made: list[int] = []
        self.rig.venue.create_account(bytes(20), made.append)
        self.sync()
        deposit_id = self.rig.engine.last_deposit_id + 1
        self.rig.venue.submit(commands.deposit(made[0], 10_000_000_000_000, deposit_id))
        self.sync()
        return self.rig.connect(made[0])

    def balances(self) -> list[Any]:
        return [data["balance"] for data in self.trader.taken("user.portfolio.any")]


def test_a_portfolio_is_pushed_when_its_figures_are_durable() -> None:
    slow = Slow()
    slow.trader.send("private/subscribe", channels=["user.portfolio.any"])
    slow.other.send("private/sell", instrument_name=OPTION, amount=1, price=5000)
    slow.sync()
    slow.rig.tick(0.1)
    slow.sync()
    slow.balances()
    slow.trader.send("private/buy", instrument_name=OPTION, amount=1, price=5000)
    slow.rig.loop.run()  # applied, not durable
    slow.rig.venue.private.on_figures(slow.trader.account or 0)
    slow.rig.tick(0.1)
    assert all(balance == 10_000_000.0 for balance in slow.balances())
    slow.sync()
    assert slow.balances()[-1] < 10_000_000.0


def test_a_newcomer_gets_durable_figures_too() -> None:
    slow = Slow()
    slow.other.send("private/sell", instrument_name=OPTION, amount=1, price=5000)
    slow.sync()
    slow.trader.send("private/buy", instrument_name=OPTION, amount=1, price=5000)
    slow.rig.loop.run()
    slow.trader.send("private/subscribe", channels=["user.portfolio.any"])
    assert slow.balances() == []
    slow.sync()
    assert slow.balances()[0] < 10_000_000.0
