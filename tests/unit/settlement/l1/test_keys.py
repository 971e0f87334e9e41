"""Keys are read strictly, never shown, and sign what can be recovered."""

from __future__ import annotations

from pathlib import Path

import pytest

from settlement.hashing import keccak
from settlement.l1.keys import SECP256K1_N, Key, KeyRejected, create_address, recover

SECRET = "0x" + "11" * 32


def test_known_addresses() -> None:
    assert Key.from_hex(SECRET).address.hex() == "19e7e376e7c213b7e7e7e46cc70a5dd086daff2a"
    sender = bytes.fromhex("6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    assert create_address(sender, 0).hex() == "cd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"
    assert create_address(sender, 1).hex() == "343c43a37d37dff08ae8c4a11544c718abb4fcf8"


def test_a_signature_is_recovered_and_its_twin_is_not() -> None:
    key, digest = Key.from_hex(SECRET), keccak(b"message")
    parity, r, s = key.sign(digest)
    assert recover(digest, parity, r, s) == key.address
    with pytest.raises(ValueError, match="signature"):
        recover(digest, 1 - parity, r, SECP256K1_N - s)
    with pytest.raises(ValueError, match="signature"):
        recover(digest, parity, 0, s)


@pytest.mark.parametrize("text", ["", "11" * 31, "zz" * 32, "00" * 32, hex(SECP256K1_N)])
def test_what_is_no_key_is_rejected_without_showing_it(text: str) -> None:
    with pytest.raises(KeyRejected) as rejected:
        Key.from_hex(text)
    assert len(text) < 4 or text not in str(rejected.value)


def test_a_key_is_not_shown() -> None:
    assert "11" * 8 not in repr(Key.from_hex(SECRET))


def test_from_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(SECRET + "\n")
    path.chmod(0o644)
    with pytest.raises(KeyRejected, match="chmod"):
        Key.from_file(path)
    path.chmod(0o600)
    assert Key.from_file(path).address == Key.from_hex(SECRET).address
    assert Key.from_environment({"K_FILE": str(path)}, "K").address == Key.from_hex(SECRET).address
    with pytest.raises(KeyRejected):
        Key.from_environment({}, "K")
    with pytest.raises(KeyRejected, match="FileNotFound"):
        Key.from_file(tmp_path / "none")
