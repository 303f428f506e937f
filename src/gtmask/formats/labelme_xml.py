"""MIT LabelMe, and CVAT's and datumaro's "LabelMe 3.0": one XML per image, polygons, boxes and mask pictures.

Sources: datumaro ``plugins/labelme_format.py``, which CVAT exports through; the LabelMe toolbox.

- ``filename`` below ``folder``, beside the XML, is the image; ``imagesize`` tells its rows and columns.
- An object is a ``polygon`` of ``pt``, which ``type`` bounding_box makes a box, or a ``segm`` whose ``mask``
  is a picture in the folder ``Masks``, as large as the image, drawn where it is not transparent.
- Objects that are ``deleted`` do not count; parts (``ispartof``) are objects of their own. List order.
- CVAT annotates images as EXIF turns them.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property, partial
from posixpath import basename, dirname, join
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import PNG_HEAD, drawn_pixels
from gtmask.formats.reading.per_image import BadFile, PerImageReader, beside
from gtmask.formats.reading.xmlstream import encoding_of, parse_piece
from gtmask.model import Bitmap, Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export

TITLE = "LabelMe XML"
_ROOT = re.compile(r"<annotation[\s>]")
_OURS = re.compile(r"<(?:polygon|segm|imagesize|sourceAnnotation)[\s>/]")
_VOC = re.compile(r"<bndbox|<polygon>\s*<x1>")
_DECLARATION = re.compile(r"^\s*(?:<\?xml[^>]*\?>\s*)?")
_MASKS = "Masks"
_OF_ROOT = frozenset({"filename", "folder", "source", "imagesize", "object", "private", "type"})
_OF_OBJECT = frozenset({
    "name", "deleted", "verified", "occluded", "date", "id", "parts", "type", "polygon", "segm", "attributes",
    "username", "viewpoint", "namesource", "originalname", "crop",
})  # fmt: skip
#: What may stand many times.
_MANY = frozenset({"object", "pt"})
_OF_POLYGON = frozenset({"pt", "username", "closed_date", "properties", "lowerLeft"})


def sniff(sample: Sample) -> str | None:
    """Recognize ``annotation`` with polygons or mask pictures.

    Pascal VOC's XML has boxes (``bndbox``), and RectLabel's dialect of it polygons of ``x1``, ``y1``.
    """
    text = _DECLARATION.sub("", sample.text.lstrip(), count=1)
    return TITLE if _ROOT.match(text) and _OURS.search(text) and not _VOC.search(text) else None


def read(export: Export, options: ReadOptions) -> PerImageReader:
    """Open a folder of LabelMe XML files."""
    return PerImageReader(
        export, options, TITLE, parse=parse, suffix=".xml", says_encoding=True, context=_Twins(export)
    )


class _Twins:
    """Which names files of several folders have: a picture of one folder for all is of none of them."""

    def __init__(self, export: Export) -> None:
        self._export = export

    def __getstate__(self) -> dict[str, Any]:
        return {"_export": self._export}

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of files, without their folders, that stand in several."""
        counts = Counter(map(basename, self._export.names()))
        return frozenset(name for name, count in counts.items() if count > 1)


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:
    """Build the record of one file."""
    encoding = encoding_of(data[:1024])
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except (UnicodeDecodeError, LookupError):
        raise BadFile(f"it is not in {encoding:.40}, as XML says its encoding: save it as UTF-8") from None
    root = parse_piece(_DECLARATION.sub("", text, count=1).encode())
    if root.tag != "annotation":
        builder = RecordBuilder(name, where=name)
        return builder.reject("record-bad", f"{name}: its root is {root.tag:.60}, not annotation")
    file, folder = _text(root, "filename"), _text(root, "folder")
    path = join(folder, file) if folder and file else file
    names = [beside(name, path), beside(name, file), path, file] if file else []
    builder = RecordBuilder("", grid="displayed", source_fill="pillow")
    builder.name_image(names, "file")
    builder.record.files = reader.export.read
    size = root.find("imagesize")
    if size is not None:
        builder.set_size(size.findtext("ncols"), size.findtext("nrows"))
    _report_unknown(builder, root, _OF_ROOT)
    add = partial(_add, builder, reader, name, folder)
    builder.account(root.findall("object"), add, "object")
    return builder.build()


def _text(element: Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _report_unknown(builder: RecordBuilder, element: Element, known: frozenset[str]) -> None:
    """Tell of children that no LabelMe writes, and of those that stand twice: what they hold is not read."""
    met: set[str] = set()
    for child in element:
        if child.tag not in known:
            builder.finding("annotation-bad", f"<{element.tag}> holds <{child.tag:.60}>, which is not read")
        elif child.tag in met and child.tag not in _MANY:
            builder.finding("annotation-bad", f"<{element.tag}> holds <{child.tag}> twice: the first counts")
        met.add(child.tag)


def _add(builder: RecordBuilder, reader: PerImageReader, name: str, folder: str, item: Element) -> None:
    """Add one object."""
    _report_unknown(builder, item, _OF_OBJECT)
    label = " ".join((item.findtext("name") or "").split())
    if _text(item, "deleted") not in {"", "0"}:
        if _text(item, "deleted") == "1":
            builder.finding("shape-deleted", label)
            return
        builder.finding("value-type", f"'deleted' of {label} is {_text(item, 'deleted')!r:.40}, not 0 or 1")
    polygon, segment = item.find("polygon"), item.find("segm")
    if polygon is not None:
        _report_unknown(builder, polygon, _OF_POLYGON)
        flat = list(_vertices(polygon))
        kind = _text(item, "type")
        if kind == "bounding_box" and len(flat) >= 4:
            xs, ys = flat[0::2], flat[1::2]
            builder.rectangle(label, min(xs), min(ys), max(xs), max(ys))
            return
        if kind not in {"", "bounding_box"}:
            builder.finding("annotation-bad", f"{label}: the type is {kind!r:.40}")
        builder.polygon(label, flat)
    elif segment is not None:
        picture = _find_mask(reader, name, folder, _text(segment, "mask"))
        if picture is None:
            builder.finding("bitmap-missing", f"{label}: {_text(segment, 'mask')!r:.200}")
            return
        select = drawn_pixels(reader.export.read(picture, 0, PNG_HEAD))
        builder.bitmap(label, Bitmap(file=picture, select=select, whole=True))
    else:
        builder.finding("shape-no-geometry", label)


def _vertices(polygon: Element) -> Iterator[float]:
    """Yield x, y of all points; raises ValueError: a point has no number."""
    for point in polygon.findall("pt"):
        if len({child.tag for child in point}) < len(point):
            raise ValueError("a point has two values for x or y")
        yield float(_text(point, "x"))
        yield float(_text(point, "y"))


def _find_mask(reader: PerImageReader, name: str, folder: str, mask: str) -> str | None:
    """Return where a mask picture lies: in ``Masks`` beside the XML, with or without the image's folder.

    In a folder of all XML files a picture is called like its image, which one of another folder may be, too.
    """
    if not mask:
        return None
    home, last = dirname(name), basename(mask)
    places = [join(home, _MASKS, mask), join(home, _MASKS, folder, last), join(home, mask)]
    places += [join(_MASKS, folder, last), join(_MASKS, mask)]
    for place in dict.fromkeys(places):
        of_all = home and dirname(place) == _MASKS
        if reader.export.exists(place) and not (of_all and basename(name) in reader.context.names):
            return place
    return None
