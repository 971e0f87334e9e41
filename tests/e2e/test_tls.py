"""The command speaks https and wss where it is given a certificate."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path

from websockets.sync.client import connect

from tests.e2e.venue import Venue
from tests.unit.gateway.test_neighbours import self_signed


def test_a_certificate_makes_the_venue_s_port_a_secure_one(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    trusting = ssl.create_default_context(cafile=str(cert))
    options = ("--no-children", "--tls-cert", str(cert), "--tls-key", str(key))
    with Venue(tmp_path / "data", *options) as venue:
        assert venue.url.startswith("https://")
        address = f"{venue.url}/api/v2/public/test"
        with urllib.request.urlopen(address, timeout=10, context=trusting) as response:
            assert json.load(response)["result"]["version"]
        address = venue.url.replace("https", "wss", 1) + "/ws/api/v2"
        with connect(address, ssl=trusting, proxy=None) as socket:
            socket.send('{"jsonrpc":"2.0","id":1,"method":"public/test"}')
            assert json.loads(socket.recv(timeout=10))["id"] == 1
