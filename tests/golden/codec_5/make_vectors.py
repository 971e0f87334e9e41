"""Writes the vectors of codec 5: ``python -m tests.golden.codec_5.make_vectors``.

`batches`: fill chunks with everything they are decoded with (tables and chunks in hex, dictionaries as
[class, ids], anchors as [instrument, price, side]) and their rows (fields of `settlement.coding.fills.Step`).
`others`: other chunks with their steps' 64 bytes and the terms beside them. `payload`: a whole one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from settlement.coding.other import encode_steps
from settlement.coding.payload import FILL_CHUNK, OTHER_CHUNK, Entry, Payload, pack
from tests.unit.settlement.coding.test_batches import OTHERS, listing
from tests.unit.settlement.coding.worlds import Batch, batches, cut, steps

VECTORS = Path(__file__).with_name("vectors.json")


def batch_vector(batch: Batch) -> dict[str, Any]:
    """One batch of fill chunks."""
    anchors = batch.setting.anchors
    known = [(number, *anchors.one(number)) for number in range(len(anchors.price_ticks))]
    chunks = [
        {**extent._asdict(), "data": data.hex()}
        for extent, data in zip(batch.extents, batch.chunks, strict=True)
    ]
    return {
        "tables": batch.setting.tables.data.hex(),
        "dictionaries": [
            [[kind, ids] for kind, ids in enumerate(lists) if ids]
            for lists in batch.setting.dictionaries.lists
        ],
        "anchors": [list(one) for one in known if any(one[1:])],
        "chunks": chunks,
        "rows": [list(row) for row in batch.rows],
    }


def others_vector() -> dict[str, Any]:
    """One other chunk."""
    part = [listing(5), listing(6), *OTHERS[:12], *OTHERS[-2:]]
    return {
        "data": encode_steps(part).hex(),
        "steps": [step.pack().hex() for step in part],
        "terms": [step.payload.hex() for step in part if step.payload],
    }


def payload_vector(batch: Batch, others: dict[str, Any]) -> str:
    """Both in one payload."""
    pairs = zip(batch.extents, batch.chunks, strict=True)
    entries = [Entry(FILL_CHUNK, extent.steps, extent.first_trade_id, data) for extent, data in pairs]
    entries.append(Entry(OTHER_CHUNK, len(others["steps"]), 0, bytes.fromhex(others["data"])))
    return pack(Payload(batch.setting.tables.data, tuple(entries))).hex()


def vectors() -> dict[str, Any]:
    """All of them."""
    usual = batches(cut(steps(220, 21), 110))
    odd = batches(cut(steps(120, 22, indexes=0.2, odd=0.3), 60), 40)
    others = others_vector()
    return {
        "batches": [batch_vector(batch) for batch in (*usual, *odd)],
        "others": others,
        "payload": payload_vector(odd[1], others),
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors()) + "\n", encoding="utf-8")
