"""What a maker knows of an underlying: when to requote, when to be silent."""

from __future__ import annotations

from clients.instruments import parse_instrument
from clients.maker_desk import LAST_MINUTE_MS, Desk
from clients.quoting import NO_QUOTE, QuoteConfig
from tests.unit.clients.fake_venue import option_listing, perpetual_listing

NEAR = parse_instrument(option_listing("BTC", 2, 100_000.0, "call"))
FAR = parse_instrument(option_listing("BTC", 30, 100_000.0, "call"))
PERPETUAL = parse_instrument(perpetual_listing("BTC"))
LISTED = [FAR, PERPETUAL, NEAR]


def desk(venue_ms: int, index: float = 100_000.0) -> Desk:
    found = Desk("BTC")
    found.take_listings(LISTED, [])
    found.hear(index, venue_ms, now_s=5.0)
    marks = {"mark_iv": 60.0, "underlying_price": index, "mark_price": index}
    by_name = {i.name: i for i in LISTED}
    found.surface.learn(by_name, [{"instrument_name": name, **marks} for name in by_name], index)
    return found


def test_instruments_stand_by_expiry() -> None:
    listed = desk(0).instruments
    assert [i.name for i in listed if i.is_option] == [NEAR.name, FAR.name]
    assert desk(0).index_name == "btc_usdc"


def test_an_index_never_heard_or_long_ago_is_stale() -> None:
    assert Desk("BTC").is_stale(0.0, 5.0)
    assert not desk(0).is_stale(10.0, 5.0)
    assert desk(0).is_stale(10.1, 5.0)


def test_a_move_counts_from_where_it_was_quoted() -> None:
    found = desk(0)
    found.quoted_index = 100_000.0
    assert not found.has_moved(1.0)
    found.hear(100_009.0, 1, 6.0)
    assert not found.has_moved(1.0)
    found.hear(100_010.0, 2, 6.0)
    assert found.has_moved(1.0)


def test_an_option_in_its_last_seconds_is_not_quoted() -> None:
    sizes = {i.name: 10 * i.min_amount_micro for i in LISTED}
    for ahead_ms, quoted in ((LAST_MINUTE_MS + 1, True), (LAST_MINUTE_MS, False)):
        found = desk(NEAR.expiry_ms - ahead_ms)
        names = [i.name for i in found.instruments]
        targets = dict(zip(names, found.targets({}, sizes, QuoteConfig()), strict=True))
        assert (targets[NEAR.name] != NO_QUOTE) == quoted
        assert targets[PERPETUAL.name] != NO_QUOTE
