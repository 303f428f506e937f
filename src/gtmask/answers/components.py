"""Connected areas of one class, for instances: one kernel, and run lengths as COCO writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel("int64(uint8[:, ::1], int32[:, ::1], int64[::1])")
def label_areas(mask: NDArray[np.uint8], labels: NDArray[np.int32], stack: NDArray[np.int64]) -> int:
    """Give the 8-connected areas of equal class ids numbers from 1, in the order of their first pixels.

    ``mask`` uint8 (height, width), 0 is no area; ``labels`` int32 of the same shape, all 0, is filled;
    ``stack`` int64 (height * width,) is scratch. Returns how many areas there are.
    """
    height, width = mask.shape
    count = 0
    for row in range(height):
        for column in range(width):
            value = mask[row, column]
            if value == 0 or labels[row, column] != 0:
                continue
            count += 1
            labels[row, column] = count
            stack[0] = row * width + column
            top = 1
            while top:
                top -= 1
                place = stack[top]
                y, x = place // width, place % width
                for near_y in range(max(y - 1, 0), min(y + 2, height)):
                    for near_x in range(max(x - 1, 0), min(x + 2, width)):
                        if mask[near_y, near_x] == value and labels[near_y, near_x] == 0:
                            labels[near_y, near_x] = count
                            stack[top] = near_y * width + near_x
                            top += 1
    return count


def areas_of(mask: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    """Return the areas of a mask as numbers, int32 (height, width), and how many there are."""
    labels = np.zeros(mask.shape, np.int32)
    return labels, int(
        label_areas(np.require(mask, requirements=["C", "W"]), labels, np.empty(mask.size, np.int64))
    )


def column_runs(inside: NDArray[np.bool_], x: int, y: int, height: int, width: int) -> list[int]:
    """Return run lengths down the columns of an image, off and on in turn, of an area within a box.

    - ``inside``: bool (rows, columns): the box, whose top-left pixel is at column ``x``, row ``y``.
    """
    edges = np.diff(np.pad(inside, ((1, 1), (0, 0))).astype(np.int8), axis=0).T
    columns, rows = np.nonzero(edges == 1)
    starts = (columns + x) * height + rows + y
    columns, rows = np.nonzero(edges == -1)
    stops = (columns + x) * height + rows + y
    apart = np.append(True, starts[1:] != stops[:-1])
    starts, stops = starts[apart], stops[np.append(apart[1:], True)]
    bounds = np.column_stack((starts, stops)).ravel()
    return np.diff(np.concatenate(([0], bounds, [height * width]))).tolist()  # type: ignore[no-any-return]


def compress_runs(counts: list[int]) -> str:
    """Return run lengths as COCO's compressed text (pycocotools, maskApi.c, rleToString)."""
    text = []
    for place, count in enumerate(counts):
        rest = count - counts[place - 2] if place > 2 else count
        while True:
            digit = rest & 0x1F
            rest >>= 5
            more = rest != -1 if digit & 0x10 else rest != 0
            text.append(chr((digit | 0x20 if more else digit) + 48))
            if not more:
                break
    return "".join(text)
