"""The settlement benchmark's rows, small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest import bench_settlement, settlement_compression, settlement_netted
from loadtest.settlement_peers import PEERS, columnar
from loadtest.settlement_rows import MEASURES, Measure, Row, Scale, measure
from loadtest.streams import options_v1
from loadtest.streams.generator import generate
from settlement import columns as col
from settlement.coding.batches import decode_batch


def one_row(value: float) -> Measure:
    """A measure of one figure."""

    def measured(scale: Scale) -> list[Row]:
        return [Row("g", "n", value, "B", 2.0)]

    return measured


class TestRows:
    def test_a_row_is_judged_by_its_bars(self) -> None:
        assert Row("g", "n", 3.0, "B").met
        assert Row("g", "n", 3.0, "B", most=3.0).met
        assert not Row("g", "n", 3.1, "B", most=3.0).met
        assert not Row("g", "n", 14.9, "%", least=15.0).met
        assert "MISSED" in Row("g", "n", 14.9, "%", least=15.0).text()

    def test_a_measures_name_is_taken_once(self) -> None:
        with pytest.raises(ValueError, match="two measures"):
            measure("compression")(lambda scale: [])

    def test_a_missed_bar_is_the_exit_code(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "rows.json"
        for value, code in ((1.0, 0), (3.0, 1)):
            monkeypatch.setitem(MEASURES, "compression", one_row(value))
            assert bench_settlement.main(["--only", "compression", "--json", str(path)]) == code
            assert json.loads(path.read_text())["rows"][0]["met"] is (code == 0)
        assert "a bar is missed" in capsys.readouterr().out


class TestVenue:
    def test_batches_it_coded_decode(self) -> None:
        venue = settlement_compression.Venue(generate(options_v1.LAWS, 3_000))
        venue.register()
        for _ in range(3):
            last = settlement_compression.coded(venue, 1_000, 1).last
            before = last.sequencer
            decoded = decode_batch(last.coded.payload, before.tables, before.dictionaries, last.anchors)
            assert decoded.fills.rows() == last.fills.rows()

    def test_peers_hold_all_fields(self) -> None:
        fills = generate(options_v1.LAWS, 300).fills
        found = columnar(fills)
        count, accounts, instruments = col.read_varints(found[0], 0, 3)
        assert count == 300
        assert accounts == len(set(fills.maker.tolist()) | set(fills.taker.tolist()))
        assert instruments == len(set(fills.instrument.tolist()))
        lengths = {name: peer(fills) for name, peer in PEERS.items()}
        assert lengths["columnar + varint + brotli"] < lengths["msgpack + brotli"] < lengths["JSON + brotli"]

    def test_speed_is_measured_on_the_last_batch(self) -> None:
        venue = settlement_compression.Venue(generate(options_v1.LAWS, 1_000))
        warm = {1_000: settlement_compression.coded(venue, 1_000, 1)}
        found = settlement_compression.Measured(
            options_v1.LAWS, venue.register(), warm[1_000], warm, venue.stream
        )
        rows = list(settlement_compression.speed_rows(found))
        assert [row.value > 0 for row in rows] == [True, True]
        netted = next(iter(settlement_netted.netted_rows(found)))
        assert 1 < netted.value < 8


def test_scale_is_what_the_command_line_says() -> None:
    options = bench_settlement.parser().parse_args(["--warm", "10", "--batches", "2"])
    assert Scale(options.warm, options.batches) == Scale(10, 2)
