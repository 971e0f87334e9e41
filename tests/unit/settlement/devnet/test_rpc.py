"""The node's JSON-RPC: what it answers, what it refuses, and its faults."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from settlement.devnet import accounts
from settlement.devnet.rpc import Node, ReplyLost
from settlement.l1.blobs import pack, shared_kzg, versioned_hash
from settlement.l1.transactions import BLOB
from tests.unit.settlement.devnet.rig import GWEI, MANUAL, Rig, count, selector

ALICE, BOB = accounts.key(0), accounts.key(1)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def code(answer: dict[str, Any]) -> int:
    return int(answer["error"]["code"])


def hexed(value: bytes) -> str:
    return "0x" + value.hex()


class TestAnswers:
    def test_a_transaction_from_its_sending_to_its_receipt(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        raw = rig.transaction(BOB, contract, count(5))
        digest = rig.ask("eth_sendRawTransaction", hexed(raw.encoded()))
        assert digest == hexed(raw.hash())
        assert rig.ask("eth_getTransactionByHash", digest)["blockHash"] is None
        assert rig.ask("eth_getTransactionReceipt", digest) is None
        assert rig.ask("eth_getTransactionCount", hexed(BOB.address), "pending") == "0x1"
        assert rig.ask("eth_getTransactionCount", hexed(BOB.address)) == "0x0"
        rig.ask("devnet_mine")
        receipt = rig.ask("eth_getTransactionReceipt", digest)
        block = rig.ask("eth_getBlockByHash", receipt["blockHash"], True)
        assert receipt["status"] == "0x1"
        assert receipt["logs"][0]["topics"][1][-40:] == BOB.address.hex()
        assert [entry["hash"] for entry in block["transactions"]] == [digest]
        assert rig.ask("eth_getBlockByNumber", "0x2")["transactions"] == [digest]
        assert rig.ask("eth_getTransactionByHash", digest)["blockNumber"] == "0x2"

    def test_accounts_and_storage(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        rig.send(BOB, contract, count(5), value_wei=9)
        rig.chain.mine()
        where = hexed(contract)
        assert rig.ask("eth_getBalance", where) == "0x9"
        assert rig.ask("eth_getBalance", where, "0x1") == "0x0"
        assert len(rig.ask("eth_getCode", where)) > 100
        assert rig.ask("eth_getCode", hexed(ALICE.address)) == "0x"
        assert int(rig.ask("eth_getStorageAt", where, "0x0"), 16) == 5
        assert int(rig.ask("eth_getStorageAt", where, "0x" + "00" * 32, "earliest"), 16) == 0

    def test_state_of_past_blocks_is_answered_and_the_present_stays(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        for step in range(1, 4):
            rig.send(BOB, contract, count(step))
            rig.chain.mine()
        assert [rig.total(contract, hex(n)) for n in range(1, 5)] == [0, 1, 3, 6]
        assert rig.total(contract) == 6
        by_hash = {"blockHash": rig.ask("eth_getBlockByNumber", "0x3")["hash"]}
        assert rig.total(contract, by_hash) == 3

    def test_states_older_than_the_limit_are_refused(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        rig.chain.mine(130)
        query = {"to": hexed(contract), "data": hexed(selector("total()"))}
        assert code(rig.request("eth_call", query, "0x2")) == -32000
        assert rig.total(contract, "0x3") == 0

    def test_a_call_sees_the_time_that_it_is(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        rig.clock.now_ms += 100_000
        query = {"to": hexed(contract), "data": hexed(selector("when()"))}
        answer = bytes.fromhex(rig.ask("eth_call", query)[2:])
        assert int.from_bytes(answer[32:], "big") == rig.clock.now_ms // 1000

    def test_a_revert_carries_its_bytes(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        answer = rig.request("eth_call", {"to": hexed(contract), "data": hexed(count(13))}, "latest")
        assert code(answer) == 3
        assert b"thirteen" in bytes.fromhex(answer["error"]["data"][2:])
        assert code(rig.request("eth_estimateGas", {"to": hexed(contract), "data": hexed(count(13))})) == 3

    def test_estimated_gas_is_enough_and_not_much_more(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        query = {"from": hexed(BOB.address), "to": hexed(contract), "data": hexed(count(5))}
        gas = int(rig.ask("eth_estimateGas", query), 16)
        digest = rig.send(BOB, contract, count(5), gas=gas)
        rig.chain.mine()
        found = rig.chain.included(digest)
        assert found is not None
        assert found.success
        assert found.gas_used <= gas <= found.gas_used * 102 // 100

    def test_logs_by_address_topic_and_block(self, rig: Rig) -> None:
        contract, other = rig.deploy(ALICE), rig.deploy(BOB)
        for key, where in ((ALICE, contract), (BOB, contract), (BOB, other)):
            rig.send(key, where, count(1))
            rig.chain.mine()
        span = {"fromBlock": "earliest", "toBlock": "latest"}
        assert len(rig.ask("eth_getLogs", span)) == 3
        assert len(rig.ask("eth_getLogs", span | {"address": hexed(contract)})) == 2
        bob = "0x" + "00" * 12 + BOB.address.hex()
        assert len(rig.ask("eth_getLogs", span | {"topics": [None, bob]})) == 2
        assert len(rig.ask("eth_getLogs", span | {"topics": [None, [bob, "0x" + "11" * 32]]})) == 2
        assert len(rig.ask("eth_getLogs", {"blockHash": rig.ask("eth_getBlockByNumber", "0x3")["hash"]})) == 1
        assert rig.ask("eth_getLogs", {"fromBlock": "0x1", "toBlock": "0x2"}) == []

    def test_fees(self, rig: Rig) -> None:
        rig.send(ALICE, BOB.address)
        rig.chain.mine(2)
        history = rig.ask("eth_feeHistory", "0x2", "latest", [50])
        assert len(history["baseFeePerGas"]) == 3
        assert history["reward"] == [[hex(GWEI)], ["0x0"]]
        assert int(rig.ask("eth_gasPrice"), 16) > int(history["baseFeePerGas"][-1], 16)
        assert rig.ask("eth_blobBaseFee") == "0x1"
        assert rig.ask("eth_chainId") == hex(MANUAL.chain_id)
        assert rig.ask("web3_clientVersion") == "strikebook-devnet/1"

    def test_a_batch_is_answered_in_order(self, rig: Rig) -> None:
        asked = [{"id": n, "method": "eth_blockNumber"} for n in (3, 1)] + [7]
        answers = msgspec.json.decode(rig.node.handle(msgspec.json.encode(asked)))
        assert [answer["id"] for answer in answers] == [3, 1, None]
        assert code(answers[2]) == -32600


class TestRefusals:
    @pytest.mark.parametrize(
        ("method", "params", "expected"),
        [
            ("eth_nothing", [], -32601),
            ("eth_getBalance", [], -32602),
            ("eth_getBalance", ["0x12"], -32602),
            ("eth_getBalance", ["0x" + "00" * 20, "later"], -32602),
            ("eth_getBalance", ["0x" + "00" * 20, "0x99"], -32000),
            ("eth_getBalance", ["0x" + "00" * 20, {"blockHash": "0x" + "11" * 32}], -32000),
            ("eth_sendRawTransaction", ["0x1"], -32602),
            ("eth_sendRawTransaction", ["0x02"], -32000),
            ("eth_getLogs", ["0x"], -32602),
            ("eth_getLogs", [{"topics": [[]] * 5}], -32602),
            ("eth_call", [{"to": 5}], -32602),
            ("eth_call", ["x"], -32602),
            ("eth_feeHistory", [0, "latest"], -32602),
            ("eth_feeHistory", [5, "latest", [101]], -32602),
            ("devnet_mine", [0], -32602),
            ("devnet_mine", [1_000_000], -32602),
            ("devnet_reorganise", [1], -32602),
            ("devnet_setFaults", [{"nothing": 1}], -32602),
            ("devnet_setFaults", [{"censor": ["0x1"]}], -32602),
            ("devnet_setFaults", [{"fail": 1}], -32602),
            ("devnet_increaseTime", [-1], -32602),
        ],
    )
    def test_each_says_why(self, rig: Rig, method: str, params: list[object], expected: int) -> None:
        assert code(rig.request(method, *params)) == expected

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'{"method": 5}', b"\xff\xfe", b'{"a": 1}'])
    def test_what_is_no_request_is_answered_so(self, rig: Rig, body: bytes) -> None:
        answer = msgspec.json.decode(rig.node.handle(body))
        assert code(answer) in (-32700, -32600)

    def test_changed_requests_never_end_it(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        bodies = [
            msgspec.json.encode({"id": 1, "method": method, "params": params})
            for method, params in (
                ("eth_call", [{"to": hexed(contract), "data": hexed(count(1))}, "latest"]),
                ("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest", "topics": [None]}]),
                ("eth_feeHistory", ["0x2", "latest", [50]]),
                ("eth_getStorageAt", [hexed(contract), "0x0", "latest"]),
            )
        ]
        generator = random.Random(11)
        for _ in range(1_000):
            body = bytearray(generator.choice(bodies))
            for _ in range(generator.randrange(1, 5)):
                body[generator.randrange(len(body))] = generator.choice(b'0123456789abcdefx"[]{},:nul-')
            msgspec.json.decode(rig.node.handle(bytes(body)))
        assert rig.total(contract) == 0


class TestFaults:
    def test_failing_answers_errors_and_can_be_ended(self, rig: Rig) -> None:
        rig.ask("devnet_setFaults", {"fail": True})
        assert code(rig.request("eth_blockNumber")) == -32603
        rig.ask("devnet_setFaults", {"fail": False})
        assert rig.ask("eth_blockNumber") == "0x0"

    def test_a_lost_reply_took_effect(self, rig: Rig) -> None:
        rig.ask("devnet_setFaults", {"lose_replies": 1})
        raw = rig.transaction(ALICE, BOB.address)
        with pytest.raises(ReplyLost):
            rig.request("eth_sendRawTransaction", hexed(raw.encoded()))
        assert rig.ask("devnet_waiting") == [hexed(raw.hash())]
        assert rig.ask("devnet_faults")["lose_replies"] == 0

    def test_a_dropped_transaction_is_acknowledged_and_gone(self, rig: Rig) -> None:
        rig.ask("devnet_setFaults", {"drop": 1})
        assert rig.ask("eth_sendRawTransaction", hexed(rig.transaction(ALICE, BOB.address).encoded()))
        assert rig.ask("devnet_waiting") == []

    def test_censorship_goes_by_sender_and_receiver(self, rig: Rig) -> None:
        rig.ask("devnet_setFaults", {"censor": [hexed(ALICE.address)]})
        from_alice, to_alice = rig.send(ALICE, BOB.address), rig.send(BOB, ALICE.address)
        other = rig.send(accounts.key(2), BOB.address)
        rig.chain.mine()
        assert [entry.hash for entry in rig.chain.included_in(1)] == [other]
        rig.ask("devnet_setFaults", {"censor": []})
        rig.chain.mine()
        assert {entry.hash for entry in rig.chain.included_in(2)} == {from_alice, to_alice}

    def test_hidden_receipts_and_logs_told_twice(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        digest = hexed(rig.send(ALICE, contract, count(1)))
        rig.chain.mine()
        rig.ask("devnet_setFaults", {"hide_receipts": 2, "duplicate_logs": True})
        shown = [rig.ask("eth_getTransactionReceipt", digest) is not None for _ in range(3)]
        assert shown == [False, False, True]
        assert len(rig.ask("eth_getLogs", {"fromBlock": "0x0"})) == 2

    def test_holding_stops_blocks_by_time(self) -> None:
        rig = Rig(options=MANUAL._replace(block_ms=0))
        rig.ask("devnet_setFaults", {"hold": True})
        rig.send(ALICE, BOB.address)
        assert rig.ask("eth_blockNumber") == "0x0"

    def test_an_expensive_chain(self, rig: Rig) -> None:
        rig.ask("devnet_setFaults", {"base_fee_floor_wei": 90 * GWEI, "blob_base_fee_floor_wei": 7 * GWEI})
        assert int(rig.ask("eth_gasPrice"), 16) >= 90 * GWEI
        assert 7 * GWEI <= int(rig.ask("eth_blobBaseFee"), 16) <= 7 * GWEI * 101 // 100


class TestBlobs:
    def test_blobs_are_checked_named_kept_and_pruned(self) -> None:
        rig = Rig(options=MANUAL._replace(blob_retention_blocks=3))
        contract = rig.deploy(ALICE)
        kzg = shared_kzg()
        blobs = pack(b"one" * 50_000)
        sidecar = kzg.sidecar(blobs, cells=False)
        hashes = tuple(versioned_hash(one) for one in sidecar.commitments)
        changes = {"kind": BLOB, "blob_hashes": hashes, "max_blob_fee": 10}
        transaction = rig.transaction(ALICE, contract, selector("keep_blob()"), **changes)
        bare = rig.request("eth_sendRawTransaction", hexed(transaction.encoded()))
        assert "missing_sidecar" in bare["error"]["message"]
        swapped = sidecar._replace(blobs=sidecar.blobs[::-1])
        assert "bad_sidecar" in rig.request(
            "eth_sendRawTransaction", hexed(transaction.wrapped(swapped))
        )["error"]["message"]  # fmt: skip
        digest = rig.ask("eth_sendRawTransaction", hexed(transaction.wrapped(sidecar)))
        rig.chain.mine()
        receipt = rig.ask("eth_getTransactionReceipt", digest)
        assert (receipt["blobGasUsed"], receipt["blobGasPrice"]) == (hex(2 * 131_072), "0x1")
        assert rig.ask("eth_getStorageAt", hexed(contract), "0x2") == hexed(hashes[0])
        opening = kzg.open_element(blobs[0], 4, sidecar.commitments[0]).packed()
        data = selector("opened(bytes)") + (32).to_bytes(32, "big") + (192).to_bytes(32, "big") + opening
        query = {"to": hexed(contract), "data": hexed(data)}
        assert int(rig.ask("eth_call", query), 16) == 1
        query["data"] = query["data"][:-2] + "77"
        assert int(rig.ask("eth_call", query), 16) == 0
        rig.chain.reorganise(1)
        assert rig.chain.sidecar(transaction.hash()) == sidecar
        rig.chain.mine(3)
        assert rig.chain.sidecar(transaction.hash()) is None


def test_one_chain_may_have_several_nodes(rig: Rig) -> None:
    other = Node(rig.chain)
    rig.ask("devnet_mine", 2)
    assert msgspec.json.decode(other.handle(b'{"id":1,"method":"eth_blockNumber"}'))["result"] == "0x2"
