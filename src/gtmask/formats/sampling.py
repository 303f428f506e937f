"""What detection looks at: the first 64 KiB of a file, and where they do not tell, the keys of all of it.

The keys behind the first bytes are found by the structural scan of :mod:`gtmask.formats.jsonstream`, which
parses nothing and holds a window of the document, however long it is.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from gtmask.errors import DamagedExportError, ExportError
from gtmask.formats.base import Sample
from gtmask.formats.keys import MOST_KEYS, Keys, scan_keys
from gtmask.formats.text import decode_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gtmask.formats.export import Export
    from gtmask.formats.jsonstream import Container

HEAD = 1 << 16
#: Documents up to this size are judged only when all their keys are known.
AT_ONCE = 8 << 20
#: Elements of an array among which the first object is looked for.
MOST_ELEMENTS = 1000
_ARRAY, _OBJECT = b"[{"
_UNKNOWN: Mapping[str, int] = {}


def take_sample(export: Export, name: str, siblings: tuple[str, ...] = ()) -> Sample:
    """Read the first 64 KiB of a file and what they show."""
    head = export.read(name, 0, HEAD)
    text = decode_text(head).replace("\ufeff", "", 1) if head else ""
    is_json = text.lstrip()[:1] in {"{", "["}
    keys, element = scan_keys(text) if is_json else ({}, {})
    cut = len(head) == HEAD
    return Sample(name, head, text, keys, element, siblings, whole=not cut, more=cut and is_json)


def read_on(
    export: Export, sample: Sample, most: int, ends: Mapping[str, int] = _UNKNOWN
) -> Iterator[Sample]:
    """Yield a document's sample again with the keys of more and more of it, the last time with all.

    - ``export``, ``sample``: the document and what was seen of its beginning.
    - ``most``: bytes that are looked at, at most: beyond, the document counts as seen without being whole.
    - ``ends``: where arrays of the top level end that need no walk, as somebody has walked through them.
    """
    if not sample.more:
        return
    from gtmask.formats.jsonstream import Document  # noqa: PLC0415 (few documents do not tell at once)
    from gtmask.formats.jsonstream.container import Cursor  # noqa: PLC0415
    from gtmask.kernels import READER_MODULES, compile_kernels  # noqa: PLC0415

    compile_kernels(READER_MODULES)
    document = Document(export, sample.name)
    size = document.size
    document.size = min(size, most)
    seen: Keys = {}
    is_array, damage = False, ""
    try:
        container = Cursor(document, document.first()).container()
        is_array = not container.is_object
        for _ in _outer_keys(container, seen, ends):
            yield replace(_with(sample, seen, is_array=is_array), early=size <= AT_ONCE)
    except DamagedExportError as error:
        damage = str(error) if document.size == size else ""
        whole = False
    except ExportError:
        whole = False
    else:
        whole = True
    yield replace(_with(sample, seen, is_array=is_array), whole=whole, more=False, damage=damage)


def _with(sample: Sample, seen: Keys, *, is_array: bool) -> Sample:
    return replace(sample, keys={} if is_array else dict(seen), element=dict(seen) if is_array else {})


def _outer_keys(container: Container, seen: Keys, ends: Mapping[str, int]) -> Iterator[None]:
    """Add the keys of an object, or of an array's first object, like :func:`scan_keys`; pause after each."""
    if not container.is_object:
        for entry in container.entries():
            if entry.kind == _OBJECT:
                yield from _outer_keys(entry.enter(), seen, {})
                return
        return
    for entry in container.entries():
        key = entry.key
        if len(seen) < MOST_KEYS:
            seen.setdefault(key, ())
        if entry.kind == _OBJECT:
            _keep(seen, key, entry.enter())
        elif entry.kind == _ARRAY:
            inner = entry.enter()
            for element in islice(inner.entries(), MOST_ELEMENTS):
                if element.kind == _OBJECT:
                    _keep(seen, key, element.enter())
                    yield
                    break
            if key in ends:
                inner.cursor.move(ends[key])
            else:
                inner.leave()
        yield


def _keep(seen: Keys, key: str, container: Container) -> None:
    """Walk through an object, and note its keys if it is the first one under this key."""
    inner = [entry.key for entry in container.entries()]
    if key in seen and not seen[key]:
        seen[key] = tuple(dict.fromkeys(inner))[:MOST_KEYS]
