"""Before the venue's other parts start: an L1 that answers, with the contracts they sign and settle for."""

from __future__ import annotations

import logging
from threading import Event
from typing import Final, NamedTuple

from exchange.app.attesting.keys import SigningKeyError, signing_key
from exchange.app.attesting.paths import Paths
from exchange.app.config import Config
from exchange.app.key_file import KeyFile
from exchange.app.ports import SystemEntropy
from exchange.app.rollup.devnet import Devnet
from exchange.app.rollup.money import RollupMoney
from exchange.app.stores import StartError
from exchange.keys.credential_schema import CredentialsError
from exchange.keys.sealing import Sealer
from settlement.l1.keys import KeyRejected
from settlement.l1.port import L1Error
from settlement.l1.rollup import Addresses
from settlement.node.deploying import DeploymentError, contracts_of
from settlement.node.places import NodeAddress, Places, PlacesError
from settlement.node.signers import FAUCET, key_of

CONFIRMATIONS: Final = 12
DEVNET_CONFIRMATIONS: Final = 3
_log = logging.getLogger(__name__)


class Rollup(NamedTuple):
    """What settlement of format 2 stands on. `devnet` is None where the L1 is somebody else's."""

    config: Config
    address: NodeAddress
    contracts: Addresses
    devnet: Devnet | None

    def money(self) -> RollupMoney:
        """The L1's side of deposits and withdrawals, for one thread."""
        try:
            faucet = key_of(FAUCET, self.address.devnet)
        except KeyRejected as error:
            _log.warning("no faucet: %s", error)
            faucet = None
        deep = self.config.l1_confirmations or (1 if self.address.devnet else CONFIRMATIONS)
        return RollupMoney(self.address.url, self.contracts, faucet, Places(self.config.data), deep)

    @property
    def confirmations(self) -> int:
        """Blocks until a batch is confirmed."""
        usual = DEVNET_CONFIRMATIONS if self.address.devnet else CONFIRMATIONS
        return self.config.l1_confirmations or usual

    def revive(self) -> None:
        """Start the development chain again if it has ended."""
        if self.devnet is not None:
            self.devnet.revive()

    def stop(self) -> None:
        """End the development chain."""
        if self.devnet is not None:
            self.devnet.stop()


def started(config: Config) -> Rollup:
    """Find or start the L1 and find or deploy the contracts; blocks meanwhile.

    Raises:
        StartError: the message says why and what to do.
    """
    places = Places(config.data)
    devnet = None if config.l1_url else Devnet(places.chain, config.l1_port)
    address = NodeAddress(devnet.start() if devnet else config.l1_url, devnet is not None)
    # On a chain with slow blocks it takes minutes, and whoever waits wants to see why.
    tell = _log.info if devnet else _log.warning
    try:
        places.set_address(address)
        found = contracts_of(places, address, lambda: _sequencer(config), tell, _log.warning, Event().wait)
    except (DeploymentError, PlacesError, SigningKeyError, CredentialsError, L1Error, OSError) as error:
        if devnet is not None:
            devnet.stop()
        raise StartError(str(error)) from None
    return Rollup(config, address, found, devnet)


def _sequencer(config: Config) -> bytes:
    """The address of the key that signs heads, which is made here at the first start."""
    entropy = SystemEntropy()
    sealer = Sealer(KeyFile(config.sealing_key)(config.credentials.exists()), entropy)
    return signing_key(Paths(config.data).key, sealer, entropy).address
