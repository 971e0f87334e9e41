"""The log run once more gives what was committed to, or the audit says what does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exchange.attest.authorisation import frame_classes
from exchange.domain import commands as c
from exchange.journal import DiskStorage, JournalWriter
from settlement.audit.__main__ import main, read_claims
from settlement.audit.posted import claim_of
from settlement.audit.rerun import Claim, Rerun
from settlement.batch import Frame
from settlement.rollup.builder import Attested, BatchBuilder
from settlement.rollup.coding import RawCoding
from settlement.state import State as LedgerState
from settlement.stf.state import State
from tests.unit.core.harness import ALICE, BOB, SELL
from tests.unit.settlement.audit.logs import Log, market, order


@pytest.fixture
def log() -> Log:
    log = market()
    log.apply(order(ALICE, side=SELL))
    log.apply(order(BOB) + order(BOB, 2) + c.cancel(BOB, 3))
    return log


def codes(log: Log, claims: list[Claim] | None = None) -> list[str]:
    found = Rerun(0, log.claims if claims is None else claims).run(log.batches)
    return [finding.code for finding in found.findings]


def test_an_honest_log_is_found_whole(log: Log) -> None:
    audited = Rerun(0, log.claims).run(log.batches)
    assert audited.findings == []
    assert (audited.head, audited.log, audited.last_seq) == (log.head, log.log, log.next_seq - 1)
    assert audited.engine.state_hash() == log.state_hash()


def test_claims_may_be_far_between_and_say_less(log: Log) -> None:
    last = log.claims[-1]
    assert codes(log, [last._replace(heads_root=b"")]) == []
    assert codes(log, [last]) == ["heads_differ"]
    assert codes(log, [Claim(last.last_seq)]) == []


def test_another_result_than_the_rules_give_is_found(log: Log) -> None:
    lie = [*log.claims[:-1], log.claims[-1]._replace(chain_head=b"x" * 32)]
    assert codes(log, lie) == ["matching_differs"]


def test_commands_that_were_not_committed_to_accuse_nobody_of_matching(log: Log) -> None:
    first, batch = log.batches[-1]
    for other in (order(BOB, 1) + batch[64:], batch[64:128] + batch[:64] + batch[128:], batch[:-64]):
        log.batches[-1] = (first, other)
        found = codes(log)
        assert "matching_differs" not in found
        assert found[0] in ("another_log", "log_too_short")


def test_a_log_with_a_hole_or_cut_short_is_told(log: Log) -> None:
    whole = list(log.batches)
    log.batches = whole[:-1]
    assert codes(log) == ["log_too_short"]
    log.batches = whole[:3] + whole[4:]
    assert codes(log) == ["sequence_gap"]
    log.batches = [*whole[:3], (whole[3][0], b"\x01" * 31)]
    assert codes(log) == ["cannot_be_run"]
    log.batches = [*whole[:3], (whole[3][0], b"")]
    assert codes(log) == ["cannot_be_run"]


def test_a_claim_inside_a_commit_batch_is_none(log: Log) -> None:
    last = log.claims[-1]
    inside = [*log.claims[:-1], last._replace(last_seq=last.last_seq - 1)]
    assert codes(log, inside) == ["no_batch_ends_there"]


def test_the_command_reads_a_journal(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with DiskStorage(tmp_path / "journal") as storage:
        writer = JournalWriter(storage)
        for (first, batch), claim in zip(log.batches, log.claims, strict=True):
            writer.append_commands(first, batch, claim.last_seq - first + 1)
            writer.sync()
    claims = [
        {"last_seq": claim.last_seq, "chain_head": claim.chain_head.hex(), "log_root": claim.log_root.hex()}
        for claim in log.claims
    ]
    path = tmp_path / "claims.json"
    path.write_text(json.dumps(claims))
    asked = ["--log", str(tmp_path / "journal"), "--claims", str(path)]
    assert main(asked) == 0
    assert log.head.hex() in capsys.readouterr().out
    claims[-1]["chain_head"] = "00" * 32
    path.write_text(json.dumps(claims))
    assert main(asked) == 1
    assert "matching_differs" in capsys.readouterr().out
    path.write_text("[1]")
    assert main(asked) == 2


@pytest.mark.parametrize(
    "text", ["", "{}x", "[1]", '[{"chain_head": "00"}]', '[{"last_seq": 1, "log_root": "x"}]']
)
def test_claims_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"claims|Expecting|Extra data|hexadecimal"):
        read_claims(text)


def settled(log: Log) -> list[Claim]:
    """The claims of batches that end where the log's do."""
    found: list[Claim] = []
    builder = BatchBuilder(LedgerState(), State(), RawCoding(), classes=frame_classes)
    for (first, _), claim, events in zip(log.batches, log.claims, log.told, strict=True):
        builder.add(Frame(first, claim.last_seq, events), 0)
        batch = builder.close(Attested(claim.chain_head, claim.heads_root, claim.log_root), 0)
        found.append(claim_of(batch.header, batch.chunks))
        builder.begin()
    return found


def test_fills_are_settled_under_what_authorised_them(log: Log) -> None:
    claims = settled(log)
    assert codes(log, claims) == []
    fills = claims[-1].classes
    assert fills
    (trade, classes), *_ = fills.items()
    assert codes(log, [*claims[:-1], claims[-1]._replace(classes={**fills, trade: classes ^ 3})]) == [
        "other_class"
    ]
    assert codes(log, [*claims[:-1], claims[-1]._replace(classes={**fills, 999: 0x22})]) == ["other_fills"]
    assert codes(log, [*claims[:-1], claims[-1]._replace(classes={})]) == ["other_fills"] * len(fills)


def test_classes_are_read_out_of_json() -> None:
    (claim,) = read_claims('[{"last_seq": 3, "classes": {"7": 34}}]')
    assert claim == Claim(3, classes={7: 34})
