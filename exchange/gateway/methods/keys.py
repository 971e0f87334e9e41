"""API keys of an account: made, listed, changed, switched, reset, removed; who came in; logins.

Nobody makes or changes a key that may do more than the session that asks (13403): a key for reading the
account cannot make itself one that trades. A secret is shown when it is made, and never again.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from exchange.gateway.dispatch import Handler, account_of, must_be_main
from exchange.gateway.venue import Venue
from exchange.keys.credentials import Credentials
from exchange.keys.key_table import API_KEYS_MAX, Key
from exchange.keys.signatures import PEM_CHARS_MAX, PublicKeyError, public_key
from exchange.wire import errors
from exchange.wire.auth import AREAS, covers, may_listen, narrowed
from exchange.wire.errors import error, invalid_param, other_reject
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, boolean, choice, has, integer, text, text_list
from exchange.wire.session import Request, Session

NAME_CHARS_MAX: Final = 16
ADDRESSES_MAX: Final = 32
FEATURES: Final = ("block_trade_approval", "restricted_block_trades")
HIDDEN: Final = ""
_NAME: Final = re.compile(r"\w{1,16}", re.ASCII)
_SCOPE: Final = re.compile(rf"({'|'.join(AREAS)}):(read|read_write|none)")


def _credentials(venue: Venue) -> Credentials:
    if not venue.has_authenticator:
        raise error(errors.SWITCHED_OFF)
    return venue.authenticator.credentials


def key_object(key: Key, *, show_secret: bool = False) -> JsonObject:
    """A key as the dialect shows it."""
    return {
        "id": key.number,
        "timestamp": key.created_ms,
        "client_id": key.client_id,
        "client_secret": key.secret if show_secret else HIDDEN,
        "public_key": key.public_key,
        "max_scope": sorted(word for word in key.scopes if ":" in word),
        "enabled": key.enabled,
        "default": key.is_default,
        "name": key.name,
        "enabled_features": list(key.features),
        "ip_whitelist": list(key.ip_whitelist),
    }


# --- reading parameters ----------------------------------------------------------------------------


def _scopes(session: Session, params: Params) -> frozenset[str]:
    """`max_scope`, what is not named being none; a main account's keys are its own."""
    words = [word for entry in text_list(params, "max_scope", 16, 256) for word in entry.split()]
    for word in words:
        if not _SCOPE.fullmatch(word):
            raise invalid_param("max_scope", f"{word[:64]} is no scope; write area:read_write, :read, :none")
    if len({word.partition(":")[0] for word in words}) != len(words):
        raise invalid_param("max_scope", "names an area twice")
    wanted = frozenset(word for word in words if not word.endswith(":none"))
    if not covers(session.scopes, wanted):
        raise error(errors.SCOPE_EXCEEDED, reason="goes beyond the scope of this session")
    return wanted | ({"mainaccount"} & session.scopes)


def _name(params: Params) -> str:
    name = text(params, "name", bytes_max=NAME_CHARS_MAX)
    if not _NAME.fullmatch(name):
        raise invalid_param("name", "letters, digits and underscores only, at most 16")
    return name


def _features(params: Params) -> tuple[str, ...]:
    found = set(text_list(params, "enabled_features", len(FEATURES)))
    if not found <= set(FEATURES):
        raise invalid_param("enabled_features", "must be of: " + ", ".join(FEATURES))
    return tuple(sorted(found))


def _addresses(params: Params) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for entry in text_list(params, "ip_whitelist", ADDRESSES_MAX, 64):
        try:
            found[str(ipaddress.ip_address(entry))] = None
        except ValueError:
            raise invalid_param("ip_whitelist", f"{entry[:64]} is no IP address") from None
    return tuple(found)


def _key(venue: Venue, session: Session, request: Request, *, covered: bool = True) -> Key:
    """The key of the session's account that a request names. Raises 13020, 13403."""
    account = account_of(session)
    number = integer(request.params, "id")
    found = next((key for key in _credentials(venue).all_keys_of(account) if key.number == number), None)
    if found is None:
        raise error(errors.NOT_FOUND, param="id", reason="is no key of this account")
    if covered and not covers(session.scopes, found.scopes):
        raise error(errors.SCOPE_EXCEEDED, reason="the key may do more than this session")
    return found


# --- methods ---------------------------------------------------------------------------------------


def create_api_key(venue: Venue, session: Session, request: Request) -> None:
    """`private/create_api_key {max_scope, name?, public_key?, enabled_features?}`: at most 8 an account.

    Raises:
        RpcError: 13403 a scope beyond the session's; 11030 `too_many_api_keys`; -32602.
    """
    params = request.params
    account = account_of(session)
    credentials = _credentials(venue)
    scopes = _scopes(session, params)
    name = _name(params) if has(params, "name") else ""
    features = _features(params) if has(params, "enabled_features") else ()
    pem = ""
    if has(params, "public_key"):
        pem = text(params, "public_key", bytes_max=PEM_CHARS_MAX)
        try:
            public_key(pem)
        except PublicKeyError as wrong:
            raise invalid_param("public_key", str(wrong)) from None
    if len(credentials.all_keys_of(account)) >= API_KEYS_MAX:
        raise other_reject("too_many_api_keys")
    key = credentials.add_key(account, scopes, name, pem, features)
    _note(venue, session, "api_key_created", key)
    session.reply(request, key_object(key, show_secret=True))


def list_api_keys(venue: Venue, session: Session, request: Request) -> None:
    """`private/list_api_keys`: without their secrets."""
    account = account_of(session)
    session.reply(request, [key_object(key) for key in _credentials(venue).all_keys_of(account)])


def edit_api_key(venue: Venue, session: Session, request: Request) -> None:
    """`private/edit_api_key {id, max_scope, name?, enabled?, enabled_features?, ip_whitelist?}`."""
    params = request.params
    key = _key(venue, session, request)
    scopes = _scopes(session, params)
    enabled = boolean(params, "enabled") if has(params, "enabled") else None
    if enabled is False:
        _must_not_be_last(venue, key)
    changed = _credentials(venue).change_key(
        key,
        scopes=scopes,
        name=_name(params) if has(params, "name") else None,
        enabled=None if enabled == key.enabled else enabled,
        features=_features(params) if params.get("enabled_features") is not None else None,
        ip_whitelist=_addresses(params) if params.get("ip_whitelist") is not None else None,
    )
    _changed(venue, session, request, "api_key_edited", changed)


def change_api_key_name(venue: Venue, session: Session, request: Request) -> None:
    """`private/change_api_key_name {id, name}`."""
    key = _key(venue, session, request, covered=False)
    changed = _credentials(venue).change_key(key, name=_name(request.params))
    _changed(venue, session, request, "api_key_renamed", changed)


def change_scope_in_api_key(venue: Venue, session: Session, request: Request) -> None:
    """`private/change_scope_in_api_key {id, max_scope}`: sessions of the key are narrowed at once."""
    key = _key(venue, session, request)
    changed = _credentials(venue).change_key(key, scopes=_scopes(session, request.params))
    _changed(venue, session, request, "api_key_scope_changed", changed)


def enable_api_key(venue: Venue, session: Session, request: Request) -> None:
    """`private/enable_api_key {id}`."""
    key = _key(venue, session, request)
    changed = _credentials(venue).change_key(key, enabled=True)
    _changed(venue, session, request, "api_key_enabled", changed)


def disable_api_key(venue: Venue, session: Session, request: Request) -> None:
    """`private/disable_api_key {id}`: its tokens are no good any more, its connections are closed (4002).

    Raises 11030 `last_api_key` for the only one that is switched on: nobody could come in again.
    """
    key = _key(venue, session, request, covered=False)
    _must_not_be_last(venue, key)
    changed = _credentials(venue).change_key(key, enabled=False)
    _changed(venue, session, request, "api_key_disabled", changed)


def reset_api_key(venue: Venue, session: Session, request: Request) -> None:
    """`private/reset_api_key {id}`: a new secret; tokens and connections of the old one end."""
    key = _key(venue, session, request)
    if key.public_key:
        raise other_reject("asymmetric_api_key")
    changed = _credentials(venue).reset_key(key)
    _note(venue, session, "api_key_reset", changed)
    session.reply(request, key_object(changed, show_secret=True))
    venue.authenticator.live.close_key(key.client_id, "api_key_reset")


def remove_api_key(venue: Venue, session: Session, request: Request) -> None:
    """`private/remove_api_key {id}`. Raises 11030 `last_api_key` as `disable_api_key`."""
    key = _key(venue, session, request, covered=False)
    _must_not_be_last(venue, key)
    _credentials(venue).remove_key(key)
    _note(venue, session, "api_key_removed", key)
    session.reply(request, "ok")
    venue.authenticator.live.close_key(key.client_id, "api_key_removed")


def _must_not_be_last(venue: Venue, key: Key) -> None:
    others = [other for other in _credentials(venue).keys_of(key.account) if other.number != key.number]
    if not others:
        raise other_reject("last_api_key")


def _note(venue: Venue, session: Session, log: str, key: Key) -> None:
    venue.authenticator.credentials.sign_ins.note(key.account, session.remote, log, key.client_id)


def _changed(venue: Venue, session: Session, request: Request, log: str, key: Key) -> None:
    """Reply with a changed key, and let its sessions feel the change."""
    _note(venue, session, log, key)
    session.reply(request, key_object(key))
    live = venue.authenticator.live
    if not key.enabled:
        live.close_key(key.client_id, log)
        return
    for bound in live.of_key(key.client_id):
        if not key.allows_from(bound.remote):
            live.close_one(bound, "ip_not_allowed")
            continue
        bound.scopes = narrowed(bound.scopes, key.scopes)
        for name in list(bound.subscriptions):
            if not may_listen(name, bound.scopes):
                venue.fanout.unsubscribe(bound, name)


def get_access_log(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_access_log {offset?, count?}`: sign-ins and changes of keys, newest first."""
    account = account_of(session)
    offset = integer(request.params, "offset", 0)
    count = integer(request.params, "count", 10, minimum=1, maximum=1_000)
    found = _credentials(venue).sign_ins.visits(account, offset, count)
    session.reply(request, [visit.json() for visit in found])


def toggle_subaccount_login(venue: Venue, session: Session, request: Request) -> None:
    """`private/toggle_subaccount_login {sid, state}`: whether the keys of a subaccount are let in.

    Switching it off closes its connections (4002). Raises 13021 for no subaccount of this account.
    """
    main = must_be_main(venue, session)
    account = integer(request.params, "sid")
    enable = choice(request.params, "state", ("enable", "disable")) == "enable"
    if account not in venue.views.families.subaccounts(main) or venue.is_removed(account):
        raise error(errors.FORBIDDEN, param="sid", reason="is no subaccount of this account")
    credentials = _credentials(venue)
    credentials.set_login(account, enable)
    session.reply(request, "ok")
    if not enable:
        venue.authenticator.live.close_account(account, "login_disabled")


METHODS: Final[dict[str, Handler]] = {
    f"private/{handler.__name__}": handler
    for handler in (
        create_api_key,
        list_api_keys,
        edit_api_key,
        change_api_key_name,
        change_scope_in_api_key,
        enable_api_key,
        disable_api_key,
        reset_api_key,
        remove_api_key,
        get_access_log,
        toggle_subaccount_login,
    )
}
