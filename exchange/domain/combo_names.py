"""Names of combos as the field writes them, derived from their legs and never stored in the core.

`BTC_USDC-CS-28NOV26-100000_110000`: a code for the strategy, its expiries, its strikes. The dialect's name of
a strategy says what its buyer buys (of a call spread the lower strike, of a put spread the higher one). The
combo of the same legs the other way round has the same code with expiries and strikes in reverse order.
Combos that no code stands for are `BTC_USDC-CMB-28NOV26-1234`: their first expiry and their instrument id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms
from exchange.domain.names import expiry_code, strike_code

_C: Final = r.OPTION_CALL
_P: Final = r.OPTION_PUT
OTHER: Final = "CMB"
"""The code of combos without one of their own."""

_Leg = tuple[int, int, int, int]  # ratio, option type, place of its expiry and its strike, the lowest 0
_Shape = frozenset[_Leg]
_Form = tuple[str, tuple[int, ...], tuple[int, ...]]  # code, expiries and strikes in the order they are told


def _row(option_type: int, *ratios: int) -> list[_Leg]:
    """Options of one type and expiry by rising strike; ratio 0: not there."""
    return [(ratio, option_type, 0, place) for place, ratio in enumerate(ratios) if ratio]


def _one_expiry() -> Iterator[tuple[str, list[_Leg], tuple[int, ...]]]:
    """(code, legs, strikes in order) of the strategies of one expiry."""
    for letter, kind in (("C", _C), ("P", _P)):
        # A spread is named by the strike that is bought first: of puts the higher one.
        up = 1 if kind == _C else -1
        order = (0, 1)[::up]
        yield f"{letter}S", _row(kind, *(1, -1)[::up]), order
        for sold in (2, 3):
            yield f"{letter}SR1{sold}", _row(kind, *(1, -sold)[::up]), order
        yield f"{letter}LAD", _row(kind, *(1, -1, -1)[::up]), (0, 1, 2)[::up]
        yield f"{letter}BUT", _row(kind, 1, -2, 1), (0, 1, 2)
        yield f"{letter}BUT111", _row(kind, 1, -1, 1), (0, 1, 2)
        yield f"{letter}COND", _row(kind, 1, -1, -1, 1), (0, 1, 2, 3)
    yield "STRD", [*_row(_C, 1), *_row(_P, 1)], (0,)
    yield "STRG", [*_row(_P, 1), *_row(_C, 0, 1)], (0, 1)
    yield "GUTS", [*_row(_C, 1), *_row(_P, 0, 1)], (0, 1)
    yield "RR", [*_row(_P, -1), *_row(_C, 0, 1)], (0, 1)
    yield "RRITM", [*_row(_C, 1), *_row(_P, 0, -1)], (0, 1)
    yield "BOX", [*_row(_C, 1, -1), *_row(_P, -1, 1)], (0, 1)
    yield "IBUT", [*_row(_P, 1, -1), *_row(_C, 0, -1, 1)], (0, 1, 2)
    yield "ICOND", [*_row(_P, 1, -1), *_row(_C, 0, 0, -1, 1)], (0, 1, 2, 3)


def _two_expiries() -> Iterator[tuple[str, list[_Leg], tuple[int, ...]]]:
    """The same of two expiries; the later one is bought, and told first."""
    yield "JR", [(1, _C, 1, 0), (-1, _P, 1, 0), (-1, _C, 0, 0), (1, _P, 0, 0)], (0,)
    yield "STDC", [(1, _C, 1, 0), (1, _P, 1, 0), (-1, _C, 0, 0), (-1, _P, 0, 0)], (0,)
    for letter, kind in (("C", _C), ("P", _P)):
        yield f"{letter}CAL", [(1, kind, 1, 0), (-1, kind, 0, 0)], (0,)
        for far, near in ((0, 1), (1, 0)):
            yield f"{letter}DIAG", [(1, kind, 1, far), (-1, kind, 0, near)], (far, near)
    for far, near in ((0, 1), (1, 0)):
        straddles = [(1, _C, 1, far), (1, _P, 1, far), (-1, _C, 0, near), (-1, _P, 0, near)]
        yield "DSTDC", straddles, (far, near)


def _forms() -> dict[_Shape, _Form]:
    found: dict[_Shape, _Form] = {}
    for expiries, strategies in (((0,), _one_expiry()), ((1, 0), _two_expiries())):
        for code, legs, strikes in strategies:
            found[frozenset(legs)] = (code, expiries, strikes)
            opposite = frozenset((-ratio, kind, expiry, strike) for ratio, kind, expiry, strike in legs)
            found[opposite] = (code, expiries[::-1], strikes[::-1])
    return found


_FORMS: Final = _forms()


def strategy_name(symbol: str, legs: Sequence[tuple[int, InstrumentTerms]]) -> str | None:
    """The public name that a combo of these (ratio, terms) has wherever it is listed; None if no code stands
    for it."""
    expiries = sorted(dict.fromkeys(terms.expiry_ms for _, terms in legs))
    strikes = sorted(dict.fromkeys(terms.strike_micro for _, terms in legs))
    shape = frozenset(
        (ratio, terms.option_type, expiries.index(terms.expiry_ms), strikes.index(terms.strike_micro))
        for ratio, terms in legs
    )
    form = _FORMS.get(shape)
    if form is None:
        return None
    code, of_expiries, of_strikes = form
    days = "_".join(expiry_code(expiries[place]) for place in of_expiries)
    prices = "_".join(strike_code(strikes[place]) for place in of_strikes)
    return f"{symbol}_USDC-{code}-{days}-{prices}"


def combo_name(symbol: str, legs: Sequence[tuple[int, InstrumentTerms]], instrument: int) -> str:
    """The public name of the combo of these (ratio, terms), which is listed as `instrument`."""
    first = min(terms.expiry_ms for _, terms in legs)
    return strategy_name(symbol, legs) or f"{symbol}_USDC-{OTHER}-{expiry_code(first)}-{instrument}"
