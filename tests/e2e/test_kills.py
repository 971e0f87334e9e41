"""SIGKILL at random moments under load. `python -m tests.e2e.kill_campaign --kills 1000` does more."""

from __future__ import annotations

from pathlib import Path

from tests.e2e import kill_campaign

KILLS = 30


def test_no_acknowledged_command_is_lost_and_none_is_doubled(tmp_path: Path) -> None:
    """Every check is made inside the campaign, after each restart."""
    campaign = kill_campaign.run(KILLS, 20_261_122, tmp_path / "data")
    assert campaign.kills >= KILLS
    assert campaign.acknowledged > 10 * KILLS
    assert campaign.audit.reference.world.next_trade > 1
