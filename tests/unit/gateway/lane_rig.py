"""Sessions of the packed lane on the risk rig: messages in, answers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clients import fast_lane
from clients.fast_lane import Acks, Answer, Fills, Refused, Welcome
from exchange.gateway.packed_lane import FastLane
from exchange.wire.auth import DEFAULT_SCOPES, Token, scope_text
from exchange.wire.credits import CreditMeter
from exchange.wire.session import Session
from tests.unit.gateway.risk_rig import RiskRig


class LaneRig(RiskRig):
    """The market with the lane."""

    def __init__(self, **ports: Any) -> None:
        super().__init__(**ports)
        self.lane = FastLane(self.venue)
        self.made = 0

    def token(self, account: int, scopes: frozenset[str] = DEFAULT_SCOPES) -> str:
        """An access token for an account, with a key of its own."""
        key = self.credentials.add_key(account, scopes)
        now_ms = self.clock.now_ms()
        claim = Token(account, key.client_id, scope_text(scopes), now_ms + 60_000, "", now_ms + 1)
        return self.venue.authenticator.signer.issue(claim)

    def trader(self, usdc: int = 10_000_000) -> int:
        """A new account with a name and money."""
        account = self.account(usdc)
        self.credentials.adopt(account, "trader", bytes(20))
        return account

    def join(
        self,
        account: int | None = None,
        scopes: frozenset[str] = DEFAULT_SCOPES,
        *,
        cancel_on_disconnect: bool = False,
    ) -> LanePeer:
        """A session that has said HELLO."""
        peer = self.bare()
        account = self.trader() if account is None else account
        token = self.token(account, scopes)
        (answer,) = peer.send(fast_lane.hello(token, cancel_on_disconnect=cancel_on_disconnect))
        assert isinstance(answer, Welcome), answer
        assert answer.account == account
        return peer

    def bare(self) -> LanePeer:
        """A session that has said nothing yet."""
        self.made += 1
        return LanePeer(self, 1_000 + self.made)


class LanePeer:
    """One connection."""

    def __init__(self, rig: LaneRig, number: int) -> None:
        self.rig = rig
        self.numbers = fast_lane.Lane()
        self.meter: CreditMeter | None = None
        self.fills: list[fast_lane.LaneFill] = []
        self.session = Session(number, is_websocket=True, now_us=rig.clock.now_us, wake=lambda: None)

    def send(self, message: bytes | None) -> list[Answer]:
        """Give a message to the lane, turn the loop until it rests, and read what came."""
        self.rig.lane.take(self.session, message, self.rig.clock.now_us(), self.meter)
        self.rig.loop.run()
        return self.take()

    def take(self) -> list[Answer]:
        """What has been sent; fills are kept aside."""
        found = [fast_lane.read(each) for each in self.session.take()]
        for answer in found:
            if isinstance(answer, Fills):
                self.fills += answer.fills
        return [answer for answer in found if not isinstance(answer, Fills)]

    def run(self, *records: bytes) -> list[fast_lane.Ack]:
        """The acknowledgements of one run."""
        (answer,) = self.send(self.numbers.commands(records))
        assert isinstance(answer, Acks), answer
        return answer.acks

    def refused(self, records: Sequence[bytes]) -> Refused:
        """Why a run is refused."""
        (answer,) = self.send(self.numbers.commands(records))
        assert isinstance(answer, Refused), answer
        self.numbers.refused(answer)
        return answer

    def close(self) -> None:
        self.session.closed = True
        self.rig.lane.on_close(self.session)
        self.rig.venue.on_close(self.session)
        self.rig.loop.run()
