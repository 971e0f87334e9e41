"""The API's documents are files of the venue, beside the methods under the same root."""

from __future__ import annotations

import json

import pytest

from exchange.gateway.api_documents import api_documents
from exchange.gateway.methods.table import METHODS
from tests.unit.gateway.loopback import FakeVenue, RawClient, http_get, http_post, running


@pytest.mark.parametrize(("name", "version"), [("openapi", "3.1.0"), ("asyncapi", "3.0.0")])
async def test_they_are_served(name: str, version: str) -> None:
    path = f"/api/v2/{name}.json"
    async with running(FakeVenue(), static=api_documents(METHODS)) as (_, port):
        client = await RawClient.connect(port)
        client.write(http_get(path))
        status, headers, body = await client.response()
        assert (status, headers["content-type"]) == (200, "application/json")
        assert json.loads(body)[name] == version
        client.write(http_post(b"{}", path))
        assert (await client.response())[0] == 405
        client.write(http_get("/api/v2/public/test"))
        assert (await client.json_response())[1]["result"]["version"]
        await client.close()


def test_a_method_without_a_declaration_is_refused() -> None:
    handler = METHODS["public/ticker"]
    with pytest.raises(KeyError, match="public/undeclared"):
        api_documents({"public/undeclared": handler})
