"""The AsyncAPI 3.0 document of the venue's WebSocket side: methods and channels."""

from __future__ import annotations

import re
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
from exchange.wire.messages.channels import CHANNELS
from exchange.wire.messages.methods import Call
from exchange.wire.method_scopes import METHOD_SCOPES

WEBSOCKET_PATH: Final = "/ws/api/v2"
SOCKET: Final = "socket"
_JSON: Final = "application/json"
_FAILURE: Final = "failure"
_HEARTBEAT: Final = "heartbeat"
_ABOUT: Final = (
    "JSON-RPC 2.0 over one WebSocket. Requests may be sent before earlier ones are answered. What a channel "
    "pushes comes over the same socket, once its name was given to `public/subscribe` or "
    "`private/subscribe`: the addresses of channels here are those names."
)
_PART: Final = re.compile(r"\{(\w+)\}")


def asyncapi(calls: Mapping[str, Call], documents: Mapping[str, str], found: Schemas | None = None) -> Json:
    """The document of these methods and of all channels. `documents` is what each handler says of itself,
    `found` the methods' schemas where they are known already."""
    found = found or schemas_of(calls)
    messages: Json = {
        _FAILURE: _message("failure", reference("RpcFailure")),
        _HEARTBEAT: _message("heartbeat", reference("Heartbeat")),
    }
    operations: Json = {
        _HEARTBEAT: {
            "action": "send",
            "channel": _to("channels", SOCKET),
            "messages": [_to("channels", SOCKET, "messages", _HEARTBEAT)],
        }
    }
    for method in sorted(calls):
        name = identifier(method)
        call = calls[method]
        request = request_schema(method, call, found.parameters[method], by_path=False)
        messages[f"{name}.request"] = _message(f"{method} request", request)
        if call.result is not None:
            reply = reply_schema(found.objects, found.results[method])
            messages[f"{name}.reply"] = _message(f"{method} reply", reply)
        operations[name] = _call(method, documents.get(method, ""), answers=call.result is not None)
    channels: Json = {SOCKET: _socket(messages)}
    for template in sorted(CHANNELS):
        name = identifier(template)
        messages[name] = _message(f"{template} push", _push(template, found.pushes[template]))
        channels[name] = _channel(template, found)
        operations[f"push.{name}"] = {
            "action": "send",
            "channel": _to("channels", name),
            "messages": [_to("channels", name, "messages", "push")],
        }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Strikebook", "version": VERSION, "description": _ABOUT},
        "defaultContentType": _JSON,
        "servers": {
            "venue": {
                "host": "{host}",
                "pathname": WEBSOCKET_PATH,
                "protocol": "ws",
                "variables": {"host": {"default": "127.0.0.1:8080"}},
            }
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": found.objects},
    }


def _to(*path: str) -> Json:
    return {"$ref": "#/" + "/".join(path)}


def _message(title: str, payload: Json) -> Json:
    return {"name": identifier(title.partition(" ")[0]), "title": title, "payload": payload}


def _socket(messages: Json) -> Json:
    """The channel that requests and replies go through."""
    return {
        "address": WEBSOCKET_PATH,
        "description": "Requests and replies.",
        "servers": [_to("servers", "venue")],
        "messages": {name: _to("components", "messages", name) for name in messages},
    }


def _call(method: str, document: str, *, answers: bool) -> Json:
    """The operation of a method: it is received, and answered."""
    name = identifier(method)
    told = told_by(document)
    socket = _to("channels", SOCKET)
    found: Json = {
        "action": "receive",
        "title": method,
        "channel": socket,
        "messages": [_to("channels", SOCKET, "messages", f"{name}.request")],
    }
    if told:
        found["description"] = told
    if method in METHOD_SCOPES:
        area, writes = METHOD_SCOPES[method]
        found["x-scope"] = f"{area}:{'read_write' if writes else 'read'}"
    replies = [f"{name}.reply", _FAILURE] if answers else [_FAILURE]
    found["reply"] = {
        "channel": socket,
        "messages": [_to("channels", SOCKET, "messages", reply) for reply in replies],
    }
    return found


def _channel(template: str, found: Schemas) -> Json:
    name = identifier(template)
    channel: Json = {
        "address": template,
        "servers": [_to("servers", "venue")],
        "messages": {"push": _to("components", "messages", name)},
        "x-private": template.startswith("user."),
    }
    parts = _PART.findall(template)
    if parts:
        channel["parameters"] = {part: _part(found.parts[part]) for part in parts}
    return channel


def _part(schema: Json) -> Json:
    """A parameter of an address: text, of an enumeration or of a form."""
    if "enum" in schema:
        return {"enum": schema["enum"]}
    return {"description": f"of the form {schema['format']}"}


def _push(template: str, data: Json) -> Json:
    """The envelope of a push of this channel."""
    pattern = "^" + _PART.sub("[^.]+", template.replace(".", r"\.")) + "$"
    params = {
        "type": "object",
        "properties": {"channel": {"type": "string", "pattern": pattern}, "data": data},
        "required": ["channel", "data"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "method": {"const": "subscription"},
            "params": params,
        },
        "required": ["jsonrpc", "method", "params"],
        "additionalProperties": False,
    }
