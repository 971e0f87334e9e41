"""The declarations are whole: every method that is served and every channel that says something."""

from __future__ import annotations

import re

from exchange.gateway.methods.table import METHODS
from exchange.wire.channels import parse_channel
from exchange.wire.messages.channels import CHANNELS, PARTS
from exchange.wire.messages.methods import CALLS
from exchange.wire.unavailable import SILENT_CHANNELS
from tests.conformance.schema import facts

OF_THE_PROCESS = "public/strikebook_status"
"""Served by `exchange.app.serve`, which knows the figures."""
OURS = {
    "chain.{currency}.{interval}", "user.stream", "strikebook.venue", "strikebook.batches",
    "strikebook.signed_heads", "strikebook.authorisation",
}  # fmt: skip
VALUES = {
    "instrument_name": "BTC_USDC-PERPETUAL", "currency": "usdc", "kind": "any", "index_name": "btc_usdc",
    "interval": "100ms", "group": "10", "depth": "20", "resolution": "60",
}  # fmt: skip


def test_every_served_method_is_declared_and_no_other() -> None:
    assert set(CALLS) == {*METHODS, OF_THE_PROCESS}


def test_every_channel_that_says_something_is_declared_and_no_other() -> None:
    assert set(CHANNELS) - OURS == set(facts.channels()) - set(SILENT_CHANNELS)
    for template in CHANNELS:
        assert set(re.findall(r"\{(\w+)\}", template)) <= set(PARTS)
        channel = parse_channel(re.sub(r"\{(\w+)\}", lambda part: VALUES[part[1]], template))
        assert channel is not None, template
        assert channel.family != "silent", template


def test_what_the_dialect_requires_is_declared() -> None:
    """A parameter that the dialect requires is one of ours, required or not."""
    for method, fact in facts.methods().items():
        if method in CALLS:
            required = {param.path for param in fact.params if param.required and "." not in param.path}
            assert required <= set(CALLS[method].parameters), method
