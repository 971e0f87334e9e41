from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clients.surface_view.quotes import SurfaceViewError, market
from pricing import black76
from tests.unit.clients.surface_view.chains import DAY_MS, NOW_MS, slices, summaries

SIMPLE = {"years": 0.5, "strike": 110.0, "type": "C", "forward": 100.0, "mark_iv": 60.0}


def one(**changed: Any) -> dict[str, Any]:
    return {**SIMPLE, **changed}


def test_the_venues_summaries_become_smiles_of_out_of_the_money_options() -> None:
    found = market(summaries(), "", "test")
    assert (found.underlying, found.options_count) == ("BTC", 36)
    assert [smile.strike.size for smile in found.smiles] == [9, 9]
    for smile, piece in zip(found.smiles, slices(), strict=True):
        assert smile.years == pytest.approx(piece.years, rel=1e-9)
        assert np.all(np.diff(smile.strike) > 0)
        assert smile.mark == pytest.approx(piece.vol(smile.k), rel=1e-12)
        assert smile.ask - smile.bid == pytest.approx(0.02)
        assert smile.mid == pytest.approx(smile.mark)


def test_a_long_reply_during_which_time_moves_on_is_still_one_expiry() -> None:
    rows = summaries()
    for number, row in enumerate(rows):
        row["creation_timestamp"] += number
        row["underlying_price"] += 0.01 * number
    found = market(rows, "", "test")
    assert len(found.smiles) == 2
    assert found.at is not None
    assert round(found.at.timestamp() * 1000) == NOW_MS + len(rows) - 1


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({"expiry": "2026-11-27", "time": "2026-11-25T08:00:00"}, 2),
        ({"expiry": "27nov26", "time": "2026-11-26T08:00:00+00:00"}, 1),
        ({"expire_date": "27NOV26", "creation_timestamp": "1795766400000"}, 0),
        ({"expiration_timestamp": NOW_MS + 3 * DAY_MS, "timestamp": NOW_MS}, 3),
        ({"instrument_name": "ETH-27NOV26-110-C", "time": "2026-11-20T08:00Z"}, 7),
    ],
)
def test_an_expiry_may_be_written_in_many_ways(fields: dict[str, Any], days: int) -> None:
    if days == 0:
        with pytest.raises(SurfaceViewError, match="all have expired"):
            market([one(years=None, **fields)], "", "test")
        return
    (smile,) = market([one(years=None, **fields)], "", "test").smiles
    assert smile.years * 365 == pytest.approx(days, abs=1e-6)


def test_prices_stand_in_for_volatilities_in_coins_too() -> None:
    price = float(black76(100.0, 110.0, 0.5, 0.6, True).price)
    plain = one(mark_iv=None, bid=price, ask="")
    coins = one(mark_iv=None, bid_price=price / 100.0, base_currency="ETH", quote_currency="ETH")
    for row in (plain, coins):
        (smile,) = market([row], "", "test").smiles
        assert smile.bid == pytest.approx(0.6, rel=1e-12)
        assert np.isnan(smile.ask).all()


def test_a_given_volatility_counts_more_than_a_price() -> None:
    (smile,) = market([one(mark=1e-9)], "", "test").smiles
    assert smile.mark.tolist() == [0.6]


def test_a_strike_of_an_instruments_name_may_have_decimals() -> None:
    row = {"instrument_name": "XRP_USDC-27NOV26-0d625-C", "forward": 0.6, "mark_iv": 80, "time": NOW_MS}
    (smile,) = market([row], "", "test").smiles
    assert smile.strike.tolist() == [0.625]


def test_options_in_the_money_or_without_a_volatility_are_left_out() -> None:
    rows = [one(), one(type="P"), one(strike=120.0, mark_iv=0), one(strike=90.0, type="put")]
    found = market(rows, "", "test")
    assert found.options_count == 4
    assert found.smiles[0].strike.tolist() == [90.0, 110.0]


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [
        (one(strike="high"), "bad_record", r"option 1: strike is 'high'"),
        (one(strike=-1), "bad_record", "strike is -1"),
        (one(type="straddle"), "bad_record", "type is 'straddle'"),
        (one(forward=None), "bad_record", "no forward or underlying_price"),
        (one(years="nan"), "bad_record", "years is nan"),
        (one(years=None), "bad_record", "no expiration_timestamp or expiry or expire_date"),
        (one(years=None, expiry="2026-11-27"), "bad_record", "needs the time it is seen from"),
        (one(years=None, expiry="2026-13-27", time=NOW_MS), "bad_record", "expiry is '2026-13-27'"),
        (one(years=None, expiry=99, time="tomorrow"), "bad_record", "time is 'tomorrow'"),
        (one(mark_iv="much"), "bad_record", "mark_iv is 'much'"),
        (one(mark_iv=None), "no_vols", "none of 1 options has a volatility"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(row: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(SurfaceViewError, match=words) as refused:
        market([row], "", "test")
    assert refused.value.code == code


def test_no_records_at_all() -> None:
    with pytest.raises(SurfaceViewError, match="holds no options"):
        market([], "BTC", "test")


def test_the_mark_stands_in_where_one_side_is_missing() -> None:
    (smile,) = market([one(bid_iv=55.0)], "", "test").smiles
    assert smile.mid.tolist() == [0.6]
