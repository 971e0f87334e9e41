"""Exactly once: whatever the node, the chain and the process do, each call takes effect once and in order."""

from __future__ import annotations

import random

import pytest

from settlement.l1.ethereum import Ethereum
from settlement.l1.port import L1Unavailable
from settlement.l1.sender import MAX_IN_FLIGHT, Sender
from tests.unit.settlement.devnet.rig import selector
from tests.unit.settlement.l1.backends import Devnet, deployed, take

CALLS = 12


def drive(devnet: Devnet, sender: Sender, contract: bytes) -> int:
    """One look and one step; how many are done."""
    ethereum = Ethereum(devnet.rpc)
    at = ethereum.head()
    done = int.from_bytes(ethereum.call(contract, selector("last()"), at), "big")
    sender.step([take(n)._replace(to=contract) for n in range(done + 1, CALLS + 1)][:MAX_IN_FLIGHT], at)
    return done


def misbehave(devnet: Devnet, generator: random.Random) -> None:
    chain = devnet.rig.chain
    what = generator.randrange(9)
    if what == 0:
        chain.faults.set({"lose_replies": generator.randrange(1, 4)})
    elif what == 1:
        chain.faults.set({"drop": generator.randrange(1, 3)})
    elif what == 2:
        chain.faults.set({"fail": not chain.faults.fail})
    elif what in (3, 4) and chain.head.number > 3:
        depth = generator.randrange(1, min(6, chain.head.number - 1))
        lost = [e.hash for n in range(2, chain.head.number + 1) for e in chain.included_in(n)]
        forget = [digest for digest in lost if generator.random() < 0.3]
        chain.reorganise(depth, forget=forget, late=generator.random() < 0.3)
    elif what == 5:
        chain.faults.set({"censor": ["0x" + devnet.key.address.hex()] if generator.random() < 0.5 else []})
    else:
        chain.mine()


@pytest.mark.parametrize("seed", range(8))
def test_each_call_takes_effect_once_and_in_order(seed: int) -> None:
    generator = random.Random(seed)
    devnet = Devnet()
    contract, ethereum = deployed(devnet), Ethereum(devnet.rpc)
    sender = Sender(ethereum, devnet.key)
    for _ in range(60):
        misbehave(devnet, generator)
        if generator.random() < 0.15:  # a crash: nothing is remembered
            sender = Sender(ethereum, devnet.key)
        try:
            drive(devnet, sender, contract)
        except L1Unavailable:
            continue
    devnet.rig.chain.faults.set({"fail": False, "censor": [], "lose_replies": 0, "drop": 0})
    for _ in range(60):
        if drive(devnet, sender, contract) == CALLS:
            break
        devnet.mine()
    logs = ethereum.logs(0, ethereum.head().number, [contract])
    assert [int.from_bytes(log.topics[1], "big") for log in logs] == list(range(1, CALLS + 1))
