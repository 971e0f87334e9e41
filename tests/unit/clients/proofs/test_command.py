"""`strikebook proof`: fetched from a venue, kept, checked again without it, and asked of an L1's node."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clients.proofs import documents
from clients.proofs.command import main
from tests.unit.clients.proofs.worlds import DOMAIN, OTHER, SIGNER, World, told
from tests.unit.clients.surface_view.test_venue import venue

YES, NO = told((1).to_bytes(32, "big")), told(bytes(32))
KEY = ("--client-id", "id", "--client-secret", "secret")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("proofs") / "rollup.sqlite")


def posted_trade(world: World) -> int:
    return next(each for each in world.trades if world.place(each).posted is not None)


def answers(world: World, trade_id: int) -> dict[str, Any]:
    """A venue that has it all."""
    document = msgspec.to_builtins(world.document(trade_id))
    trade = {"trade_id": str(trade_id), "seq": document["receipt"]["seq"]}
    return {
        "public/auth": {"result": {"access_token": "token"}},
        "public/get_currencies": {"result": [{"currency": "USDC"}, {"currency": "BTC"}]},
        "private/get_user_trades_by_currency": {"result": {"trades": [trade], "has_more": False}},
        "private/strikebook_get_receipt": {"result": document["receipt"]},
        "private/strikebook_get_fill_proof": {"result": {**document, "receipt": None}},
    }


def test_a_fetched_proof_is_kept_and_holds(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trade_id = posted_trade(world)
    kept = tmp_path / "fill.json"
    with venue(answers(world, trade_id)) as (url, _):
        assert main(["--trade", str(trade_id), "--url", url, "--out", str(kept), *KEY]) == 0
    assert documents.read(kept.read_bytes()) == world.document(trade_id)
    assert main(["--file", str(kept), "--signer", told(SIGNER.address)]) == 0
    said = capsys.readouterr().out
    assert said.count("soft     proven") == said.count("posted   proven: batch 1") == 2
    assert "final    to be asked of the L1" in said
    assert main(["--file", str(kept), "--signer", told(OTHER.address)]) == 1
    kept.write_bytes(kept.read_bytes().replace(b'"position": ', b'"position": 1'))
    assert main(["--file", str(kept)]) == 1
    wrong = capsys.readouterr().err
    assert "signer: " in wrong
    assert "inclusion: " in wrong


def test_what_is_in_no_batch_yet_is_soft(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trade_id = posted_trade(world)
    refusal = {"error": {"code": 13_020, "message": "not_found"}}
    soft = {**answers(world, trade_id), "private/strikebook_get_fill_proof": refusal}
    with venue(soft) as (url, requests):
        arguments = ["--trade", str(trade_id), "--url", url, "--out", str(tmp_path / "fill.json"), *KEY]
        assert main(arguments) == 0
        assert [each["method"] for each in requests[-2:]] == [
            "private/strikebook_get_receipt",
            "private/strikebook_get_fill_proof",
        ]
    assert "posted   not yet" in capsys.readouterr().out
    forbidden = {"error": {"code": 13_021, "message": "forbidden"}}
    resting = {**answers(world, trade_id), "private/strikebook_get_receipt": forbidden}
    with venue(resting) as (url, _):
        assert main([*arguments[:3], url, *arguments[4:]]) == 0
    said = capsys.readouterr().out
    assert "soft     not here" in said
    assert "posted   proven" in said
    nothing = {**soft, "private/get_user_trades_by_currency": {"result": {"trades": [], "has_more": False}}}
    odd = {**soft, "private/strikebook_get_receipt": {"result": {"seq": 1}}}
    for wrong, code in ((nothing, "no_such_trade"), (odd, "not_a_venue")):
        with venue(wrong) as (url, _):
            assert main([*arguments[:3], url, *arguments[4:]]) == 1
        assert code in capsys.readouterr().err
    assert main([*arguments[:3], "nowhere", *arguments[4:]]) == 1
    assert "bad_url" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("replies", "status", "words"),
    [
        ((SIGNER.address, YES), 0, "the inbox holds the batch, and as final"),
        ((SIGNER.address, NO, YES), 0, "its window has not passed"),
        ((SIGNER.address, NO, NO), 1, "the inbox does not hold this batch"),
        ((OTHER.address,), 1, "another sequencer's"),
        (("0x",), 1, "malformed"),
    ],
)
def test_a_node_says_whether_the_batch_stands(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    replies: tuple[Any, ...], status: int, words: str,
) -> None:  # fmt: skip
    kept = tmp_path / "fill.json"
    kept.write_bytes(documents.write(world.document(posted_trade(world))))
    told_words = [told(bytes(12) + each) if isinstance(each, bytes) else each for each in replies]

    class Answers(dict[str, Any]):
        def __getitem__(self, method: str) -> Any:
            assert method == "eth_call"
            return {"result": told_words.pop(0)}

    with venue(Answers()) as (url, requests):
        assert main(["--file", str(kept), "--l1", url]) == status
    seen = capsys.readouterr()
    assert words in (seen.err if status else seen.out)
    assert {each["params"][0]["to"] for each in requests} == {told(DOMAIN.contract)}


def test_wrong_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--trade", "1"], ["--trade", "1", "--file", "x"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert main(["--file", str(tmp_path / "none.json")]) == 1
    assert main(["--file", sys.executable, "--signer", "0x12"]) == 1
    capsys.readouterr()
