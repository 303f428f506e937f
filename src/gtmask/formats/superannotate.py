"""SuperAnnotate: one JSON per image, of vector projects or of pixel projects, or a list of these.

- A list is what the SDK's ``get_annotations`` returns: an array, or JSON Lines.
- Files: ``<image>___objects.json`` and ``<image>___pixel.json``, or ``<image>.json`` without a postfix.
- ``metadata``: ``name``, ``width``, ``height`` (both may be null).
- Vector: polygon with flat ``points`` and ``exclude`` (flat rings of holes); bbox {x1, y1, x2, y2};
  rbbox {x1, y1, ... x4, y4}; ellipse cx, cy, rx, ry and ``angle`` in degrees; polyline and point have no
  area; templates and cuboids cannot be painted.
- Pixel: ``parts[].color`` names the colours of the instance in ``<image>___save.png`` (exact on the
  published projects). ``___fuse.png`` is a translucent blend and useless.
- Classes: ``className``, else ``classId`` in ``classes/classes.json``, which also gives order and colours.
- Order: list order.
"""

from __future__ import annotations

from posixpath import basename, splitext
from typing import TYPE_CHECKING, Any

from gtmask.formats.jsonstream import open_document
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import hex_color, numbers, reals, rgb_key
from gtmask.formats.reading.classes import class_names
from gtmask.formats.reading.per_image import (
    BadFile,
    PerImageReader,
    beside,
    encoding_findings,
    load_json,
    load_listed,
    unread_classes,
)
from gtmask.formats.reading.rows import Row, RowsReader, by_suffix, lines_of
from gtmask.formats.reading.typed import Header, get_any
from gtmask.model import Bitmap, Record, Select

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export

VECTOR, PIXEL, SAVED = "___objects.json", "___pixel.json", "___save.png"
CLASSES = ("classes/classes.json", "classes.json", "../classes/classes.json")
#: Files of a project that are no annotations.
_OTHERS = frozenset({"classes.json", "config.json", "workflow.json", "folders.json", "settings.json"})

#: Why an image of these statuses that has no annotation is not one that shows nothing.
_UNANNOTATED = {"NotStarted": "record-unannotated", "Skipped": "record-skipped"}


def sniff(sample: Sample) -> str | None:
    """Recognize ``metadata`` with a name, and ``instances``."""
    keys = sample.keys if "instances" in sample.keys else sample.element
    if "instances" not in keys or "name" not in keys.get("metadata", ()):
        return None
    pixel = sample.name.endswith(PIXEL) or "parts" in keys["instances"]
    return "SuperAnnotate, pixel project" if pixel else "SuperAnnotate, vector project"


def read(export: Export, options: ReadOptions) -> PerImageReader | RowsReader:
    """Open a SuperAnnotate project."""
    reporter = Header("classes.json")
    classes, colors = _classes(export, reporter)
    labels = classes.values()
    names = list(filter(wanted_rows, export.names()))
    if names and _is_list(export, names[0]):
        return RowsReader(
            export, options, "SuperAnnotate, a list", parse=_parse_row, called=("item", "metadata.name"),
            labels=labels, context=classes, findings=reporter.findings, colors=colors, wanted=wanted_rows,
        )  # fmt: skip
    return PerImageReader(
        export, options, "SuperAnnotate", wanted=wanted, parse=parse, labels=labels, context=classes,
        findings=reporter.findings, colors=colors,
    )  # fmt: skip


def _is_list(export: Export, name: str) -> bool:
    """Say whether a file holds the annotations of several images."""
    cursor = open_document(export, name)
    return cursor.peek() == ord("[") or (
        not name.lower().endswith(".json") and lines_of(cursor.document, cursor.offset)
    )


def wanted_rows(name: str) -> bool:
    """Say whether a file may be a list of annotations, by its name."""
    return by_suffix(name) and wanted(f"{splitext(name)[0]}.json")


def wanted(name: str) -> bool:
    """Say whether a file may be an annotation."""
    folders = name.split("/")
    return name.lower().endswith(".json") and folders[-1] not in _OTHERS and "classes" not in folders[:-1]


def _classes(export: Export, reporter: Header) -> tuple[dict[int, str], dict[str, str]]:
    """Return class names by class id, in the project's order, and colours by name; empty where not told."""
    found = next((name for name in CLASSES if export.exists(name)), None)
    if found is None:
        return {}, {}
    rows: list[dict[str, Any]] = []
    with unread_classes(reporter, found):
        document = load_json(data := export.read(found))
        rows = reporter.as_objects(reporter.as_list(document, "the document"), "classes")
        reporter.findings += encoding_findings(found, data)
    listed = [(reporter.get_whole(row, "id"), get_any(row, "name")) for row in rows]
    colors = {name: color for row in rows if isinstance(name := get_any(row, "name"), str)
              and (color := hex_color(get_any(row, "color"))) is not None}  # fmt: skip
    pairs = ((number, name) for number, name in listed if number is not None and name)
    return class_names(reporter, pairs), colors


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:
    """Build the record of one file."""
    document, instances = load_listed(data, "instances")
    return _build(document, instances, name, image_of(name), reader)


def _parse_row(document: dict[str, Any], reader: RowsReader, unit: Row) -> Record:
    """Build the record of one element of a list."""
    if "instances" not in document or not isinstance(document["instances"], list):
        raise BadFile("a list of instances was expected")
    return _build(document, document["instances"], unit.name, "", reader)


def _build(
    document: dict[str, Any], instances: list[Any], name: str, stem: str, reader: PerImageReader | RowsReader
) -> Record:
    """Build the record of one image; ``stem`` is what its own file is called without a postfix, or ""."""
    builder = RecordBuilder("")
    metadata = builder.get_object(document, "metadata")
    image = builder.get_text(metadata, "name") or basename(stem)
    stem = stem or beside(name, image)
    builder.name_image((beside(name, image), image), "file", guesses=(stem,))
    builder.record.files = reader.export.read
    builder.size_from(metadata)
    builder.record.statuses = tuple(filter(None, [builder.get_text(metadata, "status")]))
    code = _UNANNOTATED.get(builder.get_text(metadata, "status"))
    if code and not instances and not reader.options.include_unannotated:
        return builder.reject(code, f"its status is {metadata['status']}")
    asks = reader.options.asks_attributes

    def add(item: dict[str, Any]) -> None:
        label = builder.get_label(item, "className")
        if not label:
            label = reader.context.get(builder.get_whole(item, "classId"), "")
        builder.name_class(item, "classId", label)
        if (listed := reader.context.get(builder.get_whole(item, "classId"))) is not None:
            builder.name_class(item, "classId", listed)
        if asks:
            for one in builder.get_objects(item, "attributes"):
                builder.note_attributes({builder.get_text(one, "groupName"): builder.get_text(one, "name")})
        if "parts" in item and "type" not in item:
            _add_parts(builder, label, item, stem + SAVED)
            return
        _add_shape(builder, label, builder.get_text(item, "type"), item)

    builder.each(instances, add, "instance")
    return builder.build()


def image_of(name: str) -> str:
    """Return an annotation file's name without what SuperAnnotate adds to the image's."""
    for postfix in (VECTOR, PIXEL, ".json"):
        if name.endswith(postfix):
            return name[: -len(postfix)]
    return name


def _add_parts(builder: RecordBuilder, label: str, item: dict[str, Any], picture: str) -> None:
    """Add one bitmap per colour: all of one picture, which is painted in one pass."""
    parts = builder.get_objects(item, "parts")
    for part in parts:
        select = Select("id", rgb_key(part["color"]))
        builder.bitmap(label, Bitmap(file=picture, select=select, whole=True))
    if not parts:
        builder.finding("shape-no-geometry", f"{label}: no parts")


def _add_shape(builder: RecordBuilder, label: str, kind: str, item: dict[str, Any]) -> None:
    if kind == "polygon":
        holes = [numbers(hole) for hole in builder.get_list(item, "exclude")]
        builder.polygons(label, [[numbers(item["points"]), *holes]], subtract=True)
    elif kind == "bbox":
        builder.rectangle(label, *reals(item["points"], ("x1", "y1", "x2", "y2")))
    elif kind == "rbbox":
        keys = [f"{axis}{corner}" for corner in range(1, 5) for axis in "xy"]
        builder.polygon(label, reals(item["points"], keys), "rotated_rectangle")
    elif kind == "ellipse":
        curve = {**item, **builder.get_object(item, "points")}
        cx, cy, rx, ry = reals(curve, ("cx", "cy", "rx", "ry"))
        builder.ellipse(label, (cx, cy), (rx, ry), builder.get_number(curve, "angle"))
    elif kind == "polyline":
        builder.polygon(label, numbers(item["points"]), "polyline")
    elif kind == "point":
        builder.polygon(label, reals(item, "xy"), "point")
    else:
        builder.finding("shape-kind-unsupported", f"{label}: {kind or 'no type'}")
