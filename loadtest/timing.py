"""How a run is timed: on one core, on a quiet heap, several times, the median counts."""

from __future__ import annotations

import ctypes
import gc
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Final, Protocol, TypeVar

T = TypeVar("T")

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_HEAP_KEPT_BYTES: Final = 1 << 30
_MMAP_THRESHOLD_BYTES: Final = 1 << 20


def last_core() -> int:
    """The highest-numbered core this process may use; the lower ones tend to serve interrupts."""
    return max(os.sched_getaffinity(0))


def pin(core: int) -> None:
    """Keep this process, and the children it starts from now on, on one core.

    Raises ValueError when the core does not exist or is not ours.
    """
    try:
        os.sched_setaffinity(0, {core})
    except (OSError, OverflowError) as error:
        raise ValueError(f"core {core} is not available to this process: {error}") from error


@contextmanager
def unpinned() -> Iterator[None]:
    """Processes started meanwhile may use every core, as they may where nothing is measured."""
    pinned = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, pinned)


def keep_heap() -> None:
    """Tell glibc to keep freed memory, as the heap of a server that has run for a while does.

    Otherwise what is timed is the kernel clearing pages for events that were handed on long ago. Without
    glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _HEAP_KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)


@contextmanager
def quiet_heap() -> Iterator[None]:
    """Garbage of earlier runs is gone and what is alive is not looked at again; the collector stays on."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class Contestant(Protocol):
    """Something that does the workload slice by slice and can say afterwards which events it made."""

    digests: bool
    """Whether events are digested: not in timed runs, where digesting would empty the caches."""
    produced: int
    """How much has been collected, in a unit of the contestant's own."""

    def advance(self, slice_index: int) -> None:
        """Do one slice; this is what is timed."""

    def collect(self) -> None:
        """Let go of the events of the slice; this is not timed."""

    def checksum(self) -> int:
        """Of all events collected."""


def race(contestants: Sequence[Contestant], slices_count: int) -> list[float]:
    """Seconds each contestant needed for all slices, one contestant after the other.

    Each runs on caches of its own making, as it would by itself; between its slices, and not timed, its
    events are let go of, as a venue's are once they are written. Slow spells of the machine, and there are
    long ones on shared hardware, are met by several races and their medians.
    """
    seconds = [0.0] * len(contestants)
    with quiet_heap():
        for position, contestant in enumerate(contestants):
            for slice_index in range(slices_count):
                start = time.perf_counter()
                contestant.advance(slice_index)
                seconds[position] += time.perf_counter() - start
                contestant.collect()
    return seconds


def slices(items: Sequence[T], slices_count: int) -> list[Sequence[T]]:
    """The items in ``slices_count`` runs of nearly equal length, in order."""
    edges = [len(items) * number // slices_count for number in range(slices_count + 1)]
    return [items[start:end] for start, end in pairwise(edges)]


def resident_bytes() -> int:
    """Memory of this process that is in RAM now."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
