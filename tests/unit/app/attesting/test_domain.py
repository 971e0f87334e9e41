"""Where signatures count is read from a file, which says something or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.app.attesting.domain import DomainError, domain_at
from exchange.attest.eip712 import DEVELOPMENT, Domain


def test_without_a_file_it_is_the_development_chain(tmp_path: Path) -> None:
    assert domain_at(tmp_path / "none.json") == DEVELOPMENT


def test_the_file_names_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "contracts.json"
    path.write_text('{"chain_id": 5, "inbox": "0x' + "ab" * 20 + '", "bridge": "0x00"}')
    assert domain_at(path) == Domain(5, b"\xab" * 20)


@pytest.mark.parametrize("text", ["", "{}", '{"chain_id": 5, "inbox": "0x12"}', '{"chain_id": "x"}'])
def test_a_file_that_names_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "contracts.json"
    path.write_text(text)
    with pytest.raises(DomainError, match=r"contracts\.json"):
        domain_at(path)
