"""Steps: the 64-byte records a batch is made of (docs/protocol.md, Steps).

    kind u8 ‖ classes u8 ‖ flags u16 ‖ instrument u32 ‖ first u32 ‖ second u32 ‖ ident u64 ‖ p i64
    q i64 ‖ 24 zero bytes, or the 32 bytes of a word

Big-endian. Which fields a kind has is in `SHAPES`; all others are zero.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

import sha3

from settlement.stf.errors import TransitionError

STEP_BYTES: Final = 64
TERMS_BYTES: Final = 192

INDEX: Final = 0
FILL: Final = 1
DEPOSIT: Final = 2
ACCOUNT: Final = 3
FAMILY: Final = 4
LISTING: Final = 5
STATE: Final = 6
UNDERLYING: Final = 7
FEES: Final = 8
RISK: Final = 9
DISCOUNT: Final = 10
HELD: Final = 11
RESOLVED: Final = 12
TRANSFER: Final = 13
LIQUIDATION: Final = 14
LIQUIDATION_FEE: Final = 15
SETTLE: Final = 16
HOLDER: Final = 17
SETTLED: Final = 18
TAKEOVER: Final = 19
MOVED: Final = 20
TOPPED: Final = 21
TAKEN: Final = 22
FUND_COVER: Final = 23
LOSS: Final = 24
DEFICIT: Final = 25
SHARE: Final = 26
LOSS_ENDED: Final = 27
MARK: Final = 28
RECLASS: Final = 29
FORCED: Final = 30
MOVING: Final = 31
MOVING_ENDED: Final = 32
KINDS: Final = 33

# Flags of a FILL: the bits of `settlement.combos`.
TAKER_SELLS: Final = 1
MAKER_BY_COMBO: Final = 2
TAKER_BY_COMBO: Final = 4
TAKER_RESTS: Final = 8

# Authorisation classes.
CLASS_NONE: Final = 0
CLASS_ORDER: Final = 1
CLASS_GRANT: Final = 2
CLASS_LIQUIDATION: Final = 3
CLASS_BLOCK: Final = 5

# Settlement kinds of SETTLE; the first three as in the SETTLED event.
END: Final = 4

_RECORD: Final = struct.Struct(">BBHIIIQqq24x")
_HEAD: Final = struct.Struct(">BBHIIIQq")
_WORD_KINDS: Final = frozenset((ACCOUNT, LISTING, FEES))
_ZERO_TAIL: Final = bytes(24)
_Q: Final = struct.Struct(">q")


class Step(NamedTuple):
    """One step. `word` is bytes 32–63 where a kind has a word there; `payload` the terms beside a LISTING."""

    kind: int
    classes: int = 0
    flags: int = 0
    instrument: int = 0
    first: int = 0
    second: int = 0
    ident: int = 0
    p: int = 0
    q: int = 0
    word: bytes = b""
    payload: bytes = b""

    def pack(self) -> bytes:
        """The 64 bytes.

        Raises:
            struct.error: a field that does not fit.
        """
        if not self.word:
            return _RECORD.pack(*self[:9])
        return _HEAD.pack(*self[:8]) + self.word

    def hash(self) -> bytes:
        """keccak of the 64 bytes."""
        digest: bytes = sha3.keccak_256(self.pack()).digest()
        return digest


def step_hashes(steps: Sequence[Step]) -> list[bytes]:
    """The hashes of many steps."""
    pack, keccak_256 = _RECORD.pack, sha3.keccak_256
    return [keccak_256(step.pack() if step.word else pack(*step[:9])).digest() for step in steps]


def unpack(record: bytes, payload: bytes = b"") -> Step:
    """Read any 64 bytes. What is no step is refused when it is applied, not here.

    Raises:
        ValueError: not 64 bytes.
    """
    if len(record) != STEP_BYTES:
        raise ValueError(f"a step of {len(record)} bytes")
    kind, classes, flags, instrument, first, second, ident, p = _HEAD.unpack_from(record)
    is_word = kind in _WORD_KINDS or (kind == DEPOSIT and flags != 0)
    if is_word or record[40:] != _ZERO_TAIL:
        return Step(kind, classes, flags, instrument, first, second, ident, p, 0, record[32:], payload)
    (q,) = _Q.unpack_from(record, 32)
    return Step(kind, classes, flags, instrument, first, second, ident, p, q, b"", payload)


# Fields of Step that a kind has beside `kind`, as bits in their order.
_CLASSES, _FLAGS, _INSTRUMENT, _FIRST, _SECOND, _IDENT, _P, _Q_FIELD, _WORD = (1 << n for n in range(9))
SHAPES: Final[tuple[int, ...]] = (
    _INSTRUMENT | _P,  # INDEX
    _CLASSES | _FLAGS | _INSTRUMENT | _FIRST | _SECOND | _IDENT | _P | _Q_FIELD,  # FILL
    _FLAGS | _FIRST | _IDENT | _P | _WORD,  # DEPOSIT
    _FIRST | _IDENT | _WORD,  # ACCOUNT
    _FLAGS | _FIRST | _SECOND,  # FAMILY
    _FLAGS | _INSTRUMENT | _WORD,  # LISTING
    _FLAGS | _INSTRUMENT,  # STATE
    _INSTRUMENT | _IDENT,  # UNDERLYING
    _FLAGS | _WORD,  # FEES
    _INSTRUMENT | _P,  # RISK
    _P,  # DISCOUNT
    _FIRST | _IDENT | _P,  # HELD
    _FLAGS | _FIRST | _SECOND | _IDENT | _P,  # RESOLVED
    _FIRST | _SECOND | _IDENT | _P,  # TRANSFER
    _FLAGS | _FIRST,  # LIQUIDATION
    _INSTRUMENT | _FIRST | _P | _Q_FIELD,  # LIQUIDATION_FEE
    _FLAGS | _INSTRUMENT | _P,  # SETTLE
    _INSTRUMENT | _FIRST,  # HOLDER
    _INSTRUMENT,  # SETTLED
    _FIRST | _SECOND | _P,  # TAKEOVER
    _INSTRUMENT | _FIRST | _SECOND | _P | _Q_FIELD,  # MOVED
    _P,  # TOPPED
    _FIRST | _SECOND | _P,  # TAKEN
    _FIRST,  # FUND_COVER
    _FIRST,  # LOSS
    _FIRST,  # DEFICIT
    _FIRST | _SECOND | _P,  # SHARE
    _FIRST,  # LOSS_ENDED
    _INSTRUMENT | _IDENT | _P,  # MARK
    _FLAGS | _INSTRUMENT | _FIRST | _SECOND,  # RECLASS
    _FIRST | _IDENT | _P | _Q_FIELD,  # FORCED
    _FIRST | _SECOND,  # MOVING
    _FIRST | _SECOND,  # MOVING_ENDED
)


def must_be_shaped(step: Step) -> None:
    """Raises TransitionError for an unknown kind, or a field that is not zero and not the kind's."""
    if not 0 <= step.kind < KINDS:
        raise TransitionError(f"no step of kind {step.kind}")
    shape = SHAPES[step.kind]
    for bit, value in enumerate(step[1:10]):
        if value and not shape >> bit & 1:
            raise TransitionError(f"a step of kind {step.kind} with field {Step._fields[bit + 1]}")
