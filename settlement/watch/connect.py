"""From the command line to a chain: which node, which contracts, where data may be had."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from settlement.data.archive import BlobArchive, BlobSource, Sources
from settlement.data.external import ExternalStore
from settlement.l1.beacon import BeaconBlobs, over_http, slot_by_time, slot_is_number
from settlement.l1.blobs import Kzg, shared_kzg
from settlement.l1.ethereum import Ethereum, Head
from settlement.l1.feed import Feed
from settlement.l1.follower import Mark
from settlement.l1.hexes import HexError, read_data
from settlement.l1.keys import Key, KeyRejected
from settlement.l1.port import L1Error, L1Unavailable
from settlement.l1.rollup import Addresses, Rollup
from settlement.l1.rpc import HttpRpc

DEVELOPMENT_CHAINS: Final = frozenset((1337, 31337))
TIMEOUT_S: Final = 30.0
KEY_HELP: Final = (
    "The key is read from STRIKEBOOK_L1_KEY, or from the file that STRIKEBOOK_L1_KEY_FILE names and that\n"
    "only you may read; it is never an argument and never shown."
)
USUAL: Final = Path("data")
"""Where `strikebook run` keeps a venue, if nothing else is named."""


class SetupError(Exception):
    """What the user can mend: the text says how."""


class Connection(NamedTuple):
    """A node, the contracts on its chain, and how a feed of their batches is begun."""

    rollup: Rollup
    feed_from: Callable[[Sequence[Mark]], Feed]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that every command over the L1 has."""
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help="a venue's: its node and contracts are taken (data)")
    add("--l1", metavar="URL", help="JSON-RPC of an Ethereum node (http://host:port)")
    add("--contracts", type=Path, metavar="FILE", help="where the contracts are: settlement-contracts.json")
    add("--inbox", metavar="0x…", help="the inbox alone; the other contracts are asked of it")
    add("--first-block", type=int, metavar="N", help="the block of the inbox (default: the file's, or 0)")
    add("--beacon", metavar="URL", help="where blobs are asked for (default: the node of --l1)")
    add("--archive", type=Path, metavar="DIR", help="an archive of blobs, for those the L1 has pruned")
    add("--external", type=Path, metavar="DIR", help="a store of data outside the L1 (default: DIR/external)")
    counts = "blocks until one counts; 1: the head (%(default)s)"
    add("--confirmations", type=int, default=1, metavar="N", help=counts)


def connect(options: argparse.Namespace) -> Connection:
    """Find the contracts. Raises SetupError, L1Unavailable."""
    url, contracts = _where(options)
    try:
        ethereum = Ethereum(HttpRpc(url, timeout_s=TIMEOUT_S))
    except ValueError as error:
        raise SetupError(f"--l1: {error}") from error
    chain_id = ethereum.chain_id()
    addresses = _addresses(options, contracts, ethereum, chain_id)
    if options.first_block is not None:
        addresses = addresses._replace(first_block=options.first_block)
    if addresses.chain_id != chain_id:
        raise SetupError(
            f"the contracts are on chain {addresses.chain_id}, and {url} is chain {chain_id}: name the node "
            "of their chain with --l1"
        )
    if not ethereum.code(addresses.inbox):
        raise SetupError(f"there is no contract at 0x{addresses.inbox.hex()} on {url}")
    rollup, kzg = Rollup(ethereum, addresses), shared_kzg()
    blobs = _blobs(options, url, kzg, chain_id)
    data = _directory(options)
    folder = options.external or (data and data / "external")
    external = ExternalStore(folder, kzg) if folder else None

    def feed_from(marks: Sequence[Mark]) -> Feed:
        return Feed(
            rollup, kzg, blobs=blobs, external=external, confirmations=options.confirmations, marks=marks
        )

    return Connection(rollup, feed_from)


class _L1File(msgspec.Struct):
    """DATA/settlement-l1.json."""

    url: str


def _directory(options: argparse.Namespace) -> Path | None:
    """The venue's directory: the one named; where nothing is, the usual one if it is there."""
    named: Path | None = options.data
    if named is not None or options.l1 is not None or options.contracts is not None:
        return named
    return USUAL if (USUAL / "settlement-l1.json").exists() else None


def _where(options: argparse.Namespace) -> tuple[str, Path | None]:
    """The node's address and the contracts' file. Raises SetupError."""
    url, contracts, data = options.l1, options.contracts, _directory(options)
    if data is not None:
        if url is None:
            path = data / "settlement-l1.json"
            try:
                url = msgspec.json.decode(path.read_bytes(), type=_L1File).url
            except (OSError, msgspec.MsgspecError) as error:
                raise SetupError(f"{path} does not name a node ({error}): is the venue running?") from error
        if contracts is None and options.inbox is None:
            contracts = data / "settlement-contracts.json"
    if url is None:
        raise SetupError("which node? Name one with --l1 URL, or a venue's directory with --data DIR")
    if contracts is None and options.inbox is None:
        raise SetupError("which contracts? Name their file with --contracts FILE, or --inbox 0x…")
    return url, contracts


def _addresses(
    options: argparse.Namespace, contracts: Path | None, ethereum: Ethereum, chain_id: int
) -> Addresses:
    if options.inbox is None and contracts is not None:
        try:
            return Addresses.unpack(contracts.read_bytes())
        except (OSError, ValueError) as error:
            raise SetupError(f"{contracts} does not name the contracts: {error}") from error
    try:
        inbox = read_data(options.inbox, 20)
    except HexError as error:
        raise SetupError(f"--inbox: {error}; an address is 0x and 40 hexadecimal digits") from error
    return asked(Rollup(ethereum, Addresses(chain_id, inbox, b"", b"")))


def asked(rollup: Rollup) -> Addresses:
    """All contracts, by asking the inbox and those it names. Raises SetupError."""
    inbox = rollup.addresses.inbox
    try:
        bridge, token, escape = (
            rollup.ask(inbox, None, name, "address")[0] for name in ("BRIDGE()", "TOKEN()", "escape()")
        )
    except L1Error as error:
        raise SetupError(f"0x{inbox.hex()} does not say which contracts are its: name --contracts") from error
    return rollup.addresses._replace(bridge=bridge, token=token, escape=escape)


def _blobs(options: argparse.Namespace, url: str, kzg: Kzg, chain_id: int) -> BlobSource:
    rpc = HttpRpc(options.beacon or url, timeout_s=TIMEOUT_S)
    get = over_http(rpc)
    node = BeaconBlobs(get, kzg, _Slots(get, chain_id))
    if options.archive is None:
        return node
    return Sources(node, BlobArchive(options.archive, kzg))


class _Slots:
    """The slot of a block: its number on a development chain, else counted from the beacon's genesis."""

    def __init__(self, get: Callable[[str], bytes], chain_id: int) -> None:
        self._get = get
        self._slot_of: Callable[[Head], int] | None = None
        if chain_id in DEVELOPMENT_CHAINS:
            self._slot_of = slot_is_number

    def __call__(self, head: Head) -> int:
        slot_of = self._slot_of or slot_by_time(self._genesis_s())
        self._slot_of = slot_of
        return slot_of(head)

    def _genesis_s(self) -> int:
        try:
            told = msgspec.json.decode(self._get("/eth/v1/beacon/genesis"))
            return int(told["data"]["genesis_time"])
        except (LookupError, msgspec.DecodeError, TypeError, ValueError) as error:
            raise L1Unavailable(f"the beacon node does not tell its genesis: {error!r:.100}") from error


def has_key() -> bool:
    """Whether the environment names a key."""
    return "STRIKEBOOK_L1_KEY" in os.environ or "STRIKEBOOK_L1_KEY_FILE" in os.environ


def key_of_user() -> Key:
    """The user's key. Raises SetupError."""
    try:
        return Key.from_environment(os.environ)
    except KeyRejected as error:
        raise SetupError(f"{error}.\n{KEY_HELP}") from error
