"""The OpenAPI 3.1 document of the venue's HTTP side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exchange.wire.documents.schemas import (
    VERSION,
    Json,
    Schemas,
    identifier,
    reference,
    reply_schema,
    request_schema,
    schemas_of,
    told_by,
)
from exchange.wire.messages.methods import Call
from exchange.wire.method_scopes import METHOD_SCOPES

API_ROOT: Final = "/api/v2"
OPENAPI_PATH: Final = "/api/v2/openapi.json"
ASYNCAPI_PATH: Final = "/api/v2/asyncapi.json"
_JSON: Final = "application/json"
_ABOUT: Final = (
    "An options exchange that speaks the Deribit v2 dialect. Every method is called by GET with a query "
    "string, by POST to its own path, or by POST to /api/v2 with a JSON-RPC 2.0 request; over WebSocket as "
    f"{ASYNCAPI_PATH} says. Numbers and booleans may be written as strings."
)
_FAILURES: Final = {
    "400": "the request failed: `error.code` says why",
    "413": "the body is too large",
    "414": "the target is too large",
    "429": "too many requests, or too many connections from this address",
    "431": "the header is too large",
}
_SECURITY: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "the access token of public/auth"},
    "basic": {"type": "http", "scheme": "basic", "description": "client id and secret"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`deri-hmac-sha256 id=…,ts=…,nonce=…,sig=…`",
    },
}


def openapi(calls: Mapping[str, Call], documents: Mapping[str, str], found: Schemas | None = None) -> Json:
    """The document of these methods. `documents` is what each method's handler says of itself, `found` the
    methods' schemas where they are known already."""
    found = found or schemas_of(calls)
    paths: Json = {API_ROOT: {"post": _any_method()}, "/health": {"get": _health()}}
    for method in sorted(calls):
        paths[f"{API_ROOT}/{method}"] = _path(method, calls[method], found, documents.get(method, ""))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Strikebook", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": "public"}, {"name": "private"}],
        "paths": paths,
        "components": {
            "schemas": found.objects,
            "responses": _shared_responses(found),
            "securitySchemes": _SECURITY,
        },
    }


def _path(method: str, call: Call, found: Schemas, document: str) -> Json:
    kinds = found.parameters[method]
    area = method.partition("/")[0]
    shared: Json = {"tags": [area], "summary": method, "responses": _responses(method, found)}
    told = told_by(document)
    if told:
        shared["description"] = told
    if area == "private":
        shared["security"] = [{name: []} for name in _SECURITY]
        if method in METHOD_SCOPES:
            scope, writes = METHOD_SCOPES[method]
            shared["x-scope"] = f"{scope}:{'read_write' if writes else 'read'}"
    query = [
        _query(name, kinds[name], required=parameter.required) for name, parameter in call.parameters.items()
    ]
    body = request_schema(method, call, kinds, by_path=True)
    return {
        "get": {"operationId": f"get {method}", **shared, **({"parameters": query} if query else {})},
        "post": {
            "operationId": f"post {method}",
            **shared,
            "requestBody": {"required": True, "content": {_JSON: {"schema": body}}},
        },
    }


def _query(name: str, schema: Json, *, required: bool) -> Json:
    """A parameter in a query string; lists and objects are written there as JSON."""
    found: Json = {"name": name, "in": "query"}
    if required:
        found["required"] = True
    if schema.get("type") in ("array", "object") or not schema:
        return {**found, "content": {_JSON: {"schema": schema}}}
    return {**found, "schema": schema}


def _responses(method: str, found: Schemas) -> Json:
    responses = {status: _shared(status) for status in _FAILURES}
    return {"200": _shared(identifier(method)), **responses} if method in found.results else responses


def _shared(name: str) -> Json:
    return {"$ref": f"#/components/responses/{name}"}


def _shared_responses(found: Schemas) -> Json:
    """The replies of all methods, and the failures."""
    failure = {_JSON: {"schema": reference("RpcFailure")}}
    responses: Json = {
        status: {"description": why, "content": failure} for status, why in _FAILURES.items()
    }
    for method, result in found.results.items():
        reply = {_JSON: {"schema": reply_schema(found.objects, result)}}
        responses[identifier(method)] = {"description": "the result", "content": reply}
    return responses


def _any_method() -> Json:
    """`POST /api/v2`: the body names the method."""
    reply = {"description": "the result", "content": {_JSON: {"schema": reference("RpcReply")}}}
    return {
        "operationId": "post",
        "summary": "Any method, named in the body.",
        "responses": {"200": reply, **{status: _shared(status) for status in _FAILURES}},
        "requestBody": {"required": True, "content": {_JSON: {"schema": reference("RpcRequest")}}},
    }


def _health() -> Json:
    content = {_JSON: {"schema": reference("Health")}}
    return {
        "operationId": "health",
        "summary": "Whether the venue is well.",
        "responses": {
            "200": {"description": "it is", "content": content},
            "503": {"description": "it is not", "content": content},
        },
    }
