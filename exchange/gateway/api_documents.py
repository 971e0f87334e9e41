"""The API's own description as files that the venue serves: OpenAPI for HTTP, AsyncAPI for WebSocket."""

from __future__ import annotations

from collections.abc import Mapping

from exchange.gateway.dispatch import Handler
from exchange.gateway.sockets.http import JSON, StaticFile
from exchange.wire.documents.asyncapi import asyncapi
from exchange.wire.documents.openapi import ASYNCAPI_PATH, OPENAPI_PATH, openapi
from exchange.wire.documents.schemas import schemas_of
from exchange.wire.envelope import encode_json
from exchange.wire.messages.methods import CALLS


def api_documents(methods: Mapping[str, Handler]) -> dict[str, StaticFile]:
    """Both documents of a table of methods, by path.

    Raises:
        KeyError: a method that `exchange.wire.messages.methods` does not declare.
    """
    calls = {name: CALLS[name] for name in methods}
    said = {name: handler.__doc__ or "" for name, handler in methods.items()}
    found = schemas_of(calls)  # for both: half of a venue's start would go into it
    return {
        OPENAPI_PATH: StaticFile(JSON, encode_json(openapi(calls, said, found))),
        ASYNCAPI_PATH: StaticFile(JSON, encode_json(asyncapi(calls, said, found))),
    }
