"""The surface process's loop: frames in, frames out."""

from io import BytesIO

import pytest

from exchange.app.surfacer import FRAME_BYTES_MAX, LENGTH, serve


def frames(*bodies: bytes) -> bytes:
    return b"".join(LENGTH.pack(len(body)) + body for body in bodies)


def test_every_frame_is_answered_until_the_input_ends() -> None:
    replies = BytesIO()
    assert serve(BytesIO(frames(b"one", b"", b"two")), replies, bytes.upper) == 0
    assert replies.getvalue() == frames(b"ONE", b"", b"TWO")


@pytest.mark.parametrize("tail", [b"\x01\0", LENGTH.pack(5) + b"cut", LENGTH.pack(FRAME_BYTES_MAX + 1)])
def test_what_is_no_frame_ends_it(tail: bytes) -> None:
    replies = BytesIO()
    assert serve(BytesIO(frames(b"one") + tail), replies, bytes.upper) == 1
    assert replies.getvalue() == frames(b"ONE")
