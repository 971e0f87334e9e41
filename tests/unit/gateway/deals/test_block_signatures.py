"""Signatures over a block's terms: sealed, unreadable, unchangeable."""

from __future__ import annotations

import pytest

from exchange.gateway.deals.block_signatures import (
    BlockSealer,
    Signed,
    Term,
    digest_of,
    must_be_timely,
    nonce_digest,
)
from exchange.wire.session import RpcError
from tests.unit.gateway.rig import BlockNonces

SIGNED = Signed(64, True, 1_000, "n", digest_of([Term(0, 5, 7)]), 0, "key", False)


def test_what_was_sealed_opens_again_under_its_key_alone() -> None:
    sealer = BlockSealer(b"k" * 32, BlockNonces())
    text = sealer.seal(SIGNED)
    assert sealer.open(text) == SIGNED
    assert text.startswith("1000.")
    assert sealer.seal(SIGNED) != text
    with pytest.raises(RpcError):
        BlockSealer(b"o" * 32, BlockNonces()).open(text)
    for broken in ("", ".", "1000.", "1001" + text[4:], text + "AAAA", text[:-1], "1000.\x00", "é.é"):
        with pytest.raises(RpcError) as refused:
            sealer.open(broken)
        assert refused.value.data == {
            "reason": "block_signature_invalid", "param": "counterparty_signature"
        }  # fmt: skip


def test_terms_differ_by_anything_in_them() -> None:
    usual = [Term(0, 5, 7), Term(1, -5, 7)]
    changed = [[term, usual[1]] for term in (Term(0, 5, 8), Term(0, -5, 7), Term(2, 5, 7))]
    others = [usual[::-1], usual[:1], *changed]
    assert len({digest_of(terms) for terms in [usual, *others]}) == 6


def test_a_nonce_is_of_an_account_and_a_time() -> None:
    sides = [(64, 1, "n"), (65, 1, "n"), (64, 2, "n"), (64, 1, "m")]
    assert len({nonce_digest(*side) for side in sides}) == 4


def test_a_timestamp_is_good_for_five_minutes_either_way() -> None:
    for now in (700_000, 1_300_000):
        must_be_timely(1_000_000, now)
    for now in (699_999, 1_300_001):
        with pytest.raises(RpcError):
            must_be_timely(1_000_000, now)


def test_names_say_nothing_and_stay_the_same() -> None:
    sealer = BlockSealer(b"k" * 32, BlockNonces())
    names = [sealer.alias(account) for account in range(64, 164)]
    assert len(set(names)) == 100
    assert sealer.alias(64) == BlockSealer(b"k" * 32, BlockNonces()).alias(64) == names[0]
    assert all(len(name) == 8 and name.isalnum() for name in names)
