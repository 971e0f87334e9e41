"""Risk parameters, fees and the rules they belong to, as data; and who brings them to the core.

Figures are configuration: they enter as sequenced commands (SET_RULES, RISK, SET_FEES) on a first start, on a
journal that was written under older rules, and whenever what is configured here differs from what the core
has. docs/risk.md explains each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from exchange.app.venue_port import VenuePort
from exchange.core import queries, risk_queries
from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from exchange.domain.commands import symbol_text
from exchange.domain.commands_risk import FeeTier, RiskParameters
from exchange.oracle.scenario_tables import Grid
from exchange.wire.session import RpcError
from pricing.scenarios import DeribitParameters

RULES: Final = 2
"""The version that knows of risk parameters."""
DEFAULT_RULES: Final = 6
COMBO_RULES: Final = 4
"""The version from which the discount on combos matters."""
_USDC: Final = 1_000_000
_log = logging.getLogger(__name__)

GRID: Final = Grid(DeribitParameters().scenarios(), quantum_micro=10_000)
"""27 scenarios and 8 extended ones, in cents of a USDC per lot."""
EXTENDED_FROM: Final = 27

BTC: Final = RiskParameters(
    scenarios=len(GRID.scenarios),
    quantum_micro=GRID.quantum_micro,
    extended_from=EXTENDED_FROM,
    dampener_micro=25_000 * _USDC,
    sm_im_ppm=150_000,
    sm_floor_ppm=100_000,
    sm_mm_ppm=75_000,
    perp_im_ppm=20_000,
    perp_mm_ppm=10_000,
    uncovered_im_ppm=1_200_000,
    uncovered_mm_ppm=1_100_000,
    pm_mm_ppm=800_000,
    roll_ppm=6_000,
    shock_ppm=10_000,
    shock_threshold_micro=20_000_000 * _USDC,
    short_ppm=10_000,
    liquidation_fee_ppm=2_000,
    liquidation_slice_micro=50_000 * _USDC,
    liquidation_band_ppm=5_000,
    jump_factor=10,
    auction_ms=1_800_000,
    auction_discount_ppm=50_000,
)
"""Standard and portfolio figures of the field for bitcoin (docs/risk.md, Parameters)."""

ETH: Final = BTC._replace(
    dampener_micro=15_000 * _USDC,
    roll_ppm=8_000,
    shock_ppm=12_500,
    shock_threshold_micro=10_000_000 * _USDC,
    short_ppm=12_500,
)

TIERS: Final = (
    FeeTier(300, 300, 0, 500),
    FeeTier(200, 280, -10, 450),
    FeeTier(150, 260, -20, 400),
    FeeTier(100, 240, -50, 350),
    FeeTier(0, 200, -100, 300),
)
"""Maker and taker of options, then of perpetuals, in parts per million of index notional."""

TIER_FROM_MICRO: Final = tuple(n * 1_000_000 * _USDC for n in (0, 25, 100, 500, 2_000))
"""The 30-day volume from which each tier applies: none, 25 million USDC, …"""


@dataclass(frozen=True)
class VenueParameters:
    """All that is configured of risk and fees. ValueError for figures that do not fit each other."""

    risk: Mapping[str, RiskParameters] = field(default_factory=lambda: {"BTC": BTC, "ETH": ETH})
    """By symbol; an underlying without parameters takes no orders."""
    tiers: tuple[FeeTier, ...] = TIERS
    tier_from_micro: tuple[int, ...] = TIER_FROM_MICRO
    combo_discount_permille: int = 500
    fund_micro: int = 10_000_000 * _USDC
    """What the operator pays into the insurance fund at the first start; 0: nothing."""
    rules: int = DEFAULT_RULES

    def __post_init__(self) -> None:
        if len(self.tiers) != len(self.tier_from_micro) or not 1 <= len(self.tiers) <= 8:
            raise ValueError("there must be 1 to 8 fee tiers, each with the volume it begins at")
        if self.tier_from_micro[0] != 0 or list(self.tier_from_micro) != sorted(set(self.tier_from_micro)):
            raise ValueError("volumes of fee tiers must begin at 0 and grow")

    def tier_of(self, volume_micro: int) -> int:
        """The tier of a 30-day volume."""
        return max(n for n, start in enumerate(self.tier_from_micro) if volume_micro >= start)


class Parameters:
    """Brings what is configured to the core, and says when it is in force."""

    def __init__(
        self, venue: VenuePort, configured: VenueParameters, on_risk: Callable[[int], None] = lambda _: None
    ) -> None:
        """`on_risk(underlying)` just before a RISK is sent: it may drop the tables of the underlying."""
        self._venue = venue
        self.configured = configured
        self._on_risk = on_risk
        self._waiting = 0  # commands sent and not answered
        self._refused: dict[bytes, None] = {}  # not asked for again by this process
        self.was_activated = False
        """Whether this process has activated the rules: a first start, or the first on an older journal."""

    @property
    def refused_count(self) -> int:
        """Commands the core refused."""
        return len(self._refused)

    @property
    def in_force(self) -> bool:
        """Whether rules and fees are as configured, and every listed underlying has its parameters."""
        return not self._waiting and not self._due()

    def look(self) -> None:
        """Send what the core does not have yet; nothing while an answer is awaited."""
        if self._waiting:
            return
        for command in self._due():
            if command in self._refused:
                continue
            if command[0] == r.RISK:
                self._on_risk(int.from_bytes(command[12:16], "little"))
            try:
                self._venue.submit(command, partial(self._answered, command))
            except RpcError as refused:  # a full queue or a halt: what is due is found due again
                _log.warning("parameters were not taken: %s", refused)
                return
            self._waiting += 1
            self.was_activated = self.was_activated or command[0] == r.SET_RULES

    def _due(self) -> list[bytes]:
        engine, configured = self._venue.engine, self.configured
        due: list[bytes] = []
        if risk_queries.rules(engine) < configured.rules:
            due.append(commands.set_rules(configured.rules))
        if configured.rules < RULES:
            return due
        for number in range(engine.underlying_count):
            symbol = symbol_text(queries.underlying_symbol(engine, number))
            wanted = configured.risk.get(symbol)
            if wanted is not None and risk_queries.risk_parameters(engine, number) != wanted:
                due.append(commands_risk.risk(number, wanted))
        schedule = (configured.combo_discount_permille, list(configured.tiers))
        # Who reads events from the activation on is told the discount behind it.
        is_new = risk_queries.rules(engine) < COMBO_RULES <= configured.rules
        if is_new or risk_queries.fee_schedule(engine) != schedule:
            due.append(commands_risk.set_fees(configured.tiers, configured.combo_discount_permille))
        return due

    def _answered(self, command: bytes, packed: bytes) -> None:
        self._waiting -= 1
        if packed and packed[0] == r.EV_REJECTED:
            self._refused[command] = None
            _log.error("a parameter command was refused: %s", packed.hex())
