"""Steps and witnesses changed a little."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from settlement.stf.steps import KINDS, Step
from settlement.stf.witness import AccountOpening, LeafOpening, Witness
from settlement.trees.sparse import Proof

NUMBERS = (0, 1, 2, 3, 4, 5, 64, 65, 67, 68, 999)


def mutants(step: Step, rng: random.Random) -> Iterator[Step]:
    """Steps that differ from this one in a field or two, mostly by a little."""
    names = ("classes", "flags", "instrument", "first", "second", "ident", "p", "q")
    for _ in range(5):
        changed = step
        for name in rng.sample(names, rng.choice((1, 1, 2))):
            value = getattr(changed, name)
            most = {"classes": 255, "flags": 65_535}.get(name, 2**31)
            other = rng.choice((value + 1, value - 1, rng.choice(NUMBERS), -value, value * 2))
            fits = other if name in ("p", "q") else max(0, min(other, most))
            changed = _but(changed, name, fits)
        yield changed
    yield step._replace(kind=rng.randrange(KINDS + 1), word=b"", payload=b"")


def flipped(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]


def tampered(witness: Witness, rng: random.Random) -> Iterator[Witness]:
    """Witnesses with one bit changed, or one part left out."""

    def of_proof(proof: Proof) -> Proof:
        if not proof.siblings:
            return proof._replace(bitmap=1)
        return proof._replace(siblings=(flipped(proof.siblings[0], rng), *proof.siblings[1:]))

    for at, one in enumerate(witness.accounts):
        for name in ("preimage", "page_list", "page"):
            if getattr(one, name):
                yield _with(witness, at, _but(one, name, flipped(getattr(one, name), rng)))
        yield _with(witness, at, one._replace(proof=of_proof(one.proof)))
        yield witness._replace(accounts=witness.accounts[:at] + witness.accounts[at + 1 :])
    for name in ("instrument", "withdrawal"):
        leaf: LeafOpening | None = getattr(witness, name)
        if leaf is not None:
            yield _but(witness, name, leaf._replace(proof=of_proof(leaf.proof)))
            yield _but(witness, name, None)
    for at, (section, words) in enumerate(witness.sections):
        rest = witness.sections[:at] + witness.sections[at + 1 :]
        yield witness._replace(sections=((section, flipped(words, rng)), *rest))
        yield witness._replace(sections=rest)


def _but(whole: Any, name: str, value: object) -> Any:
    """The same tuple with another value in one field."""
    fields = zip(whole._fields, whole, strict=True)
    return whole._make(value if each == name else old for each, old in fields)


def _with(witness: Witness, at: int, one: AccountOpening) -> Witness:
    accounts = witness.accounts
    return witness._replace(accounts=(*accounts[:at], one, *accounts[at + 1 :]))
