"""One record becomes one mask: which shapes are painted, in which order, by which rule.

The kernels in :mod:`gtmask.raster` know arrays; this file knows records and class maps and decides what
they are given. Neighbouring shapes that share a rule are painted by one kernel call.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask import png, raster
from gtmask.errors import PASSING, GtmaskError, UsageError
from gtmask.findings import Finding
from gtmask.model import Bitmap, Plane, Record, Select, Shape
from gtmask.run.filling import Filler
from gtmask.run.outside import compare, listed, misplaced
from gtmask.run.pictures import decode_picture, doubt_about, has_alpha, segment_ids, select_pixels
from gtmask.run.settings import check_choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.class_map import ClassMap


@dataclass(slots=True)
class Painting:
    """A mask, uint8 (height, width), what was found on the way to it, and the shapes in painting order.

    ``painted`` counts the shapes by their labels.
    """

    mask: NDArray[np.uint8]
    findings: list[Finding] = field(default_factory=list)
    painted: dict[str, int] = field(default_factory=dict)
    shapes: list[Shape] = field(default_factory=list)


def rasterize(
    record: Record,
    classes: ClassMap,
    *,
    fill: str = "opencv",
    stroke: float = 0.0,
    overlap: str = "order",
    crowd: str = "paint",
) -> NDArray[np.uint8]:
    """Paint a record's mask in the grid and size that the record tells.

    Parameters
    ----------
    record
        Its ``width`` and ``height`` must be set.
    classes
        Says which class id each source label is painted with.
    fill
        "opencv", "center", "source" or the name of another fill rule; see docs/rasterizing.md.
    stroke
        Width in pixels with which lines and points are painted; 0 leaves them out.
    overlap
        "order" (the record's own), "area" (smaller shapes over larger ones) or "priority" (as the class
        map says).
    crowd
        "ignore" leaves out what the tool marks as crowd.

    Returns
    -------
    ndarray
        uint8 (height, width) of class ids; 0 is background.

    Raises
    ------
    UsageError
        If the record has no size, or there is no such rule.

    Examples
    --------
    >>> import gtmask
    >>> record = next(gtmask.read("export.json"))
    >>> classes = gtmask.class_map_from_labels(["Car", "Road", "Person"])
    >>> mask = gtmask.rasterize(record, classes)
    >>> mask.shape == (record.height, record.width), mask.dtype
    (True, dtype('uint8'))
    """
    for name, value in (("fill", fill), ("overlap", overlap), ("crowd", crowd)):
        check_choice(name, value)
    return paint(record, classes, fill=fill, stroke=stroke, overlap=overlap, crowd=crowd).mask


def paint(
    record: Record, classes: ClassMap, *, fill: str, stroke: float, overlap: str, crowd: str
) -> Painting:
    """Paint a record's mask like :func:`rasterize`, and tell what was left out."""
    if not record.width or not record.height:
        raise UsageError(f"{record.image or 'a record'} has no size: set width and height before painting.")
    painting = Painting(_blank(record.height, record.width))
    rule = record.source_fill if fill == "source" else fill
    canvas = Canvas(record, painting, rule, stroke)
    chosen = _chosen(record, classes, painting, crowd, stroke)
    if overlap != "order":
        chosen = _reordered(canvas, chosen, classes, overlap)
    painted = painting.painted
    for shape, value in chosen:
        canvas.add(shape, value)
        painted[shape.label] = painted.get(shape.label, 0) + 1
    painting.shapes = [shape for shape, _ in chosen]
    canvas.flush()
    if overlap == "order" and chosen and chosen[0][0].group != chosen[-1][0].group:
        # The groups the other way round.
        other = Canvas(record, Painting(np.zeros_like(painting.mask)), rule, stroke)
        for shape, value in sorted(chosen, key=lambda item: -item[0].group):
            other.add(shape, value)
        other.flush()
        if pixels := int(np.count_nonzero(other.mask != painting.mask)):
            painting.findings.append(Finding("order-guessed", f"{pixels} pixels"))
    if not record.shapes and not any(
        item.level == "loss" or item.code == "image-unannotated" for item in record.findings
    ):
        painting.findings.append(Finding("image-unannotated", "no shape"))
    for file, shapes in listed(record).items():
        ids = canvas.ids_of(file, shapes)
        if ids is not None:
            painting.findings += compare(file, shapes, ids)
    painting.findings += misplaced(record, canvas.points, painting.shapes)
    return painting


def _blank(height: int, width: int) -> NDArray[np.uint8]:
    """Return a mask of zeros that begins at a multiple of 64 bytes, as kernels compare and write so many.

    Of images of usual sizes all rows do, then, which saves a twentieth of painting and compressing them.
    """
    memory = np.zeros(height * width + 63, np.uint8)
    place = ctypes.addressof(ctypes.c_char.from_buffer(memory.data))
    return np.ndarray((height, width), np.uint8, memory, -place % 64)


def _chosen(
    record: Record, classes: ClassMap, painting: Painting, crowd: str, stroke: float
) -> list[tuple[Shape, int]]:
    """Return the shapes that are painted, with their class ids; tell the others."""
    chosen = []
    for shape in record.shapes:
        value = classes.id_of(shape.label, shape.marks)
        if value is None:
            code = "shape-unknown-label" if shape.label else "shape-no-label"
        elif value < 0 or (shape.ignore and crowd == "ignore"):
            code = "shape-ignored"
        elif shape.kind in {"polyline", "point"} and not stroke:
            code = "shape-no-area"
        else:
            chosen.append((shape, value))
            continue
        painting.findings.append(Finding(code, f"{shape.label}: {shape.kind}"))
    return chosen


def _reordered(
    canvas: Canvas, chosen: list[tuple[Shape, int]], classes: ClassMap, overlap: str
) -> list[tuple[Shape, int]]:
    """Sort shapes so that smaller ones, or those of higher priority, are painted last."""
    if overlap == "area":
        return sorted(chosen, key=lambda item: -canvas.area(item[0]))
    priority = {entry.id: entry.priority for entry in classes.classes}
    return sorted(chosen, key=lambda item: priority.get(item[1], 0))


class Canvas:
    """Paints shapes one after the other, gathering neighbours of one rule into one kernel call."""

    def __init__(self, record: Record, painting: Painting, rule: str, stroke: float) -> None:
        self.record, self.painting, self.mask = record, painting, painting.mask
        self.rule, self.stroke = rule, stroke
        points = record.points
        if record.units == "fraction":
            points = points * np.array([record.width, record.height], np.float64)
        elif record.units == "upward":
            points = points * (1.0, -1.0) + (0.0, record.height or 0)
        self.points = points
        self._filler = Filler(record, points, stroke)
        self._pending_rule = ""
        self._pending_first = self._pending_last = 0
        self._pending_values = bytearray()
        #: Nothing was painted yet but, perhaps, one ready-made mask.
        self._blank = True
        self._pictures: dict[str, Any] = {}
        self._ids: dict[str, NDArray[np.uint32]] = {}
        self._selected: tuple[str | Plane, list[tuple[int, int]], Bitmap] | None = None

    def add(self, shape: Shape, value: int) -> None:
        """Paint a shape over what is there, now or with the shapes that follow."""
        if shape.bitmap is not None:
            self._blank &= shape.bitmap.plane is not None
            self._add_bitmap(shape, shape.bitmap, value)
            return
        self._blank = False
        if self._selected is not None:
            self._flush_selected()
        if shape.runs is not None:
            self._flush_parts()
            runs = shape.runs
            differs = self._differs(runs.width, runs.height) if runs.whole else ""
            if differs:
                self.painting.findings.append(Finding("runs-size-differs", f"{shape.label}: {differs}"))
                return
            self._report_cut(shape.label, runs.x, runs.y, runs.width, runs.height)
            raster.paint_runs(self.mask, runs.counts, runs.height, runs.width, runs.x, runs.y,
                              runs.order == "column", value)  # fmt: skip
            return
        rule = shape.kind if shape.kind in {"polyline", "point"} else shape.fill or self.rule
        if rule == "pillow" and shape.kind == "circle" and shape.curve is not None:
            # labelme draws circles with ImageDraw.ellipse, which fills other pixels than a fine polygon.
            self._flush_parts()
            x, y, radius, _, _ = shape.curve
            raster.fill_pillow_ellipse(self.mask, x - radius, y - radius, x + radius, y + radius, value)
            return
        first, last = shape.parts
        if shape.subtract and self._filler.has_holes(first, last):
            self._flush_parts()
            gone = [self._filler.subtract(self.mask, rule, part, value) for part in range(first, last)]
            if all(gone):
                detail = f"{shape.label}: its holes take away all of it"
                self.painting.findings.append(Finding("shape-no-geometry", detail))
            return
        if rule != self._pending_rule or first != self._pending_last:
            self._flush_parts()
            self._pending_rule, self._pending_first = rule, first
        self._pending_last = last
        self._pending_values += bytes((value,)) * (last - first)

    def _differs(self, width: int, height: int) -> str:
        """Say how a mask that must be as large as the image differs from it; "" where it does not.

        The image's size is that of its header where that is read, and else the export's.
        """
        rows, columns = self.mask.shape
        if (width, height) == (columns, rows):
            return ""
        said = f"mask {width}x{height}, image {columns}x{rows}"
        return f"{said}: width and height are exchanged" if (width, height) == (rows, columns) else said

    def flush(self) -> None:
        """Paint everything that was added."""
        self._flush_parts()
        self._flush_selected()

    def _flush_parts(self) -> None:
        if not self._pending_values:
            return
        parts = self.record.part_offsets[self._pending_first : self._pending_last + 1]
        values, self._pending_values = np.frombuffer(self._pending_values, np.uint8), bytearray()
        rule, self._pending_rule = self._pending_rule, ""
        self._filler.fill(self.mask, rule, parts, values)

    def _add_bitmap(self, shape: Shape, bitmap: Bitmap, value: int) -> None:
        """Gather segments of one picture; paint any other bitmap at once."""
        self._flush_parts()
        source = bitmap.file if bitmap.select.how == "id" else bitmap.plane
        if source is not None:
            if self._selected is None or not (
                self._selected[0] is source or (bitmap.plane is None and self._selected[0] == source)
            ):
                self._flush_selected()
                self._selected = (source, [], bitmap)
            self._selected[1].append((bitmap.select.value, value))
            return
        self._flush_selected()
        picture = self._picture(shape.label, bitmap)
        if picture is not None and bitmap.select.how == "alpha" and not has_alpha(picture):
            detail = f"{shape.label}: its transparency says which pixels count, and it has none"
            self.painting.findings.append(Finding("bitmap-unreadable", detail))
        elif picture is not None:
            pixels = select_pixels(picture, bitmap.select.how, bitmap.select.value)
            if doubt := doubt_about(picture, bitmap.select.how):
                self.painting.findings.append(Finding("mask-reading-guessed", f"{shape.label}: {doubt}"))
            self._report_invisible(shape.label, bitmap, pixels)
            if bitmap.select.how == "alpha" and bitmap.whole and pixels.all():
                self.painting.findings.append(Finding("bitmap-opaque", shape.label))
            raster.paint_bitmap(self.mask, pixels, bitmap.x, bitmap.y, value)

    def _report_invisible(self, label: str, bitmap: Bitmap, pixels: NDArray[np.uint8]) -> None:
        """Tell of a bitmap that leaves no pixel. A class of a picture of many (by index) may be absent."""
        height, width = pixels.shape
        beyond = bitmap.x >= self.mask.shape[1] or bitmap.y >= self.mask.shape[0]
        if bitmap.select.how in {"nonzero", "alpha"} and not pixels.any():
            self.painting.findings.append(Finding("shape-no-geometry", f"{label}: a bitmap without pixels"))
        elif beyond or bitmap.x + width <= 0 or bitmap.y + height <= 0:
            self.painting.findings.append(Finding("shape-outside", f"{label}: bitmap"))
        else:
            self._report_cut(label, bitmap.x, bitmap.y, width, height)

    def _report_cut(self, label: str, x: int, y: int, width: int, height: int) -> None:
        """Tell of a mask of a part of the image that reaches beyond it: tools cut masks to the image."""
        rows, columns = self.mask.shape
        if (x < 0 or y < 0 or x + width > columns or y + height > rows) and (
            x < columns and y < rows and x + width > 0 and y + height > 0
        ):
            said = f"{label}: mask {width}x{height} at {x},{y}, image {columns}x{rows}"
            self.painting.findings.append(Finding("mask-cut", said))

    def _flush_selected(self) -> None:
        if self._selected is None:
            return
        _, pairs, bitmap = self._selected
        self._selected = None
        if bitmap.plane is not None:
            self._recode(bitmap.plane, pairs)
            return
        picture = self._picture(f"{len(pairs)} segments", bitmap)
        if picture is None:
            return
        # Segments do not overlap, but an id may be listed twice: the later one counts.
        table = dict(pairs)
        keys = np.array(sorted(table), np.uint32)
        values = np.array([table[int(key)] for key in keys], np.uint8)
        raster.paint_ids(self.mask, self._segment_ids(bitmap.file, picture), bitmap.x, bitmap.y, keys, values)

    def _recode(self, plane: Plane, pairs: list[tuple[int, int]]) -> None:
        """Paint classes of a ready-made mask, whose size must be that of the image."""
        if differs := self._differs(*plane.values.shape[::-1]):
            self.painting.findings.append(Finding("mask-size-differs", differs))
            return
        png.look_up(plane.values, dict(pairs), self.mask, others=0 if self._blank else None)
        self._blank = False

    def _segment_ids(self, file: str | None, picture: Any) -> NDArray[np.uint32]:
        """Return the values of a picture that segments are named by; of the last picture they are kept."""
        name = file or ""
        if name not in self._ids:
            shapes = listed(self.record).get(name, [])
            keys = [shape.bitmap.select.value for shape in shapes if shape.bitmap is not None]
            self._ids = {name: segment_ids(picture, keys)}
        return self._ids[name]

    def ids_of(self, file: str, shapes: list[Shape]) -> NDArray[np.uint32] | None:
        """Return the values of a picture, or None where there is no such picture of the image's size."""
        bitmap = shapes[0].bitmap if shapes else None
        if bitmap is None:
            # No shape has asked for it, so nobody has told yet where it will not do.
            picture = self._picture("no segments", Bitmap(file=file, select=Select("id"), whole=True))
        else:
            picture, _ = self._decoded(bitmap)
        if picture is None or (bitmap is not None and bitmap.whole and self._differs(*picture.size)):
            return None
        return self._segment_ids(file, picture)

    def _picture(self, label: str, bitmap: Bitmap) -> Any:
        """Return the decoded picture, or None after telling why there is none."""
        picture, trouble = self._decoded(bitmap)
        if picture is not None and bitmap.whole and (differs := self._differs(*picture.size)):
            picture, trouble = None, ("bitmap-size-differs", differs)
        if picture is None:
            code, detail = trouble
            self.painting.findings.append(Finding(code, f"{label}: {detail}"))
        return picture

    def _decoded(self, bitmap: Bitmap) -> tuple[Any, tuple[str, str]]:
        name = bitmap.file
        if name is None:
            return decode_picture(bitmap.data or b"", bitmap.select.how)
        if name not in self._pictures:
            self._pictures.clear()
            try:
                data = self.record.files(name) if self.record.files is not None else None
            except PASSING:
                raise
            except GtmaskError:
                data = None
            missing = (None, ("bitmap-missing", name))
            self._pictures[name] = missing if data is None else decode_picture(data, bitmap.select.how)
        found: tuple[Any, tuple[str, str]] = self._pictures[name]
        return found

    def area(self, shape: Shape) -> float:
        """Return a shape's area in pixels, overlaps of its own parts counted twice."""
        if shape.runs is not None:
            return float(shape.runs.counts[1::2].sum())
        if shape.bitmap is not None and shape.bitmap.plane is not None:
            return float(np.count_nonzero(shape.bitmap.plane.values == shape.bitmap.select.value))
        if shape.bitmap is not None:
            picture, _ = self._decoded(shape.bitmap)
            if picture is None:
                return 0.0
            select = shape.bitmap.select
            return float(np.count_nonzero(select_pixels(picture, select.how, select.value)))
        total = 0.0
        rings, parts = self.record.ring_offsets, self.record.part_offsets
        for part in range(*shape.parts):
            for position, ring in enumerate(range(parts[part], parts[part + 1])):
                x, y = self.points[rings[ring] : rings[ring + 1]].T
                area = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
                total += -area if position else area
        return total
