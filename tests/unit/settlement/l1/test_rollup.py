"""Batches through the real inbox contract: typed questions, posting exactly once, reading back, queues."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from settlement.contracts import abi, evm
from settlement.contracts.deployment import Settings, deploy_all
from settlement.l1.ethereum import Ethereum
from settlement.l1.follower import Follower
from settlement.l1.onchain import OnChain
from settlement.l1.posting import PostingHalted
from settlement.l1.rollup import Addresses, Posted, Queues, Rollup, Voided
from settlement.l1.sender import Sender
from settlement.rollup.derive import QueuedDeposit
from tests.unit.settlement.l1.backends import Backend, Devnet, opened
from tests.unit.settlement.l1.rollups import BOND_MICRO, CHALLENGE_S, JUDGE, KEY, Batches, deployed, posting
from tests.unit.settlement.l1.test_ethereum import ANVIL


@pytest.fixture(params=["devnet", ANVIL])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with opened(request.param) as found:
        yield found


def posted(rollup: Rollup) -> list[Posted]:
    last = rollup.ethereum.head().number
    events = map(rollup.event, rollup.ethereum.logs(0, last, rollup.watched()))
    return [event for event in events if isinstance(event, Posted)]


def test_batches_are_posted_and_read_back(backend: Backend) -> None:
    rollup, batches = deployed(backend), Batches(5)
    poster = posting(rollup, batches)
    for _ in range(8):
        poster.step()
        backend.mine()
    poster.step()
    inbox = rollup.inbox(rollup.ethereum.head())
    assert (inbox.batch_id, inbox.root, inbox.bond_micro) == (5, batches.roots[5], BOND_MICRO)
    assert poster.progress is not None
    assert poster.progress.confirmed.batch_id == 5
    found = posted(rollup)
    assert [event.batch_id for event in found] == [1, 2, 3, 4, 5]
    read = [rollup.published(event) for event in found]
    assert [(one.header, one.payload) for one in read] == [(r.header, r.payload) for r in batches.readies]
    assert Queues(rollup, rollup.ethereum.head()).request(1) is None


def test_blobs_are_posted_and_named(backend: Backend) -> None:
    rollup, batches = deployed(backend), Batches(1, blobs=True)
    posting(rollup, batches).step()
    backend.mine()
    (event,) = posted(rollup)
    read = rollup.published(event)
    assert len(read.blob_hashes) == 1
    assert read.payload == b""
    assert event.data != bytes(32)


def test_deposits_stand_in_the_queue(backend: Backend) -> None:
    rollup = deployed(backend)
    sender = Sender(rollup.ethereum, KEY)
    sender.step(rollup.deposit(77, 5_000_000), rollup.ethereum.head())
    backend.mine()
    head = rollup.ethereum.head()
    assert rollup.counts(head) == (1, 0)
    assert Queues(rollup, head).deposit(1) == QueuedDeposit(77, 5_000_000, KEY.address)
    assert Queues(rollup, head).deposit(2) is None


def test_windows_pass_and_batches_are_final(backend: Backend) -> None:
    rollup, batches = deployed(backend), Batches(2)
    posting(rollup, batches).step()
    backend.mine()
    backend.increase_time(CHALLENGE_S + 1)
    backend.mine()
    sender = Sender(rollup.ethereum, KEY)
    sender.step([rollup.finalise()], rollup.ethereum.head())
    backend.mine()
    assert rollup.inbox(rollup.ethereum.head()).final_id == 2
    logs = rollup.ethereum.logs(0, rollup.ethereum.head().number, rollup.watched())
    assert 2 in [rollup.event(log) for log in logs]


def test_a_contracts_refusal_has_its_reason(backend: Backend) -> None:
    rollup = deployed(backend)
    chain = OnChain(rollup.ethereum, [KEY, JUDGE], backend.mine, backend.increase_time)
    call = rollup.post(*Batches(1).readies[0])
    with pytest.raises(evm.Reverted) as refused:
        chain.transact(JUDGE.address, rollup.addresses.inbox, call.data)
    assert refused.value.code == "OPERATOR"


def test_what_was_not_built_here_halts() -> None:
    backend = Devnet()
    rollup = deployed(backend)
    posting(rollup, Batches(1)).step()
    backend.mine()
    nothing = Batches(0)
    with pytest.raises(PostingHalted, match="was not built here"):
        posting(rollup, nothing).step()
    nothing.roots.append(bytes(32))
    with pytest.raises(PostingHalted, match="settlement 0000"):
        posting(rollup, nothing).step()


def test_a_voided_batch_is_told() -> None:
    backend = Devnet()
    rollup, batches = deployed(backend), Batches(2)
    posting(rollup, batches).step()
    backend.mine()
    chain = OnChain(rollup.ethereum, [KEY, JUDGE], backend.mine, backend.increase_time)
    arguments = (batches.readies[1].header, bytes(32), JUDGE.address)
    data = abi.encode_call("void(bytes,bytes32,address)", arguments)
    chain.transact(JUDGE.address, rollup.addresses.inbox, data)
    head = rollup.ethereum.head()
    events = [rollup.event(log) for log in rollup.ethereum.logs(0, head.number, rollup.watched())]
    assert Voided(2, JUDGE.address, head.number) in events
    assert rollup.inbox(head).batch_id == 1
    nonce, poster = rollup.ethereum.nonce(KEY.address), posting(rollup, batches, Ticking())
    assert [poster.step(), poster.step()] == [0, 0]
    with pytest.raises(PostingHalted, match="BOND"):
        poster.step()
    assert rollup.ethereum.nonce(KEY.address) == nonce


class Ticking:
    """A clock on which every look is a minute later."""

    now_ms = 0

    def __call__(self) -> int:
        self.now_ms += 60_000
        return self.now_ms


def test_addresses_survive_their_file() -> None:
    where = Addresses(1337, b"\1" * 20, b"\2" * 20, b"\3" * 20, b"", 7)
    assert Addresses.unpack(where.packed()) == where
    others = where._replace(
        demands=b"\4" * 20, evidence=b"\5" * 20, escape=b"\6" * 20, runner=b"\7" * 20,
        others=(("FillSteps", b"\x08" * 20),),
    )  # fmt: skip
    assert Addresses.unpack(others.packed()) == others
    with pytest.raises(ValueError, match="contracts"):
        Addresses.unpack(b"{}")


@pytest.mark.parametrize("seed", range(4))
def test_each_batch_is_posted_once_through_kills_and_reorganisations(seed: int) -> None:
    generator = random.Random(seed)
    backend = Devnet()
    chain, rollup, batches = backend.rig.chain, deployed(backend), Batches(9)
    safe = chain.head.number
    poster = posting(rollup, batches)
    follower = Follower(Ethereum(backend.rpc), rollup.watched(), first_block=rollup.addresses.first_block)
    for _ in range(50):
        what = generator.randrange(8)
        if what == 0:
            chain.faults.set({"lose_replies": generator.randrange(1, 3)})
        elif what == 1:
            chain.faults.set({"drop": 1})
        elif what == 2:
            poster = posting(rollup, batches)
        elif what == 3 and chain.head.number > safe + 1:
            chain.reorganise(
                generator.randrange(1, chain.head.number - safe), late=generator.random() < 0.3
            )
        else:
            chain.mine()
        poster.step()
        poster = posting(rollup, batches) if poster.waiting_for else poster
    chain.faults.set({"lose_replies": 0, "drop": 0})
    for _ in range(60):
        poster.step()
        chain.mine()
        if poster.progress is not None and poster.progress.confirmed.batch_id == 9:
            break
    assert [event.batch_id for event in posted(rollup)] == list(range(1, 10))
    assert rollup.inbox(rollup.ethereum.head()).root == batches.roots[9]
    assert [log for log in follower.poll().logs if isinstance(rollup.event(log), Posted)]


@pytest.mark.parametrize("seed", [1])
def test_posting_ends_once_on_any_node(backend: Backend, seed: int) -> None:
    """Kills and reorganisations alone, which a node we did not write has as well."""
    generator = random.Random(seed)
    rollup, batches = deployed(backend), Batches(6)
    safe = rollup.ethereum.head().number
    poster = posting(rollup, batches)
    for _ in range(25):
        height = rollup.ethereum.head().number
        if generator.random() < 0.25 and height > safe + 1:
            backend.reorganise(generator.randrange(1, min(4, height - safe)))
        else:
            backend.mine()
        if generator.random() < 0.3:
            poster = posting(rollup, batches)
        poster.step()
    for _ in range(30):
        poster.step()
        backend.mine()
    assert [event.batch_id for event in posted(rollup)] == [1, 2, 3, 4, 5, 6]
    assert rollup.inbox(rollup.ethereum.head()).root == batches.roots[6]


@pytest.mark.l1
@pytest.mark.slow
def test_the_development_chain_uses_the_gas_a_real_node_uses() -> None:
    used: list[list[int]] = []
    for name in ("devnet", "anvil"):
        with opened(name) as backend:
            chain = OnChain(Ethereum(backend.rpc), [KEY], backend.mine, backend.increase_time)
            deploy_all(
                chain, KEY.address, operator=KEY.address, sequencer=KEY.address, guardian=KEY.address,
                genesis_root=bytes(32), settings=Settings(),
            )  # fmt: skip
            rollup, batches = deployed(backend), Batches(3)
            posting(rollup, batches).step()
            backend.mine()
            Sender(rollup.ethereum, KEY).step(rollup.deposit(77, 5), rollup.ethereum.head())
            backend.mine()
            last = rollup.ethereum.head().number
            blocks = (rollup.ethereum.block(number) for number in range(1, last + 1))
            used.append([block.gas_used for block in blocks if block])
    assert used[0] == used[1]
    assert len(used[0]) > 20
