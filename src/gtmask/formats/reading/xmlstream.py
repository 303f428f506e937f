"""XML documents of any size: find the byte ranges of their outer elements, then parse those alone.

Expat walks the document once, in pieces and without building a tree, and tells where elements begin;
entity declarations are refused (defusedxml). What it found is parsed later, one element at a time, in
whatever process paints it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import ParseError, fromstring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from gtmask.errors import DamagedExportError, ExportError
from gtmask.formats.export import Export, whole
from gtmask.formats.reading.per_image import BadFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element


#: Bytes handed to expat at a time.
WINDOW = 1 << 20
_ENCODING = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")


class Piece(NamedTuple):
    """An element: how deep it lies (the root's children at 2), its name and attributes, and its bytes.

    ``number`` counts the elements above it at depth 2, so that children know their parent.
    """

    depth: int
    tag: str
    attributes: dict[str, str]
    start: int
    stop: int
    number: int


class _Target:
    """Receives expat's events and keeps the elements down to a depth."""

    def __init__(self, deepest: int) -> None:
        self.deepest = deepest
        self.found: list[Piece] = []
        self.parser: DefusedXMLParser | None = None
        self._open: list[Piece] = []
        self._ended: list[Piece] = []
        self._depth = 0
        self._number = -1

    def _settle(self) -> int:
        """Return where the event stands; elements that ended before it reach up to there."""
        assert self.parser is not None
        at = int(self.parser.parser.CurrentByteIndex)
        while self._ended:
            self.found.append(self._ended.pop(0)._replace(stop=at))
        return at

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        at = self._settle()
        self._depth += 1
        if self._depth == 2:
            self._number += 1
        if self._depth <= self.deepest:
            self._open.append(Piece(self._depth, tag, attributes, at, at, self._number))

    def end(self, tag: str) -> None:  # noqa: ARG002 (expat's signature)
        self._settle()
        if self._depth <= self.deepest:
            self._ended.append(self._open.pop())
        self._depth -= 1

    def close(self) -> None:
        """Do nothing: there is no tree to return."""


def pieces(export: Export, name: str, deepest: int) -> Iterator[Piece]:
    """Yield the elements of a document down to depth ``deepest`` (the root has 1), as they end.

    Raises DamagedExportError: the document breaks off or is malformed; all elements before that were yielded.
    Raises ExportError where it declares entities, which no labeling tool does, or is in an unknown encoding.
    """
    target = _Target(deepest)
    parser = target.parser = DefusedXMLParser(target=target)
    size = export.size(name)
    try:
        for start in range(0, size, WINDOW):
            stop = min(start + WINDOW, size)
            parser.feed(whole(export.read(name, start, stop), name, start, stop))
            yield from target.found
            target.found.clear()
        parser.close()
    except ParseError as error:
        yield from target.found
        at = int(parser.parser.ErrorByteIndex)
        raise DamagedExportError(
            f"{name} is damaged at byte {at}: {error}; export again, or read up to there with --keep-going.",
            at,
        ) from None
    except DefusedXmlException:
        raise ExportError(
            f"{name} declares XML entities, which no labeling tool does: it was refused."
        ) from None
    except (LookupError, ValueError) as error:
        raise ExportError(
            f"{name} is in an encoding that cannot be read ({error}): save it as UTF-8."
        ) from None
    yield from target.found


def encoding_of(head: bytes) -> str:
    """Return a document's encoding by its BOM or declaration."""
    if head.startswith(b"\xff\xfe"):
        return "utf-16-le"
    if head.startswith(b"\xfe\xff"):
        return "utf-16-be"
    match = _ENCODING.match(head.removeprefix(b"\xef\xbb\xbf"))
    return match[1].decode() if match else "utf-8"


def parse_piece(data: bytes, encoding: str = "utf-8") -> Element:
    """Parse the bytes of one element; raises BadFile where they are no element; the message says where."""
    try:
        # Within an element nothing can be declared: entities are unknown here, and refused as such. So the
        # parser of the standard library does, which is many times faster than one in Python.
        root = fromstring(f"<piece>{data.decode(encoding)}</piece>")  # noqa: S314
    except (ParseError, UnicodeDecodeError, LookupError) as error:
        raise BadFile(f"no XML element: {error}") from None
    if len(root) != 1:
        raise BadFile("no single XML element")
    return root[0]
