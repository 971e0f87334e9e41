"""What each method asks for (names: Deribit API v2 documentation, facts only)."""

from __future__ import annotations

import pytest

from exchange.gateway.methods.table import METHODS
from exchange.wire.auth import AREAS, allows, check_access, parse_scopes
from exchange.wire.method_scopes import METHOD_SCOPES, changes_state, needed_scope
from exchange.wire.session import RpcError

UNSCOPED = {
    f"private/{name}"
    for name in ("get_leg_prices", "logout", "subscribe", "unsubscribe", "unsubscribe_all")
}


def test_every_private_method_that_is_served_has_its_scope() -> None:
    served = {name for name in METHODS if name.startswith("private/")}
    assert served - METHOD_SCOPES.keys() <= UNSCOPED


@pytest.mark.parametrize("method", sorted(METHOD_SCOPES))
def test_a_method_needs_exactly_its_area_and_right(method: str) -> None:
    area, writes = METHOD_SCOPES[method]
    rights = ("read", "read_write")
    for other in AREAS:
        for right in rights:
            scopes = parse_scopes(f"{other}:{right}")
            good = other == area and (right == "read_write" or not writes)
            assert allows(scopes, area, write=writes) is good
            if good:
                check_access(method, True, scopes)
            else:
                with pytest.raises(RpcError) as refused:
                    check_access(method, True, scopes)
                assert refused.value.code == 13021
    assert changes_state(method) is writes


def test_protection_of_block_rfq_needs_the_scope_of_block_rfq() -> None:
    assert needed_scope("private/set_mmp_config", {}) == ("trade", True)
    for said in (True, "true"):
        assert needed_scope("private/set_mmp_config", {"block_rfq": said}) == ("block_rfq", True)
    assert needed_scope("private/get_mmp_config", {"block_rfq": True}) == ("block_rfq", False)
    assert needed_scope("private/buy", {"block_rfq": True}) == ("trade", True)


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("public/ticker", False),
        ("public/auth", False),
        ("private/get_leg_prices", False),
        ("private/subscribe", False),
        ("private/logout", True),
        ("private/some_day", True),  # what is not known is taken for the worse
    ],
)
def test_methods_without_a_scope(method: str, changes: bool) -> None:
    assert changes_state(method) is changes
