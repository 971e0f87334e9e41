"""A venue under rules 5, the owner of an account, a session key, and somebody without a session."""

from __future__ import annotations

from typing import Any

import pytest

from clients import authorising
from exchange.attest import grants as g
from exchange.attest.eip712 import DEVELOPMENT
from exchange.attest.secp256k1 import Signer
from exchange.domain import commands as c
from exchange.domain import records as r
from exchange.keys.grants import GrantSetup
from tests.unit.gateway.rig import NOW_MS, CallFailed
from tests.unit.gateway.risk_rig import RiskRig

OWNER, KEY, THIEF = (Signer(bytes([each]) * 32) for each in (1, 2, 3))
PERPETUAL, ETH, CALL = 2, 3, 0
LIMIT = 200_000  # ticks: the index
SUBMIT = "public/strikebook_submit_signed"
ACTIVATE = "public/strikebook_activate_grant"


class World:
    """A venue under rules 5, an owner with an account, and somebody without a session."""

    def __init__(self, setup: GrantSetup | None = None) -> None:
        self.rig = RiskRig(grants=setup).open()
        for version in (4, 5):
            self.rig.venue.submit(c.set_rules(version))
        self.rig.loop.run()
        made: list[int] = []
        self.rig.venue.create_account(OWNER.address, made.append)
        self.rig.loop.run()
        self.account = made[0]
        self.rig._deposits += 1
        self.rig.venue.submit(c.deposit(self.account, 10**13, self.rig._deposits))
        self.rig.loop.run()
        self.anybody = self.rig.connect()
        self.nonce = 0

    def grant(self, **changes: Any) -> g.Grant:
        plain = g.Grant(
            self.account, 7, KEY.address, g.SCOPE, (), (), 0, NOW_MS + 3_600_000, 1
        )
        return plain._replace(**changes)

    def activate(self, wanted: g.Grant, signer: Signer = OWNER, **changes: Any) -> Any:
        params = authorising.activation(DEVELOPMENT, wanted, signer)
        return self.anybody.call(ACTIVATE, **{**params, **changes})

    def signed(
        self, *commands: bytes, grant: int = 7, signer: Signer = KEY, valid_ms: int = 30_000
    ) -> dict[str, Any]:
        """Parameters of a frame of these commands."""
        self.nonce += 1
        return authorising.frame(
            DEVELOPMENT, signer, b"".join(commands), account=self.account, nonce=self.nonce, grant=grant,
            valid_until_ms=self.rig.clock.now_ms() + valid_ms,
        )  # fmt: skip

    def submit(self, *commands: bytes, **more: Any) -> Any:
        return self.anybody.call(SUBMIT, **self.signed(*commands, **more))

    def refused(self, *commands: bytes, **more: Any) -> str:
        return self.reason(self.signed(*commands, **more))

    def reason(self, params: dict[str, Any], method: str = SUBMIT) -> str:
        before = len(self.log())
        with pytest.raises(CallFailed) as caught:
            self.anybody.call(method, **params)
        assert len(self.log()) == before  # nothing was sequenced
        return str((caught.value.data or {}).get("reason", caught.value.message))

    def log(self) -> list[bytes]:
        """Every command that was sequenced, but for the clock's."""
        packed = b"".join(frame[1] for frame in self.rig.journal.appended)
        found, at = [], 0
        while at < len(packed):
            end = at + int.from_bytes(packed[at + 2 : at + 4], "little") * 32
            if packed[at] != r.TIME:
                found.append(packed[at:end])
            at = end
        return found


def order(side: int = 0, lots: int = 5, instrument: int = PERPETUAL, client_id: int = 0) -> bytes:
    return c.new_order(0, instrument, side, LIMIT, lots, client_order_id=client_id)
