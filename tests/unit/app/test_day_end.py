"""Day ends: once a day, after downtime, after a death in the middle, whatever the clock does."""

from exchange.app.day_end import DAY_MS, DayEnd, day_of
from exchange.app.parameters import VenueParameters
from exchange.app.products import PRODUCTS
from exchange.app.tiers import MemoryVolumes, VolumeTiers
from exchange.core import queries
from exchange.domain import commands as c
from exchange.domain import records as r
from tests.unit.app.direct import LISTED_MS, USDC, DirectVenue

ALICE = 64
INDEX = 100_000 * USDC
DAY_ENDS_MS = (day_of(LISTED_MS) + 1) * DAY_MS + 8 * 3_600_000
GTD = r.TIF_GTD << r.TIF_SHIFT


class Rig:
    """A perpetual with a mark, and Alice, who may place good-til-day orders."""

    def __init__(self, sequenced_ms: int | None = None) -> None:
        self.venue = DirectVenue()
        self.venue.do(c.list_underlying(0, "BTC"), c.list_instrument(0, PRODUCTS[0].perpetual(0)))
        self.venue.open_for(1, 1_000_000)
        self.venue.do(c.marks(0, INDEX, 1, [c.Mark(0, 10**9, INDEX, 0, INDEX)]))
        self.begin(self.venue.engine.now_ms if sequenced_ms is None else sequenced_ms)

    def begin(self, sequenced_ms: int) -> None:
        """A process starts."""
        parameters = VenueParameters(rules=1)
        self.day_end = DayEnd(
            self.venue, sequenced_ms, VolumeTiers(self.venue, parameters, MemoryVolumes())
        )

    def order(self, flags: int) -> None:
        self.venue.do(c.new_order(ALICE, 0, flags, 190_000, 1))

    def look(self, now_ms: int) -> list[int]:
        """The commands a look at `now_ms` brings."""
        before = len(self.venue.sent)
        self.day_end.look(now_ms, self.venue.registry.instruments)
        self.venue.run(0.01)
        return [command[0] for command in self.venue.sent[before:]]

    @property
    def open_orders(self) -> int:
        return queries.account_figures(self.venue.engine, ALICE).open_orders


def test_a_day_ends_once_and_takes_its_orders_with_it() -> None:
    rig = Rig()
    rig.order(GTD)
    rig.order(0)
    assert rig.look(DAY_ENDS_MS - 1) == []
    assert rig.look(DAY_ENDS_MS) == [r.EXPIRE_DAY, r.SETTLE_PERPETUAL]
    assert rig.open_orders == 1
    assert rig.look(DAY_ENDS_MS + 1_000) == []
    assert rig.look(DAY_ENDS_MS - 3_600_000) == []  # the clock stepped back over it
    assert rig.look(DAY_ENDS_MS + 1_000) == []
    assert rig.day_end.ended_count == 1


def test_more_orders_than_one_command_ends_are_ended_all_the_same() -> None:
    rig = Rig()
    for _ in range(300):
        rig.venue.submit(c.new_order(ALICE, 0, GTD, 190_000, 1))
    rig.venue.run(0.01)
    assert rig.look(DAY_ENDS_MS).count(r.EXPIRE_DAY) == 2
    assert rig.open_orders == 0


def test_a_day_that_ended_while_nothing_ran_is_ended_at_the_start() -> None:
    rig = Rig()
    rig.order(GTD)
    rig.begin(rig.venue.engine.now_ms)
    assert rig.look(DAY_ENDS_MS + 5 * DAY_MS) == [r.EXPIRE_DAY, r.SETTLE_PERPETUAL]
    assert rig.day_end.ended_count == 1


def test_a_process_that_died_in_a_day_end_leaves_the_rest_to_the_next() -> None:
    rig = Rig()
    rig.order(GTD)
    rig.venue.advance_to(DAY_ENDS_MS + 100)
    rig.venue.do(c.time(DAY_ENDS_MS + 200))  # the new day was sequenced, its end was not
    rig.begin(rig.venue.engine.now_ms)
    assert rig.look(DAY_ENDS_MS + 5_000) == [r.EXPIRE_DAY]
    assert rig.open_orders == 0
    rig.order(GTD)
    rig.begin(rig.venue.engine.now_ms)
    assert rig.look(DAY_ENDS_MS + 6_000) == []  # today's order is today's
    assert rig.open_orders == 1


def test_a_first_start_ends_no_day_and_a_full_queue_puts_it_off() -> None:
    rig = Rig(sequenced_ms=0)
    assert rig.look(LISTED_MS + 1_000) == []
    rig.order(GTD)
    rig.venue.is_full = True
    assert rig.look(DAY_ENDS_MS) == []
    rig.venue.is_full = False
    assert rig.look(DAY_ENDS_MS + 1_000) == [r.EXPIRE_DAY]
    assert rig.open_orders == 0
