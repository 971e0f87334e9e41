"""The API's own description as files that the venue serves: OpenAPI for HTTP, AsyncAPI for WebSocket."""

from __future__ import annotations

from collections.abc import Mapping

from exchange.gateway.dispatch import Handler
from exchange.gateway.http import JSON, StaticFile
from exchange.wire.documents.asyncapi import asyncapi
from exchange.wire.documents.openapi import ASYNCAPI_PATH, OPENAPI_PATH, openapi
from exchange.wire.envelope import encode_json
from exchange.wire.messages.methods import CALLS


def api_documents(methods: Mapping[str, Handler]) -> dict[str, StaticFile]:
    """Both documents of a table of methods, by path.

    Raises:
        KeyError: a method that `exchange.wire.messages.methods` does not declare.
    """
    calls = {name: CALLS[name] for name in methods}
    said = {name: handler.__doc__ or "" for name, handler in methods.items()}
    return {
        OPENAPI_PATH: StaticFile(JSON, encode_json(openapi(calls, said))),
        ASYNCAPI_PATH: StaticFile(JSON, encode_json(asyncapi(calls, said))),
    }
