"""A derivation as bytes and back, so that a restart, a reorganisation or a wrong batch costs no replay from
the beginning."""

from __future__ import annotations

import struct

import msgspec
import zstandard

from settlement.coding.limits import DecodeError
from settlement.rollup import rows
from settlement.rollup.codec_5 import Codec5
from settlement.rollup.derive import Bridge, Derivation
from settlement.stf.errors import TransitionError

MAX_BYTES = 1 << 30
_LEVEL = 1


class SnapshotError(ValueError):
    """Bytes that are no snapshot, or one whose state has not the root it was made with."""


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    batch_id: int
    closed_ms: int
    last_seqs: dict[int, int]
    root: bytes
    tables: bytes
    accounts: list[rows.AccountRow]
    instruments: list[tuple[int, bytes]]
    withdrawals: list[tuple[int, bytes]]
    entries: dict[int, int]
    sections: dict[int, bytes]


class Codings:
    """The codecs that the contracts judge by: codec 5 alone. A batch of another is wrong."""

    def __init__(self, tables: bytes = b"") -> None:
        self.codec_5 = Codec5(tables)


class Following:
    """A derivation and the codecs it reads with."""

    def __init__(self, derivation: Derivation, codings: Codings) -> None:
        self.derivation = derivation
        self.codings = codings

    @classmethod
    def from_nothing(cls) -> Following:
        """Before the first batch."""
        codings = Codings()
        return cls(Derivation(codings.codec_5), codings)

    @classmethod
    def unpack(cls, packed: bytes) -> Following:
        """Read a snapshot. Raises SnapshotError."""
        try:
            plain = zstandard.ZstdDecompressor().decompress(packed, max_output_size=MAX_BYTES)
            found = msgspec.msgpack.decode(plain, type=_Packed)
            codings = Codings(found.tables)
            state = rows.state_of(
                found.accounts, found.instruments, found.withdrawals, found.entries, found.sections
            )
            derivation = Derivation(codings.codec_5, None, state, found.batch_id, found.closed_ms)
        except (
            zstandard.ZstdError, msgspec.DecodeError, struct.error, KeyError, DecodeError, TransitionError
        ) as error:  # fmt: skip
            raise SnapshotError(f"no snapshot: {error!r:.200}") from error
        if derivation.root != found.root:
            raise SnapshotError(f"the snapshot of batch {found.batch_id} has another root")
        derivation.last_seqs.update(found.last_seqs)
        return cls(derivation, codings)

    def pack(self) -> bytes:
        """The state behind the last batch taken, and what the next needs beside it."""
        one = self.derivation
        state, trees = one.state, one.commitment
        packed = _Packed(
            one.batch_id, one.closed_ms, one.last_seqs, one.root, self.codings.codec_5.tables_data,
            [rows.account_row(number, trees) for number in state.accounts],
            [(n, rows.instrument_row(each)) for n, each in state.instruments.items()],
            [(slot, rows.withdrawal_row(each) or b"") for slot, each in state.withdrawals.items()],
            state.entries, rows.section_rows(trees),
        )  # fmt: skip
        return zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(packed))

    def ask(self, bridge: Bridge) -> None:
        """Whom the next batches' deposits and requests are compared with."""
        self.derivation.bridge = bridge
