"""The surface worker: fits what is quoted, keeps to its anchor, pulls what the book contradicts."""

import numpy as np
import pytest

from exchange.oracle.refit_job import BadJobError, RefitReply
from exchange.oracle.refit_worker import SurfaceWorker, sampled
from pricing.european import Floats
from pricing.simulated_surface import simulated_surface
from pricing.surface import check_all
from tests.unit.oracle.books import DAY_MS, INDEX, NOW_MS, book, request

SURFACE = simulated_surface("BTC")


def ask(worker: SurfaceWorker, columns: Floats, at_ms: int = NOW_MS) -> RefitReply:
    return RefitReply.decode(worker.handle(request(columns, at_ms)))


def vols(reply: RefitReply, columns: Floats) -> Floats:
    surface = reply.surface(reply.at_ms)
    assert surface is not None
    return surface.vol(np.log(columns[1] / columns[3]), (columns[0] - reply.at_ms) / (365.0 * DAY_MS))


def test_a_book_quoted_on_the_surface_gives_that_surface_and_no_pull() -> None:
    columns = book(SURFACE)
    reply = ask(SurfaceWorker(), columns)
    assert reply.status in ("fresh", "held")
    assert (reply.underlying, reply.listing, reply.at_ms) == (0, 1, NOW_MS)
    want = SURFACE.vol(np.log(columns[1] / INDEX), (columns[0] - NOW_MS) / (365.0 * DAY_MS))
    assert vols(reply, columns) == pytest.approx(want, abs=5e-3)
    assert np.abs(reply.pull).max() == 0.0
    assert reply.error_bp < 10.0


def test_a_book_quoted_elsewhere_moves_the_surface_there_within_its_spread() -> None:
    worker = SurfaceWorker()
    before = vols(ask(worker, book(SURFACE)), book(SURFACE))
    for second in range(1, 4):
        columns = book(SURFACE, NOW_MS + 3_000 * second, shift=0.06)
        reply = ask(worker, columns, NOW_MS + 3_000 * second)
    moved = vols(reply, columns) - before
    assert reply.status in ("fresh", "held")
    assert np.median(moved) == pytest.approx(0.06, abs=0.0125)
    surface = reply.surface(reply.at_ms)
    assert surface is not None
    assert check_all(surface.slices).is_free


def test_an_echoing_book_is_drawn_back_to_the_anchor() -> None:
    """Makers who quote around the marks say nothing: what they echo must fade, not stay or grow."""
    worker = SurfaceWorker()
    columns = book(SURFACE, shift=0.05, half_spread=0.02)
    reply = ask(worker, columns)
    anchor = vols(ask(SurfaceWorker(), book(SURFACE)), columns)
    gaps = []
    for turn in range(1, 26):
        at_ms = NOW_MS + 3_000 * turn
        surface = reply.surface(at_ms)
        assert surface is not None
        columns = book(surface, at_ms, half_spread=0.02)
        reply = ask(worker, columns, at_ms)
        gaps.append(float(np.median(np.abs(vols(reply, columns) - anchor))))
    assert gaps[0] > 0.03
    assert gaps[-1] < 0.01


def test_without_quotes_the_last_good_surface_stays() -> None:
    worker = SurfaceWorker()
    columns = book(SURFACE, shift=0.06)
    quoted = vols(ask(worker, columns), columns)
    empty = columns.copy()
    empty[4:9] = np.nan
    reply = ask(worker, empty, NOW_MS + 3_000)
    assert reply.status == "no_quotes"
    assert np.isnan(reply.error_bp)
    assert vols(reply, columns) == pytest.approx(quoted, abs=1e-4)
    fresh = ask(SurfaceWorker(), empty)
    assert fresh.status == "no_quotes"
    assert vols(fresh, columns) == pytest.approx(quoted - 0.06, abs=0.02)


def test_an_option_its_book_contradicts_is_pulled_inside_and_no_further_than_allowed() -> None:
    columns = book(SURFACE)
    at = 4  # a call at the money
    columns[4:6, at] += 150.0  # a bid above everyone's ask
    reply = ask(SurfaceWorker(), columns)
    assert 0.0 < reply.pull[at] <= 160.0
    columns[4:6, at] += 1e4
    assert ask(SurfaceWorker(), columns).pull[at] < 500.0
    assert np.abs(np.delete(reply.pull, at)).max() < reply.pull[at]


def test_a_clock_that_steps_back_and_a_market_that_has_ended_do_no_harm() -> None:
    worker = SurfaceWorker()
    ask(worker, book(SURFACE))
    assert ask(worker, book(SURFACE), NOW_MS - 500).at_ms == NOW_MS
    assert ask(worker, book(SURFACE, NOW_MS - 60_000), NOW_MS - 60_000).at_ms == NOW_MS - 60_000
    over = ask(worker, book(SURFACE), NOW_MS + 400 * DAY_MS)
    assert over.expiry_ms.size == 0
    assert over.pull.tolist() == [0.0] * 30
    assert ask(SurfaceWorker(), np.zeros((10, 0))).expiry_ms.size == 0


def test_a_market_that_makes_no_sense_is_answered_and_forgotten() -> None:
    worker = SurfaceWorker()
    columns = book(SURFACE)
    columns[3, 0] = np.nan
    reply = ask(worker, columns)
    assert (reply.status, reply.expiry_ms.size, reply.pull.size) == ("failed", 0, 30)
    assert ask(worker, book(SURFACE)).status in ("fresh", "held")
    with pytest.raises(BadJobError):
        worker.handle(b"?")


def test_a_surface_is_sampled_at_the_listed_expiries() -> None:
    moments = np.array([NOW_MS - 1, NOW_MS + 3 * DAY_MS, NOW_MS + 50 * DAY_MS], dtype=np.int64)
    slices = sampled(SURFACE, moments, NOW_MS)
    assert list(slices) == moments[1:].tolist()
    k = np.linspace(-0.1, 0.1, 5)
    for piece in slices.values():
        assert piece.vol(k) == pytest.approx(SURFACE.vol(k, piece.years), abs=4e-3)
    assert check_all(list(slices.values())).is_free
