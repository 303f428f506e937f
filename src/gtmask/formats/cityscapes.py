"""Cityscapes and IDD: one ``*_polygons.json`` per image; the two differ only in their classes.

Rules of ``cityscapesscripts/preparation/json2labelImg.py`` and of IDD's copy of it:

- order: list order is depth order, later objects lie in front;
- ``deleted`` objects do not count;
- a label that the data set does not know and that ends in ``group`` is read as the label without it
  (``cargroup`` is many cars); ``polegroup`` is a class of its own;
- labels with a negative id (``license plate``) are not drawn;
- fill: Pillow's ``ImageDraw.polygon``.

The image of ``gtFine/train/a/x_gtFine_polygons.json`` is ``leftImg8bit/train/a/x_leftImg8bit.png``.
Vertices may lie outside the image.
"""

from __future__ import annotations

from posixpath import basename
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import pairs
from gtmask.formats.reading.per_image import PerImageReader, load_listed

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

#: Classes of Cityscapes (helpers/labels.py) and of IDD (helpers/anue_labels.py).
KNOWN = frozenset({
    "animal", "autorickshaw", "bicycle", "billboard", "bridge", "building", "bus", "car", "caravan", "curb",
    "drivable fallback", "dynamic", "ego vehicle", "fallback background", "fence", "ground", "guard rail",
    "license plate", "motorcycle", "non-drivable fallback", "obs-str-bar-fallback", "out of roi", "parking",
    "person", "pole", "polegroup", "rail track", "rectification border", "rider", "road", "sidewalk", "sky",
    "static", "terrain", "traffic light", "traffic sign", "trailer", "train", "truck", "tunnel", "unlabeled",
    "vegetation", "vehicle fallback", "wall",
})  # fmt: skip
#: Classes with a negative id: they are in the files and in no mask.
NOT_DRAWN = frozenset({"license plate"})
GROUP = "group"
TREES = ("gtFine", "gtCoarse")
IMAGES = "leftImg8bit"


def sniff(sample: Sample) -> str | None:
    """Recognize ``imgHeight``, ``imgWidth`` and ``objects``."""
    if not {"imgHeight", "imgWidth", "objects"} <= sample.keys.keys():
        return None
    return "Cityscapes or IDD polygons"


def read(export: Export, options: ReadOptions) -> PerImageReader:
    """Open a folder of Cityscapes or IDD polygons."""
    return PerImageReader(export, options, "Cityscapes or IDD polygons", parse=parse)


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:  # noqa: ARG001 (PerImageReader's form)
    """Build the record of one file."""
    document, objects = load_listed(data, "objects")
    images = image_names(name)
    builder = RecordBuilder(images[0], source_fill="pillow", aliases=images[1:])
    builder.size_from(document, "imgWidth", "imgHeight")

    def add(item: dict[str, Any]) -> None:
        label = builder.get_label(item, "label")
        if builder.get_flag(item, "deleted"):
            builder.finding("shape-deleted", label)
            return
        base = label[: -len(GROUP)].rstrip()
        if label.endswith(GROUP) and label not in KNOWN and base in KNOWN:
            builder.finding("label-group", f"{label} as {base}")
            label = base
        if label in NOT_DRAWN:
            builder.finding("shape-ignored", f"{label}: the data set gives it no id to draw")
            return
        builder.polygon(label, pairs(item["polygon"]))

    builder.each(objects, add)
    return builder.build()


def image_names(name: str) -> tuple[str, ...]:
    """Return where the image of an annotation file may lie, the likeliest place first.

    ``gtFine`` or ``gtCoarse`` in the path becomes ``leftImg8bit``, and so does the end of the name; the
    aliases are the same below the tree's root, beside the annotation, and as ``.jpg`` (IDD).
    """
    stem = name[: -len(".json")]
    for tree in TREES:
        stem = stem.removesuffix(f"_{tree}_polygons")
    named = stem != name[: -len(".json")]
    if named:
        stem = f"{stem}_{IMAGES}"
    folders = stem.split("/")
    at = next((i for i, folder in enumerate(folders[:-1]) if folder in TREES), None)
    places = []
    if at is not None:
        below = "/".join(folders[at + 1 :])
        places = ["/".join([*folders[:at], IMAGES, below]), below]
    places += [stem, basename(stem)]
    if named:
        places.append(basename(stem).removesuffix(f"_{IMAGES}"))
    return tuple(dict.fromkeys(f"{place}{suffix}" for suffix in (".png", ".jpg") for place in places))
