"""Blobs from a node's beacon API, believed only where their commitments have the hashes asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from settlement.l1.blobs import BlobError, Kzg, versioned_hash
from settlement.l1.ethereum import Head
from settlement.l1.hexes import HexError, data, read_data
from settlement.l1.port import L1Unavailable
from settlement.l1.rpc import HttpRpc
from settlement.l1.transactions import BLOB_BYTES

SLOT_S: Final = 12

Get = Callable[[str], bytes]


class BlobsMissing(LookupError):
    """The node has these blobs no more, or never had them."""


def slot_is_number(head: Head) -> int:
    """Where the slot is the block's number: the development chain, anvil."""
    return head.number


def slot_by_time(genesis_time_s: int, slot_s: int = SLOT_S) -> Callable[[Head], int]:
    """Where slots are counted from the genesis: Ethereum."""
    return lambda head: (head.time_s - genesis_time_s) // slot_s


class BeaconBlobs:
    """A source of blobs by block and versioned hash."""

    def __init__(self, get: Get, kzg: Kzg, slot_of: Callable[[Head], int] = slot_is_number) -> None:
        """`get` answers a path's body, LookupError where there is none (`over_http`)."""
        self._get = get
        self._kzg = kzg
        self._slot_of = slot_of

    def blobs(self, head: Head, hashes: Sequence[bytes]) -> tuple[bytes, ...]:
        """The blobs in the order asked for. Raises BlobsMissing or L1Unavailable."""
        named = ",".join(map(data, hashes))
        try:
            body = self._get(f"/eth/v1/beacon/blobs/{self._slot_of(head)}?versioned_hashes={named}")
        except LookupError as error:
            raise BlobsMissing(f"no blobs of block {head.number}") from error
        try:
            listed = msgspec.json.decode(body)["data"]
            blobs = [read_data(text, BLOB_BYTES) for text in listed]
            found = {versioned_hash(self._kzg.commit(blob)): blob for blob in blobs}
        except (msgspec.DecodeError, KeyError, TypeError, HexError, BlobError) as error:
            raise L1Unavailable(f"blobs of block {head.number}: {error!r:.200}") from error
        missing = [digest for digest in hashes if digest not in found]
        if missing:
            raise BlobsMissing(f"block {head.number} came without blob {missing[0].hex()}")
        return tuple(found[digest] for digest in hashes)


def over_http(rpc: HttpRpc) -> Get:
    """Paths below the address of `rpc`."""
    return lambda path: rpc.exchange("GET", path)
