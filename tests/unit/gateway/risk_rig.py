"""A venue under rules version 3: the rig's listings with risk parameters and tables, families, money."""

from __future__ import annotations

from typing import Any

from exchange.core.engine import Engine
from exchange.domain import commands, commands_risk, events
from exchange.domain.commands import Mark
from exchange.domain.commands_risk import FeeTier
from exchange.keys.authentication import CredentialAuthenticator
from exchange.keys.credentials import Credentials
from exchange.keys.sealing import fixed_key
from exchange.wire.auth import SUBACCOUNT_SCOPES
from tests.reference.rates import RATES
from tests.unit.gateway.rig import Client, Rig, listings

PARAMETERS = RATES._replace(
    scenarios=4,
    extended_from=3,
    short_ppm=1_000,
)
TIERS = (FeeTier(300, 300, 0, 500), FeeTier(200, 250, -100, 400))
INDEX_MICRO = 100_000_000_000
# Per lot of the perpetual (0.001 BTC) and of the options (0.01 BTC), in quanta of 0.001 USDC: the index up
# 10 %, up 20 %, down 10 %, and far down.
TABLES = {
    0: [6_000, 13_000, -4_000, -9_000],
    1: [-4_000, -9_000, 6_000, 20_000],
    2: [10_000, 20_000, -10_000, -30_000],
}


SEALING_KEY = fixed_key(b"k" * 32)


class Entropy:
    """Bytes that differ from call to call."""

    def __init__(self) -> None:
        self.count = 0

    def token_bytes(self, count: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(8, "big").rjust(count, b"\1")[-count:]


def marks(index_micro: int = INDEX_MICRO, option_micro: int = 5_000_000_000) -> list[Mark]:
    """Marks of the BTC instruments."""
    options = [Mark(n, delta, option_micro, 100_000_000, index_micro) for n, delta in OPTION_DELTAS]
    return [*options, Mark(2, 1_000_000_000, index_micro, 0, index_micro)]


OPTION_DELTAS = ((0, 500_000_000), (1, -500_000_000))


def prepared() -> tuple[Engine, list[bytes]]:
    """An engine with listings, parameters, fees and tables under rules 3, and the events of that."""
    engine = Engine()
    found = [engine.apply(b"".join([*listings(), commands.set_rules(3)]))]
    found += [engine.apply(commands_risk.risk(underlying, PARAMETERS)) for underlying in (0, 1)]
    found.append(engine.apply(commands_risk.set_fees(TIERS)))
    stream = commands_risk.table_stream(TABLES.items())
    found.append(engine.apply(commands_risk.risk_snapshot(0, INDEX_MICRO, 100, marks(), len(TABLES), stream)))
    assert isinstance(events.read_event(found[-1]), events.Marked)
    return engine, found


class RiskRig(Rig):
    """The rig's market under rules 3, with keys."""

    def __init__(self, **ports: Any) -> None:
        engine = ports.pop("engine", None) or prepared()[0]
        super().__init__(engine, **ports)
        self.credentials = Credentials(":memory:", Entropy(), self.clock, SEALING_KEY)
        self.venue._authenticator = CredentialAuthenticator(self.credentials, self.clock)
        self.credentials.sign_ins.noted.append(self.venue.private.on_visit)
        self._feed_seq = 100

    @classmethod
    def over(cls, other: RiskRig, **ports: Any) -> RiskRig:
        """A venue that starts on what another has left: its engine, clock and keys."""
        rig = cls(engine=other.engine, **ports)
        rig.credentials.close()
        rig.credentials = other.credentials
        rig.venue._authenticator = other.venue._authenticator
        rig.clock.ms = other.clock.ms
        return rig

    @staticmethod
    def prologue() -> list[bytes]:
        """The events of what every rig starts with."""
        return prepared()[1]

    def main(self, usdc: int = 10_000_000, name: str = "alice") -> Client:
        """A session of a new main account that has a name."""
        account = self.account(usdc)
        self.credentials.adopt(account, name, bytes(20))
        return self.connect(account)

    def sub(self, main: Client) -> tuple[Client, dict[str, Any]]:
        """A session of a new subaccount, and the reply that made it."""
        made: dict[str, Any] = main.call("private/create_subaccount")
        client = self.connect(made["id"])
        client.session.authenticate(made["id"], made["client_id"], SUBACCOUNT_SCOPES)
        return client, made

    def order(self, command: bytes) -> list[events.Event]:
        """Sequence a command of the venue; its events."""
        found: list[bytes] = []
        self.venue.submit(command, found.append)
        self.loop.run()
        return list(events.read_events(found[0]))

    def move(self, index_micro: int, option_micro: int = 5_000_000_000) -> None:
        """Mark BTC anew."""
        self._feed_seq += 1
        found = self.order(commands.marks(0, index_micro, self._feed_seq, marks(index_micro, option_micro)))
        assert isinstance(found[0], events.Marked), found

    def close(self) -> None:
        self.credentials.close()
