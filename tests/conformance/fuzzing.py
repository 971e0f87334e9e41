"""Schemathesis against a running venue: requests made from the OpenAPI document that it serves, replies held
against the same document.

Requests fit the document in one half and break it in the other. What is looked for: an answer of 500 and
more or an error inside (11094), a status or a content type that the document does not have, a body that is
not of its schema.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import requests
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup

from exchange.wire.errors import INTERNAL_ERROR
from tests.conformance.conftest import Key

SEED: Final = 20_261_122
OPENAPI_PATH: Final = "/api/v2/openapi.json"
_INTERNAL: Final = re.compile(rb'"code":%d\b' % INTERNAL_ERROR)
_CHECKS: Final = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
_QUIET: Final = settings(
    deadline=None, database=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False
)


class Findings(NamedTuple):
    """What was asked and what was wrong."""

    statuses: Counter[int]
    operations: list[str]
    wrong: list[str]


def document_of(url: str) -> Any:
    """The document that a venue serves."""
    with urllib.request.urlopen(url + OPENAPI_PATH, timeout=10) as response:
        return json.load(response)


def teach(instruments: list[str]) -> None:
    """Let texts of the document's own forms be ones that the venue knows, for the most part."""
    known = {
        "instrument-name": instruments,
        "currency": ["BTC", "ETH", "USDC", "any"],
        "index-name": ["btc_usdc", "eth_usdc"],
        "order-id": [str(number) for number in (1, 2, 3, 900, 1 << 62)],
        "channel": ["platform_state", "user.lock", f"ticker.{instruments[0]}.100ms"],
    }
    for form, words in known.items():
        schemathesis.openapi.format(form, st.sampled_from(words) | st.text(max_size=12))


def examine(url: str, key: Key, document: Any, examples: int, only: str = "") -> Findings:
    """Ask every operation of a document (whose path begins with `only`) `examples` times in either half (see
    `_modes`)."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    statuses: Counter[int] = Counter()
    operations: list[str] = []
    wrong: list[str] = []
    internal: list[str] = []
    with requests.Session() as session:
        session.auth = (key.client_id, key.secret)
        for number, operation in enumerate(_operations(schema, only)):
            operations.append(operation.label)
            for mode in _modes(operation, number, examples):

                @seed(SEED)
                @settings(_QUIET, max_examples=examples)
                @given(operation.as_strategy(generation_mode=mode))
                def ask(case: Any) -> None:
                    response = case.call(session=session)
                    statuses[response.status_code] += 1
                    case.validate_response(response, checks=_CHECKS)
                    if _is_internal(response, case):
                        internal.append(f"{case.operation.label}: failed, {case.as_curl_command()}")

                try:
                    ask()
                except FailureGroup as found:  # what is wrong is told, and the rest asked
                    wrong += [f"{operation.label}: {one}" for one in found.exceptions]
    return Findings(statuses, operations, wrong + internal[:20])


def _is_internal(response: Any, case: Any) -> bool:
    """Whether the venue says that it failed, in a reply like any other.

    `public/test` may be asked to, and the registry of errors names the code.
    """
    asked = str(case.path).endswith(("/api/v2/{method}", "public/test", "public/strikebook_get_errors"))
    return not asked and _INTERNAL.search(response.content) is not None


def _modes(operation: Any, number: int, examples: int) -> tuple[GenerationMode, ...]:
    """Both halves; of single requests one verb of each method gets the first and the other the second, in
    turn."""
    if operation.method == "get" and not operation.query:  # nothing that could be broken
        return (GenerationMode.POSITIVE,)
    if examples > 1:
        return GenerationMode.POSITIVE, GenerationMode.NEGATIVE
    return (GenerationMode.NEGATIVE if (number + number // 2) % 2 else GenerationMode.POSITIVE,)


def _operations(schema: Any, only: str) -> Iterator[Any]:
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.startswith(only):
            yield operation
