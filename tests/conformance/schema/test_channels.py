"""Every served channel pushes every required field of the dialect, of the documented type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from exchange.wire.channels import parse_channel
from exchange.wire.unavailable import SILENT_CHANNELS
from tests.conformance.schema import declared, facts
from tests.conformance.schema.market import STRADDLE, Market
from tests.unit.gateway.rig import OPTION, PERPETUAL

# A channel of each template; intervals, groups and depths in turn.
_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "instrument_name": (OPTION, PERPETUAL, STRADDLE),
    "kind": ("any", "option", "future", "option_combo"),
    "currency": ("any", "usdc"),
    "index_name": ("btc_usdc",),
    "interval": ("raw", "100ms", "agg2"),
    "resolution": ("1",),
    "group": ("none", "10"),
    "depth": ("1", "20"),
}
# Where the facts' template fits more instruments or currencies than make sense.
_LATER: Final[dict[str, tuple[str, ...]]] = {"interval": ("100ms", "agg2")}  # `raw` is a template of its own
_ONLY: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "perpetual.{instrument_name}.{interval}": {"instrument_name": (PERPETUAL,)},
    "instrument.creation.{kind}.{currency}": {"kind": ("any", "option", "option_combo")},
    "user.combo_trades.{instrument_name}.{interval}": {"instrument_name": (STRADDLE,)},
    "user.combo_trades.{kind}.{currency}.{interval}": {"kind": ("any", "option_combo", "combo")},
    "user.orders.{instrument_name}.{interval}": _LATER,
    "user.orders.{kind}.{currency}.{interval}": _LATER,
}
def names(template: str) -> list[str]:
    """Channels of a template: every part's values, each at least once."""
    parts = {**_PARTS, **_ONLY.get(template, {})}
    used = [part for part in parts if "{" + part + "}" in template]
    count = max((len(parts[part]) for part in used), default=1)
    found = []
    for number in range(count):
        name = template
        for part in used:
            name = name.replace("{" + part + "}", parts[part][number % len(parts[part])])
        found.append(name)
    return found


@pytest.fixture(scope="module")
def pushed() -> Iterator[dict[str, list[object]]]:
    """Everything that each channel has pushed while something of everything happened."""
    market = Market()
    client = market.alice
    wanted = [name for template in facts.channels() for name in names(template)]
    for at in range(0, len(wanted), 50):
        client.call("private/subscribe", channels=wanted[at : at + 50])
    market.stir()
    client.drain()
    found: dict[str, list[object]] = {}
    for name, data in client.pushes:
        found.setdefault(name, []).append(data)
    yield found
    market.close()


@pytest.mark.parametrize("template", sorted(facts.channels()))
def test_every_push_has_every_required_field(pushed: dict[str, list[object]], template: str) -> None:
    for name in names(template):
        channel = parse_channel(name)
        if template in SILENT_CHANNELS:
            assert channel is None or channel.family == "silent", f"{template}: served and silent"
            assert name not in pushed
            continue
        assert channel is not None, f"{name} is no channel of this venue"
        assert pushed.get(name), f"{name} pushed nothing"
        for data in pushed[name]:
            assert facts.walk_push(template, data).wrong == [], name
            assert declared.wrong_push(template, data) == [], f"{name}: see exchange/wire/messages"
