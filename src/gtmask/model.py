"""What every floor speaks of: records and their shapes.

Coordinates are float64 image pixels with the origin at the top-left *corner* of the image, x to the
right and y down: pixel (column c, row r) covers [c, c+1) x [r, r+1), and its centre is (c+.5, r+.5).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from gtmask.findings import Finding

#: The pixel grid that a tool's geometry speaks of: as the file stores its pixels, or as a viewer
#: shows them after applying EXIF orientation.
Grid = Literal["stored", "displayed"]

#: What a shape is. "polyline" and "point" have no area: they are painted only with a stroke width.
Kind = Literal[
    "polygon", "rectangle", "rotated_rectangle", "circle", "ellipse", "bezier", "polyline", "point",
    "runs", "bitmap",
]  # fmt: skip

#: Rules by which a ring becomes pixels; see docs/rasterizing.md. "opencv" rounds vertices to nearest,
#: "opencv-trunc" truncates them to integers first, as several tools do.
FillRule = Literal["opencv", "opencv-trunc", "center", "coco", "pillow", "skimage", "touched"]


class _ByValue:
    """Compares the fields of its kind, of arrays their numbers; NaN equals NaN here."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        import numpy as np  # noqa: PLC0415 - class maps and settings need none of it

        if type(other) is not type(self):
            return NotImplemented
        names = [item.name for item in fields(self) if item.compare]  # type: ignore[arg-type]
        pairs = [(getattr(self, name), getattr(other, name)) for name in names]
        return all(
            np.array_equal(one, two, equal_nan=True) if isinstance(one, np.ndarray) else one == two
            for one, two in pairs
        )


@dataclass(slots=True, eq=False)
class Runs(_ByValue):
    """A run-length mask: lengths that alternate between off and on, the first one off.

    ``counts`` is int64 (n,); ``order`` says whether runs go down the columns (COCO) or along the rows
    (CVAT XML, Darwin, Encord). The mask is ``height`` x ``width`` pixels and its top-left pixel lies at
    column ``x``, row ``y`` of the image; what reaches beyond the image is clipped. Readers make sure
    that the counts are not negative and add up to ``height * width``. ``whole`` says that the mask must be
    exactly as large as the image: one of another size is never scaled, but left out.
    """

    counts: NDArray[np.int64]
    height: int
    width: int
    order: Literal["column", "row"]
    x: int = 0
    y: int = 0
    whole: bool = False


@dataclass(slots=True, frozen=True, eq=False)
class Plane(_ByValue):
    """A decoded picture: ``values`` is uint8 (height, width), C-contiguous, one number per pixel.

    ``digest`` is of the encoded bytes, where the reader took one: pictures of one digest are equal.
    """

    values: NDArray[np.uint8]
    digest: bytes = b""


@dataclass(slots=True, frozen=True)
class Select:
    """Which pixels of a decoded bitmap belong to a shape.

    ``how`` is "nonzero" (any non-zero sample; fully transparent pixels do not count), "alpha" (the last
    channel is more than ``value``), "index" (palette index or grey value equals ``value``), "rgb" (colour
    equals ``value`` as 0xRRGGBB) or "id" (R + 256 G + 65536 B equals ``value``: COCO panoptic, Segments.ai).
    """

    how: Literal["nonzero", "alpha", "index", "rgb", "id"] = "nonzero"
    value: int = 0


@dataclass(slots=True, frozen=True)
class Bitmap:
    """An encoded picture (PNG or anything that Pillow reads) some of whose pixels are the shape.

    Exactly one of ``data`` (the encoded bytes), ``file`` (name of a file of the export, fetched
    through ``Record.files`` when the record is painted) and ``plane`` (a decoded picture of one channel; the
    pixels whose number is ``select.value``) is given. The picture's top-left pixel lies at
    column ``x``, row ``y`` of the image; what reaches beyond the image is clipped. Consecutive shapes
    that name the same ``file`` or ``plane`` are painted in one pass over the picture. ``whole`` says that the
    picture must be exactly as large as the image. ``background`` is the value that the format calls
    background, or nothing, where pixels are selected by id. ``optional`` says that the id is of a table of
    classes for all images, so that one picture may lack it.
    """

    data: bytes | None = None
    file: str | None = None
    select: Select = Select()
    x: int = 0
    y: int = 0
    whole: bool = False
    background: int = 0
    optional: bool = False
    plane: Plane | None = None


@dataclass(slots=True)
class Shape:
    """One annotated thing with one label.

    Parameters
    ----------
    label
        The source label, as the export spells it.
    kind
        What the tool calls it; decides how ``parts`` are painted.
    parts
        Half-open range of the record's parts that belong to this shape; empty for runs and bitmaps.
    runs, bitmap
        Geometry that is not made of rings.
    curve
        For circles and ellipses, (centre x, centre y, radius x, radius y, clockwise degrees); the ring
        in ``parts`` is the same curve as a polygon.
    fill
        The rule that this shape needs whatever rule the run uses: "center" makes a rectangle of whole
        pixels exact, which is how inclusive pixel boxes are told.
    ignore
        The tool marks this as a region to ignore (COCO crowd); painted unless the class map says no.
    marks
        What a class map may call a class of a ready-made mask by instead of its name: the pixel's value
        (``"15"``), then its colour (``"#804000"``).
    subtract
        The first ring of each part is its exterior, and what its other rings cover is taken out of it, also
        where they overlap or reach beyond it; otherwise the rings of a part are filled even-odd.
    group
        Shapes of different numbers stand under keys of one object, whose order says nothing: which of them
        lie over the others is a guess.
    """

    label: str
    kind: Kind
    parts: tuple[int, int] = (0, 0)
    runs: Runs | None = None
    bitmap: Bitmap | None = None
    curve: tuple[float, float, float, float, float] | None = None
    fill: FillRule | None = None
    ignore: bool = False
    marks: tuple[str, ...] = ()
    subtract: bool = False
    group: int = 0


@cache  # one for all records without any: nobody writes into what has no elements
def _no_points() -> NDArray[np.float64]:
    import numpy as np  # noqa: PLC0415 - class maps and settings need none of it

    return np.empty((0, 2), np.float64)


@cache  # readers put others in its place, and change none
def _zero_offset() -> NDArray[np.int32]:
    import numpy as np  # noqa: PLC0415 - class maps and settings need none of it

    return np.zeros(1, np.int32)


@dataclass(slots=True)
class Balance:
    """What a record was handed, and what became of it: nothing is left out without a word.

    ``handed`` counts the elements that the export lists for the image (annotations, regions, results,
    segments), before anything is decided. Each of them is *painted* (it has a shape at least; one with
    several shapes counts once), *joined* (a part, the label or the pixels of another one's shape),
    *describing* (by its kind it draws nothing: a choice, a text), or left out under the code of the finding
    that tells why (``left_out``).
    """

    handed: int = 0
    joined: int = 0
    describing: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def painted(self) -> int:
        """How many elements have a shape."""
        return self.handed - self.joined - self.describing - sum(self.left_out.values())

    def leave_out(self, code: str, count: int = 1) -> None:
        """Book elements that were left out under a finding code."""
        self.left_out[code] = self.left_out.get(code, 0) + count

    def add(self, other: Balance) -> None:
        """Add what became of other records' elements."""
        self.handed += other.handed
        self.joined += other.joined
        self.describing += other.describing
        for code, count in other.left_out.items():
            self.leave_out(code, count)

    def to_json(self) -> dict[str, Any]:
        """Return plain values: ``handed`` is the sum of the others."""
        return {
            "handed": self.handed,
            "painted": self.painted,
            "joined": self.joined,
            "describing": self.describing,
            "left_out": dict(sorted(self.left_out.items())),
        }


class ImageNames(NamedTuple):
    """What an export calls one image: see :class:`Record`'s fields of the same names."""

    image: str
    aliases: tuple[str, ...] = ()
    scope: str = ""
    source: int = 0
    guessed: int = 0


@dataclass(slots=True, eq=False)
class Record(_ByValue):
    """All annotations of one image, in painting order: later shapes lie over earlier ones.

    Parameters
    ----------
    image
        The image as the export names it: path, URL or id, not yet resolved. Paths in per-image files
        are relative to the export's root.
    width, height
        The image's size as the export tells it, in the grid ``grid``; None where it does not.
    grid
        The pixel grid that the geometry speaks of.
    grid_known
        Whether the tool and its version tell the grid; where they do not, and the size does not either, an
        image that EXIF turns is a guess.
    size_in_grid
        Whether width and height are of that grid and so prove it; False where a tool measures the stored
        image and speaks of the displayed one.
    units
        "pixel", or "fraction" where coordinates are 0..1 of the image's width and height, or "upward" where
        they are pixels with y growing upwards from the image's bottom-left corner.
    points
        float64 (n, 2): the vertices (x, y) of all rings, one after the other.
    ring_offsets
        int32 (rings + 1,): ring i is ``points[ring_offsets[i]:ring_offsets[i + 1]]``, closed without
        repeating its first vertex.
    part_offsets
        int32 (parts + 1,): part p is the rings ``part_offsets[p]`` to ``part_offsets[p + 1]``, filled
        even-odd or as an exterior and its holes (``Shape.subtract``); the parts of a shape are a union.
    shapes
        In painting order.
    source_fill
        The rule of the tool's own exporter, for ``--fill source``.
    aliases
        Other names of the same image, tried in order where ``image`` cannot be found.
    guessed
        How many of the last aliases nobody tells: they are the annotation file's own name, where the document
        in it names another image.
    scope
        What else the format says about which image is meant, as a path: the subset, data set, task or
        video (``"Train"``) within which ``image`` is a name. Two records of one ``image`` and different
        scopes are of different images. Names in a folder of that path (``"Train/0001.png"``, and aliases
        that have it) are tried before ``image`` alone.
    findings
        What the reader left out or guessed. One of level "reject" means: no mask of this record.
    where
        Where in the export the record stands, for messages: ``"export.json, task 12"``.
    balance
        What the export lists for the image and what became of it; empty for a reject.
    pictures
        Files of the export all of whose pixels must be of a segment or of background, also where no shape
        names them: an empty list of segments beside a picture of some is a loss.
    files
        Fetches a file of the export by name, for bitmaps that live in files of their own.
    predicted
        Whether the export calls the shapes predictions of a model, or is a file of a model's results.
    class_ids
        (class id, label) of shapes, where the tool tells its classes apart by ids of its own.
    source
        Of several exports that are read as one, the number of the record's.
    colors
        The colours, as ``#rrggbb``, that the export gives to labels of shapes.
    statuses
        How far the tool says that the work on the image is, in the tool's words.
    attributes
        (name, value) of the attributes that shapes have beside their label, where they were asked for.
    """

    image: str
    width: int | None = None
    height: int | None = None
    grid: Grid = "stored"
    grid_known: bool = False
    size_in_grid: bool = True
    units: Literal["pixel", "fraction", "upward"] = "pixel"
    points: NDArray[np.float64] = field(default_factory=_no_points)
    ring_offsets: NDArray[np.int32] = field(default_factory=_zero_offset)
    part_offsets: NDArray[np.int32] = field(default_factory=_zero_offset)
    shapes: list[Shape] = field(default_factory=list)
    source_fill: FillRule = "opencv"
    aliases: tuple[str, ...] = ()
    scope: str = ""
    findings: list[Finding] = field(default_factory=list)
    where: str = ""
    balance: Balance = field(default_factory=Balance)
    pictures: tuple[str, ...] = ()
    files: Callable[[str], bytes] | None = field(default=None, repr=False, compare=False)
    predicted: bool = False
    class_ids: set[tuple[str, str]] = field(default_factory=set, repr=False, compare=False)
    source: int = 0
    colors: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    statuses: tuple[str, ...] = field(default=(), repr=False, compare=False)
    attributes: set[tuple[str, str]] = field(default_factory=set, repr=False, compare=False)
    guessed: int = field(default=0, repr=False, compare=False)

    @property
    def names(self) -> ImageNames:
        """All that the export calls the image."""
        return ImageNames(self.image, self.aliases, self.scope, self.source, self.guessed)
