"""Grants and signed frames: what the right key signs is done and recorded; forged, replayed, expired, revoked
and out of scope, nothing is."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from clients import authorising
from exchange.attest import grants as g
from exchange.attest.authorisation import GRANT, SIGNED_ORDER, fill_classes
from exchange.attest.eip712 import DEVELOPMENT
from exchange.attest.keccak import keccak
from exchange.attest.secp256k1 import recover
from exchange.domain import commands as c
from exchange.domain import records as r
from exchange.keys.grant_store import GrantStore, GrantStoreError
from exchange.keys.grants import GrantSetup
from exchange.keys.replays import ReplayLog
from exchange.keys.verifier import InlineVerifier, Recovered, VerifierBusy
from tests.unit.gateway.rig import EXPIRY_MS, NOW_MS, CallFailed, Client, Rig
from tests.unit.keys.grant_world import CALL, ETH, KEY, OWNER, PERPETUAL, SUBMIT, THIEF, World, order


@pytest.fixture
def world() -> World:
    return World()


def test_a_grant_is_recorded_before_what_it_allows(world: World) -> None:
    said = world.activate(world.grant())
    assert (said["state"], said["session_key"]) == ("active", "0x" + KEY.address.hex())
    placed = world.submit(order(client_id=5))
    assert placed["grant"] == 7
    (outcome,) = placed["outcomes"]
    assert (outcome["command"], outcome["orders"][0]["order_state"]) == ("new_order", "open")
    record, command = world.log()[-2:]
    assert (record[0], record[12:16]) == (r.GRANT, (7).to_bytes(4, "little"))
    assert command[24:28] == (7).to_bytes(4, "little")
    length = int.from_bytes(record[28:32], "little")
    domain, message, signature = g.unpack_signed(r.GRANT_ACTIVATED, record[32 : 32 + length])
    assert recover(g.message_digest(domain, message), signature) == OWNER.address


def test_the_owners_signature_goes_into_the_log_with_its_commands(world: World) -> None:
    placed = world.submit(order(r.FLAG_SELL, 9), order(lots=4), grant=0, signer=OWNER)
    number = r.GRANT_OF_SIGNATURE | 1
    assert placed["grant"] == number
    record, *commands = world.log()[-3:]
    assert record[0] == r.GRANT
    assert [int.from_bytes(each[24:28], "little") for each in commands] == [number] * 2
    length = int.from_bytes(record[28:32], "little")
    domain, frame, signature = g.unpack_signed(r.GRANT_SIGNED, record[32 : 32 + length])
    assert isinstance(frame, g.Frame)
    assert recover(g.message_digest(domain, frame), signature) == OWNER.address
    bare = b"".join(each[:8] + bytes(4) + each[12:24] + bytes(4) + each[28:] for each in commands)
    assert keccak(bare) == frame.commands


def test_fills_have_the_class_of_what_their_orders_came_under(world: World) -> None:
    world.activate(world.grant())
    other = world.rig.client()
    other.sell("BTC_USDC-PERPETUAL", 0.004, 100_000.0)
    world.submit(order(lots=2))
    world.submit(order(lots=2), grant=0, signer=OWNER)
    events = b"".join(frame[3] for frame in world.rig.journal.event_frames)
    by_seq: dict[bytes, bytes] = {}
    at = 0
    while at < len(events):
        end = at + int.from_bytes(events[at + 2 : at + 4], "little") * 32
        by_seq[events[at + 8 : at + 16]] = by_seq.get(events[at + 8 : at + 16], b"") + events[at:end]
        at = end
    found = [each for told in by_seq.values() for each in fill_classes(told)]
    assert [(each.maker, each.taker) for each in found] == [(GRANT, GRANT), (GRANT, SIGNED_ORDER)]


def test_amends_and_cancels_are_taken_too(world: World) -> None:
    world.activate(world.grant(max_order_lots=6, instruments=(PERPETUAL,)))
    order_id = int(world.submit(order())["outcomes"][0]["orders"][0]["order_id"])
    assert world.refused(c.amend(0, order_id, size_lots=7)) == "order_too_large"
    amended = world.submit(c.amend(0, order_id, size_lots=6))
    assert amended["outcomes"][0]["orders"][0]["amount"] == 0.006
    other = int(world.submit(order(instrument=ETH), grant=0, signer=OWNER)["grant"])
    assert other
    cancelled = world.submit(c.cancel(0, order_id), c.cancel(0, 9_999))
    assert cancelled["outcomes"][0]["orders"][0]["order_state"] == "cancelled"
    assert cancelled["outcomes"][1]["error"]["code"] == 10004


@pytest.mark.parametrize(
    ("changes", "command", "reason"),
    [
        ({"scope": g.CANCEL}, order(), "out_of_scope"),
        ({"scope": g.NEW}, c.cancel(0, 1), "out_of_scope"),
        ({"scope": g.NEW}, c.cancel_many(0), "out_of_scope"),
        ({"scope": g.NEW | g.CANCEL}, c.amend(0, 1, size_lots=3), "out_of_scope"),
        ({"max_order_lots": 4}, order(), "order_too_large"),
        ({"instruments": (ETH,)}, order(), "instrument_not_granted"),
        ({"underlyings": (1,)}, order(), "instrument_not_granted"),
        ({"underlyings": (1,), "instruments": (CALL,)}, order(), "instrument_not_granted"),
    ],
    ids=range(8),
)
def test_what_a_grant_does_not_allow_is_not_sequenced(
    world: World, changes: dict[str, Any], command: bytes, reason: str
) -> None:
    world.activate(world.grant(**changes))
    assert world.refused(command) == reason


def test_an_order_of_another_instrument_is_not_amended_under_a_grant(world: World) -> None:
    world.activate(world.grant(instruments=(ETH,)))
    world.submit(order(), grant=0, signer=OWNER)
    order_id = world.rig.connect(world.account).call("private/get_open_orders")[0]["order_id"]
    assert world.refused(c.amend(0, int(order_id), size_lots=3)) == "instrument_not_granted"


def test_an_order_that_has_ended_is_amended_under_grants_for_everything_alone(world: World) -> None:
    """Whoever replays the log knows its instrument: the venue must not let through what they would not."""
    world.activate(world.grant(instruments=(ETH,)))
    world.submit(order(), grant=0, signer=OWNER)
    owner = world.rig.connect(world.account)
    order_id = int(owner.call("private/get_open_orders")[0]["order_id"])
    owner.call("private/cancel", order_id=str(order_id))
    assert world.refused(c.amend(0, order_id, size_lots=3)) == "instrument_not_granted"
    assert world.refused(c.amend(0, 9_999, size_lots=3)) == "instrument_not_granted"
    world.activate(world.grant(number=8))
    amended = world.submit(c.amend(0, order_id, size_lots=3), grant=8)
    assert amended["outcomes"][0]["error"]["code"] == 10004


def test_grants_end(world: World) -> None:
    world.activate(world.grant(expiry_ms=NOW_MS + 60_000))
    world.submit(order())
    world.rig.clock.ms = NOW_MS + 60_000
    assert world.refused(order()) == "grant_expired"
    owner = world.rig.connect(world.account)
    assert owner.call("private/strikebook_get_grants")[0]["state"] == "expired"


@pytest.mark.parametrize("by_session", [True, False])
def test_a_grant_that_was_taken_back_allows_nothing(world: World, by_session: bool) -> None:
    world.activate(world.grant())
    world.submit(order())
    revocation = g.Revocation(world.account, 7, 5)
    if by_session:
        owner = world.rig.connect(world.account)
        assert owner.call("private/strikebook_revoke_grant", grant=7)["state"] == "revoked"
    else:
        wrong = authorising.revocation(DEVELOPMENT, revocation, THIEF)
        assert world.reason(wrong, "public/strikebook_revoke_grant") == "not_the_owners_signature"
        world.submit(order())
        right = authorising.revocation(DEVELOPMENT, revocation, OWNER)
        said = world.anybody.call("public/strikebook_revoke_grant", **right)
        assert said["state"] == "revoked"
    assert world.refused(order()) == "grant_revoked"
    assert int.from_bytes(world.log()[-1][4:8], "little") == r.GRANT_REVOKED
    with pytest.raises(CallFailed, match="grant_number_used"):
        world.activate(world.grant())


def test_forged_grants_are_not_taken(world: World) -> None:
    grant = world.grant()
    for changes in (
        {"rights": 1}, {"max_order_lots": 9}, {"expires_at": EXPIRY_MS}, {"nonce": "2"}, {"grant": 8},
        {"underlyings": [1]}, {"instruments": [0]}, {"session_key": THIEF.address.hex()},
    ):  # fmt: skip
        with pytest.raises(CallFailed, match="not_the_owners_signature"):
            world.activate(grant, **changes)
    with pytest.raises(CallFailed, match="not_the_owners_signature"):
        world.activate(grant, signer=THIEF)
    with pytest.raises(CallFailed, match="grant_expired"):
        world.activate(world.grant(expiry_ms=NOW_MS))
    assert world.rig.venue.grants.of(world.account) == []


def test_forged_replayed_and_late_frames_are_not_taken(world: World) -> None:
    world.activate(world.grant())
    good = world.signed(order())
    world.anybody.call(SUBMIT, **good)
    assert world.reason(good) == "replayed_request"
    assert world.refused(order(), signer=THIEF) == "not_the_signature_of_this_key"
    assert world.refused(order(), signer=OWNER) == "not_the_signature_of_this_key"
    assert world.refused(order(), grant=0, signer=KEY) == "not_the_signature_of_this_key"
    assert world.refused(order(), grant=8) == "no such grant"
    assert world.refused(order(), valid_ms=0) == "frame_expired"
    assert world.refused(order(), valid_ms=61_000) == "frame_too_far_ahead"
    for changes in (
        {"nonce": "999"}, {"valid_until": NOW_MS + 20_000}, {"grant": 0},
        {"commands": order(lots=6).hex()}, {"commands": 2 * order().hex()},
    ):  # fmt: skip
        reason = world.reason({**world.signed(order()), **changes})
        assert reason == "not_the_signature_of_this_key"


def test_a_frame_is_not_taken_twice_after_a_restart_either(world: World, tmp_path: Path) -> None:
    clock = world.rig.clock
    first = World(GrantSetup(GrantStore(), InlineVerifier(), replays=ReplayLog(tmp_path, clock)))
    good = first.signed(order(), grant=0, signer=OWNER)
    first.anybody.call(SUBMIT, **good)
    again = World(GrantSetup(GrantStore(), InlineVerifier(), replays=ReplayLog(tmp_path, clock)))
    assert again.reason(good) == "replayed_request"


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        ((), "1 to 20"), ((b"\x01" * 31,), "1 to 20"), ((order()[:32],), ""), ((order(),) * 21, "1 to 20"),
        ((c.new_order(64, 2, 0, 1, 1),), ""), ((c.new_order(0, 2, 0, 1, 1, grant=7),), ""),
        ((c.new_order(0, 2, 0, 1, 1, label=7),), ""), ((c.deposit(0, 1, 1),), ""),
        ((c.mass_quote(0, []),), ""),
    ],
    ids=range(9),
)  # fmt: skip
def test_what_is_no_frame_of_commands_is_refused(
    world: World, commands: tuple[bytes, ...], words: str
) -> None:
    with pytest.raises(CallFailed) as caught:
        world.submit(*commands, grant=0, signer=OWNER)
    assert caught.value.code == -32602
    assert words in str(caught.value.data)


def test_an_owners_frame_has_no_client_order_ids(world: World) -> None:
    with pytest.raises(CallFailed, match="client order id"):
        world.submit(order(client_id=4), grant=0, signer=OWNER)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("account", 1 << 32), ("account", 9_999), ("account", 5), ("account", None), ("grant", 0),
        ("grant", 1 << 31), ("rights", 8), ("rights", 0), ("nonce", "-1"), ("nonce", str(1 << 64)),
        ("nonce", "x"), ("signature", "00"), ("signature", "zz"), ("session_key", "0x12"),
        ("underlyings", [-1]), ("underlyings", "1"), ("instruments", [1.5]), ("instruments", [0] * 129),
        ("max_order_lots", -1), ("max_order_lots", 1e300), ("expires_at", "soon"),
    ],
)  # fmt: skip
def test_bad_parameters_are_told(world: World, name: str, value: Any) -> None:
    with pytest.raises(CallFailed) as caught:
        world.activate(world.grant(), **{name: value})
    assert caught.value.code == -32602


def test_random_changes_of_a_signature_open_nothing(world: World) -> None:
    rng = random.Random(3)
    for _ in range(200):
        good = world.signed(order(), grant=0, signer=OWNER)
        raw = bytearray(bytes.fromhex(good["signature"][2:]))
        raw[rng.randrange(65)] ^= 1 << rng.randrange(8)
        assert world.reason({**good, "signature": raw.hex()}) == "not_the_signature_of_this_key"


def test_before_rules_5_nothing_is_taken() -> None:
    rig = Rig().open()
    client = rig.connect()
    params = {"account": 64, "commands": order().hex(), "nonce": "1", "valid_until": NOW_MS}
    params["signature"] = "00" * 65
    with pytest.raises(CallFailed) as caught:
        client.call(SUBMIT, **params)
    assert caught.value.code == 13503


def test_a_verifier_that_is_gone_is_told_and_one_that_is_late_is_waited_for() -> None:
    class Late:
        def __init__(self) -> None:
            self.asked: list[tuple[bytes, bytes, Recovered]] = []

        def ask(self, digest: bytes, signature: bytes, done: Recovered) -> None:
            if len(self.asked) == 1:
                raise VerifierBusy
            self.asked.append((digest, signature, done))

    late = Late()
    world = World(GrantSetup(GrantStore(), late))
    request = world.anybody.send(SUBMIT, **world.signed(order(), grant=0, signer=OWNER))
    world.rig.loop.run()
    assert world.log()[-1][0] == r.DEPOSIT  # nothing is sequenced before the answer
    with pytest.raises(CallFailed, match="nobody verifies"):
        world.submit(order(), grant=0, signer=OWNER)
    digest, signature, done = late.asked[0]
    done(recover(digest, signature))
    world.rig.loop.run()
    assert world.anybody.reply(request)["outcomes"][0]["orders"]


def test_grants_outlive_a_restart_and_what_a_crash_left_is_recorded(tmp_path: Path) -> None:
    class Lost:
        """A store whose venue dies before the record's events come back."""

        def __init__(self, path: Path) -> None:
            self.inner = GrantStore(path)
            self.rows = self.inner.rows

        def keep(self, row: Any) -> None:
            if row.state in (0, 2):
                self.inner.keep(row)

    path = tmp_path / "grants.sqlite"
    store: Any = Lost(path)
    world = World(GrantSetup(store, InlineVerifier()))
    world.activate(world.grant())
    store.inner.close()
    again = World(GrantSetup(GrantStore(path), InlineVerifier()))
    assert again.refused(order()) == "grant_revoked"
    again.rig.venue.grants.resume()
    again.rig.loop.run()
    assert again.log()[-1][0] == r.GRANT
    again.submit(order())
    third = World(GrantSetup(GrantStore(path), InlineVerifier()))
    third.submit(order())


def test_a_file_without_grants_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "grants.sqlite"
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(GrantStoreError):
        GrantStore(path)


def test_nobodys_session_sees_anothers_grants(world: World) -> None:
    world.activate(world.grant())
    other: Client = world.rig.client()
    assert other.call("private/strikebook_get_grants") == []
    with pytest.raises(CallFailed):
        other.call("private/strikebook_revoke_grant", grant=7)
