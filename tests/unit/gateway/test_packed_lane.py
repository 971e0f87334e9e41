"""The fast lane: packed commands have the effects, limits and refusals of their JSON twins."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clients import fast_lane
from clients.fast_lane import Acks, Refused, amend, cancel, cancel_all, mass_quote, new_order
from exchange.domain import lane, rejects
from exchange.domain import records as r
from exchange.domain.commands import Quote
from exchange.wire import errors
from exchange.wire.credits import CreditMeter, CreditPolicy, Pool
from tests.unit.gateway.lane_rig import LanePeer, LaneRig
from tests.unit.gateway.rig import OPTION


@pytest.fixture
def rig() -> LaneRig:
    rig = LaneRig()
    rig.open()
    return rig


def bid(price_ticks: int = 990, size_lots: int = 10, **more: int) -> bytes:
    return new_order(0, sell=False, price_ticks=price_ticks, size_lots=size_lots, **more)


def offer(price_ticks: int = 1_000, size_lots: int = 10, **more: int) -> bytes:
    return new_order(0, sell=True, price_ticks=price_ticks, size_lots=size_lots, **more)


def test_orders_are_placed_amended_and_cancelled(rig: LaneRig) -> None:
    peer = rig.join()
    first, second = peer.run(bid(client_order_id=7), offer())
    assert first.accepted
    assert (first.command, first.order_state, first.client_order_id) == (r.NEW_ORDER, r.ORDER_STATE_OPEN, 7)
    assert (first.price_ticks, first.open_lots, first.filled_lots) == (990, 10, 0)
    assert second.seq == first.seq + 1
    (changed,) = peer.run(amend(first.order_id, price_ticks=980, size_lots=20))
    assert (changed.order_id, changed.price_ticks, changed.open_lots) == (first.order_id, 980, 20)
    gone, rest = peer.run(cancel(first.order_id), cancel_all())
    assert (gone.order_state, gone.reason) == (r.ORDER_STATE_CANCELLED, r.CANCEL_USER)
    assert (rest.command, rest.number) == (r.CANCEL_MANY, 1)
    assert rig.engine.open_order_count == 0


def test_what_the_lane_does_json_sees(rig: LaneRig) -> None:
    account = rig.trader()
    (ack,) = rig.join(account).run(bid())
    (seen,) = rig.connect(account).call("private/get_open_orders")
    assert seen["order_id"] == str(ack.order_id)
    assert seen["instrument_name"] == OPTION
    assert seen["price"] == ack.price_ticks * 5.0


def test_both_sides_of_a_match_are_told(rig: LaneRig) -> None:
    maker, taker = rig.join(), rig.join()
    maker.run(offer(1_000, 4), offer(1_001, 4))
    (ack,) = taker.run(bid(1_001, 6))
    assert (ack.number, ack.filled_lots, ack.order_state) == (2, 6, r.ORDER_STATE_FILLED)
    assert ack.filled_value == 4 * 1_000 + 2 * 1_001
    maker.take()
    assert [(fill.price_ticks, fill.size_lots) for fill in taker.fills] == [(1_000, 4), (1_001, 2)]
    assert [fill.trade_id for fill in maker.fills] == [fill.trade_id for fill in taker.fills]
    assert all(fill.is_taker and not fill.sells and fill.fee_micro > 0 for fill in taker.fills)
    assert all(fill.sells and not fill.is_taker for fill in maker.fills)
    assert {fill.order_id for fill in taker.fills} == {ack.order_id}


def test_a_mass_quote_is_one_command_and_tells_refused_sides(rig: LaneRig) -> None:
    peer = rig.join(cancel_on_disconnect=True)
    quotes = [Quote(0, 990, 5, 1_010, 5), Quote(1, 990, 5, 1_010, 1 << 27), Quote(77, 990, 5)]
    head, *refused = peer.run(mass_quote(quotes))
    assert (head.status, head.number) == (lane.ACCEPTED, 3)
    assert [ack.status for ack in refused] == [lane.SIDE_REFUSED] * 2
    assert [ack.order_id for ack in refused] == [3, 4]  # entry · 2 + side
    assert rejects.UNKNOWN_INSTRUMENT in {ack.reason for ack in refused}


def test_a_refused_command_leaves_its_neighbours(rig: LaneRig) -> None:
    peer = rig.join()
    good, bad, unknown, also = peer.run(bid(), bid(size_lots=0), cancel(1 << 40), bid(980))
    assert good.accepted
    assert also.accepted
    assert (bad.status, bad.reason) == (lane.REJECTED, rejects.BAD_SIZE)
    assert (unknown.status, unknown.reason) == (lane.REJECTED, rejects.ORDER_NOT_FOUND)


def test_nobody_touches_anothers_orders(rig: LaneRig) -> None:
    (mine,) = rig.join().run(bid())
    stranger = rig.join()
    taken, changed = stranger.run(cancel(mine.order_id), amend(mine.order_id, price_ticks=900))
    assert {taken.reason, changed.reason} == {rejects.NOT_OWNER}
    (none,) = stranger.run(cancel_all())
    assert none.number == 0
    assert rig.engine.open_order_count == 1


REFUSED: list[tuple[str, Callable[[LanePeer], bytes | None], int]] = [
    ("text", lambda _: None, errors.INVALID_CONTENT_TYPE),
    ("nothing", lambda _: b"", errors.BAD_REQUEST),
    ("half a unit", lambda p: p.numbers.commands([bid()])[:-1], errors.BAD_REQUEST),
    ("another version", lambda p: b"\x02\x02" + p.numbers.commands([bid()])[2:], errors.BAD_REQUEST),
    ("another type", lambda p: b"\x63" + p.numbers.commands([bid()])[1:], errors.METHOD_NOT_FOUND),
    ("an answer", lambda p: b"\x82" + p.numbers.commands([bid()])[1:], errors.METHOD_NOT_FOUND),
    ("too long", lambda p: p.numbers.commands([bid()]) + bytes(1 << 16), errors.TOO_LARGE),
    ("no commands", lambda p: p.numbers.commands([bid()])[:32], errors.BAD_REQUEST),
    ("a count too low", lambda p: p.numbers.commands([bid()]) + bid(), errors.BAD_REQUEST),
    ("a count too high", lambda p: p.numbers.commands([bid(), bid()])[:-64], errors.BAD_REQUEST),
    ("a cut command", lambda p: p.numbers.commands([bid()])[:-32], errors.BAD_REQUEST),
    ("header words", lambda p: p.numbers.commands([bid()])[:16] + b"\1" * 16 + bid(), errors.BAD_REQUEST),
    ("a deposit", lambda p: p.numbers.commands([b"\x12" + bid()[1:]]), errors.BAD_REQUEST),
    ("marks", lambda p: p.numbers.commands([b"\x18" + bid()[1:]]), errors.BAD_REQUEST),
    ("a record version", lambda p: p.numbers.commands([bid()[:1] + b"\2" + bid()[2:]]), errors.BAD_REQUEST),
    ("units", lambda p: p.numbers.commands([bid()[:2] + b"\1" + bid()[3:]]), errors.BAD_REQUEST),
    ("no units", lambda p: p.numbers.commands([bid()[:2] + b"\0" + bid()[3:]]), errors.BAD_REQUEST),
    ("an account", lambda p: p.numbers.commands([bid()[:8] + b"\x40" + bid()[9:]]), errors.BAD_REQUEST),
    ("a grant", lambda p: p.numbers.commands([bid()[:24] + b"\1" + bid()[25:]]), errors.BAD_REQUEST),
    ("a label", lambda p: p.numbers.commands([bid()[:28] + b"\1" + bid()[29:]]), errors.BAD_REQUEST),
    ("a venue's flag", lambda p: p.numbers.commands([b"\3\1\2\0\1" + cancel(1)[5:]]), errors.BAD_REQUEST),
]


@pytest.mark.parametrize(("make", "code"), [x[1:] for x in REFUSED], ids=[x[0] for x in REFUSED])
def test_a_message_that_is_none_is_refused_whole(
    make: Callable[[LanePeer], bytes | None], code: int, rig: LaneRig
) -> None:
    peer = rig.join()
    seq = rig.engine.next_seq
    (answer,) = peer.send(make(peer))
    assert isinstance(answer, Refused)
    assert answer.code == code
    assert rig.engine.next_seq == seq
    assert not peer.session.close_code
    peer.numbers = fast_lane.Lane()
    assert peer.run(bid())[0].accepted


def test_runs_are_numbered_without_gaps(rig: LaneRig) -> None:
    peer = rig.join()
    first = peer.numbers.commands([bid()])
    assert isinstance(peer.send(first)[0], Acks)
    (again,) = peer.send(first)
    assert isinstance(again, Refused)
    assert (again.code, again.sequence) == (errors.BAD_REQUEST, 1)
    peer.numbers.commands([bid()])
    (late,) = peer.send(peer.numbers.commands([bid()]))
    assert isinstance(late, Refused)
    assert rig.engine.open_order_count == 1


def test_hello_comes_first_and_scopes_hold(rig: LaneRig) -> None:
    peer = rig.bare()
    assert peer.refused([bid()]).code == errors.UNAUTHORIZED
    reader = rig.join(scopes=frozenset({"trade:read"}))
    assert reader.refused([bid()]).code == errors.FORBIDDEN
    (blind,) = rig.bare().send(fast_lane.hello(rig.token(rig.trader(), frozenset({"account:read"}))))
    assert isinstance(blind, Refused)
    assert blind.code == errors.FORBIDDEN
    for token in ("", "x", "a.b", "é"):
        (answer,) = peer.send(fast_lane.hello(token))
        assert isinstance(answer, Refused)
        assert answer.code in (errors.UNAUTHORIZED, errors.BAD_REQUEST)


def test_hello_again_takes_another_account(rig: LaneRig) -> None:
    peer = rig.join()
    peer.run(bid())
    other = rig.trader()
    peer.send(fast_lane.hello(rig.token(other), fills=False))
    assert peer.run(bid())[0].accepted
    assert len(rig.connect(other).call("private/get_open_orders")) == 1


def test_the_budget_is_that_of_json_and_cancels_go_through(rig: LaneRig) -> None:
    peer = rig.join()
    few, none = Pool(3, 0, 1), Pool(0, 0, 1)
    peer.meter = CreditMeter(CreditPolicy(none, none, none, (few,)), rig.clock.now_us())
    assert peer.refused([bid()] * 4).code == errors.TOO_MANY_REQUESTS
    (answer,) = peer.send(peer.numbers.commands([bid()] * 3))
    assert isinstance(answer, Acks)
    assert answer.budget == 0
    assert peer.refused([bid()]).code == errors.TOO_MANY_REQUESTS
    gone = peer.run(*(cancel(ack.order_id) for ack in answer.acks))
    assert all(ack.accepted for ack in gone)
    (answer,) = peer.send(fast_lane.hello(rig.token(peer.session.account or 0)))
    assert isinstance(answer, Refused)
    assert answer.code == errors.TOO_MANY_REQUESTS


def test_orders_die_with_a_connection_that_asked_for_it(rig: LaneRig) -> None:
    stays, goes = rig.join(), rig.join(cancel_on_disconnect=True)
    stays.run(bid())
    goes.run(bid(980), mass_quote([Quote(1, 990, 5, 1_010, 5)]))
    assert rig.engine.open_order_count == 4
    stays.close()
    goes.close()
    assert rig.engine.open_order_count == 1


def test_quotes_need_cancel_on_disconnect_where_the_venue_says_so(rig: LaneRig) -> None:
    rig.venue.disconnects.quotes_need_it = True
    quotes = [mass_quote([Quote(1, 990, 5, 1_010, 5)])]
    assert rig.join().refused(quotes).code == errors.COD_NOT_ENABLED
    assert rig.join(cancel_on_disconnect=True).run(*quotes)[0].accepted


def test_switched_off_products_stay_so(rig: LaneRig) -> None:
    account = rig.trader()
    peer = rig.join(account)
    (open_order,) = peer.run(bid())
    rig.venue.settings.change(account, disabled_products=("options",))
    assert peer.refused([bid()]).code == errors.FORBIDDEN
    assert peer.refused([amend(open_order.order_id, price_ticks=980)]).code == errors.FORBIDDEN
    assert peer.run(cancel(open_order.order_id))[0].accepted
    perpetual = new_order(2, sell=False, price_ticks=199_000, size_lots=1)
    assert peer.run(perpetual)[0].accepted


def test_a_client_order_id_sent_twice_is_one_order(rig: LaneRig) -> None:
    peer = rig.join()
    (first,) = peer.run(bid(client_order_id=5))
    (again,) = peer.run(bid(client_order_id=5))
    if again.status == lane.REPEATED:  # from rules version 3 on
        assert again.order_id == first.order_id
        assert rig.engine.open_order_count == 1


def test_a_halt_is_told(rig: LaneRig) -> None:
    peer = rig.join()
    rig.venue.sequencer._halt(OSError("the disk"))
    assert peer.refused([bid()]).code == errors.TEMPORARILY_UNAVAILABLE


def test_a_refused_hello_leaves_nobody_in(rig: LaneRig) -> None:
    peer = rig.join()
    (answer,) = peer.send(fast_lane.hello(rig.token(rig.trader(), frozenset({"account:read"}))))
    assert isinstance(answer, Refused)
    assert peer.refused([bid()]).code == errors.UNAUTHORIZED
