"""Grants and signed commands (docs/authorisation.md). Bytes are hexadecimal behind `0x`."""

from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

from msgspec import Meta

from exchange.wire.messages.orders import Order

PARAMETERS: Final[dict[str, Any]] = {
    "grant": int,
    "nonce": Annotated[str, Meta(pattern="^[0-9]{1,20}$")],
}
"""Types of parameters that the messages share."""


class Grant(TypedDict):
    """A grant and what has become of it."""

    account: int
    expires_at: int
    grant: int
    instruments: list[int]
    max_order_lots: int
    rights: int
    session_key: str
    state: Literal["pending", "active", "expired", "revoked"]
    underlyings: list[int]


class Refusal(TypedDict):
    """Why a command had no effect."""

    code: int
    data: NotRequired[dict[str, Any]]
    message: str


class CommandOutcome(TypedDict):
    """One command of a frame: the account's orders it has changed, or why it had no effect."""

    command: str
    error: NotRequired[Refusal]
    orders: list[Order]
    seq: int


class SignedFrame(TypedDict):
    """What became of the commands of a frame, in their order."""

    grant: int
    outcomes: list[CommandOutcome]
