"""Sixty-four bytes at a time: comparisons that give one bit per byte, the bit tricks to read them, moves.

A mask is flat: nearly every comparison of a pixel with its neighbour says "equal". Comparing 64 pixels in
a few vector instructions and then visiting only the set bits makes the cost of a row follow the number of
its edges and not of its pixels. Numba's loops do not compile to such instructions, so these functions
give LLVM the vector operations directly; it lowers them to whatever the processor has (AVX-512, AVX2,
SSE2, NEON). With ``NUMBA_DISABLE_JIT=1`` plain Python does the same.

The callers see to it that all 64 bytes lie within the array: nothing here checks bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_BYTES = types.Array(types.uint8, 1, "C")
_VECTOR = ir.VectorType(ir.IntType(8), 64)


def _load(context: Any, builder: Any, array: Any, index: Any) -> Any:
    """Return the IR value of the 64 bytes of a one-dimensional array from an index on."""
    data = context.make_array(_BYTES)(context, builder, array).data
    pointer = builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())
    return builder.load(pointer, align=1)


def _store(context: Any, builder: Any, array: Any, index: Any, vector: Any) -> None:
    """Store 64 bytes into a one-dimensional array from an index on."""
    data = context.make_array(_BYTES)(context, builder, array).data
    builder.store(vector, builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer()), align=1)


def _repeat(builder: Any, value: Any) -> Any:
    """Return the IR value of 64 equal bytes."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64))


def _bits(builder: Any, left: Any, right: Any) -> Any:
    """Return the IR value of 64 bits: where two vectors differ."""
    return builder.bitcast(builder.icmp_unsigned("!=", left, right), ir.IntType(64))


def _differences(_typing: Any, _array: Any, _i: Any, _j: Any) -> Any:
    """Type and IR of :func:`differences`."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        array, i, j = arguments
        return _bits(builder, _load(context, builder, array, i), _load(context, builder, array, j))

    return types.uint64(_BYTES, types.int64, types.int64), generate


def _slope_differences(_typing: Any, _array: Any, _i: Any, _j: Any) -> Any:
    """Type and IR of :func:`slope_differences`."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        array, i, j = arguments
        one = ir.Constant(ir.IntType(64), 1)
        here = builder.sub(_load(context, builder, array, i), _load(context, builder, array, j))
        after = builder.sub(
            _load(context, builder, array, builder.add(i, one)),
            _load(context, builder, array, builder.add(j, one)),
        )
        return _bits(builder, here, after)

    return types.uint64(_BYTES, types.int64, types.int64), generate


def _others(_typing: Any, _array: Any, _i: Any, _value: Any) -> Any:
    """Type and IR of :func:`others`."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        array, i, value = arguments
        return _bits(builder, _load(context, builder, array, i), _repeat(builder, value))

    return types.uint64(_BYTES, types.int64, types.uint8), generate


def _fill(_typing: Any, _out: Any, _i: Any, _value: Any) -> Any:
    """Type and IR of :func:`fill`."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        out, i, value = arguments
        _store(context, builder, out, i, _repeat(builder, value))
        return context.get_dummy_value()

    return types.void(_BYTES, types.int64, types.uint8), generate


def _copy(_typing: Any, _out: Any, _i: Any, _array: Any, _j: Any) -> Any:
    """Type and IR of :func:`copy`."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        out, i, array, j = arguments
        _store(context, builder, out, i, _load(context, builder, array, j))
        return context.get_dummy_value()

    return types.void(_BYTES, types.int64, _BYTES, types.int64), generate


def _add(_typing: Any, _out: Any, _i: Any, _left: Any, _j: Any, _right: Any, _k: Any) -> Any:
    """Type and IR of :func:`add`."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        out, i, left, j, right, k = arguments
        total = builder.add(_load(context, builder, left, j), _load(context, builder, right, k))
        _store(context, builder, out, i, total)
        return context.get_dummy_value()

    return types.void(_BYTES, types.int64, _BYTES, types.int64, _BYTES, types.int64), generate


def _accumulate(_typing: Any, _out: Any, _i: Any, _array: Any, _j: Any, _start: Any) -> Any:
    """Type and IR of :func:`accumulate`: adding what stands 1, 2, 4, ... 32 places before sums all."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        out, i, array, j, start = arguments
        zeros = ir.Constant(_VECTOR, [0] * 64)
        total = _load(context, builder, array, j)
        for step in (1, 2, 4, 8, 16, 32):
            places = ir.Constant(ir.VectorType(ir.IntType(32), 64), [64 - step + k for k in range(64)])
            total = builder.add(total, builder.shuffle_vector(zeros, total, places))
        _store(context, builder, out, i, builder.add(total, _repeat(builder, start)))
        return context.get_dummy_value()

    return types.void(_BYTES, types.int64, _BYTES, types.int64, types.uint8), generate


def _count_bits(_typing: Any, _word: Any) -> Any:
    """Type and IR of :func:`count_bits`."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


def _lowest_bit(_typing: Any, _word: Any) -> Any:
    """Type and IR of :func:`lowest_bit`."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


def _clear_lowest_bit(_typing: Any, _word: Any) -> Any:
    """Type and IR of :func:`clear_lowest_bit`."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        return builder.and_(arguments[0], builder.sub(arguments[0], one))

    return types.uint64(types.uint64), generate


def differences_in_python(pixels: NDArray[np.uint8], i: int, j: int) -> np.uint64:
    """Return 64 bits: bit k says whether ``pixels[i + k] != pixels[j + k]``."""
    return _pack(pixels[i : i + 64] != pixels[j : j + 64])


def slope_differences_in_python(pixels: NDArray[np.uint8], i: int, j: int) -> np.uint64:
    """Return 64 bits: bit k says whether ``pixels[i] - pixels[j]`` changes from place k to k + 1."""
    slope = pixels[i : i + 65] - pixels[j : j + 65]
    return _pack(slope[1:] != slope[:-1])


def others_in_python(pixels: NDArray[np.uint8], i: int, value: int) -> np.uint64:
    """Return 64 bits: bit k says whether ``pixels[i + k] != value``."""
    return _pack(pixels[i : i + 64] != value)


def fill_in_python(out: NDArray[np.uint8], i: int, value: int) -> None:
    """Set 64 bytes to one value."""
    _bytes(out, i)[:] = value


def copy_in_python(out: NDArray[np.uint8], i: int, pixels: NDArray[np.uint8], j: int) -> None:
    """Copy 64 bytes; where they overlap, as if there were another copy in between."""
    _bytes(out, i)[:] = _bytes(pixels, j).copy()


def add_in_python(
    out: NDArray[np.uint8], i: int, left: NDArray[np.uint8], j: int, right: NDArray[np.uint8], k: int
) -> None:
    """Store the 64 sums, modulo 256, of two times 64 bytes."""
    _bytes(out, i)[:] = _bytes(left, j) + _bytes(right, k)


def accumulate_in_python(
    out: NDArray[np.uint8], i: int, pixels: NDArray[np.uint8], j: int, start: int
) -> None:
    """Store for each of 64 bytes the sum, modulo 256, of ``start``, the bytes before it, and itself."""
    _bytes(out, i)[:] = np.cumsum(_bytes(pixels, j), dtype=np.uint8) + np.uint8(start)


def count_bits_in_python(word: int) -> int:
    """Return the number of set bits."""
    return int(word).bit_count()


def lowest_bit_in_python(word: int) -> int:
    """Return the place of the lowest set bit, 64 where none is set."""
    word = int(word) | 1 << 64
    return (word & -word).bit_length() - 1


def _bytes(array: NDArray[np.uint8], i: int) -> NDArray[np.uint8]:
    assert 0 <= i <= array.size - 64, "64 bytes must lie within the array"
    return array[i : i + 64]


def clear_lowest_bit_in_python(word: int) -> np.uint64:
    """Return the word without its lowest set bit; 0 stays 0."""
    word = int(word)
    return np.uint64(word & (word - 1) if word else 0)


def _pack(bits: NDArray[np.bool_]) -> np.uint64:
    assert bits.size == 64, "64 bytes must lie within the array"
    return np.packbits(bits, bitorder="little").view("<u8")[0]  # type: ignore[no-any-return]


def _either(compiled: Callable[..., Any], in_python: Callable[..., Any]) -> Any:
    # Numba sets its options from the environment, where a type checker does not see them.
    return in_python if numba.config.DISABLE_JIT else intrinsic(compiled)  # type: ignore[attr-defined]


differences = _either(_differences, differences_in_python)
slope_differences = _either(_slope_differences, slope_differences_in_python)
others = _either(_others, others_in_python)
fill = _either(_fill, fill_in_python)
copy = _either(_copy, copy_in_python)
add = _either(_add, add_in_python)
accumulate = _either(_accumulate, accumulate_in_python)
count_bits = _either(_count_bits, count_bits_in_python)
lowest_bit = _either(_lowest_bit, lowest_bit_in_python)
clear_lowest_bit = _either(_clear_lowest_bit, clear_lowest_bit_in_python)
