"""The signing key is made once, sealed, and never made anew where there is one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from exchange.app.attesting.keys import SigningKeyError, signing_key
from exchange.app.ports import SystemEntropy
from exchange.keys.sealing import Sealer

ENTROPY = SystemEntropy()


def test_it_is_made_sealed_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    sealer = Sealer(b"s" * 32, ENTROPY)
    made = signing_key(path, sealer, ENTROPY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing_key(path, sealer, ENTROPY).address == made.address
    assert made._key.secret.hex() not in path.read_text()


def test_another_sealing_key_or_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    sealer = Sealer(b"s" * 32, ENTROPY)
    signing_key(path, sealer, ENTROPY)
    with pytest.raises(SigningKeyError, match="no signing key sealed here"):
        signing_key(path, Sealer(b"t" * 32, ENTROPY), ENTROPY)
    path.write_text("nothing")
    with pytest.raises(SigningKeyError):
        signing_key(path, sealer, ENTROPY)
    with pytest.raises(SigningKeyError, match="cannot be written"):
        signing_key(tmp_path / "nowhere" / "key", sealer, ENTROPY)
