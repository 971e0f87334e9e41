"""Header 2: sizes, what its hash covers, and what is refused."""

from __future__ import annotations

import random

import pytest

from settlement.stf.header import BLOBS, NETTED, Header, HeaderError, ShardRange, unpack_header

ROOTS = [bytes((n,)) * 32 for n in range(1, 7)]
RANGE = ShardRange(0, 1, 9, *(bytes((n,)) * 32 for n in (7, 8, 9)))
HEADER = Header._make((5, 1, 2, *ROOTS, 10, 2, 70, 60, BLOBS, 1, 3, 4, (RANGE,), 0, b""))


def test_one_shard_and_no_proof_are_378_bytes() -> None:
    assert len(HEADER.pack()) == 378
    assert unpack_header(HEADER.pack()) == HEADER


def test_the_hash_leaves_the_proof_out() -> None:
    proven = HEADER._replace(verifier_version=1, proof=b"proof")
    assert unpack_header(proven.pack()) == proven
    assert proven.hash == HEADER.hash
    assert HEADER._replace(fills=61).hash != HEADER.hash


@pytest.mark.parametrize("layer", [3, 32, NETTED + 3])
def test_unknown_layers_are_refused(layer: int) -> None:
    with pytest.raises(HeaderError, match="layer"):
        unpack_header(HEADER._replace(layer=layer).pack())


def test_other_bytes_are_refused() -> None:
    packed = HEADER.pack()
    for wrong in (b"", packed[:-1], packed + b"\0", b"SBB1" + packed[4:], packed[:5] + b"\1" + packed[6:]):
        with pytest.raises(HeaderError):
            unpack_header(wrong)


def test_any_bytes_are_a_header_or_refused() -> None:
    rng, packed = random.Random(1), HEADER.pack()
    for _ in range(2_000):
        broken = bytearray(packed[: rng.randint(0, len(packed))] if rng.random() < 0.3 else packed)
        for _ in range(rng.randint(1, 4)):
            if broken:
                broken[rng.randrange(len(broken))] = rng.randrange(256)
        try:
            assert unpack_header(bytes(broken)).pack() == bytes(broken)
        except HeaderError:
            continue
