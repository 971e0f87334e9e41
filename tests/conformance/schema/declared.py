"""What the venue declares of its messages, held against the messages: fields that are undeclared, missing or
of another type, and parameters that a handler reads and no declaration names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

from exchange.gateway.dispatch import Dispatcher
from exchange.wire.documents.schemas import Schemas, schemas_of
from exchange.wire.messages.methods import CALLS
from exchange.wire.session import Request, Session


@cache
def _schemas() -> Schemas:
    return schemas_of(CALLS)


@cache
def _validator(kind: str, name: str) -> jsonschema_rs.Draft202012Validator:
    found = _schemas()
    schema = {"results": found.results, "pushes": found.pushes}[kind][name]
    return jsonschema_rs.Draft202012Validator({**schema, "components": {"schemas": found.objects}})


def _wrong(validator: jsonschema_rs.Draft202012Validator, value: object) -> list[str]:
    found = validator.iter_errors(value)
    return [f"{'.'.join(map(str, wrong.instance_path))}: {wrong.message}" for wrong in found]


def wrong_result(method: str, value: object) -> list[str]:
    """How a result differs from what `exchange.wire.messages.methods` declares."""
    return _wrong(_validator("results", method), value)


def wrong_push(template: str, data: object) -> list[str]:
    """How a push differs from what `exchange.wire.messages.channels` declares."""
    return _wrong(_validator("pushes", template), data)


class _Read(dict[str, object]):
    """Parameters that note which of their names are asked for."""

    def __init__(self, params: dict[str, object], note: Callable[[str], None]) -> None:
        super().__init__(params)
        self._note = note

    def get(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> object:
        self._note(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._note(str(key))
        return super().__contains__(key)


@contextmanager
def undeclared_parameters() -> Iterator[set[str]]:
    """What handlers read meanwhile and `exchange.wire.messages.methods` does not declare: `method name`."""
    found: set[str] = set()
    handle = Dispatcher.__call__

    def noting(dispatcher: Dispatcher, session: Session, request: Request) -> None:
        method = request.method
        known: Iterable[str] = CALLS[method].parameters if method in CALLS else ()

        def note(name: str) -> None:
            if name not in known:
                found.add(f"{method} {name}")

        request.params = _Read(request.params, note)
        handle(dispatcher, session, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dispatcher, "__call__", noting)
        yield found
