"""Sequencing commands that carry labels: the records that name new ones go right before them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from exchange.core.engine import Engine
from exchange.core.reading import command_starts
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.history_ring import HistoryRing
from exchange.gateway.labels import LabelError, Labels, open_labels
from exchange.gateway.sequencer import Halted, QueueFull, Sequencer
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.session import RpcError

_log = logging.getLogger(__name__)


class Labelling:
    """Gives labels their numbers, and drops those that nothing refers to any more."""

    def __init__(self, engine: Engine, labels: Labels, ring: HistoryRing, sequencer: Sequencer) -> None:
        self._engine = engine
        self._labels = labels
        self._ring = ring
        self._sequencer = sequencer

    def submit(
        self,
        account: int,
        texts: Sequence[str],
        build: Callable[[list[int]], bytes],
        on_events: OnEvents,
        count: int = 1,
    ) -> None:
        """Sequence `build(label ids)`, which is `count` adjacent commands, new labels' records before them;
        the id of an empty text is 0. `on_events` gets the events of those commands.

        Raises:
            RpcError: 10047 the queue is full; 13028 the venue has halted; -32602 for a label that fits no
                record.
        """
        records: list[bytes] = []
        new: list[int] = []
        try:
            ids = [self._intern(account, text, records, new) if text else 0 for text in texts]
            if count == 1:
                self._sequencer.submit_many([*records, build(ids)], on_events)
            else:
                run = b"".join([*records, build(ids)])
                self._sequencer.submit_run(run, len(records) + count, _behind(len(records), on_events))
        except LabelError as wrong:
            self._forget(account, new)
            raise invalid_param("label", str(wrong)) from None
        except (QueueFull, Halted) as refused:
            self._forget(account, new)
            raise refusal(refused) from None

    def _intern(self, account: int, text: str, records: list[bytes], new: list[int]) -> int:
        if self._labels.needs_sweep(account):
            self._sweep(account)
        label, record = self._labels.intern(account, text)
        if record is not None:
            records.append(record)
            new.append(label)
        return label

    def _forget(self, account: int, new: list[int]) -> None:
        for label in new:
            self._labels.forget(account, label)

    def _sweep(self, account: int) -> None:
        used = self._ring.labels_in_use(account) | open_labels(self._engine, account)
        gone = self._labels.keep_only(account, used)
        _log.info("account %d: dropped %d unused labels", account, gone)


def _behind(commands: int, on_events: OnEvents) -> OnEvents:
    """`on_events` without the events of the first `commands` commands."""
    return lambda events: on_events(events[command_starts(events)[commands] :] if events else events)


def refusal(refused: QueueFull | Halted) -> RpcError:
    """What the caller of a command is told that the sequencer did not take."""
    return error(errors.QUEUE_FULL) if isinstance(refused, QueueFull) else halt_error()


def halt_error() -> RpcError:
    """What callers are told when the venue has halted under their command."""
    return error(errors.TEMPORARILY_UNAVAILABLE, reason="the venue has halted; reads go on")
