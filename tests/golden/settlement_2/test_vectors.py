"""The vectors of docs/protocol.md still hold, and hang together by nothing but hashing."""

from __future__ import annotations

import json

import pytest

from settlement.hashing import keccak
from settlement.stf.header import unpack_header
from settlement.stf.steps import KINDS
from tests.golden.settlement_2.make_vectors import HERE, vectors


def read(name: str) -> object:
    return json.loads((HERE / f"{name}.json").read_text())


MADE = vectors()


@pytest.mark.parametrize("name", MADE)
def test_what_the_code_makes_is_what_stands(name: str) -> None:
    assert read(name) == json.loads(json.dumps(MADE[name]))


def tree(leaves: dict[int, bytes], height: int = 32, first: int = 0) -> bytes:
    """The root of a sparse tree, straight from its definition."""
    inside = {at: leaf for at, leaf in leaves.items() if first <= at < first + (1 << height)}
    if height == 0:
        return inside.get(first, bytes(32))
    if not inside:
        below = tree({}, height - 1)
        return keccak(below + below)
    half = 1 << height - 1
    return keccak(tree(inside, height - 1, first) + tree(inside, height - 1, first + half))


def test_the_state_root_follows_from_the_preimages() -> None:
    state = MADE["state"]
    accounts = {}
    for number, one in state["accounts"].items():
        listed = b""
        for page, words in sorted((int(page), words) for page, words in one["pages"].items()):
            listed += page.to_bytes(32, "big") + keccak(bytes.fromhex(words))
        assert listed.hex() == one["page_list"]
        preimage = bytes.fromhex(one["preimage"])
        assert preimage[64:96] == (keccak(listed) if listed else bytes(32))
        accounts[int(number)] = keccak(preimage) if any(preimage) else bytes(32)
    instruments = {int(n): keccak(bytes.fromhex(one)) for n, one in state["instruments"].items()}
    withdrawals = {int(n): keccak(bytes.fromhex(one)) for n, one in state["withdrawals"].items()}
    entries = {int(at): (ident + 1).to_bytes(32, "big") for at, ident in state["dictionary_entries"].items()}
    words = [bytes.fromhex(one) for one in state["section_words"]]
    sections = [keccak(one) if one else bytes(32) for one in words]
    sections[1] = tree(withdrawals)
    sections[7] = keccak(keccak(bytes.fromhex(state["dictionary_sizes"])) + tree(entries))
    roots = tree(accounts) + tree(instruments) + keccak(b"".join(sections))
    assert keccak(b"strikebook.state.2".ljust(32, b"\0") + roots).hex() == state["root"]
    assert state["root"] == MADE["day"][-1]["new_root"]


def test_every_kind_has_a_witness() -> None:
    assert [int(one["step"][:2], 16) for one in MADE["witness"]] == list(range(KINDS))


def test_headers_read_back() -> None:
    for one in MADE["header"]:
        header = unpack_header(bytes.fromhex(one["header"]))
        assert header.pack().hex() == one["header"]
        assert header.hash.hex() == one["hash"]
