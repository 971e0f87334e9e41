"""The node over HTTP: requests, blobs, limits, lost replies; and the process as a whole."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from settlement.devnet import accounts
from settlement.devnet.__main__ import main
from settlement.devnet.beacon import Beacon
from settlement.devnet.local import LocalRpc
from settlement.devnet.server import MAX_BODY_BYTES, Server
from settlement.l1.beacon import BeaconBlobs, BlobsMissing
from settlement.l1.blobs import pack, shared_kzg
from settlement.l1.ethereum import Ethereum
from settlement.l1.port import L1Unavailable
from settlement.l1.rpc import HttpRpc
from settlement.l1.sender import Call, Sender
from tests.unit.settlement.devnet.rig import MANUAL, Rig

ALICE = accounts.key(0)


async def exchange(port: int, raw: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    await writer.drain()
    answer = await reader.read(1 << 16)
    writer.close()
    return answer


def post(body: bytes, extra: bytes = b"") -> bytes:
    length = str(len(body)).encode()
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n" + extra + b"\r\n" + body


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (post(b'{"id":1,"method":"eth_blockNumber"}'), b'"result":"0x0"'),
        (b"GET /eth/v1/beacon/genesis HTTP/1.1\r\nHost: x\r\n\r\n", b"genesis_time"),
        (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n", b"413"),
        (post(b"{}", b"X: " + b"y" * 20_000 + b"\r\n"), b"413"),
    ],
)
async def test_each_request_has_its_answer(raw: bytes, expected: bytes) -> None:
    server = Server(Rig().chain)
    port = await server.start()
    assert expected in await exchange(port, raw)
    await server.stop()


async def test_a_body_that_is_too_long_is_not_taken() -> None:
    server = Server(Rig().chain)
    port = await server.start()
    assert b" 413 " in await exchange(port, post(bytes(MAX_BODY_BYTES + 1)))
    await server.stop()


async def test_a_lost_reply_ends_the_connection() -> None:
    rig = Rig()
    server = Server(rig.chain)
    port = await server.start()
    rig.chain.faults.set({"lose_replies": 1, "delay_ms": 1})
    rpc = HttpRpc(f"http://127.0.0.1:{port}")
    with pytest.raises(L1Unavailable):
        await asyncio.to_thread(rpc.call, "evm_mine")
    assert rig.chain.head.number == 1
    assert await asyncio.to_thread(rpc.call, "eth_blockNumber") == "0x1"
    rpc.close()
    await server.stop()


def test_blobs_by_the_beacon_api() -> None:
    rig = Rig(options=MANUAL._replace(blob_retention_blocks=2))
    sidecar = shared_kzg().sidecar(pack(b"x" * 130_000), cells=False)
    ethereum = Ethereum(LocalRpc(rig.node))
    call = Call(accounts.key(1).address, b"", gas=30_000, sidecar=sidecar)
    Sender(ethereum, ALICE).step([call], ethereum.head())
    rig.chain.mine()
    beacon = Beacon(rig.chain)

    def get(target: str) -> bytes:
        status, body = beacon.get(target)
        if status == 404:
            raise LookupError(target)
        return body

    source = BeaconBlobs(get, shared_kzg())
    hashes = next(entry.transaction.blob_hashes for entry in rig.chain.included_in(1))
    head = ethereum.head()
    assert source.blobs(head, hashes[::-1]) == sidecar.blobs[::-1]
    assert source.blobs(head, hashes[1:]) == sidecar.blobs[1:]
    with pytest.raises(BlobsMissing):
        source.blobs(head, [b"\1" * 32])
    assert beacon.get("/eth/v1/beacon/blobs/x")[0] == 400
    assert beacon.get("/eth/v1/beacon/blobs/1?versioned_hashes=0x12")[0] == 400
    rig.chain.mine(2)
    with pytest.raises(BlobsMissing):
        source.blobs(head, hashes)


def test_the_process_keeps_its_chain_over_a_kill(tmp_path: Path) -> None:
    @contextmanager
    def started() -> Iterator[tuple[subprocess.Popen[str], HttpRpc]]:
        command = [sys.executable, "-W", "error", "-m", "settlement.devnet", "--block-ms", "0"]
        command += ["--data", str(tmp_path / "l1.sqlite")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            rpc = HttpRpc(process.stdout.readline().split()[-1])
            try:
                yield process, rpc
            finally:
                process.kill()
                rpc.close()

    with started() as (_, rpc):
        ethereum = Ethereum(rpc)
        Sender(ethereum, ALICE).step([Call(accounts.key(1).address, b"")], ethereum.head())
        head = ethereum.head()
        assert head.number == 1
    with started() as (process, rpc):
        assert Ethereum(rpc).head() == head
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_file_that_is_no_chain_is_told(tmp_path: Path) -> None:
    (tmp_path / "l1.sqlite").write_bytes(b"no chain" * 999)
    assert main(["--data", str(tmp_path / "l1.sqlite")]) == 2
