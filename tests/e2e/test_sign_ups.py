"""Sign-ups of a running venue are bounded, over a kill as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.app.calls import CallError
from tests.e2e.test_restart import User
from tests.e2e.venue import Forks, Venue

OPTIONS = ("--no-children", "--faucet", "1000", "--faucet-budget", "2500", "--sign-ups-per-hour", "1")


def test_an_address_has_its_share_and_the_faucet_its_budget(tmp_path: Path) -> None:
    with Forks() as forks:
        with Venue(tmp_path / "data", *OPTIONS, forks=forks) as venue:
            assert User(venue).summary()["balance"] == 1_000
            with pytest.raises(CallError, match="an address may sign up 1x an hour"):
                venue.call("public/strikebook_sign_up")
            venue.kill()
        with Venue(tmp_path / "data", *OPTIONS, forks=forks) as venue:  # which forgets who came
            venue.call("public/strikebook_sign_up")
            venue.kill()
        with (
            Venue(tmp_path / "data", *OPTIONS, forks=forks) as venue,
            pytest.raises(CallError, match="the faucet's budget is spent"),
        ):
            venue.call("public/strikebook_sign_up")
