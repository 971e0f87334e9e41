"""What the reader takes means what the general way reads in it; of everything else it says nothing."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exchange.domain import records as r
from exchange.edge.requests import OrderReader, Run
from exchange.gateway.express import _flag_words
from exchange.gateway.methods.trading import NEW_ORDER_HEAD, NEW_ORDER_RECORD
from exchange.gateway.order_params import read_new_order
from exchange.wire.jsonrpc import BadRequest, decode_request
from exchange.wire.session import RpcError
from tests.unit.gateway.test_registry import listed

REGISTRY = listed()
ACCOUNT = 77
LABELS = {"known": 5, "k" * 64: 6, "k" * 65: 7}
NAMES = [view.name for view in REGISTRY.instruments]


def reader() -> OrderReader:
    return OrderReader(
        REGISTRY.listed, _flag_words(), lambda _account, text: LABELS.get(text, 0), 32_768, 64
    )


READER = reader()


def taken(frame: bytes) -> tuple[bytes, list[bytes]] | None:
    """The command and the request ids, None if it is left to the general way."""
    run = Run(ACCOUNT)
    if READER.read_many([frame], 0, 1, run) == 0:
        assert run.count == 0
        return None
    return run.commands(), run.ids


def expected(frame: bytes) -> tuple[bytes, list[bytes]]:
    """The same by the general way. Raises what that raises."""
    request = decode_request(frame, 0)
    order = read_new_order(request.params, REGISTRY)
    assert order is not None
    assert request.method in ("private/buy", "private/sell")
    flags = order.flags | (r.FLAG_SELL if request.method == "private/sell" else 0)
    label = LABELS[order.label] if order.label else 0
    command = NEW_ORDER_RECORD.pack(
        NEW_ORDER_HEAD, flags, ACCOUNT, order.view.instrument, order.client_order_id, 0, label,
        order.price_ticks, order.size_lots, order.display_lots, order.valid_until_ms,
    )  # fmt: skip
    assert type(request.id) is int
    return command, [b"%d" % request.id]


OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["limit", "market", "market_limit", "stop_limit", ""]),
    "time_in_force": st.sampled_from(
        ["good_til_cancelled", "good_til_day", "immediate_or_cancel", "fill_or_kill", "never"]
    ),
    "post_only": st.booleans(),
    "reject_post_only": st.booleans(),
    "reduce_only": st.booleans(),
    "label": st.sampled_from(["", "known", "new", "k" * 64, "k" * 65, "ä"]),
    "client_order_id": st.sampled_from(["1", "18446744073709551615", "0", "007", "x", "123456789012345678"]),
    "mmp": st.booleans(),
    "valid_until": st.just(5),
}
numbers = st.one_of(
    st.integers(0, 10**6),
    st.floats(0, 10**6, allow_nan=False),
    st.integers(0, 10**5).map(lambda n: n / 20),
    st.integers(1, 10**4).map(lambda n: n * 5),
    st.integers(1, 10**4).map(lambda n: n * 5.0),
    st.integers(0, 10**5).map(lambda n: n / 400),
)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    params = {"instrument_name": draw(st.sampled_from([*NAMES, "nothing"])), "amount": draw(numbers)}
    if draw(st.integers(0, 9)):
        params["price"] = draw(numbers)
    for name in draw(st.lists(st.sampled_from(sorted(OPTIONAL)), unique=True, max_size=4)):
        params[name] = draw(OPTIONAL[name])
    call: dict[str, Any] = {"jsonrpc": "2.0", "id": draw(st.integers(0, 10**18))}
    call |= {"method": draw(st.sampled_from(["private/buy", "private/sell"])), "params": params}
    order = draw(st.permutations(sorted(call)))
    call = {name: call[name] for name in order}
    call["params"] = {name: params[name] for name in draw(st.permutations(sorted(params)))}
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]))
    return json.dumps(call, separators=separators).encode()


@given(frames())
def test_it_reads_what_the_general_way_reads(frame: bytes) -> None:
    found = taken(frame)
    if found is not None:
        assert found == expected(frame)


@given(frames(), st.data())
@example(b'{"jsonrpc":"2.0","id":1,"method":"private/buy","params":{}}', None)
def test_a_damaged_frame_is_taken_only_for_what_it_says(frame: bytes, data: st.DataObject | None) -> None:
    if data is not None:
        at = data.draw(st.integers(0, len(frame)))
        kind = data.draw(st.sampled_from(["cut", "put", "drop"]))
        byte = data.draw(st.binary(min_size=1, max_size=2) | st.sampled_from([b'"', b",", b"}", b"0", b"."]))
        rest = {"cut": b"", "put": byte + frame[at:], "drop": frame[at + 1 :]}[kind]
        frame = frame[:at] + rest
    found = taken(frame)
    if found is None:
        return
    assert found == expected(frame)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"price": 105},
        {"type": "market"},
        {"label": "known", "post_only": True},
        {"client_order_id": "9"},
        {"time_in_force": "fill_or_kill", "reduce_only": True},
    ],
    ids=str,
)
def test_usual_orders_are_taken(more: dict[str, Any]) -> None:
    params = {"instrument_name": NAMES[0], "amount": 1, "price": 100.0} | more
    frame = json.dumps({"jsonrpc": "2.0", "id": 3, "method": "private/sell", "params": params}).encode()
    assert taken(frame) == expected(frame)


def test_every_length_of_a_cut_frame_is_left() -> None:
    params = {"instrument_name": NAMES[0], "amount": 1.0, "price": 100.0, "post_only": True}
    frame = msgspec.json.encode({"id": 3, "method": "private/sell", "params": params})
    assert taken(frame) == expected(frame)
    for end in range(len(frame)):
        assert taken(frame[:end]) is None
    with pytest.raises((BadRequest, RpcError)):
        expected(frame[:-1])


def test_one_parameter_twice_is_left() -> None:
    params = f'{{"instrument_name":"{NAMES[0]}","amount":1,"price":100,"amount":2}}'
    assert taken(b'{"id":3,"method":"private/buy","params":%b}' % params.encode()) is None


def test_a_token_ends_a_run() -> None:
    def frame(number: int, **more: str) -> bytes:
        params = {"instrument_name": NAMES[0], "amount": 1, "price": 100.0} | more
        return msgspec.json.encode({"id": number, "method": "private/buy", "params": params})

    mine, run = reader(), Run(ACCOUNT)
    messages: list[bytes | None] = [frame(1), frame(2), frame(3, access_token="a.b"), frame(4)]
    assert mine.read_many(messages, 0, 9, run) == 2
    assert mine.token == b"a.b"
    assert run.ids == [b"1", b"2"]
    other = Run(ACCOUNT + 1)
    assert mine.place(other)
    assert other.ids == [b"3"]
    assert mine.read_many(messages, 3, 9, other) == 1
    assert mine.token == b""
    assert other.one(1).commands() == other.commands()[64:]
    assert mine.read_many([None], 0, 1, run) == 0
    assert mine.read_many(messages, 0, 1, run) == 1
