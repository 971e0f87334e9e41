"""Blobs by the beacon API: GET /eth/v1/beacon/blobs/{block} with ?versioned_hashes=…; slot = block number."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from settlement.devnet.chain import Chain
from settlement.l1.hexes import HexError, data, read_data

BLOBS: Final = "/eth/v1/beacon/blobs/"
MAX_HASHES: Final = 72


class Beacon:
    """Answers over a chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def get(self, target: str) -> tuple[int, bytes]:
        """(status, body) of a GET."""
        parts = urlsplit(target)
        if self._chain.faults.fail:
            return _problem(503, "the node fails (a fault that was switched on)")
        if parts.path == "/eth/v1/beacon/genesis":
            genesis = self._chain.block(0)
            root = {"genesis_validators_root": data(bytes(32)), "genesis_fork_version": data(bytes(4))}
            time_s = genesis.time_s if genesis else 0
            return 200, msgspec.json.encode({"data": {"genesis_time": str(time_s), **root}})
        if parts.path.startswith(BLOBS):
            return self._blobs(parts.path.removeprefix(BLOBS), parts.query)
        return _problem(404, "no such endpoint")

    def _blobs(self, ident: str, query: str) -> tuple[int, bytes]:
        try:
            given = ",".join(parse_qs(query, max_num_fields=MAX_HASHES).get("versioned_hashes", []))
            wanted = [read_data(text, 32) for text in given.split(",") if text]
        except (HexError, ValueError) as error:
            return _problem(400, str(error))
        if ident != "head" and not (ident.isascii() and ident.isdigit() and len(ident) < 19):
            return _problem(400, f"{ident[:80]!r} is not a block")
        number = self._chain.head.number if ident == "head" else int(ident)
        if self._chain.block(number) is None:
            return _problem(404, "block not found")
        blobs: list[tuple[bytes, bytes]] = []
        for entry in self._chain.included_in(number):
            sidecar = self._chain.sidecar(entry.hash) if entry.transaction.blob_hashes else None
            if entry.transaction.blob_hashes and sidecar is None:
                return _problem(404, "the block's blobs are pruned")
            if sidecar is not None:
                blobs += zip(entry.transaction.blob_hashes, sidecar.blobs, strict=True)
        chosen = [data(blob) for digest, blob in blobs if not wanted or digest in wanted]
        answer = {"execution_optimistic": False, "finalized": False, "data": chosen}
        return 200, msgspec.json.encode(answer)


def _problem(status: int, message: str) -> tuple[int, bytes]:
    return status, msgspec.json.encode({"code": status, "message": message})
