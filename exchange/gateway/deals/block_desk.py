"""Where agreed blocks become BLOCK_TRADE commands, and what came of them.

A block is one taker's trades with one maker or several, one part each: all of it happens or nothing. It is
written down (`block_store`), sequenced, and answered from its own events. What counts between two tellings
is memory: a nonce is taken the moment its block is on its way.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from exchange.core import risk_queries
from exchange.core.engine import Engine
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain import rejects as rej
from exchange.domain.commands_blocks import BlockTrade, block_trade
from exchange.gateway.deals.block_limits import BlockLimits
from exchange.gateway.deals.block_store import BlockStore, Part
from exchange.gateway.history_ring import HistoryRing, counter_of
from exchange.gateway.registry import Registry
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.session import RpcError

MINUTE_MS: Final = 60_000
_NAMED: Final = (rej.NEGATIVE_EQUITY, rej.INSUFFICIENT_FUNDS)
"""Reasons whose detail is the account that cannot bear the block."""
_log: Final = logging.getLogger(__name__)
Submit = Callable[[bytes, Callable[[bytes], None]], None]


class Leg(NamedTuple):
    """One trade of a part; `lots` as the taker trades them, bought > 0."""

    instrument: int
    lots: int
    price_ticks: int


class DealPart(NamedTuple):
    """What one maker trades; `quote` is its quote where it answered a request, `taker` who trades with it, of
    the family of the deal's (0: that one)."""

    maker: int
    legs: tuple[Leg, ...]
    key: str = ""
    quote: int = 0
    taker: int = 0


class Deal(NamedTuple):
    """A block that all its parties have agreed to; `digests` are the nonces that it uses up, which matter
    until `until_ms`."""

    taker: int
    parts: tuple[DealPart, ...]
    key: str = ""
    rfq: int = 0
    digests: tuple[bytes, ...] = ()
    until_ms: int = 0

    @property
    def takers(self) -> set[int]:
        """Who takes in it, and who has asked for it."""
        return {self.taker, *(part.taker for part in self.parts if part.taker)}

    @property
    def accounts(self) -> set[int]:
        """Everybody in it."""
        return {*self.takers, *(part.maker for part in self.parts)}


class Refused(NamedTuple):
    """Why the core did nothing of a block: the reason, the account it names (0: none) and the part and trade
    that it is about (−1: none)."""

    event: ev.Rejected
    account: int
    part: int
    leg: Leg | None


Outcome = list[Part] | Refused | RpcError
OnOutcome = Callable[[Outcome], None]


class BlockDesk:
    """Executes deals, one command each."""

    def __init__(
        self,
        engine: Engine,
        store: BlockStore,
        registry: Registry,
        ring: HistoryRing,
        submit: Submit,
        now_ms: Callable[[], int],
        limits: BlockLimits,
    ) -> None:
        self._engine = engine
        self.store = store
        self._registry = registry
        self._ring = ring
        self._submit = submit
        self._now_ms = now_ms
        self._limits = limits
        self._ids = store.ids("blocks")
        self._ids.pass_by(engine.last_block_id)
        self._under_way: Counter[int] = Counter()
        self._deals = 0
        self._refused: dict[int, deque[int]] = {}
        self.executed: list[Callable[[Deal, list[Part]], None]] = []
        """Told of every block that happened."""

    def must_be_free(self, deal: Deal) -> None:
        """Refuse a deal that there is no room for.

        Raises:
            RpcError: 10066 too much is under way; 10028 the core has refused too many of the taker's blocks.
        """
        most = self._limits.deals_of_account_max
        if self._deals >= self._limits.deals_max or self._under_way[deal.taker] >= most:
            raise error(errors.CONCURRENT_REQUESTS, reason="blocks are being executed", limit=most)
        lately = self._refused.get(deal.taker)
        while lately and lately[0] <= self._now_ms() - MINUTE_MS:
            lately.popleft()
        if lately and len(lately) >= self._limits.refused_a_minute:
            raise error(
                errors.TOO_MANY_REQUESTS,
                reason="too many blocks were refused",
                limit=self._limits.refused_a_minute,
            )

    def execute(self, deal: Deal, done: OnOutcome) -> None:
        """Execute a deal; `done` gets its parts once they are durable, or why nothing happened.

        Raises:
            RpcError: as `must_be_free`; 13028 ids are being written.
        """
        self.must_be_free(deal)
        numbers = [self._ids.take() for _ in deal.parts]
        now_ms, after = self._now_ms(), self._engine.next_seq
        parts = [
            Part(
                number,
                numbers[-1],
                0,
                after,
                now_ms,
                part.taker or deal.taker,
                part.maker,
                len(part.legs),
                deal.rfq,
                part.quote,
                deal.key,
                part.key,
                self._currencies(part),
                0,
                b"",
            )
            for number, part in zip(numbers, deal.parts, strict=True)
        ]
        self._deals += 1
        self._under_way[deal.taker] += 1

        def finish(outcome: Outcome) -> None:
            self._deals -= 1
            self._under_way[deal.taker] -= 1
            if not self._under_way[deal.taker]:
                del self._under_way[deal.taker]
            done(outcome)

        def prepared(wrong: BaseException | None) -> None:
            if wrong is not None or self.store.is_closed:
                _log.error("a block could not be written", exc_info=wrong)
                self.store.drop(numbers[-1], deal.digests)
                finish(error(errors.TEMPORARILY_UNAVAILABLE, reason="the store of blocks cannot be written"))
                return
            try:
                self._submit(
                    _command(deal, numbers[-1]), lambda packed: self._answered(deal, parts, packed, finish)
                )
            except RpcError as refused:
                self.store.drop(numbers[-1], deal.digests)
                finish(refused)

        self.store.prepare(parts, deal.digests, deal.until_ms, prepared)

    def _currencies(self, part: DealPart) -> str:
        names = {self._registry.instruments[leg.instrument].symbol: None for leg in part.legs}
        return f" {' '.join(names)} "

    def _answered(
        self, deal: Deal, parts: list[Part], packed: bytes, finish: OnOutcome
    ) -> None:
        if not packed:  # halted: whether it happened the next start will find out
            finish(error(errors.TEMPORARILY_UNAVAILABLE, reason="halted"))
            return
        end = _end_of(packed)
        if isinstance(end, ev.Rejected):
            self.store.drop(parts[-1].command, deal.digests)
            self._refused.setdefault(deal.taker, deque()).append(self._now_ms())
            finish(_refusal(deal, end))
            return
        found = self._done(parts, packed)
        self.store.finish(found)
        for told in self.executed:
            told(deal, found)
        finish(found)

    def _done(self, parts: Sequence[Part], packed: bytes) -> list[Part]:
        """The parts with what their events tell."""
        records = block_trades(packed)
        ids = [int.from_bytes(record[24:32], "little") for record in records]
        ticks = {
            fill.trade[24:32]: fill.tick_direction
            for taker in dict.fromkeys(part.taker for part in parts)
            for fill in self._ring.find_trades(taker, ids)
        }
        found = []
        at = 0
        for part in parts:
            mine = records[at : at + part.units]
            at += part.units
            found.append(
                part._replace(
                    seq=ev.read_event(mine[0]).head.seq,
                    time_ms=int.from_bytes(mine[0][96:104], "little"),
                    first_trade=int.from_bytes(mine[0][24:32], "little"),
                    trades=pack_trades([(record, ticks.get(record[24:32], 0)) for record in mine]),
                )
            )
        return found

    def is_bound(self, account: int) -> bool:
        """Whether an account may not trade: it is locked or in liquidation."""
        state = risk_queries.account_state(self._engine, account)
        return bool(state.locked) or state.liquidation != r.LIQUIDATION_NONE

    def recover(self, frames: Callable[[int], Iterable[bytes]]) -> None:
        """Decide what an earlier process left undecided, by the journal's events: `frames(from_seq)` gives
        those of the commands from a sequence number on."""
        pending: dict[int, list[Part]] = {}
        for part in self.store.pending():
            pending.setdefault(part.command, []).append(part)
        if not pending:
            return
        first = min(part.after_seq for parts in pending.values() for part in parts)
        for frame in frames(first):
            for command, events in blocks_in(frame):
                parts = pending.pop(command, None)
                if parts is None:
                    continue
                if isinstance(_end_of(events), ev.Rejected):
                    self.store.drop(command, self.store.digests_of(command))
                else:
                    self.store.finish(self._done(parts, events))
        for command in pending:  # never sequenced
            self.store.drop(command, self.store.digests_of(command))


def _command(deal: Deal, number: int) -> bytes:
    units = [
        BlockTrade(part.maker, leg.instrument, leg.lots, leg.price_ticks, _named(deal, part))
        for part in deal.parts
        for leg in part.legs
    ]
    return block_trade(deal.taker, number, units, client_order_id=number)


def _named(deal: Deal, part: DealPart) -> int:
    """The taker that a trade names; 0: the block's own, as all blocks had before rules 5."""
    return part.taker if part.taker != deal.taker else 0


def _refusal(deal: Deal, event: ev.Rejected) -> Refused:
    if event.position < 0:
        return Refused(event, event.detail if event.reason in _NAMED else 0, -1, None)
    at = event.position
    for number, part in enumerate(deal.parts):
        if at < len(part.legs):
            return Refused(event, 0, number, part.legs[at])
        at -= len(part.legs)
    return Refused(event, 0, -1, None)


def _end_of(packed: bytes) -> ev.Event:
    """The DONE or REJECTED of a BLOCK_TRADE among its command's events."""
    at, found = 0, -1
    while at < len(packed):
        if packed[at] in (r.EV_DONE, r.EV_REJECTED):
            found = at
        at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
    return ev.read_event(packed, found)


def block_trades(packed: bytes) -> list[bytes]:
    """The TRADEs of a block among its command's events, in its order."""
    found = []
    at = 0
    while at < len(packed):
        size = (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
        if packed[at] == r.EV_TRADE and packed[at + 88] & r.TRADE_BLOCK:
            found.append(packed[at : at + size])
        at += size
    return found


def blocks_in(frame: bytes) -> list[tuple[int, bytes]]:
    """(id its command carried, its events) of every BLOCK_TRADE in a frame of events."""
    found = []
    start = at = 0
    while at < len(frame):
        if counter_of(frame, at) != counter_of(frame, start):
            start = at
        size = (frame[at + 2] | frame[at + 3] << 8) * r.UNIT_BYTES
        if frame[at] in (r.EV_DONE, r.EV_REJECTED):
            event = ev.read_event(frame, at)
            if isinstance(event, ev.Done | ev.Rejected) and event.command == r.BLOCK_TRADE:
                found.append((event.client_order_id, frame[start : at + size]))
        at += size
    return found


def pack_trades(trades: Sequence[tuple[bytes, int]]) -> bytes:
    """TRADE records with their tick directions, as a part keeps them."""
    return msgspec.msgpack.encode(trades)


def unpack_trades(packed: bytes) -> list[tuple[bytes, int]]:
    """What `pack_trades` has packed."""
    return msgspec.msgpack.decode(packed, type=list[tuple[bytes, int]])
