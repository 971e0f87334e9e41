"""A venue on a real journal: killed, recovered, and going on where it was."""

from __future__ import annotations

from typing import Any

from exchange.attest import chain
from exchange.core.engine import Engine
from exchange.gateway.chain_keeper import ChainKeeper
from exchange.gateway.labels import Labels
from exchange.gateway.recovery import recent_events
from exchange.journal import Machine, MemoryStorage, Recovered, recover
from tests.unit.gateway.rig import NOW_MS, OPTION, Rig, listings

MACHINE: Machine[Engine] = Machine(Engine, Engine.restore, Engine.apply, lambda engine: engine.next_seq)


class Chain:
    """The chain of `exchange.attest`, as the journal wants it."""

    batch_root = staticmethod(chain.batch_root)
    next_head = staticmethod(chain.next_head)


def start(storage: MemoryStorage) -> tuple[Rig, Recovered[Engine]]:
    found = recover(storage, MACHINE, chain=Chain())
    assert found.chain_log is not None
    rig = Rig(
        found.engine,
        journal=found.writer,
        chain=ChainKeeper(found.chain_log, found.writer),
        labels=Labels.from_journal(found.labels.section, found.labels.records),
    )
    rig.venue.remember(recent_events(storage, found.next_seq))
    if found.next_seq == 1:
        for command in listings():
            rig.venue.submit(command)
        rig.loop.run()
    return rig.open(), found


def test_a_killed_venue_comes_back_with_everything_it_acknowledged() -> None:
    storage = MemoryStorage()
    rig, _ = start(storage)
    client, other = rig.client(), rig.client()
    order: dict[str, Any] = client.buy(amount=2, price=4000, label="first")["order"]
    other.sell(amount=0.5, price=4000)
    assert rig.venue.sequencer.idle
    storage.kill()

    again, found = start(storage)
    assert found.replayed == rig.engine.next_seq - 1
    assert found.head is not None
    assert found.next_seq == rig.engine.next_seq
    client = again.connect(client.account)
    (state,) = client.call("private/get_open_orders")
    assert (state["order_id"], state["label"], state["filled_amount"]) == (order["order_id"], "first", 0.5)
    (trade,) = client.call("private/get_user_trades_by_currency", currency="any")["trades"]
    assert (trade["label"], trade["liquidity"]) == ("first", "M")
    assert client.call("public/get_instrument", instrument_name=OPTION)["creation_timestamp"] == NOW_MS
    assert client.call("public/ticker", instrument_name=OPTION)["last_price"] == 4000
    assert client.buy(amount=1, price=4005, label="first")["order"]["label"] == "first"


def test_the_chain_and_the_events_on_disk_are_those_of_the_frames() -> None:
    storage = MemoryStorage()
    rig, _ = start(storage)
    client = rig.client()
    for price in range(4000, 4100, 5):
        client.send("private/buy", instrument_name=OPTION, amount=1, price=price)
        if price % 20 == 0:
            rig.loop.turn()
    rig.loop.run()
    rig.venue.stop()
    storage.kill()
    found = recover(storage, MACHINE, chain=Chain(), verify_roots=True)
    assert found.regenerated == 0
    assert found.engine.state_hash() == rig.engine.state_hash()
