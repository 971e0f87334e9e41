"""Fee tiers by 30-day volume: at each day end every family of accounts gets the tier it has earned.

The core counts the volume of an account's whole life. What it was at the ends of the last 30 days is kept
here, in a file beside the journal; a day nothing is known of counts as one without trading before it. A file
that is lost can only be generous: volume older than 30 days counts again until the days are filled.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from pathlib import Path
from typing import Final, Protocol

import msgspec

from exchange.app.parameters import VenueParameters
from exchange.app.venue_port import VenuePort
from exchange.core import risk_queries
from exchange.domain import commands_risk
from exchange.domain.limits import FIRST_USER_ACCOUNT
from exchange.wire.session import RpcError

DAYS: Final = 30
SLICE: Final = 512
"""At most so many SET_TIER are sent per look."""
Volumes = dict[int, dict[int, int]]
"""By day, then account: micro-USDC of its life's volume at that day's end."""
_log = logging.getLogger(__name__)


class VolumeStore(Protocol):
    """Where day-end volumes outlive the process."""

    def load(self) -> Volumes:
        """What was saved; nothing if there is nothing, or what is there cannot be read."""

    def save(self, volumes: Volumes) -> None:
        """Replace what was saved, whole or not at all."""


class MemoryVolumes:
    """Forgets with the process (tests, simulation)."""

    def __init__(self) -> None:
        self._volumes: Volumes = {}

    def load(self) -> Volumes:
        """See :class:`VolumeStore`."""
        return {day: dict(found) for day, found in self._volumes.items()}

    def save(self, volumes: Volumes) -> None:
        """See :class:`VolumeStore`."""
        self._volumes = {day: dict(found) for day, found in volumes.items()}


class FileVolumes:
    """One msgpack file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Volumes:
        """See :class:`VolumeStore`."""
        try:
            return msgspec.msgpack.decode(self._path.read_bytes(), type=Volumes)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("volumes of past days cannot be read, tiers begin anew: %s", error)
            return {}

    def save(self, volumes: Volumes) -> None:
        """See :class:`VolumeStore`."""
        temporary = self._path.with_suffix(".tmp")
        try:
            temporary.write_bytes(msgspec.msgpack.encode(volumes))
            temporary.replace(self._path)
        except OSError as error:  # tiers are not worth a halt
            _log.warning("volumes of the day cannot be kept: %s", error)


class VolumeTiers:
    """Sends SET_TIER where a day's end finds an account in another tier."""

    def __init__(self, venue: VenuePort, parameters: VenueParameters, store: VolumeStore) -> None:
        self._venue = venue
        self._parameters = parameters
        self._store = store
        self._volumes = store.load()
        self._next = 0
        self._due: list[tuple[int, int]] = []
        self.changed_count = 0
        """SET_TIER commands sent by this process."""

    def end_day(self, day: int) -> None:
        """Take down volumes at the end of `day` (days since the epoch) and find the tiers."""
        engine = self._venue.engine
        states = {
            account: risk_queries.account_state(engine, account)
            for account in range(FIRST_USER_ACCOUNT, engine.account_count)
        }
        before = self._before(day)
        families: dict[int, int] = defaultdict(int)
        for account, state in states.items():
            families[state.main or account] += max(0, state.volume_micro - before.get(account, 0))
        self._due = []
        for account, state in states.items():
            tier = self._parameters.tier_of(families[state.main or account])
            if tier != state.tier:
                self._due.append((account, tier))
        traded = {account: state.volume_micro for account, state in states.items() if state.volume_micro}
        kept_from = max((known for known in self._volumes if known <= day - DAYS), default=day - DAYS)
        self._volumes = {known: told for known, told in self._volumes.items() if kept_from <= known < day}
        self._volumes[day] = traded
        self._store.save(self._volumes)

    def _before(self, day: int) -> dict[int, int]:
        """Volumes at the end of the day 30 days before, or of the last known one before that."""
        known = [told for told in self._volumes if told <= day - DAYS]
        return self._volumes[max(known)] if known else {}

    def look(self) -> None:
        """Send some of what is due; the rest with the next looks."""
        sent = 0
        while self._due and sent < SLICE:
            account, tier = self._due[-1]
            try:
                self._venue.submit(commands_risk.set_tier(account, tier))
            except RpcError as refused:
                _log.warning("a tier was not taken: %s", refused)
                return
            self._due.pop()
            self.changed_count += 1
            sent += 1
