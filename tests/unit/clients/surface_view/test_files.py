from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clients.surface_view.files import read
from clients.surface_view.quotes import Market, SurfaceViewError
from pricing.surface import SviSlice
from tests.unit.clients.surface_view.chains import VOGT, summaries

REAL_CHAIN = Path(__file__).parents[3] / "data" / "deribit_eth_20240108.csv"
SIMPLE = """\
Years, Strike ,type,forward,bid_iv,ask_iv
0.25,90,P,100,61,63

0.25,110,C,100,58,60
"""


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "chain"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def chain(path: Path) -> Market:
    found = read(path)
    assert isinstance(found, Market)
    return found


def test_a_simple_csv(tmp_path: Path) -> None:
    found = chain(written(tmp_path, "\ufeff" + SIMPLE))
    (smile,) = found.smiles
    assert smile.strike.tolist() == [90.0, 110.0]
    assert smile.mid == pytest.approx([0.62, 0.59])
    assert (smile.years, smile.label, found.source) == (0.25, "91 d", "chain")


def test_a_real_chain_as_it_was_saved() -> None:
    found = chain(REAL_CHAIN)
    assert (found.underlying, found.options_count, len(found.smiles)) == ("ETH", 684, 11)
    assert [smile.label for smile in found.smiles][:2] == ["9 Jan 24", "10 Jan 24"]
    at_the_money = [float(smile.mid[abs(smile.k).argmin()]) for smile in found.smiles]
    assert all(0.6 < vol < 1.05 for vol in at_the_money)


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"jsonrpc": "2.0", "result": rows}])
def test_a_reply_of_the_venue_as_it_came(tmp_path: Path, wrap: Any) -> None:
    futures = [
        {"instrument_name": "BTC_USDC-PERPETUAL"},
        {"instrument_name": "BTC-27NOV26", "kind": "future"},
    ]
    rows = [*futures, *summaries()]
    found = chain(written(tmp_path, json.dumps(wrap(rows))))
    assert (found.underlying, len(found.smiles)) == ("BTC", 2)


def test_futures_in_a_csv_are_left_out(tmp_path: Path) -> None:
    lines = [
        "instrument_name,time,forward,mark_iv",
        "BTC-27NOV26,1795305600000,,",
        "BTC-PERPETUAL,1795305600000,,",
    ]
    found = chain(written(tmp_path, "\n".join([*lines, "BTC-27NOV26-90000-C,1795305600000,90000,50"])))
    assert found.options_count == 1


def test_common_fields_of_a_json_chain_stand_once(tmp_path: Path) -> None:
    options = [{"expiry": "2026-11-27", "strike": 90, "type": "P", "mark_iv": 60}]
    file = {"underlying": "SOL", "time": "2026-11-20T08:00:00Z", "forward": 100, "options": options}
    found = chain(written(tmp_path, json.dumps(file)))
    assert found.underlying == "SOL"
    assert found.smiles[0].years * 365 == pytest.approx(7.0)


def test_slices_as_parameters(tmp_path: Path) -> None:
    later = {**VOGT, "years": 2.0, "a": 0.1}
    path = written(tmp_path, json.dumps({"slices": [later, VOGT]}))
    assert read(path) == [SviSlice(**VOGT), SviSlice(**later)]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("", "empty", "is empty"),
        ("  \n", "empty", "is empty"),
        (SIMPLE.splitlines()[0], "empty", "holds no options"),
        ("a,b\n1,2\n", "bad_columns", "no column for a strike .* it has: a, b"),
        (SIMPLE.replace("bid_iv,ask_iv", "x,y"), "bad_columns", "no column for a volatility or a price"),
        (SIMPLE.replace("110", "?"), "bad_record", r"chain, option 2: strike is '\?'"),
        (SIMPLE + "0.25,120\n", "bad_record", "option 3: no forward"),
        ("{", "bad_json", "is no JSON"),
        ('{"options": 3}', "bad_json", "needs a list of options"),
        ("[1]", "bad_json", "needs a list of options"),
        ('{"slices": []}', "empty", "'slices'"),
        ('{"slices": [{"years": 1}]}', "bad_record", "slice 1: no a"),
        (json.dumps({"slices": [{**VOGT, "b": -1}]}), "bad_record", "slice 1: a slice needs"),
        (json.dumps({"slices": [{**VOGT, "b": "x"}]}), "bad_record", "slice 1: a parameter is no number"),
        (b"\xff\xfe\x00", "cannot_read", "no text in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, content: str | bytes, code: str, words: str
) -> None:
    with pytest.raises(SurfaceViewError, match=words) as refused:
        read(written(tmp_path, content))
    assert refused.value.code == code


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SurfaceViewError, match=r"cannot read .*: No such file"):
        read(tmp_path / "missing.csv")
    with pytest.raises(SurfaceViewError, match="cannot read"):
        read(tmp_path)
