"""The heads that a posted range commits to: told by the venue, or out of a copy of its chain's log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from exchange.attest.heads import Head
from exchange.domain.limits import COUNTER_MASK
from exchange.journal.chainlog import ENTRY_BYTES, unpack_entry
from settlement.l1.hexes import HexError, read_data
from settlement.l1.port import L1Unavailable
from settlement.l1.rpc import HttpRpc, RpcError, result_of
from settlement.stf.header import ShardRange

METHOD: Final = "public/strikebook_get_commit_batches"
MAX_REPLY_BYTES: Final = 1 << 20
_COUNT: Final = 1_000

Leaves = Callable[[ShardRange], list[Head]]
"""The heads of a range, as far as they are known; nothing says that they are right. Raises L1Unavailable."""


class _Batch(msgspec.Struct):
    last_seq: int
    head: str


class _Told(msgspec.Struct):
    batches: list[_Batch]


def of_venue(url: str) -> Leaves:
    """What the venue's API tells. Raises ValueError for an address that is none."""
    rpc = HttpRpc(url, max_reply=MAX_REPLY_BYTES)

    def leaves(part: ShardRange) -> list[Head]:
        found: list[Head] = []
        seq, last = part.first_seq & COUNTER_MASK, part.last_seq & COUNTER_MASK
        while seq <= last:
            told = _ask(rpc, seq)
            found += [head for head in told if head[0] <= last]
            if not told or told[-1][0] < seq:
                break
            seq = told[-1][0] + 1
        return found

    return leaves


def _ask(rpc: HttpRpc, seq: int) -> list[Head]:
    asked = {"jsonrpc": "2.0", "id": 1, "method": METHOD, "params": {"from_seq": seq, "count": _COUNT}}
    try:
        body = rpc.exchange("POST", "/api/v2", msgspec.json.encode(asked))
        told = msgspec.convert(result_of(METHOD, body), _Told)
        return [(each.last_seq, read_data(each.head, 32)) for each in told.batches]
    except (RpcError, msgspec.ValidationError, HexError) as error:
        raise L1Unavailable(f"the venue's chain: {error}") from error


def of_log(path: Path) -> Leaves:
    """Out of a chain.log, or a copy of it, whose first entries may be gone."""

    def leaves(part: ShardRange) -> list[Head]:
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise L1Unavailable(f"{path}: {error}") from error
        first, last = part.first_seq & COUNTER_MASK, part.last_seq & COUNTER_MASK
        entries = (unpack_entry(raw, at, part.shard) for at in range(0, len(raw), ENTRY_BYTES))
        return [
            (each.next_seq - 1, each.head)
            for each in entries
            if each is not None and first <= each.next_seq - 1 <= last
        ]

    return leaves
