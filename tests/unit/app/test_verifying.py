"""The verifier as a process: it answers what it is asked, and a new one comes after one that died."""

from __future__ import annotations

import asyncio
import os
from signal import SIGKILL

import pytest

from exchange.app import verifying
from exchange.app.verifying import ChildVerifier, answers
from exchange.attest.keccak import keccak
from exchange.attest.secp256k1 import Signer
from exchange.keys.verifier import VerifierBusy

SIGNER = Signer(b"\x05" * 32)


async def asked(verifier: ChildVerifier, digest: bytes, signature: bytes) -> bytes | None:
    told: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    verifier.ask(digest, signature, told.set_result)
    return await asyncio.wait_for(told, 30)


async def test_many_are_asked_at_once_and_each_is_told_its_own() -> None:
    verifier = ChildVerifier(asyncio.get_running_loop())
    digests = [keccak(bytes([each])) for each in range(60)]
    asking = [asked(verifier, digest, SIGNER.sign(digests[at // 2 * 2])) for at, digest in enumerate(digests)]
    found = await asyncio.gather(*asking, asked(verifier, digests[0], bytes(65)))
    assert [address == SIGNER.address for address in found[:-1]] == [True, False] * 30
    assert found[-1] is None
    child = verifier._child
    assert child is not None
    os.kill(child.pid, SIGKILL)
    child.wait()
    digest = digests[0]
    while await asked(verifier, digest, SIGNER.sign(digest)) is None:  # those asked of the dead one
        pass
    assert verifier._child is not child
    verifier.stop()
    assert child.returncode == -SIGKILL


async def test_who_waits_is_told_when_it_stops_and_too_many_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verifying, "ASKED_MAX", 1)
    verifier = ChildVerifier(asyncio.get_running_loop())
    waiting = asyncio.create_task(asked(verifier, keccak(b""), bytes(65)))
    await asyncio.sleep(0)
    with pytest.raises(VerifierBusy):
        verifier.ask(keccak(b""), bytes(65), lambda _: None)
    verifier.stop()
    assert await waiting is None


def test_answers_are_of_one_size() -> None:
    digest = keccak(b"x")
    ask = verifying._ASK.pack(7, digest, SIGNER.sign(digest))
    assert answers(ask) == verifying._ANSWER.pack(7, True, SIGNER.address)
    assert answers(b"") == b""
