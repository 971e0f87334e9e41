"""Receipts of a real venue, checked offline, and orders that only a signature places."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from clients import authorising
from clients.proofs import documents
from clients.proofs.checking import check
from clients.proofs.fetching import Account
from clients.proofs.l1 import Node
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
from tests.e2e.test_restart import PERPETUAL, User, children
from tests.e2e.venue import Venue, wait_until

OWNER, KEY = Signer(b"\x01" * 32), Signer(b"\x03" * 32)


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


def fill_is_final(venue: Venue, user: User, node_url: str, *, by_taker: bool) -> None:
    """The user's newest fill is proven by a posted batch that the L1 holds as final, and, to whose command
    made it, by the signed chain."""
    found = user.call("private/get_user_trades_by_instrument", instrument_name=PERPETUAL, sorting="desc")
    trade = found["trades"][0]
    account = Account(venue.url, user.key["client_id"], user.key["client_secret"])
    document = documents.read(documents.write(account.fetch(trade["trade_id"])))
    proven = check(document, recover)
    assert proven.posted is not None
    assert proven.l1 is not None
    assert user.account == (proven.fill.taker if by_taker else proven.fill.maker)
    node = Node(node_url, raw(proven.l1.inbox))
    assert (proven.soft is not None) == by_taker
    if proven.soft is not None:
        assert (proven.soft.seq, proven.soft.signer) == (trade["seq"], node.sequencer())
    assert node.holds(proven.posted, proven.l1, final=True)


def signs(venue: Venue) -> None:
    """The owner's signature alone places an order; another's does not."""
    account = venue.call("public/strikebook_sign_up", owner="0x" + OWNER.address.hex())["account"]
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
    trades_under_a_grant(venue, account)


def trades_under_a_grant(venue: Venue, account: int) -> None:
    """A session key that the owner has signed for opens a session, trades, and is out when the grant is."""
    now_ms = time.time_ns() // 1_000_000
    domain = authorising.domain_of(venue.call("public/strikebook_get_signed_heads"))
    grant = grants.Grant(account, 7, KEY.address, grants.SCOPE, (), (), 0, now_ms + 600_000, 1)
    venue.call("public/strikebook_activate_grant", **authorising.activation(domain, grant, OWNER))
    with connect(venue.url.replace("http", "ws", 1) + "/ws/api/v2") as socket:

        def call(method: str, **params: object) -> Any:
            socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
            return json.loads(socket.recv())

        entry = authorising.entry(domain, grants.Entry(account, 7, 2, now_ms + 30_000), KEY)
        assert call("public/strikebook_open_session", **entry)["result"]["state"] == "active"
        assert call("private/cancel_all")["result"] >= 0
        assert call("private/withdraw", currency="USDC", amount=1)["error"]["code"] == 13021
        revocation = authorising.revocation(domain, grants.Revocation(account, 7, 2), OWNER)
        said = venue.call("public/strikebook_revoke_grant", **revocation)
        assert said["state"] == "revoked"
        with pytest.raises(ConnectionClosedError) as closed:
            socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4_002


def must_be_one_chain(data: Path, said: Any) -> None:
    """Whatever was signed in all the lives of a venue is of the one chain that its journal has; so is what
    `public/strikebook_get_signed_heads` said. The venue does not run."""
    signer = raw(said["signer"])
    with DiskStorage(data / "journal") as storage:
        known = {entry.next_seq - 1: (entry.head, entry.root) for entry in ChainLog(storage, chain).entries()}
        signed = signed_log(storage)
        heads = [signed[at] for at in range(len(signed))]
    assert len(heads) > 10
    assert [head.last_seq for head in heads] == sorted({head.last_seq for head in heads})
    for block in said["blocks"]:
        assert known[block["last_seq"]] == (raw(block["head"]), raw(block["root"]))
    for head in heads:
        assert (head.head, head.root) == known[head.last_seq]
        assert verify_signed_head(head, signer, recover)
