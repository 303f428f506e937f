"""Strings without parsing: one member of millions of objects as ranges of bytes, and hashes of paths.

Only strings of printable ASCII without escapes are taken as they stand; the others are left to a parser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.formats.jsonstream.kernels import skip_blanks
from gtmask.formats.jsonstream.parse import parse_value
from gtmask.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from gtmask.formats.jsonstream.container import Batch

#: What a byte of a path may be, in the table that :func:`hash_stems` is given.
NOWHERE, INSIDE, ANYWHERE, SEPARATOR = range(4)

_SEED = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)


@dataclass(slots=True)
class Texts:
    """One string of each of many objects.

    Text ``i`` is spelt by the bytes ``data[starts[i]:stops[i]]`` (uint8; int64 (n,)), or, where
    ``starts[i]`` is -1, is ``others[i]``. ``data`` is valid until the next batch is asked for.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    others: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, i: int) -> str:
        if self.starts[i] < 0:
            return self.others[i]
        return self.data[self.starts[i] : self.stops[i]].tobytes().decode("ascii")

    def first(self, count: int) -> Texts:
        """Return the first so many."""
        others = {i: text for i, text in self.others.items() if i < count}
        return Texts(self.data, self.starts[:count], self.stops[:count], others)


def texts_of(batch: Batch, otherwise: Callable[[Any], str]) -> Texts:
    """Return the wanted member of each object of a batch.

    - ``batch``: its bytes must be at hand.
    - ``otherwise``: makes the text from the parsed element (the parser's error, where it is no JSON) where
      the member is not a plain string that is not empty.
    """
    fields, stops = batch.rows[:, 4], batch.rows[:, 3] - batch.base
    starts = np.where(fields < 0, fields, fields - batch.base)
    find_texts(batch.data, starts, stops)
    texts = Texts(batch.data, starts, stops)
    for i in np.flatnonzero(starts < 0).tolist():
        start, stop = (batch.rows[i, 2:4] - batch.base).tolist()
        texts.others[i] = otherwise(parse_value(batch.data.data[start:stop]))
    return texts


@kernel("void(uint8[::1], int64[::1], int64[::1])")
def find_texts(data: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> None:
    """Find strings of printable ASCII without escapes that are not empty.

    ``starts`` int64 (n,): where in ``data`` a value begins, blanks before it, or negative; becomes where
    the text of the string begins, -1 where it is no such string. ``stops`` int64 (n,): where the object
    around the value ends; becomes where the text ends.
    """
    for n in range(starts.shape[0]):
        stop = stops[n]
        i = skip_blanks(data, starts[n], stop) if starts[n] >= 0 else stop
        starts[n] = -1
        if i < stop and data[i] == 0x22:
            first = i + 1
            i = first
            while i < stop and data[i] >= 0x20 and data[i] < 0x7F and data[i] != 0x22 and data[i] != 0x5C:
                i += 1
            if i < stop and i > first and data[i] == 0x22:
                starts[n] = first
                stops[n] = i


@kernel("uint64(uint8[::1], int64, int64)", inner=True)
def hash_bytes(data: NDArray[np.uint8], start: int, stop: int) -> np.uint64:
    """Return a 64-bit hash of ``data[start:stop]`` (FNV-1a, then mixed)."""
    state = _SEED
    for k in range(start, stop):
        state = (state ^ np.uint64(data[k])) * _PRIME
    state = (state ^ (state >> _HALF)) * _MIX
    return state ^ (state >> _HALF)


@kernel("void(uint8[::1], int64[::1], int64[::1], uint8[::1], int64, uint64[::1], uint8[::1])")
def hash_stems(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    drop: int,
    hashes: NDArray[np.uint64],
    done: NDArray[np.uint8],
) -> None:
    """Hash paths without their first parts and without their extension.

    Path ``n`` is ``data[starts[n]:stops[n]]``, or none where ``starts[n]`` is negative. ``kinds`` uint8
    (256,) says of each byte where in a part it may stand: NOWHERE, INSIDE, ANYWHERE (then also first), or
    that it is the SEPARATOR of parts, none of which may be empty. Of each path the first ``drop`` parts are
    left out, but never the last. ``hashes`` uint64 (n,) receives the hashes, ``done`` uint8 (n,) whether
    the path is such a path.
    """
    for n in range(starts.shape[0]):
        done[n] = 0
        if starts[n] < 0:
            continue
        part = starts[n]
        first = part
        end = -1
        dropped = 0
        i = part
        while i < stops[n]:
            kind = kinds[data[i]]
            if kind == NOWHERE or (i == part and kind != ANYWHERE):
                break
            if kind == SEPARATOR:
                part = i + 1
                end = -1
                if dropped < drop:
                    first = part
                    dropped += 1
            elif data[i] == 0x2E:
                end = i
            i += 1
        if i == stops[n] and part < i:
            hashes[n] = hash_bytes(data, first, end if end >= 0 else i)
            done[n] = 1
