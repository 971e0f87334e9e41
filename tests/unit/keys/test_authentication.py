"""Who is let in: grants, signed requests, tokens, sign-up."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.gateway.methods import auth as methods
from exchange.keys.authentication import CredentialAuthenticator
from exchange.keys.credentials import Credentials, Pending
from exchange.keys.sign_ups import GivenInMemory, SignUpLimits, SignUps
from exchange.wire.auth import DEFAULT_SCOPES, parse_scopes
from exchange.wire.session import Request, RpcError, Session
from tests.unit.gateway.loopback import ManualClock
from tests.unit.gateway.risk_rig import SEALING_KEY
from tests.unit.keys.test_credentials import CountingEntropy


class Venue:
    """A venue whose core numbers accounts when the test lets it."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock()
        self.credentials = Credentials(path, CountingEntropy(), self.clock, SEALING_KEY)
        self.authenticator = CredentialAuthenticator(self.credentials, self.clock)
        self.sign_up_enabled = True
        self.given = GivenInMemory()
        self.sign_ups = SignUps(SignUpLimits(100, 1_000), 10, self.clock, self.given)
        self.created: list[tuple[bytes, Callable[[int], None]]] = []
        self.faucets: list[int] = []
        self.fault = False

    def create_account(self, owner: bytes, done: Callable[[int], None]) -> None:
        if self.fault:
            raise OSError("the journal is full")
        self.created.append((owner, done))

    def faucet(self, account: int) -> None:
        self.faucets.append(account)


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    made = Venue(tmp_path / "credentials.sqlite")
    yield made
    made.credentials.close()


@pytest.fixture
def alice(venue: Venue) -> Pending:
    pending = venue.credentials.begin_account("alice", b"\xaa" * 20)
    venue.credentials.confirm(pending.row, 64)
    return pending


def session(is_websocket: bool = True) -> Session:
    return Session(9, is_websocket=is_websocket, now_us=lambda: 0, wake=lambda: None)


def result(on: Session) -> Any:
    return json.loads(on.take()[0])["result"]


def auth(venue: Venue, params: dict[str, object], on: Session | None = None) -> Any:
    on = on or session()
    methods.auth(venue, on, Request(1, "public/auth", params, 0))
    return result(on)


def refused(read: Callable[[], object]) -> tuple[int, object]:
    with pytest.raises(RpcError) as caught:
        read()
    return caught.value.code, (caught.value.data or {}).get("reason")


def credentials(pending: Pending, **more: object) -> dict[str, object]:
    return {
        "grant_type": "client_credentials",
        "client_id": pending.client_id,
        "client_secret": pending.secret,
        **more,
    }


def hexdigest(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signature(venue: Venue, pending: Pending, data: str = "") -> dict[str, object]:
    time_ms = venue.clock.now_ms()
    return {
        "grant_type": "client_signature",
        "client_id": pending.client_id,
        "timestamp": time_ms,
        "nonce": str(time_ms),
        "data": data,
        "signature": hexdigest(pending.secret, f"{time_ms}\n{time_ms}\n{data}"),
    }


def test_client_credentials_open_a_websocket(venue: Venue, alice: Pending) -> None:
    on = session()
    reply = auth(venue, credentials(alice, state="abc"), on)
    assert reply["token_type"] == "bearer"
    assert reply["expires_in"] == 86_400
    assert set(reply["scope"].split()) == {*DEFAULT_SCOPES, "connection"}
    assert (reply["state"], reply["sid"]) == ("abc", on.sid)
    assert (on.authenticated, on.account, on.client_id) == (True, 64, alice.client_id)


def test_over_http_the_token_is_what_counts(venue: Venue, alice: Pending) -> None:
    on = session(is_websocket=False)
    reply = auth(venue, credentials(alice), on)
    assert not on.authenticated
    later = session(is_websocket=False)
    venue.authenticator.by_header(later, "Bearer " + reply["access_token"], "GET", b"/", b"")
    assert (later.account, later.scopes) == (64, parse_scopes(reply["scope"]))


@pytest.mark.parametrize("data", ["", "anything"])
def test_client_signature(venue: Venue, alice: Pending, data: str) -> None:
    on = session()
    for _ in range(2):  # two calls in one millisecond share timestamp and nonce
        assert auth(venue, signature(venue, alice, data), on)["access_token"]
    assert on.account == 64


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_secret": "wrong"}, 13004),
        ({"client_secret": "\ud800"}, 13004),
        ({"client_id": "nobody"}, 13004),
        ({"client_id": None}, -32602),
        ({"client_secret": 5}, 13004),
        ({"grant_type": "password"}, -32602),
        ({"grant_type": None}, -32602),
        ({"scope": ["trade"]}, -32602),
    ],
)
def test_bad_credentials(venue: Venue, alice: Pending, changes: dict[str, object], code: int) -> None:
    on = session()
    assert refused(lambda: auth(venue, {**credentials(alice), **changes}, on))[0] == code
    assert not on.authenticated


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signature": "00"}, 13004),
        ({"nonce": "other"}, 13004),
        ({"data": "other"}, 13004),
        ({"client_id": "nobody"}, 13004),
        ({"timestamp": 1}, 13009),
        ({"timestamp": "soon"}, -32602),
        ({"signature": None}, -32602),
    ],
)
def test_bad_signatures(venue: Venue, alice: Pending, changes: dict[str, object], code: int) -> None:
    assert refused(lambda: auth(venue, {**signature(venue, alice), **changes}))[0] == code


def test_an_old_signature_is_not_taken(venue: Venue, alice: Pending) -> None:
    old = signature(venue, alice)
    venue.clock.advance_ms(60_001)
    assert refused(lambda: auth(venue, old)) == (13009, "timestamp_out_of_range")


def test_a_refresh_token_gives_a_new_pair_once(venue: Venue, alice: Pending) -> None:
    first = auth(venue, credentials(alice, scope="trade:read"))
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = auth(venue, again)
    assert second["scope"] == "connection mainaccount trade:read"
    assert second["refresh_token"] != first["refresh_token"]
    assert refused(lambda: auth(venue, again)) == (13009, "invalid_token")


def test_a_refresh_token_never_widens_its_scope(venue: Venue, alice: Pending) -> None:
    first = auth(venue, credentials(alice, scope="trade:read"))
    wider = {
        "grant_type": "refresh_token",
        "refresh_token": first["refresh_token"],
        "scope": "trade:read_write wallet:read",
    }
    assert auth(venue, wider)["scope"] == "connection mainaccount trade:read"


def test_scopes_bind_the_session(venue: Venue, alice: Pending) -> None:
    on = session()
    auth(venue, credentials(alice, scope="trade:read session:bot"), on)
    assert on.scopes == {"trade:read", "mainaccount", "session:bot"}


def test_tokens_expire_when_asked_to(venue: Venue, alice: Pending) -> None:
    reply = auth(venue, credentials(alice, scope="expires:60"))
    assert reply["expires_in"] == 60
    venue.clock.advance_ms(59_999)
    venue.authenticator.by_token(session(), reply["access_token"])
    venue.clock.advance_ms(1)
    assert refused(lambda: venue.authenticator.by_token(session(), reply["access_token"])) == (
        13009,
        "expired_token",
    )


def test_tokens_of_a_disabled_key_stop_working(venue: Venue, alice: Pending) -> None:
    reply = auth(venue, credentials(alice))
    venue.credentials.disable_key(alice.client_id)
    assert refused(lambda: venue.authenticator.by_token(session(), reply["access_token"])) == (
        13009,
        "invalid_token",
    )
    assert refused(lambda: auth(venue, credentials(alice)))[0] == 13004


TARGET = b"/api/v2/private/get_positions?currency=USDC&a=%20"


def header(venue: Venue, pending: Pending, verb: str = "GET", body: str = "") -> str:
    time_ms = venue.clock.now_ms()
    text = f"{time_ms}\n{time_ms}\n{verb}\n{TARGET.decode()}\n{body}\n"
    return (
        f"deri-hmac-sha256 id={pending.client_id},ts={time_ms},"
        f"sig={hexdigest(pending.secret, text)},nonce={time_ms}"
    )


def test_a_signed_request_is_let_in(venue: Venue, alice: Pending) -> None:
    for verb, body in (("GET", ""), ("POST", '{"a":1}')):
        on = session(is_websocket=False)
        venue.authenticator.by_header(on, header(venue, alice, verb, body), verb, TARGET, body.encode())
        assert (on.account, on.authenticated) == (64, True)
        assert "trade:read_write" in on.scopes


@pytest.mark.parametrize(
    ("verb", "target", "body"),
    [
        ("POST", TARGET, b""),
        ("GET", TARGET + b"1", b""),
        ("GET", TARGET.replace(b"%20", b" "), b""),
        ("GET", TARGET, b"x"),
    ],
)
def test_a_signature_covers_the_whole_request(
    venue: Venue, alice: Pending, verb: str, target: bytes, body: bytes
) -> None:
    assert (
        refused(lambda: venue.authenticator.by_header(session(), header(venue, alice), verb, target, body))[0]
        == 13004
    )


@pytest.mark.parametrize(
    "text", ["", "Basic abc", "Bearer", "Bearer x.y", "deri-hmac-sha256", "deri-hmac-sha256 id=a"]
)
def test_headers_that_show_nothing(venue: Venue, text: str) -> None:
    assert refused(lambda: venue.authenticator.by_header(session(), text, "GET", b"/", b""))[0] == 13009


# --- sign-up -------------------------------------------------------------------------------------------


def sign_up(venue: Venue, on: Session, **params: object) -> None:
    methods.sign_up(venue, on, Request(3, "public/strikebook_sign_up", params, 0))


def test_sign_up_answers_after_the_commit_with_keys_that_work(venue: Venue) -> None:
    on = session()
    sign_up(venue, on, name="bob", owner="0x" + "bb" * 20)
    assert on.outbox == []
    owner, done = venue.created[0]
    assert owner == b"\xbb" * 20
    done(65)
    reply = result(on)
    assert (reply["account"], reply["name"], reply["owner"]) == (65, "bob", "0x" + "bb" * 20)
    assert venue.faucets == [65]
    made = {"client_id": reply["client_id"], "client_secret": reply["client_secret"]}
    auth(venue, {"grant_type": "client_credentials", **made}, on)
    assert on.account == 65


def test_without_an_owner_an_address_is_made_up(venue: Venue) -> None:
    for _ in range(2):
        sign_up(venue, session())
    first, second = (owner for owner, _ in venue.created)
    assert len(first) == 20
    assert first != second


@pytest.mark.parametrize("owner", ["0x12", "0x" + "00" * 20, "zz" * 20, "0x" + "é" * 40, 5, ["x"]])
def test_an_owner_is_an_address(venue: Venue, owner: object) -> None:
    assert refused(lambda: sign_up(venue, session(), owner=owner))[0] == -32602
    assert venue.created == []


def test_sign_up_can_be_switched_off(venue: Venue) -> None:
    venue.sign_up_enabled = False
    assert refused(lambda: sign_up(venue, session()))[0] == 13025


def test_sign_ups_in_flight_are_bounded(venue: Venue) -> None:
    for _ in range(methods.SIGN_UPS_IN_FLIGHT_MAX):
        sign_up(venue, session())
    assert refused(lambda: sign_up(venue, session()))[0] == 10028
    venue.created[0][1](64)
    sign_up(venue, session())


@pytest.mark.parametrize("fault", [False, True])
def test_an_account_the_core_does_not_make_leaves_nothing(venue: Venue, fault: bool) -> None:
    on = session()
    venue.fault = fault
    sign_up(venue, on)
    if not fault:
        venue.created[0][1](0)
    assert json.loads(on.take()[0])["error"]["code"] == 13028
    assert venue.credentials.reconcile(64, lambda account: b"") == ([], 0, [])
    assert venue.authenticator.sign_ups_in_flight == 0
    assert venue.given.load() == 0


def test_the_hundred_and_first_of_an_address_waits(venue: Venue) -> None:
    for number in range(100):
        sign_up(venue, session())
        venue.created[number][1](64 + number)
    assert venue.given.load() == 1_000
    assert refused(lambda: sign_up(venue, session()))[0] == 13025
    assert refused(lambda: sign_up(venue, session(), owner="0x12"))[0] == -32602
