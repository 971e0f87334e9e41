"""Where the venue's signatures count: the contract that checks them, as far as one is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from exchange.attest.eip712 import DEVELOPMENT, Domain


class DomainError(Exception):
    """The file says something else."""


class _Deployed(msgspec.Struct):
    chain_id: int
    inbox: Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}$")]


def domain_at(path: Path) -> Domain:
    """The domain of the contracts that `path` names: JSON with `chain_id` and `inbox`; `DEVELOPMENT` if there
    is no such file.

    Raises:
        DomainError: it cannot be read, or names none.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Deployed)
    except FileNotFoundError:
        return DEVELOPMENT
    except (OSError, msgspec.MsgspecError) as wrong:
        raise DomainError(f"{path} names no contract: {wrong}") from None
    return Domain(found.chain_id, bytes.fromhex(found.inbox[2:]))
