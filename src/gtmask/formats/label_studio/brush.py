"""Label Studio's brush masks: a bit stream of runs of RGBA bytes, of which only alpha counts.

The stream (``label_studio_sdk/converter/brush.py`` describes it) is: 32 bits number of bytes, 5 bits word
size - 1, four times 4 bits a length's size - 1; then items: one flag bit, two bits that choose a length
size, the length - 1; flag 1 repeats one word, flag 0 is followed by that many words. Decoded it is
height x width x 4 bytes, row by row: who takes it for height x width gets a picture of garbage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.formats.reading.geometry import refuse_truth
from gtmask.jit import kernel
from gtmask.model import Runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER_BITS = 32 + 5 + 4 * 4


def brush_runs(rle: Any, width: int, height: int) -> Runs:
    """Return a brush mask as runs along the rows; every pixel with some alpha belongs to it.

    Raises ValueError: the list holds something else, breaks off, or decodes to another size; the message says
    which.

    - ``rle``: the ``rle`` list of the export: integers 0..255.
    - ``width``, ``height``: the region's ``original_width`` and ``original_height`` in pixels.
    """
    try:
        refuse_truth(*rle)
        stream = np.frombuffer(bytearray(rle), np.uint8)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the brush mask is no list of bytes: {error}") from error
    if len(stream) * 8 < HEADER_BITS:
        raise ValueError(f"the brush mask has only {len(stream)} bytes")
    total = int.from_bytes(stream[:4].tobytes(), "big")
    if total != 4 * width * height:
        raise ValueError(
            f"the brush mask has {total} bytes, {width} x {height} pixels need {4 * width * height}"
        )
    word = (int(stream[4]) >> 3) + 1
    counts = np.empty(len(stream) * 8 // word + 4, np.int64)
    used = alpha_runs(stream, counts)
    if used < 0:
        raise ValueError("the brush mask breaks off before its last pixel")
    return Runs(counts[:used].copy(), height, width, "row", whole=True)


@kernel("int64(uint8[::1], int64, int64)", inline=True)
def take_bits(stream: NDArray[np.uint8], at: int, count: int) -> int:
    """Return ``count`` (at most 32) bits of a stream from bit ``at`` on, the first one highest."""
    value = np.uint64(0)
    for i in range(at >> 3, ((at + count - 1) >> 3) + 1):
        value = (value << np.uint64(8)) | np.uint64(stream[i])
    spare = 7 - ((at + count - 1) & 7)
    return int((value >> np.uint64(spare)) & ((np.uint64(1) << np.uint64(count)) - np.uint64(1)))


@kernel("int64(uint8[::1], int64[::1])", arrays=True)
def alpha_runs(stream: NDArray[np.uint8], counts: NDArray[np.int64]) -> int:
    """Write the alternating runs of every fourth word that is zero or not, and return how many there are.

    ``stream`` uint8 (n,) as in the module's docstring; ``counts`` int64 (n * 8 // word size + 4,) is
    filled with run lengths, the first of zeros. Returns -1 where the stream ends too early.
    """
    bits = stream.shape[0] * 8
    total = take_bits(stream, 0, 32)
    word = take_bits(stream, 32, 5) + 1
    sizes = np.empty(4, np.int64)
    for i in range(4):
        sizes[i] = take_bits(stream, 37 + 4 * i, 4) + 1
    at, done, used, start, on = 53, 0, 0, 0, False
    while done < total:
        if at + 3 > bits:
            return -1
        repeat = take_bits(stream, at, 1) == 1
        size = int(sizes[take_bits(stream, at + 1, 2)])
        if at + 3 + size > bits:
            return -1
        length = min(take_bits(stream, at + 3, size) + 1, total - done)
        at += 3 + size
        needed = word if repeat else word * length
        if at + needed > bits:
            return -1
        first, stop = done // 4, (done + length) // 4
        if repeat:
            value = take_bits(stream, at, word) != 0
            if first < stop and value != on:
                counts[used], used, start, on = first - start, used + 1, first, value
        else:
            for pixel in range(first, stop):
                value = take_bits(stream, at + word * (4 * pixel + 3 - done), word) != 0
                if value != on:
                    counts[used], used, start, on = pixel - start, used + 1, pixel, value
        at += needed
        done += length
    counts[used] = total // 4 - start
    return used + 1
