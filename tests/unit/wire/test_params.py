"""Parameters: lenient in how a value is written, exact in what it is, one code for each way to be wrong."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.domain.commands import InstrumentTerms
from exchange.domain.limits import MAX_ORDER_LOTS
from exchange.wire import params as p
from exchange.wire.session import RpcError
from tests.unit.wire.samples import option_terms, perpetual_terms, refusal

TERMS = option_terms()
FINE = option_terms(tick_micro=1, lot_e8=1, min_size_lots=1, price_limit_ticks=1 << 40, tick_steps=((0, 1),))


def refused(read: Callable[[], object]) -> RpcError:
    with pytest.raises(RpcError) as caught:
        read()
    return caught.value


@pytest.mark.parametrize("value", [True, "true", "True", "TRUE"])
def test_booleans_come_as_json_or_text(value: object) -> None:
    assert p.boolean({"x": value}, "x") is True


@pytest.mark.parametrize("value", [1, 0, "yes", [], {}, Decimal("1.0")])
def test_other_values_are_no_booleans(value: object) -> None:
    wrong = refused(lambda: p.boolean({"x": value}, "x"))
    assert (wrong.code, wrong.data) == (-32602, {"param": "x", "reason": "must be true or false"})


@pytest.mark.parametrize("value", [100, "100", "100.0", Decimal("1E+2"), 100.0])
def test_integers_come_in_many_writings(value: object) -> None:
    assert p.integer({"n": value}, "n") == 100


@pytest.mark.parametrize(
    "value", [True, "x", "1.5", Decimal("0.1"), [], {}, "NaN", "1e30", -1, 1 << 70, "1" * 50, "0x10", "1_0"]
)
def test_other_values_are_no_integers(value: object) -> None:
    assert refused(lambda: p.integer({"n": value}, "n")).code == -32602


def test_absent_and_empty_parameters_take_their_default_or_are_required() -> None:
    for params in ({}, {"n": None}, {"n": ""}):
        assert p.integer(params, "n", 5) == 5
        assert p.number(params, "n", Decimal(2)) == 2
        assert p.boolean(params, "n", True) is True
        assert p.choice(params, "n", {"a"}, "a") == "a"
        for read in (p.integer, p.number, p.text):
            wrong = refused(partial(read, params, "n"))
            assert wrong.data == {"param": "n", "reason": "value required"}


def test_text_has_a_bound_in_bytes() -> None:
    assert p.text({"t": "é" * 32}, "t", bytes_max=64) == "é" * 32
    assert refused(lambda: p.text({"t": "é" * 33}, "t", bytes_max=64)).code == -32602
    assert p.text({"t": 12345}, "t") == "12345"
    assert refused(lambda: p.text({"t": ["a"]}, "t")).code == -32602


def test_a_choice_names_its_options() -> None:
    wrong = refused(lambda: p.choice({"c": "z"}, "c", {"b", "a"}))
    assert wrong.data == {"param": "c", "reason": "must be one of: a, b"}


@pytest.mark.parametrize("value", ["17", 17])
def test_order_ids_are_the_numbers_the_venue_printed(value: object) -> None:
    assert p.order_id({"order_id": value}) == 17


@pytest.mark.parametrize("value", ["ETH-5", "-1", "1.0", "９", "1" * 21, str(1 << 63)])
def test_foreign_order_ids_have_their_own_code(value: str) -> None:
    assert refused(lambda: p.order_id({"order_id": value})).code == 10025


def test_lists_come_as_json_text_or_single_strings() -> None:
    for value in (["a", "b"], '["a","b"]'):
        assert p.text_list({"c": value}, "c", 5) == ["a", "b"]
    assert p.text_list({"c": "a"}, "c", 5) == ["a"]


@pytest.mark.parametrize("value", [[1], ["a"] * 6, "[", "[" * 900, 5, {}, ["x" * 99]])
def test_other_values_are_no_lists_of_strings(value: object) -> None:
    assert refused(lambda: p.text_list({"c": value}, "c", 5, 10)).code == -32602


def test_lists_of_objects_survive_a_query_string() -> None:
    assert p.object_list({"q": '[{"price":0.1}]'}, "q", 5) == [{"price": Decimal("0.1")}]
    wrong: list[object] = [[1], "[1]", "x", [{}] * 6]
    for value in wrong:
        assert refused(partial(p.object_list, {"q": value}, "q", 5)).code == -32602


def test_lists_of_integers_survive_a_query_string() -> None:
    for asked in ([0, 7], "[0, 7]"):
        assert p.integer_list({"q": asked}, "q", 2, 7) == [0, 7]
    assert p.integer_list({}, "q", 2, 7) == p.integer_list({"q": "[]"}, "q", 2, 7) == []
    wrong: list[object] = [[8], "[8]", [-1], [1.0], [True], "1", 1, "[1", "x", [0] * 3, {}, ["1"]]
    for value in wrong:
        assert refused(partial(p.integer_list, {"q": value}, "q", 2, 7)).code == -32602


def test_optional_objects() -> None:
    assert p.optional_object({"bid": {"a": 1}}, "bid") == {"a": 1}
    assert p.optional_object({}, "bid") is None
    assert refused(lambda: p.optional_object({"bid": 5}, "bid")).code == -32602


@pytest.mark.parametrize("value", [1_000, "1000", "1000.00", 1000.0, Decimal("1E+3"), "1e3", "+1000."])
def test_a_price_is_counted_in_ticks(value: object) -> None:
    assert p.price_ticks({"price": value}, TERMS) == 200


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, -32602),
        ("", -32602),
        ("abc", -32602),
        ([], -32602),
        (True, -32602),
        ("1" * 41, -32602),
        ("NaN", 10023),
        ("-nan", 10023),
        ("Infinity", 10023),
        ("-inf", 10023),
        (float("nan"), 10023),
        (float("inf"), 10023),
        (Decimal("1e999999"), 10023),
        (Decimal("1e-999999"), 10023),
        ("1e9999", 10023),
        (10**30, 10023),
        (0, 10023),
        ("0", 10023),
        ("-0.0", 10023),
        (-5, 10023),
        (-1, 10023),
        (10_000_000, 10023),
        (1_001, 10043),
        ("5.000001", 10043),
        ("0.1", 10043),
        (1_005, 10043),  # ticks of 10 above 1,000
    ],
)
def test_a_bad_price_has_its_code(value: object, code: int) -> None:
    assert refused(lambda: p.price_ticks({"price": value}, TERMS)).code == code


def test_a_price_off_tick_says_the_tick() -> None:
    assert refused(lambda: p.price_ticks({"price": 1_005}, TERMS)).data == {
        "param": "price",
        "reason": "must be a multiple of tick_size",
        "tick_size": 10.0,
    }


@pytest.mark.parametrize("value", [0.1, "0.1", "0.10", Decimal("0.1"), "1e-1"])
def test_an_amount_is_counted_in_lots(value: object) -> None:
    assert p.amount_lots({"amount": value}, TERMS) == 10


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, -32602),
        ("many", -32602),
        (False, -32602),
        ({}, -32602),
        (float("nan"), 10021),
        ("inf", 10021),
        (0, 10021),
        (-1, 10021),
        ("-0.001", 10021),
        ("0.105", 10021),
        ("0.1000000001", 10021),
        (10**12, 10021),
        (10**40, 10021),
        ("0.09", 10002),
        ("0.01", 10002),
    ],
)
def test_a_bad_amount_has_its_code(value: object, code: int) -> None:
    assert refused(lambda: p.amount_lots({"amount": value}, TERMS)).code == code


def test_a_quote_may_have_size_zero() -> None:
    assert p.amount_lots({"amount": 0}, TERMS, zero_allowed=True) == 0
    assert refused(lambda: p.amount_lots({"amount": -1}, TERMS, zero_allowed=True)).code == 10021


def test_contracts_stand_for_amount_and_must_agree_with_it() -> None:
    assert p.order_lots({"contracts": 1}, TERMS) == 100
    assert p.order_lots({"contracts": 1, "amount": "1.00"}, TERMS) == 100
    assert refused(lambda: p.order_lots({"contracts": 1, "amount": 2}, TERMS)).code == 10021
    assert p.order_lots({"amount": 1}, TERMS) == 100


@given(st.integers(1, 1 << 40), st.booleans())
def test_every_price_survives_the_way_out_and_in(ticks: int, as_float: bool) -> None:
    written = ticks / 1_000_000 if as_float else str(Decimal(ticks).scaleb(-6))
    assert p.price_ticks({"price": written}, FINE) == ticks


@given(st.integers(1, MAX_ORDER_LOTS), st.sampled_from([1, 1_000, 1_000_000, 100_000_000]))
def test_every_amount_survives_the_way_out_and_in(lots: int, lot_e8: int) -> None:
    terms = FINE._replace(lot_e8=lot_e8)
    assert p.amount_lots({"amount": lots * lot_e8 / 100_000_000}, terms) == lots


_ANY = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals(allow_nan=True)
    | st.text(max_size=45)
    | st.text("0123456789.eE+-naif", max_size=12)
    | st.lists(st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)


@settings(max_examples=300, deadline=None)
@given(_ANY, st.sampled_from([TERMS, FINE, perpetual_terms()]))
def test_no_value_breaks_a_reader(value: object, terms: InstrumentTerms) -> None:
    params = {"x": value}
    readers: list[Callable[[], object]] = [
        lambda: p.text(params, "x"),
        lambda: p.boolean(params, "x"),
        lambda: p.integer(params, "x"),
        lambda: p.number(params, "x"),
        lambda: p.timestamp_ms(params, "x"),
        lambda: p.order_id(params, "x"),
        lambda: p.choice(params, "x", {"a"}),
        lambda: p.text_list(params, "x", 3),
        lambda: p.object_list(params, "x", 3),
        lambda: p.integer_list(params, "x", 3, 9),
        lambda: p.optional_object(params, "x"),
        lambda: p.price_ticks(params, terms, "x"),
        lambda: p.amount_lots(params, terms, "x"),
    ]
    for read in readers:
        wrong = refusal(read)
        if wrong is not None:
            assert wrong.code in (-32602, 10002, 10021, 10023, 10025, 10043)
            assert wrong.data is not None
            assert wrong.data["param"] == "x"


@pytest.mark.parametrize(
    ("value", "micro"), [(1, 10**6), ("0.000001", 1), (Decimal("12.5"), 12_500_000), ("1e3", 10**9)]
)
def test_usdc_is_read_exactly(value: object, micro: int) -> None:
    assert p.micro_usdc({"amount": value}) == micro


@pytest.mark.parametrize("value", [0, -1, "NaN", "Infinity", "1e-7", "1e40", 1e12, "-0.000001"])
def test_usdc_that_is_none_is_refused(value: object) -> None:
    assert refused(lambda: p.micro_usdc({"amount": value})).code == 10021


@pytest.mark.parametrize("value", [None, "x", True, [1]])
def test_usdc_that_is_no_number_is_refused(value: object) -> None:
    assert refused(lambda: p.micro_usdc({"amount": value})).code == -32602


@pytest.mark.parametrize("value", [{"A": 1, "B": -0.5}, '{"A": 1, "B": -0.5}'])
def test_sizes_come_as_an_object_or_as_its_text(value: object) -> None:
    assert p.sizes({"s": value}, "s", 2) == {"A": Decimal(1), "B": Decimal("-0.5")}


def test_absent_sizes_are_none_at_all() -> None:
    assert p.sizes({}, "s", 2) == p.sizes({"s": {}}, "s", 2) == {}


@pytest.mark.parametrize(
    "value", [[1], "x", "{", '{"A": [}', {"A": "x"}, {"A": "1"}, {"A": True}, {"A": 1, "B": 2, "C": 3}]
)
def test_other_sizes_are_refused(value: object) -> None:
    assert refused(lambda: p.sizes({"s": value}, "s", 2)).code == -32602
