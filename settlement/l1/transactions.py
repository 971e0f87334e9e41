"""Ethereum transactions of types 0, 2 and 3: bytes, signatures, hashes, and blob sidecars.

Type 0 (legacy, EIP-155), type 2 (EIP-1559) and type 3 (EIP-4844). A type 3 transaction travels to a node
with its blobs: `wrapped` is the network form, with one proof a blob (EIP-4844) or 128 cell proofs a blob
(EIP-7594, what nodes ask for since Osaka). Hash and signature never cover the sidecar.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from settlement.hashing import HASH_BYTES, keccak
from settlement.l1 import rlp
from settlement.l1.keys import ADDRESS_BYTES, Key, recover

LEGACY: Final = 0
DYNAMIC_FEE: Final = 2
BLOB: Final = 3
BLOB_BYTES: Final = 131_072
COMMITMENT_BYTES: Final = 48
PROOF_BYTES: Final = 48
CELLS_PER_BLOB: Final = 128
MAX_BLOBS: Final = 6  # of one transaction, since Osaka
MAX_ACCESS_ENTRIES: Final = 1_024

AccessList = tuple[tuple[bytes, tuple[bytes, ...]], ...]


class TransactionError(ValueError):
    """Bytes that are no transaction of a known type, or one without a valid signature."""


class Sidecar(NamedTuple):
    """Blobs with their commitments and proofs: one proof a blob, or 128 cell proofs a blob."""

    blobs: tuple[bytes, ...]
    commitments: tuple[bytes, ...]
    proofs: tuple[bytes, ...]

    @property
    def has_cell_proofs(self) -> bool:
        """Whether the proofs are those of cells (EIP-7594)."""
        return len(self.proofs) == CELLS_PER_BLOB * len(self.blobs)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction, signed if r is not zero. Prices are wei; `to` is empty where a contract is created.

    In type 0 `max_fee` is the gas price and `priority_fee` the same.
    """

    kind: int
    chain_id: int
    nonce: int
    gas: int
    to: bytes
    value_wei: int
    data: bytes
    max_fee: int
    priority_fee: int
    access_list: AccessList = ()
    max_blob_fee: int = 0
    blob_hashes: tuple[bytes, ...] = ()
    parity: int = 0
    r: int = 0
    s: int = 0

    def _fields(self) -> list[rlp.Encodable]:
        if self.kind == LEGACY:
            return [self.nonce, self.max_fee, self.gas, self.to, self.value_wei, self.data]
        head: list[rlp.Encodable] = [self.chain_id, self.nonce, self.priority_fee, self.max_fee, self.gas]
        body: list[rlp.Encodable] = [self.to, self.value_wei, self.data, self.access_list]
        blob: list[rlp.Encodable] = [self.max_blob_fee, self.blob_hashes] if self.kind == BLOB else []
        return head + body + blob

    def _signature(self) -> list[rlp.Encodable]:
        return [self.chain_id * 2 + 35 + self.parity if self.kind == LEGACY else self.parity, self.r, self.s]

    def digest(self) -> bytes:
        """What is signed."""
        if self.kind == LEGACY:
            return keccak(rlp.encode([*self._fields(), self.chain_id, 0, 0]))
        return keccak(bytes([self.kind]) + rlp.encode(self._fields()))

    def encoded(self) -> bytes:
        """As a block holds it, without sidecar."""
        body = rlp.encode([*self._fields(), *self._signature()])
        return body if self.kind == LEGACY else bytes([self.kind]) + body

    def hash(self) -> bytes:
        """The transaction's hash."""
        return keccak(self.encoded())

    def wrapped(self, sidecar: Sidecar) -> bytes:
        """The network form of a type 3 transaction."""
        inner: rlp.Encodable = [*self._fields(), *self._signature()]
        version: list[rlp.Encodable] = [1] if sidecar.has_cell_proofs else []
        return bytes([BLOB]) + rlp.encode([inner, *version, *sidecar])

    def signed(self, key: Key) -> Transaction:
        """The same with a signature."""
        parity, r, s = key.sign(self.digest())
        return replace(self, parity=parity, r=r, s=s)

    def sender(self) -> bytes:
        """Who signed. Raises TransactionError."""
        try:
            return recover(self.digest(), self.parity, self.r, self.s)
        except ValueError as error:
            raise TransactionError("no valid signature") from error


def decode(raw: bytes) -> tuple[Transaction, Sidecar | None]:
    """A transaction as it comes to a node, with its sidecar if it brings one. Raises TransactionError."""
    try:
        if raw[:1] >= b"\xc0":
            return _legacy(rlp.as_list(rlp.decode(raw))), None
        kind = raw[0] if raw else -1
        if kind not in (DYNAMIC_FEE, BLOB):
            raise TransactionError(f"transactions of type {kind} are not known")
        items = rlp.as_list(rlp.decode(raw[1:]))
        if kind == BLOB and items and isinstance(items[0], list):
            return _typed(kind, items[0]), _sidecar(items[1:])
        return _typed(kind, items), None
    except rlp.RlpError as error:
        raise TransactionError(str(error)) from error


def _legacy(items: list[rlp.Item]) -> Transaction:
    if len(items) != 9:
        raise TransactionError(f"{len(items)} fields")
    v = rlp.as_int(items[6], 72)
    if v < 37:
        raise TransactionError("a legacy transaction must name its chain (EIP-155)")
    price = rlp.as_int(items[1])
    return Transaction(
        LEGACY, (v - 35) // 2, rlp.as_int(items[0], 64), rlp.as_int(items[2], 64), _to(items[3]),
        rlp.as_int(items[4]), rlp.as_bytes(items[5]), price, price,
        parity=(v - 35) % 2, r=rlp.as_int(items[7]), s=rlp.as_int(items[8]),
    )  # fmt: skip


def _typed(kind: int, items: list[rlp.Item]) -> Transaction:
    expected = 14 if kind == BLOB else 12
    if len(items) != expected:
        raise TransactionError(f"{len(items)} fields, not {expected}")
    hashes: tuple[bytes, ...] = ()
    max_blob_fee = 0
    if kind == BLOB:
        max_blob_fee = rlp.as_int(items[9])
        hashes = tuple(rlp.as_bytes(item, HASH_BYTES) for item in rlp.as_list(items[10]))
    to = _to(items[5])
    if kind == BLOB and not to:
        raise TransactionError("a blob transaction creates no contract")
    return Transaction(
        kind, rlp.as_int(items[0], 64), rlp.as_int(items[1], 64), rlp.as_int(items[4], 64), to,
        rlp.as_int(items[6]), rlp.as_bytes(items[7]), rlp.as_int(items[3]), rlp.as_int(items[2]),
        _access_list(items[8]), max_blob_fee, hashes,
        rlp.as_int(items[-3], 8), rlp.as_int(items[-2]), rlp.as_int(items[-1]),
    )  # fmt: skip


def _to(item: rlp.Item) -> bytes:
    to = rlp.as_bytes(item)
    if len(to) not in (0, ADDRESS_BYTES):
        raise TransactionError(f"an address of {len(to)} bytes")
    return to


def _access_list(item: rlp.Item) -> AccessList:
    entries: list[tuple[bytes, tuple[bytes, ...]]] = []
    for entry in rlp.as_list(item):
        parts = rlp.as_list(entry)
        if len(parts) != 2 or len(entries) >= MAX_ACCESS_ENTRIES:
            raise TransactionError("a malformed access list")
        slots = tuple(rlp.as_bytes(slot, HASH_BYTES) for slot in rlp.as_list(parts[1]))
        entries.append((rlp.as_bytes(parts[0], ADDRESS_BYTES), slots))
    return tuple(entries)


def _sidecar(items: list[rlp.Item]) -> Sidecar:
    cells = len(items) == 4
    if len(items) not in (3, 4) or (cells and rlp.as_int(items[0], 8) != 1):
        raise TransactionError("a malformed sidecar")
    blobs, commitments, proofs = (rlp.as_list(item) for item in items[-3:])
    wanted = len(blobs) * (CELLS_PER_BLOB if cells else 1)
    if not 0 < len(blobs) <= MAX_BLOBS or len(commitments) != len(blobs) or len(proofs) != wanted:
        raise TransactionError(f"{len(blobs)} blobs, {len(commitments)} commitments, {len(proofs)} proofs")
    return Sidecar(
        tuple(rlp.as_bytes(item, BLOB_BYTES) for item in blobs),
        tuple(rlp.as_bytes(item, COMMITMENT_BYTES) for item in commitments),
        tuple(rlp.as_bytes(item, PROOF_BYTES) for item in proofs),
    )


def calldata_tokens(data: bytes) -> int:
    """EIP-7623's tokens: one a zero byte, four any other."""
    return 4 * len(data) - 3 * data.count(0)


def floor_gas(data: bytes) -> int:
    """What a transaction with this calldata costs at least (EIP-7623)."""
    return 21_000 + 10 * calldata_tokens(data)


def intrinsic_gas(transaction: Transaction) -> int:
    """What a transaction costs before anything runs, the floor of EIP-7623 not included."""
    gas = 21_000 + 4 * calldata_tokens(transaction.data)
    if not transaction.to:
        gas += 32_000 + 2 * ((len(transaction.data) + 31) // 32)
    slots = sum(len(entry[1]) for entry in transaction.access_list)
    return gas + 2_400 * len(transaction.access_list) + 1_900 * slots
