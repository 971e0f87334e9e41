"""Books as a client rebuilds them from a channel, and as the engine holds them."""

from __future__ import annotations

from exchange.core import queries
from tests.unit.gateway.rig import Client, Rig


class BookFollower:
    """Rebuilds a book from its channel and checks that the ids chain."""

    def __init__(self, client: Client, channel: str) -> None:
        self.client = client
        self.channel = channel
        self.sides: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
        self.change_id = -1
        self.frames = 0

    def follow(self) -> None:
        for data in self.client.taken(self.channel):
            self.frames += 1
            if data["type"] == "snapshot":
                self.sides = {"bids": {}, "asks": {}}
            else:
                assert data["prev_change_id"] == self.change_id
                assert data["change_id"] > self.change_id
            self.change_id = data["change_id"]
            for name, side in self.sides.items():
                for action, price, amount in data[name]:
                    assert (action == "new") == (price not in side)
                    if action == "delete":
                        assert amount == 0
                        del side[price]
                    else:
                        assert amount > 0
                        side[price] = amount

    def book(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        return (
            sorted(self.sides["bids"].items(), reverse=True),
            sorted(self.sides["asks"].items()),
        )


def engine_book(rig: Rig, instrument: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    view = rig.venue.registry.instruments[instrument]
    bids, asks = queries.book_levels(rig.engine, instrument, 10_000)
    return (
        [(view.price(p), view.amount(n)) for p, n in bids],
        [(view.price(p), view.amount(n)) for p, n in asks],
    )
