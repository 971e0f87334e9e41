"""Writes chain.json: `python -m tests.golden.chain_2.make_vectors`.

A chain of codec 5 from genesis as a stranger finds it on the L1: headers and payloads in hex, and what
the bridge's queue says under each deposit id: [account, amount in micro-USDC]. The roots are in the headers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from settlement.rollup.codec_5 import Codec5
from tests.unit.settlement.rollup.chains import chain_of

VECTORS = Path(__file__).with_name("chain.json")
SEED, COMMANDS = 7, 120


def vectors() -> dict[str, Any]:
    chain = chain_of(SEED, COMMANDS, coding=Codec5())
    return {
        "batches": [
            {"header": batch.header.pack().hex(), "payload": batch.payload.hex()} for batch in chain.batches
        ],
        "deposits": {str(n): [account, amount] for n, account, amount in chain.venue.deposits},
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8")
