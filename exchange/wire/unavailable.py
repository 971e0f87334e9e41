"""The dialect's methods that this venue does not serve: the code each answers with, and why; its channels
that stay silent.

`unavailable` (13503): the thing behind the method does not exist on this venue. `docs/api-methods.md` is made
from this table.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.wire import errors
from exchange.wire.session import RpcError


class Unavailable(NamedTuple):
    """Why a method is not served."""

    code: int
    why: str


def _all(code: int, why: str, names: str) -> dict[str, Unavailable]:
    return {f"private/{name}" if "/" not in name else name: Unavailable(code, why) for name in names.split()}


_NEVER: Final = errors.UNAVAILABLE

UNAVAILABLE: Final[dict[str, Unavailable]] = {
    # what this venue has not
    **_all(
        _NEVER,
        "withdrawals go to the account's owner alone: there is no address book",
        "add_to_address_book get_address_book remove_from_address_book",
    ),
    **_all(
        _NEVER,
        "no travel-rule data is kept: coins come from and go to the account's owner",
        "save_address_beneficiary get_address_beneficiary list_address_beneficiaries "
        "delete_address_beneficiary set_clearance_originator",
    ),
    **_all(_NEVER, "transfers take effect at once: there is none to cancel", "cancel_transfer_by_id"),
    **_all(_NEVER, "no custodians: coins are held by the contract on the L1", "list_custody_accounts"),
    **_all(_NEVER, "balances earn no rewards", "get_reward_eligibility"),
    **_all(
        _NEVER,
        "there is no affiliate programme",
        "get_affiliate_program_info enable_affiliate_program",
    ),
    **_all(_NEVER, "there are no brokers", "get_broker_trade_requests get_broker_trades"),
}

# Channel templates that can be subscribed and stay silent, and why: none at present.
SILENT_CHANNELS: Final[dict[str, str]] = {}


def refusal(method: str) -> RpcError | None:
    """What a method of the dialect that is not served answers; None if it is none of the dialect's."""
    found = UNAVAILABLE.get(method)
    if found is None:
        return None
    return RpcError(found.code, f"{errors.MESSAGES[found.code]}: {found.why}", {"method": method})
