"""Choosing an engine: names, the default, what is missing, and that nothing is compiled later."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

from pricing import black76, engines
from pricing.engines import EngineError
from tests.unit.pricing.engine_choice import ENGINES, using

needs_numba = pytest.mark.skipif(not engines.numba_installed(), reason="the extra `fast` is not installed")


@pytest.fixture(autouse=True)
def keep_the_engine() -> Any:
    with using(engines.current()):
        yield


@pytest.mark.parametrize("name", ENGINES)
def test_a_selected_engine_is_the_current_one(name: str) -> None:
    assert engines.select(name) == name
    assert engines.current() == name
    assert engines.active().name == name


def test_auto_takes_the_fastest_there_is() -> None:
    assert engines.select("auto") == ENGINES[-1]


def test_auto_falls_back_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "numba_installed", lambda: False)
    assert engines.select("auto") == "numpy"


def test_a_missing_engine_is_refused_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "numba_installed", lambda: False)
    before = engines.current()
    with pytest.raises(EngineError, match=re.escape("pip install 'strikebook[fast]'")) as caught:
        engines.select("numba")
    assert caught.value.code == "engine_not_installed"
    assert engines.current() == before


@pytest.mark.parametrize("wrong", [ImportError("Numba needs NumPy 1.x"), RuntimeError("no such target")])
def test_an_engine_that_is_installed_but_does_not_run(
    wrong: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for by name it is an error that says why; "auto" does without it."""

    def refuse(_module: str) -> None:
        raise wrong

    monkeypatch.setattr(engines, "numba_installed", lambda: True)
    monkeypatch.setattr(engines, "_loaded", {"numpy": engines._ready("numpy")})
    monkeypatch.setattr("importlib.import_module", refuse)
    with pytest.raises(EngineError, match=re.escape(str(wrong))) as caught:
        engines.select("numba")
    assert caught.value.code == "engine_unusable"
    assert engines.select("auto") == "numpy"


@pytest.mark.parametrize("name", ["", "Numpy", "cupy"])
def test_an_unknown_engine_is_refused(name: str) -> None:
    with pytest.raises(EngineError, match="there are auto, numpy, numba") as caught:
        engines.select(name)
    assert caught.value.code == "unknown_engine"


@pytest.mark.parametrize("variable", [None, "", *ENGINES])
def test_the_default_comes_from_the_environment_or_is_numpy(
    variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(engines.ENGINE_VARIABLE, raising=False)
    if variable is not None:
        monkeypatch.setenv(engines.ENGINE_VARIABLE, variable)
    monkeypatch.setattr(engines, "_current", [])
    assert engines.current() == (variable or "numpy")


def test_a_program_that_selects_nothing_never_loads_numba() -> None:
    environment = {name: value for name, value in os.environ.items() if name != engines.ENGINE_VARIABLE}
    code = "import sys, pricing; pricing.black76(1, 1, 1, 1, True); print('numba' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"


def test_a_bad_name_in_the_environment_is_no_silent_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engines.ENGINE_VARIABLE, "fortran")
    monkeypatch.setattr(engines, "_current", [])
    with pytest.raises(EngineError, match="fortran"):
        engines.current()


@needs_numba
def test_every_kernel_of_numba_is_compiled_once_and_never_again() -> None:
    from pricing.engines import black76_numba

    engines.select("numba")
    single = np.ones(1, dtype=np.float32)
    kernels: tuple[tuple[Any, int], ...] = ((black76_numba.black76, 5), (black76_numba.second_order, 4))
    for dispatcher, inputs_count in kernels:
        assert len(dispatcher.nopython_signatures) == 1
        with pytest.raises(TypeError, match="No matching definition"):
            dispatcher(*(single for _ in range(inputs_count)), np.empty((6, 1)))


@needs_numba
@pytest.mark.slow
def test_the_price_loops_are_vector_code() -> None:
    """The speed rests on LLVM accepting every loop: all arithmetic on four doubles, no call left inside."""
    import llvmlite.binding as llvm
    import numba

    from pricing.engines import black76_numba

    if not llvm.get_host_cpu_features().get("avx2"):
        pytest.skip("the register names are those of AVX2")
    dispatcher: Any = black76_numba.black76
    fresh: Any = numba.njit(dispatcher.signatures[0], nogil=True, error_model="numpy")(dispatcher.py_func)
    (text,) = fresh.inspect_asm().values()
    packed = len(re.findall(r"\bvf\w+pd\b.*%[yz]mm", text))
    scalar = len(re.findall(r"\bvf\w+sd\b", text))
    # Each loop exists twice, as vectors and for the odd options at the end of a block.
    assert packed >= 80
    assert packed >= 0.9 * scalar
    assert not re.search(r"\b(exp|log|erfc?|pow|fma)\b", text)


@pytest.mark.parametrize("name", ENGINES)
def test_threads_do_not_share_their_work(name: str) -> None:
    engines.select(name)
    strike = np.linspace(50.0, 200.0, 9_000)
    want = black76(100.0, strike, 0.5, 0.4, True).price
    wrong: list[bool] = []

    def price() -> None:
        got = [black76(100.0, strike, 0.5, 0.4, True).price for _ in range(10)]
        wrong.extend(not np.array_equal(one, want) for one in got)

    threads = [threading.Thread(target=price) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [False] * 30
