"""Schemas of declared messages."""

from __future__ import annotations

import pytest

from exchange.wire.documents.schemas import params_schema, reply_schema, schemas_of, told_by
from exchange.wire.messages.methods import call
from exchange.wire.messages.session import Version


def test_objects_are_closed_and_referred_to_by_name() -> None:
    found = schemas_of({"public/test": call("expected_result?", list[Version])})
    assert found.results["public/test"] == {
        "type": "array", "items": {"$ref": "#/components/schemas/Version"}
    }
    version = found.objects["Version"]
    assert (version["required"], version["additionalProperties"]) == (["version"], False)
    assert reply_schema(found.objects, {"type": "integer"})["properties"]["result"] == {"type": "integer"}


def test_required_parameters_are_required() -> None:
    made = call("index_name count?", int)
    found = params_schema(made, schemas_of({"a/b": made}).parameters["a/b"])
    assert found["required"] == ["index_name"]
    assert set(found["properties"]) == {"index_name", "count"}
    assert "required" not in params_schema(call("count?", int), {})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("`public/x {a, b?}`: what it\n    tells. More.\n\n    Raises:\n        no.", "What it tells. More."),
        ("`public/x`.", ""),
        ("`public/x {a}`; without a label those that have none.", "Without a label those that have none."),
        ("Plain words.", "Plain words."),
        ("", ""),
    ],
)  # fmt: skip
def test_what_a_handler_tells(document: str, told: str) -> None:
    assert told_by(document) == told
