"""What random streams are like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """What a stream is like. Amounts in micro-USDC, sizes in lots, time in ms."""

    name: str
    accounts: int = 8
    options: int = 3  # live per underlying
    deposit_micro: int = 4 * 10**11
    sizes: int = 12
    spread_steps: float = 4.0
    time_step_ms: int = 3_000
    huge: bool = False
    hostility: float = 0.03
    jumps: float = 0.02  # share of marks blocks that move the index by a lot
    far: float = 0.0  # share of prices from anywhere within the price limit
    cancels: float = 10.0


PROFILES = (
    Profile("busy"),
    Profile("poor", deposit_micro=10**9, sizes=16, jumps=0.25),
    Profile("deep", accounts=12, sizes=60, spread_steps=15.0, deposit_micro=10**13),
    Profile("huge", huge=True, deposit_micro=1 << 52, sizes=40),
    Profile("crowded", accounts=3, options=1, spread_steps=2.0),
    Profile("hostile", hostility=0.5),
    Profile("wide", deposit_micro=10**14, spread_steps=400.0, far=0.5, cancels=3.0, time_step_ms=150),
)


def profile_for(seed: int) -> Profile:
    return PROFILES[seed % len(PROFILES)]
