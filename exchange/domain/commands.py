"""Builders of packed commands (docs/formats.md). One function a command, integers in, bytes out.

Every builder raises `struct.error` when an integer does not fit its field; the core rejects what fits a
field but passes a limit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.legs import ComboLeg, pack_legs
from exchange.domain.limits import RECORD_VERSION

_HEADER: Final = struct.Struct("<BBHIIIQII")
_BODY: Final = struct.Struct("<qqqq")
_QUOTE: Final = struct.Struct("<IIqqII")
MARK_UNIT: Final = struct.Struct("<Iiqqq")
"""A `Mark` in MARKS and RISK_SNAPSHOT."""


class Quote(NamedTuple):
    """One two-sided quote. A side left at None is untouched; size 0 cancels it. Prices in ticks."""

    instrument: int
    bid_price_ticks: int = 0
    bid_lots: int | None = None
    ask_price_ticks: int = 0
    ask_lots: int | None = None
    set_label: int = 0
    post_only: bool = False
    reject_post_only: bool = False


class Mark(NamedTuple):
    """One instrument's mark: prices in micro-USDC per 1 underlying, delta in 1e-9, vega per vol point."""

    instrument: int
    delta_e9: int
    mark_micro: int
    vega_micro: int
    forward_micro: int


class InstrumentTerms(NamedTuple):
    """The terms of a listing; units as in docs/formats.md (LIST_INSTRUMENT)."""

    kind: int
    option_type: int
    underlying: int
    expiry_ms: int
    strike_micro: int
    tick_micro: int
    lot_e8: int
    min_size_lots: int
    price_limit_ticks: int
    position_limit_lots: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    fee_cap_permille: int
    delivery_fee_ppm: int
    band_ppm: int
    tick_steps: tuple[tuple[int, int], ...] = ((0, 1),)
    legs: tuple[ComboLeg, ...] = ()
    """Of a combo."""

    @property
    def multiplier_micro(self) -> int:
        """Micro-USDC per tick and lot; exact for every listed instrument."""
        return self.tick_micro * self.lot_e8 // 100_000_000


def header(
    command: int,
    units: int,
    *,
    flags: int = 0,
    account: int = 0,
    instrument: int = 0,
    client_order_id: int = 0,
    grant: int = 0,
    aux: int = 0,
) -> bytes:
    """The 32-byte command header."""
    return _HEADER.pack(
        command, RECORD_VERSION, units, flags, account, instrument, client_order_id, grant, aux
    )


def new_order(
    account: int,
    instrument: int,
    flags: int,
    price_ticks: int,
    size_lots: int,
    *,
    display_lots: int = 0,
    valid_until_ms: int = 0,
    client_order_id: int = 0,
    label: int = 0,
    grant: int = 0,
) -> bytes:
    """NEW_ORDER; `flags` are the order flags of `records`."""
    return header(
        r.NEW_ORDER,
        2,
        flags=flags,
        account=account,
        instrument=instrument,
        client_order_id=client_order_id,
        grant=grant,
        aux=label,
    ) + _BODY.pack(price_ticks, size_lots, display_lots, valid_until_ms)


def amend(
    account: int,
    order_id: int,
    *,
    price_ticks: int | None = None,
    size_lots: int | None = None,
    display_lots: int | None = None,
    post_only: bool | None = None,
    reject_post_only: bool = False,
    reduce_only: bool | None = None,
    valid_until_ms: int = 0,
    client_order_id: int = 0,
    grant: int = 0,
) -> bytes:
    """AMEND; what is None stays as it is. `size_lots` is the new total, fills included."""
    flags = 0
    if price_ticks is not None:
        flags |= r.AMEND_PRICE
    if size_lots is not None:
        flags |= r.AMEND_SIZE
    if display_lots is not None:
        flags |= r.AMEND_DISPLAY
    if post_only is not None:
        flags |= r.AMEND_POST | (r.FLAG_POST_ONLY if post_only else 0)
        flags |= r.FLAG_REJECT_POST_ONLY if reject_post_only else 0
    if reduce_only is not None:
        flags |= r.AMEND_REDUCE | (r.FLAG_REDUCE_ONLY if reduce_only else 0)
    return (
        header(r.AMEND, 3, flags=flags, account=account, client_order_id=client_order_id, grant=grant)
        + _BODY.pack(order_id, price_ticks or 0, size_lots or 0, display_lots or 0)
        + _BODY.pack(valid_until_ms, 0, 0, 0)
    )


def cancel(account: int, order_id: int, *, client_order_id: int = 0, grant: int = 0) -> bytes:
    """CANCEL by order_id."""
    return header(
        r.CANCEL, 2, account=account, client_order_id=client_order_id, grant=grant
    ) + _BODY.pack(order_id, 0, 0, 0)


def cancel_many(
    account: int,
    scope: int = r.SCOPE_ALL,
    *,
    target: int = 0,
    kind: int = 0,
    which: int = 0,
    label: int = 0,
    client_order_id: int = 0,
    grant: int = 0,
) -> bytes:
    """CANCEL_MANY; `target` is the instrument or underlying the scope names."""
    return header(
        r.CANCEL_MANY,
        1,
        flags=scope | kind << r.KIND_FILTER_SHIFT | which << r.WHICH_SHIFT,
        account=account,
        instrument=target,
        client_order_id=client_order_id,
        grant=grant,
        aux=label,
    )


def _quote_side(lots: int | None, post_only: bool, reject_post_only: bool) -> int:
    if lots is None:
        return 0
    if not 0 <= lots <= r.QUOTE_SIZE_MASK:
        raise struct.error(f"quote size {lots} lots does not fit 28 bits")
    side = lots | r.QUOTE_PRESENT
    if post_only:
        side |= r.QUOTE_POST_ONLY
    if reject_post_only:
        side |= r.QUOTE_REJECT_POST_ONLY
    return side


def mass_quote(
    account: int,
    quotes: Iterable[Quote],
    *,
    quote_label: int = 0,
    mmp_group: int = 0,
    valid_until_ms: int = 0,
    client_order_id: int = 0,
    grant: int = 0,
) -> bytes:
    """MASS_QUOTE of up to 100 two-sided quotes."""
    units = [
        _QUOTE.pack(
            q.instrument,
            q.set_label,
            q.bid_price_ticks,
            q.ask_price_ticks,
            _quote_side(q.bid_lots, q.post_only, q.reject_post_only),
            _quote_side(q.ask_lots, q.post_only, q.reject_post_only),
        )
        for q in quotes
    ]
    head = header(
        r.MASS_QUOTE,
        2 + len(units),
        account=account,
        client_order_id=client_order_id,
        grant=grant,
        aux=quote_label,
    )
    return b"".join([head, _BODY.pack(mmp_group, valid_until_ms, 0, 0), *units])


def label(account: int, label_id: int, text: str) -> bytes:
    """LABEL side record: `text` is 1…256 bytes of UTF-8."""
    raw = text.encode()
    units = 1 + (len(raw) + 31) // 32
    head = header(r.LABEL, units, account=account, client_order_id=len(raw), aux=label_id)
    return head + raw.ljust((units - 1) * 32, b"\0")


def grant(account: int, number: int, kind: int, body: bytes) -> bytes:
    """GRANT side record (rules 5): `kind` is one of `records.GRANT_…`, `body` has 1…1,024 bytes."""
    units = 1 + (len(body) + 31) // 32
    head = header(r.GRANT, units, flags=kind, account=account, instrument=number, aux=len(body))
    return head + body.ljust((units - 1) * 32, b"\0")


def create_account(account: int, owner: bytes = bytes(20), main: int = 0) -> bytes:
    """CREATE_ACCOUNT with the owner's 20-byte address; `main` of a subaccount (rules 2)."""
    if len(owner) != 20:
        raise struct.error("owner address must be 20 bytes")
    return header(r.CREATE_ACCOUNT, 2, account=account) + owner.ljust(24, b"\0") + struct.pack("<q", main)


def configure_account(account: int, *, cancel_maker: bool) -> bytes:
    """CONFIGURE_ACCOUNT: self-trade prevention cancels the maker, or rejects the taker."""
    return header(r.CONFIGURE_ACCOUNT, 1, flags=int(cancel_maker), account=account)


def deposit(account: int, amount_micro: int, deposit_id: int) -> bytes:
    """DEPOSIT; `deposit_id` grows strictly over the shard."""
    return header(r.DEPOSIT, 2, account=account) + _BODY.pack(amount_micro, deposit_id, 0, 0)


def withdraw(account: int, amount_micro: int, withdrawal_id: int = 0) -> bytes:
    """WITHDRAW, held from the moment it is sequenced."""
    return header(r.WITHDRAW, 2, account=account) + _BODY.pack(amount_micro, withdrawal_id, 0, 0)


def time(now_ms: int) -> bytes:
    """TIME: the sequenced clock."""
    return header(r.TIME, 2) + _BODY.pack(now_ms, 0, 0, 0)


def symbol_word(symbol: str) -> int:
    """A symbol of up to 8 ASCII letters as the integer the core carries."""
    raw = symbol.encode("ascii")
    if not 1 <= len(raw) <= 8:
        raise struct.error("a symbol has 1 to 8 ASCII bytes")
    return int.from_bytes(raw.ljust(8, b"\0"), "little")


def symbol_text(word: int) -> str:
    """The inverse of `symbol_word`."""
    return (word & ((1 << 64) - 1)).to_bytes(8, "little").rstrip(b"\0").decode("ascii")


def list_underlying(underlying: int, symbol: str) -> bytes:
    """LIST_UNDERLYING under the next underlying id."""
    return header(r.LIST_UNDERLYING, 2, instrument=underlying) + _BODY.pack(symbol_word(symbol), 0, 0, 0)


def pack_terms(terms: InstrumentTerms) -> bytes:
    """The six body units of LIST_INSTRUMENT and of the INSTRUMENT event."""
    steps = list(terms.tick_steps)
    flat = [value for step in (*steps, *[(0, 0)] * (4 - len(steps))) for value in step]
    packed = terms.kind | terms.option_type << 8 | len(steps) << 16 | terms.underlying << 32
    return b"".join(
        (
            _BODY.pack(packed, terms.expiry_ms, terms.strike_micro, terms.tick_micro),
            _BODY.pack(
                terms.lot_e8, terms.min_size_lots, terms.price_limit_ticks, terms.position_limit_lots
            ),
            _BODY.pack(
                terms.maker_fee_ppm | terms.taker_fee_ppm << 32,
                terms.fee_cap_permille | terms.delivery_fee_ppm << 32,
                terms.band_ppm,
                0,
            ),
            _BODY.pack(*flat[:4]),
            _BODY.pack(*flat[4:]),
            pack_legs(terms.legs),
        )
    )


def list_instrument(instrument: int, terms: InstrumentTerms) -> bytes:
    """LIST_INSTRUMENT under the next instrument id."""
    return header(r.LIST_INSTRUMENT, 7, instrument=instrument) + pack_terms(terms)


def set_instrument_state(instrument: int, state: int) -> bytes:
    """SET_INSTRUMENT_STATE: open, cancel-only, halted or delisted."""
    return header(r.SET_INSTRUMENT_STATE, 1, flags=state, instrument=instrument)


def marks(underlying: int, index_micro: int, feed_seq: int, units: Iterable[Mark]) -> bytes:
    """MARKS: one atomic block of an underlying."""
    body = [MARK_UNIT.pack(*unit) for unit in units]
    head = header(r.MARKS, 2 + len(body), instrument=underlying)
    return b"".join([head, _BODY.pack(index_micro, feed_seq, 0, 0), *body])


def settle_perpetual(instrument: int, price_ticks: int) -> bytes:
    """SETTLE_PERPETUAL at a price: entry values are realised into cash."""
    return header(r.SETTLE_PERPETUAL, 2, instrument=instrument) + _BODY.pack(price_ticks, 0, 0, 0)


def funding(instrument: int, funding_micro_per_lot: int) -> bytes:
    """FUNDING at a rate in micro-USDC per lot; positive: longs pay."""
    return header(r.FUNDING, 2, instrument=instrument) + _BODY.pack(funding_micro_per_lot, 0, 0, 0)


def deliver(instrument: int, delivery_price_micro: int) -> bytes:
    """DELIVER an expired option at its delivery price."""
    return header(r.DELIVER, 2, instrument=instrument) + _BODY.pack(delivery_price_micro, 0, 0, 0)


def expire_day(instrument: int) -> bytes:
    """EXPIRE_DAY: cancel up to 256 good-til-day orders."""
    return header(r.EXPIRE_DAY, 1, instrument=instrument)


def set_rules(version: int) -> bytes:
    """SET_RULES from the next command on; a version above the first is said twice (docs/formats.md)."""
    return header(r.SET_RULES, 1, flags=version if version >= 2 else 0, aux=version)


def set_mode(mode: int) -> bytes:
    """SET_MODE of the whole venue: open or cancel-only."""
    return header(r.SET_MODE, 1, flags=mode)


def split(batch: bytes) -> list[bytes]:
    """The commands of a batch, in order.

    Raises:
        ValueError: the unit counts do not add up to the batch's length.
    """
    found: list[bytes] = []
    at = 0
    while at < len(batch):
        size = int.from_bytes(batch[at + 2 : at + 4], "little") * r.UNIT_BYTES
        if size == 0 or at + size > len(batch):
            raise ValueError(f"record at byte {at} has a wrong unit count")
        found.append(batch[at : at + size])
        at += size
    return found
