"""Command logs as a venue writes them: commit batches of packed commands, and what was committed to."""

from __future__ import annotations

from exchange.attest import chain, command_log, heads
from exchange.attest import grants as g
from exchange.attest.eip712 import DEVELOPMENT
from exchange.attest.keccak import keccak
from exchange.attest.secp256k1 import Signer
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from settlement.audit.rerun import Batch, Claim
from tests.unit.core.harness import INDEX, PERPETUAL, Market, under_rules_3

OWNER, KEY, THIEF = (Signer(bytes([each]) * 32) for each in (1, 2, 3))
MINE = 67
"""The account of OWNER."""
NOW_MS = 1_750_000_000_000
GRANT = g.Grant(MINE, 7, KEY.address, g.SCOPE, (), (PERPETUAL,), 5, NOW_MS + 60_000, 1)


class Log(Market):
    """A market that writes down its commit batches and what they were committed to."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.claims: list[Claim] = []
        self.told: list[bytes] = []
        self.head, self.log = chain.EMPTY_HEAD, command_log.EMPTY_LOG
        self._core = Engine()
        super().__init__(self._core)

    @property
    def next_seq(self) -> int:
        return self._core.next_seq

    def state_hash(self) -> bytes:
        return self._core.state_hash()

    def send(self, *commands: bytes) -> list[e.Event]:
        return list(e.read_events(self.apply(b"".join(commands))))

    def apply(self, batch: bytes) -> bytes:
        first = self.next_seq
        events = self._core.apply(batch)
        self.head = chain.next_head(self.head, 0, first, chain.batch_root(0, first, batch, events))
        self.log = command_log.next_log(self.log, 0, first, batch)
        last = self.next_seq - 1
        root = heads.heads_root(0, [(last, self.head)])
        self.batches.append((first, batch))
        self.told.append(events)
        self.claims.append(Claim(last, self.head, self.log, root))
        return events


def market() -> Log:
    """A market under rules 5 with money, and an account of OWNER."""
    log = Log()
    under_rules_3(log)
    log.send(c.set_rules(4), c.set_rules(5), c.create_account(MINE, OWNER.address))
    log.deposit(MINE, 10**13)
    log.apply(c.time(NOW_MS))
    return log


def order(account: int = MINE, lots: int = 3, side: int = 0, *, grant: int = 0, at: int = PERPETUAL) -> bytes:
    price = INDEX if at == PERPETUAL else 12_000
    return c.new_order(account, at, side, price, lots, grant=grant)


def record(kind: int, message: g.Message, signer: Signer | None = OWNER) -> bytes:
    """A GRANT record."""
    signature = b"" if signer is None else signer.sign(g.message_digest(DEVELOPMENT, message))
    body = g.pack_signed(DEVELOPMENT, message, signature)
    return c.grant(message.account, message.number, kind, body)


def frame(*commands: bytes, nonce: int = 1, until_ms: int = NOW_MS + 30_000) -> g.Frame:
    """What the owner signs for these commands, account and grant zero in them."""
    bare = b"".join(each[:8] + bytes(4) + each[12:24] + bytes(4) + each[28:] for each in commands)
    return g.Frame(MINE, 0, nonce, until_ms, keccak(bare))


def signed(*commands: bytes, nonce: int = 1, signer: Signer = OWNER) -> bytes:
    """A record and the commands behind it, as the venue sequences them."""
    number = frame(*commands, nonce=nonce).number
    named = [each[:24] + number.to_bytes(4, "little") + each[28:] for each in commands]
    return record(r.GRANT_SIGNED, frame(*commands, nonce=nonce), signer) + b"".join(named)
