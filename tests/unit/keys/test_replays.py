"""A signed request that changes something is taken once, whatever happens in between."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from exchange.core import queries
from exchange.keys import replays
from exchange.keys.replays import KEPT_MS, ReplayLog
from exchange.wire.session import RpcError
from tests.unit.gateway.live import Live, live, rpc, signed_request
from tests.unit.gateway.loopback import ManualClock
from tests.unit.gateway.rig import OPTION

BUY: dict[str, object] = {"instrument_name": OPTION, "amount": 1, "price": 4000}


def refusal(take: Callable[[], None]) -> tuple[int, object]:
    with pytest.raises(RpcError) as caught:
        take()
    return caught.value.code, (caught.value.data or {}).get("reason")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


REPLAYED = (13009, "replayed_request")


def test_the_same_text_is_taken_once_of_a_key(clock: ManualClock) -> None:
    log = ReplayLog(None, clock)
    log.take("key", b"text")
    log.take("key", b"text ")
    log.take("other", b"text")
    assert refusal(lambda: log.take("key", b"text")) == REPLAYED


def test_a_text_is_remembered_until_no_timestamp_could_let_it_in(clock: ManualClock) -> None:
    log = ReplayLog(None, clock)
    log.take("key", b"text")
    clock.advance_ms(KEPT_MS - 1)
    assert refusal(lambda: log.take("key", b"text")) == REPLAYED
    clock.advance_ms(1)
    log.take("key", b"text")


@pytest.mark.parametrize("orderly", [True, False])
def test_a_restart_forgets_nothing(tmp_path: Path, clock: ManualClock, orderly: bool) -> None:
    log = ReplayLog(tmp_path, clock)
    log.take("key", b"one")
    log.take("key", b"two", sequenced=False)
    if orderly:
        log.close()
    again = ReplayLog(tmp_path, clock)
    for text in (b"one", b"two"):
        assert refusal(partial(again.take, "key", text)) == REPLAYED
    again.take("key", b"three")
    again.close()
    third = ReplayLog(tmp_path, clock)
    assert refusal(lambda: third.take("key", b"one")) == REPLAYED
    assert refusal(lambda: third.take("key", b"three")) == REPLAYED
    third.close()


def test_a_torn_end_costs_the_torn_record_alone(tmp_path: Path, clock: ManualClock) -> None:
    log = ReplayLog(tmp_path, clock)
    log.take("key", b"one")
    log.close()
    (path,) = tmp_path.glob("signed-*.seen")
    path.write_bytes(path.read_bytes() + b"\1\2\3")
    again = ReplayLog(tmp_path, clock)
    assert refusal(lambda: again.take("key", b"one")) == REPLAYED
    again.close()


def test_files_take_turns_and_go(tmp_path: Path, clock: ManualClock) -> None:
    log = ReplayLog(tmp_path, clock)
    for n in range(40):
        log.take("key", b"%d" % n)
        clock.advance_ms(KEPT_MS // 4)
        assert len(list(tmp_path.glob("signed-*.seen"))) <= 3
    log.close()
    clock.advance_ms(KEPT_MS)
    ReplayLog(tmp_path, clock).close()
    assert len(list(tmp_path.glob("signed-*.seen"))) == 1


def test_the_memory_is_bounded_and_never_forgets_instead(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "PER_KEY_MAX", 3)
    monkeypatch.setattr(replays, "ENTRIES_MAX", 5)
    log = ReplayLog(None, clock)
    for n in range(3):
        log.take("key", b"%d" % n)
    assert refusal(lambda: log.take("key", b"x"))[0] == 10028
    log.take("other", b"x")
    log.take("other", b"y")
    assert refusal(lambda: log.take("third", b"x"))[0] == 10028
    assert refusal(lambda: log.take("key", b"0")) == REPLAYED
    clock.advance_ms(KEPT_MS)
    log.take("key", b"x")


def test_what_cannot_be_written_is_not_taken(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ReplayLog(tmp_path, clock)

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(28, "no space")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        assert refusal(lambda: log.take("key", b"text"))[0] == 13028
    log.take("key", b"text")
    log.close()


async def orders_of(venue: Live, account: int) -> int:


    return queries.account_figures(venue.engine, account).open_orders


async def test_a_replayed_order_is_refused_and_has_no_effect() -> None:
    async with live() as venue:
        key = await venue.account()
        wire = venue.signed(key, "private/buy", BUY)
        assert (await venue.http(wire))[0] == 200
        for _ in range(2):
            status, reply = await venue.http(wire)
            assert (status, reply["error"]["code"]) == (400, 13009)
            assert reply["error"]["data"]["reason"] == "replayed_request"
        # The same text in another order of fields, or with the signature in capitals, is the same request.
        now_ms = venue.clock.now_ms()
        target = wire.split()[1].decode()
        shuffled = signed_request(key, now_ms, "GET", target, order="nsti")
        assert (await venue.http(shuffled))[1]["error"]["code"] == 13009
        assert await orders_of(venue, key.account) == 1


async def test_one_nonce_with_other_content_and_repeated_reads_are_good() -> None:
    async with live() as venue:
        key = await venue.account()
        for price in (4000, 4005):
            assert (await venue.http(venue.signed(key, "private/buy", {**BUY, "price": price})))[0] == 200
        read = venue.signed(key, "private/get_open_orders_by_currency", {"currency": "BTC"})
        for _ in range(3):
            status, reply = await venue.http(read)
            assert (status, len(reply["result"])) == (200, 2)


async def test_a_post_to_the_root_is_judged_by_the_method_in_its_body() -> None:
    async with live() as venue:
        key = await venue.account()
        body = rpc("private/buy", **BUY)
        wire = signed_request(key, venue.clock.now_ms(), "POST", "/api/v2", body)
        assert [(await venue.http(wire))[0] for _ in range(2)] == [200, 400]
        assert await orders_of(venue, key.account) == 1
