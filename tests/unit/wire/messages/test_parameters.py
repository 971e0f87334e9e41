"""The notation of a method's parameters."""

from __future__ import annotations

import pytest

from exchange.wire.messages.parameters import TYPES, Parameter, parameters


def test_names_take_their_usual_types_and_a_mark_makes_them_optional() -> None:
    found = parameters("currency count?", {})
    assert found == {
        "currency": Parameter(TYPES["currency"], True),
        "count": Parameter(TYPES["count"], False),
    }


def test_a_method_may_have_types_of_its_own() -> None:
    assert parameters("state?", {"state": bool})["state"] == Parameter(bool, False)


@pytest.mark.parametrize(("text", "own"), [("no_such_name", {}), ("currency", {"state": bool})])
def test_what_has_no_type_or_no_name_is_refused(text: str, own: dict[str, object]) -> None:
    with pytest.raises(KeyError):
        parameters(text, own)
