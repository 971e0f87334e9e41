"""The OpenAPI document: valid by the official meta-schema, whole, and saying what is served."""

from __future__ import annotations

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator.schemas import schema_v31

from exchange.gateway.methods.table import METHODS
from exchange.wire.documents.openapi import API_ROOT, openapi
from exchange.wire.documents.schemas import Json
from exchange.wire.messages.methods import CALLS


@pytest.fixture(scope="module")
def document() -> Json:
    return openapi(CALLS, {name: handler.__doc__ or "" for name, handler in METHODS.items()})


def valid(document: Json) -> bool:
    """By the official meta-schema."""
    return jsonschema_rs.Draft202012Validator(dict(schema_v31)).is_valid(document)


def test_it_is_valid(document: Json) -> None:
    assert valid(document)
    broken = {**document, "paths": {**document["paths"], "/x": {"get": {"responses": {"200": {}}}}}}
    assert not valid(broken)


def test_a_part_of_it_is_valid_to_the_last_schema() -> None:
    """The validator resolves each reference and checks each schema, which takes its time."""
    part = {name: CALLS[name] for name in sorted(CALLS)[::12]}
    assert list(OpenAPIV31SpecValidator(openapi(part, {})).iter_errors()) == []


def test_every_method_has_a_get_and_a_post(document: Json) -> None:
    methods = {path.removeprefix(f"{API_ROOT}/") for path in document["paths"]} - {API_ROOT, "/health"}
    assert methods == set(CALLS)
    for name in methods:
        path = document["paths"][f"{API_ROOT}/{name}"]
        assert set(path) == {"get", "post"}
        for verb in path.values():
            found = {"200"} if CALLS[name].result is not None else set()
            answers = {"400", "413", "414", "429", "431"} | found
            assert set(verb["responses"]) == answers
            assert ("security" in verb) == name.startswith("private/")


def test_parameters_stand_in_the_query_and_in_the_body(document: Json) -> None:
    path = document["paths"]["/api/v2/private/get_margins"]
    query = {found["name"]: found for found in path["get"]["parameters"]}
    assert set(query) == {"instrument_name", "amount", "price"}
    assert all(found["required"] for found in query.values())
    assert query["amount"]["schema"] == {"type": "number", "exclusiveMinimum": 0}
    body = path["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["method", "params"]
    assert body["properties"]["method"] == {"const": "private/get_margins"}
    assert body["properties"]["params"]["required"] == ["instrument_name", "amount", "price"]
    quotes = document["paths"]["/api/v2/private/mass_quote"]["get"]["parameters"][0]
    assert (quotes["name"], set(quotes["content"])) == ("quotes", {"application/json"})


def test_what_a_handler_says_and_the_scope_it_asks_for_are_told(document: Json) -> None:
    get = document["paths"]["/api/v2/private/get_positions"]["get"]
    assert get["description"] == "Positions that are not zero."
    assert get["x-scope"] == "trade:read"
