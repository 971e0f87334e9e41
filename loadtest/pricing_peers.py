"""Option pricers one finds on PyPI, each called the way that is fastest for it.

Whatever is only preparation (flags in the package's spelling, lists for packages that take one option a
call, one group per forward where a package wants a single forward) is done before the clock starts; units are
converted after it stops. Interest is zero, so that every model here is Black-76.

============  ==========  =============================================================================
package       written in  how it is called
============  ==========  =============================================================================
QuantLib      C++         one option a call: BlackCalculator; blackFormulaImpliedStdDev, accuracy 1e-14
vollib        Python      one option a call: vollib.black and its analytical Greeks; Let's Be Rational
fast-vollib   numpy       whole arrays: fast_black, get_all_greeks, fast_implied_volatility_black
pyvolr        Rust        whole arrays: black76.price, .greeks, .implied_vol (Let's Be Rational)
iv-engine     Rust        arrays of calls, arrays of puts: price, delta, gamma, vega (it has no array
                          form of theta, none of rho); Let's Be Rational
lbriv         C (Cython)  implied volatility only, an array per expiry and kind; Let's Be Rational
============  ==========  =============================================================================

py_vollib_vectorized 0.1.1 (2021) does not run any more: today's numba refuses its recursive pricer.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Protocol

import numpy as np

from loadtest.pricing_workload import Floats, Options

ValuesCall = Callable[[], Sequence[Floats]]
ImpliedCall = Callable[[], Floats]
FIELDS: Final = ("price", "delta", "gamma", "vega", "theta")
"""What is compared. Rho is computed too where there is one, but packages mean different things by it."""


class Adapter(Protocol):
    """One package. `scales` turn its units into ours, field by field."""

    scales: Sequence[float]
    options_max: int
    """So many options are enough to time it."""

    def values(self, options: Options) -> ValuesCall | None:
        """A call that gives `FIELDS`, or the first of them; None if the package has no prices."""
        ...

    def implied(self, options: Options, price: Floats) -> ImpliedCall | None:
        """A call that gives volatilities, NaN where the package refuses."""
        ...


def _or_nan(call: Callable[..., float], *arguments: Any) -> float:
    """What the package says, NaN if it raises."""
    try:
        return call(*arguments)
    except Exception:  # packages raise what they like, RuntimeError and ArithmeticError among it
        return np.nan


class QuantLibAdapter:
    """QuantLib: an object per option."""

    scales: Sequence[float] = (1.0, 1.0, 1.0, 0.01, 1.0 / 365.0)
    options_max = 500

    def __init__(self) -> None:
        self._ql: Any = importlib.import_module("QuantLib")

    def values(self, options: Options) -> ValuesCall:
        """See :class:`Adapter`."""
        calculator, payoff = self._ql.BlackCalculator, self._ql.PlainVanillaPayoff
        kinds = [self._ql.Option.Call if call else self._ql.Option.Put for call in options.is_call]
        stdev = options.vol * np.sqrt(options.years)
        columns = (options.forward, options.strike, options.years, stdev)
        rows = list(zip(kinds, *(column.tolist() for column in columns), strict=True))

        def one(kind: int, forward: float, strike: float, years: float, stdev: float) -> list[float]:
            option = calculator(payoff(kind, strike), forward, stdev, 1.0)
            option.rho(years)
            return [
                option.value(),
                option.deltaForward(),
                option.gammaForward(),
                option.vega(years),
                option.theta(forward, years),
            ]

        return lambda: list(np.array([one(*row) for row in rows]).T)

    def implied(self, options: Options, price: Floats) -> ImpliedCall:
        """See :class:`Adapter`; the guess is left to QuantLib."""
        solve = self._ql.blackFormulaImpliedStdDev
        null = self._ql.nullDouble()
        kinds = [self._ql.Option.Call if call else self._ql.Option.Put for call in options.is_call]
        columns = (options.strike, options.forward, price, np.sqrt(options.years))
        rows = list(zip(kinds, *(column.tolist() for column in columns), strict=True))

        def one(kind: int, strike: float, forward: float, price: float, root: float) -> float:
            return _or_nan(solve, kind, strike, forward, price, 1.0, 0.0, null, 1e-14, 200) / root

        return lambda: np.array([one(*row) for row in rows])


class VollibAdapter:
    """vollib: a Python call per option and per Greek."""

    scales: Sequence[float] = (1.0, 1.0, 1.0, 1.0, 1.0)
    options_max = 200

    def __init__(self) -> None:
        self._price: Any = importlib.import_module("vollib.black").black
        self._greeks: Any = importlib.import_module("vollib.black.greeks.analytical")
        self._implied: Any = importlib.import_module("vollib.black.implied_volatility").implied_volatility

    def values(self, options: Options) -> ValuesCall:
        """See :class:`Adapter`."""
        flags = np.where(options.is_call, "c", "p").tolist()
        columns = (options.forward, options.strike, options.years)
        listed = [column.tolist() for column in columns]
        rows = list(zip(flags, *listed, [0.0] * len(flags), options.vol.tolist(), strict=True))
        g = self._greeks
        calls = (self._price, g.delta, g.gamma, g.vega, g.theta, g.rho)

        def run() -> Sequence[Floats]:
            found = np.array([[_or_nan(call, *row) for call in calls] for row in rows])
            return list(found.T[:5])

        return run

    def implied(self, options: Options, price: Floats) -> ImpliedCall:
        """See :class:`Adapter`."""
        solve = self._implied
        flags = np.where(options.is_call, "c", "p").tolist()
        columns = (price, options.forward, options.strike, np.zeros_like(price), options.years)
        rows = list(zip(*(column.tolist() for column in columns), flags, strict=True))
        return lambda: np.array([_or_nan(solve, *row) for row in rows])


class FastVollibAdapter:
    """fast-vollib: numpy inside (its numba back end is no faster in these calls)."""

    scales: Sequence[float] = (1.0, 1.0, 1.0, 1.0, 1.0)
    options_max = 10_000

    def __init__(self) -> None:
        self._module: Any = importlib.import_module("fast_vollib")
        self._module.set_backend("numpy")

    def values(self, options: Options) -> ValuesCall:
        """See :class:`Adapter`."""
        price, greeks = self._module.fast_black, self._module.get_all_greeks
        flags = np.where(options.is_call, "c", "p")
        columns = (options.forward, options.strike, options.years, np.zeros_like(options.vol), options.vol)

        def run() -> Sequence[Floats]:
            found = greeks(flags, *columns, model="black", return_as="dict")
            return [price(flags, *columns, return_as="numpy"), *(found[name] for name in FIELDS[1:])]

        return run

    def implied(self, options: Options, price: Floats) -> ImpliedCall:
        """See :class:`Adapter`."""
        solve = self._module.fast_implied_volatility_black
        flags = np.where(options.is_call, "c", "p")
        forward, strike, years = options.forward, options.strike, options.years
        rate = np.zeros_like(price)
        return lambda: np.asarray(
            solve(price, forward, strike, rate, years, flags, on_error="ignore", return_as="numpy")
        )


class PyvolrAdapter:
    """pyvolr: Rust, whole arrays; flags as small integers are its fastest spelling."""

    scales: Sequence[float] = (1.0, 1.0, 1.0, 0.01, 1.0 / 365.0)
    options_max = 10_000

    def __init__(self) -> None:
        self._module: Any = importlib.import_module("pyvolr.black76")

    def values(self, options: Options) -> ValuesCall:
        """See :class:`Adapter`."""
        price, greeks = self._module.price, self._module.greeks
        flags = np.where(options.is_call, 1, -1).astype(np.int8)
        columns = (options.forward, options.strike, options.years, np.zeros_like(options.vol), options.vol)

        def run() -> Sequence[Floats]:
            found = greeks(flags, *columns)
            return [price(flags, *columns), *(found[name] for name in FIELDS[1:])]

        return run

    def implied(self, options: Options, price: Floats) -> ImpliedCall:
        """See :class:`Adapter`."""
        solve = self._module.implied_vol
        flags = np.where(options.is_call, 1, -1).astype(np.int8)
        columns = (options.forward, options.strike, options.years, np.zeros_like(price))
        return lambda: np.asarray(solve(price, flags, *columns, on_error="ignore"))


class IvEngineAdapter:
    """iv-engine: Rust, arrays of one kind of option."""

    scales: Sequence[float] = (1.0, 1.0, 1.0, 0.01)
    options_max = 10_000

    def __init__(self) -> None:
        self._module: Any = importlib.import_module("iv_engine.batch")

    def values(self, options: Options) -> ValuesCall:
        """See :class:`Adapter`."""
        m = self._module
        columns = (options.forward, options.strike, options.years, options.vol)
        groups = [(kind, np.flatnonzero(options.is_call == kind)) for kind in (True, False)]
        split = [(kind, index, [column[index] for column in columns]) for kind, index in groups]

        def run() -> Sequence[Floats]:
            found = np.empty((4, options.vol.size))
            for kind, index, part in split:
                found[0, index] = m.black_prices(*part, kind, False)
                found[1, index] = m.deltas(*part, kind, False)
                found[2, index] = m.gammas(*part, parallel=False)
                found[3, index] = m.vegas(*part, parallel=False)
            return list(found)

        return run

    def implied(self, options: Options, price: Floats) -> ImpliedCall:
        """See :class:`Adapter`."""
        solve = self._module.implied_volatilities
        columns = (price, options.forward, options.strike, options.years)
        groups = [(kind, np.flatnonzero(options.is_call == kind)) for kind in (True, False)]
        split = [(kind, index, [column[index] for column in columns]) for kind, index in groups]

        def run() -> Floats:
            found = np.empty(price.size)
            for kind, index, part in split:
                found[index] = solve(*part, kind, False)
            return found

        return run


class LbrivAdapter:
    """lbriv: Let's Be Rational in Cython; total volatilities of strikes on one forward."""

    scales: Sequence[float] = ()
    options_max = 10_000

    def __init__(self) -> None:
        self._solve: Any = importlib.import_module("lbriv").vectorized_implied_vol_strikes

    def values(self, options: Options) -> None:
        """It has Greeks only behind a fresh inversion: not compared."""

    def implied(self, options: Options, price: Floats) -> ImpliedCall:
        """See :class:`Adapter`."""
        solve = self._solve
        key = np.stack([options.forward, options.sign], axis=1)
        pairs, member = np.unique(key, axis=0, return_inverse=True)
        groups = []
        for number, (forward, sign) in enumerate(pairs.tolist()):
            index = np.flatnonzero(member.ravel() == number)
            groups.append((index, price[index], forward, options.strike[index], int(sign)))
        root = np.sqrt(options.years)

        def run() -> Floats:
            total = np.empty(price.size)
            for index, *group in groups:
                total[index] = solve(*group)
            return np.asarray(total / root)

        return run


PEERS: Final[dict[str, Callable[[], Adapter]]] = {
    "QuantLib": QuantLibAdapter,
    "vollib": VollibAdapter,
    "fast-vollib": FastVollibAdapter,
    "pyvolr": PyvolrAdapter,
    "iv-engine": IvEngineAdapter,
    "lbriv": LbrivAdapter,
}

LETS_BE_RATIONAL: Final = ("vollib", "pyvolr", "iv-engine", "lbriv")
"""Bindings or ports of Jaeckel's solver; the fastest of them is what our inversion is judged by."""


def load(name: str) -> tuple[Adapter | None, str]:
    """The peer, ready, and its version; or None and why not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return PEERS[name](), version(name)
    except (ImportError, PackageNotFoundError, AttributeError) as error:
        return None, f"{type(error).__name__}: {error}"


def values_in_our_units(adapter: Adapter, call: ValuesCall) -> list[Floats]:
    """Run `call` of the adapter, quietly; its fields in ours, as far as it has them."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = call()
    pairs = zip(found, adapter.scales, strict=True)
    return [np.asarray(column, dtype=np.float64) * scale for column, scale in pairs]
