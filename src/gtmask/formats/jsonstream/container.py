"""Walking a document front to back: a cursor over its bytes, and the containers it is in.

A :class:`Container` is one array or object that is being read. Its entries come either in batches
(:meth:`Container.batches`: all that fit in the window, found in one call of the scanner) or one by one
(:meth:`Container.entries`: each may be entered, loaded or left, and what is left is skipped).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import orjson

from gtmask.errors import ExportError
from gtmask.formats.jsonstream import kernels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gtmask.formats.jsonstream.document import Document

#: Bytes of a window: it should fit in a core's second-level cache.
WINDOW = 1 << 20
#: An entry that is kept whole may have at most this many bytes.
LARGEST = 1 << 30
_BATCH = 8192
_NOTHING = np.empty(0, np.uint8)
_BLANKS = b" \t\r\n"
_ARRAY, _OBJECT = b"[{"


class Cursor:
    """A window that moves over a document.

    ``data`` uint8 (8 n,) and ``words`` uint64 (n,) are the same memory; ``data[i]`` is the byte
    ``base + i`` of the document; ``position`` is the next byte to look at and ``end`` the end of what
    was read.
    """

    def __init__(self, document: Document, start: int = 0, window: int = WINDOW) -> None:
        self.document = document
        self.base = start
        self.position = self.end = 0
        self._allocate(window)

    def _allocate(self, size: int) -> None:
        self.words = np.zeros(max((size + 7) // 8, 1), np.uint64)
        self.data: NDArray[np.uint8] = self.words.view(np.uint8)

    @property
    def offset(self) -> int:
        """The document offset of ``position``."""
        return self.base + self.position

    def refill(self, keep: int | None = None) -> bool:
        """Drop what lies before ``keep`` (by default ``position``) and read on; False at the end.

        The window grows where what is kept fills it.
        """
        keep = self.position if keep is None else keep
        old, count = self.data, self.end - keep
        if count == len(old):
            if count >= LARGEST:
                raise ExportError(
                    f"{self.document.name} holds a single value of more than {LARGEST} bytes "
                    f"at byte {self.base + keep}; that is no annotation."
                )
            self._allocate(2 * count)
        if count:
            self.data[:count] = old[keep : self.end].copy() if old is self.data else old[keep : self.end]
        self.base += keep
        self.position -= keep
        read = self.document.read_into(self.data[count:], self.base + count)
        self.end = count + read
        return read > 0

    def move(self, offset: int) -> None:
        """Go to a document offset; what was read is kept where it lies in the window."""
        if self.base <= offset <= self.base + self.end:
            self.position = offset - self.base
        else:
            self.base, self.position, self.end = offset, 0, 0

    def peek(self) -> int:
        """Return the next byte that is no blank, without passing it; -1 at the end of the document."""
        while True:
            while self.position < self.end:
                byte = int(self.data[self.position])
                if byte not in _BLANKS:
                    return byte
                self.position += 1
            if not self.refill():
                return -1

    def container(self, expected: str = "an array or an object") -> Container:
        """Enter the array or object that begins here."""
        byte = self.peek()
        if byte not in (_ARRAY, _OBJECT):
            self.fail(expected)
        self.position += 1
        return Container(self, is_object=byte == _OBJECT)

    def fail(self, expected: str) -> NoReturn:
        """Tell that the document is damaged here; raises DamagedExportError with what was expected."""
        raise self.document.damaged(self.offset, expected)

    def finish(self) -> None:
        """Check that nothing but blanks follows."""
        if self.peek() != -1:
            self.fail("the end of the document")


@dataclass(slots=True)
class Batch:
    """Consecutive entries of one container.

    ``rows`` int64 (n, 5): key start, key stop, value start, value stop (document offsets, keys only in
    objects) and where the wanted member of the value stands. Where the batch was asked to keep its bytes,
    ``data`` is the window, valid until the next batch, and ``base`` the document offset of ``data[0]``.
    """

    rows: NDArray[np.int64]
    data: NDArray[np.uint8]
    base: int
    wanted: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    def values(self) -> Iterator[memoryview]:
        """Yield the bytes of the values."""
        view = self.data.data
        for start, stop in (self.rows[:, 2:4] - self.base).tolist():
            yield view[start:stop]


@dataclass(slots=True)
class Entry:
    """An entry at whose value the cursor stands: enter it, load it, or leave it to be skipped."""

    container: Container
    key: str
    kind: int

    def enter(self) -> Container:
        """Walk into the value, an array or object. Walk it to its end before going on."""
        return self.container.enter()

    def load(self) -> bytes:
        """Return the value's bytes."""
        return self.container.take()


class Container:
    """One array or object that the cursor is inside of."""

    def __init__(self, cursor: Cursor, *, is_object: bool) -> None:
        self.cursor = cursor
        self.is_object = is_object
        self.state = np.zeros(kernels.STATE_SIZE, np.int64)
        self.state[kernels.OBJECT] = is_object
        self.rows = np.empty((_BATCH, kernels.COLUMNS), np.int64)
        self._wanted = _NOTHING

    def batches(self, wanted: str = "", *, keep: bool = True) -> Iterator[Batch]:
        """Yield all entries that are left, many at a time.

        Raises DamagedExportError: the document breaks off or a comma, colon or bracket is wrong; all entries
        before the damage were yielded.

        - ``wanted``: a key of the values, which are objects: have its place in each of them told.
        - ``keep``: have the bytes of the entries at hand. Without it only their offsets are told, and the
          window never grows however large an entry is.
        """
        self._wanted = np.frombuffer(wanted.encode(), np.uint8).copy()
        while self.state[kernels.PHASE] != kernels.DONE:
            self._scan(keep=keep)
            if self.state[kernels.COUNT]:
                rows = self.rows[: self.state[kernels.COUNT]].copy()
                self.state[kernels.COUNT] = 0
                yield Batch(rows, self.cursor.data, self.cursor.base, wanted)
            self._check()

    def jump(self, offset: int) -> None:
        """Go on from a document offset at which an entry ends: the caller answers for that."""
        self.cursor.move(offset)
        self.state[:] = 0
        self.state[kernels.OBJECT] = self.is_object
        self.state[kernels.PHASE] = kernels.AFTER

    def _scan(self, *, keep: bool) -> None:
        """Run the scanner over the window; read on first where all of it was looked at."""
        cursor, state = self.cursor, self.state
        if cursor.position >= cursor.end and not cursor.refill(self._kept() if keep else None):
            cursor.fail(self._expectation(int(state[kernels.PHASE])))
        cursor.position = kernels.scan_entries(
            cursor.data,
            cursor.words,
            cursor.position,
            cursor.end,
            cursor.base,
            state,
            self.rows,
            self._wanted,
        )

    def _kept(self) -> int | None:
        """Return where the entry that we are inside of begins in the window."""
        phase = self.state[kernels.PHASE]
        if phase in (kernels.KEY, kernels.KEY_ESCAPE, kernels.COLON, kernels.VALUE) or (
            self.is_object and kernels.SCALAR <= phase <= kernels.NEST_ESCAPE
        ):
            return int(self.state[kernels.KEY_START]) - self.cursor.base
        if kernels.SCALAR <= phase <= kernels.NEST_ESCAPE:
            return int(self.state[kernels.VALUE_START]) - self.cursor.base
        return None

    def _check(self) -> None:
        if self.state[kernels.PHASE] == kernels.BAD:
            self.cursor.fail(self._expectation(int(self.state[kernels.EXPECTED])))

    def _expectation(self, phase: int) -> str:
        return kernels.EXPECTATIONS[phase][self.is_object]

    def entries(self) -> Iterator[Entry]:
        """Yield the entries one by one, with the cursor standing at each one's value.

        Raises DamagedExportError as :meth:`batches`; or a key of an object stands twice in it.
        """
        state = self.state
        met: set[str] = set()
        while True:
            state[kernels.PAUSE] = 1
            while state[kernels.PHASE] not in (kernels.PAUSED, kernels.DONE):
                self._scan(keep=True)
                self._check()
            if state[kernels.PHASE] == kernels.DONE:
                return
            key = self._key()
            if self.is_object:
                if key in met:
                    raise self.cursor.document.doubled(key)
                met.add(key)
            yield Entry(self, key, int(self.cursor.data[self.cursor.position]))
            if state[kernels.PHASE] == kernels.PAUSED:
                self._pass(keep=False)

    def leave(self) -> None:
        """Go on to the end, past all entries that :meth:`entries` was not asked for any more."""
        self.state[kernels.PAUSE] = 0
        for _ in self.batches(keep=False):
            pass

    def _key(self) -> str:
        if not self.is_object:
            return ""
        base = self.cursor.base
        start, stop = int(self.state[kernels.KEY_START]) - base, int(self.state[kernels.KEY_STOP]) - base
        return decode_key(self.cursor.data[start:stop].tobytes())

    def _pass(self, *, keep: bool) -> tuple[int, int]:
        """Go on to the end of the value at which the scan paused; return its document offsets."""
        state = self.state
        state[kernels.PAUSE] = 0
        state[kernels.PHASE] = kernels.VALUE
        capacity, self.rows = self.rows, self.rows[:1]
        while not state[kernels.COUNT]:
            self._scan(keep=keep)
            self._check()
        self.rows = capacity
        state[kernels.COUNT] = 0
        return int(self.rows[0, 2]), int(self.rows[0, 3])

    def take(self) -> bytes:
        """Return the bytes of the value at which the scan paused, and go on behind it."""
        start, stop = self._pass(keep=True)
        return self.cursor.data[start - self.cursor.base : stop - self.cursor.base].tobytes()

    def enter(self) -> Container:
        """Walk into the value at which the scan paused."""
        inner = self.cursor.container()
        self.state[kernels.PHASE] = kernels.AFTER
        return inner


def decode_key(raw: bytes) -> str:
    """Return a key from the bytes between its quotes; what is no JSON string is decoded as it stands."""
    try:
        key: str = orjson.loads(b'"' + raw + b'"')
    except orjson.JSONDecodeError:
        return raw.decode("utf-8", "replace")
    return key
