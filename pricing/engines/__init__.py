"""Which machinery computes: numpy and scipy, always there, or numba, the extra ``strikebook[fast]``.

An engine is a table of kernels. Kernels are the innermost loops over whole arrays: float64, C-contiguous,
one-dimensional, all of one length, written into arrays of the caller's.
Public functions (:func:`pricing.black76` and the like) put broadcasting, checks and edges around them once
for all engines, so that those cannot differ between engines.

An engine is chosen once, at start, by :func:`select`: it imports, compiles or loads from the cache, and runs
every kernel once before it returns, so nothing is ever compiled on a hot path. A program that never selects
gets the engine named by the environment variable STRIKEBOOK_PRICING_ENGINE, or numpy.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pricing.engines.chain_arrays import ChainArrays, Indices, Variance

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ENGINE_VARIABLE: Final = "STRIKEBOOK_PRICING_ENGINE"
NAMES: Final = ("auto", "numpy", "numba")


class EngineError(Exception):
    """An engine that cannot be had.

    `code` is stable: ``unknown_engine``, ``engine_not_installed``, or ``engine_unusable`` where what is
    installed does not run (a numba that does not know this numpy, say).
    """

    def __init__(
        self, code: Literal["unknown_engine", "engine_not_installed", "engine_unusable"], message: str
    ) -> None:
        super().__init__(message)
        self.code = code


class OptionKernel(Protocol):
    """Fills the rows of `out` (one per output, one column per option), undiscounted.

    False if any argument was not of ordinary size (:func:`pricing.engines.careful_numpy.ordinary`: positive,
    neither huge nor tiny, not NaN). Columns of such options are then garbage, the others as they should be.
    """

    def __call__(
        self, forward: Floats, strike: Floats, years: Floats, vol: Floats, is_call: Bools, out: Floats, /
    ) -> bool:
        """Arguments as of :func:`pricing.black76`, checked and broadcast."""


class SecondOrderKernel(Protocol):
    """As :class:`OptionKernel`; calls and puts do not differ here."""

    def __call__(self, forward: Floats, strike: Floats, years: Floats, vol: Floats, out: Floats, /) -> bool:
        """Arguments as of :func:`pricing.black76_second_order`, checked and broadcast."""


class ImpliedKernel(Protocol):
    """Fills `vol`, the volatility implied by each undiscounted value; here the other arguments are unchecked.

    Where an argument is bad, no volatility exists or the option is extreme, `vol` is NaN, for
    :func:`pricing.implied_vol` to look at; returns whether there is none such.
    """

    def __call__(
        self, value: Floats, forward: Floats, strike: Floats, years: Floats, is_call: Bools, vol: Floats, /
    ) -> bool:
        """Arguments as of :func:`pricing.implied_vol`, broadcast, the discount taken out."""


class ChainKernel(Protocol):
    """Fills the table of a chain from its inputs; every option must have time left."""

    def __call__(self, chain: ChainArrays, variance: Variance, /) -> None:
        """`variance` is the surface bound to the chain's pairs."""


class QuantiseKernel(Protocol):
    """The float to integer door of a chain's block: nearest integers, ties to even."""

    def __call__(self, table: Floats, limits: Floats, block: NDArray[np.int64], /) -> bool:
        """Round `table`, rows delta, mark, vega, forward, into `block`, four words an option.

        The delta goes into the upper half of the first word (whose lower half is left alone: the second of
        its int32 in memory), the others into a word each. `limits`, one row each: units per 1, then the least
        and the greatest integer, each plus :data:`pricing.engines.quantise_numpy.TO_WHOLE`. False, and the
        block is not to be used, if a value is NaN or out of range.
        """


class ScenarioKernel(Protocol):
    """Values of all options in all scenarios, undiscounted."""

    def __call__(
        self,
        forward: Floats,
        strike: Floats,
        is_call: Bools,
        moves: Floats,
        rule_of: Indices,
        stdev: Floats,
        out: Floats,
        /,
    ) -> None:
        """Fill `out` (scenarios, options). `moves` and `rule_of` per scenario; `stdev` (rules, options) is
        vol * sqrt(years) under each volatility rule, 0 where nothing is left to chance.

        Where `out` has two columns an option, the second is for the other of call and put.
        """


@dataclass(frozen=True, slots=True)
class Engine:
    """The kernels of one engine."""

    name: str
    black76: OptionKernel
    """Rows of `out`: price, delta, gamma, vega, theta, rho."""
    second_order: SecondOrderKernel
    """Rows of `out`: vanna, volga, charm."""
    implied: ImpliedKernel
    """Inverts prices: see :func:`pricing.implied_vol`."""
    chain: ChainKernel
    """Reprices a whole chain in place: see :class:`pricing.chain.Chain`."""
    quantise: QuantiseKernel
    """Rounds a chain into integer columns: see :class:`pricing.quantize.MarkQuantizer`."""
    scenarios: ScenarioKernel
    """See :func:`pricing.scenarios.scenario_values`."""


_MODULES: Final = {"numpy": "pricing.engines.numpy_engine", "numba": "pricing.engines.numba_engine"}
_loaded: dict[str, Engine] = {}
_current: list[Engine] = []


def numba_installed() -> bool:
    """Whether the optional extra is there."""
    return importlib.util.find_spec("numba") is not None


def select(name: str) -> str:
    """Use the engine `name` from now on, ready and warm; returns the name of what was taken.

    "auto" is numba where it is installed and runs, else numpy. Raises :class:`EngineError`.
    """
    if name not in NAMES:
        raise EngineError("unknown_engine", f"no pricing engine {name!r}; there are {', '.join(NAMES)}")
    if name == "auto":
        try:
            engine = _ready("numba")
        except EngineError:
            engine = _ready("numpy")
    else:
        engine = _ready(name)
    _current[:] = [engine]
    return engine.name


def _ready(name: str) -> Engine:
    """The engine, loaded and warmed by the first call."""
    if name == "numba" and not numba_installed():
        raise EngineError(
            "engine_not_installed", "the numba engine is not installed: pip install 'strikebook[fast]'"
        )
    if name not in _loaded:
        try:
            load: Callable[[], Engine] = importlib.import_module(_MODULES[name]).load
            _loaded[name] = load()
        except Exception as error:  # whatever a compiler that does not know this machine comes up with
            raise EngineError("engine_unusable", f"the {name} engine cannot be used: {error}") from error
    return _loaded[name]


def active() -> Engine:
    """The engine in use; the first call selects the default if none was selected."""
    if not _current:
        select(os.environ.get(ENGINE_VARIABLE) or "numpy")
    return _current[0]


def current() -> str:
    """The name of the engine in use."""
    return active().name
