"""From the samples of a file to what a screen shows: 8 bits, gray or RGB, nothing transparent.

- More than 8 bits: ``scale`` maps the least value of the file to 0 and the greatest to 255, and what lies
  between in proportion, the same for all samples of a pixel; ``high-byte`` drops the lower 8 of 16 bits.
- Transparent pixels are seen on white.
- CMYK becomes RGB without a profile, as Pillow does it.
- Samples of large images are in a file that nobody else sees: memory holds what is looked at.
"""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gtmask.errors import PrepareError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from gtmask.preparing.tiles import Box


#: The most pixels that are decoded as a whole, in each process at a time: 1 GiB.
WHOLE_PIXELS = 1 << 28
#: Rows whose samples are looked at together.
_BAND = 256
Levels = tuple[float, float]


class Pixels(Protocol):
    """An image of which any part can be seen, in its file's grid; ``levels`` as the table has them."""

    levels: Levels | None
    pages: int
    profile: bytes | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        ...

    def block(self, box: Box) -> NDArray[np.uint8]:
        """Return some pixels: uint8, (height, width) of gray or (height, width, 3) of RGB."""
        ...


@dataclass
class Samples:
    """An image whose samples are at hand, in memory or in a file that is mapped.

    ``values`` is (height, width, samples). ``kind`` is "gray", "inverted", "rgb", "cmyk" or "palette", and
    ``alpha`` says whether one more sample follows, which is the opacity. ``palette`` is uint8 (n, 3) or
    (n, 4); ``key`` the value of pixels that are transparent; ``high_byte`` says that the lower 8 bits are
    dropped.
    """

    values: NDArray[Any]
    kind: str
    alpha: bool = False
    palette: NDArray[np.uint8] | None = None
    key: tuple[int, ...] | None = None
    levels: Levels | None = None
    pages: int = 1
    profile: bytes | None = None
    high_byte: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in the grid of the file."""
        return self.values.shape[1], self.values.shape[0]

    def look_at_levels(self, rule: str) -> None:
        """Decide how samples of more than 8 bits become 8; for those of 8 there is nothing to decide.

        Raises PrepareError: the rule asks for a high byte where there is none.
        """
        if self.values.dtype == np.uint8 or self.kind == "palette":
            return
        if rule == "high-byte":
            if self.values.dtype.kind != "u" or self.values.dtype.itemsize != 2:
                told = f"Samples of the type {self.values.dtype} have no high byte."
                raise PrepareError(told, "prepare-depth")
            self.levels = (0, 65535)
            self.high_byte = True
            return
        low, high = np.inf, -np.inf
        for first in range(0, len(self.values), _BAND):
            band = self._colors(self.values[first : first + _BAND])
            if band.dtype.kind == "f":
                band = band[np.isfinite(band)]
            if band.size:
                low, high = min(low, band.min().item()), max(high, band.max().item())
            let_go(self.values)
        self.levels = (low, high) if low <= high else (0, 0)

    def _colors(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the samples without the opacity."""
        return values[..., :-1] if self.alpha else values

    def block(self, box: Box) -> NDArray[np.uint8]:
        """Return some pixels, as a screen shows them."""
        values = self.values[box.y : box.y + box.height, box.x : box.x + box.width].copy()
        let_go(self.values)
        opacity = None
        if self.key is not None:
            opacity = np.where((values == self.key).all(axis=-1, keepdims=True), 0, 255).astype(np.uint8)
        if self.alpha:
            opacity = values[..., -1:]
            if opacity.dtype != np.uint8:
                opacity = (opacity >> 8).astype(np.uint8)
        if self.kind == "palette":
            assert self.palette is not None
            colors = self.palette[values[..., 0].clip(max=len(self.palette) - 1)]
            colors, opacity = colors[..., :3], colors[..., 3:] if colors.shape[-1] == 4 else None
        else:
            colors = self._eight_bit(self._colors(values))
        if self.kind == "inverted":
            colors = 255 - colors
        elif self.kind == "cmyk":
            colors = cmyk_to_rgb(colors)
        if opacity is not None and opacity.size:
            colors = on_white(colors, opacity)
        return np.asarray(colors[..., 0] if colors.shape[-1] == 1 else colors, np.uint8)

    def _eight_bit(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        if values.dtype == np.uint8:
            return np.asarray(values, np.uint8)
        assert self.levels is not None
        if self.high_byte:
            return (values >> 8).astype(np.uint8)
        low, high = self.levels
        if high == low:
            return np.zeros(values.shape, np.uint8)
        if values.dtype.kind == "u" and values.dtype.itemsize == 2:
            # One table for all pixels, in whole numbers: the same bytes on every machine.
            every = np.arange(65536, dtype=np.int64).clip(int(low), int(high)) - int(low)
            span = int(high) - int(low)
            table = ((every * 510 + span) // (2 * span)).astype(np.uint8)
            return table.take(values)
        shares = (np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low) - low) / (
            high - low
        )
        return np.floor(shares.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def on_white(colors: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return colours, (height, width, samples), as they are seen on white; opacity is (height, width, 1)."""
    share = opacity.astype(np.uint32)
    return ((colors * share + 255 * (255 - share) + 127) // 255).astype(np.uint8)


def cmyk_to_rgb(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB of CMYK, (height, width, 4)."""
    from PIL import Image  # noqa: PLC0415 - 80 ms that only few images are worth

    rgb = Image.frombuffer("CMYK", colors.shape[1::-1], np.ascontiguousarray(colors).tobytes()).convert("RGB")
    return np.asarray(rgb)


#: Up to so many bytes samples stay in memory.
IN_MEMORY = 64 << 20


def make_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array to be filled, a large one in a temporary file that ends with it.

    Raises OSError: the disk is full.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:
        _reserve(file.fileno(), size)
        return np.frombuffer(mmap.mmap(file.fileno(), size), dtype).reshape(shape)


def _reserve(file: int, size: int) -> None:
    """Give a file its size; where the disk is full this is told now, while a write into a map would kill."""
    os.ftruncate(file, size)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:  # file systems that cannot tell
                raise


def let_go(values: NDArray[Any]) -> None:
    """Leave to the file what of an array is in memory; an array without a file stays as it is."""
    base: Any = values
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def pages_of(image: Any) -> int:
    """Return how many pages or frames the file of an open image has, of which the first is the image."""
    if image.format == "JPEG":  # what follows a photo there is its depth, or smaller ones of it
        return 1
    count = getattr(image, "n_frames", 1)
    if count > 1:
        image.seek(0)
    return int(count)
