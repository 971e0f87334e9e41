"""Receipts of the real process, checked offline, across kills of who signs them and of everything."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from exchange.app.attesting.files import signed_log
from exchange.app.calls import CallError
from exchange.attest import chain, grants
from exchange.attest.eip712 import DEVELOPMENT
from exchange.attest.keccak import keccak
from exchange.attest.secp256k1 import Signer, recover
from exchange.attest.signed_heads import verify_signed_head
from exchange.attest.signed_receipts import unpack_signed_receipt, verify_signed_receipt
from exchange.domain import commands as c
from exchange.domain import records as r
from exchange.journal import ChainLog, DiskStorage
from tests.e2e.test_restart import User, children, traded
from tests.e2e.venue import Venue, wait_until

OWNER = Signer(b"\x01" * 32)


def attestor(venue: Venue) -> int:
    """Its process id, once it runs."""

    def found() -> int:
        for pid in children(venue.pid):
            with contextlib.suppress(OSError):  # one that has just ended
                if b"exchange.app.attesting" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return 0

    pid: int = wait_until(found, "the attestor")
    return pid


def raw(text: Any) -> bytes:
    return bytes.fromhex(str(text)[2:])


def proven(user: User, seq: int) -> int:
    """The kind of the command that the account's receipt proves."""

    def asked() -> Any:
        with contextlib.suppress(CallError):  # it is just being started again
            return user.call("private/strikebook_get_receipt", seq=seq)
        return None

    said = wait_until(asked, "a receipt")
    proof = unpack_signed_receipt(raw(said["receipt"]))
    command, events = raw(said["command"]), raw(said["events"])
    assert proof.receipt.seq == seq
    assert verify_signed_receipt(proof, command, events, raw(said["signer"]), recover)
    assert int.from_bytes(command[8:12], "little") == user.account
    return command[0]


def test_receipts_hold_through_kills(tmp_path: Path) -> None:
    venue = Venue(tmp_path / "data")
    try:
        one, two = traded(venue)
        early = one.buy(1_000.0, "early")["seq"]
        assert proven(one, early) == r.NEW_ORDER
        with pytest.raises(CallError, match="another account's command"):
            two.call("private/strikebook_get_receipt", seq=early)
        owned = venue.call("public/strikebook_sign_up", owner="0x" + OWNER.address.hex())
        signs(venue, owned["account"])
        os.kill(attestor(venue), SIGKILL)
        meanwhile = two.buy(1_001.0, "meanwhile")["seq"]
        assert proven(two, meanwhile) == r.NEW_ORDER
        said = wait_until(
            lambda: venue.call("public/strikebook_get_signed_heads", count=100), "signed heads"
        )
        venue.kill()
        venue.start()
        venue.wait_open()
        late = one.buy(1_002.0, "late")["seq"]
        assert [proven(one, seq) for seq in (early, late)] == [r.NEW_ORDER] * 2
        again = venue.call("public/strikebook_get_signed_heads", count=1_000)
        numbers = [block["number"] for block in again["blocks"]]
        assert numbers == list(range(numbers[0], 0, -1))
        assert again["signer"] == said["signer"]
        assert [block for block in said["blocks"] if block not in again["blocks"]] == []
    finally:
        venue.__exit__()
    must_be_one_chain(venue.data, raw(said["signer"]))


def signs(venue: Venue, account: int) -> None:
    """The owner's signature alone places an order; another's does not."""
    packed = c.new_order(0, 0, r.FLAG_SELL, 1, 1)
    frame = grants.Frame(account, 0, 7, time.time_ns() // 1_000_000 + 30_000, keccak(packed))
    params = {"account": account, "commands": packed.hex(), "nonce": "7", "valid_until": frame.valid_until_ms}
    digest = grants.message_digest(DEVELOPMENT, frame)
    method = "public/strikebook_submit_signed"
    with pytest.raises(CallError, match="not_the_signature_of_this_key"):
        venue.call(method, **params, signature=Signer(b"\x02" * 32).sign(digest).hex())
    said = venue.call(method, **params, signature=OWNER.sign(digest).hex())
    assert said["outcomes"][0]["command"] == "new_order"
    assert said["grant"] == r.GRANT_OF_SIGNATURE | 7


def must_be_one_chain(data: Path, signer: bytes) -> None:
    """Whatever was signed in all these lives is of the one chain that the journal has."""
    with DiskStorage(data / "journal") as storage:
        known = {entry.next_seq - 1: (entry.head, entry.root) for entry in ChainLog(storage, chain).entries()}
        signed = signed_log(storage)
        heads = [signed[at] for at in range(len(signed))]
    assert len(heads) > 10
    assert [head.last_seq for head in heads] == sorted({head.last_seq for head in heads})
    for head in heads:
        assert (head.head, head.root) == known[head.last_seq]
        assert verify_signed_head(head, signer, recover)
