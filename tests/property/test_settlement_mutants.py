"""Some of `make settlement-campaign`: mutated blobs, headers, step proofs, exit requests."""

from __future__ import annotations

import random

import pytest

from tests.property.settlement_campaign import Failed, prepare, trial
from tests.property.settlement_mutants import TRIALS, mutated

FEW = {"blobs": 25, "headers": 40, "step proofs": 150, "step proofs on the chain": 100, "exit requests": 40}


@pytest.mark.parametrize("name", TRIALS)
def test_nothing_mutated_is_accepted_and_nothing_crashes(name: str) -> None:
    prepare(name)
    for seed in range(FEW[name]):
        trial(name, seed)


def test_a_mutant_is_never_what_it_was() -> None:
    rng = random.Random(1)
    assert all(mutated(data, rng) != data for data in (b"", b"\0", bytes(40)) for _ in range(50))


def test_what_is_accepted_is_told_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(_: random.Random) -> None:
        raise AssertionError("taken for good")

    monkeypatch.setitem(TRIALS, "blobs", taken)
    with pytest.raises(Failed, match="blobs, seed 3: AssertionError: taken for good"):
        trial("blobs", 3)
