"""JSON-RPC 2.0 frames that leave the venue: results, errors, notifications, heartbeats.

A frame is the UTF-8 text of one WebSocket message or of one HTTP body. The envelope around a result is
written by hand because every reply carries it; the result itself goes through one msgspec encoder,
which writes NaN and infinities as null.
"""

from __future__ import annotations

from typing import Final

import msgspec

_encoder: Final = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical")
encode_json: Final = _encoder.encode

_TRUE: Final = b"true"
_FALSE: Final = b"false"


def _id_json(request_id: int | str | None) -> bytes:
    if type(request_id) is int:
        return b"%d" % request_id
    return encode_json(request_id)


def result_frame(
    request_id: int | str | None,
    result: object,
    us_in: int,
    us_out: int,
    testnet: bool,
    seq: int | None = None,
    budget: int | None = None,
) -> bytes:
    """A success envelope. `seq` is the sequence number of the command behind it, where state changed;
    `budget` how many more requests of its kind are admitted now.

    `result` may be `msgspec.Raw` with JSON that is already encoded. Times are in microseconds.
    """
    return b'{"jsonrpc":"2.0","id":%b,"result":%b,%b%b"usIn":%d,"usOut":%d,"usDiff":%d,"testnet":%b}' % (
        _id_json(request_id),
        encode_json(result),
        b"" if seq is None else b'"seq":%d,' % seq,
        b"" if budget is None else b'"budget":%d,' % budget,
        us_in,
        us_out,
        us_out - us_in,
        _TRUE if testnet else _FALSE,
    )


def error_frame(
    request_id: int | str | None,
    code: int,
    message: str,
    data: dict[str, object] | None,
    us_in: int,
    us_out: int,
    testnet: bool,
    budget: int | None = None,
) -> bytes:
    """A failure envelope; `data` is left out when there is none."""
    error: dict[str, object] = {"message": message, "code": code}
    if data is not None:
        error["data"] = data
    return b'{"jsonrpc":"2.0","id":%b,"error":%b,%b"usIn":%d,"usOut":%d,"usDiff":%d,"testnet":%b}' % (
        _id_json(request_id),
        encode_json(error),
        b"" if budget is None else b'"budget":%d,' % budget,
        us_in,
        us_out,
        us_out - us_in,
        _TRUE if testnet else _FALSE,
    )


def notification_frame(channel: str, data: object) -> bytes:
    """A subscription notification. Encode once, send the same bytes to every subscriber."""
    return b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":%b,"data":%b}}' % (
        encode_json(channel),
        encode_json(data),
    )


HEARTBEAT_FRAME: Final = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}'
TEST_REQUEST_FRAME: Final = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'
