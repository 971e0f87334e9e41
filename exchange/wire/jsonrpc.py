"""Requests that come in: JSON-RPC 2.0 text, or a method path with a query string.

Numbers with a fraction become `Decimal`, so that a price is exactly what the client wrote.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from exchange.wire import errors
from exchange.wire.limits import FRAME_BYTES_MAX, METHOD_CHARS_MAX, QUERY_FIELDS_MAX
from exchange.wire.session import Request, RpcError


class BadRequest(RpcError):
    """Bytes that are no request. `request_id` is the id to answer under, as far as one was readable."""

    def __init__(self, code: int, reason: str = "", request_id: int | str | None = None) -> None:
        super().__init__(code, errors.MESSAGES[code], {"reason": reason} if reason else None)
        self.request_id = request_id


class _Envelope(msgspec.Struct):
    id: int | str
    method: str
    jsonrpc: str = "2.0"
    params: dict[str, Any] | None = None


_typed: Final = msgspec.json.Decoder(_Envelope, float_hook=Decimal)
_untyped: Final = msgspec.json.Decoder(float_hook=Decimal)


def decode_request(data: bytes, received_us: int) -> Request:
    """The request in one WebSocket message or HTTP body.

    Raises:
        BadRequest: -32600 too large; -32700 no JSON (or no UTF-8); 11050 no JSON-RPC 2.0 request with
            an id (batches and notifications included); -32602 params that are no object.
    """
    if len(data) > FRAME_BYTES_MAX:
        raise BadRequest(errors.TOO_LARGE, f"at most {FRAME_BYTES_MAX} bytes")
    try:
        envelope = _typed.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError, ArithmeticError):
        raise _diagnose(_parsed(data)) from None
    if envelope.jsonrpc != "2.0":
        raise BadRequest(errors.BAD_REQUEST, "jsonrpc must be 2.0", envelope.id)
    method = envelope.method
    if method.startswith("/") or len(method) > METHOD_CHARS_MAX:
        method = _method(method, envelope.id)
    return Request(envelope.id, method, envelope.params or {}, received_us)


def _parsed(data: bytes) -> object:
    try:
        return _untyped.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError, ArithmeticError):
        raise BadRequest(errors.PARSE_ERROR) from None


def _readable_id(value: object) -> int | str | None:
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def _diagnose(value: object) -> BadRequest:
    """Why a JSON value is no request."""
    if not isinstance(value, dict):
        return BadRequest(errors.BAD_REQUEST, "a request is one JSON object")
    request_id = _readable_id(value.get("id"))
    if request_id is None:
        return BadRequest(errors.BAD_REQUEST, "id must be an integer or a string")
    if not isinstance(value.get("method"), str):
        return BadRequest(errors.BAD_REQUEST, "method must be a string", request_id)
    if not isinstance(value.get("jsonrpc", "2.0"), str):
        return BadRequest(errors.BAD_REQUEST, "jsonrpc must be 2.0", request_id)
    if isinstance(value.get("params", {}), dict):
        return BadRequest(errors.BAD_REQUEST, "not a JSON-RPC 2.0 request", request_id)
    return _params_error(request_id)


def _params_error(request_id: int | str | None) -> BadRequest:
    wrong = BadRequest(errors.INVALID_PARAMS, request_id=request_id)
    wrong.data = {"param": "params", "reason": "must be an object"}
    return wrong


def _method(name: str, request_id: int | str | None) -> str:
    name = name.removeprefix("/")
    if len(name) > METHOD_CHARS_MAX:
        raise BadRequest(errors.METHOD_NOT_FOUND, "", request_id)
    return name


def request_from_query(method: str, query: str, received_us: int) -> Request:
    """The request of a GET. A field that stands more than once, or ends with `[]`, becomes a list.

    Raises:
        BadRequest: 11050 a query that is not UTF-8 or holds too many fields.
    """
    try:
        fields = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise BadRequest(errors.BAD_REQUEST, "unreadable query string") from None
    params: dict[str, object] = {}
    for key, value in fields:
        name = key.removesuffix("[]")
        known = params.get(name)
        if known is None:
            params[name] = value if name == key else [value]
        elif isinstance(known, list):
            known.append(value)
        else:
            params[name] = [known, value]
    return Request(None, _method(method, None), params, received_us)


def request_from_body(method: str, body: bytes, received_us: int) -> Request:
    """The request of a POST to a method's own path: a JSON-RPC body, its id optional, or bare params.

    Raises:
        BadRequest: as `decode_request`, and 11050 if the body names another method than the path.
    """
    if len(body) > FRAME_BYTES_MAX:
        raise BadRequest(errors.TOO_LARGE, f"at most {FRAME_BYTES_MAX} bytes")
    method = _method(method, None)
    if not body.strip():
        return Request(None, method, {}, received_us)
    value = _parsed(body)
    if not isinstance(value, dict):
        raise BadRequest(errors.BAD_REQUEST, "a request is one JSON object")
    if not value.keys() & {"jsonrpc", "method", "params"}:
        return Request(None, method, value, received_us)
    request_id = _readable_id(value.get("id"))
    named = value.get("method", method)
    if not isinstance(named, str) or named.removeprefix("/") != method:
        raise BadRequest(errors.BAD_REQUEST, "path and body name different methods", request_id)
    params = value.get("params")
    if params is not None and not isinstance(params, dict):
        raise _params_error(request_id)
    return Request(request_id, method, params or {}, received_us)
