"""What goes to the surface worker and what comes back: a header and plain arrays, little-endian.

The two ends may be two processes, so nothing but bytes passes between them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.european import MS_PER_YEAR, Floats
from pricing.surface import SviSlice, SviSurface

_REQUEST: Final = struct.Struct("<4sIIqI4x")
_REPLY: Final = struct.Struct("<4sIIqIIId")
_REQUEST_MAGIC: Final = b"SBQ1"
_REPLY_MAGIC: Final = b"SBS1"
_SYMBOL_BYTES: Final = 8

STATUSES: Final = ("fresh", "held", "no_quotes", "failed")
"""`failed`: no surface could be made of what was given; the others as :class:`pricing.surface.Status`."""

COLUMNS: Final = (
    "expiry_ms", "strike", "is_call", "forward", "bid", "ask", "last", "bid_size", "ask_size", "at_ms",
)  # fmt: skip


class BadJobError(ValueError):
    """Bytes that are no request or no reply; `code` is stable."""

    code = "bad_job"


@dataclass(frozen=True, slots=True)
class RefitRequest:
    """The quotes of one underlying's options, in the order of its chain."""

    symbol: str
    underlying: int
    listing: int
    """Number of the chain the options are those of; comes back with the reply."""
    at_ms: int
    columns: Floats
    """(10, options), rows as in COLUMNS; NaN where a side is empty or nothing was traded."""

    def encode(self) -> bytes:
        """The request as bytes."""
        symbol = self.symbol.encode("ascii").ljust(_SYMBOL_BYTES, b"\0")
        head = _REQUEST.pack(_REQUEST_MAGIC, self.underlying, self.listing, self.at_ms, self.columns.shape[1])
        return b"".join((head, symbol, np.ascontiguousarray(self.columns, dtype="<f8").tobytes()))

    @classmethod
    def decode(cls, data: bytes) -> RefitRequest:
        """The request `data` holds, or :class:`BadJobError`."""
        start = _REQUEST.size + _SYMBOL_BYTES
        if len(data) < start:
            raise BadJobError("a request is cut short")
        magic, underlying, listing, at_ms, count = _REQUEST.unpack_from(data)
        if magic != _REQUEST_MAGIC or len(data) != start + 8 * len(COLUMNS) * count:
            raise BadJobError(f"{len(data)} bytes are no request of {count} options")
        symbol = data[_REQUEST.size : start].rstrip(b"\0").decode("ascii")
        columns = np.frombuffer(data, dtype="<f8", offset=start).reshape(len(COLUMNS), count)
        return cls(symbol, underlying, listing, at_ms, columns)


@dataclass(frozen=True, slots=True)
class RefitReply:
    """A surface and the pulls of the book, as of the request's time."""

    status: str
    """One of STATUSES."""
    underlying: int
    listing: int
    at_ms: int
    error_bp: float
    """Median weighted error of the fit in basis points of volatility; NaN if none was made."""
    expiry_ms: NDArray[np.int64]
    """Per slice."""
    slices: Floats
    """(6, slices): years, a, b, rho, m, sigma. No slices: no surface."""
    pull: Floats
    """Per option, to be added to its model price."""

    def encode(self) -> bytes:
        """The reply as bytes."""
        head = _REPLY.pack(
            _REPLY_MAGIC, STATUSES.index(self.status), self.underlying, self.at_ms, self.listing,
            self.expiry_ms.size, self.pull.size, self.error_bp,
        )  # fmt: skip
        arrays = (self.expiry_ms.astype("<i8"), self.slices.astype("<f8"), self.pull.astype("<f8"))
        return b"".join((head, *(np.ascontiguousarray(a).tobytes() for a in arrays)))

    @classmethod
    def decode(cls, data: bytes) -> RefitReply:
        """The reply `data` holds, or :class:`BadJobError`."""
        if len(data) < _REPLY.size:
            raise BadJobError("a reply is cut short")
        magic, status, underlying, at_ms, listing, slices, options, error_bp = _REPLY.unpack_from(data)
        size = _REPLY.size + 56 * slices + 8 * options
        if magic != _REPLY_MAGIC or status >= len(STATUSES) or len(data) != size:
            raise BadJobError(f"{len(data)} bytes are no reply")
        expiry_ms = np.frombuffer(data, "<i8", slices, _REPLY.size)
        numbers = np.frombuffer(data, "<f8", offset=_REPLY.size + 8 * slices)
        table = numbers[: 6 * slices].reshape(6, slices)
        return cls(
            STATUSES[status], underlying, listing, at_ms, error_bp, expiry_ms, table, numbers[6 * slices :]
        )

    def surface(self, now_ms: int) -> SviSurface | None:
        """The surface as of `now_ms`, its slices aged; None if none of them is left.

        :class:`pricing.surface.SurfaceError` for slices that are none.
        """
        pieces = []
        for expiry_ms, row in zip(self.expiry_ms.tolist(), self.slices.T.tolist(), strict=True):
            left_ms = expiry_ms - max(now_ms, self.at_ms)
            if left_ms > 0:
                piece = SviSlice(*row)
                pieces.append(piece.aged(min(left_ms / MS_PER_YEAR, piece.years)))
        return SviSurface(pieces) if pieces else None
