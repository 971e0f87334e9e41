"""Turns, replies that come, come late, make no sense or do not come: the marks go on."""

import numpy as np
import pytest

from exchange.domain import records as r
from exchange.oracle.fitter import InlineFitter, NoFitter
from exchange.oracle.marks import MarkedInstrument, UnderlyingMarks
from exchange.oracle.premium import PerpetualPremium
from exchange.oracle.refit_job import RefitReply, RefitRequest
from exchange.oracle.refit_worker import SurfaceWorker
from exchange.oracle.refits import INTERVAL_MS, LATE_MS, STEP_MS, Refits
from pricing.european import Floats
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface
from tests.unit.oracle.books import INDEX, NOW_MS, book

SURFACE = simulated_surface("BTC")


def make_marks(number: int = 0) -> UnderlyingMarks:
    marks = UnderlyingMarks(number, "BTC", SURFACE, FlatCarry(0.0), PerpetualPremium(1, NOW_MS))
    columns = book(SURFACE)
    marks.set_instruments(
        MarkedInstrument(n, r.KIND_OPTION, int(k * 1e6), int(expiry_ms), bool(call))
        for n, (expiry_ms, k, call) in enumerate(columns[:3].T.tolist())
    )
    return marks


def request_of(marks: UnderlyingMarks, columns: Floats, at_ms: int = NOW_MS) -> RefitRequest:
    return RefitRequest(marks.symbol, marks.underlying_id, marks.listing, at_ms, columns)


@pytest.fixture
def marks() -> UnderlyingMarks:
    marks = make_marks()
    marks.mark(INDEX, NOW_MS)
    return marks


def test_a_reply_becomes_the_surface_of_the_marks(marks: UnderlyingMarks) -> None:
    refits = Refits(InlineFitter(SurfaceWorker().handle), [marks])
    assert refits.report(0, NOW_MS).status == "initial"
    before = marks.chain.iv.copy()
    columns = book(SURFACE, shift=0.05)
    columns[4:6, 4] += 200.0
    refits.submit(request_of(marks, columns), NOW_MS)
    for ms in range(0, 2_000, STEP_MS):  # at its pace
        refits.poll(NOW_MS - 2_000 + ms)
    assert refits.report(0, NOW_MS).bounds == ()
    marks.mark(INDEX, NOW_MS + 20)
    assert np.median(marks.chain.iv - before) == pytest.approx(0.05, abs=0.01)
    assert np.flatnonzero(marks.chain.pull).tolist() == [4]
    report = refits.report(0, NOW_MS + 20)
    assert (report.status, report.age_ms, report.expiries) == ("fresh", 20, 3)
    assert report.error_bp is not None


def test_a_pull_stays_with_its_option_through_a_new_listing(marks: UnderlyingMarks) -> None:
    marks.set_pull(np.arange(30.0))
    listing = marks.listing
    marks.set_instruments([MarkedInstrument(7, r.KIND_OPTION, 98_000_000_000, NOW_MS + 9 * 86_400_000, True)])
    assert marks.listing == listing + 1
    assert marks.chain.pull.tolist() == [7.0]
    assert not np.isnan(marks.chain.mark).any()


def test_a_reply_for_another_listing_gives_its_surface_but_no_pulls(marks: UnderlyingMarks) -> None:
    refits = Refits(InlineFitter(SurfaceWorker().handle), [marks])
    columns = book(SURFACE, shift=0.05)
    columns[4:6, 4] += 200.0
    refits.submit(request_of(marks, columns), NOW_MS)
    marks.set_instruments([MarkedInstrument(0, r.KIND_OPTION, 98_000_000_000, NOW_MS + 86_400_000, True)])
    refits.poll(NOW_MS)
    assert refits.report(0, NOW_MS).status == "fresh"
    assert marks.chain.pull.tolist() == [0.0]
    assert marks.chain.surface is not SURFACE


def test_every_underlying_has_its_turn_and_none_before_its_first_mark() -> None:
    both = [make_marks(0), make_marks(1)]
    refits = Refits(InlineFitter(SurfaceWorker().handle), both)
    assert refits.due(NOW_MS) is None
    for marks in both:
        marks.mark(INDEX, NOW_MS)
    turns = []
    for ms in range(0, INTERVAL_MS + 100, 100):
        marks_due = refits.due(NOW_MS + ms)
        if marks_due is not None:
            turns.append((ms, marks_due.underlying_id))
            refits.submit(request_of(marks_due, book(SURFACE)), NOW_MS + ms)
            refits.poll(NOW_MS + ms)
    assert turns == [(0, 0), (100, 1), (INTERVAL_MS, 0)]
    script = Script()
    late = Refits(script, both)
    script.is_busy = True
    assert late.due(NOW_MS) is None  # a sweep nobody would take is not made
    script.is_busy = False
    late.submit(request_of(both[0], book(SURFACE)), NOW_MS)
    assert late.due(NOW_MS + 10 * INTERVAL_MS) is both[1]  # who has waited longest
    refits.poll(NOW_MS)
    assert refits.due(NOW_MS - 60_000) is not None  # the clock stepped back


class Script:
    """A worker that says what it was told to say."""

    def __init__(self, *replies: bytes | None) -> None:
        self.replies = list(replies)
        self.failures = 0
        self.is_busy = False
        self.stopped = False

    def submit(self, request: bytes, now_ms: int) -> bool:
        return True

    def poll(self, now_ms: int) -> bytes | None:
        return self.replies.pop(0) if self.replies else None

    def stop(self) -> None:
        self.stopped = True


def good(marks: UnderlyingMarks) -> RefitReply:
    return RefitReply.decode(SurfaceWorker().handle(request_of(marks, book(SURFACE)).encode()))


def changed(reply: RefitReply, **fields: object) -> bytes:
    names = RefitReply.__dataclass_fields__
    return RefitReply(**{**{name: getattr(reply, name) for name in names}, **fields}).encode()


def test_nonsense_changes_nothing_and_is_told(marks: UnderlyingMarks) -> None:
    reply = good(marks)
    broken = reply.slices.copy()
    broken[2] = np.nan
    bad_pull = np.full(30, np.inf)
    replies = (changed(reply, underlying=9), changed(reply, slices=broken), changed(reply, pull=bad_pull))
    script = Script(b"nonsense", *replies)
    refits = Refits(script, [marks])
    for _ in range(3):
        refits.poll(NOW_MS)
        assert marks.chain.surface is SURFACE
    assert refits.report(0, NOW_MS).status == "negative_surface"
    assert refits.refused == {"negative_surface": 1}
    refits.poll(NOW_MS)
    assert marks.chain.surface is not SURFACE
    assert not marks.chain.pull.any()
    refits.stop()
    assert script.stopped


def test_a_surface_nobody_renews_ages_and_is_called_late(marks: UnderlyingMarks) -> None:
    refits = Refits(Script(good(marks).encode()), [marks])
    refits.poll(NOW_MS)
    kept = marks.chain.surface
    later = NOW_MS + LATE_MS + 1
    refits.poll(later)
    assert refits.report(0, later).status == "late"
    assert marks.chain.surface is kept
    much_later = NOW_MS + 3 * 86_400_000  # the first expiry has passed
    refits.poll(much_later)
    assert marks.chain.surface is not kept
    marks.mark(INDEX, much_later)
    assert np.isfinite(marks.chain.mark).all()
    assert refits.report(0, much_later).status == "late"


def test_a_failed_fit_is_told_and_the_surface_stays(marks: UnderlyingMarks) -> None:
    none = {"expiry_ms": np.zeros(0, np.int64), "slices": np.zeros((6, 0))}
    reply = good(marks)
    refits = Refits(Script(reply.encode(), changed(reply, status="failed", **none)), [marks])
    refits.poll(NOW_MS)
    kept = marks.chain.surface
    refits.poll(NOW_MS + 3_000)
    assert marks.chain.surface is kept
    assert refits.report(0, NOW_MS + 3_000).status == "failed"


def test_without_a_worker_the_first_surface_stays(marks: UnderlyingMarks) -> None:
    refits = Refits(NoFitter(), [marks])
    refits.submit(request_of(marks, book(SURFACE)), NOW_MS)
    refits.poll(NOW_MS + 60_000)
    refits.stop()
    assert marks.chain.surface is SURFACE
    assert (refits.failures, refits.report(0, NOW_MS).status) == (0, "initial")
