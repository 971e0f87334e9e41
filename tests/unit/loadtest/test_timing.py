from __future__ import annotations

import mmap
import os

import pytest

from loadtest import timing


class Counting:
    digests = True
    produced = 0

    def __init__(self, log: list[str], name: str) -> None:
        self.log = log
        self.name = name

    def advance(self, slice_index: int) -> None:
        self.log.append(f"{self.name}{slice_index}")

    def collect(self) -> None:
        self.log.append(f"{self.name} collects")

    def checksum(self) -> int:
        return 0


def test_contestants_run_one_after_the_other_and_collect_between_slices() -> None:
    log: list[str] = []
    seconds = timing.race((Counting(log, "a"), Counting(log, "b")), 2)
    assert [entry for entry in log if "collects" not in entry] == ["a0", "a1", "b0", "b1"]
    assert log[:2] == ["a0", "a collects"]
    assert len(seconds) == 2
    assert min(seconds) > 0


@pytest.mark.parametrize(("count", "lengths"), [(10, [5, 5]), (7, [3, 4]), (1, [0, 1])])
def test_slices_are_nearly_equal_and_lose_nothing(count: int, lengths: list[int]) -> None:
    parts = timing.slices(range(count), 2)
    assert [len(part) for part in parts] == lengths
    assert [item for part in parts for item in part] == list(range(count))


def test_a_core_that_is_not_there_is_refused() -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(ValueError, match="core 4000 is not available"):
        timing.pin(4000)
    assert os.sched_getaffinity(0) == before


def test_resident_memory_grows_with_what_is_touched() -> None:
    with mmap.mmap(-1, 32 << 20) as pages:
        before = timing.resident_bytes()
        pages.write(b"x" * len(pages))
        assert timing.resident_bytes() - before > len(pages) // 2
