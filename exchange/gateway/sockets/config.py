"""Limits of the venue's port."""

from __future__ import annotations

from typing import NamedTuple

from exchange.wire.credits import CreditPolicy


class ServerConfig(NamedTuple):
    """Limits of the port. A limit of 0 is none; `credits` None switches rate credits off."""

    connections_max: int = 4_096
    connections_per_ip_max: int = 32
    connections_of_loopback_max: int = 256
    write_buffer_bytes_max: int = 4 * 1024 * 1024
    slow_bytes: int = 256 * 1024
    """Unread bytes from which on a connection gets the newest state alone of what may be conflated."""
    pipelined_max: int = 64
    http_idle_ms_max: int = 75_000
    inactivity_ms_max: int = 600_000
    close_timeout_s: float = 2.0
    backlog: int = 512
    credits: CreditPolicy | None = CreditPolicy()
    testnet: bool = True
