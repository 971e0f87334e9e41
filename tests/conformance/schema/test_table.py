"""Nothing of the dialect is passed over in silence: each method is served or says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.gateway.methods.table import METHODS
from exchange.wire import errors
from exchange.wire.unavailable import UNAVAILABLE
from tests.conformance.schema import facts, table
from tests.unit.gateway.rig import CallFailed, Rig

DOCUMENT = Path(__file__).parents[3] / "docs" / "api-methods.md"


def test_every_method_is_served_or_has_a_reason() -> None:
    known = set(facts.methods())
    assert known - set(METHODS) - set(UNAVAILABLE) == set()
    assert set(METHODS) & set(UNAVAILABLE) == set(), "served: take these out of wire/unavailable.py"
    assert set(UNAVAILABLE) - known == set()


def test_a_method_that_is_not_served_says_why() -> None:
    rig = Rig().open()
    client = rig.client()
    for method, found in UNAVAILABLE.items():
        with pytest.raises(CallFailed) as refused:
            client.call(method)
        said = f"{errors.MESSAGES[found.code]}: {found.why}"
        assert (refused.value.code, refused.value.message) == (found.code, said)


def test_what_is_no_method_of_the_dialect_is_not_found() -> None:
    client = Rig().open().client()
    with pytest.raises(CallFailed) as refused:
        client.call("public/no_such_method")
    assert refused.value.code == errors.METHOD_NOT_FOUND


def test_the_document_is_current() -> None:
    assert DOCUMENT.read_text() == table.page() + "\n", "run python -m tests.conformance.schema.table"
