"""Charts live and past: candles follow the trades, indices and volatility what the store has."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.gateway import archive
from exchange.gateway.archive import Answer, ArchiveBusy, NoArchive, ThreadArchive
from exchange.history import bars as b
from exchange.history.past import Past, Span
from tests.unit.gateway.fakes import ManualLoop
from tests.unit.gateway.rig import EXPIRY_MS, NOW_MS, OPTION, PERPETUAL, Client, Rig, btc_marks
from tests.unit.gateway.stored import Store

MINUTE_MS = 60_000
START_MS = NOW_MS // MINUTE_MS * MINUTE_MS
_SPAN = {"start_timestamp": 0, "end_timestamp": EXPIRY_MS}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "history.db")
    yield store
    store.close()


@pytest.fixture
def rig(store: Store) -> Rig:
    rig = Rig(**store.ports())
    store.begin(rig.listed, rig.engine.next_seq)
    return rig.open()


def trade(rig: Rig, pair: tuple[Client, Client], price: float, amount: float = 1.0) -> None:
    pair[0].sell(OPTION, amount, price)
    pair[1].buy(OPTION, amount, price)


def candles(client: Client, **params: Any) -> list[tuple[Any, ...]]:
    asked = {"instrument_name": OPTION, "resolution": "1", **_SPAN, **params}
    found = client.call("public/get_tradingview_chart_data", **asked)
    names = ("ticks", "open", "high", "low", "close", "volume", "cost")
    assert found["status"] == ("ok" if found["ticks"] else "no_data")
    return list(zip(*(found[name] for name in names), strict=True))


def test_candles_without_trades_carry_the_close(rig: Rig, store: Store) -> None:
    pair = rig.client(), rig.client()
    assert candles(pair[0]) == []
    for price in (5_000.0, 5_010.0, 4_990.0):
        trade(rig, pair, price)
    rig.tick(3 * 60)
    trade(rig, pair, 5_005.0, 0.5)
    whole = [
        (START_MS, 5_000, 5_010, 4_990, 4_990, 3, 15_000),
        (START_MS + MINUTE_MS, 4_990, 4_990, 4_990, 4_990, 0, 0),
        (START_MS + 2 * MINUTE_MS, 4_990, 4_990, 4_990, 4_990, 0, 0),
        (START_MS + 3 * MINUTE_MS, 5_005, 5_005, 5_005, 5_005, 0.5, 2_502.5),
    ]
    for behind in (6, 0):
        store.feed(rig, but=behind)
        assert candles(pair[0]) == whole
        # A start inside a candle is that candle's; the end is a start.
        times = {"start_timestamp": START_MS + MINUTE_MS + 5, "end_timestamp": START_MS + 2 * MINUTE_MS}
        assert candles(pair[0], **times) == whole[1:3]
    rig.tick(60)
    assert candles(pair[0])[-1] == (START_MS + 4 * MINUTE_MS, 5_005, 5_005, 5_005, 5_005, 0, 0)
    assert candles(pair[0], resolution="3")[0][5] == 3
    assert candles(pair[0], resolution="1D")[0][5] == 3.5


def test_a_long_span_has_its_newest_candles(rig: Rig, store: Store) -> None:
    pair = rig.client(), rig.client()
    trade(rig, pair, 5_000.0)
    rig.clock.ms += 6_000 * MINUTE_MS
    store.feed(rig)
    found = candles(pair[0])
    assert len(found) == 5_000
    assert found[-1][0] == rig.clock.ms // MINUTE_MS * MINUTE_MS


def test_the_chart_channel_follows_the_trades(rig: Rig, store: Store) -> None:
    pair = rig.client(), rig.client()
    trade(rig, pair, 5_000.0)
    store.feed(rig)
    trade(rig, pair, 5_010.0)
    channel = f"chart.trades.{OPTION}.1"
    silent = f"chart.trades.{PERPETUAL}.1"
    pair[0].call("public/subscribe", channels=[channel, silent])
    (first,) = pair[0].taken(channel)
    assert first == {
        "tick": START_MS, "open": 5_000, "high": 5_010, "low": 5_000, "close": 5_010,
        "volume": 2, "cost": 10_010,
    }
    rig.tick()
    assert pair[0].taken(channel) == []
    for price in (5_020.0, 4_980.0):
        trade(rig, pair, price)
    rig.tick()
    (frame,) = pair[0].taken(channel)  # conflated
    assert (frame["high"], frame["low"], frame["close"], frame["volume"]) == (5_020, 4_980, 4_980, 4)
    pair[1].call("public/subscribe", channels=[channel])
    assert pair[1].taken(channel) == [frame]
    trade(rig, pair, 5_000.0)
    rig.tick(60)
    last, filler = pair[0].taken(channel)
    assert (last["tick"], last["close"], last["volume"]) == (START_MS, 5_000, 5)
    assert (filler["tick"], filler["open"], filler["volume"]) == (START_MS + MINUTE_MS, 5_000, 0)
    trade(rig, pair, 5_030.0)
    rig.clock.ms += MINUTE_MS
    trade(rig, pair, 5_040.0)  # before the tick
    rig.tick()
    over, begun = pair[0].taken(channel)
    assert (over["close"], over["volume"], begun["open"], begun["volume"]) == (5_030, 1, 5_040, 1)
    assert pair[0].taken(silent) == []
    pair[0].call("public/unsubscribe_all")
    pair[1].call("public/unsubscribe_all")
    trade(rig, pair, 5_000.0)
    rig.tick()
    assert pair[0].taken(channel) == []


def test_the_index_of_hours_and_days(rig: Rig, store: Store) -> None:
    client = rig.client()
    for minute in range(90):
        rig.clock.ms = NOW_MS + minute * MINUTE_MS
        rig.venue.submit(btc_marks(2 + minute, (100_000 + minute) * 1_000_000))
        rig.loop.run()
    store.feed(rig)
    hour = client.call("public/get_index_chart_data", index_name="btc_usdc", range="1h")
    assert len(hour) == 61
    assert [price for _, price in hour] == [float(100_000 + n) for n in (*range(30, 90), 89)]
    day = client.call("public/get_index_chart_data", index_name="btc_usd", range="1d")
    assert [time_ms % 300_000 for time_ms, _ in day[:-1]] == [0] * (len(day) - 1)
    assert len(day) == 19
    assert len(client.call("public/get_index_chart_data", index_name="btc_usdc", range="all")) == 2
    marks = client.call("public/get_mark_price_history", instrument_name=OPTION, **_SPAN)
    assert {mark for _, mark in marks} == {5_000.0}
    assert len(marks) == 19  # the first begins before the venue
    assert client.call("public/get_mark_price_history", instrument_name=PERPETUAL, **_SPAN) == []
    assert client.call("public/get_historical_volatility", currency="BTC") == []
    assert client.call("public/get_historical_volatility", currency="USDC") == []


def hours_of_index(store: Store, now_ms: int) -> None:
    found = b.Bars()
    for hour in range(100, 0, -1):
        found.add(b.INDEX, 0, b.INDEX_STEPS_S, now_ms - hour * 3_600_000, 10**9 + hour % 2 * 10**7)
    store.writer.add_bars(found)


def test_volatility_is_shown_by_the_hour(rig: Rig, store: Store) -> None:
    hours_of_index(store, rig.clock.ms)
    found = rig.client().call("public/get_historical_volatility", currency="BTC")
    assert len(found) == 100 - 24
    assert all(percent == pytest.approx(93.13, rel=1e-3) for _, percent in found)
    assert found[-1][0] <= rig.clock.ms


def test_the_volatility_index_pages_back_and_is_pushed(rig: Rig, store: Store) -> None:
    client = rig.client()
    found = b.Bars()
    second = NOW_MS // 1_000
    for number in range(1_500):
        time_ms = (second - number) * 1_000
        found.add(b.VOLATILITY, 0, (1,), time_ms, 50_000_000 + number)
    store.writer.add_bars(found)
    asked = {"currency": "BTC", "resolution": "1", "start_timestamp": 0}
    page = client.call("public/get_volatility_index_data", end_timestamp=EXPIRY_MS, **asked)
    assert len(page["data"]) == 1_000
    assert page["data"][-1] == [second * 1_000, 50.0, 50.0, 50.0, 50.0]
    rest = client.call("public/get_volatility_index_data", end_timestamp=page["continuation"], **asked)
    assert (len(rest["data"]), rest["continuation"]) == (500, None)
    assert rest["data"][-1][0] == page["data"][0][0] - 1_000
    channel = "deribit_volatility_index.btc_usd"
    client.call("public/subscribe", channels=[channel, "deribit_volatility_index.sol_usd"])
    assert client.taken(channel) == [
        {"timestamp": second * 1_000, "volatility": 50.0, "index_name": "btc_usd"}
    ]
    newer = b.Bars()
    newer.add(b.VOLATILITY, 0, (1,), NOW_MS + 1_000, 51_000_000)
    store.writer.add_bars(newer)
    for _ in range(25):
        rig.tick()
    assert [data["volatility"] for data in client.taken(channel)] == [51.0]
    other = rig.client()
    other.call("public/subscribe", channels=[channel])
    assert [data["volatility"] for data in other.taken(channel)] == [51.0]


# --- the thread ------------------------------------------------------------------------------------


class _Threadsafe(ManualLoop):
    def __init__(self) -> None:
        super().__init__()
        self.called = threading.Semaphore(0)

    def call_soon_threadsafe(self, callback: Any, /) -> None:
        self.call_soon(callback)
        self.called.release()


def test_a_thread_answers_and_says_when_it_is_busy(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "WAITING_MAX", 2)
    loop = _Threadsafe()
    asked = ThreadArchive(loop, Past(store.path, any_thread=True))
    store.writer.add_events([], 7)
    found: list[Answer] = []
    held = threading.Event()
    began = threading.Event()

    def work(_: Past) -> str:
        began.set()
        held.wait(10)
        return threading.current_thread().name

    def fail(_: Past) -> str:
        raise LookupError("no such thing")

    asked.ask(work, found.append)
    began.wait(10)
    asked.ask(fail, found.append)
    asked.ask(lambda past: past.trades(None, Span()), found.append)
    with pytest.raises(ArchiveBusy):
        asked.ask(work, found.append)
    held.set()
    for _ in range(3):
        assert loop.called.acquire(timeout=10)
    asked.close()
    loop.run()
    assert found[0] == Answer(7, "strikebook-archive")
    assert isinstance(found[1].error, LookupError)
    assert found[2] == Answer(7, [])


def test_no_store_is_an_answer() -> None:
    loop = ManualLoop()
    found: list[Answer] = []
    NoArchive(loop).ask(lambda past: 1, found.append)
    loop.run()
    assert found == [Answer(0, None)]
