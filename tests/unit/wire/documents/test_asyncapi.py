"""The AsyncAPI document: of the form that version 3.0 asks for, whole, and saying what is served.

The official meta-schema is in no package here. What is checked is its structure as the specification words
it: the fields of each object, what they refer to, and the parameters of addresses.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from exchange.gateway.methods.table import METHODS
from exchange.wire.documents.asyncapi import SOCKET, asyncapi
from exchange.wire.documents.schemas import Json, identifier
from exchange.wire.messages.channels import CHANNELS
from exchange.wire.messages.methods import CALLS

_REF: Json = {
    "type": "object", "required": ["$ref"], "properties": {"$ref": {"type": "string"}},
    "additionalProperties": False,
}  # fmt: skip
_REFS: Json = {"type": "array", "items": _REF}
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_KEYED = "^[A-Za-z0-9_.-]+$"


def _object(required: list[str], **fields: Json) -> Json:
    return {
        "type": "object", "required": required, "properties": fields, "additionalProperties": False,
        "patternProperties": {"^x-": {}},
    }  # fmt: skip


def _map(of: Json) -> Json:
    return {"type": "object", "patternProperties": {_KEYED: of}, "additionalProperties": False}


_TEXT: Json = {"type": "string"}
STRUCTURE = _object(
    ["asyncapi", "info", "servers", "channels", "operations", "components"],
    asyncapi={"const": "3.0.0"},
    info=_object(["title", "version"], title=_TEXT, version=_TEXT, description=_TEXT),
    defaultContentType={"const": "application/json"},
    servers=_map(
        _object(
            ["host", "protocol"], host=_TEXT, protocol={"enum": ["ws", "wss"]}, pathname=_TEXT,
            variables=_map(_object([], default=_TEXT, description=_TEXT)),
        )
    ),
    channels=_map(
        _object(
            ["address", "messages"], address=_TEXT, messages=_map(_REF), servers=_REFS, description=_TEXT,
            parameters=_map(_object([], description=_TEXT, enum={"type": "array", "items": _TEXT})),
        )
    ),
    operations=_map(
        _object(
            ["action", "channel"], action={"enum": ["send", "receive"]}, channel=_REF, messages=_REFS,
            title=_TEXT, summary=_TEXT, description=_TEXT,
            reply=_object([], channel=_REF, messages=_REFS),
        )
    ),
    components=_object(
        [],
        messages=_map(_object(["payload"], name=_TEXT, title=_TEXT, payload={"type": "object"})),
        schemas=_map({"type": "object"}),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def document() -> Json:
    return asyncapi(CALLS, {name: handler.__doc__ or "" for name, handler in METHODS.items()})


def faults(document: Json) -> list[str]:
    """What is wrong with a document."""
    shape = jsonschema_rs.Draft202012Validator(STRUCTURE)
    found = [error.message for error in shape.iter_errors(document)]
    if found:
        return found
    found += [f"{name} leads nowhere" for name in references(document) if not leads_somewhere(document, name)]
    for name, channel in document["channels"].items():
        parts = set(re.findall(r"\{(\w+)\}", channel["address"]))
        if parts != set(channel.get("parameters", {})):
            found.append(f"the parameters of {name} are not those of its address")
    for name, operation in document["operations"].items():
        for told in (operation, operation.get("reply", operation)):
            inside = told["channel"]["$ref"] + "/messages/"
            if not all(message["$ref"].startswith(inside) for message in told["messages"]):
                found.append(f"messages of {name} are not of its channel")
    for message in document["components"]["messages"].values():
        jsonschema_rs.meta.validate({"$schema": DIALECT, **message["payload"]})
    return found


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def leads_somewhere(document: Json, reference: str) -> bool:
    at: Any = document
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(at, dict) or part not in at:
            return False
        at = at[part]
        while isinstance(at, dict) and isinstance(at.get("$ref"), str) and part != "properties":
            return leads_somewhere(document, at["$ref"])
    return True


def test_it_has_the_form_of_version_3(document: Json) -> None:
    assert faults(document) == []


@pytest.mark.parametrize(
    "path",
    [
        ("asyncapi",),
        ("components", "messages", "failure"),
        ("components", "schemas", "Order"),
        ("channels", SOCKET, "messages", "public.ticker.reply"),
        ("channels", "quote.instrument_name", "parameters"),
        ("operations", "private.buy", "action"),
    ],
)
def test_a_part_that_lacks_is_noticed(document: Json, path: tuple[str, ...]) -> None:
    broken = copy.deepcopy(document)
    at = broken
    for part in path[:-1]:
        at = at[part]
    del at[path[-1]]
    assert faults(broken) != []


def test_every_method_is_an_operation_with_its_reply(document: Json) -> None:
    for method, call in CALLS.items():
        name = identifier(method)
        operation = document["operations"][name]
        assert operation["title"] == method
        replies = [message["$ref"].rpartition("/")[2] for message in operation["reply"]["messages"]]
        assert replies == ([f"{name}.reply"] if call.result is not None else []) + ["failure"]
    rest = set(document["operations"]) - {identifier(method) for method in CALLS}
    assert rest == {"heartbeat", *(f"push.{identifier(template)}" for template in CHANNELS)}


def test_every_channel_has_its_address_and_its_push(document: Json) -> None:
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {*CHANNELS, "/ws/api/v2"}
    push = document["components"]["messages"]["book.instrument_name.interval"]["payload"]
    params = push["properties"]["params"]["properties"]
    assert re.fullmatch(params["channel"]["pattern"], "book.BTC_USDC-PERPETUAL.100ms")
    assert params["data"] == {"$ref": "#/components/schemas/BookChange"}
    assert document["channels"]["user.lock"]["x-private"]
