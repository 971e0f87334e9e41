"""The API serves its own error registry."""

from __future__ import annotations

import pytest

from exchange.wire.error_registry import ENTRIES
from tests.unit.gateway.rig import OPTION, CallFailed, Rig


def test_every_code_is_served_with_what_is_at_fault() -> None:
    client = Rig().open().connect()
    found = client.call("public/strikebook_get_errors")
    assert [entry["code"] for entry in found["errors"]] == [entry.code for entry in ENTRIES]
    by_code = {entry["code"]: entry for entry in found["errors"]}
    assert by_code[10028]["retryable"] is True
    assert (by_code[10043]["name"], by_code[10043]["retryable"]) == ("price_wrong_tick", False)
    assert {item["code"] for item in found["reasons"]} <= set(by_code)
    assert {"code", "name", "meaning"} <= set(found["close_codes"][0])


def test_one_code_and_a_code_that_is_none() -> None:
    client = Rig().open().connect()
    found = client.call("public/strikebook_get_errors", code=11030)
    assert [entry["name"] for entry in found["errors"]] == ["other_reject"]
    assert "reduce_only" in [item["name"] for item in found["reasons"]]
    with pytest.raises(CallFailed) as refused:
        client.call("public/strikebook_get_errors", code=1)
    assert refused.value.code == 13020


def test_what_a_client_is_told_stands_in_the_registry() -> None:
    client = Rig().open().client()
    with pytest.raises(CallFailed) as refused:
        client.buy(OPTION, 0.5, 5_001.0)
    (entry,) = client.call("public/strikebook_get_errors", code=refused.value.code)["errors"]
    assert (entry["name"], entry["fault"]) == (refused.value.message, "data.param")
    assert refused.value.data["param"] == "price"
