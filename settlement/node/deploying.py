"""The contracts of a data directory: deployed at its first start, found again at every later one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

from settlement.contracts import evm
from settlement.contracts.compiler import is_compiled
from settlement.contracts.deployment import EXECUTOR_NAMES, SOURCES, Settings, deploy_all
from settlement.data.files import write
from settlement.devnet import accounts
from settlement.l1.ethereum import Ethereum
from settlement.l1.keys import Key
from settlement.l1.onchain import OnChain
from settlement.l1.port import L1Error, L1Unavailable
from settlement.l1.rollup import Addresses, Rollup
from settlement.l1.rpc import HttpRpc
from settlement.node.places import NodeAddress, Places, PlacesError
from settlement.node.signers import GUARDIAN_ACCOUNT, Keys, addresses_of
from settlement.node.store import NodeStore
from settlement.stf.commitment import Commitment
from settlement.stf.state import State

DAY_S: Final = 86_400
DEVELOPMENT: Final = Settings(
    challenge_s=60,
    response_s=60,
    dispute_s=120,
    # A development chain stands still while nobody runs it, but its clock does not.
    deposit_s=365 * DAY_S,
    forced_s=365 * DAY_S,
    silence_s=3_650 * DAY_S,
)
"""On the development chain batches are final within minutes, and it may be left alone for long."""
PAUSE_S: Final = 0.5
PATIENCE_PAUSES: Final = 2_400

Tell = Callable[[str], None]


class DeploymentError(Exception):
    """There are no contracts to settle with; the message says why and what to do."""


def contracts_of(
    places: Places, address: NodeAddress, sequencer: Callable[[], bytes], tell: Tell, warn: Tell,
    pause: Callable[[float], object],
) -> Addresses:  # fmt: skip
    """The directory's contracts: those its file names, or new ones.

    `sequencer` is asked for the address whose signatures count on the chain. `tell` hears of progress, `warn`
    of what takes long or goes wrong. An L1 other than the development chain that does not answer is believed
    to have the contracts still.

    Raises:
        DeploymentError: the chain has forgotten the contracts, or none can be deployed.
        PlacesError: the file, or a key.
    """
    with closing(HttpRpc(address.url)) as rpc:
        return _contracts_of(places, address, Ethereum(rpc), sequencer, tell, warn, pause)


def _contracts_of(
    places: Places, address: NodeAddress, ethereum: Ethereum, sequencer: Callable[[], bytes], tell: Tell,
    warn: Tell, pause: Callable[[float], object],
) -> Addresses:  # fmt: skip
    if places.contracts.exists():
        return _found(places, address, ethereum, warn)
    if places.database.exists() and _has_batches(places):
        raise DeploymentError(
            f"{places.database} has batches and {places.contracts} is gone: restore it, or begin anew"
        )
    missing = [name for name in (*SOURCES.values(), *EXECUTOR_NAMES) if not is_compiled(name)]
    if missing:
        warn(f"{len(missing)} contracts are compiled first, once; it takes a minute or two")
    keys = Keys.of(address.devnet)
    guardian = accounts.key(GUARDIAN_ACCOUNT).address if address.devnet else keys.operator.address
    settings = DEVELOPMENT if address.devnet else Settings()
    try:
        made = deployed(
            ethereum, keys.operator, sequencer(), guardian, settings, tell,
            _mine(ethereum) if address.devnet else _await_block(ethereum, pause),
        )  # fmt: skip
    except (L1Error, evm.Reverted) as error:
        raise DeploymentError(f"the contracts can not be deployed at {address.url}: {error}") from error
    write(places.contracts, made.packed())
    tell(f"contracts are on chain {made.chain_id} from block {made.first_block} on")
    return made


def _has_batches(places: Places) -> bool:
    store = NodeStore(places.database)
    try:
        return store.last_batch_id() > 0
    finally:
        store.close()


def _found(places: Places, address: NodeAddress, ethereum: Ethereum, tell: Tell) -> Addresses:
    known = addresses_of(places)
    try:
        chain_id, code = ethereum.chain_id(), ethereum.code(known.inbox)
    except L1Unavailable as error:
        if address.devnet:
            raise DeploymentError(f"the development chain does not answer: {error}") from error
        tell(f"the L1 at {address.url} does not answer ({error}): batches wait for it")
        return known
    if chain_id != known.chain_id or not code:
        raise DeploymentError(
            f"the chain at {address.url} ({chain_id}) does not have the contracts of {places.contracts} "
            f"(chain {known.chain_id}, inbox 0x{known.inbox.hex()}): name the L1 they are on, or begin anew"
        )
    return known


def deployed(
    ethereum: Ethereum, operator: Key, sequencer: bytes, guardian: bytes, settings: Settings, tell: Tell,
    next_block: Callable[[], None],
) -> Addresses:  # fmt: skip
    """Deploy all contracts and put up the bond in test tokens. Raises L1Error, evm.Reverted."""
    chain = _Telling(ethereum, [operator], next_block, tell)
    first_block = ethereum.head().number + 1
    contracts = deploy_all(
        chain, operator.address, operator=operator.address, sequencer=sequencer, guardian=guardian,
        genesis_root=Commitment(State()).root, settings=settings,
    )  # fmt: skip
    made = Addresses.of(contracts, ethereum.chain_id(), first_block)
    rollup, bond_micro = Rollup(ethereum, made), settings.bond_least
    for call in (rollup.mint(operator.address, bond_micro), *rollup.add_bond(bond_micro)):
        chain.transact(operator.address, call.to, call.data)
    return made


class _Telling(OnChain):
    """Says what it deploys: on a chain with slow blocks it takes minutes."""

    def __init__(
        self, ethereum: Ethereum, keys: list[Key], next_block: Callable[[], None], tell: Tell
    ) -> None:  # fmt: skip
        super().__init__(ethereum, keys, next_block, lambda _: None)
        self._tell = tell
        self._count = 0

    def deploy(self, sender: bytes, bytecode: bytes) -> evm.Receipt:
        """See `Evm`."""
        found = super().deploy(sender, bytecode)
        self._count += 1
        self._tell(f"contract {self._count} is at 0x{found.address.hex()} ({found.gas_used:,} gas)")
        return found


def _mine(ethereum: Ethereum) -> Callable[[], None]:
    def mine() -> None:
        _: Any = ethereum.rpc.call("devnet_mine")

    return mine


def _await_block(ethereum: Ethereum, pause: Callable[[float], object]) -> Callable[[], None]:
    def wait() -> None:
        before = ethereum.head().number
        for _ in range(PATIENCE_PAUSES):
            if ethereum.head().number > before:
                return
            pause(PAUSE_S)
        raise L1Unavailable(f"no block behind {before}")

    return wait


__all__ = ["DEVELOPMENT", "DeploymentError", "PlacesError", "contracts_of", "deployed"]
