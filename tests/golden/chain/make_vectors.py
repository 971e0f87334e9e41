"""Writes vectors.json from docs/formats.md alone: struct, zlib and hashlib, nothing of the exchange.

Run by hand when a format changes: python tests/golden/chain/make_vectors.py
"""

from __future__ import annotations

import json
import struct
import zlib
from hashlib import sha256
from pathlib import Path

SHARD = 1
FIRST = (SHARD << 56) + 1


def command(number: int) -> bytes:
    """CANCEL of order `number` by account 64."""
    return struct.pack("<BBHIIIQII", 3, 1, 2, 0, 64, 0, 7, 0, 0) + struct.pack("<QQQQ", number, 0, 0, 0)


def event(counter: int, index: int) -> bytes:
    """DONE of a CANCEL."""
    return struct.pack("<BBHIQIIq", 9, 1, 2, index, (SHARD << 56) + counter, 64, 0, 0) + struct.pack(
        "<IIQqq", 3, 1, 7, 1_700_000_000_000, 0
    )


def short(data: bytes) -> bytes:
    return sha256(data).digest()[:16]


def file_header(magic: bytes, head: bytes) -> bytes:
    raw = bytearray(magic + struct.pack("<IIQII", 1, SHARD, FIRST, 1, 0) + head)
    struct.pack_into("<I", raw, 28, zlib.crc32(bytes(raw[:28] + raw[32:])))
    return bytes(raw)


def frame(first: int, count: int, events: int, offset: int, payload: bytes, previous: bytes) -> bytes:
    start = struct.pack("<IIQIIQ", 0x5342464D, len(payload), first, count, events, offset)
    checksum = short(start + previous + payload)
    return start + checksum + short(start + checksum) + payload


def main() -> None:
    batches = [(1, 3), (4, 1), (5, 2)]
    head = bytes(32)
    chain_log = b""
    commands_file = file_header(b"SBJ1CMDS", head)
    events_file = file_header(b"SBJ1EVTS", bytes(32))
    previous = {"c": short(commands_file), "e": short(events_file)}
    roots, heads = [], []
    for first, count in batches:
        numbers = range(first, first + count)
        happened = {n: b"".join(event(n, i) for i in range(1 + n % 2)) for n in numbers}
        payload = b"".join(command(n) for n in numbers)
        result = b"".join(happened[n] for n in numbers)
        seq = (SHARD << 56) + first
        written = frame(seq, count, 0, len(commands_file), payload, previous["c"])
        commands_file += written
        previous["c"] = written[32:48]
        written = frame(seq, count, len(result) // 64, len(events_file), result, previous["e"])
        events_file += written
        previous["e"] = written[32:48]
        leaves = [sha256(b"\0" + command(n) + happened[n]).digest() for n in numbers]
        if count == 1:
            root = leaves[0]
        else:
            root = sha256(b"\1" + leaves[0] + leaves[1]).digest()
            root = sha256(b"\1" + root + leaves[2]).digest() if count == 3 else root
        before = head
        head = sha256(head + struct.pack("<QQ", SHARD, seq) + root).digest()
        entry = struct.pack("<QII", seq, count, SHARD) + root + head
        chain_log += entry + short(entry)
        roots.append(root.hex())
        heads.append(head.hex())
    # The receipt of command 5, first of the last batch of two.
    receipt = struct.pack("<HHIQIIQ", 1, 1, SHARD, (SHARD << 56) + 5, 2, 0, 0) + before + leaves[1]
    cursor = b"SBJ1CURS" + struct.pack("<IIQQ", 1, SHARD, (SHARD << 56) + 7, 0)
    state, labels = b"the state", b"\x80"
    snapshot = b"SBJ1SNAP" + struct.pack("<IIQQQ", 1, SHARD, (SHARD << 56) + 6, len(state), len(labels))
    snapshot += head + sha256(state).digest()
    snapshot += sha256(snapshot + state + labels).digest() + state + labels
    vectors = {
        "roots": roots,
        "heads": heads,
        "commands_file": commands_file.hex(),
        "events_file": events_file.hex(),
        "chain_log": chain_log.hex(),
        "receipt": receipt.hex(),
        "cursor": (cursor + sha256(cursor).digest()).hex(),
        "snapshot": snapshot.hex(),
    }
    target = Path(__file__).with_name("vectors.json")
    target.write_text(json.dumps(vectors, indent=1) + "\n")


if __name__ == "__main__":
    main()
