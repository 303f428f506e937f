"""What can be chosen about new images: all of it decides their bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gtmask.choices import choose
from gtmask.errors import UsageError
from gtmask.manifest.contract import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS

CHOICES: dict[str, tuple[str, ...]] = {"sixteen_bit": ("scale", "high-byte")}
#: Pixels that an image has at most unless somebody says otherwise.
MOST_PIXELS = 10**9
_TILE = re.compile(r"([1-9][0-9]*)x([1-9][0-9]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """Choices of :func:`gtmask.prepare`.

    Attributes
    ----------
    tile
        The most pixels of a tile, ``"WIDTHxHEIGHT"``.
    overlap
        Pixels that a tile has in common with the one to its right, and with the one below.
    sixteen_bit
        How samples of more than 8 bits become 8: ``scale`` maps the file's least value to 0 and its greatest
        to 255, ``high-byte`` takes the upper 8 bits.
    max_pixels
        Images of more pixels are refused.
    split_pixels, split_bytes
        Images beyond these become tiles; Ground Truth takes no more than the defaults.
    changed_only
        Leave images where they are that need no change, in place of copying them.
    chunk_size
        Images per chunk.

    Raises
    ------
    UsageError
        A value that cannot be meant.
    """

    tile: str = "2048x2048"
    overlap: int = 0
    sixteen_bit: str = "scale"
    max_pixels: int = MOST_PIXELS
    split_pixels: int = MAX_IMAGE_PIXELS
    split_bytes: int = MAX_IMAGE_BYTES
    changed_only: bool = False
    chunk_size: int = 32

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "sixteen_bit", choose("--sixteen-bit", self.sixteen_bit, CHOICES["sixteen_bit"])
        )
        if not _TILE.fullmatch(self.tile):
            raise UsageError(f"--tile {self.tile!r} must be WIDTHxHEIGHT in pixels, such as 2048x2048.")
        for name, most in (("split_pixels", MAX_IMAGE_PIXELS), ("split_bytes", MAX_IMAGE_BYTES)):
            if not 1 <= getattr(self, name) <= most:
                option = "--" + name.replace("_", "-")
                raise UsageError(
                    f"{option} {getattr(self, name)} must lie between 1 and {most:,}, which is what Ground "
                    "Truth takes."
                )
        width, height = self.tile_size
        if width * height > self.split_pixels:
            raise UsageError(
                f"--tile {self.tile} has more pixels than --split-pixels {self.split_pixels:,}: give a "
                "smaller tile."
            )
        if not 0 <= self.overlap < min(width, height):
            raise UsageError(f"--overlap {self.overlap} must be 0 or more, and less than --tile {self.tile}.")
        if not 1 <= self.max_pixels <= MOST_PIXELS:
            raise UsageError(f"--max-pixels {self.max_pixels} must lie between 1 and {MOST_PIXELS:,}.")
        if not 1 <= self.chunk_size <= 100_000:
            raise UsageError(f"--chunk-size {self.chunk_size} must lie between 1 and 100,000.")

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of the largest tile."""
        width, height = self.tile.lower().split("x")
        return int(width), int(height)
