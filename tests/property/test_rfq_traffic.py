"""Requests for quotes in random traffic: families that divide, makers with protection, several acceptances in
one instant, accounts that are locked and freed. Whatever comes, nothing is traded twice or left half done."""

from __future__ import annotations

import random
from typing import Any, Final

import pytest

from exchange.core import invariants
from exchange.domain import commands_risk
from exchange.gateway.deals.rfq import OPEN
from tests.unit.gateway.combo_rig import ComboRig
from tests.unit.gateway.rfq_rig import HEDGE, LEGS, named
from tests.unit.gateway.rig import Client

STEPS: Final = 120
_LIMITS: Final = (
    {"index_name": "all", "trade_count_limit": 2},
    {"index_name": "btc_usdc", "quantity_limit": 5},
    {"index_name": "btc_usdc", "delta_limit": 1.5, "max_quote_quantity": 3},
)


class Traffic:
    """One world: two families that ask, three makers."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rig = ComboRig(rules=5).open()
        self.takers: list[tuple[Client, Client]] = []
        for name in ("ada", "ben"):
            main = self.rig.main(name=name)
            sub, _ = self.rig.sub(main)
            main.call(
                "private/submit_transfer_to_subaccount",
                currency="USDC", amount=self.rng.choice((5_000, 2_000_000)), destination=sub.account,
            )
            self.takers.append((main, sub))
        self.makers = [
            self.rig.main(self.rng.choice((2_000, 10_000_000)), name) for name in ("mo", "my", "mu")
        ]
        self.locked: Client | None = None
        self.answers: dict[str, int] = {}

    # --- what happens ----------------------------------------------------------------------------------

    def step(self) -> None:
        """A few requests in one instant, and what follows from them."""
        sent = [self._send() for _ in range(self.rng.choice((1, 1, 2, 4)))]
        self.rig.loop.run()
        for client, number in filter(None, sent):
            client.drain()
            reply = client.replies.pop(number)
            code = str(reply["error"]["code"]) if "error" in reply else "done"
            assert code != "11094", reply
            self.answers[code] = self.answers.get(code, 0) + 1
        if self.rng.random() < 0.1:
            self.rig.tick(self.rng.choice((0.1, 1, 30)))
        if self.rng.random() < 0.05:
            self._lock()
        self.check()

    def _send(self) -> tuple[Client, int] | None:
        act = self.rng.choice((self._ask, self._quote, self._quote, self._quote, self._accept, self._change))
        found = act()
        if found is None:
            return None
        client, method, params = found
        return client, client.send(f"private/{method}", **params)

    def _ask(self) -> tuple[Client, str, dict[str, Any]]:
        main, sub = self.rng.choice(self.takers)
        given: dict[str, Any] = {"legs": LEGS}
        if self.rng.random() < 0.3:
            given["hedge"] = HEDGE
        first = self.rng.choice((0.0, 0.5, 0.75, 2.0))
        if first:
            parts = ((sub, first), (main, 2 - first))
            given["trade_allocations"] = [
                {"user_id": client.account, "amount": part} for client, part in parts if part
            ]
        return main, "create_block_rfq", given

    def _open(self) -> int:
        book = self.rig.venue.blocks.book.open
        return self.rng.choice([*book, 999])

    def _quote(self) -> tuple[Client, str, dict[str, Any]]:
        side = self.rng.choice(("buy", "sell"))
        price = 5_000 + self.rng.choice((0, 5, 10)) * (1 if side == "sell" else -1)
        return self.rng.choice(self.makers), "add_block_rfq_quote", {
            "block_rfq_id": self._open(),
            "direction": side,
            "amount": self.rng.choice((0.5, 0.75, 1, 2)),
            "legs": named(price, 5_000),
            "execution_instruction": self.rng.choice(("any_part_of", "any_part_of", "all_or_none")),
        }

    def _accept(self) -> tuple[Client, str, dict[str, Any]] | None:
        number = self._open()
        rfq = self.rig.venue.blocks.book.find(number)
        owner = [main for main, _ in self.takers if rfq is not None and main.account == rfq.taker]
        if not owner:
            return None
        side = self.rng.choice(("buy", "sell"))
        return owner[0], "accept_block_rfq", {
            "block_rfq_id": number,
            "legs": named(),
            "direction": side,
            "price": -4_990 if side == "buy" else -5_010,
            "amount": self.rng.choice((1, 2, 2)),
            "time_in_force": self.rng.choice(("fill_or_kill", "good_til_cancelled")),
        }

    def _change(self) -> tuple[Client, str, dict[str, Any]]:
        """A maker withdraws, protects itself or begins anew; a taker moves a position."""
        maker = self.rng.choice(self.makers)
        main, sub = self.rng.choice(self.takers)
        limit = {"interval": 20, "frozen_time": self.rng.choice((0, 5)), "block_rfq": True}
        leg = {"instrument_name": LEGS[0]["instrument_name"], "amount": 0.5, "price": 5_000}
        ends = {"source_uid": sub.account, "target_uid": main.account}
        acts: tuple[tuple[Client, str, dict[str, Any]], ...] = (
            (maker, "cancel_all_block_rfq_quotes", {}),
            (maker, "set_mmp_config", {**limit, **self.rng.choice(_LIMITS)}),
            (maker, "reset_mmp", {"index_name": "all", "block_rfq": True}),
            (main, "cancel_block_rfq", {"block_rfq_id": self._open()}),
            (main, "move_positions", {**ends, "trades": [leg]}),
        )
        return self.rng.choice(acts)

    def _lock(self) -> None:
        """Somebody is locked, or free again."""
        if self.locked is not None:
            self.rig.order(commands_risk.set_lock(self.locked.account or 0, False))
            self.locked = None
            return
        self.locked = self.rng.choice([*self.makers, *(sub for _, sub in self.takers)])
        self.rig.order(commands_risk.set_lock(self.locked.account or 0, True))

    # --- what holds ------------------------------------------------------------------------------------

    def check(self) -> None:
        blocks, now_ms = self.rig.venue.blocks, self.rig.clock.now_ms()
        assert blocks.protection._pending == {}, "nothing is under way between two instants"
        for rfq in blocks.book.open.values():
            assert not rfq.busy
            assert not any(quote.busy for quote in rfq.quotes.values())
        for maker in self.makers:
            guards = blocks.protection.guards_of(maker.account or 0)
            frozen = [underlying for underlying, guard in guards.items() if guard.is_frozen(now_ms)]
            quoted = [rfq for rfq, _ in blocks.book.quotes_of(maker.account or 0)]
            assert not any(blocks.protection.concerns(rfq, each) for rfq in quoted for each in frozen)
            windows = blocks.protection._windows
            for underlying, guard in guards.items():
                _, sums = windows.get((maker.account or 0, underlying), (0, None))
                assert sums is None or not sums.reaches(guard.limits), "what reaches a limit freezes"

    def finish(self) -> dict[str, int]:
        """What was traded is what the core has, request by request; how it was answered."""
        invariants.check(self.rig.engine)
        blocks = self.rig.venue.blocks
        filled = [rfq for rfq in blocks.book.newest() if rfq.fills]
        assert all(rfq.state != OPEN for rfq in filled)
        expected: dict[int, int] = {}
        for rfq in filled:
            for fill in rfq.fills:
                side = -1 if fill.sells else 1
                expected[fill.maker] = expected.get(fill.maker, 0) - side * fill.amount_e8
        for maker in self.makers:
            held = maker.call("private/get_positions", currency="BTC")
            sizes = {each["instrument_name"]: each["size"] for each in held}
            calls = sizes.get(LEGS[0]["instrument_name"], 0.0)
            assert round(calls * 1e8) == expected.get(maker.account or 0, 0)
        taken = sum(
            each["size"]
            for pair in self.takers
            for client in pair
            for each in client.call("private/get_positions", currency="BTC")
            if each["instrument_name"] == LEGS[0]["instrument_name"]
        )
        assert round(taken * 1e8) == -sum(expected.values())
        self.rig.close()
        return self.answers


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_traded_twice_or_left_half_done(seed: int) -> None:
    traffic = Traffic(seed)
    for _ in range(STEPS):
        traffic.step()
    assert traffic.finish()["done"] > STEPS // 3
