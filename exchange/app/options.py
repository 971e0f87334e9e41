"""Command-line options of the venue, and the configuration they make."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from exchange.app.config import PORT_DEFAULT, PORT_VARIABLE, Config
from exchange.app.key_file import KEY_VARIABLE
from exchange.domain.limits import MAX_OPEN_ORDERS_PER_ACCOUNT, MAX_SEATS, MAX_TRAILING, MAX_TRIGGERS
from exchange.gateway.deals.block_limits import BlockLimits
from exchange.gateway.sockets.config import ServerConfig
from exchange.gateway.trigger_caps import TriggerLimits
from exchange.keys.sign_ups import SignUpLimits
from exchange.wire.credits import CreditPolicy

PORT_MAX: Final = 65_535
MICRO: Final = 1_000_000
FAUCET_USDC_MAX: Final = 1_000_000_000
ENGINE_VARIABLE: Final = "STRIKEBOOK_PRICING_ENGINE"
ENGINES: Final = ("auto", "numpy", "numba")
_LIMITS: Final = {"generous": CreditPolicy(), "field": CreditPolicy.of_the_field(), "off": None}
RFQ_SECONDS_MAX: Final = 86_400
REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")


def port_default() -> int:
    """The port of the environment variable, or the usual one. SystemExit for a wrong one."""
    text = os.environ.get(PORT_VARIABLE, "")
    if not text:
        return PORT_DEFAULT
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= PORT_MAX:
        raise SystemExit(f"strikebook: {PORT_VARIABLE} is {text!r}, not a port (0 to {PORT_MAX})")
    return port


def engine_default() -> str:
    """The pricing engine of the environment variable, or `auto`. SystemExit for an unknown one."""
    name = os.environ.get(ENGINE_VARIABLE) or "auto"
    if name not in ENGINES:
        raise SystemExit(f"strikebook: {ENGINE_VARIABLE} is {name!r}; write one of {', '.join(ENGINES)}")
    return name


def add_venue_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `serve` and `run`."""
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="where everything is kept (%(default)s)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port",
        type=int,
        default=port_default(),
        help=f"port; 0: any free one (${PORT_VARIABLE} or %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the simulated market (%(default)s)")
    parser.add_argument(
        "--pricing-engine",
        choices=ENGINES,
        default=engine_default(),
        help=f"what computes marks; auto: numba where it is installed (${ENGINE_VARIABLE} or %(default)s)",
    )
    parser.add_argument(
        "--redis", default="", metavar="URL", help="publish to Redis Streams at redis://host:port"
    )
    parser.add_argument("--no-sign-up", action="store_true", help="refuse public/strikebook_sign_up")
    _add_counts(parser, _sign_up_counts())
    parser.add_argument(
        "--batch-seconds", type=float, default=2.0, help="settle at least this often when there are fills"
    )
    parser.add_argument("--batch-fills", type=int, default=1_000, help="or after this many fills")
    _add_l1(parser)
    parser.add_argument(
        "--snapshot-commands", type=int, default=200_000, help="commands between snapshots (%(default)s)"
    )
    parser.add_argument(
        "--credentials-key",
        type=Path,
        metavar="FILE",
        help="the key that seals credentials (made on the first start; DATA/credentials.key). "
        f"${KEY_VARIABLE} goes before it",
    )
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="speak https and wss with this chain")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="and its key")
    parser.add_argument(
        "--limits",
        choices=("generous", "field", "off"),
        default="generous",
        help="rate credits: a hundred times the field's numbers, those, or none (%(default)s)",
    )
    _add_counts(parser, _connection_counts())
    _add_counts(parser, _trigger_counts())
    _add_counts(parser, _block_counts())
    parser.add_argument(
        "--lasting-quotes",
        action="store_true",
        help="take mass_quote also from connections without cancel on disconnect",
    )
    parser.add_argument("--no-children", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--log-level", default="warning", choices=("debug", "info", "warning", "error"))


def _add_l1(parser: argparse.ArgumentParser) -> None:
    usual = Config(Path())
    parser.add_argument(
        "--settlement", type=int, choices=(1, 2), default=0, metavar="FORMAT",
        help="1: the mock L1; 2: contracts on an Ethereum chain (a new directory's: "
        f"{usual.settlement_default}; later starts go on with what the directory has)",
    )  # fmt: skip
    parser.add_argument(
        "--l1", default="", metavar="URL",
        help="settle on the chain of this node, with $STRIKEBOOK_L1_KEY; else on a development chain in DATA",
    )  # fmt: skip
    parser.add_argument(
        "--l1-port", type=int, default=0, metavar="PORT", help="the development chain's; 0: any free one"
    )
    parser.add_argument(
        "--l1-confirmations", type=int, default=0, metavar="N",
        help="blocks until what is on the L1 counts; 0: 12, on the development chain 3 (deposits: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--batch-latency", type=float, default=None, metavar="SECONDS",
        help="a batch may wait so long for fuller blobs where that is cheaper (60; development chain: not)",
    )  # fmt: skip
    parser.add_argument(
        "--data-layers", default=usual.data_layers, metavar="LIST",
        help="where batches' data may go, out of calldata, blobs, external (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--netted", action="store_true",
        help="post only what fills come to, in blobs; the fills themselves are in DATA/external",
    )  # fmt: skip


def _l1_checked(options: argparse.Namespace) -> None:
    """SystemExit with a hint for wrong values."""
    if options.l1 and not options.l1.startswith(("http://", "https://")):
        raise SystemExit(f"strikebook: --l1 {options.l1} is no address; write http://host:port")
    if not 0 <= options.l1_port <= PORT_MAX or options.l1_confirmations < 0:
        raise SystemExit("strikebook: --l1-port is 0 to 65535, --l1-confirmations is not negative")
    if not set(options.data_layers.split(",")) <= {"calldata", "blobs", "external"}:
        raise SystemExit("strikebook: --data-layers is a list out of calldata, blobs, external")


def _add_counts(parser: argparse.ArgumentParser, counts: Iterable[tuple[str, int, str, str]]) -> None:
    """Whole numbers: (option, default, unit, meaning)."""
    for option, default, unit, meaning in counts:
        parser.add_argument(option, type=int, default=default, metavar=unit, help=f"{meaning} (%(default)s)")


def _connection_counts() -> Iterator[tuple[str, int, str, str]]:
    usual = ServerConfig()
    of_address = usual.connections_per_ip_max
    yield "--address-connections", of_address, "N", "connections one address may have; 0: any"
    of_loopback = usual.connections_of_loopback_max
    yield "--loopback-connections", of_loopback, "N", "connections the machine itself may have; 0: any"


def _trigger_counts() -> Iterator[tuple[str, int, str, str]]:
    usual = TriggerLimits()
    core = "0: only the core's own limit"
    yield "--account-triggers", usual.orders_max, "N", f"orders of an account that wait for a trigger; {core}"
    yield "--account-trailing", usual.trailing_max, "N", f"of these, trailing ones of one price; {core}"
    family = "the same, of a main account and its subaccounts together"
    yield "--family-triggers", usual.family_orders_max, "N", f"{family}; {core}"
    yield "--family-trailing", usual.family_trailing_max, "N", f"{family}; {core}"


def _trigger_limits(options: argparse.Namespace) -> TriggerLimits:
    given = TriggerLimits(
        options.account_triggers, options.account_trailing, options.family_triggers, options.family_trailing
    )
    trailing = given.trailing_max, given.family_trailing_max
    if not (
        0 <= given.orders_max <= MAX_OPEN_ORDERS_PER_ACCOUNT
        and 0 <= given.family_orders_max <= MAX_TRIGGERS
        and all(0 <= most <= MAX_TRAILING for most in trailing)
    ):
        raise SystemExit(
            f"strikebook: --account-triggers is at most {MAX_OPEN_ORDERS_PER_ACCOUNT:,}, "
            f"--family-triggers at most {MAX_TRIGGERS:,}, "
            f"--account-trailing and --family-trailing at most {MAX_TRAILING:,}"
        )
    return given


def _block_counts() -> Iterator[tuple[str, int, str, str]]:
    usual = BlockLimits()
    smallest = "the smallest leg of a block, in smallest orders of its instrument"
    yield "--block-orders", usual.smallest_orders, "N", smallest
    is_open = "how long a request for quotes is open"
    yield "--rfq-seconds", usual.rfq_open_ms // 1_000, "SECONDS", is_open
    grace = "how long its taker waits for makers before it sees and accepts quotes"
    yield "--rfq-grace", usual.grace_ms // 1_000, "SECONDS", grace
    yield "--account-rfqs", usual.rfqs_open_max, "N", "open requests for quotes of an account"


def _block_limits(options: argparse.Namespace) -> BlockLimits:
    smallest, seconds, grace = options.block_orders, options.rfq_seconds, options.rfq_grace
    if smallest < 1 or not 0 <= grace < seconds <= RFQ_SECONDS_MAX or options.account_rfqs < 0:
        raise SystemExit(
            "strikebook: --block-orders is at least 1, --account-rfqs not negative, --rfq-grace less than "
            f"--rfq-seconds, and that at most {RFQ_SECONDS_MAX:,}"
        )
    return BlockLimits(smallest, seconds * 1_000, grace * 1_000, options.account_rfqs)


def _sign_up_counts() -> Iterator[tuple[str, int, str, str]]:
    config = Config(Path())
    limits = config.sign_ups
    core = "0: only the core's own limit"
    budget = "what the faucet gives in all, over restarts; then no more sign-ups. 0: no limit"
    seats = f"instruments in which it has positions or orders; {core}"
    hourly = "sign-ups of one address in an hour; 0: as many as it likes"
    yield "--sign-ups-per-hour", limits.per_hour, "N", hourly
    gift = "what a new account receives from the faucet, 1 to 1,000,000,000"
    yield "--faucet", config.faucet_micro // MICRO, "USDC", gift
    yield "--faucet-budget", limits.faucet_budget_micro // MICRO, "USDC", budget
    yield "--account-orders", limits.orders_max, "N", f"open orders of an account that signs up; {core}"
    yield "--account-positions", limits.positions_max, "N", seats


def _sign_up_limits(options: argparse.Namespace) -> SignUpLimits:
    if not 1 <= options.faucet <= FAUCET_USDC_MAX:
        raise SystemExit(f"strikebook: --faucet {options.faucet} is not 1 to {FAUCET_USDC_MAX:,} USDC")
    if options.sign_ups_per_hour < 0 or options.faucet_budget < 0:
        raise SystemExit("strikebook: --sign-ups-per-hour and --faucet-budget must not be negative")
    orders, positions = options.account_orders, options.account_positions
    if not (0 <= orders <= MAX_OPEN_ORDERS_PER_ACCOUNT and 0 <= positions <= MAX_SEATS):
        raise SystemExit(
            f"strikebook: --account-orders is at most {MAX_OPEN_ORDERS_PER_ACCOUNT:,}, "
            f"--account-positions at most {MAX_SEATS:,}"
        )
    return SignUpLimits(options.sign_ups_per_hour, options.faucet_budget * MICRO, orders, positions)


def config_of(options: argparse.Namespace) -> Config:
    """The configuration of parsed `add_venue_arguments`. SystemExit with a hint for wrong values."""
    if not 0 <= options.port <= PORT_MAX:
        raise SystemExit(f"strikebook: --port {options.port} is not a port (0 to {PORT_MAX})")
    if options.redis and not options.redis.startswith(REDIS_SCHEMES):
        raise SystemExit(f"strikebook: --redis {options.redis} is no address; write redis://host:port")
    if options.batch_seconds <= 0 or options.batch_fills < 1 or options.snapshot_commands < 1:
        raise SystemExit(
            "strikebook: --batch-seconds, --batch-fills and --snapshot-commands must be positive"
        )
    _l1_checked(options)
    return dataclasses.replace(
        Config(options.data),
        host=options.host,
        port=options.port,
        seed=options.seed,
        pricing_engine=options.pricing_engine,
        redis_url=options.redis,
        sign_up=not options.no_sign_up,
        faucet_micro=options.faucet * MICRO,
        sign_ups=_sign_up_limits(options),
        triggers=_trigger_limits(options),
        blocks=_block_limits(options),
        batch_seconds=options.batch_seconds,
        batch_fills=options.batch_fills,
        snapshot_commands=options.snapshot_commands,
        server=ServerConfig(
            connections_per_ip_max=max(0, options.address_connections),
            connections_of_loopback_max=max(0, options.loopback_connections),
            credits=_LIMITS[options.limits],
        ),
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        credentials_key=options.credentials_key,
        quotes_need_cancel_on_disconnect=not options.lasting_quotes,
        children=not options.no_children,
        settlement=options.settlement,
        l1_url=options.l1,
        l1_port=options.l1_port,
        l1_confirmations=options.l1_confirmations,
        batch_latency_seconds=options.batch_latency,
        data_layers=options.data_layers,
        netted=options.netted,
    )
