"""A fill's proof says what was signed and what was posted, and holds for nothing else."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from clients.proofs import documents
from clients.proofs.checking import Proven, check, question
from clients.proofs.documents import Document, ProofError
from exchange.attest.secp256k1 import recover
from settlement.stf.header import unpack_header
from tests.unit.clients.proofs.worlds import OTHER, SIGNER, World, told

HEX = "0123456789abcdef"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("proofs") / "rollup.sqlite")


def changed(document: Document, part: str, **fields: Any) -> Document:
    """A document with other fields in one of its parts."""
    found = msgspec.structs.replace(getattr(document, part), **fields)
    return msgspec.structs.replace(document, **{part: found})


def why(document: Document, signer: bytes | None = None) -> str:
    """The code of what does not hold."""
    with pytest.raises(ProofError) as caught:
        check(document, recover, signer)
    return caught.value.code


def test_every_fill_is_proven_with_all_there_is_of_it(world: World) -> None:
    assert len(world.trades) > 10
    for trade_id, trade in world.trades.items():
        proven = check(documents.read(documents.write(world.document(trade_id))), recover, SIGNER.address)
        fill = proven.fill
        assert (fill.trade_id, fill.maker, fill.taker) == (trade_id, trade.maker_account, trade.taker_account)
        assert (fill.price_ticks, fill.size_lots) == (trade.price_ticks, trade.size_lots)
        assert proven.soft is not None
        assert proven.posted is not None
        assert (proven.soft.seq, proven.posted.batch_id in (1, 2)) == (trade.head.counter, True)
        assert (proven.l1 is None) == (proven.posted.batch_id == 2)
        header = unpack_header(world.place(trade_id).place.header + bytes(6))
        assert (proven.posted.header_hash, proven.posted.new_root) == (header.hash, header.new_root)


def test_each_part_stands_alone(world: World) -> None:
    trade_id = min(world.trades)
    whole = world.document(trade_id)
    soft = check(msgspec.structs.replace(whole, batch=None, l1=None), recover)
    posted = check(msgspec.structs.replace(whole, receipt=None), recover)
    both = check(whole, recover)
    assert (soft.fill, soft.soft, soft.posted) == (both.fill, both.soft, None)
    assert (posted.fill, posted.soft, posted.posted) == (both.fill, None, both.posted)
    assert why(Document(documents.VERSION, str(trade_id))) == "empty"


def test_a_later_signature_covers_it_too(world: World) -> None:
    trade_id = min(world.trades)
    whole = world.document(trade_id)
    later = msgspec.structs.replace(whole, receipt=world.receipt(trade_id, len(world.commits) - 1))
    assert check(later, recover).posted == check(whole, recover).posted


def test_what_does_not_hold_is_named(world: World) -> None:
    first, last = min(world.trades), max(world.trades)
    whole, other = world.document(first), world.document(last)
    assert other.receipt is not None
    assert why(whole, OTHER.address) == "signer"
    assert why(changed(whole, "receipt", signer=told(OTHER.address))) == "receipt"
    assert why(changed(whole, "receipt", seq=1)) == "receipt"
    assert why(changed(whole, "receipt", command="0x00")) == "receipt"
    assert why(msgspec.structs.replace(whole, receipt=other.receipt)) == "no_such_trade"
    assert why(msgspec.structs.replace(whole, batch=other.batch)) == "another_fill"
    assert why(msgspec.structs.replace(whole, trade_id="x")) == "malformed"
    assert why(changed(whole, "batch", position=63)) == "inclusion"
    assert why(changed(whole, "batch", batch_id=9)) == "inclusion"
    assert why(changed(whole, "batch", header="header")) == "malformed"


def test_a_venue_that_says_two_things_is_seen(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Both parts hold, signed was one price and posted another, or another chain."""
    lied = World(tmp_path_factory.mktemp("lied") / "rollup.sqlite", seed=6)
    codes = set()
    for trade_id in sorted(set(world.trades) & set(lied.trades)):
        mixed = msgspec.structs.replace(world.document(trade_id), receipt=lied.receipt(trade_id))
        codes.add(why(mixed))
    assert codes == {"contradiction"}


def test_the_question_to_the_inbox_is_about_this_batch(world: World) -> None:
    trade_id = next(each for each in world.trades if world.place(each).posted is not None)
    proven = check(world.document(trade_id), recover)
    assert proven.posted is not None
    assert proven.l1 is not None
    asked = question(proven.posted, proven.l1, final=True)
    words = [asked[at : at + 32] for at in range(4, len(asked), 32)]
    root = proven.posted.new_root
    assert words == [(1).to_bytes(32, "big"), proven.posted.header_hash, bytes(32), root]
    assert asked[:4] != question(proven.posted, proven.l1, final=False)[:4]


def mutations(rng: random.Random, raw: bytes) -> bytes:
    """One change of a file: of a bit, a byte, a piece, a digit, a number."""
    at, end = sorted(rng.randrange(len(raw)) for _ in range(2))
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :],
        lambda: raw[:at] + rng.choice(HEX).encode() + raw[at + 1 :],
        lambda: raw[:at] + raw[end:],
        lambda: raw[:at] + raw[at:end] + raw[at:],
        lambda: raw[:at],
        lambda: raw[:at] + rng.randbytes(rng.randrange(1, 9)) + raw[at:],
    )
    return rng.choice(ways)()


def examined(world: World, count: int) -> Counter[str]:
    """Mutated files: what becomes of them, by the code of the refusal. One that is taken says what is true,
    or names a header that no inbox holds."""
    rng = random.Random(8)
    files = [documents.write(world.document(trade_id)) for trade_id in sorted(world.trades)[::4]]
    truth: list[Proven] = [check(documents.read(raw), recover) for raw in files]
    seen = Counter[str]()
    for number in range(count):
        which = number % len(files)
        mutated = mutations(rng, files[which])
        try:
            proven = check(documents.read(mutated), recover)
        except ProofError as error:
            seen[error.code] += 1
            continue
        known = truth[which].posted
        assert known is not None
        if proven.posted is not None and proven.posted.header_hash != known.header_hash:
            seen["another header"] += 1
            continue
        assert proven.fill == truth[which].fill, mutated
        assert proven.soft in (None, truth[which].soft), mutated
        assert proven.posted in (None, known), mutated
        seen["nothing that is proven was touched"] += 1
    return seen


def test_mutated_files_prove_nothing_else(world: World) -> None:
    seen = examined(world, 1_000)
    assert {"malformed", "receipt", "inclusion", "another header"} <= set(seen)


@pytest.mark.slow
def test_ten_thousand_mutated_files_prove_nothing_else(world: World) -> None:
    assert sum(examined(world, 10_000).values()) == 10_000
