"""Joining elements to their owners: annotations to images, by id, whatever the order of the file.

An :class:`Index` holds 20 bytes per element (key 8, offset 8, length 4). Sorting happens in place: a key
becomes the owner's ordinal and the element's position in one number, so nothing else has to be sorted
along with it and elements of one owner stay in the order of the file. Beyond the memory limit the arrays
move to a temporary file, which the system takes back when the process ends.
"""

from __future__ import annotations

import tempfile
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import ExportError
from gtmask.formats.jsonstream.ids import MISSING
from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHIFT = 32
_BLOCK = 1 << 18


def is_sorted(values: NDArray[np.int64]) -> bool:
    """Say whether the values ascend; equal ones may follow each other."""
    return all(
        bool((values[i + 1 : i + 1 + _BLOCK] >= values[i : i + _BLOCK][: len(values) - i - 1]).all())
        for i in range(0, len(values) - 1, _BLOCK)
    )


class Column:
    """An array that grows at its end, in memory or, after :meth:`spill`, in a temporary file."""

    def __init__(self, dtype: Any) -> None:
        self._array: NDArray[Any] = np.empty(_BLOCK, dtype)
        self._file: Any = None
        self.length = 0

    @property
    def values(self) -> NDArray[Any]:
        """What was appended so far; no longer valid after the next :meth:`append`."""
        return self._array[: self.length]

    @property
    def nbytes(self) -> int:
        """Bytes of memory taken: none once the column is in a file."""
        return 0 if self._file is not None else self._array.nbytes

    def append(self, values: NDArray[Any]) -> None:
        """Add values at the end."""
        stop = self.length + len(values)
        if stop > len(self._array):
            capacity = max(stop, len(self._array) + _BLOCK)
            if self._file is None:
                # realloc moves the pages of large blocks instead of copying them, so small steps are
                # cheap; what is allocated is also touched (resize clears it).
                self._array.resize(capacity, refcheck=False)
            else:
                self._map(capacity)
        self._array[self.length : stop] = values
        self.length = stop

    def spill(self) -> None:
        """Move the values to a temporary file that has no name and ends with this object."""
        if self._file is None:
            old = self.values
            self._file = tempfile.TemporaryFile(prefix="gtmask-index-")
            weakref.finalize(self, self._file.close)
            self._map(len(self._array))
            self._array[: self.length] = old

    def _map(self, capacity: int) -> None:
        self._file.truncate(capacity * self._array.itemsize)
        self._array = np.memmap(self._file, self._array.dtype, "r+", shape=(capacity,))


class Index:
    """Where the elements of a document are, and after :meth:`join`, whose they are.

    - ``memory_limit``: bytes of memory the index may take before it moves to a temporary file.
    """

    def __init__(self, memory_limit: int) -> None:
        self._keys = Column(np.int64)
        self._starts = Column(np.int64)
        self._lengths = Column(np.uint32)
        self._limit = memory_limit
        self.orphans = 0
        #: Whether the elements already stood in the order of their owners.
        self.grouped = True

    def __len__(self) -> int:
        return self._keys.length

    @property
    def keys(self) -> NDArray[np.int64]:
        """The keys in the order of the file; no longer there after :meth:`join`."""
        return self._keys.values

    def append(self, keys: NDArray[np.int64], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> None:
        """Add elements: their keys int64 (n,) and their byte ranges [start, stop) in the document."""
        columns = (self._keys, self._starts, self._lengths)
        for column, values in zip(columns, (keys, starts, stops - starts), strict=True):
            column.append(values)
        if sum(column.nbytes for column in columns) > self._limit:
            for column in columns:
                column.spill()

    def join(self, owners: NDArray[np.int64]) -> None:
        """Sort the elements by the ordinal of their owner.

        - ``owners``: int64 (n,): the key of each owner. Of equal keys the first owner gets the elements.
        """
        if max(len(owners), len(self)) >> (_SHIFT - 1):
            raise ExportError("The export lists more than two billion images or annotations; split it.")
        # Image tables are nearly always sorted by id: then nothing has to be.
        order = None if is_sorted(owners) else np.argsort(owners, kind="stable").astype(np.int32)
        ranked = owners if order is None else owners[order]
        packed = self._keys.values
        last = -1
        for start in range(0, len(packed), _BLOCK):
            block = packed[start : start + _BLOCK]
            if len(ranked):
                place = np.minimum(np.searchsorted(ranked, block), len(ranked) - 1)
                known = (ranked[place] == block) & (block != MISSING)
                ordinal = np.where(known, place if order is None else order[place], len(owners))
            else:
                known, ordinal = np.zeros(len(block), bool), np.zeros(len(block), np.int64)
            self.orphans += len(block) - int(np.count_nonzero(known))
            block[:] = (ordinal.astype(np.int64) << _SHIFT) | np.arange(start, start + len(block))
            self.grouped = self.grouped and last <= block[0] and bool((block[1:] > block[:-1]).all())
            last = int(block[-1])
        if not self.grouped:
            packed.sort()

    def weights(self, owners: int, together: int) -> NDArray[np.int64]:
        """Return how many bytes the elements of ``together`` owners take, for each such group: int64."""
        packed, lengths = self._keys.values, self._lengths.values
        total = np.zeros(-(-owners // together) + 1)  # the last for elements without an owner
        for start in range(0, len(packed), _BLOCK):
            block = packed[start : start + _BLOCK]
            group = np.minimum((block >> _SHIFT) // together, len(total) - 1)
            group[(block >> _SHIFT) >= owners] = len(total) - 1
            total += np.bincount(group, lengths[block & ((1 << _SHIFT) - 1)], len(total))
        return total[:-1].astype(np.int64)

    def ranges(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the byte ranges of the elements of the owners [first, last).

        Elements that follow one another in the file share a range. Returns int64 (r, 2): byte ranges; int64
        (last - first + 1,): the ranges of owner ``first + i`` are ``[offsets[i], offsets[i + 1])``.
        """
        packed = self._keys.values
        start, stop = np.searchsorted(packed, [first << _SHIFT, last << _SHIFT]).tolist()
        chosen = np.array(packed[start:stop])
        positions = chosen & ((1 << _SHIFT) - 1)
        starts = self._starts.values[positions]
        stops = starts + self._lengths.values[positions]
        found = np.empty((len(chosen), 2), np.int64)
        offsets = np.empty(last - first + 1, np.int64)
        count = merge_ranges((chosen >> _SHIFT) - first, positions, starts, stops, found, offsets)
        return found[:count], offsets


@kernel("int64(int64[::1], int64[::1], int64[::1], int64[::1], int64[:, ::1], int64[::1])")
def merge_ranges(
    owners: NDArray[np.int64],
    positions: NDArray[np.int64],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    found: NDArray[np.int64],
    offsets: NDArray[np.int64],
) -> int:
    """Merge the ranges of elements with one owner and consecutive positions; return how many are left.

    ``owners`` (n,) ascending from 0; ``found`` (n, 2) receives the merged ranges and ``offsets``
    (owners + 1,) where each owner's ranges begin in it. All int64.
    """
    count = 0
    owner = 0
    offsets[0] = 0
    for i in range(owners.shape[0]):
        while owner < owners[i]:
            owner += 1
            offsets[owner] = count
        if i > 0 and owners[i] == owners[i - 1] and positions[i] == positions[i - 1] + 1:
            found[count - 1, 1] = stops[i]
        else:
            found[count, 0] = starts[i]
            found[count, 1] = stops[i]
            count += 1
    while owner < offsets.shape[0] - 1:
        owner += 1
        offsets[owner] = count
    return count
