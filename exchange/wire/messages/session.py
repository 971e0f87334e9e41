"""What a session gets: tokens, sign-up, versions."""

from typing import Literal, NotRequired, TypedDict


class CancelOnDisconnect(TypedDict):
    """Whether orders die with the connection."""

    enabled: bool
    scope: Literal["connection", "account"]


class NewAccount(TypedDict):
    """A new account and its first key."""

    account: int
    client_id: str
    client_secret: str
    name: str
    owner: str
    scope: str


class Tokens(TypedDict):
    """Tokens of a session."""

    access_token: str
    enabled_features: list[str]
    expires_in: int
    refresh_token: str
    scope: str
    sid: str
    state: NotRequired[str]
    token_type: str


class Version(TypedDict):
    """The version of the API."""

    version: str


class BookSnapshotAsked(TypedDict):
    """The channel whose next message is a snapshot."""

    channel: str
