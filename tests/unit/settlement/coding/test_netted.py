"""Batches netted."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.coding.adaptive import BitReader, BitWriter, number, signed
from settlement.coding.anchors import Anchors
from settlement.coding.dictionary import INSTRUMENTS, MAKERS, TAKERS, Dictionaries
from settlement.coding.limits import DecodeError
from settlement.coding.netted import Change, Known, Net, decode_net, encode_net
from tests.unit.settlement.coding.worlds import INSTRUMENTS as MANY
from tests.unit.settlement.coding.worlds import kind_of, steps


def fee_of(change: Change, makes: bool) -> int:
    return 0 if makes else 30 * abs(change.lots)


def known() -> Known:
    """Half of the ids are in dictionaries."""
    dictionaries = Dictionaries()
    for number_ in range(0, MANY, 2):
        dictionaries.move(INSTRUMENTS, number_, number_ % 5)
    for number_ in range(64, 68):
        dictionaries.move(MAKERS, number_, number_ - 64)
    for number_ in range(64, 200):
        dictionaries.move(TAKERS, number_, number_ % 3)
    anchors = Anchors.of((n, 200 * kind_of(n).step_ticks, 0) for n in range(MANY))
    return Known(dictionaries, anchors, kind_of, fee_of)


def net_of(count: int, seed: int) -> Net:
    """What random fills come to."""
    lots: Counter[tuple[int, int]] = Counter()
    value: Counter[tuple[int, int]] = Counter()
    for row in steps(count, seed):
        signed_lots = -row.size_lots if row.taker_sells else row.size_lots
        for account, side in ((row.taker, signed_lots), (row.maker, -signed_lots)):
            lots[account, row.instrument] += side
            value[account, row.instrument] += side * row.price_ticks
    rng = random.Random(seed)
    changes = tuple(Change(*key, lots[key], value[key]) for key in sorted(lots))
    accounts = sorted({change.account for change in changes})
    return Net(changes, tuple((account, -rng.choice((30, 300, 1_000_007))) for account in accounts))


class TestNet:
    @pytest.mark.parametrize("seed", range(4))
    def test_it_comes_back(self, seed: int) -> None:
        net = net_of(400, seed)
        assert decode_net(encode_net(net, known()), known()) == net

    def test_nothing_comes_back(self) -> None:
        assert decode_net(encode_net(Net((), ()), known()), known()) == Net((), ())

    @pytest.mark.parametrize(
        "change",
        [
            lambda net: Net((*net.changes[:-1], net.changes[-1]._replace(lots=1 << 40)), net.cash),
            lambda net: Net(net.changes[::-1], net.cash),
            lambda net: Net(net.changes, net.cash[1:]),
            lambda net: Net(net.changes, (*net.cash, (5, 1))),
        ],
    )
    def test_what_is_no_net_is_refused(self, change: object) -> None:
        assert callable(change)
        with pytest.raises(ValueError, match="in order"):
            encode_net(change(net_of(50, 1)), known())

    def test_changed_bytes_are_refused_or_another_net_s_own(self) -> None:
        rng = random.Random(2)
        data = encode_net(net_of(60, 2), known())
        for _ in range(60):
            bad = bytearray(data)
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            try:
                net = decode_net(bytes(bad), known())
            except DecodeError:
                continue
            assert encode_net(net, known()) == bad

    @given(st.binary(max_size=40))
    def test_any_bytes_are_survived(self, data: bytes) -> None:
        try:
            net = decode_net(data, known())
        except DecodeError:
            return
        assert encode_net(net, known()) == data


class TestAdaptiveCoder:
    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(-(1 << 70), 1 << 70)), max_size=60))
    def test_numbers_of_any_size_come_back(self, rows: list[tuple[int, int]]) -> None:
        writer = BitWriter()
        for context, value in rows:
            signed(writer, context, value)
        reader = BitReader(writer.finish())
        assert [signed(reader, context) for context, _ in rows] == [value for _, value in rows]

    def test_what_repeats_is_learnt(self) -> None:
        writer = BitWriter()
        for _ in range(1_000):
            number(writer, "same", 37)
        assert len(writer.finish()) < 100
