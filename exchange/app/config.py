"""What can be configured, with the defaults a newcomer gets. One value, one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exchange.app.parameters import VenueParameters
from exchange.gateway.deals.block_limits import BLOCK_LIMITS, BlockLimits
from exchange.gateway.sockets.config import ServerConfig
from exchange.gateway.trigger_caps import TRIGGER_LIMITS, TriggerLimits
from exchange.keys.sign_ups import SignUpLimits
from exchange.oracle.chain_spec import ChainPlan

PORT_DEFAULT: Final = 8080
PORT_VARIABLE: Final = "STRIKEBOOK_PORT"
DEMO_PLAN: Final = ChainPlan(
    dailies=2, weeklies=1, monthlies=1, quarterlies=1, strikes_per_expiry=11, delta_min=0.025
)

SIGN_UPS: Final = SignUpLimits(
    per_hour=10,
    # A thousand sign-ups' worth, a fourteenth of what may be deposited with the venue in all.
    faucet_budget_micro=20_000_000_000_000_000,
    orders_max=10_000,
    positions_max=1_000,
)


@dataclass(frozen=True)
class Config:
    """One venue process. Paths follow from `data`; times and sizes have their unit in the name."""

    data: Path
    host: str = "127.0.0.1"
    port: int = PORT_DEFAULT
    seed: int = 7
    pricing_engine: str = "auto"
    """`numpy`, `numba`, or `auto`: numba where it is installed."""
    redis_url: str = ""
    sign_up: bool = True
    faucet_micro: int = 20_000_000_000_000
    """What a new account receives from the mock L1's faucet: twenty million USDC, enough for a market
    maker that quotes a fully funded chain."""
    sign_ups: SignUpLimits = SIGN_UPS
    triggers: TriggerLimits = TRIGGER_LIMITS
    """Orders that wait for a price, of one account and of a family."""
    blocks: BlockLimits = BLOCK_LIMITS
    """Sizes and times of blocks and of requests for quotes."""
    mark_interval_ms: int = 100
    reserve_orders: int = 1 << 17
    segment_bytes: int = 64 * 1024 * 1024
    snapshot_commands: int = 200_000
    batch_fills: int = 1_000
    batch_seconds: float = 2.0
    unfilled_minutes: int = 30
    """How long history keeps orders that closed without a fill."""
    resume_bytes: int = 256 * 1024 * 1024
    """How many bytes of the venue's newest events are kept for `user.stream` to be resumed from."""
    plan: ChainPlan = field(default_factory=lambda: DEMO_PLAN)
    parameters: VenueParameters = field(default_factory=VenueParameters)
    quotes_need_cancel_on_disconnect: bool = True
    """`mass_quote` needs a connection whose orders die with it (13042), as the dialect has it."""
    server: ServerConfig = field(default_factory=ServerConfig)
    """Connections, credits and buffers of the port."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    """With a certificate the port speaks https and wss, and nothing else."""
    credentials_key: Path | None = None
    """Where the key that seals credentials is kept, if not beside them."""
    children: bool = True
    """Start settlement, history and snapshots as child processes (the simulation runs without)."""
    attestor_nice: int = 0
    """By how much the attestor's priority is lowered."""
    settlement: int = 0
    """The format asked for: 1 (mock L1), 2 (contracts on a chain); 0: the directory's, or the usual one."""
    settlement_default: int = 2
    """Of a new directory."""
    l1_url: str = ""
    """A node's JSON-RPC; without one a development chain of the directory's own is started."""
    l1_port: int = 0
    """The development chain's; 0: any free one."""
    l1_confirmations: int = 0
    """Blocks until what is on the L1 counts; 0: as few as are sensible there."""
    batch_latency_seconds: float | None = None
    """How old a batch may become where fuller blobs would be cheaper; None: 60 on a node's chain, on the
    development chain no older than `batch_seconds`."""
    netted: bool = False
    """Post what fills come to, and keep the fills in the external store."""
    data_layers: str = "calldata,blobs"

    @property
    def journal(self) -> Path:
        """The shard's journal directory."""
        return self.data / "journal"

    @property
    def credentials(self) -> Path:
        """The embedded database of accounts' names and keys."""
        return self.data / "credentials.sqlite"

    @property
    def settings(self) -> Path:
        """The embedded database of what accounts have chosen at the edge."""
        return self.data / "settings.sqlite"

    @property
    def block_store(self) -> Path:
        """The embedded database of executed blocks and used signatures."""
        return self.data / "blocks.sqlite"

    @property
    def announcements(self) -> Path:
        """What the operator has to say, a file that may change while the venue runs."""
        return self.data / "announcements.json"

    @property
    def sealing_key(self) -> Path:
        """The key that seals them, where the environment does not give it."""
        return self.credentials_key or self.data / "credentials.key"

    @property
    def grants(self) -> Path:
        """The embedded database of grants."""
        return self.data / "grants.sqlite"

    @property
    def history(self) -> Path:
        """The history store."""
        return self.data / "history.sqlite"

    @property
    def faucet_given(self) -> Path:
        """What the faucet has given for sign-ups."""
        return self.data / "faucet-given.txt"

    @property
    def l1(self) -> Path:
        """The mock L1's chain."""
        return self.data / "l1.sqlite"

    @property
    def volumes(self) -> Path:
        """Accounts' volumes at the ends of the last days."""
        return self.data / "volumes.msgpack"

    @property
    def settlement_status(self) -> Path:
        """What the settlement process last said."""
        return self.data / "settlement-status.json"
