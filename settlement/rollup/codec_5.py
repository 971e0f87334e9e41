"""Codec 5 (`settlement.coding`) as builders and derivers ask of it.

A deriver needs nothing but the state in front of a batch and the last tables posted. A builder learns from
what it codes: `stored` says what its store keeps of that, `restored` goes on with it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from settlement.coding import learnt
from settlement.coding.anchors import Anchors
from settlement.coding.batches import (
    Prepared,
    decode_batch,
    first_undecodable,
    pack_batch,
    prepare,
    reclass_step,
)
from settlement.coding.dictionary import DICTIONARIES, INSTRUMENTS, TAKERS, Dictionaries
from settlement.coding.fills import Fills
from settlement.coding.learner import Kind
from settlement.coding.limits import DecodeError
from settlement.coding.netted import Known
from settlement.coding.sequencing import Sequencer
from settlement.coding.tables import Tables, parse
from settlement.hashing import keccak
from settlement.rollup.coding import NO_TABLES, Encoded, Undecodable
from settlement.rollup.netting import fee_law
from settlement.stf.chunks import OTHER_CHUNK, Chunk
from settlement.stf.header import Header
from settlement.stf.listings import entry_place
from settlement.stf.state import State
from settlement.stf.steps import ACCOUNT, LISTING, Step

FIRST_USER: Final = 64
_WORDS: Final = struct.Struct(">24q")
TABLES: Final = "tables"
LEARNT: Final = "learnt"
_NO_KIND: Final = Kind(0, 1)
LEARNT_EVERY_FILLS: Final = 10_000
"""So often what was learnt is stored; a restart forgets what was learnt since."""
_STEPS: Final = 12
"""Where the tick steps begin among the words of the terms."""


class Codec5:
    """One chain of batches: `begin` with the state in front of each, then code it or decode it.

    `tables`: the last ones of the batches before (`tables_data`), for who begins in the middle of a chain.
    Raises DecodeError for bytes that are none.
    """

    number = 5

    def __init__(self, tables: bytes = b"") -> None:
        self._kinds: dict[int, Kind] = {}
        self._sequencer = Sequencer(self._kind_of)
        self._dictionaries = Dictionaries()
        self._anchors = Anchors.of(())
        self._before: Tables | None = None
        self._after: Tables | None = parse(tables) if tables else None
        self._prepared: Prepared | None = None
        self._known = Known(self._dictionaries, self._anchors, self._kind_of, lambda *_: 0)
        self._sequencer.tables = self._after
        self._columns: Fills | None = None
        self._stored_tables, self._stored_fills = tables, 0

    @classmethod
    def restored(cls, kept: Mapping[str, bytes]) -> Codec5:
        """The codec of a builder that goes on with what was kept of `stored`; with nothing kept, a new one.

        Raises:
            DecodeError: kept bytes that are none.
        """
        codec = cls(kept.get(TABLES, b""))
        if LEARNT in kept:
            try:
                learnt.restore(codec._sequencer, kept[LEARNT])
            except learnt.LearntError as error:
                raise DecodeError(str(error)) from error
            codec._stored_fills = codec._sequencer.learner.fills
        return codec

    def stored(self) -> dict[str, bytes]:
        """What a restart goes on with, as far as it is news since the last call."""
        news: dict[str, bytes] = {}
        if self.tables_data != self._stored_tables:
            news[TABLES] = self._stored_tables = self.tables_data
        fills = self._sequencer.learner.fills
        if fills >= self._stored_fills + LEARNT_EVERY_FILLS or (fills and not self._stored_fills):
            news[LEARNT] = learnt.pack(self._sequencer)
            self._stored_fills = fills
        return news

    @property
    def tables_data(self) -> bytes:
        """The last tables of the batches decoded so far; nothing if there were none."""
        return self._after.data if self._after else b""

    def begin(self, state: State) -> None:
        """Take dictionaries and anchors out of the state."""
        self._before, self._prepared = self._after, None
        self._dictionaries = dictionaries_of(state)
        self._sequencer.dictionaries = dictionaries_of(state)
        instruments = state.instruments.items()
        self._anchors = Anchors.of((n, one.last_price_ticks, one.last_taker_sells) for n, one in instruments)
        self._kinds = {n: kind_of(one.terms.words, one.last_price_ticks) for n, one in instruments}
        kinds = dict(self._kinds)
        self._known = Known(
            self._dictionaries, self._anchors, lambda n: kinds.get(n, _NO_KIND), fee_law(state)
        )

    def known(self) -> Known:
        """Dictionaries, anchors, kinds and fees in front of the batch begun last."""
        return self._known

    def reclass(self, chunks: Sequence[Chunk], /) -> Sequence[Step]:
        """Code the fill chunks; the RECLASS steps that this asks for, and those of new ids."""
        learner, known = self._sequencer.learner, self._sequencer.dictionaries
        self._prepared = prepare(self._sequencer, chunks, self._anchors)
        made = [step for chunk in chunks if chunk.kind == OTHER_CHUNK for step in chunk.steps]
        accounts = [s.first for s in made if s.kind == ACCOUNT and s.first >= FIRST_USER]
        listings = [step for step in made if step.kind == LISTING]
        self._kinds.update((step.instrument, kind_of(step.payload, 0)) for step in listings)
        steps = [
            *self._prepared.reclassed,
            *learner.register(known, INSTRUMENTS, [step.instrument for step in listings]),
            *learner.register(known, TAKERS, list(dict.fromkeys(accounts))),
        ]
        return [reclass_step(step) for step in steps]

    def encode(self, chunks: Sequence[Chunk]) -> Encoded:
        """The payload. Call `reclass` with the batch's other chunks first."""
        prepared = self._prepared or prepare(self._sequencer, chunks, self._anchors)
        payload = pack_batch(prepared, chunks, self._before)
        return Encoded(payload, hash_of(prepared.tables if prepared.data else self._before))

    def decode(self, header: Header, payload: bytes) -> list[Chunk]:
        """The chunks. Raises Undecodable."""
        try:
            found = decode_batch(payload, self._before, self._dictionaries, self._anchors)
        except DecodeError as error:
            culprit = first_undecodable(payload, self._before, self._dictionaries, self._anchors)
            raise Undecodable(str(error), culprit) from error
        if header.tables_hash != hash_of(found.tables):
            raise Undecodable("the tables are not those the header commits to")
        self._after = found.tables
        self._columns = found.fills
        return list(found.chunks())

    @property
    def columns(self) -> Fills | None:
        """All steps of the fill chunks decoded last, in order."""
        return self._columns

    def _kind_of(self, instrument: int) -> Kind:
        return self._kinds.get(instrument, _NO_KIND)


def hash_of(tables: Tables | None) -> bytes:
    """The header's tables_hash of a batch behind which these are in force; None: there were none yet."""
    return keccak(tables.data) if tables else NO_TABLES


def dictionaries_of(state: State) -> Dictionaries:
    """The dictionaries of a state."""
    found = Dictionaries()
    for number, sizes in enumerate(state.parameters.dictionaries.sizes[:DICTIONARIES]):
        for kind, size in enumerate(sizes):
            places = (entry_place(number, kind, position) for position in range(size))
            found.lists[number][kind] = [state.entries[place] for place in places]
    return found


def kind_of(words: bytes, price_ticks: int) -> Kind:
    """An instrument's kind: its underlying, and the tick step that its price stands in."""
    t: tuple[int, ...] = _WORDS.unpack(words)
    steps = zip(t[_STEPS : _STEPS + 8 : 2], t[_STEPS + 1 : _STEPS + 8 : 2], strict=True)
    fitting = [step for above, step in list(steps)[: t[0] >> 16 & 255] if above <= price_ticks and step > 0]
    return Kind(t[0] >> 32, fitting[-1] if fitting else 1)
