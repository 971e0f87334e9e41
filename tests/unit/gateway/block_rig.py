"""What tests of blocks and requests for quotes have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.core import invariants
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.deals.blocks import BlockSetup
from tests.unit.gateway.fakes import ManualLoop
from tests.unit.gateway.rig import CallFailed, Client, block_setup
from tests.unit.gateway.risk_rig import RiskRig


def sound() -> Iterator[RiskRig]:
    """A venue whose books are in order when the test is over: for a fixture."""
    found = RiskRig().open()
    yield found
    invariants.check(found.engine)
    found.close()


def refused(call: Callable[..., Any], *args: Any, **params: Any) -> tuple[int, Any]:
    """The code and data that a call is refused with."""
    with pytest.raises(CallFailed) as found:
        call(*args, **params)
    return found.value.code, found.value.data


def blocks_done(rig: RiskRig) -> int:
    done = [event for event in rig.all_events() if isinstance(event, ev.Done)]
    return sum(event.command == r.BLOCK_TRADE for event in done)


def sizes(client: Client) -> dict[str, float]:
    return {p["instrument_name"]: p["size"] for p in client.call("private/get_positions", currency="any")}


def started(path: Path, before: RiskRig | None = None) -> RiskRig:
    """A venue whose blocks are in a file; on what another has left, its events replayed."""

    def blocks(loop: ManualLoop) -> BlockSetup:
        return block_setup(loop, path=path)

    if before is None:
        return RiskRig(blocks=blocks).open()
    before.venue.blocks.close()
    frames = [packed for *_, packed in before.journal.event_frames]
    rig = RiskRig.over(before, blocks=blocks)
    rig.venue.remember(frames)
    rig.venue.blocks.recover(lambda _from_seq: frames)
    return rig.open()
