"""How many open combos an account may have made, also after a restart."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from exchange.domain import commands
from exchange.gateway.account_settings import FileSettings
from tests.unit.gateway.combo_rig import FAR, ComboRig, legs, spread, straddle
from tests.unit.gateway.rig import OPTION, CallFailed, Client


def another(client: Client) -> Any:
    return client.call("private/create_combo", trades=legs((OPTION, 1), (FAR, -1)))


def started(path: Path, rig: ComboRig | None = None) -> ComboRig:
    """A venue with two combos for every account and its settings in a file; with a rig one that follows."""
    found = ComboRig(settings=FileSettings(path), **({} if rig is None else {"engine": rig.engine}))
    found.venue.combo_caps._most = 2
    return found.open()


def test_who_made_what_is_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "settings.sqlite"
    rig = started(path)
    alice, bob = rig.client(), rig.client()
    made = spread(alice), straddle(alice)
    rig.close()
    again = started(path, rig)
    alice, bob = again.connect(alice.account), again.connect(bob.account)
    with pytest.raises(CallFailed) as refused:
        another(alice)
    assert (refused.value.code, refused.value.data["limit_name"]) == (13035, "combos_of_account")
    again.order(commands.set_instrument_state(made[0]["instrument_id"], 3))
    assert another(alice)["state"] == "active"
    assert spread(bob)["instrument_id"] > made[0]["instrument_id"]  # nobody else's room
    again.close()
    rows = sqlite3.connect(path).execute("SELECT combo, account FROM combos_made ORDER BY combo").fetchall()
    assert [account for _, account in rows] == [alice.account, alice.account, bob.account]
    assert rows[0][0] == made[1]["instrument_id"]  # what has ended is forgotten


def test_a_combo_the_venue_does_not_know_takes_no_room(tmp_path: Path) -> None:
    path = tmp_path / "settings.sqlite"
    settings = FileSettings(path)
    settings.close()
    with sqlite3.connect(path) as db:
        db.executemany("INSERT INTO combos_made VALUES (?, 64)", [(900,), (901,)])
    rig = started(path)
    alice = rig.client()
    assert alice.account == 64
    assert spread(alice)["state"] == "active"
    rig.close()
