"""Writes the vectors of docs/protocol.md: `python -m tests.golden.settlement_2.make_vectors`.

day.json      a day with every kind of step: steps, their hashes, chunk leaves, the trace, roots
state.json    the state behind that day: every preimage, page and section, and the roots above them
witness.json  of each kind the first step of the day: what a witness opens, and the roots before and behind it
header.json   headers and their hashes
netted.json   the first batches of a netted chain in codec 5: header, what is posted, what stands outside, and
              the parts that the posted bytes are read as
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from settlement.hashing import keccak
from settlement.rollup.codec_5 import Codec5
from settlement.rollup.derive import Derivation
from settlement.rollup.netting import Part, decode
from settlement.stf import leaves, onestep
from settlement.stf.commitment import Commitment
from settlement.stf.header import BLOBS, CALLDATA, NETTED, Header, ShardRange
from settlement.stf.state import State
from settlement.stf.witness import LeafOpening, Running, Witness, Witnessing
from settlement.trees.sparse import Proof
from tests.unit.settlement.rollup.netted_chains import chain_of
from tests.unit.settlement.stf.every_kind import Played

HERE = Path(__file__).parent


def day(played: Played) -> list[dict[str, Any]]:
    return [
        {
            "chunks": [
                {
                    "kind": chunk.kind,
                    "steps": [step.pack().hex() for step in chunk.steps],
                    "terms": {str(n): one.payload.hex() for n, one in enumerate(chunk.steps) if one.payload},
                    "step_hashes": [step.hash().hex() for step in chunk.steps],
                    "leaf": chunk.leaf.hex(),
                    "root_behind": root.hex(),
                }
                for chunk, root in zip(chunks, executed.trace, strict=True)
            ],
            "chunk_root": executed.chunk_root.hex(),
            "trace_root": executed.trace_root.hex(),
            "new_root": executed.new_root.hex(),
        }
        for chunks, executed in played.batches
    ]


def state(played: Played) -> dict[str, Any]:
    trees, known = played.commitment, played.state
    accounts = {
        str(number): {
            "preimage": trees.account_preimage(number).hex(),
            "page_list": trees.positions.page_list(number).hex(),
            "pages": {str(page): trees.positions.page(number, page << 4).hex() for page in account.pages},
            "leaf": trees.accounts.leaf(number).hex(),
        }
        for number, account in sorted(known.accounts.items())
    }
    words = leaves.section_words(known.parameters, trees.entries.root)
    return {
        "accounts": accounts,
        "accounts_root": trees.accounts.root.hex(),
        "instruments": {
            str(n): leaves.instrument_preimage(one).hex() for n, one in sorted(known.instruments.items())
        },
        "instruments_root": trees.instruments.root.hex(),
        "withdrawals": {
            str(n): leaves.withdrawal_preimage(one).hex() for n, one in sorted(known.withdrawals.items())
        },
        "withdrawals_root": trees.withdrawals.root.hex(),
        "dictionary_entries": {str(at): ident for at, ident in sorted(known.entries.items())},
        "dictionary_sizes": known.parameters.dictionaries.packed().hex(),
        "section_words": [one.hex() for one in words],
        "sections": [one.hex() for one in trees.sections()],
        "root": trees.root.hex(),
        "genesis_root": Commitment(State()).root.hex(),
    }


def _proof(proof: Proof) -> dict[str, Any]:
    return {"bitmap": proof.bitmap, "siblings": [one.hex() for one in proof.siblings]}


def _running(one: Running) -> dict[str, Any]:
    return {
        "accounts_root": one.accounts_root.hex(),
        "instruments_root": one.instruments_root.hex(),
        "sections": [section.hex() for section in one.sections],
        "fees_micro": one.fees_micro,
    }


def _leaf(one: LeafOpening | None) -> dict[str, Any] | None:
    return one and {"place": one.place, "preimage": one.preimage.hex(), **_proof(one.proof)}


def _witness(witness: Witness) -> dict[str, Any]:
    return {
        "before": _running(witness.before),
        "accounts": [
            {
                "number": one.number,
                "preimage": one.preimage.hex(),
                "page_list": one.page_list.hex(),
                "page": one.page.hex(),
                **_proof(one.proof),
            }
            for one in witness.accounts
        ],
        "instrument": _leaf(witness.instrument),
        "withdrawal": _leaf(witness.withdrawal),
        "entries": [_leaf(one) for one in witness.entries],
        "sections": {str(section): words.hex() for section, words in witness.sections},
    }


def witnesses(played: Played) -> list[dict[str, Any]]:
    known = State()
    witnessing = Witnessing(known, Commitment(known))
    found: dict[int, dict[str, Any]] = {}
    for chunks, _ in played.batches:
        for chunk in chunks:
            for step, witness in witnessing.chunk(chunk):
                if step.kind not in found:
                    behind = _running(onestep.execute(witness, step))
                    found[step.kind] = {"step": step.pack().hex(), "terms": step.payload.hex()}
                    found[step.kind] |= {"witness": _witness(witness), "behind": behind}
            known.end_chunk()
    return [found[kind] for kind in sorted(found)]


def headers() -> list[dict[str, str]]:
    def word(name: str) -> bytes:
        return keccak(name.encode())

    ranges = (ShardRange(0, 1, 77, word("head"), word("heads"), word("log")),)
    roots = [word(name) for name in ("previous", "new", "chunks", "trace", "tables", "data")]
    counts = (3_333, 17, 1_024, 1_000, CALLDATA, 0, 9, 2)
    one = Header._make((5, 1, 1_790_000_000_000, *roots, *counts, ranges, 0, b""))
    second = ShardRange(1, (1 << 56) + 1, (1 << 56) + 9, word("h2"), word("hs2"), word("l2"))
    two = one._replace(layer=BLOBS + NETTED, blobs=2, ranges=(*ranges, second))
    two = two._replace(verifier_version=1, proof=b"\1\2")
    return [{"header": each.pack().hex(), "hash": each.hash.hex()} for each in (one, two)]


def netted() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    derived = Derivation(Codec5())
    for batch in chain_of(3, 24):
        derived.coding.begin(derived.state)
        parts = decode(batch.payload, derived.coding.known())
        derived.take(batch.header, batch.payload, batch.outside)
        told = {"header": batch.header.pack(), "posted": batch.payload, "outside": batch.outside}
        found.append(
            {name: one.hex() for name, one in told.items()}
            | {"parts": [_part(part) for part in parts]}
        )
    return found


def _part(part: Part) -> dict[str, Any]:
    if part.net is None:
        return {"steps": [step.pack().hex() for step in part.steps]}
    return {"chunks": part.chunks, "changes": part.net.changes, "cash": part.net.cash}


def vectors() -> dict[str, Any]:
    """The content of every file, by name."""
    played = Played()
    return {
        "day": day(played),
        "state": state(played),
        "witness": witnesses(played),
        "header": headers(),
        "netted": netted(),
    }


def main() -> None:
    for name, content in vectors().items():
        (HERE / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
