"""What passes between the venue and the surface worker."""

from typing import Any

import numpy as np
import pytest

from exchange.oracle.refit_job import COLUMNS, BadJobError, RefitReply, RefitRequest
from pricing.surface import SurfaceError

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000


def a_reply(**changed: Any) -> RefitReply:
    expiry_ms = np.array([NOW_MS + DAY_MS, NOW_MS + 10 * DAY_MS], dtype=np.int64)
    years = (expiry_ms - NOW_MS) / DAY_MS / 365.0
    slices = np.array([years, 0.16 * years, 0.1 * years, [-0.2, -0.1], [0.0, 0.0], [0.1, 0.2]])
    fields: dict[str, Any] = {
        "status": "fresh", "underlying": 1, "listing": 7, "at_ms": NOW_MS, "error_bp": 12.5,
        "expiry_ms": expiry_ms, "slices": slices, "pull": np.array([0.0, -1.5, 2.0]), **changed,
    }  # fmt: skip
    return RefitReply(**fields)


def test_a_request_is_read_as_it_was_written() -> None:
    columns = np.arange(30.0).reshape(len(COLUMNS), 3)
    columns[4, 1] = np.nan
    got = RefitRequest.decode(RefitRequest("BTC", 1, 7, NOW_MS, columns).encode())
    assert (got.symbol, got.underlying, got.listing, got.at_ms) == ("BTC", 1, 7, NOW_MS)
    assert np.array_equal(got.columns, columns, equal_nan=True)


def test_a_reply_is_read_as_it_was_written() -> None:
    want = a_reply()
    got = RefitReply.decode(want.encode())
    assert (got.status, got.underlying, got.listing, got.at_ms, got.error_bp) == ("fresh", 1, 7, NOW_MS, 12.5)
    assert got.expiry_ms.tolist() == want.expiry_ms.tolist()
    assert np.array_equal(got.slices, want.slices)
    assert got.pull.tolist() == want.pull.tolist()


def test_other_bytes_are_neither() -> None:
    request = RefitRequest("BTC", 0, 0, NOW_MS, np.zeros((len(COLUMNS), 2))).encode()
    reply = a_reply().encode()
    for bad in (b"", request[:-1], request + b"\0", reply):
        with pytest.raises(BadJobError):
            RefitRequest.decode(bad)
    for bad in (b"", reply[:-1], reply + b"\0", request, reply[:4] + b"\xff" * 4 + reply[8:]):
        with pytest.raises(BadJobError):
            RefitReply.decode(bad)


def test_a_surface_ages_until_its_last_expiry() -> None:
    reply = a_reply()
    new, old = reply.surface(NOW_MS), reply.surface(NOW_MS + DAY_MS // 2)
    assert new is not None
    assert old is not None
    assert old.years.tolist() == pytest.approx([0.5 / 365.0, 9.5 / 365.0])
    for before, after in zip(new.slices, old.slices, strict=True):
        assert after.vol(0.03) == pytest.approx(before.vol(0.03))
    early = reply.surface(NOW_MS - DAY_MS)  # a clock that stepped back
    assert early is not None
    assert early.years.tolist() == new.years.tolist()
    last = reply.surface(NOW_MS + 2 * DAY_MS)
    assert last is not None
    assert len(last.slices) == 1
    assert reply.surface(NOW_MS + 10 * DAY_MS) is None


def test_numbers_that_are_no_surface_are_refused() -> None:
    slices = a_reply().slices.copy()
    slices[1, 0] = np.nan
    with pytest.raises(SurfaceError):
        a_reply(slices=slices).surface(NOW_MS)
