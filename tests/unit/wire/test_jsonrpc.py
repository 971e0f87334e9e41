"""Decoding requests: what is good, what is refused with which code, and that nothing else escapes."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.wire.jsonrpc import BadRequest, decode_request, request_from_body, request_from_query
from tests.unit.wire.samples import refusal


@pytest.mark.parametrize("request_id", [0, 1, -5, 2**70, "a", "", "é"])
def test_integer_and_string_ids_are_kept(request_id: int | str) -> None:
    data = msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "method": "public/test"})
    request = decode_request(data, 9)
    assert (request.id, request.method, request.params, request.received_us) == (
        request_id,
        "public/test",
        {},
        9,
    )


@pytest.mark.parametrize(
    ("text", "method", "params"),
    [
        ('{"jsonrpc":"2.0","id":1,"method":"/public/test","params":{}}', "public/test", {}),
        ('{"id":1,"method":"public/test","params":null}', "public/test", {}),
        ('{"id":1,"method":"a","params":{"b":[1,"x",true]}}', "a", {"b": [1, "x", True]}),
        (' {"id":1,"method":"a","extra":1,"params":{"b":{}}} ', "a", {"b": {}}),
    ],
)
def test_what_clients_send_is_understood(text: str, method: str, params: dict[str, object]) -> None:
    request = decode_request(text.encode(), 0)
    assert (request.method, request.params) == (method, params)


def test_numbers_are_exact() -> None:
    request = decode_request(b'{"id":1,"method":"a","params":{"p":0.1,"q":1.10000000000000000001}}', 0)
    assert request.params == {"p": Decimal("0.1"), "q": Decimal("1.10000000000000000001")}


REFUSED = [
    (b"", -32700, None),
    (b"{", -32700, None),
    (b"nonsense", -32700, None),
    (b'{"id":1,"method":"a","params":{"price":NaN}}', -32700, None),
    (b'{"id":1,"method":"a","params":{"price":Infinity}}', -32700, None),
    (b'{"id":1,"method":"\xff\xfe"}', -32700, None),
    (b'{"id":1} {"id":2}', -32700, None),
    (b"[" * 20_000, -32700, None),
    (b"[]", 11050, None),
    (b'[{"id":1,"method":"a"}]', 11050, None),
    (b"5", 11050, None),
    (b"null", 11050, None),
    (b'"text"', 11050, None),
    (b"{}", 11050, None),
    (b'{"method":"public/test"}', 11050, None),
    (b'{"id":null,"method":"public/test"}', 11050, None),
    (b'{"id":1.5,"method":"public/test"}', 11050, None),
    (b'{"id":true,"method":"public/test"}', 11050, None),
    (b'{"id":{},"method":"public/test"}', 11050, None),
    (b'{"id":3}', 11050, 3),
    (b'{"id":3,"method":7}', 11050, 3),
    (b'{"id":3,"method":"a","jsonrpc":"1.0"}', 11050, 3),
    (b'{"id":3,"method":"a","jsonrpc":2}', 11050, 3),
    (b'{"id":"x","method":"a","params":[1]}', -32602, "x"),
    (b'{"id":"x","method":"a","params":"b"}', -32602, "x"),
    (b'{"id":4,"method":"' + b"m" * 100 + b'"}', -32601, 4),
    (b'{"id":4,"method":"a","params":{"b":"' + b"x" * 40_000 + b'"}}', -32600, None),
]


@pytest.mark.parametrize(("data", "code", "request_id"), REFUSED)
def test_what_is_no_request_has_its_code_and_id(data: bytes, code: int, request_id: object) -> None:
    with pytest.raises(BadRequest) as refused:
        decode_request(data, 0)
    assert (refused.value.code, refused.value.request_id) == (code, request_id)


def test_positional_params_name_what_is_wrong() -> None:
    with pytest.raises(BadRequest) as refused:
        decode_request(b'{"id":1,"method":"a","params":[]}', 0)
    assert refused.value.data == {"param": "params", "reason": "must be an object"}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    for decode in (decode_request, lambda d, t: request_from_body("public/test", d, t)):
        refused = refusal(partial(decode, data, 0))
        assert refused is None or refused.code in (-32700, 11050, -32602, -32601)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["id", "method", "params", "jsonrpc", "x"]), _VALUES, max_size=5)
    | _VALUES
)
def test_any_json_decodes_or_is_refused(value: object) -> None:
    data = msgspec.json.encode(value)
    for decode in (decode_request, lambda d, t: request_from_body("public/test", d, t)):
        refused = refusal(partial(decode, data, 0))
        assert refused is None or refused.code in (-32700, 11050, -32602, -32601)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_query_is_read_or_refused(query: str) -> None:
    refused = refusal(lambda: request_from_query("public/test", query, 0))
    assert refused is None or refused.code == 11050


def test_a_query_gives_strings() -> None:
    request = request_from_query("/private/buy", "instrument_name=X%2DY&amount=1&post_only=true&label=", 3)
    assert request.id is None
    assert request.method == "private/buy"
    assert request.params == {"instrument_name": "X-Y", "amount": "1", "post_only": "true", "label": ""}


def test_repeated_query_fields_are_a_list() -> None:
    request = request_from_query("m", "c[]=1&c[]=2&c=3&d=4", 0)
    assert request.params == {"c": ["1", "2", "3"], "d": "4"}


@pytest.mark.parametrize("query", ["a=%ff%fe", "&".join(f"k{i}=1" for i in range(300))])
def test_unreadable_queries_are_refused(query: str) -> None:
    with pytest.raises(BadRequest) as refused:
        request_from_query("m", query, 0)
    assert refused.value.code == 11050


@pytest.mark.parametrize(
    ("body", "params", "request_id"),
    [
        (b"", {}, None),
        (b'{"a":1}', {"a": 1}, None),
        (b'{"jsonrpc":"2.0","id":4,"method":"m","params":{"a":1}}', {"a": 1}, 4),
        (b'{"params":{"a":1}}', {"a": 1}, None),
        (b'{"id":"q","method":"/m"}', {}, "q"),
    ],
)
def test_a_post_to_a_method_takes_an_envelope_or_bare_params(
    body: bytes, params: dict[str, object], request_id: object
) -> None:
    request = request_from_body("m", body, 0)
    assert (request.method, request.params, request.id) == ("m", params, request_id)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[1]", 11050),
        (b'{"method":"other","params":{}}', 11050),
        (b'{"method":5}', 11050),
        (b'{"params":[1]}', -32602),
        (b"{", -32700),
        (b" " * 40_000, -32600),
    ],
)
def test_a_post_that_makes_no_sense_is_refused(body: bytes, code: int) -> None:
    with pytest.raises(BadRequest) as refused:
        request_from_body("m", body, 0)
    assert refused.value.code == code
