"""Words of the dialect and the flags behind them."""

from __future__ import annotations

import pytest

from exchange.domain import records as r
from exchange.wire import names
from exchange.wire.session import RpcError


@pytest.mark.parametrize(
    ("params", "flags"),
    [
        ({}, 0),
        ({"type": "limit", "time_in_force": "good_til_cancelled"}, 0),
        ({"type": "market"}, r.TYPE_MARKET << r.TYPE_SHIFT),
        ({"type": "market_limit"}, r.TYPE_MARKET_LIMIT << r.TYPE_SHIFT),
        ({"time_in_force": "good_til_day"}, r.TIF_GTD << r.TIF_SHIFT),
        ({"time_in_force": "immediate_or_cancel"}, r.TIF_IOC << r.TIF_SHIFT),
        ({"time_in_force": "fill_or_kill"}, r.TIF_FOK << r.TIF_SHIFT),
        ({"post_only": "true"}, r.FLAG_POST_ONLY),
        ({"post_only": True, "reject_post_only": True}, r.FLAG_POST_ONLY | r.FLAG_REJECT_POST_ONLY),
        ({"reject_post_only": True}, 0),
        ({"reduce_only": "true", "mmp": "false"}, r.FLAG_REDUCE_ONLY),
        ({"mmp": True}, r.FLAG_MMP),
    ],
)
def test_flags_of_a_new_order(params: dict[str, object], flags: int) -> None:
    assert names.order_flags(params, sell=False) == flags
    assert names.order_flags(params, sell=True) == flags | r.FLAG_SELL


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"type": "limits"}, -32602),
        ({"type": 7}, -32602),
        ({"time_in_force": "forever"}, -32602),
        ({"post_only": "perhaps"}, -32602),
        ({"mmp": "perhaps"}, -32602),
        ({"type": "market", "time_in_force": "good_til_day"}, 11047),
        ({"type": "market_limit", "time_in_force": "immediate_or_cancel"}, 11047),
        ({"type": "market_limit", "time_in_force": "fill_or_kill"}, 11047),
        ({"type": "market", "post_only": True}, 11055),
        ({"time_in_force": "fill_or_kill", "post_only": True}, 11055),
    ],
)
def test_what_contradicts_itself_has_its_code(params: dict[str, object], code: int) -> None:
    with pytest.raises(RpcError) as refused:
        names.order_flags(params, sell=False)
    assert refused.value.code == code


@pytest.mark.parametrize("tif", ["good_til_cancelled", "good_til_day", "immediate_or_cancel", "fill_or_kill"])
def test_time_in_force_comes_back_from_flags(tif: str) -> None:
    assert names.time_in_force(names.order_flags({"time_in_force": tif}, sell=True)) == tif


def test_a_market_limit_order_is_a_limit_order_that_remembers() -> None:
    flags = names.order_flags({"type": "market_limit"}, sell=False)
    assert names.order_type(flags) == "limit"
    assert names.is_market_limit(flags)
    assert names.order_type(names.order_flags({"type": "market"}, sell=False)) == "market"


def test_only_the_dialects_cancel_reasons_are_called_so() -> None:
    assert names.cancel_reason(r.CANCEL_USER) == "user_request"
    assert names.cancel_reason(r.CANCEL_POST_ONLY_EDIT) == "edit_post_only_reject"
    assert names.cancel_reason(r.CANCEL_DELIVERY) == "settlement"
    assert names.cancel_reason(r.CANCEL_IOC) is None
    assert names.end_reason(r.CANCEL_IOC) == "immediate_or_cancel"
    assert names.end_reason(77) == "reason_77"


def test_instrument_states() -> None:
    assert [names.instrument_state(s) for s in (0, 1, 2, 3, 4, 9)] == [
        "open",
        "locked",
        "halted",
        "inactive",
        "delivered",
        "inactive",
    ]
