"""Netted batches (docs/protocol.md, Netted batches): what runs of fill chunks change, posted in their place.

The fills themselves stand in the external store, under the header's data hash. Who has them derives as ever
and holds what was posted against them. Who has not knows every balance by what was posted, but no root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from settlement.coding.limits import DecodeError
from settlement.coding.netted import Change, Known, Net, decode_net, encode_net
from settlement.coding.other import decode_steps, encode_steps
from settlement.columns import BodyError, read_varint, varint
from settlement.stf import fills as fl
from settlement.stf.chunks import OTHER_CHUNK, Chunk
from settlement.stf.state import State
from settlement.stf.steps import FILL, INDEX, TAKER_SELLS, Step

CHUNKS_MAX: Final = 65_536


class Part(NamedTuple):
    """A run of `chunks` fill chunks, netted; or, `net` None, another chunk of these steps."""

    chunks: int
    net: Net | None
    steps: tuple[Step, ...] = ()


def runs_of(chunks: Sequence[Chunk], nets: Sequence[Net]) -> list[Part]:
    """The parts of a batch: its runs of fill chunks have these nets. Raises ValueError for more or fewer."""
    parts: list[Part] = []
    left = list(nets)
    for chunk in chunks:
        if chunk.kind == OTHER_CHUNK:
            parts.append(Part(1, None, chunk.steps))
        elif parts and parts[-1].net is not None:
            parts[-1] = parts[-1]._replace(chunks=parts[-1].chunks + 1)
        elif left:
            parts.append(Part(1, left.pop(0)))
        else:
            raise ValueError("a run of fills without a net")
    if left:
        raise ValueError("a net without fills")
    return parts


def encode(parts: Sequence[Part], known: Known) -> bytes:
    """What is posted. Raises ValueError for what is no net of fills."""
    out = [varint(len(parts))]
    for chunks, net, steps in parts:
        count = len(steps) if net is None else chunks
        data = encode_steps(steps) if net is None else encode_net(net, known)
        out += [varint(2 * count + (net is None)), varint(len(data)), data]
    return b"".join(out)


def decode(posted: bytes, known: Known) -> list[Part]:
    """The inverse, for who has not got the fills.

    Raises:
        DecodeError: bytes that `encode` does not write.
    """
    parts: list[Part] = []
    try:
        count, at = read_varint(posted, 0)
        if count > CHUNKS_MAX:
            raise DecodeError(f"{count} parts")
        for _ in range(count):
            head, at = read_varint(posted, at)
            length, at = read_varint(posted, at)
            data, at = posted[at : at + length], at + length
            if at > len(posted) or head < 2 or head >> 1 > CHUNKS_MAX:
                raise DecodeError("a part that ends behind the payload, or of nothing")
            if head & 1:
                parts.append(Part(1, None, tuple(decode_steps(data, head >> 1))))
            else:
                parts.append(Part(head >> 1, decode_net(data, known)))
    except BodyError as error:
        raise DecodeError(f"a payload cut short: {error}") from error
    if at != len(posted):
        raise DecodeError("bytes behind the last part")
    return parts


class Tally:
    """Counts what fills do to who takes part, run by run, while their steps are applied."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._changes: dict[tuple[int, int], list[int]] = {}
        self._cash: dict[int, int] = {}
        self._has_run = False
        self.nets: list[Net] = []

    def apply(self, step: Step, apply: Callable[[Step], None]) -> None:
        """Have a step applied by `apply` and count it; what that raises passes through."""
        if step.kind != FILL:
            if step.kind == INDEX:
                self._has_run = True
            else:
                self.close()
            apply(step)
            return
        accounts, both = self._state.accounts, (step.first, step.second)
        before = [accounts[n].cash_micro if n in accounts else 0 for n in both]
        apply(step)
        self._has_run = True
        terms = self._state.instruments[step.instrument].terms
        bought = -step.q if step.flags & TAKER_SELLS else step.q
        for number, lots, cash in zip(both, (-bought, bought), before, strict=True):
            change = self._changes.setdefault((number, step.instrument), [0, 0])
            change[0] += lots
            change[1] += lots * step.p
            premium = lots * step.p * terms.multiplier_micro if terms.is_option else 0
            beyond = accounts[number].cash_micro - cash + premium
            self._cash[number] = self._cash.get(number, 0) + beyond

    def close(self) -> None:
        """End the run under way, if there is one."""
        if self._has_run:
            changes = tuple(Change(*key, *self._changes[key]) for key in sorted(self._changes))
            self.nets.append(Net(changes, tuple(sorted(self._cash.items()))))
        self._changes, self._cash, self._has_run = {}, {}, False


def fee_law(state: State) -> Callable[[Change, bool], int]:
    """What a change would cost in fees had one fill made it, by the state as it is now: the rates of the
    schedule's first tier, nothing where instrument or index are not known."""
    terms_of = {number: one.terms for number, one in state.instruments.items()}
    index_of = {number: one.index_micro for number, one in state.parameters.underlyings.by_id.items()}
    tiers = state.parameters.fees.tiers[:1]

    def fee_of(change: Change, makes: bool) -> int:
        terms, lots = terms_of.get(change.instrument), abs(change.lots)
        if terms is None or not lots:
            return 0
        rates = tiers[0] if tiers else (terms.maker_fee_ppm, terms.taker_fee_ppm) * 2
        rate = rates[(0 if terms.is_option else 2) + (not makes)]
        per_lot = fl.per_lot_micro(terms, index_of.get(terms.underlying, 0))
        if rate < 0:
            return -(per_lot * -rate // 1000 * lots // 1000)
        return fl.fee_micro(terms, per_lot, rate, lots, abs(change.value) * terms.multiplier_micro)

    return fee_of


def apply_net(state: State, net: Net) -> None:
    """Book a run's net: positions, cash and the fees they leave. For balances alone: what the last fill of an
    instrument was is not in it, so that the state has another root.

    Raises:
        TransitionError: an account or instrument that does not exist.
    """
    for account, number, lots, value in net.changes:
        instrument, holder = state.instrument(number), state.user(account)
        worth = value * instrument.terms.multiplier_micro
        state.move(account, holder, number, instrument, lots, worth)
        if instrument.terms.is_option:
            state.pay(account, holder, -worth)
    for account, beyond in net.cash:
        state.pay(account, state.user(account), beyond)
        state.fees_micro -= beyond
    state.end_chunk()
