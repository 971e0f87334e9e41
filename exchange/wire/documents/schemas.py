"""JSON Schema of the messages: what both documents share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from exchange.wire.messages.channels import CHANNELS, PARTS
from exchange.wire.messages.envelopes import Health, Heartbeat, RpcFailure, RpcReply, RpcRequest
from exchange.wire.messages.methods import Call

Json = dict[str, Any]
VERSION: Final = "2.0.0"
REFERENCE: Final = "#/components/schemas/"
_ENVELOPES: Final = (RpcRequest, RpcReply, RpcFailure, Heartbeat, Health)


class Schemas(NamedTuple):
    """Schemas of all methods and channels. `objects` are the components that the others refer to."""

    objects: Json
    results: dict[str, Json]
    parameters: dict[str, dict[str, Json]]
    pushes: dict[str, Json]
    parts: dict[str, Json]


def schemas_of(calls: Mapping[str, Call]) -> Schemas:
    """Everything that the declarations of these methods, and of all channels, say."""
    kinds: list[Any] = list(_ENVELOPES)
    places: list[Callable[[Json], None]] = [lambda _: None for _ in kinds]
    found = Schemas({}, {}, {name: {} for name in calls}, {}, {})

    def add(kind: Any, into: dict[str, Json], name: str) -> None:
        kinds.append(kind)
        places.append(lambda schema: into.__setitem__(name, schema))

    for method, call in calls.items():
        if call.result is not None:
            add(call.result, found.results, method)
        for name, parameter in call.parameters.items():
            add(parameter.kind, found.parameters[method], name)
    for template, kind in CHANNELS.items():
        add(kind, found.pushes, template)
    for name, kind in PARTS.items():
        add(kind, found.parts, name)
    made, components = msgspec.json.schema_components(kinds, ref_template=REFERENCE + "{name}")
    for place, schema in zip(places, made, strict=True):
        place(schema)
    found.objects.update({name: _closed(schema) for name, schema in components.items()})
    return found


def _closed(schema: Json) -> Json:
    """An object that has the fields it declares and no others."""
    return {**schema, "additionalProperties": False} if "properties" in schema else schema


def identifier(name: str) -> str:
    """A method or a channel's template as a key of a document."""
    return name.replace("/", ".").replace("{", "").replace("}", "")


def reference(name: str) -> Json:
    """A reference to an object among the components."""
    return {"$ref": REFERENCE + name}


def reply_schema(objects: Json, result: Json) -> Json:
    """The envelope of a reply with this result."""
    envelope: Json = {name: part for name, part in objects["RpcReply"].items() if name != "title"}
    envelope["properties"] = {**envelope["properties"], "result": result}
    return envelope


def params_schema(call: Call, kinds: Mapping[str, Json]) -> Json:
    """An object with a method's parameters. What it does not declare is passed over."""
    required = [name for name, parameter in call.parameters.items() if parameter.required]
    found: Json = {"type": "object", "properties": dict(kinds)}
    return {**found, "required": required} if required else found


def request_schema(method: str, call: Call, kinds: Mapping[str, Json], *, by_path: bool) -> Json:
    """The envelope of a method's request; on the method's own path `id` may be left out."""
    params = params_schema(call, kinds)
    required = ["params"] if "required" in params else []
    return {
        "type": "object",
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["integer", "string"]},
            "method": {"const": method},
            "params": params,
        },
        "required": ["method", *required] if by_path else ["id", "method", *required],
    }


def told_by(document: str) -> str:
    """What a handler's documentation tells, without the signature that begins and the errors that end it."""
    text, _, _ = document.partition("Raises:")
    words = " ".join(text.split())
    if words.startswith("`"):
        _, _, words = words[1:].partition("`")
    words = words.lstrip(":.; ")
    return words[:1].upper() + words[1:]
