"""A running venue with something to show: every list a method can answer with has an entry.

Two families trade options and perpetuals on both sides of every book; there are fundings, a perpetual
settlement and a delivery, deposits, transfers, withdrawals, keys, announcements and quotes. Engine,
sequencer, views and dispatcher are the venue's own; sessions end where the socket would begin.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from exchange.domain.commands import Mark
from exchange.gateway.announcements import Announcement
from exchange.history import bars
from pricing.index import SourcePrice
from tests.conformance.schema.market_blocks import BlockTraders, blocks
from tests.unit.gateway.rig import (
    ETH_PERPETUAL,
    NOW_MS,
    OPTION,
    PERPETUAL,
    PUT,
    Client,
    option_terms,
)
from tests.unit.gateway.risk_rig import TIERS, RiskRig
from tests.unit.gateway.stored import Store

SOON: Final = "BTC_USDC-28JUN25-90000-C"
"""A call that has been delivered when the walk begins."""
SOON_MS: Final = 1_751_097_600_000  # 28 June 2025, 08:00 UTC
STRADDLE: Final = "BTC_USDC-STRD-27DEC26-100000"
"""The call and the put together, which has a book of its own."""
_PRICES: Final = {OPTION: 5_000.0, PUT: 5_000.0, PERPETUAL: 100_000.0, ETH_PERPETUAL: 4_000.0}
PROTECTION: Final[dict[str, Any]] = {
    "index_name": "btc_usdc", "interval": 1, "frozen_time": 0, "quantity_limit": 0.2, "max_quote_quantity": 5,
}  # fmt: skip
_HOUR_MS: Final = 3_600_000


class _Values(NamedTuple):
    mark_iv_percent: float | None = 55.0
    delta: float = 0.4
    gamma: float = 0.01
    vega: float = 90.0
    theta: float = -20.0
    rho: float = 7.0


class _Chain:
    at_ms = 1

    def get(self, instrument_id: int) -> _Values | None:
        return _Values()

    def model(self) -> dict[str, object] | None:
        return None

    def listed(self) -> list[int]:
        return []

    def rows(self) -> list[list[float]]:
        return []

    def iv_percent(self, instrument_ids: Sequence[int], prices: Sequence[float]) -> NDArray[np.float64]:
        return np.array([math.nan if math.isnan(price) else price / 100 for price in prices])

    def price_at(self, instrument_ids: Sequence[int], vol_percent: Sequence[float]) -> NDArray[np.float64]:
        return np.array([percent * 100 for percent in vol_percent])


class _Oracle:
    """Model values for every option."""

    def __init__(self) -> None:
        self._chain = _Chain()

    def chain(self, underlying: int) -> _Chain | None:
        return self._chain

    def is_fresh(self) -> bool:
        return True

    def estimated_delivery_price(self, underlying: int, expiry_ms: int) -> float | None:
        return 100_050.25


def _sources(underlying: int) -> tuple[SourcePrice, ...]:
    return (SourcePrice("amber", 100_010.0, 100_010.0, 100.0, 1), SourcePrice("beryl", 9.0, 9.0, 0.0, 1))


class _Board:
    """Two announcements, and a third once something of everything happens."""

    def __init__(self) -> None:
        self.said = [Announcement(n, "title", "body", NOW_MS - n, important=n == 1) for n in (1, 2)]

    def read(self) -> list[Announcement]:
        return self.said


class Market:
    """The venue and its traders. `alice` has a subaccount; she and `bob` hold positions and orders."""

    def __init__(self) -> None:
        self.board = _Board()
        self._folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self._folder.name) / "history.db")
        ports = self.store.ports()
        self.rig = RiskRig(
            oracle=_Oracle(), announcements=self.board, index_sources=_sources, blocks=blocks, **ports
        )
        rig = self.rig
        prologue = RiskRig.prologue()
        self.store.begin(b"".join(prologue), rig.engine.next_seq)
        rig.open()
        self.alice = rig.main(50_000_000)
        self.bob = rig.main(50_000_000, "bob")
        self.sub, self.sub_made = rig.sub(self.alice)
        self.key = rig.credentials.keys_of(self.sub.account or 0)[0]
        self.nobody = rig.connect()
        self.blocks = BlockTraders(rig, self.alice, self.bob)
        self._history()
        self._present()
        self.remember()

    def _history(self) -> None:
        """What lies behind: an option's life to its delivery, fundings, a settlement, money."""
        rig = self.rig
        terms = option_terms(r.OPTION_CALL)._replace(expiry_ms=SOON_MS, strike_micro=90_000_000_000)
        rig.order(commands.list_instrument(4, terms))
        mark = Mark(4, 700_000_000, 10_000_000_000, 100_000_000, 100_000_000_000)
        rig._feed_seq += 1
        rig.order(commands.marks(0, 100_000_000_000, rig._feed_seq, [mark]))
        self.bob.sell(SOON, 0.1, 10_000.0)
        self.alice.buy(SOON, 0.1, 10_000.0)
        self.bob.sell(PERPETUAL, 1.0, 100_000.0)
        self.alice.buy(PERPETUAL, 1.0, 100_000.0)
        for rate in (1_000, -500):
            self.at(rig.clock.ms + _HOUR_MS)
            rig.order(commands.funding(2, rate))
        rig.order(commands.settle_perpetual(2, 200_000))
        self.at(SOON_MS)
        rig.order(commands.deliver(4, 100_000_000_000))
        self.alice.call(
            "private/submit_transfer_between_subaccounts",
            currency="USDC", amount=1_000_000, destination=self.sub.account,
        )
        self.withdrawal = self.alice.call("private/withdraw", currency="USDC", amount=10)["id"]

    def _protect(self) -> None:
        """Groups of Alice and Bob, one of hers frozen; a trigger order that has ended, one that waits."""
        for trader, group in ((self.alice, "g"), (self.bob, "g"), (self.alice, "frozen")):
            trader.call("private/set_mmp_config", mmp_group=group, **PROTECTION)
        far = {**PROTECTION, "quantity_limit": 100_000, "delta_limit": 50_000, "vega_limit": 1_000_000}
        self.alice.call("private/set_mmp_config", block_rfq=True, **far)
        self.trip()
        stop = {"type": "stop_limit", "trigger": "mark_price", "trigger_price": 200_000, "price": 90_000}
        for _ in range(2):
            waits = self.alice.call("private/buy", instrument_name=PERPETUAL, amount=0.1, **stop)["order"]
            self.alice.call("private/cancel", order_id=waits["order_id"])
        pair = [{"direction": "sell", "type": "limit", "price": 140_000}, {**stop, "direction": "sell"}]
        self.alice.call(
            "private/buy", instrument_name=PERPETUAL, amount=0.1, price=96_000, otoco_config=pair,
            linked_order_type="one_triggers_one_cancels_other",
        )  # fmt: skip
        self.alice.call("private/buy", instrument_name=OPTION, amount=0.1, price=46, advanced="implv")

    def trip(self) -> str:
        """Alice's group `frozen` trips; its index."""
        index = str(PROTECTION["index_name"])
        self.alice.call("private/reset_mmp", index_name=index, mmp_group="frozen")
        quotes = [{"instrument_name": PUT, "quote_set_id": "1", "bid": {"price": 5_005, "amount": 0.2}}]
        self.alice.call("private/mass_quote", quote_id="q", mmp_group="frozen", quotes=quotes)
        self.bob.sell(PUT, 0.2, 5_005.0)
        return index

    def _present(self) -> None:
        """Trades and resting orders on both sides of every book."""
        self._protect()
        for name, price in _PRICES.items():
            self.bob.sell(name, 2.0, price)
            self.alice.buy(name, 1.0, price, label="l")
            self.bob.buy(name, 1.0, price * 0.96)
            self.alice.buy(name, 0.5, price * 0.97, label="resting")
        quotes = [{"instrument_name": OPTION, "quote_set_id": "1", "bid": {"price": 4_700, "amount": 0.1}}]
        self.bob.call("private/mass_quote", quote_id="q", mmp_group="g", quotes=quotes)
        self.blocks.executed()
        self.blocks.traded()
        for version in (4, 5):
            self.rig.order(commands.set_rules(version))
        self.rig.order(commands_risk.set_fees(TIERS, 500))
        self.combo(OPTION, PUT)
        self._trade_straddle()

    def combo(self, bought: str, other: str, direction: str = "buy") -> dict[str, Any]:
        """A combo of two options, made by Alice."""
        trades = [
            {"instrument_name": bought, "amount": 1, "direction": "buy"},
            {"instrument_name": other, "amount": 1, "direction": direction},
        ]
        made: dict[str, Any] = self.alice.call("private/create_combo", trades=trades)
        return made

    def _trade_straddle(self) -> None:
        """In its book, and as both legs' orders imply it; an order of each side rests."""
        self.alice.buy(STRADDLE, 0.1, 9_500.0, label="resting")
        self.bob.sell(STRADDLE, 0.1, 9_980.0)
        self.alice.buy(STRADDLE, 0.2, 10_000.0, label="l")
        self.bob.sell(STRADDLE, 0.1, 10_500.0)

    def remember(self) -> None:
        """Let the store have all of it, and a volatility index, for which there are too few strikes here."""
        self.store.feed(self.rig)
        found = bars.Bars()
        second_ms = self.rig.clock.ms - 1_000
        found.add(bars.VOLATILITY, 0, bars.VOLATILITY_STEPS_S, second_ms, 55_123_456)
        self.store.writer.add_bars(found)

    def at(self, ms: int) -> None:
        """Let it be that time, sequenced."""
        self.rig.clock.ms = ms
        self.rig.order(commands.time(ms))

    def resting(self, owner: Client | None = None) -> str:
        """The id of an order that rests until the walk wants another."""
        trader = owner or self.alice
        order: str = trader.buy(OPTION, 0.1, 4_600.0, label="resting")["order"]["order_id"]
        return order

    def held(self) -> str:
        """An instrument of which Alice holds a position that can be sold."""
        self.bob.buy(PUT, 0.5, 4_990.0)
        return PUT

    def stir(self) -> None:
        """Something of everything: a trade, a change of the book, marks, a funding, a listing, a lock."""
        rig = self.rig
        self.trip()
        self.blocks.stir()
        for name, price in _PRICES.items():
            self.bob.sell(name, 0.1, price)
            self.alice.buy(name, 0.1, price)
            self.alice.buy(name, 0.1, price * 0.98)
        rig.move(101_000_000_000)
        rig.order(commands.funding(2, 700))
        terms = option_terms(r.OPTION_PUT)._replace(strike_micro=95_000_000_000)
        rig.order(commands.list_instrument(rig.engine.instrument_count, terms))
        self._trade_straddle()
        self.combo(OPTION, PUT, "sell")
        account = self.alice.account or 0
        for locked in (True, False):
            rig.order(commands_risk.set_lock(account, locked))
        for state in (1, 0):
            rig.order(commands_risk.set_underlying_state(0, state))
        rig.credentials.sign_ins.note(account, "127.0.0.1", "success", "key")
        self.board.said.append(Announcement(3, "title", "body", NOW_MS))
        for _ in range(22):
            rig.tick()

    def close(self) -> None:
        self.rig.close()
        self.store.close()
        self._folder.cleanup()
