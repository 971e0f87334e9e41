"""What the venue and the attestor say to each other (`exchange.app.framing`)."""

from __future__ import annotations

from typing import Final

import msgspec


class Ask(msgspec.Struct, tag="ask", array_like=True, frozen=True):
    """Venue: the receipt of the command with the counter `seq`, as soon as a signature covers it."""

    number: int
    seq: int


class Durable(msgspec.Struct, tag="durable", array_like=True, frozen=True):
    """Venue: a commit batch that is durable, and whose results went out at `released_us` of the clock that
    all processes share (`ports.SystemClock.monotonic_us`)."""

    first_seq: int
    count: int
    commands: bytes
    events: bytes
    released_us: int


class Look(msgspec.Struct, tag="look", array_like=True, frozen=True):
    """Venue: batches were not handed over; the segments have them."""


class Answer(msgspec.Struct, tag="answer", array_like=True, frozen=True):
    """Attestor: the receipt that `number` asked for, packed, with its command and events; empty bytes
    where what it is made of is kept no more."""

    number: int
    receipt: bytes = b""
    command: bytes = b""
    events: bytes = b""


class Hello(msgspec.Struct, tag="hello", array_like=True, frozen=True):
    """Attestor, first: who signs, for which chain and contract; the newest blocks (`files.pack_block`)."""

    signer: bytes
    chain_id: int
    contract: bytes
    blocks: list[bytes]


class Block(msgspec.Struct, tag="block", array_like=True, frozen=True):
    """Attestor: one more block, and how long after their results had gone out the batches that were handed
    over since the block before were signed, one by one."""

    block: bytes
    signed_after_us: list[int] = []


Message = Ask | Durable | Look | Answer | Hello | Block
DECODER: Final = msgspec.msgpack.Decoder(Message)
