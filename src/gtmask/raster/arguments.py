"""What kernels may take for granted: checked once per call, in Python, before a kernel runs.

A compiled kernel has no bounds checks, and an array of another type or layout, or a read-only one, would make
Numba compile the kernel anew. Both are settled here: what is not as kernels want it is copied, once, and what
would become another number by that is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)

#: NumPy keeps one dtype object per native type, so that nearly all arrays are known by identity.
NATIVE: dict[Any, np.dtype[Any]] = {
    kind: np.dtype(kind) for kind in (np.uint8, np.int32, np.uint32, np.int64, np.float32, np.float64)
}


#: The largest absolute value of a coordinate that the source rules are made for. The libraries whose rules
#: they are compute with C ints, single precision or fixed point, and have no result worth the name beyond.
LIMIT = float(1 << 30)
_FITS: dict[Any, tuple[int, int]] = {
    kind: (int(np.iinfo(kind).min), int(np.iinfo(kind).max))
    for kind in (np.uint8, np.int32, np.uint32, np.int64)
}
_FITS_INT: dict[Any, tuple[int, int]] = {kind: _FITS[kind] for kind in (np.uint8, np.int32)}
_BYTE, _INT, _WIDE = (NATIVE[kind] for kind in (np.uint8, np.int32, np.int64))


def check_mask(mask: NDArray[np.uint8]) -> None:
    """Raise ValueError unless the mask is a writable, C-contiguous uint8 array (height, width)."""
    if not (isinstance(mask, np.ndarray) and mask.dtype.type is np.uint8 and mask.ndim == 2):
        raise ValueError("A mask must be a uint8 array (height, width).")
    if not mask.flags.carray:
        raise ValueError("A mask must be C-contiguous and writable, because it is painted in place.")


def as_kernel_array(array: Any, dtype: type[T], ndim: int, name: str) -> NDArray[T]:
    """Return the array as kernels want it: C-contiguous, aligned, writable; without a copy where it is so.

    Raises ValueError if it has another number of dimensions, or numbers that ``dtype`` does not have.
    """
    if (
        type(array) is np.ndarray
        and array.dtype is NATIVE[dtype]
        and array.ndim == ndim
        and array.flags.carray
    ):
        return array
    given = _bytes(array) if dtype is np.uint8 and type(array) in {list, tuple} else np.asarray(array)
    if given.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, but has {given.ndim}.")
    if dtype in _FITS_INT and given.dtype.kind in "iu":
        return _narrowed(given, dtype, name)
    return _converted(given, dtype, name)


def _narrowed(given: NDArray[Any], dtype: type[T], name: str) -> NDArray[T]:
    """Return integers as int32 or uint8, so that int64 offsets, as NumPy makes them, cost next to nothing."""
    # What is beyond int64 becomes negative there.
    numbers = given if given.dtype is _WIDE and given.flags.carray else given.astype(_WIDE, "C")
    found = np.empty(given.shape, _INT)
    least, most = _FITS_INT[dtype]
    floor = 0 if given.dtype.kind == "u" else least
    flat = given.ndim == 1
    if not narrow(numbers if flat else numbers.ravel(), found if flat else found.ravel(), floor, most):
        raise ValueError(f"{name} must lie between {least} and {most}, to fit {np.dtype(dtype).name}.")
    return found if dtype is np.int32 else found.astype(dtype)


def _as_offsets(ring_offsets: Any, part_offsets: Any) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return both offsets as int32; as int64, which NumPy makes of sums, they are narrowed in one go."""
    if (
        getattr(ring_offsets, "dtype", None) is _WIDE
        and getattr(part_offsets, "dtype", None) is _WIDE
        and ring_offsets.ndim == part_offsets.ndim == 1
        and ring_offsets.flags.carray
        and part_offsets.flags.carray
    ):
        count = len(ring_offsets)
        found = np.empty(count + len(part_offsets), _INT)
        if narrow_both(ring_offsets, part_offsets, found):
            return found[:count], found[count:]
    rings = as_kernel_array(ring_offsets, np.int32, 1, "ring_offsets")
    return rings, as_kernel_array(part_offsets, np.int32, 1, "part_offsets")


def _bytes(numbers: Any) -> NDArray[Any]:
    """Return a list as an array of bytes, ten times as fast as NumPy does; as NumPy does where it is none."""
    try:
        return np.frombuffer(bytearray(numbers), np.uint8)
    except (TypeError, ValueError):
        return np.asarray(numbers)


def _converted(given: NDArray[Any], dtype: type[T], name: str) -> NDArray[T]:
    """Return a copy in another type and layout; raise ValueError where a number would become another one."""
    exact = dtype not in {np.float32, np.float64}
    if given.size and given.dtype.kind not in ("biu" if exact else "biuf"):
        raise ValueError(f"{name} must be {np.dtype(dtype).name}, but is {given.dtype.name}.")
    if exact and given.size and given.dtype.type is not dtype and given.dtype.kind != "b":
        least, most = _FITS[dtype]
        if not least <= int(given.min()) <= int(given.max()) <= most:
            raise ValueError(f"{name} must lie between {least} and {most}, to fit {np.dtype(dtype).name}.")
    return given.astype(dtype, "C")


@kernel("boolean(int64[::1], int32[::1], int64, int64)")
def narrow(numbers: NDArray[np.int64], found: NDArray[np.int32], least: int, most: int) -> bool:
    """Copy numbers, and tell whether all of them lie between ``least`` and ``most``."""
    outside = 0
    for i in range(len(numbers)):
        outside |= (numbers[i] < least) | (numbers[i] > most)
        found[i] = numbers[i]
    return outside == 0


@kernel("boolean(int64[::1], int64[::1], int32[::1])")
def narrow_both(rings: NDArray[np.int64], parts: NDArray[np.int64], found: NDArray[np.int32]) -> bool:
    """Copy the numbers of two arrays one after the other, and tell whether all of them are int32."""
    outside = 0
    for i in range(len(rings)):
        found[i] = rings[i]
        outside |= found[i] != rings[i]
    for i in range(len(parts)):
        found[len(rings) + i] = parts[i]
        outside |= found[len(rings) + i] != parts[i]
    return outside == 0


def painted(value: int) -> int:
    """Return what a call paints as an int; raises ValueError if it is not 0 to 255."""
    if not 0 <= value <= 255:
        raise ValueError(f"What is painted must be 0 to 255, not {value}.")
    return int(value)


def fill(
    paint: Callable[..., Any],
    mask: NDArray[Any],
    points: Any,
    ring_offsets: Any,
    part_offsets: Any,
    values: Any,
    dtype: type[np.int32 | np.float64],
    limit: float | None = None,
) -> None:
    """Call the kernel of a fill rule, with all arguments but the kernel's as :func:`fill_polygons` has them.

    Raises ValueError if the mask cannot be painted in place, an array has a wrong shape or type, a number
    does not fit into the type that is needed, an offset points outside its array, or a coordinate is not a
    number or beyond the limit.

    - ``paint``: kernel that takes the five arrays as they must be. One for int32 points looks at the offsets
      itself, and paints nothing and returns 1 where one is wrong.
    - ``mask``, ``points``, ``ring_offsets``, ``part_offsets``, ``values``: as the caller gave them. A mask of
      another type or layout is painted in a copy, which is copied back.
    - ``dtype``: what the kernel takes points as.
    - ``limit``: the largest absolute value of a coordinate that the kernel takes, None for any.
    """
    canvas = _canvas(mask)
    vertices: Any = as_kernel_array(points, dtype, 2, "points")
    if vertices.shape[1] != 2:
        raise ValueError(f"points must have shape (n, 2), but has {vertices.shape}.")
    rings, parts = _as_offsets(ring_offsets, part_offsets)
    ids = as_kernel_array(values, np.uint8, 1, "values")
    if dtype is not np.int32:
        _check_offsets(rings, parts, len(vertices), len(ids))
    if limit is not None and not all_within(vertices, limit):
        raise ValueError("points must be finite and at most 2**30 in absolute value.")
    if canvas is not mask:
        most = 1 if mask.dtype.kind == "b" else np.iinfo(mask.dtype).max
        if most < 255 and ids.size and ids.max() > most:
            raise ValueError(f"values must lie between 0 and {most}, to fit a mask of {mask.dtype.name}.")
    if paint(canvas, vertices, rings, parts, ids):
        _check_offsets(rings, parts, len(vertices), len(ids))
    if canvas is not mask:
        mask[...] = canvas


def _check_offsets(rings: NDArray[np.int32], parts: NDArray[np.int32], points: int, values: int) -> None:
    """Raise ValueError where an offset points outside its array."""
    wrong = wrong_offsets(rings, parts, points, values)
    if wrong == 1:
        raise ValueError(f"ring_offsets must ascend from 0 or more to at most {points}.")
    if wrong == 2:
        raise ValueError(f"part_offsets must ascend within {len(rings) - 1} rings, one more than values.")


def _canvas(mask: NDArray[Any]) -> NDArray[np.uint8]:
    """Return what to paint in: the mask, or a copy where it is of another type or layout."""
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or mask.dtype.kind not in "biu":
        raise ValueError("A mask must be an array (height, width) of integers.")
    flags = mask.flags
    if flags.carray and mask.dtype is _BYTE:
        return mask
    if not flags.writeable:
        raise ValueError("A mask must be writable, because it is painted in place.")
    return _converted(mask, np.uint8, "The numbers of a mask")


@kernel("int64(int32[::1], int32[::1], int64, int64)")
def wrong_offsets(rings: NDArray[np.int32], parts: NDArray[np.int32], points: int, values: int) -> int:
    """Return 0 if offsets ascend within what they point into, 1 if rings do not, 2 if parts do not."""
    last = 0
    for offset in rings:
        if offset < last or offset > points:
            return 1
        last = int(offset)
    last = 0
    for offset in parts:
        if offset < last or offset >= len(rings):
            return 2
        last = int(offset)
    return 0 if len(parts) == values + 1 else 2


@kernel("boolean(float64[:, ::1], float64)")
def all_within(points: NDArray[np.float64], limit: float) -> bool:
    """Tell whether all coordinates are numbers and at most ``limit`` in absolute value."""
    outside = 0
    for i in range(len(points)):
        # NaN compares as false: it is not within.
        outside += not (abs(points[i, 0]) <= limit and abs(points[i, 1]) <= limit)
    return outside == 0
