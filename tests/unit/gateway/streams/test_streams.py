"""Streams on a hand-turned loop: any interleaving of events, resumptions, slow readers and late answers."""

from __future__ import annotations

import random
import struct
from typing import Any

import msgspec
import pytest

from clients.stream import CHANNEL, StreamFollower
from exchange.domain import records as r
from exchange.gateway.history_ring import Fill
from exchange.gateway.ports import InlineCommitter
from exchange.gateway.streams.events import items_of
from exchange.gateway.streams.log import Done, Found, JournalEventLog, Tail, find_back
from exchange.gateway.streams.numbers import CountsError, count_events, pack_counts, unpack_counts
from exchange.gateway.streams.store import StreamStore
from exchange.journal import Cursor, Kind, MemoryStorage
from exchange.journal.segments import EMPTY_TAIL, SegmentLog
from tests.unit.gateway.fakes import ManualLoop
from tests.unit.gateway.rig import OPTION, PERPETUAL, CallFailed, Client, Rig
from tests.unit.gateway.risk_rig import RiskRig


class LateLog:
    """The rig's journal of events, answering when it pleases; sometimes it fails."""

    def __init__(self) -> None:
        self.rig: Rig | None = None
        self.rng = random.Random(0)
        self.asked = 0

    def find(self, account: int, count: int, before: int, done: Done) -> None:
        rig = self.rig
        assert rig is not None
        self.asked += 1
        frames = rig.journal.event_frames
        packed = [frame[3] for frame in frames if frame[0] < before]
        items = [i for events in packed for i in items_of(account, events) if i.counter < before]
        written = frames[-1][0] + frames[-1][1] if frames else 1
        found = None if self.rng.random() < 0.1 else Found(items[-count:], written >= before)
        rig.loop.call_later(self.rng.random() * 0.05, lambda: done(found))

    def close(self) -> None:
        pass


def stream_rig(seed: int) -> tuple[Rig, LateLog]:
    log = LateLog()
    log.rng = random.Random(seed)
    rig = Rig(event_log=log)
    log.rig = rig
    return rig.open(), log


def act(rng: random.Random, client: Client, many: bool = False) -> None:
    for _ in range(rng.choice((1, 2, 40)) if many else 1):
        if rng.random() < 0.1:
            client.send("private/cancel_all")
        else:
            side = rng.choice(("private/buy", "private/sell"))
            price = 100_000 + 0.5 * rng.randrange(-3, 4)
            amount = 0.001 * rng.randrange(1, 5)
            client.send(side, instrument_name=PERPETUAL, amount=amount, price=price, label=f"{price}")


class Visitor:
    """Comes, is slow at times, goes, comes back where it was."""

    def __init__(self, rig: Rig, account: int) -> None:
        self.rig = rig
        self.account = account
        self.follower = StreamFollower(0)
        self.events: list[dict[str, Any]] = []
        self.client: Client | None = None
        self.request = 0
        self.resumed = 0

    def come(self) -> None:
        self.client = self.rig.connect(self.account)
        self.request = self.client.send("private/subscribe", **self.follower.subscription())

    def read(self) -> None:
        if self.client is not None:
            for data in self.client.taken(CHANNEL):
                self.events += self.follower.take(data)
            refusal = self.client.replies.get(self.request, {}).get("error")
            if refusal is not None:  # the log failed: once more
                assert refusal["code"] == 13028
                self.go()
            elif self.request in self.client.replies:
                self.resumed += 1

    def go(self) -> None:
        if self.client is not None:
            self.client.session.closed = True
            self.rig.venue.on_close(self.client.session)
            self.client = None


@pytest.mark.parametrize("seed", range(4))
def test_no_gap_and_no_double_whatever_happens_in_between(seed: int) -> None:
    rng = random.Random(seed)
    rig, log = stream_rig(seed)
    traders = [rig.client(100_000_000) for _ in range(2)]
    account = traders[0].account or 0
    visitors = [Visitor(rig, account) for _ in range(3)]
    for step in range(300):
        act(rng, rng.choice(traders), many=rng.random() < 0.1)
        visitor = rng.choice(visitors)
        dice = rng.random()
        if visitor.client is None:
            if dice < 0.2:
                visitor.come()
        elif dice < 0.05:
            visitor.go()  # what it has not read is lost with it
        elif dice < 0.15:
            visitor.client.session.is_slow = not visitor.client.session.is_slow
        if step % 50 == 0:
            rig.venue.streams.tail = Tail(rig.venue.views.seq + 1, rng.choice((1, 2_000, 1 << 20)))
        if rng.random() < 0.7:
            rig.loop.turn()
        if rng.random() < 0.2:
            rig.tick(0.01)
        if rng.random() < 0.5:
            for each in visitors:
                each.read()
    for visitor in visitors:
        for _ in range(9):
            if visitor.client is None:
                visitor.come()
            assert visitor.client is not None
            visitor.client.session.is_slow = False
            rig.tick(1.0)
            visitor.read()
    counts: list[int] = []
    for *_, packed in rig.journal.event_frames:
        count_events(counts, packed)
    last = rig.venue.streams.number_of(account)
    # Accounts of the rig are made by journaled commands: the recount is the count.
    assert counts[account] == last > 300
    assert log.asked > 3
    for visitor in visitors:
        assert [event["account_seq"] for event in visitor.events] == list(range(1, last + 1))
        for mine, other in zip(visitor.events, visitors[0].events, strict=True):
            assert mine == other
    assert rig.venue.streams.followed


def test_counts_of_every_account_are_those_of_the_journal() -> None:
    rig = Rig().open()
    rng = random.Random(4)
    traders = [rig.client() for _ in range(4)]
    for _ in range(200):
        act(rng, rng.choice(traders))
        rig.loop.run()
    counts: list[int] = []
    for *_, packed in rig.journal.event_frames:
        count_events(counts, packed)
    assert counts == rig.venue.streams.counts[: len(counts)]
    assert all(counts[trader.account or 0] for trader in traders)


def test_one_encoding_for_all_who_listen() -> None:
    rig = Rig().open()
    trader = rig.client()
    watchers = [rig.connect(trader.account) for _ in range(3)]
    for watcher in watchers:
        watcher.call("private/subscribe", channels=[CHANNEL])
        (first,) = watcher.taken(CHANNEL)
        assert first["type"] == "snapshot"
        assert first["account_seq"] == rig.venue.streams.number_of(trader.account or 0) == 2
    trader.buy(OPTION, 1.0, 4_000.0)
    frames = [watcher.session.take() for watcher in watchers]
    assert len(frames[0]) == 1
    assert frames[0][0] is frames[1][0] is frames[2][0]


def test_an_account_nobody_listens_to_leaves_nothing_behind_but_its_count() -> None:
    rig = Rig().open()
    trader = rig.client()
    trader.buy(OPTION, 1.0, 4_000.0)
    streams = rig.venue.streams
    assert streams.number_of(trader.account or 0) == 3
    assert not streams.followed
    assert not streams._news
    trader.call("private/subscribe", channels=[CHANNEL])
    trader.call("private/unsubscribe_all")
    assert not streams.followed
    assert not streams._followers


def test_scopes_guard_the_stream() -> None:
    rig = Rig().open()
    client = rig.client()
    client.session.scopes = frozenset({"trade:read"})
    with pytest.raises(CallFailed) as refused:
        client.call("private/subscribe", channels=[CHANNEL])
    assert refused.value.code == 13021
    with pytest.raises(CallFailed) as no_snapshot:
        client.call("private/strikebook_get_snapshot")
    assert no_snapshot.value.code == 13021


# --- the journal ---------------------------------------------------------------------------------------


def written(storage: MemoryStorage, rig: Rig, group: int, segment_bytes: int) -> MemoryStorage:
    """The rig's events in segments, `group` batches a frame."""
    frames = rig.journal.event_frames
    log = SegmentLog(storage, Kind.EVENTS, 0, EMPTY_TAIL, segment_bytes=segment_bytes)
    log.next_seq = frames[0][0]
    for at in range(0, len(frames), group):
        some = frames[at : at + group]
        packed = b"".join(frame[3] for frame in some)
        log.append(some[0][0], sum(f[1] for f in some), sum(f[2] for f in some), packed)
    return storage


def busy_rig() -> tuple[Rig, int]:
    rig = Rig().open()
    rng = random.Random(9)
    traders = [rig.client() for _ in range(3)]
    for _ in range(150):
        act(rng, rng.choice(traders))
        rig.loop.run()
    return rig, traders[0].account or 0


@pytest.mark.parametrize("group", [1, 7])
def test_the_journal_gives_back_exactly_what_came_before_a_command(group: int) -> None:
    rig, account = busy_rig()
    storage = written(MemoryStorage(), rig, group, 4_096)
    packed = b"".join(frame[3] for frame in rig.journal.event_frames)
    everything = items_of(account, packed)
    middle = everything[len(everything) // 2].counter
    for before in (middle, middle + 1, rig.engine.next_seq):
        expected = [item.counter for item in everything if item.counter < before]
        for count in (1, 5, len(expected), 10_000):
            found = find_back(storage, account, count, before)
            assert found.complete
            assert [item.counter for item in found.items] == expected[-count:]
    assert not find_back(storage, account, 1, rig.engine.next_seq + 1).complete, "it is still to be written"
    answers: list[Found | None] = []
    loop = ManualLoop()
    JournalEventLog(storage, InlineCommitter(loop)).find(account, 2, middle, answers.append)
    loop.run()
    assert answers[0] is not None
    assert len(answers[0].items) == 2


def test_counts_go_on_from_what_is_kept_and_are_made_anew_from_what_is_not() -> None:
    rig, account = busy_rig()
    storage = written(MemoryStorage(), rig, 5, 4_096)
    next_seq = rig.engine.next_seq
    # The rig's listings are in no journal: the first segment begins behind them.
    counts = StreamStore(storage).load(next_seq)
    assert counts[account] == rig.venue.streams.number_of(account)
    early = rig.journal.event_frames[40][0]  # in the middle of a frame
    before: list[int] = []
    for *_, packed in rig.journal.event_frames[:40]:
        count_events(before, packed)
    store = StreamStore(storage, kept_bytes=6_000)
    store.save(before, early)
    assert StreamStore(storage).load(next_seq) == counts
    assert Cursor(storage, "streams").read() <= early
    store.save(counts, next_seq)
    assert 1 < Cursor(storage, "streams").read() < next_seq
    assert StreamStore(storage).load(next_seq) == counts
    # Ahead of the journal, or damaged: counted anew.
    assert StreamStore(storage).load(next_seq - 1) == counts
    storage.replace("streams.bin", b"x" + storage.read("streams.bin", 1, 1 << 20))
    assert StreamStore(storage).load(next_seq) == counts


def test_a_file_of_counts_is_read_or_refused() -> None:
    raw = pack_counts([1, 2, 3], 77, shard=1)
    assert unpack_counts(raw, shard=1) == ([1, 2, 3], 77)
    for damaged in (raw[:-1], raw[:10], b"", bytes(len(raw))):
        with pytest.raises(CountsError):
            unpack_counts(damaged, shard=1)
    with pytest.raises(CountsError):
        unpack_counts(raw, shard=0)


# --- what rules 3 adds ---------------------------------------------------------------------------------


def record(kind: int, account: int, instrument: int, number: int, body: bytes) -> bytes:
    """A packed event of three units."""
    return struct.pack("<BBHIQIIQ", kind, 1, 3, 0, 77, account, instrument, number) + body


def test_protection_and_terms_of_orders_are_told() -> None:
    rig = Rig().open()
    writer = rig.venue.streams._writer
    body = struct.pack("<qqqqqq", r.MMP_TRIPPED, -1, 50_000_000, -2, 1_500_000, 9)
    tripped = record(r.EV_MMP, 64, 0, 3, body + bytes(16))
    told = msgspec.json.decode(writer.write(64, 5, tripped))
    assert (told["account_seq"], told["type"]) == (5, "mmp")
    assert told["mmp"] == {
        "kind": "tripped", "index_name": "btc_usdc", "group": 3, "frozen": True, "frozen_until": 0,
        "quantity": 0.5, "delta": -2e-8, "vega": 1.5, "timestamp": 9, "seq": 77,
    }  # fmt: skip
    kinds = (r.TRIGGER_STOP, r.SOURCE_INDEX, r.LINK_OCO, 0, 1)
    body = struct.pack("<BBBBB3xqqqqq", *kinds, 9_000_000, 0, 0, 12, 9)
    terms = record(r.EV_EXTENDED, 64, 2, 4_000, body + bytes(16))
    told = msgspec.json.decode(writer.write(64, 6, terms))["order_terms"]
    assert told["order_id"] == "4000"
    assert (told["trigger"], told["trigger_source"], told["trigger_price"]) == ("stop", "index_price", 9.0)
    assert (told["link"], told["other_order_id"]) == ("one_cancels_other", "12")
    counts: list[int] = []
    count_events(counts, tripped + terms + record(r.EV_REPEATED, 64, 0, 1, bytes(64)))
    assert counts[64] == 2


def test_a_match_without_orders_takes_none_from_the_match_before_it() -> None:
    rig, account = busy_rig()
    packed = b"".join(frame[3] for frame in rig.journal.event_frames)
    trade = next(i.what for i in items_of(account, packed) if isinstance(i.what, Fill))
    block = bytearray(trade.trade)
    block[32:48] = bytes(16)  # agreed on outside the books: no orders
    alone, *rest = items_of(account, bytes(block) + packed)
    assert isinstance(alone.what, Fill)
    assert (alone.what.maker_order, alone.what.taker_order) == (b"", b"")
    again = [i.what.taker_order for i in rest if isinstance(i.what, Fill)]
    assert again == [i.what.taker_order for i in items_of(account, packed) if isinstance(i.what, Fill)]


def test_a_trigger_order_is_followed_from_its_terms_to_its_fill() -> None:
    rig = RiskRig().open()
    client, other = rig.main(), rig.main(name="bob")
    client.call("private/subscribe", channels=[CHANNEL])
    (snapshot,) = client.taken(CHANNEL)
    follower = StreamFollower()
    follower.take(snapshot)
    other.sell(PERPETUAL, 0.05, 100_200.0)
    made = client.call(
        "private/buy", instrument_name=PERPETUAL, amount=0.05, type="stop_limit", price=100_200,
        trigger="index_price", trigger_price=100_500, label="stop",
    )  # fmt: skip
    rig.move(101_000_000_000)
    events = [event for data in client.taken(CHANNEL) for event in follower.take(data)]
    assert [event["type"] for event in events][:2] == ["order_terms", "order"]
    assert events[0]["order_terms"]["trigger_price"] == 100_500.0
    states = [event["order"]["order_state"] for event in events if event["type"] == "order"]
    assert (states[0], states[-1]) == ("untriggered", "filled")
    (traded,) = (event["trade"] for event in events if event["type"] == "trade")
    assert (traded["order_id"], traded["label"]) == (made["order"]["order_id"], "stop")
    assert follower.last == rig.venue.streams.number_of(client.account or 0)
    rig.close()
