"""Signed receipts verify for what they were made for, and for nothing else."""

from __future__ import annotations

import random

import pytest

from exchange.attest import signed_receipts as sr
from exchange.attest.command_log import EMPTY_LOG, log_root, next_log
from exchange.attest.secp256k1 import recover
from tests.unit.attest.worlds import OTHER, SHARD, SIGNER, World, signed

SIZES = (1, 5, 2, 3)
WORLD = World(*SIZES)


def holds(proof: sr.SignedReceipt, seq: int) -> bool:
    return sr.verify_signed_receipt(
        proof, WORLD.commands[seq], WORLD.events[seq], SIGNER.address, recover
    )


def test_every_command_is_proven_by_its_own_batchs_signature_and_by_each_later_one() -> None:
    seq = 0
    for batch, size in enumerate(SIZES):
        for index in range(size):
            seq += 1
            for until in range(batch, len(SIZES)):
                proof = WORLD.receipt(batch, index, until)
                assert proof.receipt.seq == seq
                assert len(proof.links) == until - batch
                assert holds(proof, seq)
                assert sr.unpack_signed_receipt(sr.pack_signed_receipt(proof)) == proof


def test_another_signer_command_or_result_is_not_proven() -> None:
    proof = WORLD.receipt(1, 2, 3)
    command, events = WORLD.commands[4], WORLD.events[4]
    assert holds(proof, 4)
    assert not holds(proof, 5)
    assert not sr.verify_signed_receipt(proof, command, events, OTHER.address, recover)
    assert not sr.verify_signed_receipt(proof, command, events[:64], SIGNER.address, recover)
    assert not sr.verify_signed_receipt(proof, command[:32], events, SIGNER.address, recover)
    forged = proof._replace(signed=signed(*WORLD.heads[4], WORLD.roots[3], signer=OTHER))
    assert not holds(forged, 4)


def test_links_that_do_not_lead_from_the_batch_to_the_signature_prove_nothing() -> None:
    proof = WORLD.receipt(0, 0, 3)
    links = proof.links
    for wrong in (links[1:], links[:-1], (), links[::-1], (*links, links[-1]), (links[0], *links)):
        assert not holds(proof._replace(links=wrong), 1)
    assert not holds(proof._replace(links=links * 500), 1)
    assert not holds(proof._replace(links=(links[0]._replace(first_seq=-1), *links[1:])), 1)


def test_a_batch_cannot_be_said_to_be_longer_than_it_is() -> None:
    for until in (1, 2):
        proof = WORLD.receipt(1, 2, until)
        for count in (4, 6, 7, 8):
            wrong = proof._replace(receipt=proof.receipt._replace(command_count=count))
            assert not holds(wrong, 4)


def test_ten_thousand_mutated_receipts_are_not_accepted() -> None:
    rng = random.Random(7)
    proofs = [WORLD.receipt(1, 2, until) for until in (1, 3)]
    raws = [sr.pack_signed_receipt(proof) for proof in proofs]
    refused = 0
    for turn in range(10_000):
        raw = bytearray(raws[turn & 1])
        if turn % 10 == 9:
            at = rng.randrange(len(raw))
            raw = raw[:at] + raw[at + rng.randrange(1, 65) :] if turn % 20 == 9 else raw[:at] * 2
        else:
            for _ in range(rng.randrange(1, 4)):
                raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        if bytes(raw) in raws:
            continue
        try:
            mutated = sr.unpack_signed_receipt(bytes(raw))
        except ValueError:
            refused += 1
            continue
        assert not holds(mutated, 4)
    assert refused < 9_000  # the others were whole receipts that do not verify


def test_bytes_that_are_no_receipt_are_refused() -> None:
    raw = sr.pack_signed_receipt(WORLD.receipt(0, 0, 1))
    for wrong in (b"", raw[:-32], raw + bytes(32), b"\x01" + raw[1:], raw[:28] + b"\x01" + raw[29:]):
        with pytest.raises(ValueError, match="signed receipt"):
            sr.unpack_signed_receipt(wrong)
    with pytest.raises(ValueError, match="too many links"):
        sr.pack_signed_receipt(WORLD.receipt(0, 0, 1)._replace(links=WORLD.receipt(0, 0, 1).links * 1_025))


def test_the_log_of_commands_is_one_chain_whatever_is_known_at_first() -> None:
    batches = [
        (first, b"".join(WORLD.commands[seq] for seq in range(first, first + size)))
        for first, size in zip(WORLD.firsts, SIZES, strict=True)
    ]
    whole = log_root(EMPTY_LOG, SHARD, batches)
    half = log_root(EMPTY_LOG, SHARD, batches[:2])
    assert log_root(half, SHARD, batches[2:]) == whole
    assert log_root(EMPTY_LOG, SHARD, batches[1:]) != whole
    assert log_root(EMPTY_LOG, 1, batches) != whole
    first, commands = batches[0]
    assert next_log(EMPTY_LOG, SHARD, first, commands) == log_root(EMPTY_LOG, SHARD, batches[:1])
    assert next_log(EMPTY_LOG, SHARD, first, commands[:-1] + b"\x01") != half
