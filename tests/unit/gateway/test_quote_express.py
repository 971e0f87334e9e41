"""The fast way of mass quotes tells what the general way tells, and takes nothing that is unusual."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchange.edge.quotes import QuoteReader
from exchange.gateway.express import Express
from exchange.gateway.methods.quotes import mass_quote
from exchange.wire.jsonrpc import decode_request
from exchange.wire.limits import FRAME_BYTES_MAX, LABEL_CHARS_MAX
from tests.unit.gateway.rig import OPTION, PERPETUAL, Client, Rig
from tests.unit.gateway.test_express import frame, market, told

BID, ASK = {"price": 4980.0, "amount": 1}, {"amount": 2.0, "price": 5100}
QUOTE: dict[str, Any] = {"instrument_name": OPTION, "bid": BID, "ask": ASK}
CROSSING = {"instrument_name": OPTION, "bid": {"price": 5020.0, "amount": 2.5}}
POST = {"instrument_name": OPTION, "bid": {"price": 5010.0, "amount": 1, "post_only": True}}
REFUSED = {
    "instrument_name": OPTION,
    "bid": {"price": 5010.0, "amount": 1, "post_only": True, "reject_post_only": True},
    "ask": {"price": 5200.0, "amount": 1},
}
FUTURE = {"instrument_name": PERPETUAL, "bid": {"price": 99_990.5, "amount": 0.1, "reject_post_only": False}}

USUAL: list[dict[str, Any]] = [
    {"quotes": [QUOTE]},
    {"quotes": [QUOTE, FUTURE], "quote_id": "mine"},
    {"quotes": [CROSSING]},
    {"quotes": [CROSSING, FUTURE], "detailed": False},
    {"detailed": True, "quotes": [POST], "quote_id": ""},
    {"quotes": [REFUSED, FUTURE]},
    {"quotes": [QUOTE, QUOTE]},
    {"quotes": [QUOTE], "valid_until": 1},
    {"quotes": [QUOTE], "valid_until": 9_999_999_999_999},
]
UNUSUAL: list[dict[str, Any]] = [
    {},
    {"quotes": []},
    {"quotes": [QUOTE], "mmp_group": "x"},
    {"quotes": [QUOTE], "valid_until": -5},
    {"quotes": [QUOTE], "quote_id": "é"},
    {"quotes": [QUOTE | {"quote_set_id": "1"}]},
    {"quotes": [QUOTE | {"instrument_name": "BTC_USDC-1JAN30-1-C"}]},
    {"quotes": [{"instrument_name": OPTION}]},
    {"quotes": [{"bid": QUOTE["bid"]}]},
    {"quotes": [QUOTE | {"bid": None}]},
    {"quotes": [QUOTE | {"bid": {"price": 4980.0, "amount": 0}}]},
    {"quotes": [QUOTE | {"bid": {"price": 4980.01, "amount": 1}}]},
    {"quotes": [QUOTE | {"bid": {"price": 4980.0, "amount": 1e-9}}]},
    {"quotes": [QUOTE | {"bid": {"price": 4980.0}}]},
    {"quotes": [QUOTE | {"bid": {"price": "4980", "amount": 1}}]},
    {"quotes": [QUOTE | {"bid": {"price": 4980.0, "amount": 1, "label": "x"}}]},
    {"quotes": [QUOTE] * 101},
    {"quotes": QUOTE},
]


def quoter() -> tuple[Rig, Client]:
    rig, client, _ = market()
    client.session.cancel_on_disconnect = True
    return rig, client


def taken(rig: Rig, client: Client, asked: bytes) -> int:
    session = client.session
    return Express(rig.venue).take(session, [asked], 0, rig.clock.now_us(), session.credits)


def plain(reply: Any) -> Any:
    """A reply without what belongs to the moment."""
    if isinstance(reply, dict):
        kept = (name for name in reply if name not in ("usIn", "usOut", "usDiff"))
        return {name: plain(reply[name]) for name in kept}
    return [plain(each) for each in reply] if isinstance(reply, list) else reply


@pytest.mark.parametrize("params", USUAL, ids=str)
def test_both_ways_answer_alike(params: dict[str, Any]) -> None:
    asked = frame("private/mass_quote", **params)
    rig, client = quoter()
    assert taken(rig, client, asked) == 1
    (fast,) = told(rig, client)
    rig, client = quoter()
    request = decode_request(asked, rig.clock.now_us())
    meter = client.session.credits
    assert meter is not None
    meter.spend(request.method, rig.clock.now_us())
    mass_quote(rig.venue, client.session, request)
    (general,) = told(rig, client)
    assert plain(fast) == plain(general)


@pytest.mark.parametrize("params", UNUSUAL, ids=lambda params: str(params)[:60])
def test_what_is_unusual_is_left_alone(params: dict[str, Any]) -> None:
    rig, client = quoter()
    assert taken(rig, client, frame("private/mass_quote", **params)) == 0
    assert told(rig, client) == []


def test_without_cancel_on_disconnect_it_refuses_where_the_venue_asks_for_it() -> None:
    rig, client = quoter()
    client.session.cancel_on_disconnect = False
    rig.venue.disconnects.quotes_need_it = True
    assert taken(rig, client, frame("private/mass_quote", quotes=[QUOTE])) == 1
    (refused,) = told(rig, client)
    assert refused["error"]["code"] == 13042


def test_a_frame_cut_short_anywhere_is_not_usual() -> None:
    rig, _ = quoter()
    reader = QuoteReader(rig.venue.registry.listed, FRAME_BYTES_MAX, LABEL_CHARS_MAX)
    asked = frame("private/mass_quote", quotes=[QUOTE, POST], quote_id="a", detailed=False)
    assert reader.read(asked)
    assert (len(reader.quote_units()), reader.instruments) == (64, [0, 0])
    for cut in range(len(asked)):
        assert not reader.read(asked[:cut])
    assert not reader.read(asked + b"x")
    assert reader.read(asked + b" \n")


def test_spaces_between_anything_do_not_matter() -> None:
    rig, _ = quoter()
    reader = QuoteReader(rig.venue.registry.listed, FRAME_BYTES_MAX, LABEL_CHARS_MAX)
    asked = frame("private/mass_quote", quotes=[QUOTE, POST])
    assert reader.read(asked)
    units = reader.quote_units()
    assert reader.read(msgspec.json.format(asked, indent=2))
    assert reader.quote_units() == units
