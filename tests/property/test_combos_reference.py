"""The reference with combos: every branch is taken, numbers are as by hand, every price can be divided."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest

from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.property.streams import played, ruled_events, sound_after_every_command
from tests.reference.combo_branches import COMBO_BRANCHES
from tests.reference.combo_generator import COMBO_PROFILES, ComboTraffic
from tests.reference.combo_margin_scenarios import ALL_COMBO_SCENARIOS
from tests.reference.promises import COMBO_PROMISES

SEEDS = range(len(COMBO_PROFILES))
COMMANDS = 600


class Shown(NamedTuple):
    """What streams came to."""

    rejected: Counter[int]
    kinds: Counter[int]  # of COMBO_TRADE
    flags: Counter[int]  # of TRADE

    def read(self, events: bytes) -> None:
        for event in e.read_events(events):
            if isinstance(event, e.Rejected):
                self.rejected[event.reason] += 1
            elif isinstance(event, e.ComboTrade):
                self.kinds[event.kind] += 1
            elif isinstance(event, e.Trade):
                self.flags[event.flags] += 1


@pytest.fixture(scope="module")
def shown() -> Shown:
    found = Shown(Counter(), Counter(), Counter())
    for events in ruled_events(ComboTraffic, SEEDS, COMMANDS, Counter()):
        found.read(events)
    return found


def test_every_branch_is_promised() -> None:
    promised = {word for promise in COMBO_PROMISES.values() for word in promise}
    assert not COMBO_BRANCHES - promised


def test_random_traffic_trades_in_every_way(shown: Shown) -> None:
    assert set(shown.kinds) == {r.COMBO_BOOK, r.COMBO_IN, r.COMBO_OUT}
    of_combos = {flags & ~1 for flags in shown.flags if flags & r.TRADE_COMBO}
    assert of_combos >= {r.TRADE_COMBO, r.TRADE_COMBO | r.TRADE_RESTS}
    assert shown.rejected[why.BAD_TERMS]


@pytest.mark.parametrize("seed", range(0, len(COMBO_PROFILES), 2))
def test_invariants_hold_after_every_command(seed: int) -> None:
    sound_after_every_command(ComboTraffic, seed, 350, batch=30)


# --- scripted streams, by hand -------------------------------------------------------------------------


def refused(events: list[e.Event]) -> list[tuple[str, int]]:
    return [(why.REJECT_NAMES[x.reason], x.detail) for x in events if isinstance(x, e.Rejected)]


def combo_trades(events: list[e.Event]) -> list[tuple[int, int, int, int, int]]:
    """Combo, price, lots, side and kind."""
    trades = [x for x in events if isinstance(x, e.ComboTrade)]
    return [(x.head.instrument, x.price_ticks, x.lots, x.side, x.kind) for x in trades]


def trades(events: list[e.Event]) -> list[tuple[int, int, int, int, int]]:
    """Instrument, price, lots, the maker's fee and the taker's."""
    found = [x for x in events if isinstance(x, e.Trade)]
    return [
        (x.head.instrument, x.price_ticks, x.size_lots, x.maker_fee_micro, x.taker_fee_micro) for x in found
    ]


def test_an_implied_order_in_trades_both_legs_with_the_takers_discount() -> None:
    events = played(ALL_COMBO_SCENARIOS["in_and_out"]())[2]
    # 3 lots of 500 USDC at 100 and 300 ppm: 0.15 and 0.45 USDC, of which the taker of the combo pays 3/4.
    assert combo_trades(events) == [(2, 20, 3, 0, r.COMBO_IN)]
    assert trades(events) == [(0, 1_010, 3, 150_000, 337_500), (1, 990, 3, 150_000, 337_500)]
    kinds = [type(x).__name__ for x in events if isinstance(x, e.ComboTrade | e.Trade | e.Order)]
    assert kinds[2:] == ["ComboTrade", "Trade", "Order", "Trade", "Order", "Order"]
    taken = [x for x in events if isinstance(x, e.Order)][-1]
    assert (taken.filled_lots, taken.open_lots, taken.filled_value) == (3, 1, 60)


def test_an_implied_order_out_is_a_maker_in_both_legs() -> None:
    events = played(ALL_COMBO_SCENARIOS["in_and_out"]())[9]
    assert combo_trades(events) == [(2, 15, 2, 0, r.COMBO_OUT)]
    assert trades(events) == [(0, 1_015, 2, 75_000, 300_000), (1, 1_000, 2, 100_000, 75_000)]
    (combo,) = (x for x in events if isinstance(x, e.ComboTrade))
    first, second = (x for x in events if isinstance(x, e.Trade))
    assert (combo.head.account, combo.taker_order_id) == (0, 0)
    assert combo.maker_order_id == first.maker_order_id == second.taker_order_id
    assert combo.maker_account == first.maker_account == second.taker_account
    assert (first.flags, second.flags) == (r.TRADE_COMBO, r.TRADE_COMBO | r.TRADE_RESTS)
    assert [combo.trade_id + n for n in (1, 2)] == [first.trade_id, second.trade_id]


def test_each_way_to_be_implied_out_takes_no_worse_price() -> None:
    batches = played(ALL_COMBO_SCENARIOS["in_and_out"]())[9::3]
    assert [[price for _, price, *_ in trades(events)] for events in batches] == [
        [1_015, 1_000],
        [1_015, 1_000],
        [1_000, 1_015],
        [1_000, 1_015],
        [1_005, 1_000],
        [1_005, 1_000],
        [1_000, 1_005],
        [1_000, 1_005],
    ]


def test_what_is_rounded_is_the_combo_makers() -> None:
    _, bought, sold, _, summed, _, none = played(ALL_COMBO_SCENARIOS["rounded"]())
    # Who buys the combo at 10 sells its second leg for 995, not for 991: the combo costs 6.
    assert combo_trades(bought) == [(2, 6, 2, 1, r.COMBO_OUT)]
    assert combo_trades(sold) == [(2, 14, 2, 0, r.COMBO_OUT)]
    # Implied at −2 the least price there is, 5, is paid: the seller of the sum at 10 gets 17.
    assert combo_trades(summed) == [(3, 17, 1, 0, r.COMBO_OUT)]
    assert combo_trades(none) == []


def test_listings_are_refused_in_the_order_of_the_checks() -> None:
    first, *listed = played(ALL_COMBO_SCENARIOS["refused"]())[1:20]
    assert [name for name, _ in refused(first)] == ["bad_id", "bad_id", "not_authorised"]
    assert [pair for events in listed for pair in refused(events)] == [
        ("unknown_instrument", 0),
        ("unknown_instrument", 1),
        ("bad_value", 0),
        ("bad_value", 1),
        ("bad_value", 1),
        ("bad_value", 1),
        ("bad_terms", 1),
        ("bad_terms", 1),
        ("bad_value", 0),
        ("bad_value", 0),
        ("bad_value", 1),
        ("bad_value", -1),
        ("bad_value", -1),
        ("bad_value", -1),
        ("bad_terms", -1),
        ("bad_terms", -1),
        ("bad_terms", -1),
    ]


def test_an_implied_order_takes_two_meetings() -> None:
    batches = [combo_trades(events) for events in played(ALL_COMBO_SCENARIOS["most_meetings"]())]
    one_left, two_left = (made for made in batches if made)
    assert len(one_left) == 1_023
    assert [kind for *_, kind in two_left[-2:]] == [r.COMBO_BOOK, r.COMBO_IN]
    assert two_left[-1][2] == 3


def test_a_leg_that_ends_takes_its_combos_along() -> None:
    states = [
        [(x.head.instrument, x.state) for x in events if isinstance(x, e.Instrument)]
        for events in played(ALL_COMBO_SCENARIOS["ends"]())
    ]
    assert states[7] == [(5, r.STATE_DELISTED), (7, r.STATE_DELISTED), (2, r.STATE_DELISTED)]
    assert states[9] == [(4, r.STATE_DELISTED), (6, r.STATE_DELISTED), (1, r.STATE_DELIVERED)]
