"""Proves on the L1 that a batch's payload does not decode to what its header commits to: all calls, planned.

`plan` finds what is wrong with the payload, in the order in which the contracts can judge it: the codec, the
directory, the tables, a chunk. It takes what `settlement.rollup.derive` had in hand when it found UNDECODABLE
or CHUNK_ROOT: the header, the payload, the state in front of the batch and the tables in force there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, NamedTuple

from settlement.coding import payload as pl
from settlement.coding.anchors import Anchors
from settlement.coding.batches import step_of
from settlement.coding.limits import DecodeError
from settlement.coding.other import decode_steps
from settlement.coding.plain import Extent, Setting
from settlement.coding.tables import Tables, parse
from settlement.contracts import abi
from settlement.contracts.falling import falls_at
from settlement.contracts.planning import Check, Planned, Span, Suspect, shown
from settlement.contracts.telling import OF_INSTRUMENT, Told, told_of
from settlement.contracts.walking import NO_CHUNK, Entry, Stage, walked
from settlement.hashing import ZERO_HASH, keccak
from settlement.rollup.codec_5 import Codec5, dictionaries_of
from settlement.rollup.coding import NO_TABLES
from settlement.stf import leaves
from settlement.stf.chunks import Chunk
from settlement.stf.commitment import Commitment
from settlement.stf.header import Header
from settlement.stf.state import State
from settlement.trees import sparse

PROOFS_AT_ONCE: Final = 64
_CHUNK: Final = ("bytes32", "bytes32", "uint256")
_RESULT: Final = "(bytes32,bytes32,bytes32,bytes32)"
Committed = Callable[[int], tuple[bytes, Sequence[bytes]] | None]
"""Of a chunk: the leaf the header commits to and its path, None while they are not known (`Demands` asks)."""


class Result(NamedTuple):
    """What a chunk decodes to, as Decoding.vy keeps it. `told` chains what is not proven yet."""

    leaf: bytes
    told: bytes
    entries: bytes
    instruments: bytes

    def hash(self) -> bytes:
        """What is kept of it."""
        return keccak(abi.encode([_RESULT], [self]))


@dataclass(frozen=True, slots=True)
class Before:
    """What there was in front of the batch: the state, the tables in force and the header that said so."""

    state: State
    tables: bytes = b""
    header: Header | None = None
    data: bytes = ZERO_HASH


class Unproven(ValueError):
    """Nothing is wrong that the decoders could prove, or not with what is known."""


def plan(suspect: Suspect, before: Before, committed: Committed, prover: bytes) -> list[Planned]:
    """All calls of `prover` (its address) that void a batch for its payload. Raises Unproven."""
    suspect = replace(suspect, prover=prover)
    header, payload = suspect.header, suspect.payload
    if header.codec != Codec5.number:
        return [_begin(suspect, NO_CHUNK), _last(suspect, "directory", "prove_codec", *suspect.posted)]
    stages, _, place = walked(payload, NO_CHUNK)
    entries = entries_of(suspect)
    if entries is None:
        return [_begin(suspect, NO_CHUNK), *walk(suspect, NO_CHUNK, stages, voids=True)]
    tables = payload[place[0] : sum(place)] or before.tables
    if keccak(tables) != header.tables_hash:
        return _wrong_tables(suspect, before, stages, place)
    parsed: Tables | None = None
    if tables:
        try:
            parsed = parse(tables)
        except DecodeError:
            call = _last(suspect, "tables", "prove_malformed", *suspect.posted, falls_at(tables), tables)
            return [_begin(suspect, NO_CHUNK), call]
    return _of_chunks(suspect, before, entries, parsed, committed)


def entries_of(suspect: Suspect) -> tuple[pl.Entry, ...] | None:
    """What the directory says; None if it is none, or not what the header says."""
    header = suspect.header
    try:
        payload = pl.unpack(suspect.payload)
    except DecodeError:
        return None
    entries = payload.entries
    counts = len(entries), sum(entry.steps for entry in entries)
    has_fills = any(entry.kind == pl.FILL_CHUNK for entry in entries)
    without = has_fills and header.tables_hash == NO_TABLES
    if counts != (header.chunks, header.steps) or without or (payload.tables and not has_fills):
        return None
    return entries


def _of_chunks(
    suspect: Suspect,
    before: Before,
    entries: tuple[pl.Entry, ...],
    tables: Tables | None,
    committed: Committed,
) -> list[Planned]:
    """The first chunk that is wrong. Raises Unproven."""
    state = before.state
    rows = ((n, one.last_price_ticks, one.last_taker_sells) for n, one in state.instruments.items())
    anchors, dictionaries = Anchors.of(rows), dictionaries_of(state)
    setting = None if tables is None else Setting(tables, dictionaries, anchors)
    for number, entry in enumerate(entries):
        told, leaf = _decoded(number, entry, setting)
        known = committed(number)
        if leaf == ZERO_HASH or (known is not None and known[0] != leaf):
            return _chunk(suspect, before, number, told, leaf, known or (ZERO_HASH, ()))
    raise Unproven("every chunk decodes to the leaf that is known of it")


def _decoded(number: int, entry: pl.Entry, setting: Setting | None) -> tuple[Told | None, bytes]:
    """What a fill chunk is told, and a chunk's leaf: zero if it can not be decoded."""
    if entry.kind == pl.FILL_CHUNK and setting is not None:
        told = told_of(entry.data, Extent(number, entry.steps, entry.first_trade_id), setting)
        rows = told.rows
        return told, ZERO_HASH if rows is None else Chunk(entry.kind, tuple(map(step_of, rows))).leaf
    try:
        return None, Chunk(entry.kind, tuple(decode_steps(entry.data, entry.steps))).leaf
    except DecodeError:
        return None, ZERO_HASH


# --- the payload as a whole ---------------------------------------------------------------------------------


def _begin(suspect: Suspect, chunk: int) -> Planned:
    what = keccak(abi.encode(_CHUNK, (*suspect.named, chunk)))
    return Planned(
        "decoding", "begin", (*suspect.posted, chunk), Check("decoding", "first", (what,), None)
    )


def _last(suspect: Suspect, contract: str, function: str, *arguments: Any) -> Planned:
    """The call that voids the batch."""
    return Planned(contract, function, arguments, suspect.voided())


def walk(
    suspect: Suspect,
    chunk: int,
    stages: Sequence[Stage],
    *,
    voids: bool = False,
    more: Sequence[Span] = (),
) -> list[Planned]:
    """The bytes of a directory (and `more`) shown, and the walk over them; its end voids the batch or not."""
    found = shown(suspect, [*((stage.start, stage.length) for stage in stages), *more])
    name = keccak(abi.encode([*_CHUNK, "address"], (*suspect.named, chunk, suspect.prover)))
    hashes = [stage.behind.hash() for stage in stages if stage.behind is not None]
    for at, stage in enumerate(stages):
        content = suspect.payload[stage.start : stage.start + stage.length]
        arguments = (*suspect.posted, chunk, stage.before, stage.start, stage.most, content)
        done = Check("directory", "walks", (name,), frozenset(hashes[at:]))
        if voids and at == len(stages) - 1:
            done = suspect.voided()
        found.append(Planned("directory", "go_on", arguments, done))
    return found


def _wrong_tables(
    suspect: Suspect, before: Before, stages: Sequence[Stage], place: tuple[int, int]
) -> list[Planned]:
    """The payload's tables are not the header's, or there are none and the header's are not the last ones."""
    more = [place] if place[1] else []
    found = [_begin(suspect, NO_CHUNK), *walk(suspect, NO_CHUNK, stages, more=more)]
    last = b"" if place[1] or before.header is None else before.header.bound()
    arguments = (*suspect.posted, last, before.data if last else ZERO_HASH)
    return [*found, _last(suspect, "directory", "prove_tables", *arguments)]


# --- one chunk ----------------------------------------------------------------------------------------------


def _chunk(
    suspect: Suspect,
    before: Before,
    number: int,
    told: Told | None,
    leaf: bytes,
    known: tuple[bytes, Sequence[bytes]],
) -> list[Planned]:
    """Locate a chunk, show it, decode it, prove what the decoder was told, and have it judged."""
    stages, entry, _ = walked(suspect.payload, number)
    if entry is None:
        raise Unproven(f"there is no chunk {number}")
    span = entry.start, entry.length
    found = [_begin(suspect, number), *walk(suspect, number, stages, more=[span])]
    data = suspect.payload[entry.start : entry.start + entry.length]
    if told is None:
        result = Result(leaf, ZERO_HASH, ZERO_HASH, ZERO_HASH)
        arguments: tuple[Any, ...] = (*suspect.named, number, entry, data)
        calls = [Planned("others", "decode", arguments, _kept(suspect, number, result, [result]))]
        left = result
    else:
        calls, left, result = _fills(suspect, before, number, entry, data, told, leaf)
    judged = (*suspect.posted, number, result.hash(), left, known[0], tuple(known[1]))
    return [*found, *calls, _last(suspect, "decoding", "judge", *judged)]


def _kept(suspect: Suspect, number: int, first: Result, results: Sequence[Result]) -> Check:
    """Whether one of these results is what is kept of a chunk decoded."""
    types = [*_CHUNK, "bytes32", "address"]
    name = keccak(abi.encode(types, (*suspect.named, number, first.hash(), suspect.prover)))
    return Check("decoding", "results", (name,), frozenset(each.hash() for each in results))


def _fills(
    suspect: Suspect, before: Before, number: int, entry: Entry, data: bytes, told: Told, leaf: bytes
) -> tuple[list[Planned], Result, Result]:
    """Decode a fill chunk and prove all it was told: the calls, what is left behind them, and the result."""
    commitment = Commitment(before.state)
    dictionaries = before.state.parameters.dictionaries
    sections, entries = commitment.sections(), commitment.entries.root
    state = commitment.accounts.root, commitment.instruments.root, tuple(sections), entries
    links = [ZERO_HASH]
    for one in told.all:
        links.append(keccak(links[-1] + one.to_bytes(32, "big")))
    cuts = [*range(len(told.all), 0, -PROOFS_AT_ONCE), 0]
    results = [Result(leaf, links[cut], entries, commitment.instruments.root) for cut in cuts]
    tables = _tables_of(suspect, before)
    arguments: tuple[Any, ...] = (
        suspect.header.bound(), suspect.data, number, entry, state, dictionaries.packed(), tables, data,
        told.pairs, told.order, told.anchors,
    )  # fmt: skip
    first = results[0]
    calls = [Planned("fills", "decode", arguments, _kept(suspect, number, first, results))]
    for at, (end, start) in enumerate(pairwise(cuts)):
        proofs = tuple(_proof(before.state, commitment, one) for one in told.all[start:end])
        arguments = (*suspect.named, number, first.hash(), results[at], links[start], proofs)
        done = _kept(suspect, number, first, results[at + 1 :])
        calls.append(Planned("decoding", "prove", arguments, done))
    return calls, results[-1], first


def _tables_of(suspect: Suspect, before: Before) -> bytes:
    """The tables in force behind the batch."""
    _, _, (start, length) = walked(suspect.payload, NO_CHUNK)
    return suspect.payload[start : start + length] or before.tables


def _proof(
    state: State, commitment: Commitment, told: int
) -> tuple[int, tuple[int, ...], int, tuple[bytes, ...]]:
    """One look-up with its path: an entry of the dictionaries, or an instrument's last price and side."""
    if not told & OF_INSTRUMENT:
        path = sparse.prove(commitment.entries, told >> 32)
        return told, (), path.bitmap, path.siblings
    number = (told ^ OF_INSTRUMENT) >> 128
    known = state.instruments.get(number)
    path = sparse.prove(commitment.instruments, number)
    image = b"" if known is None else leaves.instrument_preimage(known)
    words = tuple(int.from_bytes(image[at : at + 32], "big") for at in range(0, len(image), 32))
    return told, words, path.bitmap, path.siblings

