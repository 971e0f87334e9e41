"""Every reason of the core has a code, a message and a name."""

from __future__ import annotations

import pytest

from exchange.domain import records as r
from exchange.domain import rejects as rej
from exchange.wire import errors

_CANCELS = {value for name, value in vars(r).items() if name.startswith("CANCEL_") and name != "CANCEL_MANY"}


def test_every_reject_reason_is_mapped() -> None:
    assert set(errors.REJECT_CODES) == set(rej.REJECT_NAMES)


def test_every_cancel_reason_is_mapped_and_named() -> None:
    assert set(errors.CANCEL_CODES) >= _CANCELS
    assert set(errors.CANCEL_NAMES) == set(errors.CANCEL_CODES)


def test_every_code_has_its_message() -> None:
    codes = {
        value
        for name, value in vars(errors).items()
        if name.isupper() and isinstance(value, int) and not name.startswith("_")
    }
    assert codes == set(errors.MESSAGES)


@pytest.mark.parametrize(
    ("reason", "code", "message"),
    [
        (rej.INSUFFICIENT_FUNDS, 10009, "not_enough_funds"),
        (rej.PRICE_OFF_TICK, 10043, "price_wrong_tick"),
        (rej.ORDER_NOT_FOUND, 10004, "order_not_found"),
        (rej.NOT_OWNER, 10029, "not_owner_of_order"),
        (rej.POST_ONLY_REJECT, 11054, "post_only_reject"),
        (rej.TIMED_OUT, 13888, "timed_out"),
        (rej.QUOTE_CROSSED, 13910, "quote_crossed"),
        (rej.REDUCE_ONLY, 11030, "other_reject reduce_only"),
        (rej.NO_RISK, 13028, "temporarily_unavailable"),
        (rej.NOT_AUTHORISED, 13021, "forbidden"),
        (rej.MARK_JUMP, 11030, "other_reject mark_jump"),
        (rej.ACCOUNT_LOCKED, 11098, "account_locked"),
        (rej.WRONG_FAMILY, 12100, "transfer_not_allowed"),
        (rej.UNDERLYING_NOT_OPEN, 10012, "book_closed"),
        (rej.MARGIN_BREACH, 10009, "not_enough_funds"),
        (rej.NOT_LIQUIDATABLE, 11030, "other_reject not_liquidatable"),
        (rej.NOT_IN_AUCTION, 11030, "other_reject not_in_auction"),
        (rej.TOO_MANY_ACCOUNTS, 12001, "too_many_subaccounts"),
        (rej.UNKNOWN_WITHDRAWAL, 13020, "not_found"),
        (999, 11030, "other_reject reason_999"),
    ],
)
def test_rejects_become_the_dialects_errors(reason: int, code: int, message: str) -> None:
    error = errors.reject_error(reason)
    assert (error.code, error.message) == (code, message)


def test_a_passed_band_says_its_limit() -> None:
    error = errors.reject_error(rej.PRICE_TOO_HIGH, 1234.5)
    assert (error.code, error.message) == (10007, "price_too_high 1234.5")
    assert error.data == {"reason": "price_too_high", "limit": 1234.5}


def test_details_of_other_rejects_stay_inside() -> None:
    assert errors.reject_error(rej.BAD_SIZE, 5).data == {"reason": "bad_size"}


@pytest.mark.parametrize(
    ("reason", "code", "message"),
    [
        (r.CANCEL_FOK, 13907, "not_fully_filled"),
        (r.CANCEL_SELF_TRADE, 10003, "order_overlap"),
        (r.CANCEL_NO_LIQUIDITY, 11030, "other_reject no_liquidity"),
        (99, 11030, "other_reject reason_99"),
    ],
)
def test_ended_orders_become_the_dialects_errors(reason: int, code: int, message: str) -> None:
    error = errors.cancel_error(reason)
    assert (error.code, error.message) == (code, message)
