"""Samples of large images, in a file that nobody else sees: memory holds what is looked at."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from contextlib import ExitStack

    from numpy.typing import DTypeLike, NDArray

#: Up to so many bytes samples stay in memory.
IN_MEMORY = 64 << 20


def make_array(shape: tuple[int, ...], dtype: DTypeLike, until: ExitStack) -> NDArray[Any]:
    """Return an array to be filled, large ones in a temporary file that ends with ``until``.

    Raises
    ------
    OSError
        The disk is full.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY:
        return np.empty(shape, dtype)
    file = until.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it outlives this function
    file.truncate(size)
    return np.memmap(file, dtype, "r+", 0, shape)
