"""Schemathesis finds nothing: no reply that the venue's own document does not allow."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from exchange.wire.messages.methods import CALLS
from tests.conformance.conftest import Key, RunningVenue, rpc
from tests.conformance.fuzzing import document_of, examine, teach


@pytest.fixture(scope="module")
def document(venue: RunningVenue) -> Any:
    listed = rpc(venue.url, "public/get_instruments", {"currency": "any"})
    teach([instrument["instrument_name"] for instrument in listed[:: len(listed) // 10]])
    return document_of(venue.url)


@pytest.fixture(scope="module")
def own(venue: RunningVenue) -> Key:
    """An account of its own: much of what is asked changes something."""
    made = rpc(venue.url, "public/strikebook_sign_up", {"name": "schemathesis"})
    return Key(made["client_id"], made["client_secret"])


def asked_of(venue: RunningVenue, own: Key, document: Any, examples: int) -> None:
    found = examine(venue.url, own, document, examples)
    assert found.wrong == []
    assert len(found.operations) == 2 * len(CALLS) + 2  # by GET and by POST; any method, and /health
    assert {200, 400} <= set(found.statuses)
    assert min(found.statuses[200], found.statuses[400]) > len(CALLS) * examples // 4


def test_no_reply_breaks_the_document(venue: RunningVenue, own: Key, document: Any) -> None:
    asked_of(venue, own, document, 1)


@pytest.mark.slow
def test_no_reply_breaks_the_document_in_many_requests(
    venue: RunningVenue, own: Key, document: Any
) -> None:
    asked_of(venue, own, document, 60)


def test_a_reply_that_is_not_as_documented_is_found(venue: RunningVenue, own: Key, document: Any) -> None:
    """The same, on a document that says what is not so."""
    lying = copy.deepcopy(document)
    replies = lying["components"]["responses"]
    content = replies["public.get_time"]["content"]["application/json"]
    content["schema"]["properties"]["result"] = {"type": "string"}
    path = lying["paths"]["/api/v2/public/get_currencies"]
    del path["get"]["responses"]["200"], path["post"]["responses"]["200"]
    found = examine(venue.url, own, lying, 1, only="/api/v2/public/get_time")
    assert any("schema" in wrong for wrong in found.wrong), found
    found = examine(venue.url, own, lying, 1, only="/api/v2/public/get_currencies")
    assert any("status code" in wrong for wrong in found.wrong), found
