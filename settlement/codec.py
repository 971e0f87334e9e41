"""Batch body, codecs 1 to 5: operations to bytes and back, exactly.

Columns of integers, each a run of zigzag varints, over per-batch dictionaries of accounts and
instruments; each column is a block, raw or zstd, whichever is shorter. Layout in docs/settlement.md.
Nothing but the body is needed to decode it. Codecs differ only in the kinds of operations they know: 1 the
first nine, 2 those of rules version 2 as well, 3 has the last kind, which carries the shares in a loss,
instead of the one before it, 4 and 5 those of rules versions 4 and 5. The decoder bounds every count by the
bytes it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from exchange.domain.commands import InstrumentTerms
from exchange.domain.commands_risk import FeeTier
from exchange.domain.legs import ComboLeg
from exchange.domain.limits import LEGS_MOST, MAX_TIERS
from settlement import columns as col
from settlement import operations as op
from settlement.columns import BodyError, Reader

CODEC: Final = 5
CODECS: Final = {
    1: frozenset(range(9)),
    2: frozenset(range(21)),
    3: frozenset(range(22)) - {20},
    4: frozenset(range(25)) - {20},
    5: frozenset(range(26)) - {20},
}
"""The kinds each codec knows."""

# The kind numbers of the format: never reuse one.
KINDS: Final[tuple[type, ...]] = (
    op.IndexSet,
    op.Fill,
    op.Deposit,
    op.Withdrawal,
    op.Settlement,
    op.AccountSet,
    op.Listing,
    op.StateSet,
    op.UnderlyingSet,
    op.FeesSet,
    op.FamilySet,
    op.RiskSet,
    op.WithdrawalHeld,
    op.WithdrawalResolved,
    op.Transfer,
    op.LiquidationSet,
    op.LiquidationFee,
    op.FundCover,
    op.Moved,
    op.Takeover,
    op.LossShare,
    op.LossStep,
    op.ComboListing,
    op.ComboFill,
    op.DiscountSet,
    op.PositionsMoved,
)
_KIND_OF: Final = {kind: number for number, kind in enumerate(KINDS)}
_TERMS_FIELDS: Final = len(InstrumentTerms._fields) - 2  # plain integers; behind them steps and legs
_MAX_STEPS: Final = 4

Writer = Callable[[list[Any]], list[bytes]]
Maker = Callable[[Reader, int], list[Any]]


def encode(operations: Sequence[op.Operation], codec: int = CODEC) -> bytes:
    """The body of a batch. Raises ValueError for an operation this codec does not know."""
    runs: list[list[int]] = []
    by_kind: list[list[Any]] = [[] for _ in KINDS]
    for operation in operations:
        number = _KIND_OF[type(operation)]
        by_kind[number].append(operation)
        if runs and runs[-1][0] == number:
            runs[-1][1] += 1
        else:
            runs.append([number, 1])
    unknown = [run[0] for run in runs if run[0] not in CODECS[codec]]
    if unknown:
        raise ValueError(f"codec {codec} has no operations of kind {unknown[0]}")
    blocks = [col.varints(run[0] for run in runs), col.varints(run[1] for run in runs)]
    for number, found in enumerate(by_kind):
        if found:
            blocks.extend(_FORMS[number][0](found))
    return b"".join((col.varint(len(runs)), *map(col.block, blocks)))


def decode(body: bytes, codec: int = CODEC) -> list[op.Operation]:
    """The operations of a body written by `codec`.

    Raises:
        BodyError: not a body of this codec, or one that is cut, padded or too large.
    """
    reader = Reader(body)
    run_count = reader.count(len(body))
    kinds, lengths = reader.column(run_count), reader.column(run_count)
    totals = [0] * len(KINDS)
    for kind, length in zip(kinds, lengths, strict=True):
        if kind not in CODECS[codec] or length == 0:
            raise BodyError(f"run of {length} operations of kind {kind}")
        totals[kind] += length
    if sum(totals) > col.MAX_OPERATIONS:
        raise BodyError(f"{sum(totals)} operations in one batch")
    sources = [
        iter(_FORMS[kind][1](reader, total)) if total else iter(()) for kind, total in enumerate(totals)
    ]
    reader.must_end()
    operations: list[op.Operation] = []
    for kind, length in zip(kinds, lengths, strict=True):
        source = sources[kind]
        operations.extend(next(source) for _ in range(length))
    return operations


# --- fills -----------------------------------------------------------------------------------------


def _write_fills(fills: list[op.Fill]) -> list[bytes]:
    accounts = col.ranked(number for fill in fills for number in (fill.maker, fill.taker))
    instruments = col.ranked(fill.instrument for fill in fills)
    account_of = {number: rank for rank, number in enumerate(accounts)}
    instrument_of = {number: rank for rank, number in enumerate(instruments)}
    prices = col.keyed_deltas((fill.instrument, fill.price_ticks) for fill in fills)
    return [
        col.varints([len(accounts), len(instruments)]),
        col.signed(col.deltas(accounts)),
        col.signed(col.deltas(instruments)),
        col.varints(instrument_of[fill.instrument] for fill in fills),
        col.varints(account_of[fill.maker] for fill in fills),
        col.varints(account_of[fill.taker] for fill in fills),
        col.bits([fill.taker_sells for fill in fills]),
        col.scaled(prices),
        col.scaled([fill.size_lots for fill in fills]),
        col.signed(value - 1 for value in col.deltas([fill.trade_id for fill in fills])),
    ]


def _read_fills(reader: Reader, total: int) -> list[op.Fill]:
    account_count, instrument_count = reader.column(2)
    if account_count > 2 * total or instrument_count > total:
        raise BodyError("dictionary larger than its column")
    accounts = col.sums(reader.signed(account_count))
    instruments = col.sums(reader.signed(instrument_count))
    instrument_column = col.looked_up(instruments, reader.column(total))
    makers = col.looked_up(accounts, reader.column(total))
    takers = col.looked_up(accounts, reader.column(total))
    sells = reader.bits(total)
    prices = col.keyed_sums(instrument_column, reader.scaled(total))
    sizes = reader.scaled(total)
    trade_ids = col.sums(value + 1 for value in reader.signed(total))
    return list(map(op.Fill, instrument_column, makers, takers, sells, prices, sizes, trade_ids))


# --- everything else: one column of differences a field ----------------------------------------------


def _write_plain(rows: Sequence[Sequence[int]]) -> list[bytes]:
    return [col.signed(col.deltas(column)) for column in zip(*rows, strict=True)]


def _read_plain(reader: Reader, total: int, width: int) -> list[list[int]]:
    """Rows of `width` integers."""
    fields = [col.sums(reader.signed(total)) for _ in range(width)]
    return [list(row) for row in zip(*fields, strict=True)]


def _plain(kind: Any) -> tuple[Writer, Maker]:
    """Writer and reader of a named tuple made of integers alone."""
    width = len(kind._fields)

    def read(reader: Reader, total: int) -> list[Any]:
        return [kind(*row) for row in _read_plain(reader, total, width)]

    return _write_plain, read


def _write_indexes(changes: list[op.IndexSet]) -> list[bytes]:
    return [
        col.signed(col.deltas([change.underlying for change in changes])),
        col.scaled(col.keyed_deltas((change.underlying, change.index_micro) for change in changes)),
    ]


def _read_indexes(reader: Reader, total: int) -> list[op.IndexSet]:
    underlyings = col.sums(reader.signed(total))
    indexes = col.keyed_sums(underlyings, reader.scaled(total))
    return list(map(op.IndexSet, underlyings, indexes))


def _write_accounts(changes: list[op.AccountSet]) -> list[bytes]:
    numbers = _write_plain([(change.account, change.flags) for change in changes])
    return [*numbers, b"".join(change.owner for change in changes)]


def _read_accounts(reader: Reader, total: int) -> list[op.AccountSet]:
    rows = _read_plain(reader, total, 2)
    owners = reader.raw(20 * total)
    return [
        op.AccountSet(account, flags, owners[20 * row : 20 * row + 20])
        for row, (account, flags) in enumerate(rows)
    ]


def _write_listings(listings: list[op.Listing]) -> list[bytes]:
    rows: list[list[int]] = []
    for listing in listings:
        steps = listing.terms.tick_steps
        flat = [value for step in (*steps, *[(0, 0)] * (_MAX_STEPS - len(steps))) for value in step]
        rows.append([listing.instrument, listing.state, *listing.terms[:-2], len(steps), *flat])
    return _write_plain(rows)


def _read_listings(reader: Reader, total: int) -> list[op.Listing]:
    listings: list[op.Listing] = []
    for row in _read_plain(reader, total, 3 + _TERMS_FIELDS + 2 * _MAX_STEPS):
        steps, flat = row[2 + _TERMS_FIELDS], row[3 + _TERMS_FIELDS :]
        if not 0 <= steps <= _MAX_STEPS or any(flat[2 * steps :]):
            raise BodyError(f"listing with {steps} tick steps")
        pairs = tuple(zip(flat[: 2 * steps : 2], flat[1 : 2 * steps : 2], strict=True))
        terms = InstrumentTerms._make((*row[2 : 2 + _TERMS_FIELDS], pairs, ()))
        listings.append(op.Listing(row[0], row[1], terms))
    return listings


def _write_combos(listings: list[op.ComboListing]) -> list[bytes]:
    legs = [leg for listing in listings for leg in listing.terms.legs]
    plain = [op.Listing(one.instrument, one.state, one.terms) for one in listings]
    counts = col.varints(len(one.terms.legs) for one in listings)
    return [*_write_listings(plain), counts, *_write_plain(legs)]


def _read_combos(reader: Reader, total: int) -> list[op.ComboListing]:
    plain, counts = _read_listings(reader, total), reader.column(total)
    if min(counts) < 2 or max(counts) > LEGS_MOST:
        raise BodyError(f"combos of {counts[:4]} legs")
    legs = [ComboLeg(*row) for row in _read_plain(reader, sum(counts), 2)]
    return [
        op.ComboListing(one.instrument, one.state, one.terms._replace(legs=tuple(legs[end - count : end])))
        for one, count, end in zip(plain, counts, col.sums(counts), strict=True)
    ]


def _write_fees(changes: list[op.FeesSet]) -> list[bytes]:
    tiers = [tier for change in changes for tier in change.tiers]
    return [col.varints(len(change.tiers) for change in changes), *_write_plain(tiers)]


def _read_fees(reader: Reader, total: int) -> list[op.FeesSet]:
    counts = reader.column(total)
    if not counts or min(counts) < 1 or max(counts) > MAX_TIERS:
        raise BodyError(f"fee schedules of {counts[:4]} tiers")
    tiers = [FeeTier._make(row) for row in _read_plain(reader, sum(counts), len(FeeTier._fields))]
    ends = col.sums(counts)
    return [op.FeesSet(tuple(tiers[end - count : end])) for count, end in zip(counts, ends, strict=True)]


def _write_losses(steps: list[op.LossStep]) -> list[bytes]:
    shares = [share for step in steps for share in step.shares]
    return [
        *_write_plain([(step.account, step.looked_at) for step in steps]),
        col.varints(len(step.shares) for step in steps),
        col.signed(col.deltas([payer for payer, _ in shares])),
        col.signed(col.deltas([paid_micro for _, paid_micro in shares])),
    ]


def _read_losses(reader: Reader, total: int) -> list[op.LossStep]:
    rows, counts = _read_plain(reader, total, 2), reader.column(total)
    ends = col.sums(counts)
    shares = [(payer, paid_micro) for payer, paid_micro in _read_plain(reader, ends[-1], 2)]
    return [
        op.LossStep(account, looked_at, tuple(shares[end - count : end]))
        for (account, looked_at), count, end in zip(rows, counts, ends, strict=True)
    ]


_FORMS: Final[tuple[tuple[Writer, Maker], ...]] = (
    (_write_indexes, _read_indexes),
    (_write_fills, _read_fills),
    _plain(op.Deposit),
    _plain(op.Withdrawal),
    _plain(op.Settlement),
    (_write_accounts, _read_accounts),
    (_write_listings, _read_listings),
    _plain(op.StateSet),
    _plain(op.UnderlyingSet),
    (_write_fees, _read_fees),
    *map(_plain, KINDS[10:21]),
    (_write_losses, _read_losses),
    (_write_combos, _read_combos),
    _plain(op.ComboFill),
    _plain(op.DiscountSet),
    _plain(op.PositionsMoved),
)
