"""What the contracts do and refuse is written down as it is."""

from __future__ import annotations

import pytest

from settlement.contracts.deployment import EXECUTORS, SOURCES
from tests.unit.settlement.contracts import reference


def test_the_page_is_the_sources() -> None:
    anew = "python -m tests.unit.settlement.contracts.reference"
    assert reference.PAGE.read_text() == reference.page(), anew


@pytest.mark.parametrize("name", [*SOURCES.values(), *EXECUTORS])
def test_every_code_a_contract_reverts_with_is_documented(name: str) -> None:
    undocumented = {code for code in reference.codes_of(name) if code not in reference.section(name)}
    assert not undocumented
