"""The contracts of a directory: deployed once, found again, and what is wrong where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from settlement.contracts.deployment import EXECUTOR_NAMES, SOURCES
from settlement.devnet import accounts
from settlement.l1.ethereum import Ethereum
from settlement.l1.rollup import Addresses, Rollup
from settlement.node.deploying import DEVELOPMENT, DeploymentError, _contracts_of
from settlement.node.places import NodeAddress, Places, PlacesError
from settlement.node.signers import OPERATOR, SERVICE, Keys, key_of
from settlement.stf.commitment import Commitment
from settlement.stf.state import State
from tests.unit.settlement.l1.backends import Devnet
from tests.unit.settlement.node.rig import Rig, venue_of

SEQUENCER = b"\x51" * 20
OURS, THEIRS = NodeAddress("http://127.0.0.1:1", True), NodeAddress("http://127.0.0.1:1", False)


class Start:
    """A venue's start on a directory and a chain."""

    def __init__(self, folder: Path, devnet: Devnet | None = None) -> None:
        self.devnet = devnet or Devnet()
        self.places = Places(folder)
        self.told: list[str] = []
        self.warned: list[str] = []

    def contracts(self, address: NodeAddress = OURS) -> Addresses:
        return _contracts_of(
            self.places, address, Ethereum(self.devnet.rpc), lambda: SEQUENCER, self.told.append,
            self.warned.append, lambda _: None,
        )  # fmt: skip


def test_the_first_start_deploys_and_later_ones_find(tmp_path: Path) -> None:
    start = Start(tmp_path)
    made = start.contracts()
    assert len(start.told) == len(SOURCES) + len(EXECUTOR_NAMES) + 1
    rollup = Rollup(Ethereum(start.devnet.rpc), made)
    inbox = rollup.inbox(rollup.ethereum.head())
    assert inbox.bond_micro == DEVELOPMENT.bond_least
    assert inbox.root == Commitment(State()).root
    assert rollup.ask(made.inbox, None, "SEQUENCER()", "address")[0] == SEQUENCER
    assert rollup.ask(made.inbox, None, "OPERATOR()", "address")[0] == accounts.key(0).address
    height = rollup.ethereum.head().number
    again = Start(tmp_path, start.devnet)
    assert again.contracts() == made
    assert rollup.ethereum.head().number == height
    # Another chain, or this one begun anew.
    with pytest.raises(DeploymentError, match="does not have the contracts of"):
        Start(tmp_path).contracts()
    start.devnet.rig.chain.faults.set({"fail": True})
    with pytest.raises(DeploymentError, match="does not answer"):
        again.contracts()
    assert again.contracts(THEIRS) == made, "batches wait for a node that is away"
    assert "batches wait for it" in again.warned[-1]
    start.places.contracts.write_text("{}")
    with pytest.raises(PlacesError, match="contracts"):
        again.contracts()


def test_batches_without_their_contracts_are_not_given_new_ones(tmp_path: Path) -> None:
    venue, frames = venue_of(4, 5)
    rig = Rig(tmp_path, frames)
    rig.deposit(*((number, amount) for _, number, amount in venue.deposits))
    with rig.opened() as life:
        rig.until_settled(life)
    rig.places.contracts.unlink()
    assert isinstance(rig.devnet, Devnet)
    with pytest.raises(DeploymentError, match="is gone: restore it"):
        Start(tmp_path, rig.devnet).contracts()


def test_keys_are_everybodys_on_the_development_chain_and_else_the_environments() -> None:
    assert Keys.of(True, {}).operator.address == accounts.key(0).address
    secret = {OPERATOR: "11" * 32}
    told = Keys.of(False, secret)
    assert told.service is None
    assert told.operator.address == key_of(OPERATOR, False, secret).address
    both = Keys.of(False, secret | {SERVICE: "22" * 32})
    assert both.service is not None
    assert both.service.address != both.operator.address
    with pytest.raises(PlacesError, match=OPERATOR):
        Keys.of(False, {})


def test_where_the_l1_is_survives_its_file(tmp_path: Path) -> None:
    places = Places(tmp_path)
    with pytest.raises(PlacesError, match=r"settlement-l1\.json"):
        places.address()
    places.set_address(OURS)
    assert places.address() == OURS
