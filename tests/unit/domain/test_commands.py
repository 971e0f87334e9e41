"""Builders of commands: fields land where docs/formats.md puts them, and misfits are refused."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.legs import ComboLeg

u32 = st.integers(0, r.U32)
i64 = st.integers(-(1 << 63), limits.I64_MAX)
u64 = st.integers(0, (1 << 64) - 1)


def words(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 8}q", data)


@given(st.integers(0, 255), st.integers(1, 0xFFFF), u32, u32, u32, u64, u32, u32)
def test_header_words(
    kind: int, units: int, flags: int, account: int, instrument: int, client: int, grant: int, aux: int
) -> None:
    data = c.header(
        kind,
        units,
        flags=flags,
        account=account,
        instrument=instrument,
        client_order_id=client,
        grant=grant,
        aux=aux,
    )
    w0, w1, w2, w3 = struct.unpack("<4Q", data)
    assert w0 == kind | 1 << 8 | units << 16 | flags << 32
    assert w1 == account | instrument << 32
    assert w2 == client
    assert w3 == grant | aux << 32


@given(u32, u32, i64, i64, i64, i64)
def test_new_order_body(account: int, flags: int, price: int, size: int, display: int, until: int) -> None:
    data = c.new_order(account, 1, flags, price, size, display_lots=display, valid_until_ms=until)
    assert len(data) == 64
    assert words(data)[4:] == (price, size, display, until)


def test_amend_names_only_what_is_given() -> None:
    bare = c.amend(64, 9, size_lots=0)
    assert words(bare)[0] >> 32 == r.AMEND_SIZE
    full = c.amend(64, 9, price_ticks=1, size_lots=2, display_lots=3, post_only=False, reduce_only=True)
    assert words(full)[0] >> 32 == r.AMEND_FLAGS_ALLOWED & ~(r.FLAG_POST_ONLY | r.FLAG_REJECT_POST_ONLY)
    assert words(full)[4:] == (9, 1, 2, 3, 0, 0, 0, 0)


def test_amend_ignores_reject_without_post_only_given() -> None:
    assert words(c.amend(64, 9, size_lots=1, reject_post_only=True))[0] >> 32 == r.AMEND_SIZE


def test_quote_sides() -> None:
    data = c.mass_quote(64, [c.Quote(7, 5, 3, 9, None, set_label=2, post_only=True, reject_post_only=True)])
    instrument, label, bid, ask, bid_word, ask_word = struct.unpack_from("<IIqqII", data, 64)
    assert (instrument, label, bid, ask, ask_word) == (7, 2, 5, 9, 0)
    assert bid_word == 3 | r.QUOTE_PRESENT | r.QUOTE_POST_ONLY | r.QUOTE_REJECT_POST_ONLY


@pytest.mark.parametrize("lots", [-1, r.QUOTE_SIZE_MASK + 1])
def test_a_quote_size_beyond_28_bits_is_refused(lots: int) -> None:
    with pytest.raises(struct.error):
        c.mass_quote(64, [c.Quote(0, 1, lots)])


@pytest.mark.parametrize("text", ["x", "x" * 32, "x" * 33, "é" * 128])
def test_label_is_padded_to_whole_units(text: str) -> None:
    data = c.label(64, 5, text)
    raw = text.encode()
    assert len(data) == 32 * int.from_bytes(data[2:4], "little") == 32 * (1 + -(-len(raw) // 32))
    assert int.from_bytes(data[16:24], "little") == len(raw)
    assert data[32:].rstrip(b"\0") == raw


def test_owner_has_20_bytes() -> None:
    assert c.create_account(64, bytes(range(20)))[32:] == bytes(range(20)) + bytes(12)
    with pytest.raises(struct.error):
        c.create_account(64, bytes(19))


def test_a_main_account_is_the_last_word() -> None:
    assert words(c.create_account(65, bytes(20), 64))[4:] == (0, 0, 0, 64)


def test_rules_above_the_first_are_named_twice() -> None:
    for version, flags in ((0, 0), (1, 0), (2, 2), (9, 9)):
        w0, _, _, w3 = words(c.set_rules(version))
        assert (w0 >> 32, w3 >> 32) == (flags, version)


@pytest.mark.parametrize("symbol", ["B", "BTC", "SOLANA88"])
def test_symbols_go_round(symbol: str) -> None:
    assert c.symbol_text(c.symbol_word(symbol)) == symbol


@pytest.mark.parametrize("symbol", ["", "NINELONGS"])
def test_symbols_of_a_wrong_length_are_refused(symbol: str) -> None:
    with pytest.raises(struct.error):
        c.symbol_word(symbol)


@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1])
def test_integers_that_do_not_fit_are_refused(value: int) -> None:
    builders: tuple[Callable[[], bytes], ...] = (
        lambda: c.new_order(64, 0, 0, value, 1),
        lambda: c.deposit(64, value, 1),
        lambda: c.time(value),
        lambda: c.funding(0, value),
    )
    for build in builders:
        with pytest.raises(struct.error):
            build()


def _terms() -> st.SearchStrategy[c.InstrumentTerms]:
    word = st.integers(0, limits.I64_MAX)
    half = st.integers(0, (1 << 31) - 1)
    step = st.tuples(word, word)
    ratio = st.one_of(st.integers(-(1 << 31), -1), st.integers(1, (1 << 31) - 1))
    legs = st.lists(st.builds(ComboLeg, half, ratio), max_size=4).map(tuple)
    kinds = st.one_of(st.just(r.KIND_COMBO), st.integers(0, 255))
    kind_and_legs = kinds.flatmap(
        lambda kind: st.tuples(st.just(kind), legs if kind == r.KIND_COMBO else st.just(()))
    )
    terms = st.builds(
        c.InstrumentTerms,
        kind=st.just(0),
        option_type=st.integers(0, 255),
        underlying=half,
        expiry_ms=word,
        strike_micro=word,
        tick_micro=word,
        lot_e8=word,
        min_size_lots=word,
        price_limit_ticks=word,
        position_limit_lots=word,
        maker_fee_ppm=half,
        taker_fee_ppm=half,
        fee_cap_permille=half,
        delivery_fee_ppm=half,
        band_ppm=half,
        tick_steps=st.lists(step, max_size=4).map(tuple),
        legs=st.just(()),
    )
    return st.tuples(terms, kind_and_legs).map(
        lambda both: both[0]._replace(kind=both[1][0], legs=both[1][1])
    )


@given(_terms())
def test_terms_go_round(terms: c.InstrumentTerms) -> None:
    data = c.pack_terms(terms)
    assert len(data) == 6 * r.UNIT_BYTES
    assert e.unpack_terms(data, 0) == terms


def test_multiplier_is_exact() -> None:
    terms = c.InstrumentTerms(1, 1, 0, 1, 1, 5_000_000, 1_000_000, 1, 1, 1, 0, 0, 0, 0, 0)
    assert terms.multiplier_micro == 50_000


@given(st.lists(st.sampled_from([c.time(5), c.set_mode(0), c.label(64, 1, "x" * 40)])))
def test_split_cuts_what_was_joined(commands: list[bytes]) -> None:
    assert c.split(b"".join(commands)) == commands


@pytest.mark.parametrize("batch", [bytes(32), c.time(1)[:-1], c.time(1) + b"\1"])
def test_split_refuses_lengths_that_do_not_add_up(batch: bytes) -> None:
    with pytest.raises(ValueError, match="wrong unit count"):
        c.split(batch)
