"""What kernels may take for granted: checked once per call, in Python, before a kernel runs.

A compiled kernel has no bounds checks, and an array of another layout, or a read-only one, would make Numba
compile the kernel anew. Both are settled here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)

#: NumPy keeps one dtype object per native type, so that nearly all arrays are known by identity.
NATIVE: dict[Any, np.dtype[Any]] = {
    kind: np.dtype(kind) for kind in (np.uint8, np.int32, np.uint32, np.int64, np.float32, np.float64)
}


def check_mask(mask: NDArray[np.uint8]) -> None:
    """Raise ValueError unless the mask is a writable, C-contiguous uint8 array (height, width)."""
    if not (isinstance(mask, np.ndarray) and mask.dtype.type is np.uint8 and mask.ndim == 2):
        raise ValueError("a mask must be a uint8 array (height, width)")
    if not mask.flags.carray:
        raise ValueError("a mask must be C-contiguous and writable, because it is painted in place")


def plain(array: Any, dtype: type[T], ndim: int, name: str) -> NDArray[T]:
    """Return the array as kernels want it: C-contiguous, aligned, writable; without a copy where it is so.

    Raises
    ------
    ValueError
        If it has another number of dimensions, or its numbers do not fit ``dtype`` safely.
    """
    if (
        type(array) is np.ndarray
        and array.dtype is NATIVE[dtype]
        and array.ndim == ndim
        and array.flags.carray
    ):
        return array
    given = np.asarray(array)
    if given.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, but has {given.ndim}")
    if given.dtype.type is dtype and given.dtype.isnative and given.flags.carray:
        return given
    if given.size and not np.can_cast(given.dtype, dtype, "same_kind"):
        raise ValueError(f"{name} must be {np.dtype(dtype).name}, but is {given.dtype.name}")
    if given.size and issubclass(dtype, np.integer):
        least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
        # Cast as they are, they would come out as other numbers.
        if not least <= int(given.min()) <= int(given.max()) <= most:
            raise ValueError(f"{name} must lie between {least} and {most}, to fit {np.dtype(dtype).name}")
    return np.require(given, dtype, ("C", "A", "W"))


def painted(value: int) -> int:
    """Return what a call paints as an int.

    Raises
    ------
    ValueError
        If it is not 0 to 255.
    """
    if not 0 <= value <= 255:
        raise ValueError(f"what is painted must be 0 to 255, not {value}")
    return int(value)


def fill_arguments(
    mask: NDArray[np.uint8], points: Any, ring_offsets: Any, part_offsets: Any, values: Any, dtype: type[T]
) -> tuple[NDArray[T], NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
    """Check the arguments that all fills share, and return all but the mask as plain arrays.

    Raises
    ------
    ValueError
        If the mask cannot be painted in place, an array has a wrong shape or dtype, or an offset
        points outside its array.
    """
    check_mask(mask)
    vertices = plain(points, dtype, 2, "points")
    if vertices.shape[1] != 2:
        raise ValueError(f"points must have shape (n, 2), but has {vertices.shape}")
    rings = plain(ring_offsets, np.int32, 1, "ring_offsets")
    parts = plain(part_offsets, np.int32, 1, "part_offsets")
    ids = plain(values, np.uint8, 1, "values")
    wrong = wrong_offsets(rings, parts, len(vertices), len(ids))
    if wrong == 1:
        raise ValueError(f"ring_offsets must ascend from 0 or more to at most {len(vertices)}")
    if wrong == 2:
        raise ValueError(f"part_offsets must ascend within {len(rings) - 1} rings, one more than values")
    return vertices, rings, parts, ids


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
