"""Blocks on the market of the walk: Alice asks and signs, Bob quotes and executes, and the other way."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

from exchange.gateway.deals.block_limits import BlockLimits
from exchange.gateway.deals.blocks import BlockSetup
from tests.unit.gateway.fakes import ManualLoop
from tests.unit.gateway.rig import AT_ONCE, OPTION, PERPETUAL, PUT, Client, Rig, block_setup

UNBOUNDED: Final[BlockLimits] = AT_ONCE._replace(
    rfqs_open_max=10_000, rfqs_a_minute=1_000_000, refused_a_minute=1_000_000
)
TRADES: Final[list[dict[str, Any]]] = [
    {"instrument_name": OPTION, "price": 5_000, "amount": 0.1, "direction": "buy"}
]
LEGS: Final[list[dict[str, Any]]] = [
    {"instrument_name": OPTION, "amount": 0.1, "direction": "buy"},
    {"instrument_name": PUT, "amount": 0.2, "direction": "sell"},
]
NAMED: Final[list[dict[str, Any]]] = [
    {"instrument_name": OPTION, "direction": "buy", "ratio": 1},
    {"instrument_name": PUT, "direction": "sell", "ratio": 2},
]
HEDGE: Final[dict[str, Any]] = {
    "instrument_name": PERPETUAL, "direction": "sell", "amount": 0.1, "price": 100_000
}  # fmt: skip


def blocks(loop: ManualLoop) -> BlockSetup:
    """Blocks without bounds that the walk would reach."""
    return block_setup(loop, UNBOUNDED)


class BlockTraders:
    """What Alice and Bob do with blocks."""

    def __init__(self, rig: Rig, alice: Client, bob: Client) -> None:
        self._rig = rig
        self._alice = alice
        self._bob = bob
        self._nonces = self._numbers()
        self._desk: Client | None = None

    @staticmethod
    def _numbers() -> Iterator[str]:
        return (f"walk{number}" for number in itertools.count())

    def side(self, role: str = "maker") -> dict[str, Any]:
        """Timestamp, nonce and role of a new block."""
        return {"timestamp": self._rig.clock.ms, "nonce": next(self._nonces), "role": role}

    def signature(self) -> str:
        """One of Alice's."""
        signed = self._alice.call("private/verify_block_trade", **self.side(), trades=TRADES)
        return str(signed["signature"])

    def to_execute(self) -> dict[str, Any]:
        """What Alice executes a block with that Bob has signed."""
        side = self.side("taker")
        signed = self._bob.call("private/verify_block_trade", **{**side, "role": "maker"}, trades=TRADES)
        return {**side, "trades": TRADES, "counterparty_signature": signed["signature"]}

    def executed(self) -> str:
        """The id of a block of theirs."""
        return str(self._alice.call("private/execute_block_trade", **self.to_execute())["id"])

    def to_approve(self) -> dict[str, Any]:
        """A block of Alice's that a key of hers may not agree to alone; Bob's own key neither."""
        if self._desk is None:
            made = self._alice.call(
                "private/create_api_key",
                max_scope=["block_trade:read"],
                enabled_features=["block_trade_approval"],
                name="desk",
            )
            self._desk = self._rig.connect(self._alice.account)
            self._desk.session.client_id = made["client_id"]
        side = self.side()
        self._desk.call("private/verify_block_trade", **side, trades=TRADES)
        return side

    def rfq(self, taker: Client | None = None, **more: Any) -> int:
        """A request of Alice's that Bob quotes on both sides, or of `taker` that the other one quotes."""
        asks = taker or self._alice
        maker = self._alice if asks is self._bob else self._bob
        made = asks.call("private/create_block_rfq", legs=LEGS, hedge=HEDGE, label="walk", **more)
        number = int(made["block_rfq_id"])
        for side, put in (("sell", 5_000), ("buy", 5_050)):
            self.quoted(maker, number, side, put)
        return number

    def quoted(self, maker: Client, number: int, side: str = "sell", put: float = 5_000) -> dict[str, Any]:
        """A quote for a request."""
        made: dict[str, Any] = maker.call(
            "private/add_block_rfq_quote",
            block_rfq_id=number,
            direction=side,
            amount=0.1,
            expires_at=self._rig.clock.ms + 200_000,
            legs=[{**NAMED[0], "price": 5_000}, {**NAMED[1], "price": put}],
        )
        return made

    def own_quote(self) -> dict[str, Any]:
        """A quote of Alice's for a request of Bob's."""
        made = self._bob.call("private/create_block_rfq", legs=LEGS)
        return self.quoted(self._alice, made["block_rfq_id"])

    def waiting(self) -> int:
        """A request of Alice's whose acceptance waits."""
        made = self._alice.call("private/create_block_rfq", legs=LEGS)
        number = int(made["block_rfq_id"])
        self._alice.call("private/accept_block_rfq", **self.to_accept(number, "good_til_cancelled"))
        return number

    @staticmethod
    def to_accept(number: int, how: str = "fill_or_kill") -> dict[str, Any]:
        """What a taker accepts with."""
        return {
            "block_rfq_id": number, "legs": NAMED, "price": -5_000, "amount": 0.1, "direction": "buy",
            "time_in_force": how,
        }  # fmt: skip

    def traded(self, taker: Client | None = None) -> int:
        """A request that was traded."""
        asks = taker or self._alice
        number = self.rfq(asks, disclosed=True)
        asks.call("private/accept_block_rfq", **self.to_accept(number))
        return number

    def stir(self) -> None:
        """Something on every channel."""
        self.to_approve()
        self.waiting()
        self.traded()
        self.traded(self._bob)
