"""Rules version 3 is known: its commands, who may send them, and that they are nothing before it."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.core.harness import ALICE, OPTION, Market, last, only, reason, under_rules_2

LIMITS = co.MmpLimits(1_000, 0, 0, 0, 0, 10**9)
OURS = {
    "SET_MMP": co.set_mmp(ALICE, 0, 0, LIMITS),
    "RESET_MMP": co.reset_mmp(ALICE, 0, 0),
    "SET_ID_WINDOW": co.set_id_window(5),
}


def test_version_3_is_said_twice() -> None:
    market = Market(engine := Engine())
    assert reason(market.send(c.header(r.SET_RULES, 1, aux=3))) == "bad_value"
    assert only(market.send(c.set_rules(3)), e.Done).command == r.SET_RULES
    assert engine.rules_version == 3
    assert reason(market.send(c.set_rules(2))) == "bad_value"


@pytest.mark.parametrize("command", OURS.values(), ids=OURS)
def test_the_commands_are_malformed_before_rules_3(command: bytes) -> None:
    market = Market(Engine())
    assert reason(market.send(command)) == "malformed"
    assert reason(under_rules_2(market).send(command)) == "malformed"
    market.send(c.set_rules(3))
    assert not isinstance(market.send(command)[0], e.Rejected) or reason(market.send(command)) != "malformed"


@pytest.mark.parametrize("command", OURS.values(), ids=OURS)
@pytest.mark.parametrize("byte", [1, 2, 4], ids=["version", "units", "flags"])
def test_their_shape_is_judged(market_3: Market, command: bytes, byte: int) -> None:
    changed = bytearray(command)
    changed[byte] += 1
    if byte == 2:
        changed += bytes(32)
    assert reason(market_3.send(bytes(changed))) == "malformed"


@pytest.mark.parametrize("word", [5, 6, 7])
def test_words_of_the_id_window_without_a_meaning_are_zero(market_3: Market, word: int) -> None:
    changed = bytearray(co.set_id_window(5))
    changed[word * 8] = 1
    assert reason(market_3.send(bytes(changed))) == "malformed"


@pytest.mark.parametrize("word", [10, 11])
def test_words_of_a_group_without_a_meaning_are_zero(market_3: Market, word: int) -> None:
    changed = bytearray(co.set_mmp(ALICE, 0, 0, LIMITS))
    changed[word * 8] = 1
    assert reason(market_3.send(bytes(changed))) == "malformed"


def test_who_may(market_3: Market) -> None:
    assert only(market_3.send(co.set_mmp(ALICE, 0, 0, LIMITS, grant=7)), e.Mmp).kind == r.MMP_SET
    assert only(market_3.send(co.reset_mmp(ALICE, 0, 0, grant=7)), e.Mmp).kind == r.MMP_RESET
    as_a_user = bytearray(co.set_id_window(5))
    as_a_user[24] = 7
    assert reason(market_3.send(bytes(as_a_user))) == "not_authorised"


@pytest.mark.parametrize(
    ("window", "refused"),
    [(0, True), (-1, True), (1, False), (limits.MAX_ID_WINDOW, False), (limits.MAX_ID_WINDOW + 1, True)],
)
def test_the_bounds_of_the_id_window(market_3: Market, window: int, refused: bool) -> None:
    events = market_3.send(co.set_id_window(window))
    if refused:
        assert reason(events) == "bad_value"
    else:
        assert only(events, e.Done).command == r.SET_ID_WINDOW


def test_the_protected_bit_is_bad_before_rules_3(market_2: Market) -> None:
    assert reason(market_2.order(ALICE, 100, 1, r.FLAG_MMP)) == "bad_flags"


def test_quotes_of_a_group_are_bad_before_rules_3(market_2: Market) -> None:
    assert reason(market_2.send(c.mass_quote(ALICE, [c.Quote(OPTION, 90, 1)], mmp_group=1))) == "bad_flags"


def test_a_freeze_needs_rules_3(market_2: Market) -> None:
    frozen = c.header(r.CANCEL_MANY, 1, flags=r.FREEZE_QUOTES, account=ALICE)
    assert reason(market_2.send(frozen)) == "bad_flags"


def test_ids_may_repeat_before_rules_3(market_2: Market) -> None:
    order = c.new_order(ALICE, OPTION, 0, 100, 1, client_order_id=5)
    assert [o.state for o in market_2.send(order, order) if isinstance(o, e.Order)] == [1, 1]


class TestFreeze:
    """CANCEL_MANY with bit 8: no quotes for a second."""

    FREEZE = c.header(r.CANCEL_MANY, 1, flags=r.FREEZE_QUOTES, account=ALICE)

    def test_quotes_are_refused_for_a_second(self, market_3: Market) -> None:
        market_3.send(c.time(5_000))
        quote = c.mass_quote(ALICE, [c.Quote(OPTION, 90, 1)])
        market_3.send(quote)
        assert last(market_3.send(self.FREEZE), e.Done).affected == 1
        refused = only(market_3.send(quote), e.Rejected)
        assert (refused.reason, refused.detail, refused.position) == (51, 6_000, -1)
        market_3.send(c.time(5_999))
        assert reason(market_3.send(quote)) == "quotes_frozen"
        market_3.send(c.time(6_000))
        assert last(market_3.send(quote), e.Done).affected == 1

    def test_it_needs_no_quote_and_hits_orders_and_others_not(self, market_3: Market) -> None:
        assert only(market_3.send(self.FREEZE), e.Done).affected == 0
        market_3.rests(ALICE, 90, 1)
        assert last(market_3.send(c.mass_quote(65, [c.Quote(OPTION, 90, 1)])), e.Done).affected == 1

    def test_a_lock_comes_first(self, market_3: Market) -> None:
        market_3.send(self.FREEZE, cr.set_lock(ALICE, True))
        assert reason(market_3.send(c.mass_quote(ALICE, []))) == "account_locked"

    def test_a_refused_cancel_freezes_nothing(self, market_3: Market) -> None:
        bad = c.header(r.CANCEL_MANY, 1, flags=r.FREEZE_QUOTES | 5, account=ALICE)
        assert reason(market_3.send(bad)) == "bad_flags"
        assert last(market_3.send(c.mass_quote(ALICE, [c.Quote(OPTION, 90, 1)])), e.Done).affected == 1

    def test_only_quotes_may_be_cancelled_with_it(self, market_3: Market) -> None:
        market_3.rests(ALICE, 90, 1)
        market_3.send(c.mass_quote(ALICE, [c.Quote(OPTION, 91, 1)]))
        flags = r.FREEZE_QUOTES | r.WHICH_QUOTES << r.WHICH_SHIFT
        events = market_3.send(c.header(r.CANCEL_MANY, 1, flags=flags, account=ALICE))
        assert last(events, e.Done).affected == 1

    def test_it_outlives_a_restart(self) -> None:
        market = under_rules_2(Market(engine := Engine()))
        market.send(c.set_rules(3), self.FREEZE)
        restored = Engine.restore(engine.state_bytes())
        check(restored)
        assert restored.state_bytes() == engine.state_bytes()
        (refused,) = e.read_events(restored.apply(c.mass_quote(ALICE, [])))
        assert isinstance(refused, e.Rejected)
        assert refused.reason == 51


class TestLostConnection:
    """Cancels that say why: nothing but the reason differs."""

    def test_one_order(self, market_3: Market) -> None:
        first, second = market_3.rests(ALICE, 90, 1), market_3.rests(ALICE, 91, 1)
        lost = bytearray(c.cancel(ALICE, first))
        lost[4] = r.ONE_DISCONNECTED
        found = only(market_3.send(bytes(lost)), e.Order)
        assert (found.order_id, found.kind, found.reason) == (first, r.ORDER_CANCELLED, 19)
        assert only(market_3.send(c.cancel(ALICE, second)), e.Order).reason == r.CANCEL_USER
        assert reason(market_3.send(bytes(lost))) == "order_not_found"

    def test_other_bits_are_malformed(self, market_3: Market) -> None:
        order_id = market_3.rests(ALICE, 90, 1)
        for bit in (2, 3, 1 << 12, 1 << 31):
            lost = bytearray(c.cancel(ALICE, order_id))
            lost[4:8] = bit.to_bytes(4, "little")
            assert reason(market_3.send(bytes(lost))) == "malformed"

    def test_many(self, market_3: Market) -> None:
        for price in (90, 91):
            market_3.rests(ALICE, price, 1)
        lost = c.header(r.CANCEL_MANY, 1, flags=r.MANY_DISCONNECTED, account=ALICE)
        events = market_3.send(lost)
        assert [event.reason for event in events[:2] if isinstance(event, e.Order)] == [19, 19]
        assert last(events, e.Done).affected == 2
        assert last(market_3.send(c.mass_quote(ALICE, [c.Quote(OPTION, 90, 1)])), e.Done).affected == 1

    @pytest.mark.parametrize("bit", [13, 14, 31])
    def test_bits_beyond_are_bad(self, market_3: Market, bit: int) -> None:
        assert reason(market_3.send(c.header(r.CANCEL_MANY, 1, flags=1 << bit, account=ALICE))) == "bad_flags"

    def test_not_before_rules_3(self, market_2: Market) -> None:
        order_id = market_2.rests(ALICE, 90, 1)
        lost = bytearray(c.cancel(ALICE, order_id))
        lost[4] = r.ONE_DISCONNECTED
        assert reason(market_2.send(bytes(lost))) == "malformed"
        many = c.header(r.CANCEL_MANY, 1, flags=r.MANY_DISCONNECTED, account=ALICE)
        assert reason(market_2.send(many)) == "bad_flags"


class TestTypes:
    """CANCEL_MANY's bits 9 to 11."""

    @pytest.mark.parametrize(("types", "hit"), [(0, 2), (1, 2), (2, 0), (3, 0), (4, 0), (5, 0)])
    def test_what_is_in_the_book_has_no_trigger(self, market_3: Market, types: int, hit: int) -> None:
        market_3.rests(ALICE, 90, 1)
        market_3.send(c.mass_quote(ALICE, [c.Quote(OPTION, 90, 1)]))
        many = c.header(r.CANCEL_MANY, 1, flags=types << r.TYPE_FILTER_SHIFT, account=ALICE)
        assert last(market_3.send(many), e.Done).affected == hit

    @pytest.mark.parametrize("types", [6, 7])
    def test_other_types_are_bad(self, market_3: Market, types: int) -> None:
        many = c.header(r.CANCEL_MANY, 1, flags=types << r.TYPE_FILTER_SHIFT, account=ALICE)
        assert reason(market_3.send(many)) == "bad_flags"

    def test_not_before_rules_3(self, market_2: Market) -> None:
        many = c.header(r.CANCEL_MANY, 1, flags=1 << r.TYPE_FILTER_SHIFT, account=ALICE)
        assert reason(market_2.send(many)) == "bad_flags"
