"""The zlib stream of a mask's rows."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def deflate_rows(mask: NDArray[np.uint8]) -> bytes:
    """Return the zlib stream of the rows, each behind its filter byte 0."""
    return zlib.compress(np.pad(mask, ((0, 0), (1, 0))).tobytes(), 1)
