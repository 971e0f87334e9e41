"""The machine operations numba has no word for, as typed functions to be called inside kernels.

They exist only there: called from Python they raise. Loads and stores say which array they touch, because
LLVM would otherwise have to test all arrays of a kernel for overlap, and gives up on vectors instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_OUTPUT_COUNT_MAX: Final = 20
_ALIAS_DOMAIN: Final = "strikebook kernels"
_SCOPES: Final = ("input", *(f"output {index}" for index in range(_OUTPUT_COUNT_MAX)))

_FLOAT: Final = types.float64
_INT: Final = types.int64


def _fma(_typing: Any, _a: Any, _b: Any, _c: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return _FLOAT(_FLOAT, _FLOAT, _FLOAT), generate


def _select(_typing: Any, _condition: Any, _yes: Any, _no: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return _FLOAT(types.boolean, _FLOAT, _FLOAT), generate


def _bits_of(_typing: Any, _value: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return _INT(_FLOAT), generate


def _from_bits(_typing: Any, _bits: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return _FLOAT(_INT), generate


def _shift_right(_typing: Any, _bits: Any, _count: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.lshr(*arguments)

    return _INT(_INT, _INT), generate


def _label(builder: Any, access: Any, scope: str) -> None:
    """This access meets accesses of its own scope only."""
    module = builder.module
    domain = module.add_metadata([_ALIAS_DOMAIN])

    def scopes(names: list[str]) -> Any:
        return module.add_metadata([module.add_metadata([name, domain]) for name in names])

    access.set_metadata("alias.scope", scopes([scope]))
    access.set_metadata("noalias", scopes([name for name in _SCOPES if name != scope]))


def _element(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index], inbounds=True)


def _load(_typing: Any, array: Any, _index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type = signature.args[0]
        value = builder.load(_element(context, builder, array_type, arguments[0], arguments[1]))
        _label(builder, value, "input")
        return context.data_model_manager[array_type.dtype].from_data(builder, value)

    return array.dtype(array, types.intp), generate


def _number(output: Any) -> int:
    number = int(output.literal_value)
    if not 0 <= number < _OUTPUT_COUNT_MAX:
        raise ValueError(f"a kernel has at most {_OUTPUT_COUNT_MAX} outputs")
    return number


def _reload(_typing: Any, array: Any, _index: Any, output: Any) -> Any:
    if not isinstance(output, types.IntegerLiteral):
        return None  # numba asks again with the literal
    number = _number(output)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type = signature.args[0]
        value = builder.load(_element(context, builder, array_type, arguments[0], arguments[1]))
        _label(builder, value, f"output {number}")
        return context.data_model_manager[array_type.dtype].from_data(builder, value)

    return array.dtype(array, types.intp, output), generate


def _store(_typing: Any, array: Any, _index: Any, _value: Any, output: Any) -> Any:
    if not isinstance(output, types.IntegerLiteral):
        return None  # numba asks again with the literal
    number = _number(output)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type = signature.args[0]
        place = _element(context, builder, array_type, arguments[0], arguments[1])
        value = context.data_model_manager[array_type.dtype].as_data(builder, arguments[2])
        _label(builder, builder.store(value, place), f"output {number}")
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype, output), generate


_make: Any = intrinsic

fma: Callable[[float, float, float], float] = _make(_fma)
"""a * b + c with one rounding."""

select: Callable[[bool, float, float], float] = _make(_select)
"""The second argument where the first holds, else the third; both are computed, nothing is branched on."""

bits_of: Callable[[float], int] = _make(_bits_of)
"""The 64 bits of a double as a signed integer."""

from_bits: Callable[[int], float] = _make(_from_bits)
"""The double with these 64 bits."""

shift_right: Callable[[int, int], int] = _make(_shift_right)
"""Logical shift by a count: zeros come in from the left."""

load: Callable[[Any, int], Any] = _make(_load)
"""array[index] of a contiguous one-dimensional input that no `store` of this kernel writes."""

store: Callable[[Any, int, Any, int], None] = _make(_store)
"""store(array, index, value, output): array[index] = value in a contiguous one-dimensional output.

`output` is a literal below 20, another one for every output array; outputs overlap neither one another nor
any input, and the value is of the array's type.
"""

reload: Callable[[Any, int, int], Any] = _make(_reload)
"""reload(array, index, output): what an earlier loop of the kernel stored in this array as this output."""
