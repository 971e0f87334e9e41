"""Which quotes of an account are meant: those of a set, those whose option's delta lies in a range.

Both are told at once, so that what the account sends next stays behind: what is open is asked of the engine,
to which comes what was sent and may not be applied yet.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from exchange.core import queries
from exchange.domain import records as r
from exchange.gateway.venue import Venue
from exchange.wire.quote_labels import SEPARATOR, split_label

_ORDER: Final = struct.Struct("<20xI40xI12xI")  # instrument, flags, label


def labels_of_set(venue: Venue, account: int, set_id: str) -> list[int]:
    """The labels that quotes of a set have, lowest first."""
    numbers = {label for _, label in _open(venue, account)}
    texts = {venue.labels.text(account, number) for number in numbers}
    for sent in venue.quotes_sent.of(account):
        texts.update(sent.labels)
    wanted = (text for text in texts if SEPARATOR in text and split_label(text).quote_set_id == set_id)
    return sorted({number for text in wanted if (number := venue.labels.find(account, text))})


def instruments_by_delta(venue: Venue, account: int, lowest: float, highest: float) -> list[int]:
    """The instruments with quotes of the account whose own delta lies between two bounds, both included;
    those without a mark are not among them."""
    found = {instrument for instrument, _ in _open(venue, account)}
    for sent in venue.quotes_sent.of(account):
        found.update(sent.instruments)
    return sorted(number for number in found if _is_within(venue, number, lowest, highest))


def _is_within(venue: Venue, instrument: int, lowest: float, highest: float) -> bool:
    delta = venue.figures.delta(venue.registry.instruments[instrument])
    return delta is not None and lowest <= delta <= highest


def _open(venue: Venue, account: int) -> Iterator[tuple[int, int]]:
    """(instrument, label) of each open quote."""
    packed = queries.open_orders(venue.engine, account)
    at = 0
    while at < len(packed):
        instrument, flags, label = _ORDER.unpack_from(packed, at)
        if flags & r.FLAG_QUOTE:
            yield instrument, label
        at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
