"""Which images' masks would share a key, so that these keep the image's extension in it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from gtmask.images.resolve import mask_key

if TYPE_CHECKING:
    from numpy.typing import NDArray


def hash_mask_key(key: str) -> int:
    """Return a hash of the key that an image's mask has; spellings of Unicode that look alike are one.

    It is Python's own, of 64 bits: fast, and compared within one process only.
    """
    return hash(mask_key(key if key.isascii() else unicodedata.normalize("NFC", key))) & 0xFFFF_FFFF_FFFF_FFFF


def needing_long(
    short: NDArray[np.uint64], long: NDArray[np.uint64], kept: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which of the images that are kept need a mask key with their extension.

    - ``short``, ``long``: uint64 (n,): hashes of the key that each image's mask has, and of the one with the
      extension: that of ``a.jpg`` is the mask key of ``a.jpg.png``.
    - ``kept``: bool (n,): which images get a mask.
    """
    distinct, counts = np.unique(short[kept], return_counts=True)
    needs_long = found = np.isin(short, distinct[counts > 1]) & kept
    while found.any():
        found = np.isin(short, long[found]) & ~needs_long & kept
        needs_long = needs_long | found
    return needs_long
