"""No function becomes dearer unseen, and the bars of the settlement hold."""

from __future__ import annotations

from tests.unit.settlement.contracts import gas

ONE_STEP = "FillSteps.step, a FILL at depth 32 with positions"
MOST = 10_000_000
POST = "Inbox.post, data in blobs or outside"


def test_no_figure_grows_by_more_than_two_percent() -> None:
    kept = gas.kept()
    found = gas.measure() | gas.of_decoding() | {gas.WIDE: gas.of_wide_fill()}
    assert set(kept) == {*found, gas.CHUNK}
    dearer = {name: (kept[name], now) for name, now in found.items() if now > kept[name] * 1.02}
    assert not dearer, "python -m tests.unit.settlement.contracts.gas writes the table anew"


def test_the_bars_hold() -> None:
    kept = gas.kept()
    assert kept[ONE_STEP] <= 150_000
    assert kept[POST] <= 140_000
    assert gas.of_a_chunk() < MOST
    assert max(kept.values()) < MOST
