"""Signatures, scopes and tokens."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.wire import auth
from exchange.wire.auth import Token, TokenSigner
from exchange.wire.session import RpcError
from tests.unit.wire.samples import refusal

SECRET = "a-secret"
FULL = auth.DEFAULT_SCOPES
ALL = "account:read_write block_rfq:read_write block_trade:read_write"


def expected(message: str) -> str:
    return hmac.new(SECRET.encode(), message.encode(), hashlib.sha256).hexdigest()


def test_both_strings_to_sign() -> None:
    ws = auth.websocket_message(1_700, "n1", "data")
    assert auth.sign(SECRET, ws) == expected("1700\nn1\ndata")
    http = auth.http_message(1_700, "n1", "get", b"/api/v2/private/x?a=1%20b", b"")
    assert auth.sign(SECRET, http) == expected("1700\nn1\nGET\n/api/v2/private/x?a=1%20b\n\n")
    body = auth.http_message(1, "n", "POST", b"/p", b'{"a":1}')
    assert auth.sign(SECRET, body) == expected('1\nn\nPOST\n/p\n{"a":1}\n')


def test_a_signature_matches_in_either_case_and_nothing_else_does() -> None:
    message = auth.websocket_message(1, "n", "")
    good = auth.sign(SECRET, message)
    assert auth.signature_matches(SECRET, message, good)
    assert auth.signature_matches(SECRET, message, good.upper())
    for bad in ("", good[:-1], good + "0", "é" * 64, "\ud800"):
        assert not auth.signature_matches(SECRET, message, bad)
    assert not auth.signature_matches("other", message, good)


@pytest.mark.parametrize(
    "header",
    [
        "id=key,ts=1700,sig=ab,nonce=n",
        "id=key,ts=1700,nonce=n,sig=ab",
        "nonce=n, sig=ab , ts=1700, id=key, extra=1",
        'id="key",ts="1700",nonce="n",sig="ab"',
    ],
)
def test_header_fields_come_in_any_order(header: str) -> None:
    assert auth.parse_hmac(header) == ("key", 1_700, "ab", "n")


@pytest.mark.parametrize("header", ["", "id=key", "id=key,ts=x,sig=a,nonce=n", "id key ts 1", ",,,===,"])
def test_a_header_that_makes_no_sense_is_unauthorized(header: str) -> None:
    with pytest.raises(RpcError) as refused:
        auth.parse_hmac(header)
    assert refused.value.code == 13009


@given(st.text(max_size=100))
def test_no_header_breaks_the_parser(header: str) -> None:
    refused = refusal(lambda: auth.parse_hmac(header))
    assert refused is None or refused.code == 13009


@pytest.mark.parametrize(
    ("age_ms", "good"), [(0, True), (60_000, True), (-60_000, True), (60_001, False), (-60_001, False)]
)
def test_a_timestamp_is_good_for_a_minute_either_way(age_ms: int, good: bool) -> None:
    if good:
        auth.check_timestamp(100_000, 100_000 + age_ms)
    else:
        with pytest.raises(RpcError):
            auth.check_timestamp(100_000, 100_000 + age_ms)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("", f"{ALL} connection mainaccount trade:read_write wallet:read_write"),
        ("session:rest", f"{ALL} mainaccount session:rest trade:read_write wallet:read_write"),
        ("trade:read", "connection mainaccount trade:read"),
        ("trade:read_write account:read", "account:read connection mainaccount trade:read_write"),
        ("wallet:none", f"{ALL} connection mainaccount trade:read_write"),
        ("block_rfq:read_write trade:read", "block_rfq:read_write connection mainaccount trade:read"),
        ("nonsense", f"{ALL} connection mainaccount trade:read_write wallet:read_write"),
    ],
)
def test_scopes_are_narrowed_to_what_is_asked_and_held(asked: str, granted: str) -> None:
    assert auth.scope_text(auth.granted_scopes(FULL, auth.parse_scopes(asked))) == granted


_SCOPES = st.frozensets(
    st.sampled_from([f"{a}:{r}" for a in auth.AREAS for r in ("none", "read", "read_write")] + ["session:x"])
)


@given(_SCOPES, _SCOPES)
def test_nothing_is_granted_that_is_not_held(held: frozenset[str], asked: frozenset[str]) -> None:
    granted = auth.granted_scopes(held, asked)
    for area in auth.AREAS:
        for write in (False, True):
            if auth.allows(granted, area, write=write):
                assert auth.allows(held, area, write=write)


@pytest.mark.parametrize(
    ("method", "authenticated", "scopes", "code"),
    [
        ("public/test", False, "", None),
        ("private/buy", False, "", 13009),
        ("private/anything", False, "", 13009),
        ("private/buy", True, "trade:read_write", None),
        ("private/buy", True, "trade:read", 13021),
        ("private/buy", True, "account:read_write", 13021),
        ("private/get_open_orders", True, "trade:read", None),
        ("private/get_account_summary", True, "trade:read", 13021),
        ("private/get_account_summary", True, "account:read", None),
        ("private/subscribe", True, "", None),
    ],
)
def test_access(method: str, authenticated: bool, scopes: str, code: int | None) -> None:
    if code is None:
        auth.check_access(method, authenticated, auth.parse_scopes(scopes))
    else:
        with pytest.raises(RpcError) as refused:
            auth.check_access(method, authenticated, auth.parse_scopes(scopes))
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("expires:60", 60), ("trade:read expires:5", 5), ("expires:0", None), ("expires:x", None), ("", None)],
)
def test_a_lifetime_can_be_asked_for(asked: str, seconds: int | None) -> None:
    assert auth.asked_lifetime_s(auth.parse_scopes(asked)) == seconds


TOKEN = Token(64, "key", "trade:read connection", 5_000)


def test_a_token_comes_back_until_it_expires() -> None:
    signer = TokenSigner(b"s" * 32)
    text = signer.issue(TOKEN)
    assert signer.read(text, 4_999) == TOKEN
    assert signer.read(text, 0).scopes == {"trade:read", "connection"}
    with pytest.raises(RpcError) as refused:
        signer.read(text, 5_000)
    assert (refused.value.code, refused.value.data) == (13009, {"reason": "expired_token"})


def test_a_token_of_another_venue_or_with_one_letter_changed_is_invalid() -> None:
    text = TokenSigner(b"s" * 32).issue(TOKEN)
    others = [text[:i] + ("A" if text[i] != "A" else "B") + text[i + 1 :] for i in range(0, len(text), 7)]
    for bad in ["", ".", "a.b", text.split(".")[0], text + "=", "é.é", *others]:
        with pytest.raises(RpcError) as refused:
            TokenSigner(b"s" * 32).read(bad, 0)
        assert refused.value.data == {"reason": "invalid_token"}
    with pytest.raises(RpcError):
        TokenSigner(b"t" * 32).read(text, 0)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        TokenSigner(b"short")


@given(st.text(max_size=80))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    with pytest.raises(RpcError):
        TokenSigner(b"s" * 32).read(text, 0)
