"""JSON documents of any size: find the byte ranges of their entries, then parse those alone.

Two functions serve most readers: :func:`elements` and :func:`members` yield byte ranges without parsing
anything; :func:`load` parses one range. Memory does not grow with the document.

- ``kernels``: the structural scan, on windows of bytes;
- ``document``: a file of the export as bytes;
- ``container``: walking through arrays and objects;
- ``parse``: from bytes to values;
- ``segments``: one large array scanned by several threads;
- ``ids`` and ``joins``: which elements belong together, by id, without parsing them;
- ``texts``: strings of elements, and hashes of paths, without parsing them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.formats.jsonstream.container import WINDOW, Batch, Container, Cursor, Entry, decode_key
from gtmask.formats.jsonstream.document import Document
from gtmask.formats.jsonstream.parse import load, loads, parse_elements, parse_value, paused_gc, split_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.formats.export import Export

__all__ = [
    "Batch", "Container", "Cursor", "Document", "Entry", "elements", "load", "loads", "members",
    "open_document", "parse_elements", "parse_value", "paused_gc", "split_array",
]  # fmt: skip


def open_document(export: Export, name: str, window: int = WINDOW) -> Cursor:
    """Return a cursor at the first byte of a file's JSON value, its encoding checked."""
    document = Document(export, name)
    return Cursor(document, document.first(), window)


def elements(
    export: Export, name: str, path: tuple[str, ...] = (), *, window: int = WINDOW
) -> Iterator[tuple[int, int]]:
    """Yield the byte range of each element of an array.

    Raises DamagedExportError: the document breaks off or is malformed, or a key of the path stands twice in
    its object (all elements before that were yielded), or the value is no array.

    - ``path``: the keys under which the array stands; the top-level value by default. Nothing is yielded
      where a key is missing.
    - ``window``: bytes to hold at a time.
    """
    for batch in _batches(export, name, path, window, is_object=False):
        yield from map(tuple, batch.rows[:, 2:4].tolist())


def members(
    export: Export, name: str, path: tuple[str, ...] = (), *, window: int = WINDOW
) -> Iterator[tuple[str, int, int]]:
    """Yield the key and the byte range of the value of each member of an object.

    The parameters and errors are those of :func:`elements`.
    """
    for batch in _batches(export, name, path, window, is_object=True):
        view = batch.data.data
        for key_start, key_stop, start, stop in batch.rows[:, :4].tolist():
            yield decode_key(bytes(view[key_start - batch.base : key_stop - batch.base])), start, stop


def _batches(
    export: Export, name: str, path: tuple[str, ...], window: int, *, is_object: bool
) -> Iterator[Batch]:
    """Yield the entries of the container under ``path``, then check the rest of the document."""
    cursor = open_document(export, name, window)
    yield from _descend(cursor.container(), path, is_object=is_object)
    cursor.finish()


def _descend(container: Container, path: tuple[str, ...], *, is_object: bool) -> Iterator[Batch]:
    """Yield the entries of the container under ``path``, and walk all others to their end."""
    cursor = container.cursor
    if not path:
        if container.is_object != is_object:
            raise cursor.document.damaged(cursor.offset - 1, "an object" if is_object else "an array")
        yield from container.batches(keep=is_object)
        return
    for entry in container.entries():
        if entry.key == path[0] and container.is_object:
            yield from _descend(entry.enter(), path[1:], is_object=is_object)
