"""The adapter against the development chain and (make test-l1) anvil: reading, sending, following."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from settlement.l1.blobs import pack, shared_kzg
from settlement.l1.ethereum import Ethereum, L1Reorganised, Reverted, reason_of
from settlement.l1.fees import FeePolicy
from settlement.l1.follower import Follower
from settlement.l1.keys import Key
from settlement.l1.port import L1Rejected, L1Unavailable
from settlement.l1.rpc import HttpRpc, RpcError, result_of
from settlement.l1.sender import Call, Sender
from tests.unit.settlement.devnet.rig import GWEI, selector
from tests.unit.settlement.l1.backends import Backend, Devnet, bytecode, deployed, opened, take

ANVIL = pytest.param("anvil", marks=[pytest.mark.l1, pytest.mark.slow])


@pytest.fixture(params=["devnet", ANVIL])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with opened(request.param) as found:
        yield found


@pytest.fixture
def contract(backend: Backend) -> bytes:
    return deployed(backend)


def last(ethereum: Ethereum, contract: bytes) -> int:
    return int.from_bytes(ethereum.call(contract, selector("last()")), "big")


class TestReading:
    def test_a_block_is_found_by_number_hash_and_tag(self, backend: Backend) -> None:
        backend.mine(2)
        ethereum = Ethereum(backend.rpc)
        head = ethereum.head()
        assert head.number == 2
        assert ethereum.block(head.hash) == head == ethereum.block(2)
        assert ethereum.block(bytes(32)) is None
        assert ethereum.block(99) is None
        assert ethereum.chain_id() == 1337

    def test_state_is_asked_as_of_a_block(self, backend: Backend, contract: bytes) -> None:
        ethereum, sender = Ethereum(backend.rpc), Sender(Ethereum(backend.rpc), backend.key)
        before = ethereum.head()
        sender.step([take(1)._replace(to=contract)], before)
        backend.mine()
        assert last(ethereum, contract) == 1
        assert ethereum.call(contract, selector("last()"), before) == bytes(32)
        assert ethereum.nonce(backend.key.address, before) == 1
        assert ethereum.nonce(backend.key.address, ethereum.head()) == 2

    def test_a_refusal_tells_its_reason(self, backend: Backend, contract: bytes) -> None:
        with pytest.raises(Reverted) as reverted:
            Ethereum(backend.rpc).call(contract, take(7).data)
        assert reason_of(reverted.value.output) == "out of order"
        assert reverted.value.severity == "critical"

    def test_a_block_that_is_gone_is_no_answer(self, backend: Backend, contract: bytes) -> None:
        ethereum = Ethereum(backend.rpc)
        head = ethereum.head()
        with pytest.raises(L1Unavailable):
            ethereum.call(contract, selector("last()"), head._replace(hash=b"\7" * 32))


class TestSending:
    def test_several_calls_go_at_once_and_stay_in_order(self, backend: Backend, contract: bytes) -> None:
        ethereum = Ethereum(backend.rpc)
        sender = Sender(ethereum, backend.key)
        wanted = [take(number)._replace(to=contract) for number in (1, 2, 3)]
        sent = sender.step(wanted, ethereum.head())
        assert len(sent.new) == 3
        assert sender.step(wanted, ethereum.head()) == ((), (), "")
        backend.mine()
        receipts = [ethereum.receipt(digest) for digest in sent.new]
        assert [r.success for r in receipts if r] == [True] * 3
        assert last(ethereum, contract) == 3

    def test_another_life_sends_nothing_twice(self, backend: Backend, contract: bytes) -> None:
        ethereum = Ethereum(backend.rpc)
        wanted = [take(1)._replace(to=contract)]
        Sender(ethereum, backend.key).step(wanted, ethereum.head())
        Sender(ethereum, backend.key).step(wanted, ethereum.head())
        backend.mine(2)
        assert last(ethereum, contract) == 1
        assert ethereum.nonce(backend.key.address) == 2

    def test_what_would_fail_is_not_sent(self, backend: Backend, contract: bytes) -> None:
        ethereum = Ethereum(backend.rpc)
        with pytest.raises(Reverted):
            Sender(ethereum, backend.key).step([take(5, gas=None)._replace(to=contract)], ethereum.head())
        assert ethereum.nonce(backend.key.address) == 1

    @pytest.mark.parametrize("cells", [False, True])
    def test_blobs_travel_and_are_named_by_their_hashes(
        self, backend: Backend, contract: bytes, cells: bool
    ) -> None:
        ethereum = Ethereum(backend.rpc)
        sidecar = shared_kzg().sidecar(pack(b"payload" * 100), cells=cells)
        call = take(1, sidecar=sidecar)._replace(to=contract)
        sent = Sender(ethereum, backend.key).step([call], ethereum.head())
        backend.mine()
        receipt = ethereum.receipt(sent.new[0])
        assert receipt is not None
        assert receipt.success
        assert receipt.blob_gas == 131_072
        assert receipt.logs[0].data[:1] == b"\1"

    def test_a_price_above_the_limit_waits(self, backend: Backend, contract: bytes) -> None:
        ethereum = Ethereum(backend.rpc)
        sender = Sender(ethereum, backend.key, FeePolicy(max_fee_limit=10))
        sent = sender.step([take(1)._replace(to=contract)], ethereum.head())
        assert not sent.new
        assert "lower fees" in sent.waiting_for

    def test_an_empty_account_waits_for_money(self, backend: Backend, contract: bytes) -> None:
        ethereum = Ethereum(backend.rpc)
        sent = Sender(ethereum, Key(b"\5" * 32)).step([take(1)._replace(to=contract)], ethereum.head())
        assert "money" in sent.waiting_for


class TestStuck:
    """What nobody puts into a block is offered more for, under the same nonce."""

    def test_a_stuck_transaction_is_replaced(self) -> None:
        devnet = Devnet()
        contract, ethereum = deployed(devnet), Ethereum(devnet.rpc)
        devnet.rig.chain.faults.set({"base_fee_floor_wei": 50 * GWEI})
        sender = Sender(ethereum, devnet.key, FeePolicy(base_fee_factor=1, patience_blocks=2))
        wanted = [take(1)._replace(to=contract)]
        first = sender.step(wanted, ethereum.head())
        replaced: list[bytes] = []
        while not last(ethereum, contract) and ethereum.head().number < 12:
            replaced += sender.step(wanted, ethereum.head()).replaced
            devnet.mine()
        assert ethereum.receipt(first.new[0]) is None
        assert ethereum.receipt(replaced[-1]) is not None
        assert last(ethereum, contract) == 1

    def test_a_dropped_transaction_is_sent_again(self) -> None:
        devnet = Devnet()
        contract, ethereum = deployed(devnet), Ethereum(devnet.rpc)
        devnet.rig.chain.faults.set({"drop": 1})
        sender = Sender(ethereum, devnet.key)
        for _ in range(5):
            sender.step([take(1)._replace(to=contract)], ethereum.head())
            devnet.mine()
            if last(ethereum, contract):
                break
        assert last(ethereum, contract) == 1

    def test_an_earlier_lifes_stuck_transaction_is_outbid(self) -> None:
        devnet = Devnet()
        contract, ethereum = deployed(devnet), Ethereum(devnet.rpc)
        devnet.rig.chain.faults.set({"base_fee_floor_wei": 3 * GWEI})
        stuck = FeePolicy(base_fee_factor=1, priority_fee_limit=1, max_fee_limit=2 * GWEI)
        wanted = [take(1)._replace(to=contract)]
        sent = Sender(ethereum, devnet.key, stuck).step(wanted, ethereum.head())
        sender = Sender(ethereum, devnet.key)
        if sent.new:
            sender.step(wanted, ethereum.head())
        for _ in range(10):
            devnet.mine()
            if last(ethereum, contract):
                break
            sender.step(wanted, ethereum.head())
        assert last(ethereum, contract) == 1


class TestFollowing:
    def test_each_log_is_seen_once(self, backend: Backend, contract: bytes) -> None:
        ethereum = Ethereum(backend.rpc)
        sender, follower = Sender(ethereum, backend.key), Follower(ethereum, [contract])
        seen: list[int] = []
        for number in range(1, 5):
            sender.step([take(number)._replace(to=contract)], ethereum.head())
            backend.mine()
            seen += [int.from_bytes(log.topics[1], "big") for log in follower.poll().logs]
        assert seen == [1, 2, 3, 4]
        assert follower.poll().logs == ()

    def test_a_reorganisation_is_told_and_read_again(self, backend: Backend, contract: bytes) -> None:
        ethereum = Ethereum(backend.rpc)
        sender, follower = Sender(ethereum, backend.key), Follower(ethereum, [contract])
        seen: list[tuple[int, int]] = []

        def poll() -> None:
            seen.extend((log.block, int.from_bytes(log.topics[1], "big")) for log in follower.poll().logs)

        for number in range(1, 6):
            sender.step([take(number)._replace(to=contract)], ethereum.head())
            backend.mine()
            poll()
        backend.reorganise(3)
        with pytest.raises(L1Reorganised) as told:
            poll()
        assert told.value.severity == "reset"
        assert told.value.block == 3
        seen[:] = [entry for entry in seen if entry[0] <= told.value.block]
        for _ in range(12):
            at = ethereum.head()
            done = int.from_bytes(ethereum.call(contract, selector("last()"), at), "big")
            sender.step([take(n)._replace(to=contract) for n in range(done + 1, 6)], at)
            backend.mine()
        poll()
        assert [number for _, number in seen] == [1, 2, 3, 4, 5]

    def test_logs_told_twice_are_seen_once(self) -> None:
        devnet = Devnet()
        contract, ethereum = deployed(devnet), Ethereum(devnet.rpc)
        Sender(ethereum, devnet.key).step([take(1)._replace(to=contract)], ethereum.head())
        devnet.mine()
        devnet.rig.chain.faults.set({"duplicate_logs": True})
        assert len(ethereum.logs(0, 2, [contract])) == 1

    def test_a_range_that_is_too_long_is_halved(self, monkeypatch: pytest.MonkeyPatch) -> None:
        devnet = Devnet()
        contract, ethereum = deployed(devnet), Ethereum(devnet.rpc)
        wanted = [take(number)._replace(to=contract) for number in range(1, 6)]
        sender = Sender(ethereum, devnet.key)
        for call in wanted:
            sender.step([call], ethereum.head())
            devnet.mine()
        monkeypatch.setattr("settlement.devnet.rpc.MAX_LOGS", 2)
        assert len(ethereum.logs(0, 100, [contract])) == 5


class TestReplies:
    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"error": 1}', b"\xff", b"null"])
    def test_what_is_no_answer_says_so(self, body: bytes) -> None:
        with pytest.raises(L1Unavailable):
            result_of("eth_chainId", body)

    def test_an_error_is_an_answer(self) -> None:
        with pytest.raises(RpcError) as error:
            result_of("m", b'{"error": {"code": -32000, "message": "no", "data": "0x12"}}')
        assert (error.value.code, error.value.data) == (-32000, "0x12")

    @pytest.mark.parametrize("result", [None, 5, "x", {}, {"number": "0x1"}, []])
    def test_a_reply_of_another_shape_is_no_answer(self, result: object) -> None:
        class Odd:
            def call(self, method: str, *params: object) -> object:
                return result

        with pytest.raises(L1Unavailable):
            Ethereum(Odd()).head()

    def test_nobody_there(self) -> None:
        with pytest.raises(L1Unavailable):
            HttpRpc("http://127.0.0.1:9", timeout_s=0.5).call("eth_chainId")
        with pytest.raises(ValueError, match="address of a node"):
            HttpRpc("ftp://x")

    def test_a_transaction_that_no_node_takes_is_critical(self) -> None:
        devnet = Devnet()
        ethereum = Ethereum(devnet.rpc)
        with pytest.raises(L1Rejected) as refused:
            Sender(ethereum, devnet.key).step([Call(b"", bytecode(), gas=1_000)], ethereum.head())
        assert refused.value.code == "refused"
