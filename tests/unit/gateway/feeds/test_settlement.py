"""What anybody can follow and check: signed heads, batches, fills by what authorised them."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.attest.heads import HeadBlock
from exchange.gateway.receipts import NoReceipts
from exchange.gateway.settlement import BatchesFound, BatchQuery, NoSettlement, SettlementBusy
from tests.conformance.schema.declared import wrong_push, wrong_result
from tests.unit.attest.worlds import signed
from tests.unit.gateway.rig import CallFailed, Client, Rig

TICK_S = 0.1


def block(number: int) -> HeadBlock:
    return HeadBlock(number, number, 1, bytes([number]) * 32, signed(number, b"h" * 32))


def batch(number: int, state: str = "built") -> dict[str, Any]:
    return {"id": number, "state": state, "first_seq": 10 * number, "last_seq": 10 * number + 9}


class Signs(NoReceipts):
    """An attestor's blocks."""

    def __init__(self) -> None:
        self.blocks: list[HeadBlock] = [block(1)]


class Settles(NoSettlement):
    """A settlement process's batches."""

    def __init__(self) -> None:
        self.batches: list[Any] = [batch(1)]
        self.is_busy = False

    def recent(self) -> list[Any]:
        return self.batches

    def posted_seq(self) -> int:
        return 19

    def ask(self, query: BatchQuery, done: BatchesFound) -> None:
        if self.is_busy:
            raise SettlementBusy
        found = [each for each in self.batches if not query.before or each["id"] < query.before]
        if query.seq:
            found = [each for each in found if each["first_seq"] <= query.seq <= each["last_seq"]]
        done(found[: query.most])


class World:
    """A venue, its attestor and its settlement."""

    def __init__(self) -> None:
        self.signs, self.settles = Signs(), Settles()
        self.rig = Rig(receipts=self.signs, settlement=self.settles).open()
        self.rig.venue.start()
        self.turn()

    def turn(self, seconds: float = TICK_S) -> None:
        self.rig.clock.ms += int(seconds * 1_000)
        self.rig.loop.advance(seconds)

    def listener(self, channel: str) -> Client:
        client = self.rig.connect()
        assert client.call("public/subscribe", channels=[channel]) == [channel]
        return client


@pytest.fixture
def world() -> World:
    return World()


def test_every_block_of_signed_heads_is_told_once_and_in_order(world: World) -> None:
    client = world.listener("strikebook.signed_heads")
    (first,) = client.taken("strikebook.signed_heads")
    listed = block(1).signed
    assert wrong_push("strikebook.signed_heads", first) == []
    assert (first["number"], first["signature"]) == (1, "0x" + listed.signature.hex())
    world.turn()
    assert client.taken("strikebook.signed_heads") == []
    world.signs.blocks += [block(2), block(3)]
    world.turn()
    assert [each["number"] for each in client.taken("strikebook.signed_heads")] == [2, 3]
    world.turn()
    assert client.taken("strikebook.signed_heads") == []


def test_a_batch_is_told_when_it_is_new_and_when_its_state_changes(world: World) -> None:
    client = world.listener("strikebook.batches")
    assert client.taken("strikebook.batches") == [batch(1)]
    world.settles.batches = [batch(3), batch(2), batch(1, "posted")]
    world.turn()
    assert client.taken("strikebook.batches") == [batch(1, "posted"), batch(2), batch(3)]
    world.turn()
    assert client.taken("strikebook.batches") == []
    world.settles.batches = [batch(3), batch(2, "final"), batch(1, "final")]
    world.turn()
    assert [each["id"] for each in client.taken("strikebook.batches")] == [1, 2]


def test_batches_are_listed_and_found_by_a_fills_number(world: World) -> None:
    world.settles.batches = [batch(3), batch(2), batch(1, "posted")]
    client = world.rig.connect()
    said = client.call("public/strikebook_get_batches", count=2)
    assert ([each["id"] for each in said["batches"]], said["format"]) == ([3, 2], 0)
    said = client.call("public/strikebook_get_batches", before=3)
    assert [each["id"] for each in said["batches"]] == [2, 1]
    found = client.call("public/strikebook_get_batch", seq=12)
    assert found == {"seq": 12, "finality": "posted", "batch": batch(1, "posted")}
    found = client.call("public/strikebook_get_batch", seq=5)
    assert found == {"seq": 5, "finality": "posted", "batch": None}
    assert wrong_result("public/strikebook_get_batch", found) == []
    for seq in (0, -1, 1 << 40, "x"):
        with pytest.raises(CallFailed) as caught:
            client.call("public/strikebook_get_batch", seq=seq)
        assert caught.value.code == -32602
    world.settles.is_busy = True
    with pytest.raises(CallFailed) as caught:
        client.call("public/strikebook_get_batches")
    assert caught.value.code == 10028


def test_a_venue_without_settlement_says_that_nothing_is_posted() -> None:
    client = Rig().open().connect()
    said = client.call("public/strikebook_get_batches")
    assert wrong_result("public/strikebook_get_batches", said) == []
    assert (said["batches"], said["seq"]) == ([], {"posted": 0, "confirmed": 0, "final": 0})
    assert client.call("public/strikebook_get_batch", seq=1)["finality"] == "soft"


def fills(said: Any, name: str) -> tuple[int, int, int]:
    """Of a class: since the start, in the last minute, in the last day."""
    (found,) = [each for each in said["classes"] if each["name"] == name]
    return found["total"]["fills"], found["minute"]["fills"], found["day"]["fills"]


def test_fills_are_counted_by_what_authorised_them(world: World) -> None:
    channel = "strikebook.authorisation"
    client = world.listener(channel)
    (first,) = client.taken(channel)
    assert fills(first, "api_key") == (0, 0, 0)
    assert wrong_push(channel, first) == []
    maker, taker = world.rig.client(), world.rig.client()
    maker.sell(amount=1.0, price=5000.0)
    taker.buy(amount=0.5, price=5000.0)
    world.turn(1.0)
    said = client.taken(channel)[-1]
    assert fills(said, "api_key") == (2, 2, 2)
    (key,) = [each for each in said["classes"] if each["name"] == "api_key"]
    assert (key["number"], key["total"]["volume"]) == (2, 5_000.0)
    assert key["total"]["fees"] > 0
    for _ in range(70):
        world.turn(1.0)
    world.turn(1.0)
    assert fills(client.taken(channel)[-1], "api_key") == (2, 0, 2)
    assert client.call("public/strikebook_get_authorisation")["since"] == first["since"]
