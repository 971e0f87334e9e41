"""A fill written straight from the buffers of released events is the fill's object."""

from __future__ import annotations

import msgspec
import pytest

from exchange.edge import released
from exchange.gateway.fixed_members import FINALITIES
from exchange.gateway.history_ring import fill_of
from tests.unit.gateway.combo_rig import ComboRig, spread
from tests.unit.gateway.rig import OPTION, PERPETUAL, Client


def a_day(rig: ComboRig) -> list[Client]:
    """Fills of orders and of quotes, with labels and without, of a combo and of its legs."""
    alice, bob = rig.client(), rig.client()
    for client in (alice, bob):
        client.session.cancel_on_disconnect = True
    alice.sell(price=5010.0, amount=3.0, label="offer")
    quote = {"instrument_name": OPTION, "bid": {"price": 4990.0, "amount": 2.0}}
    alice.call("private/mass_quote", quotes=[quote], quote_id="mine")
    bob.buy(price=5010.0, amount=1.0)
    bob.buy(price=5020.0, amount=1.0, label="mine too", time_in_force="immediate_or_cancel")
    bob.sell(price=4990.0, amount=0.5)
    bob.call("private/mass_quote", quotes=[quote | {"ask": {"price": 4985.0, "amount": 1.0}, "bid": None}])
    alice.sell(PERPETUAL, 0.1, 100_000.5)
    bob.buy(PERPETUAL, 0.1, 100_001.0)
    name = spread(alice)["id"]
    alice.sell(name, 1.0, 2000.0, label="combo")
    bob.buy(name, 1.0, 2000.0)
    return [alice, bob]


@pytest.mark.parametrize("states", range(4), ids=FINALITIES)
def test_it_equals_the_object(states: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = ComboRig().open()
    reached = [1 << 40 if number < states else 0 for number in range(3)]
    for name, seq in zip(("posted_seq", "confirmed_seq", "final_seq"), reached, strict=True):
        monkeypatch.setattr(rig.venue.settlement, name, lambda seq=seq: seq)
    clients = a_day(rig)
    past, rendering = rig.venue.ring.past, rig.venue.rendering
    asked_of: list[bool] = []
    for client in clients:
        account = client.account or 0
        places: list[int] = []
        number = past.first(account, released.FILLS)
        while number:
            place, number, _ = past.entry(number)
            places.append(place)
        assert len(places) >= 8
        objects = [rendering.fill(fill_of(past, place), account) for place in places]
        assert {each["finality"] for each in objects} == {FINALITIES[states]}
        written = [msgspec.json.decode(each) for each in rendering.fills_at(account, places)]
        assert written == msgspec.json.decode(msgspec.json.encode(objects))
        asked_of += [bool(each) for each in rendering._own_fills.write(account, places, *reached)]
    assert {True, False} == set(asked_of)  # combos are left to the general way, all else is not


def test_trades_are_found_in_the_order_asked_for() -> None:
    rig = ComboRig().open()
    alice, _ = a_day(rig)
    ring, account = rig.venue.ring, alice.account or 0
    ids = [int.from_bytes(fill.trade[24:32], "little") for fill in ring.fills(account)]
    wanted = [ids[0], 999, ids[-1]]
    found = ring.find_trades(account, wanted)
    assert [int.from_bytes(fill.trade[24:32], "little") for fill in found] == [ids[0], ids[-1]]
