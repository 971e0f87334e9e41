"""Answers about the past: what the store has up to a moment, and what memory has since.

A question is asked behind every command its caller sent before. The store answers away from the loop as of
one command; everything from that command on comes from memory, so that no event is missing and none twice,
however far the store lags. Where memory does not reach back to the store the answer is an error: 13028
`history is catching up`.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec import Raw

from exchange.gateway.archive import Answer, ArchiveBusy
from exchange.gateway.history_ring import NotRemembered
from exchange.gateway.venue import Venue
from exchange.history.past import Past
from exchange.wire import errors
from exchange.wire.envelope import encode_json
from exchange.wire.errors import error
from exchange.wire.session import Request, RpcError, Session

OBJECTS_PER_SLICE: Final = 64
Objects = Iterator[object]
_log: Final = logging.getLogger(__name__)


def answer_past(
    venue: Venue,
    session: Session,
    request: Request,
    work: Callable[[Past], Any],
    objects: Callable[[int, Any], Objects],
    whole: Callable[[list[Raw]], object],
    present: Callable[[], object] = lambda: None,
) -> None:
    """Ask `work` of the store, then write `objects(next_seq, found)` in slices and reply `whole(them)`.

    `found` is None and `next_seq` 0 without a store. An object may be a Raw that is JSON already.
    `present` is called before, where the engine may be read: what it has seen is durable by then.
    """

    def look() -> bool:
        present()
        return True

    def ask(alive: bool | None) -> None:
        if alive is None:
            session.fail(request, venue.halt_error())
            return
        try:
            venue.archive.ask(work, done)
        except ArchiveBusy:
            session.fail(request, error(errors.TOO_MANY_REQUESTS, reason="history is busy"))

    def done(answer: Answer) -> None:
        if session.closed:
            return
        if answer.error is not None:
            _log.error("%s failed", request.method, exc_info=answer.error)
            session.fail(request, error(errors.INTERNAL_ERROR))
            return
        try:
            job = _Writing(session, request, objects(answer.next_seq, answer.found), whole)
        except Exception as wrong:
            _fail(session, request, wrong)
            return
        if job.write_some():
            venue.slices.add(job.write_some)

    venue.read(look, ask)


class _Writing:
    """A reply that is being written."""

    def __init__(
        self, session: Session, request: Request, objects: Objects, whole: Callable[[list[Raw]], object]
    ) -> None:
        self._session = session
        self._request = request
        self._objects = objects
        self._whole = whole
        self._written: list[Raw] = []

    def write_some(self) -> bool:
        """One slice; whether there is more."""
        if self._session.closed:
            return False
        try:
            some = [
                each if isinstance(each, Raw) else Raw(encode_json(each))
                for each in itertools.islice(self._objects, OBJECTS_PER_SLICE)
            ]
            self._written += some
            if len(some) == OBJECTS_PER_SLICE:
                return True
            self._session.reply(self._request, self._whole(self._written))
        except Exception as wrong:
            _fail(self._session, self._request, wrong)
        return False


def _fail(session: Session, request: Request, wrong: Exception) -> None:
    if isinstance(wrong, NotRemembered):
        wrong = error(errors.TEMPORARILY_UNAVAILABLE, reason="history is catching up")
    if not isinstance(wrong, RpcError):
        _log.error("%s failed", request.method, exc_info=wrong)
        wrong = error(errors.INTERNAL_ERROR)
    session.fail(request, wrong)
