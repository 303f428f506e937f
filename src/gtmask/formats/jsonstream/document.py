"""One JSON file of an export as bytes: read in windows or by range, told by line, checked for its encoding.

Windows are read, not mapped: pages of a mapped file count as resident memory until they are given back,
and copying a window into one reused buffer costs less than a tenth of scanning it.

A file that is not local is read in blocks, as records that follow each other stand close together. Where
they do not (COCO whose annotations are in no order), blocks come again and again: once more bytes came from
afar than the file has, it is copied to a temporary file without a name. So no process reads it much more
than twice.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import DamagedExportError, ExportError
from gtmask.formats.export import Export, note_read, whole
from gtmask.storage.local_files import read_range

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: Files without a local path are read in blocks of this size, and this many blocks are kept.
BLOCK = 1 << 20
BLOCKS = 16
#: Bytes that are copied at a time, and how many times a copy must find room on the disk.
COPIED = 16 << 20
ROOM = 2


class Document:
    """The bytes of one file of an export. Picklable; it opens its file at the first read.

    - ``export``: where the file is. An export that has ``path(name) -> Path | None`` lets local files be read
      without going through it; one that says ``is_remote`` is better not read twice.
    - ``name``: the file's name in the export.
    """

    def __init__(self, export: Export, name: str) -> None:
        self.export = export
        self.name = name
        self.size = export.size(name)
        self._descriptor: int | None = None
        self._path = ""
        self._tried = False
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        #: Bytes that blocks brought.
        self._fetched = 0

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_descriptor": None, "_tried": False, "_blocks": OrderedDict(), "_fetched": 0}

    def _local(self) -> int | None:
        """Return a file descriptor where the file is local, and close it with this object."""
        if not self._tried:
            self._tried = True
            path = self.export.path(self.name)
            if path is not None:
                self._path = str(path)
                self._descriptor = os.open(path, os.O_RDONLY)
                weakref.finalize(self, os.close, self._descriptor)
        return self._descriptor

    @property
    def is_local(self) -> bool:
        """Whether the bytes are in a local file, of which several threads may read."""
        return self._local() is not None

    def read_into(self, buffer: NDArray[np.uint8], start: int) -> int:
        """Fill a buffer with the bytes from ``start`` on, and return how many there were."""
        wanted = min(len(buffer), self.size - start)
        if wanted <= 0:
            return 0
        descriptor = self._local()
        if descriptor is None:
            piece = self.export.read(self.name, start, start + wanted)
            buffer[: len(piece)] = np.frombuffer(piece, np.uint8)
            return len(piece)
        return os.preadv(descriptor, [buffer.data[:wanted]], start)

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop), fewer where the file ended before when it was first looked at.

        Raises
        ------
        ExportError
            It ends earlier now: what is missing would be read as if nothing had been annotated.
        """
        stop = min(stop, self.size)
        if stop <= start:
            return b""
        descriptor = self._local()
        if descriptor is not None:
            if self._path:
                note_read(self._path, self.size)
            data = os.pread(descriptor, stop - start, start)
            if len(data) == stop - start:
                return data
            data += read_range(descriptor, start + len(data), stop)
            return whole(data, self.name, start, stop)
        if stop - start > BLOCK:
            return self._read(start, stop)
        first, last = start // BLOCK, (stop - 1) // BLOCK
        joined = b"".join(self._block(number) for number in range(first, last + 1))
        return joined[start - first * BLOCK : stop - first * BLOCK]

    def _block(self, number: int) -> bytes:
        """Return one block of a file that is not local: records stand close to each other."""
        block = self._blocks.get(number)
        if block is None:
            start, stop = number * BLOCK, min((number + 1) * BLOCK, self.size)
            if self._fetched > self.size + BLOCKS * BLOCK and self.export.is_remote:
                self._copy()
            if (copied := self._descriptor) is not None:
                block = whole(read_range(copied, start, stop), self.name, start, stop)
            else:
                block = self._read(start, stop)
            self._fetched += len(block)
            while len(self._blocks) >= BLOCKS:
                self._blocks.popitem(last=False)
            self._blocks[number] = block
        else:
            self._blocks.move_to_end(number)
        return block

    def _read(self, start: int, stop: int) -> bytes:
        return whole(self.export.read(self.name, start, stop), self.name, start, stop)

    def _copy(self) -> None:
        """Copy the whole file to a temporary one that ends with this object, if the disk has room."""
        self._fetched = 0
        try:
            if shutil.disk_usage(tempfile.gettempdir()).free < ROOM * self.size:
                return
            with tempfile.TemporaryFile(prefix="gtmask-copy-") as copy:
                for start in range(0, self.size, COPIED):
                    copy.write(self._read(start, min(start + COPIED, self.size)))
                copy.flush()
                self._descriptor = os.dup(copy.fileno())
        except OSError:
            # The disk is full after all, or there is none: blocks do, slowly.
            return
        weakref.finalize(self, os.close, self._descriptor)
        self._blocks.clear()

    def line_of(self, offset: int) -> int:
        """Return the number of the line, from 1, in which a byte stands."""
        line, position = 1, 0
        while position < offset:
            piece = self.read(position, min(position + BLOCK, offset))
            if not piece:
                break
            line += piece.count(b"\n")
            position += len(piece)
        return line

    def doubled(self, key: str) -> DamagedExportError:
        """Return the error of a key that stands twice in its object.

        Parsers keep one of the two, and nobody would hear of what the other one holds.
        """
        return DamagedExportError(
            f"{self.name} is damaged: {key!r} stands twice in one object, where only one can count; join the "
            "two into one, or export again."
        )

    def damaged(self, offset: int, expected: str) -> DamagedExportError:
        """Return the error that tells where the document is damaged and what was expected there."""
        line = self.line_of(offset)
        how = "breaks off" if offset >= self.size else "is damaged"
        return DamagedExportError(
            f"{self.name} {how} at byte {offset} (line {line}): expected {expected}; export it again, "
            "or convert what stands before it with --keep-going.",
            offset,
        )

    def first(self) -> int:
        """Return the offset of the first byte of the JSON value, after a byte order mark.

        Raises ExportError: the file is empty, or is UTF-16 or UTF-32.
        """
        head = self.read(0, 4)
        if not head:
            raise ExportError(f"{self.name} is empty; export it again.")
        if head[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(head) > 1 and 0 in head[:2]):
            raise ExportError(f"{self.name} is encoded as UTF-16 or UTF-32, not as UTF-8; save it as UTF-8.")
        return 3 if head[:3] == b"\xef\xbb\xbf" else 0
